/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * JSON files with a digest of their content. The form around the content is fixed to the byte, so
 * that each byte of the file either belongs to that form, is a digit of the digest or counts for
 * it: there is none whose change is not seen.
 */

#include "daemon/record/document.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/sha256.h"
#include "daemon/record/fields.h"

#define HEAD "{\"sha256\": \""
#define MIDDLE "\", \"content\": "
#define TAIL "}\n"

#define DIGITS (SHA256_TEXT_MAX - 1)
#define CONTENT_OFFSET (strlen(HEAD) + DIGITS + strlen(MIDDLE))

/* Whether all but the content is as it must be. */
static bool is_whole(const char *text, size_t size)
{
    char digest[SHA256_TEXT_MAX];

    if (size < CONTENT_OFFSET + strlen(TAIL) || memcmp(text, HEAD, strlen(HEAD)) != 0 ||
        memcmp(text + strlen(HEAD) + DIGITS, MIDDLE, strlen(MIDDLE)) != 0 ||
        memcmp(text + size - strlen(TAIL), TAIL, strlen(TAIL)) != 0)
        return false;

    sha256_text(text + CONTENT_OFFSET, size - CONTENT_OFFSET - strlen(TAIL), digest);
    return memcmp(digest, text + strlen(HEAD), DIGITS) == 0;
}

static int read_whole(int directory, const char *name, size_t limit, char **ret_text,
                      size_t *ret_size, char **ret_problem)
{
    int r;

    r = file_read(directory, name, limit, ret_text, ret_size);
    if (r == -EFBIG)
        return problem_tell(ret_problem, "%s is larger than %zu bytes", name, limit);
    if (r == -EINVAL)
        return problem_tell(ret_problem, "%s is no regular file", name);
    return r;
}

int document_read(int directory, const char *name, size_t limit, bool allow_nul,
                  json_t **ret_content, char **ret_problem)
{
    cleanup_(freep) char *text = NULL;
    size_t size;
    int line, r;

    r = read_whole(directory, name, limit, &text, &size, ret_problem);
    if (r < 0)
        return r;
    if (!is_whole(text, size))
        return problem_tell(ret_problem, "%s is damaged: its content does not match its checksum",
                            name);

    r = fields_parse(text + CONTENT_OFFSET, size - CONTENT_OFFSET - strlen(TAIL),
                     allow_nul ? JSON_ALLOW_NUL : 0, ret_content, &line);
    if (r == -EBADMSG)
        return problem_tell(ret_problem, "%s holds no valid JSON at line %d", name, line);
    return r;
}

struct output {
    char *bytes;
    size_t size;
    size_t capacity;
};

static int append(const char *bytes, size_t size, void *data)
{
    struct output *output = data;

    if (array_reserve(&output->bytes, &output->capacity, output->size + size, sizeof(char)) < 0)
        return -1;

    memcpy(output->bytes + output->size, bytes, size);
    output->size += size;
    return 0;
}

int document_write(int directory, const char *name, size_t limit, const json_t *content)
{
    static const char no_digits[DIGITS] = {0};
    struct output output = {0};
    cleanup_(freep) char *bytes = NULL;
    char digest[SHA256_TEXT_MAX];
    int r;

    r = append(HEAD, strlen(HEAD), &output);
    if (r == 0)
        r = append(no_digits, DIGITS, &output);
    if (r == 0)
        r = append(MIDDLE, strlen(MIDDLE), &output);
    if (r == 0)
        r = json_dump_callback(content, append, &output, JSON_INDENT(2));
    if (r == 0)
        r = append(TAIL, strlen(TAIL), &output);

    bytes = output.bytes;
    if (r != 0)
        return -ENOMEM;
    if (output.size > limit)
        return -EFBIG;

    sha256_text(bytes + CONTENT_OFFSET, output.size - CONTENT_OFFSET - strlen(TAIL), digest);
    memcpy(bytes + strlen(HEAD), digest, DIGITS);
    return file_write(directory, name, bytes, output.size, 0600);
}

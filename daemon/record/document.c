/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * JSON files with a digest of their content. The bytes around the content are fixed, so each byte
 * of the file is fixed, a digit of the digest, or covered by it: any change of a byte is detected.
 */

#include "daemon/record/document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/sha256.h"

#define HEAD "{\"sha256\": \""
#define MIDDLE "\", \"content\": "
#define TAIL "}\n"

#define DIGITS (SHA256_TEXT_MAX - 1)
#define CONTENT_OFFSET (strlen(HEAD) + DIGITS + strlen(MIDDLE))

int problem_tell(char **ret_problem, const char *format, ...)
{
    va_list arguments;
    char *problem;
    int r;

    if (!ret_problem)
        return -EBADMSG;
    va_start(arguments, format);
    r = vasprintf(&problem, format, arguments);
    va_end(arguments);
    if (r < 0)
        return -ENOMEM;

    *ret_problem = problem;
    return -EBADMSG;
}

int problem_tell_record(char **ret_problem, const char *subject, int result,
                        const struct record_problem *problem)
{
    if (result != -EBADMSG)
        return result;
    return problem_tell(ret_problem, *problem->path ? "%s is not consistent: %s %s" : "%s%s %s",
                        subject, problem->path, problem->what);
}

static int parse(const char *bytes, size_t size, size_t flags, json_t **ret_json, int *ret_line)
{
    json_error_t error;
    json_t *json;

    json = json_loadb(bytes, size, flags | JSON_REJECT_DUPLICATES, &error);
    if (json) {
        *ret_json = json;
        return 0;
    }

    /* Without memory, jansson often gives no error text. */
    if (json_error_code(&error) == json_error_out_of_memory || !*error.text)
        return -ENOMEM;
    *ret_line = error.line;
    return -EBADMSG;
}

int document_parse(const char *bytes, size_t size, size_t flags, json_t **ret_json, int *ret_line)
{
    int r;

    r = parse(bytes, size, flags, ret_json, ret_line);
    /* If memory runs out within a word, jansson reports a syntax error. A second attempt then fails
     * with no memory. */
    return r == -EBADMSG ? parse(bytes, size, flags, ret_json, ret_line) : r;
}

/* Whether the fixed bytes and the digest are right. */
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
        return problem_tell(ret_problem, "%s is not a regular file", name);
    return r;
}

int document_read(int directory, const char *name, size_t limit, const struct record_type *type,
                  void *record, char **ret_problem)
{
    cleanup_(json_decrefp) json_t *json = NULL;
    cleanup_(freep) char *text = NULL;
    struct record_problem problem;
    size_t size;
    int line, r;

    r = read_whole(directory, name, limit, &text, &size, ret_problem);
    if (r < 0)
        return r;
    if (!is_whole(text, size))
        return problem_tell(ret_problem, "%s is damaged: its content does not match its checksum",
                            name);

    r = document_parse(text + CONTENT_OFFSET, size - CONTENT_OFFSET - strlen(TAIL), JSON_ALLOW_NUL,
                       &json, &line);
    if (r == -EBADMSG)
        return problem_tell(ret_problem, "%s is not valid JSON at line %d", name, line);
    if (r < 0)
        return r;

    r = record_decode(type, json, RECORD_DISK, record, &problem);
    if (r == -EBADMSG && strcmp(problem.path, "version") == 0)
        return problem_tell(ret_problem, "%s was written by a later version of segd", name);
    return problem_tell_record(ret_problem, name, r, &problem);
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

/* A record that would be refused when it is read is not written. */
static int check(const struct record_type *type, const json_t *content)
{
    struct record_problem problem;
    void *again;
    int r;

    if (!type->check)
        return 0;
    again = calloc(1, type->size);
    if (!again)
        return -ENOMEM;
    r = record_decode(type, content, RECORD_DISK, again, &problem);
    record_clear(type, again);
    free(again);
    return r == -EBADMSG ? -EINVAL : r;
}

int document_write(int directory, const char *name, size_t limit, const struct record_type *type,
                   const void *record)
{
    cleanup_(json_decrefp) json_t *content = record_encode(type, record, RECORD_DISK);
    static const char no_digits[DIGITS] = {0};
    struct output output = {0};
    cleanup_(freep) char *bytes = NULL;
    char digest[SHA256_TEXT_MAX];
    int r = content ? check(type, content) : -ENOMEM;

    if (r < 0)
        return r;
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

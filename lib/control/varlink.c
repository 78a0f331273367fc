/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Framing: JSON objects with a NUL after each. Input from a socket is limited and checked before it
 * is used. */

#include "control/varlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"

#define READ_SIZE 65536

void varlink_input_clear(struct varlink_input *input)
{
    free(input->bytes);
    *input = (struct varlink_input){.limit = input->limit, .values = input->values};
}

/* Frees an empty buffer: an idle connection uses almost no memory. */
static void shrink(struct varlink_input *input)
{
    if (input->size > 0)
        return;
    free(input->bytes);
    input->bytes = NULL;
    input->capacity = 0;
}

int varlink_input_read(struct varlink_input *input, int fd)
{
    size_t room = input->size == 0 ? 4096 : READ_SIZE;
    ssize_t n;
    int r;

    /* The buffer holds no whole message, and must not grow without limit. */
    if (input->searched > input->limit)
        return -EMSGSIZE;
    r = array_reserve(&input->bytes, &input->capacity, input->size + room, 1);
    if (r < 0)
        return r;

    do
        n = recv(fd, input->bytes + input->size, room, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    r = n >= 0 ? n > 0 : errno == EWOULDBLOCK ? -EAGAIN : -errno;
    if (n > 0)
        input->size += (size_t)n;
    shrink(input);
    return r;
}

static bool is_too_deep(const json_t *json, unsigned depth)
{
    const char *key;
    json_t *value;
    size_t i;

    if (depth > VARLINK_DEPTH_MAX)
        return true;
    if (json_is_array(json)) {
        json_array_foreach(json, i, value)
        {
            if (is_too_deep(value, depth + 1))
                return true;
        }
    } else if (json_is_object(json)) {
        json_object_foreach((json_t *)json, key, value)
        {
            if (is_too_deep(value, depth + 1))
                return true;
        }
    }
    return false;
}

/*
 * Whether the text has more values than it may, counted by the signs between values outside of
 * strings. A list of empty lists needs fifty times its own size in memory, so this is checked
 * before the text is parsed. For input that is not JSON the result does not matter.
 */
static bool has_too_many(const char *bytes, size_t size, size_t limit)
{
    bool quoted = false;
    size_t n = 0;

    for (size_t i = 0; i < size && n <= limit; i++) {
        if (bytes[i] == '"')
            quoted = !quoted;
        else if (quoted)
            i += bytes[i] == '\\';
        else
            n += bytes[i] == ',' || bytes[i] == '[' || bytes[i] == '{';
    }
    return n > limit;
}

static int parse(const struct varlink_input *input, size_t size, json_t **ret_message)
{
    json_error_t error;
    json_t *message;

    if (size > input->limit)
        return -EMSGSIZE;
    if (input->values > 0 && has_too_many(input->bytes, size, input->values))
        return -EMSGSIZE;

    message = json_loadb(input->bytes, size, JSON_REJECT_DUPLICATES, &error);
    if (!message)
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EBADMSG;
    if (!json_is_object(message) || is_too_deep(message, 0)) {
        json_decref(message);
        return -EBADMSG;
    }
    *ret_message = message;
    return 1;
}

const char *varlink_input_peek(struct varlink_input *input, size_t *ret_length)
{
    const char *end = input->size > input->searched ? memchr(input->bytes + input->searched, '\0',
                                                             input->size - input->searched)
                                                    : NULL;

    input->searched = end ? (size_t)(end - input->bytes) : input->size;
    *ret_length = input->searched;
    return end ? input->bytes : NULL;
}

/* Removes a message of this length, and its NUL. */
static void drop(struct varlink_input *input, size_t length)
{
    input->size -= length + 1;
    memmove(input->bytes, input->bytes + length + 1, input->size);
    input->searched = 0;
    shrink(input);
}

int varlink_input_next(struct varlink_input *input, json_t **ret_message)
{
    size_t length;
    int r;

    if (!varlink_input_peek(input, &length))
        return 0;
    r = parse(input, length, ret_message);
    drop(input, length);
    return r;
}

int varlink_input_split(struct varlink_input *input, struct varlink_input *ret_first)
{
    struct varlink_input first = *input;
    size_t length;

    if (!varlink_input_peek(input, &length))
        return 0;
    /* Most often there is no other, and the whole buffer can go. */
    if (input->size == length + 1) {
        *input = (struct varlink_input){.limit = input->limit, .values = input->values};
    } else {
        first.bytes = malloc(length + 1);
        if (!first.bytes)
            return -ENOMEM;
        memcpy(first.bytes, input->bytes, length + 1);
        drop(input, length);
    }
    first.size = first.capacity = length + 1;
    first.searched = 0;
    *ret_first = first;
    return 1;
}

char *varlink_encode(const json_t *message, size_t *ret_size)
{
    char *text = json_dumps(message, JSON_COMPACT);

    if (text)
        *ret_size = strlen(text) + 1;
    return text;
}

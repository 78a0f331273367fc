/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

/*
 * Messages of the Varlink protocol (https://varlink.org/Wire-Protocol): JSON objects, each ended by
 * a NUL, over a stream socket. A call:
 *
 *     {"method": "io.segd.Control.GetStatus", "parameters": {}, "more": true}
 *
 * and a reply, which goes on where it says `continues`:
 *
 *     {"parameters": {…}, "continues": true}
 *     {"error": "io.segd.Control.NotFound", "parameters": {…}}
 */
#define VARLINK_INTERFACE "io.segd.Control"
#define VARLINK_SERVICE "org.varlink.service"

/* Nested objects and lists in a message. */
#define VARLINK_DEPTH_MAX 64

/* What was received, up to the limit, and what of it is not yet a whole message. A zeroed structure
 * with a limit is an empty one. */
struct varlink_input {
    char *bytes;
    size_t size;
    size_t capacity;
    size_t searched; /* no NUL before it */
    size_t limit;    /* bytes of one message */
    size_t values;   /* JSON values of one message, each of which takes memory; 0: any number */
};
void varlink_input_clear(struct varlink_input *input);
/* Reads once what the socket has. Returns 1, 0 at the end of the stream, -EAGAIN,
 * -EMSGSIZE where a message goes beyond the limit, -ENOMEM or -errno. */
int varlink_input_read(struct varlink_input *input, int fd);
/* Takes the next whole message. Returns 1 and a new reference, 0 where there is none yet, -EBADMSG
 * for what is not a JSON object (duplicate keys, NUL in a text, too deep, …), -EMSGSIZE for one
 * that is beyond the limits, or -ENOMEM. */
int varlink_input_next(struct varlink_input *input, json_t **ret_message);
/* The text of the next whole message, borrowed until the input changes; NULL where there is none
 * yet.
 */
const char *varlink_input_peek(struct varlink_input *input, size_t *ret_length);
/* Takes the next whole message, unread, into an input of its own with the same limits. Returns 1, 0
 * where there is none yet, or -ENOMEM. */
int varlink_input_split(struct varlink_input *input, struct varlink_input *ret_first);

/* The message as it goes over the wire, with its NUL, owned by the caller. NULL without memory. */
char *varlink_encode(const json_t *message, size_t *ret_size);

/* The description of io.segd.Control, and what every Varlink service has: the texts of the files.
 */
extern const char varlink_control_description[];
extern const char varlink_service_description[];

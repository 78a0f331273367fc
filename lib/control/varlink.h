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
/* Reads once from the socket what is there. Returns 1, 0 at the end of the stream, -EAGAIN,
 * -EMSGSIZE where a message goes beyond the limit, -ENOMEM or -errno. */
int varlink_input_read(struct varlink_input *input, int fd);
/* Takes the next whole message. Returns 1 and a new reference, 0 where there is none yet, -EBADMSG
 * for what is no JSON object (duplicate keys, NUL in a text, too deep, …), -EMSGSIZE for one that
 * is beyond the limits, or -ENOMEM. */
int varlink_input_next(struct varlink_input *input, json_t **ret_message);

/* The message as it goes over the wire, with its NUL, owned by the caller. NULL without memory. */
char *varlink_encode(const json_t *message, size_t *ret_size);

/*
 * Checks a JSON object against the type of a method's input or output in the interface's
 * description, so that no handler meets a missing field or one of another type. Unknown fields are
 * refused in input. `*ret_field` is the path of the first field at fault (`texts[0].name`), owned
 * by the caller. Returns 0, -EINVAL, or -ENOMEM.
 */
struct interface;
struct interface_method;
int interface_check(const struct interface *interface, const struct interface_method *method,
                    bool input, const json_t *parameters, char **ret_field);

/* The description of io.segd.Control: the text of the file, and what it says. */
extern const char varlink_control_description[];
extern const char varlink_service_description[];

/* Parses a description (https://varlink.org/Interface-Definition). Returns 0 and what it says,
 * -EBADMSG with the line in `*ret_line`, or -ENOMEM. */
int interface_parse(const char *text, struct interface **ret_interface, unsigned *ret_line);
struct interface *interface_free(struct interface *interface);
DEFINE_CLEANUP(struct interface, interface_free)
const char *interface_name(const struct interface *interface);
size_t interface_count_methods(const struct interface *interface);
const struct interface_method *interface_method_at(const struct interface *interface, size_t i);
const struct interface_method *interface_find_method(const struct interface *interface,
                                                     const char *name);
const char *interface_method_name(const struct interface_method *method);
bool interface_has_error(const struct interface *interface, const char *name);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/*
 * The description of an interface, for tests that hold what the daemon does against what it says.
 * As it was parsed; all of it belongs to the arena.
 */
enum type_kind {
    TYPE_BOOL,
    TYPE_INT,
    TYPE_FLOAT,
    TYPE_STRING,
    TYPE_OBJECT,
    TYPE_ENUM,
    TYPE_STRUCT,
    TYPE_ARRAY,
    TYPE_MAP,
    TYPE_NAMED,
};

struct type {
    enum type_kind kind;
    bool nullable;
    const char *name;          /* of TYPE_NAMED */
    unsigned line;             /* where it stands */
    struct type *element;      /* of arrays and maps */
    struct field_type *fields; /* of structures; of enumerations their names */
    size_t n_fields;
};

struct field_type {
    const char *name;
    struct type type;
};

enum member_kind {
    MEMBER_TYPE,
    MEMBER_METHOD,
    MEMBER_ERROR,
};

struct interface_method {
    struct interface_method *next;
    enum member_kind kind;
    const char *name;
    struct type input; /* of types and errors: what they are */
    struct type output;
};

struct interface {
    struct arena *arena;
    const char *name;
    struct interface_method *members;
    size_t n_methods;
};

const struct interface_method *interface_find(const struct interface *interface,
                                              enum member_kind kind, const char *name);

const struct field_type *interface_find_field(const struct type *type, const char *name);

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

/*
 * Checks a JSON object against the type of a method's input or output in the interface's
 * description. Unknown fields are refused. `*ret_field` is the path of the first field at fault
 * (`texts[0].name`), owned by the caller. Returns 0, -EINVAL, or -ENOMEM.
 */
int interface_check(const struct interface *interface, const struct interface_method *method,
                    bool input, const json_t *parameters, char **ret_field);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* A description as it was parsed; all of it belongs to the arena. */
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The grammar of the policy language as data: which keys a mapping has, what each of them takes,
 * and where in the draft it goes. The parser knows no key by name.
 */
enum key_kind {
    KEY_TEXT,    /* a scalar                        → struct draft_text * */
    KEY_LIST,    /* a scalar or a list of scalars   → struct draft_text * */
    KEY_MAPPING, /* a mapping                       → a pointer to a structure of its own */
    KEY_OBJECTS, /* a mapping from names to objects → struct draft_list */
    KEY_ITEMS,   /* a list of mappings              → struct draft_list */
};

struct mapping;

struct grammar_key {
    const char *name;
    enum key_kind kind;
    size_t offset; /* in the structure of the mapping that the key belongs to */
    bool required;
    bool in_each_file;             /* may be said again by another file */
    const struct mapping *mapping; /* of KEY_MAPPING, KEY_OBJECTS and KEY_ITEMS */
    size_t most;                   /* objects or items */
};

struct mapping {
    const char *noun; /* `zone` */
    size_t size;      /* of its structure */
    const struct grammar_key *keys;
    size_t n_keys;
    /* Objects that are a list and not a mapping have one key without a name. */
    bool is_list;
};

#define MAPPING_KEYS_MAX 16

/* A whole file, whose structure is struct draft. */
extern const struct mapping grammar;

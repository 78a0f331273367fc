/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/*
 * Structures described once, field by field, for all that is done with them: writing them to a
 * file, sending them over the control socket, reading both again, copying and freeing.
 */
enum record_form {
    RECORD_WIRE = 1, /* as io.segd.Control.varlink has it */
    RECORD_DISK = 2, /* as the files of the state folder have it */
};

enum record_kind {
    RECORD_TEXT,    /* char *; owned where the record was decoded or copied */
    RECORD_BUFFER,  /* char [size] */
    RECORD_BYTES,   /* char * and size_t: a text that may hold NUL, in UTF-8 */
    RECORD_DIGEST,  /* char [SHA256_TEXT_MAX]: 64 hexadecimal digits, or "" */
    RECORD_NUMBER,  /* an integer of 4 or 8 bytes */
    RECORD_VERSION, /* no member: written as `most`, and read from 1 to `most` */
    RECORD_BOOL,    /* bool */
    RECORD_INSTANT, /* usec_t; nothing: 0 */
    RECORD_END,     /* usec_t; nothing: USEC_NEVER */
    RECORD_WORD,    /* an enumeration: its number in `words` */
    RECORD_ONE,     /* a structure of `type` within this one; nothing: `present` */
    RECORD_TEXTS,   /* char ** and size_t */
    RECORD_MANY,    /* an array of structures of `type`, and size_t */
    RECORD_OBJECT,  /* json_t *: an object that nobody here takes apart */
    RECORD_OBJECTS, /* json_t *: a list of those */
};

/* The words of an enumeration, in the order of its numbers. */
struct record_words {
    const char *const *words;
    size_t n_words;
};

#define RECORD_WORDS(name, ...)                                                                    \
    const struct record_words name = {(const char *const[]){__VA_ARGS__},                          \
                                      ELEMENTS_OF(((const char *const[]){__VA_ARGS__}))}

struct record_type;

struct record_field {
    const char *name;
    enum record_kind kind;
    size_t offset;
    size_t size;   /* of the member */
    size_t count;  /* offset of the size_t that belongs to BYTES, TEXTS and MANY */
    unsigned form; /* where the field is; 0: everywhere */
    unsigned null; /* where `null` stands for nothing: NULL, 0, "", an empty list */
    bool optional; /* on the disk absent where it is nothing: it came with a later version */
    int64_t least,
        most; /* of NUMBER (`most` 0: what it holds); `least` of texts and their length */
    const struct record_words *words;
    const struct record_type *type;
};

struct record_type {
    const char *name; /* in io.segd.Control.varlink, where it has one */
    size_t size;
    const struct record_field *fields;
    size_t n_fields;
    /* Offset of a bool, not the first member, that tells whether the record is there at all; 0: it
     * is there where any field is not nothing. */
    size_t present;
    /* What must hold between fields, of what comes from a file: returns NULL, or what is wrong as
     * the end of a sentence (`ends before it begins`). */
    const char *(*check)(const void *record);
};

/* Tables: RECORD_FIELD(TEXT, struct finding, object, .null = RECORD_WIRE). Where the member has
 * another name than the field, RECORD_NAMED. */
#define RECORD_NAMED(kind_, structure, name_, member, ...)                                         \
    {                                                                                              \
        .name = (name_), .kind = RECORD_##kind_, .offset = offsetof(structure, member),            \
        .size = sizeof(((structure *)NULL)->member), __VA_ARGS__                                   \
    }
#define RECORD_FIELD(kind_, structure, member, ...)                                                \
    RECORD_NAMED(kind_, structure, #member, member, __VA_ARGS__)
/* Kinds with a count, whose member is called `n_…`. */
#define RECORD_LIST(kind_, structure, member, ...)                                                 \
    RECORD_FIELD(kind_, structure, member, .count = offsetof(structure, n_##member), __VA_ARGS__)
/* Defines `structure_type` of `structure_fields`. */
#define RECORD_TYPE(prefix, structure, name_, ...)                                                 \
    const struct record_type prefix##_type = {.name = (name_),                                     \
                                              .size = sizeof(structure),                           \
                                              .fields = prefix##_fields,                           \
                                              .n_fields = ELEMENTS_OF(prefix##_fields),            \
                                              __VA_ARGS__}

/* A new reference; NULL without memory. Bytes of a text that are not UTF-8 become U+FFFD, so that
 * nobody's name keeps a file from being written. */
json_t *record_encode(const struct record_type *type, const void *record, enum record_form form);
/* The same for one text; NULL becomes null. */
json_t *record_encode_text(const char *text);

/* What was wrong first: `overrides[2].until`, `is out of range`. */
struct record_problem {
    char path[192]; /* "" for the record itself */
    const char *what;
};

/*
 * Fills a zeroed structure. What is written is exactly what is read: a key that is unknown, one
 * that is missing, and a value of another type or range are refused. Returns 0, or -EBADMSG
 * (`*ret_problem`) or -ENOMEM with the structure zeroed again.
 */
int record_decode(const struct record_type *type, const json_t *json, enum record_form form,
                  void *record, struct record_problem *ret_problem);
/* The same for a reply of a daemon that may be newer or was taken over: what it does not say, or
 * not as it should, is nothing; a text is then NULL only where null may be sent, and a word that is
 * unknown has the number `n_words`. Returns 0 or -ENOMEM. */
int record_decode_reply(const struct record_type *type, const json_t *json, void *record);

/* Frees what a decoded or copied record owns, and zeroes it. */
void record_clear(const struct record_type *type, void *record);
/* A copy that owns its memory. Returns 0, or -ENOMEM and a zeroed structure. */
int record_copy(const struct record_type *type, const void *record, void *ret_copy);

/* The word, or `?` for a number beyond the last. The inverse returns false for another word. */
const char *record_word(const struct record_words *words, unsigned number);
bool record_word_find(const struct record_words *words, const char *word, unsigned *ret_number);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/*
 * Structures that are described once, field by field, for everything that is done with them:
 * writing to a file, sending over the control socket, reading both, copying and freeing.
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
    RECORD_VERSION, /* no member: `most` is written, 1 to `most` is accepted */
    RECORD_BOOL,    /* bool */
    RECORD_INSTANT, /* usec_t; nothing: 0 */
    RECORD_END,     /* usec_t; nothing: USEC_NEVER */
    RECORD_WORD,    /* an enumeration: its number in `words` */
    RECORD_ONE,     /* a structure of `type` within this one; nothing: `present` */
    RECORD_TEXTS,   /* char ** and size_t */
    RECORD_NUMBERS, /* uint64_t * and size_t */
    RECORD_MANY,    /* an array of structures of `type`, and size_t */
    RECORD_OBJECT,  /* json_t *: an object of any content */
    RECORD_OBJECTS, /* json_t *: a list of such objects */
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
    size_t count;  /* of BYTES and lists: offset of the size_t with their length */
    unsigned form; /* the forms that have the field; 0: all */
    unsigned null; /* the forms in which null stands for nothing: NULL, 0, "", an empty list */
    bool optional; /* absent on the disk if it is nothing: for fields of later versions */
    int64_t least; /* of NUMBER; of texts: their least length */
    int64_t most;  /* of NUMBER; 0: what the member can hold */
    const struct record_words *words;
    const struct record_type *type;
};

struct record_type {
    const char *name; /* in io.segd.Control.varlink; or NULL */
    size_t size;
    const struct record_field *fields;
    size_t n_fields;
    /* Offset of a bool, not the first member, that says whether the record exists; 0: it exists if
     * any of its fields is not nothing. */
    size_t present;
    /* Checks relations between fields of what was read from a file: returns NULL, or the problem as
     * the end of a sentence (`ends before it begins`). */
    const char *(*check)(const void *record);
};

/* Rows of a table of fields: RECORD_FIELD(TEXT, struct finding, object, .null = RECORD_WIRE).
 * RECORD_NAMED is for members with another name than the field. */
#define RECORD_NAMED(kind_, structure, name_, member, ...)                                         \
    {                                                                                              \
        .name = (name_), .kind = RECORD_##kind_, .offset = offsetof(structure, member),            \
        .size = sizeof(((structure *)NULL)->member), __VA_ARGS__                                   \
    }
#define RECORD_FIELD(kind_, structure, member, ...)                                                \
    RECORD_NAMED(kind_, structure, #member, member, __VA_ARGS__)
/* For kinds with a count, whose member is called `n_…`. */
#define RECORD_LIST(kind_, structure, member, ...)                                                 \
    RECORD_FIELD(kind_, structure, member, .count = offsetof(structure, n_##member), __VA_ARGS__)
/* Defines `structure_type` of `structure_fields`. */
#define RECORD_TYPE(prefix, structure, name_, ...)                                                 \
    const struct record_type prefix##_type = {.name = (name_),                                     \
                                              .size = sizeof(structure),                           \
                                              .fields = prefix##_fields,                           \
                                              .n_fields = ELEMENTS_OF(prefix##_fields),            \
                                              __VA_ARGS__}

/* Returns a new reference, or NULL without memory. Bytes of a text that are not UTF-8 become
 * U+FFFD, so that a name chosen by others never prevents a file from being written. */
json_t *record_encode(const struct record_type *type, const void *record, enum record_form form);
/* The same for one text; NULL becomes null. */
json_t *record_encode_text(const char *text);

/* A text that grows. A zeroed structure is empty. */
struct record_text {
    char *bytes;
    size_t size;
    size_t capacity;
};
void record_text_clear(struct record_text *text);
/* 0 or -ENOMEM. */
int record_text_append(struct record_text *text, const char *bytes, size_t size);
/* Appends what jansson writes of record_encode(), without making values of it. Returns 0 or
 * -ENOMEM, after which part of it may have been appended. */
int record_write(const struct record_type *type, const void *record, enum record_form form,
                 struct record_text *text);

/* The first error: `overrides[2].until`, `is out of range`. */
struct record_problem {
    char path[192]; /* "" for the record itself */
    const char *what;
};

/*
 * Fills a zeroed structure. Unknown keys, missing keys, and values of another type or out of range
 * are refused. Returns 0, or with the structure zeroed -EBADMSG (`*ret_problem`) or -ENOMEM.
 */
int record_decode(const struct record_type *type, const json_t *json, enum record_form form,
                  void *record, struct record_problem *ret_problem);
/* The same for the reply of a daemon that may be of another version or compromised: a missing or
 * wrong value is nothing, a text is NULL only if its field may be null, and an unknown word has the
 * number `n_words`. Returns 0 or -ENOMEM. */
int record_decode_reply(const struct record_type *type, const json_t *json, void *record);

/* Frees what a decoded or copied record owns, and zeroes it. */
void record_clear(const struct record_type *type, void *record);
/* A copy that owns its memory. Returns 0, or -ENOMEM and a zeroed structure. */
int record_copy(const struct record_type *type, const void *record, void *ret_copy);

/* The word, or `?` for a number beyond the last. The inverse returns false for another word. */
const char *record_word(const struct record_words *words, unsigned number);
bool record_word_find(const struct record_words *words, const char *word, unsigned *ret_number);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/calendar.h"

/* JSON of any bytes; `flags` as json_loadb() has them, and keys that are there twice are refused in
 * any case. Returns 0 with a new reference, -EBADMSG with the line of the mistake, or -ENOMEM. */
int fields_parse(const char *bytes, size_t size, size_t flags, json_t **ret_json, int *ret_line);

/*
 * The fields of a JSON object that comes from a file. Each is taken by its key with its type and
 * range; the first that is not as it must be is remembered, and those after it give 0, NULL or "".
 * fields_end() tells, also of keys that nobody took: what is written is exactly what is read.
 */
struct fields {
    const json_t *object; /* borrowed; NULL where it is no object */
    const char *place;    /* what problems call it; borrowed */
    size_t n_taken;
    int result;
    char *problem;
};

/* `json` may be NULL or of another type: that is the first problem. */
struct fields fields_begin(const json_t *json, const char *place);
/* Returns 0, -EBADMSG or -ENOMEM. `*ret_problem` (if not NULL) is a sentence that the caller frees
 * with -EBADMSG. To be called once, whatever came before. */
int fields_end(struct fields *fields, char **ret_problem);

int64_t fields_number(struct fields *fields, const char *key, int64_t least, int64_t most);
/* Texts are borrowed from the object. Neither is NULL but where the second finds `null`. */
const char *fields_text(struct fields *fields, const char *key);
const char *fields_text_or_null(struct fields *fields, const char *key);
/* 64 hexadecimal digits, or "" where that is allowed. */
const char *fields_sha256(struct fields *fields, const char *key, bool may_be_empty);
usec_t fields_instant(struct fields *fields, const char *key);
/* USEC_NEVER for `null`. */
usec_t fields_instant_or_never(struct fields *fields, const char *key);
/* NULL where something is wrong; the second also for `null`. */
const json_t *fields_value(struct fields *fields, const char *key, json_type type);
const json_t *fields_value_or_null(struct fields *fields, const char *key, json_type type);

/* Notes a problem of the caller's own, unless there is one. */
void fields_fail(struct fields *fields, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Notes what a part of the object was found to be; takes the problem over. */
void fields_join(struct fields *fields, int result, char *problem);

/* Writing: each returns 0 or -1 as json_object_set_new() does. Bytes of a text that are no UTF-8
 * become U+FFFD, so that nobody's name keeps a file from being written; NULL becomes `null`. */
int fields_put_number(json_t *object, const char *key, uint64_t number);
int fields_put_text(json_t *object, const char *key, const char *text);
/* `null` for USEC_NEVER. */
int fields_put_instant(json_t *object, const char *key, usec_t instant);

/* A sentence for `ret_problem`, which may be NULL. Returns -EBADMSG, or -ENOMEM without one. */
int problem_tell(char **ret_problem, const char *format, ...) __attribute__((format(printf, 2, 3)));

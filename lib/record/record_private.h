/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "record/record.h"

/* The members that belong to a field. */
static inline void *member_at(const struct record_field *field, const void *record)
{
    return (char *)record + field->offset;
}

static inline size_t *count_at(const struct record_field *field, void *record)
{
    return (size_t *)(void *)((char *)record + field->count);
}

static inline bool is_in(const struct record_field *field, enum record_form form)
{
    return field->form == 0 || field->form & form;
}

static inline bool is_json(const struct record_field *field)
{
    return field->kind == RECORD_OBJECT || field->kind == RECORD_OBJECTS;
}

/* Whether the member is an array of its own. */
static inline bool is_list(const struct record_field *field)
{
    return field->kind == RECORD_TEXTS || field->kind == RECORD_NUMBERS ||
           field->kind == RECORD_MANY;
}

/* The bytes of an element of it. */
static inline size_t element_size(const struct record_field *field)
{
    if (field->kind == RECORD_NUMBERS)
        return sizeof(uint64_t);
    return field->kind == RECORD_TEXTS ? sizeof(char *) : field->type->size;
}

/* Whether the member is a pointer to something that the record may own. */
static inline bool is_owner(const struct record_field *field)
{
    return field->kind == RECORD_TEXT || field->kind == RECORD_BYTES || is_list(field) ||
           is_json(field);
}

static inline bool has_count(const struct record_field *field)
{
    return field->kind == RECORD_BYTES || is_list(field);
}

/* Integers of jansson end at INT64_MAX, which no counter reaches. */
static inline int64_t record_number(uint64_t number)
{
    return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

/* record.c: whether a field holds what null stands for; whether it is not written in this form; its
 * number; its value, as record_encode(). */
bool record_is_nothing(const struct record_field *field, const void *record);
bool record_leaves_out(const struct record_field *field, const void *record, enum record_form form);
int64_t record_load_number(const struct record_field *field, const char *at);
json_t *record_encode_field(const struct record_field *field, const void *record,
                            enum record_form form);

/* record_memory.c: frees what the field owns, and zeroes it. */
void record_clear_field(const struct record_field *field, void *record);

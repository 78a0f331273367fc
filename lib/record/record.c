/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Encodes records as JSON. Members are found by the offsets in their fields; the rules for null are
 * here, once for all structures.
 */

#include "record/record.h"

#include <string.h>

#include "base/instant.h"
#include "base/text.h"
#include "record/record_private.h"

static bool is_zero(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

/* Whether a field holds what null stands for. Members are compared one by one, since the padding
 * between them has any value. */
bool record_is_nothing(const struct record_field *field, const void *record)
{
    const char *at = member_at(field, record);
    usec_t instant;

    switch (field->kind) {
    case RECORD_ONE:
        if (field->type->present > 0)
            return !at[field->type->present];
        for (size_t i = 0; i < field->type->n_fields; i++) {
            if (!record_is_nothing(&field->type->fields[i], at))
                return false;
        }
        return true;
    case RECORD_BUFFER:
    case RECORD_DIGEST:
        return *at == '\0';
    case RECORD_TEXTS:
    case RECORD_NUMBERS:
    case RECORD_MANY:
        return *count_at(field, (void *)record) == 0;
    case RECORD_END:
        memcpy(&instant, at, sizeof(instant));
        return instant == USEC_NEVER;
    case RECORD_TEXT:
    case RECORD_BYTES:
    case RECORD_NUMBER:
    case RECORD_BOOL:
    case RECORD_VERSION:
    case RECORD_WORD:
    case RECORD_INSTANT:
    case RECORD_OBJECT:
    case RECORD_OBJECTS:
        break;
    }
    return is_zero(at, field->size);
}

int64_t record_load_number(const struct record_field *field, const char *at)
{
    uint64_t wide;
    uint32_t narrow;

    if (field->size == sizeof(narrow)) {
        memcpy(&narrow, at, sizeof(narrow));
        return field->least < 0 ? (int64_t)(int32_t)narrow : (int64_t)narrow;
    }
    memcpy(&wide, at, sizeof(wide));
    return field->least >= 0 ? record_number(wide) : (int64_t)wide;
}

json_t *record_encode_text(const char *text)
{
    cleanup_(freep) char *valid = text ? utf8_repair(text) : NULL;

    return text ? json_string(valid) : json_null();
}

static json_t *encode_instant(const char *at)
{
    char text[INSTANT_TEXT_MAX];
    usec_t instant;

    memcpy(&instant, at, sizeof(instant));
    return json_string(instant_format(instant, text));
}

static json_t *encode_texts(char *const *texts, size_t n)
{
    cleanup_(json_decrefp) json_t *array = json_array();

    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(array, record_encode_text(texts[i])) < 0)
            return NULL;
    }
    return TAKE_PTR(array);
}

static json_t *encode_numbers(const uint64_t *numbers, size_t n)
{
    cleanup_(json_decrefp) json_t *array = json_array();

    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(array, json_integer(record_number(numbers[i]))) < 0)
            return NULL;
    }
    return TAKE_PTR(array);
}

static json_t *encode_many(const struct record_type *type, const char *records, size_t n,
                           enum record_form form)
{
    cleanup_(json_decrefp) json_t *array = json_array();

    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(array, record_encode(type, records + i * type->size, form)) < 0)
            return NULL;
    }
    return TAKE_PTR(array);
}

json_t *record_encode_field(const struct record_field *field, const void *record,
                            enum record_form form)
{
    char *at = member_at(field, record);
    char *pointer = NULL;
    unsigned word;

    if (is_owner(field))
        pointer = *(char **)(void *)at;

    switch (field->kind) {
    case RECORD_TEXT:
        return record_encode_text(pointer ? pointer : "");
    case RECORD_BUFFER:
    case RECORD_DIGEST:
        return record_encode_text(at);
    case RECORD_BYTES:
        return json_stringn(pointer ? pointer : "", *count_at(field, (void *)record));
    case RECORD_NUMBER:
        return json_integer(record_load_number(field, at));
    case RECORD_VERSION:
        return json_integer(field->most);
    case RECORD_BOOL:
        return json_boolean(*at);
    case RECORD_INSTANT:
    case RECORD_END:
        return encode_instant(at);
    case RECORD_WORD:
        memcpy(&word, at, sizeof(word));
        return json_string(record_word(field->words, word));
    case RECORD_ONE:
        return record_encode(field->type, at, form);
    case RECORD_TEXTS:
        return encode_texts((char *const *)(void *)pointer, *count_at(field, (void *)record));
    case RECORD_NUMBERS:
        return encode_numbers((const uint64_t *)(const void *)pointer,
                              *count_at(field, (void *)record));
    case RECORD_MANY:
        return encode_many(field->type, pointer, *count_at(field, (void *)record), form);
    case RECORD_OBJECT:
    case RECORD_OBJECTS:
        return json_incref((json_t *)(void *)pointer);
    }
    return NULL;
}

bool record_leaves_out(const struct record_field *field, const void *record, enum record_form form)
{
    return !is_in(field, form) || (form == RECORD_DISK && field->optional && field->null & form &&
                                   record_is_nothing(field, record));
}

json_t *record_encode(const struct record_type *type, const void *record, enum record_form form)
{
    cleanup_(json_decrefp) json_t *json = json_object();

    for (size_t i = 0; i < type->n_fields; i++) {
        const struct record_field *field = &type->fields[i];
        bool nothing = field->null & form && record_is_nothing(field, record);

        if (record_leaves_out(field, record, form))
            continue;
        if (json_object_set_new(json, field->name,
                                nothing ? json_null() : record_encode_field(field, record, form)) <
            0)
            return NULL;
    }
    return TAKE_PTR(json);
}

const char *record_word(const struct record_words *words, unsigned number)
{
    return number < words->n_words ? words->words[number] : "?";
}

bool record_word_find(const struct record_words *words, const char *word, unsigned *ret_number)
{
    for (unsigned i = 0; i < words->n_words; i++) {
        if (strcmp(words->words[i], word) == 0) {
            *ret_number = i;
            return true;
        }
    }
    return false;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Decodes records from JSON, which may come from a damaged file or from any client. The first error
 * ends it, with the path of the field. A reply of a daemon is decoded tolerantly, since the daemon
 * may be of another version: an error affects only its field.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "base/sha256.h"
#include "record/record_private.h"

/* The path of the value that is being decoded, from the innermost part outwards. */
struct place {
    const struct place *outer;
    const char *name; /* of a field, or NULL: `index` of a list */
    size_t index;
};

struct decoder {
    enum record_form form;
    bool tolerant;
    struct record_problem *problem;
};

static void write_place(const struct place *place, FILE *stream)
{
    if (!place)
        return;
    write_place(place->outer, stream);
    if (place->name)
        fprintf(stream, "%s%s", place->outer ? "." : "", place->name);
    else
        fprintf(stream, "[%zu]", place->index);
}

static int fail(const struct decoder *decoder, const struct place *place, const char *what)
{
    struct record_problem *problem = decoder->problem;
    FILE *stream;

    if (decoder->tolerant)
        return -EBADMSG;
    *problem = (struct record_problem){.what = what};
    stream = fmemopen(problem->path, sizeof(problem->path) - 1, "w");
    if (!stream)
        return -ENOMEM;
    write_place(place, stream);
    fclose(stream);
    return -EBADMSG;
}

static int decode_record(const struct decoder *decoder, const struct record_type *type,
                         const json_t *json, void *record, const struct place *place);

/* Checks what all kinds that are strings in JSON have in common. */
static int check_text(const struct decoder *decoder, const struct record_field *field,
                      const json_t *json, const struct place *place)
{
    if (!json_is_string(json))
        return fail(decoder, place, "is not a text");
    /* C functions would end the text at the NUL. */
    if (field->kind != RECORD_BYTES && strlen(json_string_value(json)) != json_string_length(json))
        return fail(decoder, place, "contains a NUL");
    if (json_string_length(json) < (size_t)field->least)
        return fail(decoder, place, "is empty");
    return 0;
}

static int decode_buffer(const struct decoder *decoder, const struct record_field *field,
                         const json_t *json, char *at, const struct place *place)
{
    const char *text = json_string_value(json);

    if (strlen(text) >= field->size)
        return fail(decoder, place, "is too long");
    if (field->kind == RECORD_DIGEST && *text && !sha256_is_text(text))
        return fail(decoder, place, "is not a SHA-256");
    strcpy(at, text);
    return 0;
}

static int decode_instant(const struct decoder *decoder, const json_t *json, char *at,
                          const struct place *place)
{
    usec_t instant;

    if (instant_parse(json_string_value(json), &instant) < 0)
        return fail(decoder, place, "is not an instant");
    memcpy(at, &instant, sizeof(instant));
    return 0;
}

static int decode_word(const struct decoder *decoder, const struct record_field *field,
                       const json_t *json, char *at, const struct place *place)
{
    unsigned number = (unsigned)field->words->n_words;

    if (!record_word_find(field->words, json_string_value(json), &number) && !decoder->tolerant)
        return fail(decoder, place, "is not known");
    memcpy(at, &number, sizeof(number));
    return 0;
}

static int decode_number(const struct decoder *decoder, const struct record_field *field,
                         const json_t *json, char *at, const struct place *place)
{
    int64_t number = json_integer_value(json);
    uint32_t narrow = (uint32_t)number;
    int64_t widest = field->size == sizeof(narrow) ? UINT32_MAX : INT64_MAX;
    int64_t most = field->most ? field->most : widest;

    if (!json_is_integer(json))
        return fail(decoder, place, "is not a whole number");
    if (field->kind == RECORD_VERSION)
        return number >= 1 && number <= most ? 0 : fail(decoder, place, "is not known");
    if (number < field->least || number > most)
        return fail(decoder, place, "is out of range");
    memcpy(at, field->size == sizeof(narrow) ? (const void *)&narrow : (const void *)&number,
           field->size);
    return 0;
}

static int copy_text(const char *bytes, size_t size, char **ret_text)
{
    char *text = malloc(size + 1);

    if (!text)
        return -ENOMEM;
    memcpy(text, bytes, size);
    text[size] = '\0';
    *ret_text = text;
    return 0;
}

/* The count grows with each decoded element, so that the record can be cleared at any time. */
static int decode_list(const struct decoder *decoder, const struct record_field *field,
                       const json_t *json, void *record, const struct place *place)
{
    static const struct record_field number = {.kind = RECORD_NUMBER, .size = sizeof(uint64_t)};
    size_t n = json_array_size(json), *count = count_at(field, record);
    char *elements;

    if (!json_is_array(json))
        return fail(decoder, place, "is not a list");
    elements = calloc(n + 1, element_size(field));
    if (!elements)
        return -ENOMEM;
    memcpy(member_at(field, record), &elements, sizeof(elements));

    for (size_t i = 0; i < n; i++, (*count)++) {
        const struct place inner = {place, NULL, i};
        const json_t *element = json_array_get(json, i);
        int r;

        if (field->type)
            r = decode_record(decoder, field->type, element, elements + i * field->type->size,
                              &inner);
        else if (field->kind == RECORD_NUMBERS)
            r = decode_number(decoder, &number, element, elements + i * number.size, &inner);
        else {
            r = check_text(decoder, field, element, &inner);
            if (r == 0)
                r = copy_text(json_string_value(element), json_string_length(element),
                              (char **)(void *)elements + i);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static int decode_value(const struct decoder *decoder, const struct record_field *field,
                        const json_t *json, void *record, const struct place *place)
{
    char *at = member_at(field, record);
    int r = 0;

    switch (field->kind) {
    case RECORD_TEXT:
    case RECORD_BYTES:
    case RECORD_BUFFER:
    case RECORD_DIGEST:
    case RECORD_INSTANT:
    case RECORD_END:
    case RECORD_WORD:
        r = check_text(decoder, field, json, place);
        break;
    case RECORD_NUMBER:
    case RECORD_VERSION:
        return decode_number(decoder, field, json, at, place);
    case RECORD_BOOL:
        *(bool *)at = json_is_true(json);
        return json_is_boolean(json) ? 0 : fail(decoder, place, "is neither true nor false");
    case RECORD_ONE:
        return decode_record(decoder, field->type, json, at, place);
    case RECORD_TEXTS:
    case RECORD_NUMBERS:
    case RECORD_MANY:
        return decode_list(decoder, field, json, record, place);
    case RECORD_OBJECT:
    case RECORD_OBJECTS:
        if (field->kind == RECORD_OBJECT ? !json_is_object(json) : !json_is_array(json))
            return fail(decoder, place,
                        field->kind == RECORD_OBJECT ? "is not an object" : "is not a list");
        *(json_t **)(void *)at = json_incref((json_t *)json);
        return 0;
    }
    if (r < 0)
        return r;
    if (field->kind == RECORD_INSTANT || field->kind == RECORD_END)
        return decode_instant(decoder, json, at, place);
    if (field->kind == RECORD_WORD)
        return decode_word(decoder, field, json, at, place);
    if (!is_owner(field))
        return decode_buffer(decoder, field, json, at, place);
    if (field->kind == RECORD_BYTES)
        *count_at(field, record) = json_string_length(json);
    return copy_text(json_string_value(json), json_string_length(json), (char **)(void *)at);
}

/* Sets the member to what null or a missing key stands for. */
static void set_nothing(const struct record_field *field, void *record)
{
    static const usec_t never = USEC_NEVER;

    record_clear_field(field, record);
    if (field->kind == RECORD_END)
        memcpy(member_at(field, record), &never, sizeof(never));
}

static int decode_field(const struct decoder *decoder, const struct record_field *field,
                        const json_t *json, void *record, const struct place *place)
{
    bool is_wire = decoder->form == RECORD_WIRE;
    int r = 0;

    set_nothing(field, record);
    /* In Varlink a missing key means null. */
    if (!json && !(is_wire ? field->null & RECORD_WIRE : field->optional))
        r = fail(decoder, place, "is missing");
    else if (json && !(json_is_null(json) && field->null & decoder->form))
        r = decode_value(decoder, field, json, record, place);
    if (r != -EBADMSG || !decoder->tolerant)
        return r;

    set_nothing(field, record);
    if (field->null & RECORD_WIRE)
        return 0;
    /* Only fields that may be null may become NULL. */
    if (field->kind == RECORD_ONE)
        return decode_record(decoder, field->type, NULL, member_at(field, record), place);
    if (field->kind == RECORD_TEXT || field->kind == RECORD_BYTES)
        return copy_text("", 0, member_at(field, record));
    return 0;
}

/* Refuses a key that no field has. */
static int refuse_unknown(const struct decoder *decoder, const struct record_type *type,
                          const json_t *json, const struct place *outer)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)json, key, value)
    {
        const struct place place = {outer, key, 0};
        bool known = false;

        for (size_t i = 0; i < type->n_fields; i++)
            known |=
                is_in(&type->fields[i], decoder->form) && strcmp(type->fields[i].name, key) == 0;
        if (!known)
            return fail(decoder, &place, "is not known");
    }
    return 0;
}

static int decode_record(const struct decoder *decoder, const struct record_type *type,
                         const json_t *json, void *record, const struct place *outer)
{
    const char *what = NULL;
    int r = 0;

    if (json ? !json_is_object(json) : !decoder->tolerant)
        r = fail(decoder, outer, "is not an object");
    for (size_t i = 0; r == 0 && i < type->n_fields; i++) {
        const struct record_field *field = &type->fields[i];
        const struct place place = {outer, field->name, 0};

        if (is_in(field, decoder->form))
            r = decode_field(decoder, field, json_object_get(json, field->name), record, &place);
    }
    if (r == 0 && !decoder->tolerant)
        r = refuse_unknown(decoder, type, json, outer);
    if (r == 0 && decoder->form == RECORD_DISK && type->check)
        what = type->check(record);
    if (what)
        r = fail(decoder, outer, what);
    if (r < 0)
        record_clear(type, record);
    else if (type->present > 0)
        *((bool *)record + type->present) = true;
    return r;
}

int record_decode(const struct record_type *type, const json_t *json, enum record_form form,
                  void *record, struct record_problem *ret_problem)
{
    const struct decoder decoder = {.form = form, .problem = ret_problem};

    return decode_record(&decoder, type, json, record, NULL);
}

int record_decode_reply(const struct record_type *type, const json_t *json, void *record)
{
    const struct decoder decoder = {.form = RECORD_WIRE, .tolerant = true};
    int r = decode_record(&decoder, type, json, record, NULL);

    return r == -EBADMSG ? 0 : r;
}

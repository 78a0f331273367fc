/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Writes records as the text of JSON at once: the answer about 50,000 flows has a million values,
 * and a tree of them would take more time and memory than all else. The text is what jansson would
 * write of record_encode().
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "record/record_private.h"

void record_text_clear(struct record_text *text)
{
    free(text->bytes);
    *text = (struct record_text){0};
}

int record_text_append(struct record_text *text, const char *bytes, size_t size)
{
    return array_append_all(&text->bytes, &text->size, &text->capacity, bytes, size, 1);
}

static int put(struct record_text *text, const char *bytes)
{
    return record_text_append(text, bytes, strlen(bytes));
}

static int put_callback(const char *bytes, size_t size, void *userdata)
{
    return record_text_append(userdata, bytes, size);
}

/* Takes the value; NULL is no memory. */
static int put_json(struct record_text *text, json_t *value)
{
    int r =
        value ? json_dump_callback(value, put_callback, text, JSON_COMPACT | JSON_ENCODE_ANY) : -1;

    json_decref(value);
    return r < 0 ? -ENOMEM : 0;
}

static int put_number(struct record_text *text, int64_t number)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%lld", (long long)number);

    return record_text_append(text, digits, (size_t)n);
}

/* What stands for itself between quotes. */
static size_t plain_size(const char *string)
{
    size_t n = 0;

    while ((unsigned char)string[n] >= 0x20 && (unsigned char)string[n] < 0x80 &&
           string[n] != '"' && string[n] != '\\')
        n++;
    return n;
}

static int put_string(struct record_text *text, const char *string)
{
    size_t n = plain_size(string);
    int r;

    if (string[n])
        return put_json(text, record_encode_text(string));
    r = put(text, "\"");
    if (r == 0)
        r = record_text_append(text, string, n);
    return r < 0 ? r : put(text, "\"");
}

static int put_element(struct record_text *text, const struct record_field *field, const char *list,
                       size_t i, enum record_form form)
{
    if (field->kind == RECORD_TEXTS)
        return put_string(text, ((char *const *)(const void *)list)[i]);
    if (field->kind == RECORD_NUMBERS)
        return put_number(text, record_number(((const uint64_t *)(const void *)list)[i]));
    return record_write(field->type, list + i * field->type->size, form, text);
}

static int put_list(struct record_text *text, const struct record_field *field, const void *record,
                    enum record_form form)
{
    const size_t n = *count_at(field, (void *)record);
    const char *list = *(char **)member_at(field, record);
    int r = put(text, "[");

    for (size_t i = 0; r == 0 && i < n; i++) {
        if (i > 0)
            r = put(text, ",");
        if (r == 0)
            r = put_element(text, field, list, i, form);
    }
    return r < 0 ? r : put(text, "]");
}

static int put_field(struct record_text *text, const struct record_field *field, const void *record,
                     enum record_form form)
{
    const char *at = member_at(field, record);

    /* What answers have many of; all else by its JSON value. */
    if (field->null & form && record_is_nothing(field, record))
        return put(text, "null");
    if (field->kind == RECORD_TEXT && *(char *const *)(const void *)at)
        return put_string(text, *(char *const *)(const void *)at);
    if (field->kind == RECORD_NUMBER)
        return put_number(text, record_load_number(field, at));
    if (field->kind == RECORD_BOOL)
        return put(text, *at ? "true" : "false");
    if (field->kind == RECORD_ONE)
        return record_write(field->type, at, form, text);
    if (is_list(field))
        return put_list(text, field, record, form);
    return put_json(text, record_encode_field(field, record, form));
}

int record_write(const struct record_type *type, const void *record, enum record_form form,
                 struct record_text *text)
{
    bool first = true;
    int r = put(text, "{");

    for (size_t i = 0; r == 0 && i < type->n_fields; i++) {
        const struct record_field *field = &type->fields[i];

        if (record_leaves_out(field, record, form))
            continue;
        r = put(text, first ? "\"" : ",\"");
        first = false;
        if (r == 0)
            r = put(text, field->name);
        if (r == 0)
            r = put(text, "\":");
        if (r == 0)
            r = put_field(text, field, record, form);
    }
    return r < 0 ? r : put(text, "}");
}

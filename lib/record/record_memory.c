/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Frees and copies what records own, by their descriptions. */

#include <errno.h>
#include <string.h>

#include "record/record_private.h"

void record_clear_field(const struct record_field *field, void *record)
{
    char *at = member_at(field, record);
    char *owned = NULL;

    if (field->kind == RECORD_VERSION)
        return;
    if (field->kind == RECORD_ONE)
        record_clear(field->type, at);
    if (is_owner(field))
        memcpy(&owned, at, sizeof(owned));

    if (field->kind == RECORD_MANY && owned) {
        for (size_t i = 0; i < *count_at(field, record); i++)
            record_clear(field->type, owned + i * field->type->size);
    } else if (field->kind == RECORD_TEXTS && owned) {
        for (size_t i = 0; i < *count_at(field, record); i++)
            free(((char **)(void *)owned)[i]);
    }
    if (is_json(field))
        json_decref((json_t *)(void *)owned);
    else
        free(owned);
    if (has_count(field))
        *count_at(field, record) = 0;
    memset(at, 0, field->size);
}

void record_clear(const struct record_type *type, void *record)
{
    for (size_t i = 0; i < type->n_fields; i++)
        record_clear_field(&type->fields[i], record);
    memset(record, 0, type->size);
}

/* Clears the pointers of a shallow copy, which still point to what the original owns. */
static void disown(const struct record_type *type, void *record)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct record_field *field = &type->fields[i];

        if (field->kind == RECORD_ONE)
            disown(field->type, member_at(field, record));
        if (is_owner(field))
            memset(member_at(field, record), 0, field->size);
        if (has_count(field))
            *count_at(field, record) = 0;
    }
}

static int copy_owned(const struct record_type *type, const void *record, void *copy);

/* The count grows with each copied element, so that the copy can be cleared at any time. */
static int copy_list(const struct record_field *field, const char *list, size_t n, void *copy)
{
    size_t size = element_size(field);
    size_t *count = count_at(field, copy);
    char *elements = calloc(n + 1, size);

    if (!elements)
        return -ENOMEM;
    memcpy(member_at(field, copy), &elements, sizeof(elements));
    if (field->kind == RECORD_NUMBERS) {
        memcpy(elements, list, n * size);
        *count = n;
    }
    for (; *count < n; (*count)++) {
        size_t offset = *count * size;

        if (field->type) {
            if (record_copy(field->type, list + offset, elements + offset) < 0)
                return -ENOMEM;
        } else {
            char *text = strdup(((char *const *)(const void *)list)[*count]);

            if (!text)
                return -ENOMEM;
            memcpy(elements + offset, &text, sizeof(text));
        }
    }
    return 0;
}

static int copy_bytes(const struct record_field *field, const char *bytes, size_t size, void *copy)
{
    char *owned = malloc(size + 1);

    if (!owned)
        return -ENOMEM;
    memcpy(owned, bytes, size);
    owned[size] = '\0';
    memcpy(member_at(field, copy), &owned, sizeof(owned));
    if (has_count(field))
        *count_at(field, copy) = size;
    return 0;
}

static int copy_field(const struct record_field *field, const void *record, void *copy)
{
    char *owned;

    if (field->kind == RECORD_ONE)
        return copy_owned(field->type, member_at(field, record), member_at(field, copy));
    if (!is_owner(field))
        return 0;
    memcpy(&owned, member_at(field, record), sizeof(owned));
    if (!owned)
        return 0;

    if (field->kind == RECORD_TEXT)
        return copy_bytes(field, owned, strlen(owned), copy);
    if (field->kind == RECORD_BYTES)
        return copy_bytes(field, owned, *count_at(field, (void *)record), copy);
    if (!is_json(field))
        return copy_list(field, owned, *count_at(field, (void *)record), copy);
    json_incref((json_t *)(void *)owned);
    memcpy(member_at(field, copy), &owned, sizeof(owned));
    return 0;
}

static int copy_owned(const struct record_type *type, const void *record, void *copy)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < type->n_fields; i++)
        r = copy_field(&type->fields[i], record, copy);
    return r;
}

int record_copy(const struct record_type *type, const void *record, void *ret_copy)
{
    int r;

    memcpy(ret_copy, record, type->size);
    disown(type, ret_copy);
    r = copy_owned(type, record, ret_copy);
    if (r < 0)
        record_clear(type, ret_copy);
    return r;
}

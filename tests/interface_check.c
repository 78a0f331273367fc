/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A value against its type. What is absent is null: both are right where the type allows it. Input
 * with a field that nobody knows is refused, since whoever sent it meant something by it; in output
 * it would be ours, and is refused as well.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "control/varlink.h"
#include "interface.h"

/* Where in the value the checker is: a list from the inside out. */
struct place {
    const struct place *outer;
    const char *name; /* of a field, or NULL: `index` of an array */
    size_t index;
};

struct checker {
    const struct interface *interface;
    char **ret_field;
};

static int write_place(const struct place *place, FILE *stream)
{
    if (!place)
        return 0;
    write_place(place->outer, stream);
    if (place->name)
        return fprintf(stream, "%s%s", place->outer ? "." : "", place->name);
    return fprintf(stream, "[%zu]", place->index);
}

/* The value at the place is wrong. */
static int refuse(const struct checker *checker, const struct place *place)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return -ENOMEM;
    write_place(place, stream);
    if (fclose(stream) != 0) {
        free(text);
        return -ENOMEM;
    }
    *checker->ret_field = text;
    return -EINVAL;
}

static int check(const struct checker *checker, const struct type *type, const json_t *value,
                 const struct place *place, unsigned depth);

static int check_struct(const struct checker *checker, const struct type *type, const json_t *value,
                        const struct place *place, unsigned depth)
{
    const char *key;
    json_t *field;

    if (!json_is_object(value))
        return refuse(checker, place);
    json_object_foreach((json_t *)value, key, field)
    {
        if (!interface_find_field(type, key))
            return refuse(checker, &(struct place){place, key, 0});
    }
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct place inner = {place, type->fields[i].name, 0};
        int r = check(checker, &type->fields[i].type, json_object_get(value, type->fields[i].name),
                      &inner, depth + 1);

        if (r < 0)
            return r;
    }
    return 0;
}

static int check_elements(const struct checker *checker, const struct type *type,
                          const json_t *value, const struct place *place, unsigned depth)
{
    const char *key;
    json_t *element;
    size_t i;
    int r = 0;

    if (type->kind == TYPE_ARRAY ? !json_is_array(value) : !json_is_object(value))
        return refuse(checker, place);
    json_array_foreach(value, i, element)
    {
        r = check(checker, type->element, element, &(struct place){place, NULL, i}, depth + 1);
        if (r < 0)
            return r;
    }
    json_object_foreach((json_t *)value, key, element)
    {
        r = check(checker, type->element, element, &(struct place){place, key, 0}, depth + 1);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_named(const struct checker *checker, const struct type *type, const json_t *value,
                       const struct place *place, unsigned depth)
{
    const struct interface_method *named =
        interface_find(checker->interface, MEMBER_TYPE, type->name);

    return named ? check(checker, &named->input, value, place, depth + 1) : refuse(checker, place);
}

static int check(const struct checker *checker, const struct type *type, const json_t *value,
                 const struct place *place, unsigned depth)
{
    bool good = false;

    if (!value || json_is_null(value))
        return type->nullable ? 0 : refuse(checker, place);
    if (depth > VARLINK_DEPTH_MAX)
        return refuse(checker, place);

    switch (type->kind) {
    case TYPE_BOOL:
        good = json_is_boolean(value);
        break;
    case TYPE_INT:
        good = json_is_integer(value);
        break;
    case TYPE_FLOAT:
        good = json_is_number(value);
        break;
    case TYPE_STRING:
        /* A NUL within would cut the text short for whoever reads it. */
        good =
            json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
        break;
    case TYPE_OBJECT:
        good = json_is_object(value);
        break;
    case TYPE_ENUM:
        good = json_is_string(value) && interface_find_field(type, json_string_value(value));
        break;
    case TYPE_STRUCT:
        return check_struct(checker, type, value, place, depth);
    case TYPE_ARRAY:
    case TYPE_MAP:
        return check_elements(checker, type, value, place, depth);
    case TYPE_NAMED:
        return check_named(checker, type, value, place, depth);
    }
    return good ? 0 : refuse(checker, place);
}

int interface_check(const struct interface *interface, const struct interface_method *method,
                    bool input, const json_t *parameters, char **ret_field)
{
    const struct checker checker = {interface, ret_field};

    *ret_field = NULL;
    return check(&checker, input ? &method->input : &method->output, parameters, NULL, 0);
}

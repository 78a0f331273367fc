/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reading and writing the fields of JSON objects. A file of the state folder may be damaged in any
 * way, and each of its readers asks for a dozen fields: with the first problem remembered here, a
 * reader is a list of its fields and looks once, at the end, whether all went well.
 */

#include "daemon/record/fields.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/instant.h"
#include "base/sha256.h"
#include "base/text.h"

static int tell(char **ret_problem, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static int tell(char **ret_problem, const char *format, va_list arguments)
{
    char *problem;

    if (!ret_problem)
        return -EBADMSG;
    if (vasprintf(&problem, format, arguments) < 0)
        return -ENOMEM;

    *ret_problem = problem;
    return -EBADMSG;
}

int problem_tell(char **ret_problem, const char *format, ...)
{
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = tell(ret_problem, format, arguments);
    va_end(arguments);
    return r;
}

static int parse(const char *bytes, size_t size, size_t flags, json_t **ret_json, int *ret_line)
{
    json_error_t error;
    json_t *json;

    json = json_loadb(bytes, size, flags | JSON_REJECT_DUPLICATES, &error);
    if (json) {
        *ret_json = json;
        return 0;
    }

    /* Where the library found no memory it often says nothing at all. */
    if (json_error_code(&error) == json_error_out_of_memory || !*error.text)
        return -ENOMEM;
    *ret_line = error.line;
    return -EBADMSG;
}

int fields_parse(const char *bytes, size_t size, size_t flags, json_t **ret_json, int *ret_line)
{
    int r;

    r = parse(bytes, size, flags, ret_json, ret_line);
    /* No memory in the middle of a word looks like a mistake in it. Tried again, it fails at once.
     */
    return r == -EBADMSG ? parse(bytes, size, flags, ret_json, ret_line) : r;
}

struct fields fields_begin(const json_t *json, const char *place)
{
    struct fields fields = {.place = place};

    if (json_is_object(json))
        fields.object = json;
    else
        fields_fail(&fields, "%s is no object", place);
    return fields;
}

int fields_end(struct fields *fields, char **ret_problem)
{
    cleanup_(freep) char *problem = NULL;

    if (fields->result == 0 && json_object_size(fields->object) != fields->n_taken)
        fields_fail(fields, "%s has a key that is not known", fields->place);

    problem = TAKE_PTR(fields->problem);
    if (fields->result == -EBADMSG && ret_problem)
        *ret_problem = TAKE_PTR(problem);
    return fields->result;
}

void fields_fail(struct fields *fields, const char *format, ...)
{
    va_list arguments;

    if (fields->result < 0)
        return;

    va_start(arguments, format);
    fields->result = tell(&fields->problem, format, arguments);
    va_end(arguments);
}

void fields_join(struct fields *fields, int result, char *problem)
{
    if (result < 0 && fields->result == 0) {
        fields->result = result;
        fields->problem = problem;
    } else
        free(problem);
}

/* NULL where it is missing or something was wrong before. */
static const json_t *take(struct fields *fields, const char *key)
{
    const json_t *value;

    if (fields->result < 0)
        return NULL;

    value = json_object_get(fields->object, key);
    if (value)
        fields->n_taken++;
    else
        fields_fail(fields, "%s has no key \"%s\"", fields->place, key);
    return value;
}

static const json_t *check_type(struct fields *fields, const char *key, const json_t *value,
                                json_type type)
{
    if (value && json_typeof(value) == type)
        return value;
    fields_fail(fields, "\"%s\" of %s is of a wrong type", key, fields->place);
    return NULL;
}

const json_t *fields_value(struct fields *fields, const char *key, json_type type)
{
    return check_type(fields, key, take(fields, key), type);
}

const json_t *fields_value_or_null(struct fields *fields, const char *key, json_type type)
{
    const json_t *value = take(fields, key);

    return json_is_null(value) ? NULL : check_type(fields, key, value, type);
}

int64_t fields_number(struct fields *fields, const char *key, int64_t least, int64_t most)
{
    const json_t *value = fields_value(fields, key, JSON_INTEGER);
    int64_t number = json_integer_value(value);

    if (!value)
        return 0;
    if (number >= least && number <= most)
        return number;

    fields_fail(fields, "\"%s\" of %s is out of range", key, fields->place);
    return 0;
}

/* A text with a NUL in it would be another one for every reader. */
static const char *check_text(struct fields *fields, const char *key, const json_t *value)
{
    const char *text = json_string_value(value);

    if (!text || strlen(text) == json_string_length(value))
        return text;
    fields_fail(fields, "\"%s\" of %s holds a NUL", key, fields->place);
    return NULL;
}

const char *fields_text(struct fields *fields, const char *key)
{
    const char *text = check_text(fields, key, fields_value(fields, key, JSON_STRING));

    return text ? text : "";
}

const char *fields_text_or_null(struct fields *fields, const char *key)
{
    return check_text(fields, key, fields_value_or_null(fields, key, JSON_STRING));
}

const char *fields_sha256(struct fields *fields, const char *key, bool may_be_empty)
{
    const char *text = fields_text(fields, key);

    if (sha256_is_text(text) || (may_be_empty && !*text))
        return text;
    fields_fail(fields, "\"%s\" of %s is no SHA-256", key, fields->place);
    return "";
}

static usec_t parse_instant(struct fields *fields, const char *key, const char *text)
{
    usec_t instant = 0;

    if (text && instant_parse(text, &instant) < 0)
        fields_fail(fields, "\"%s\" of %s is no instant", key, fields->place);
    return instant;
}

usec_t fields_instant(struct fields *fields, const char *key)
{
    return parse_instant(fields, key,
                         check_text(fields, key, fields_value(fields, key, JSON_STRING)));
}

usec_t fields_instant_or_never(struct fields *fields, const char *key)
{
    const char *text = fields_text_or_null(fields, key);

    return text || fields->result < 0 ? parse_instant(fields, key, text) : USEC_NEVER;
}

int fields_put_number(json_t *object, const char *key, uint64_t number)
{
    /* JSON as jansson has it ends here; no counter of ours gets so far. */
    return json_object_set_new(object, key,
                               json_integer(number > INT64_MAX ? INT64_MAX : (int64_t)number));
}

int fields_put_text(json_t *object, const char *key, const char *text)
{
    cleanup_(freep) char *valid = text ? utf8_repair(text) : NULL;

    return json_object_set_new(object, key, text ? json_string(valid) : json_null());
}

int fields_put_instant(json_t *object, const char *key, usec_t instant)
{
    char text[INSTANT_TEXT_MAX];

    return fields_put_text(object, key,
                           instant == USEC_NEVER ? NULL : instant_format(instant, text));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Generations on their way back. What is read here may be enforced, at boot without anybody
 * looking, so it is as it was written or it is damaged: the digests of both files, every field, the
 * number in the name, and the fingerprint of the texts.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "daemon/record/document.h"
#include "daemon/record/fields.h"
#include "daemon/record/generation.h"
#include "daemon/record/generation_private.h"
#include "daemon/record/state.h"

static void take_version(struct fields *fields)
{
    if (fields_number(fields, "version", 1, INT64_MAX) > GENERATION_VERSION)
        fields_fail(fields, "%s is of a later version of segd", fields->place);
}

static void take_numbers(struct fields *fields, uint64_t expected, struct generation *generation)
{
    generation->number = (uint64_t)fields_number(fields, "number", 1, INT64_MAX);
    if (generation->number != expected)
        fields_fail(fields, "%s says that it is number %llu", fields->place,
                    (unsigned long long)generation->number);

    generation->previous = (uint64_t)fields_number(fields, "previous", 0, INT64_MAX);
    generation->source = (uint64_t)fields_number(fields, "source", 0, INT64_MAX);
    if (generation->previous >= generation->number || generation->source >= generation->number)
        fields_fail(fields, "%s comes from a generation after it", fields->place);
}

static void take_parts(struct fields *fields, struct generation *generation)
{
    const json_t *actor, *overrides;
    char *problem = NULL;
    int r;

    actor = fields_value(fields, "actor", JSON_OBJECT);
    if (actor) {
        r = actor_from_json(actor, &generation->actor, &problem);
        fields_join(fields, r, problem);
    }

    problem = NULL;
    overrides = fields_value(fields, "overrides", JSON_OBJECT);
    if (overrides) {
        r = overrides_parse_json(overrides, &generation->overrides, &problem);
        fields_join(fields, r, problem);
    }
}

int generation_from_json(const json_t *json, uint64_t number, struct generation *ret_generation,
                         char **ret_problem)
{
    cleanup_(generation_clear) struct generation generation = {0};
    char place[GENERATION_NAME_MAX];
    struct fields fields =
        fields_begin(json, generation_file_name(number, GENERATION_RECORD, place));
    const char *reason;
    int r;

    take_version(&fields);
    take_numbers(&fields, number, &generation);
    strcpy(generation.fingerprint, fields_sha256(&fields, "fingerprint", false));
    generation.when = fields_instant(&fields, "when");
    if (!generation_outcome_from_string(fields_text(&fields, "outcome"), &generation.outcome))
        fields_fail(&fields, "%s has an outcome that is not known", place);
    take_parts(&fields, &generation);

    reason = fields_text_or_null(&fields, "reason");
    generation.reason = reason ? strdup(reason) : NULL;
    if (reason && !generation.reason)
        fields_join(&fields, -ENOMEM, NULL);

    r = fields_end(&fields, ret_problem);
    if (r < 0)
        return r;

    *ret_generation = generation;
    generation = (struct generation){0};
    return 0;
}

int generations_read(struct generations *generations, uint64_t number,
                     struct generation *ret_generation, char **ret_problem)
{
    cleanup_(json_decrefp) json_t *json = NULL;
    char name[GENERATION_NAME_MAX];
    int r;

    r = document_read(generations->directory, generation_file_name(number, GENERATION_RECORD, name),
                      GENERATION_RECORD_MAX, false, &json, ret_problem);
    if (r < 0)
        return r;
    return generation_from_json(json, number, ret_generation, ret_problem);
}

static int text_from_json(const json_t *json, const char *place, struct policy_text *ret_text,
                          char **ret_problem)
{
    struct fields fields = fields_begin(json, place);
    cleanup_(freep) char *name = NULL, *text = NULL;
    const char *name_value;
    const json_t *value;
    size_t size;
    int r;

    name_value = fields_text(&fields, "name");
    value = fields_value(&fields, "text", JSON_STRING);
    r = fields_end(&fields, ret_problem);
    if (r < 0)
        return r;

    name = strdup(name_value);
    size = json_string_length(value);
    text = malloc(size + 1);
    if (!name || !text)
        return -ENOMEM;
    memcpy(text, json_string_value(value), size + 1);

    *ret_text = (struct policy_text){.name = TAKE_PTR(name), .text = TAKE_PTR(text), .size = size};
    return 0;
}

static int texts_from_json(const json_t *json, const char *place, struct policy_texts *ret_texts,
                           char **ret_problem)
{
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    struct fields fields = fields_begin(json, place);
    const json_t *list;
    int r;

    take_version(&fields);
    list = fields_value(&fields, "texts", JSON_ARRAY);
    r = fields_end(&fields, ret_problem);
    if (r < 0)
        return r;

    texts.texts = calloc(json_array_size(list) + 1, sizeof(*texts.texts));
    if (!texts.texts)
        return -ENOMEM;
    for (; texts.n_texts < json_array_size(list); texts.n_texts++) {
        r = text_from_json(json_array_get(list, texts.n_texts), place, &texts.texts[texts.n_texts],
                           ret_problem);
        if (r < 0)
            return r;
    }

    *ret_texts = texts;
    texts = (struct policy_texts){0};
    return 0;
}

int generations_read_texts(struct generations *generations, const struct generation *generation,
                           struct policy_texts *ret_texts, char **ret_problem)
{
    cleanup_(json_decrefp) json_t *json = NULL;
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    char name[GENERATION_NAME_MAX], fingerprint[SHA256_TEXT_MAX];
    int r;

    generation_file_name(generation->number, GENERATION_TEXTS, name);
    r = document_read(generations->directory, name, GENERATION_TEXTS_MAX, true, &json, ret_problem);
    if (r == -ENOENT)
        return problem_tell(ret_problem, "%s is missing", name);
    if (r < 0)
        return r;

    r = texts_from_json(json, name, &texts, ret_problem);
    if (r < 0)
        return r;

    policy_texts_fingerprint(texts.texts, texts.n_texts, fingerprint);
    if (strcmp(fingerprint, generation->fingerprint) != 0)
        return problem_tell(ret_problem,
                            "%s is not the policy of generation %llu: its fingerprint "
                            "is another",
                            name, (unsigned long long)generation->number);

    *ret_texts = texts;
    texts = (struct policy_texts){0};
    return 0;
}

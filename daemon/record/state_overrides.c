/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Overrides as JSON. They come back from a file that may be damaged, and a grant opens something:
 * what is not entirely as it was written is no overrides at all.
 */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/record/fields.h"
#include "daemon/record/state.h"

static json_t *names_to_json(char *const *names, size_t n_names)
{
    cleanup_(json_decrefp) json_t *json = json_array();

    for (size_t i = 0; i < n_names; i++) {
        if (json_array_append_new(json, json_string(names[i])) < 0)
            return NULL;
    }
    return TAKE_PTR(json);
}

struct json_t *override_to_json(const struct override *override)
{
    cleanup_(json_decrefp) json_t *json = json_object();

    if (fields_put_text(json, "kind", override_kind_to_string(override->kind)) < 0 ||
        fields_put_text(json, "name", override->name) < 0 ||
        fields_put_text(json, "reason", override->reason) < 0 ||
        json_object_set_new(json, "uid", json_integer(override->uid)) < 0 ||
        fields_put_text(json, "who", override->who) < 0 ||
        fields_put_instant(json, "since", override->since) < 0 ||
        fields_put_instant(json, "until", override->until) < 0 ||
        json_object_set_new(json, "keep", names_to_json(override->keep, override->n_keep)) < 0 ||
        fields_put_text(json, "text", override->text) < 0)
        return NULL;
    return TAKE_PTR(json);
}

struct json_t *overrides_to_json(const struct overrides *overrides)
{
    cleanup_(json_decrefp) json_t *json = json_object(), *list = json_array();

    for (size_t i = 0; i < overrides->n_overrides; i++) {
        if (json_array_append_new(list, override_to_json(&overrides->overrides[i])) < 0)
            return NULL;
    }
    if (fields_put_number(json, "next_grant", overrides->next_grant) < 0 ||
        json_object_set(json, "overrides", list) < 0)
        return NULL;
    return TAKE_PTR(json);
}

/* The texts of an array, borrowed; the array itself belongs to the caller. */
static void take_names(struct fields *fields, const char *key, char ***ret_names, size_t *ret_n)
{
    const json_t *array = fields_value(fields, key, JSON_ARRAY);
    size_t n = json_array_size(array);
    cleanup_(freep) char **names = NULL;

    names = calloc(n + 1, sizeof(*names));
    if (!names) {
        fields_join(fields, -ENOMEM, NULL);
        return;
    }

    for (size_t i = 0; i < n; i++) {
        names[i] = (char *)json_string_value(json_array_get(array, i));
        if (!names[i] || !*names[i]) {
            fields_fail(fields, "\"%s\" of %s holds what is no name", key, fields->place);
            return;
        }
    }

    *ret_names = TAKE_PTR(names);
    *ret_n = n;
}

/* What must fit together, whatever the types are. */
static void check_override(struct fields *fields, const struct override *override)
{
    bool is_grant = override->kind == OVERRIDE_GRANT;

    if (!*override->name)
        fields_fail(fields, "an override has an empty name");
    if (override->until < override->since)
        fields_fail(fields, "the override `%s` ends before it begins", override->name);
    if (override->n_keep > 0 && override->kind != OVERRIDE_ISOLATION)
        fields_fail(fields, "`%s` keeps flows and is no isolation", override->name);
    if (is_grant != (override->text != NULL))
        fields_fail(fields, "`%s` %s", override->name,
                    is_grant ? "is a grant without a text" : "has a text and is no grant");
    if (is_grant && override->until == USEC_NEVER)
        fields_fail(fields, "the grant `%s` has no end", override->name);
}

static int add_from_json(struct overrides *overrides, const json_t *json, char **ret_problem)
{
    struct fields fields = fields_begin(json, "an override");
    struct override override = {0};
    cleanup_(freep) char **keep = NULL;
    int r;

    if (!override_kind_from_string(fields_text(&fields, "kind"), &override.kind))
        fields_fail(&fields, "an override is of a kind that is not known");
    override.name = (char *)fields_text(&fields, "name");
    override.reason = (char *)fields_text_or_null(&fields, "reason");
    override.uid = fields_number(&fields, "uid", -1, UINT32_MAX);
    override.who = (char *)fields_text_or_null(&fields, "who");
    override.since = fields_instant(&fields, "since");
    override.until = fields_instant_or_never(&fields, "until");
    take_names(&fields, "keep", &keep, &override.n_keep);
    override.keep = keep;
    override.text = (char *)fields_text_or_null(&fields, "text");

    check_override(&fields, &override);
    r = fields_end(&fields, ret_problem);
    if (r < 0)
        return r;

    r = overrides_add(overrides, &override);
    if (r == -EEXIST)
        return problem_tell(ret_problem, "the override `%s` is there twice", override.name);
    return r;
}

int overrides_parse_json(const struct json_t *json, struct overrides *ret_overrides,
                         char **ret_problem)
{
    cleanup_(overrides_clear) struct overrides overrides = {0};
    struct fields fields = fields_begin(json, "the list of overrides");
    const json_t *list;
    int r;

    overrides.next_grant = (uint64_t)fields_number(&fields, "next_grant", 0, INT64_MAX);
    list = fields_value(&fields, "overrides", JSON_ARRAY);
    r = fields_end(&fields, ret_problem);

    for (size_t i = 0; r >= 0 && i < json_array_size(list); i++)
        r = add_from_json(&overrides, json_array_get(list, i), ret_problem);
    if (r < 0)
        return r;

    *ret_overrides = overrides;
    overrides = (struct overrides){0};
    return 0;
}

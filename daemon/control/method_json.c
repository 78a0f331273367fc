/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The daemon's objects as the types of the interface's description. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/instant.h"
#include "base/text.h"
#include "daemon/control/method.h"

json_t *method_text(const char *text)
{
    cleanup_(freep) char *valid = text ? utf8_repair(text) : NULL;

    return text ? json_string(valid) : json_null();
}

json_t *method_instant(usec_t instant)
{
    char text[INSTANT_TEXT_MAX];

    if (instant == USEC_NEVER || instant == 0)
        return json_null();
    return json_string(instant_format(instant, text));
}

json_t *method_actor(const struct actor *actor)
{
    return json_pack("{s:I, s:i, s:o}", "uid", (json_int_t)actor->uid, "pid", (int)actor->pid,
                     "name", method_text(actor->name));
}

json_t *method_generation(const struct gateway *gateway, const struct generation *generation)
{
    return json_pack(
        "{s:I, s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:b}", "number", (json_int_t)generation->number,
        "previous",
        generation->previous ? json_integer((json_int_t)generation->previous) : json_null(),
        "source", generation->source ? json_integer((json_int_t)generation->source) : json_null(),
        "fingerprint", generation->fingerprint, "actor", method_actor(&generation->actor), "when",
        method_instant(generation->when), "reason", method_text(generation->reason), "outcome",
        generation_outcome_to_string(generation->outcome), "current",
        gateway->current.number == generation->number);
}

json_t *method_confirmation(const struct gateway *gateway)
{
    const struct confirmation *confirmation = &gateway->state.confirmation;
    usec_t left;

    if (!confirmation->pending)
        return json_null();
    left = confirmation->deadline - calendar_clock(CLOCK_BOOTTIME);
    return json_pack(
        "{s:I, s:I, s:o, s:o, s:I}", "generation", (json_int_t)confirmation->generation, "previous",
        (json_int_t)confirmation->previous, "actor", method_actor(&confirmation->actor), "deadline",
        method_instant(confirmation->deadline_wall), "seconds",
        (json_int_t)(left > 0 ? left / USEC_PER_SEC : 0));
}

static json_t *texts_of(char *const *texts, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < n; i++) {
        if (json_array_append_new(array, json_string(texts[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

json_t *method_override(const struct override *override)
{
    usec_t age = calendar_now() - override->since;

    return json_pack(
        "{s:s, s:s, s:s, s:I, s:s, s:o, s:I, s:o, s:o, s:o}", "kind",
        override_kind_to_string(override->kind), "name", override->name, "reason",
        override->reason ? override->reason : "", "uid", (json_int_t) override->uid, "who",
        override->who, "since", method_instant(override->since), "age",
        (json_int_t)(age > 0 ? age / USEC_PER_SEC : 0), "until", method_instant(override->until),
        "keep", texts_of(override->keep, override->n_keep), "text", method_text(override->text));
}

json_t *method_overrides(const struct overrides *overrides)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < overrides->n_overrides; i++) {
        if (json_array_append_new(array, method_override(&overrides->overrides[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

json_t *method_findings(const struct gateway *gateway)
{
    const struct finding *const *list;
    size_t n = findings_list(gateway->findings, &list);
    json_t *array = json_array();

    for (size_t i = 0; array && i < n; i++) {
        json_t *finding = json_pack(
            "{s:s, s:s, s:o, s:o, s:o}", "code", list[i]->code, "severity",
            finding_severity_to_string(list[i]->severity), "object", method_text(list[i]->object),
            "message", method_text(list[i]->message), "since", method_instant(list[i]->since));

        if (json_array_append_new(array, finding) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* The line that a diagnostic speaks of, without its end. */
static json_t *source_line(const struct sources *sources, struct location location)
{
    const char *text, *end;
    size_t size, offset;
    json_t *line;

    if (!sources || location.line == 0)
        return json_null();
    location.column = 1;
    if (sources_find(sources, location, &offset) < 0)
        return json_null();
    text = sources_text(sources, location.source, &size);
    end = memchr(text + offset, '\n', size - offset);
    line = json_stringn(text + offset, (end ? (size_t)(end - text) : size) - offset);
    /* None where it is no UTF-8, which another diagnostic tells of. */
    return line ? line : json_null();
}

/* A place and what is said of it; nulls where there is none. */
static json_t *place_json(const struct outcome *outcome, struct location at, const char *message)
{
    const char *file =
        at.line > 0 && outcome->sources && at.source < sources_count(outcome->sources)
            ? sources_name(outcome->sources, at.source)
            : NULL;

    return json_pack("{s:o, s:i, s:i, s:o, s:o}", "file", method_text(file), "line", (int)at.line,
                     "column", (int)at.column, "message", method_text(message), "source",
                     source_line(file ? outcome->sources : NULL, at));
}

static json_t *diagnostic_json(const struct outcome *outcome, const struct diagnostic *diagnostic)
{
    cleanup_(json_decrefp) json_t *place =
        place_json(outcome, diagnostic->location, diagnostic->message);
    json_t *related = diagnostic->related.line > 0
                          ? place_json(outcome, diagnostic->related, diagnostic->related_message)
                          : json_null();
    json_t *json =
        json_pack("{s:s, s:s, s:o, s:o}", "severity",
                  diagnostic->severity == SEVERITY_ERROR ? "error" : "warning", "code",
                  diagnostic->code, "remedy", method_text(diagnostic->remedy), "related", related);

    if (!place || !json || json_object_update(json, place) < 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

json_t *method_diagnostics(const struct outcome *outcome)
{
    const struct diagnostic *list = NULL;
    size_t n = outcome->diagnostics ? diagnostics_list(outcome->diagnostics, &list) : 0;
    json_t *array = json_array();

    for (size_t i = 0; array && i < n; i++) {
        if (json_array_append_new(array, diagnostic_json(outcome, &list[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* Appends to an array; what could not be made leaves none. Steals both. */
static json_t *appended(json_t *array, json_t *item)
{
    if (json_array_append_new(array, item) < 0) {
        json_decref(array);
        return NULL;
    }
    return array;
}

static json_t *items_json(const struct field_items *items)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < items->n; i++)
        array = appended(array, method_text(items->items[i]));
    return array;
}

static json_t *fields_json(const struct policy_change *change)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < change->n_fields; i++) {
        const struct field_change *field = &change->fields[i];

        array = appended(
            array,
            json_pack("{s:s, s:o, s:o, s:o, s:o, s:I}", "field", field->field, "before",
                      method_text(field->before), "after", method_text(field->after), "added",
                      items_json(&field->added), "removed", items_json(&field->removed), "left_out",
                      (json_int_t)(field->added.n_left_out + field->removed.n_left_out)));
    }
    return array;
}

/* What flows and other objects have in common. */
static json_t *change_json(const struct policy_change *change)
{
    return json_pack("{s:s, s:o, s:o, s:b, s:b, s:b, s:o}", "change",
                     policy_change_kind_to_string(change->kind), "name", method_text(change->name),
                     "detail", method_text(change->detail), "packets", change->packets, "widens",
                     change->widens, "narrows", change->narrows, "fields", fields_json(change));
}

static json_t *flow_change_json(const struct policy_change *change)
{
    json_t *json = change_json(change);

    if (json_object_set_new(json, "before", method_text(change->before)) < 0 ||
        json_object_set_new(json, "label", method_text(change->label)) < 0 ||
        json_object_set_new(json, "approval", method_text(change->approval)) < 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *object_change_json(const struct policy_change *change)
{
    json_t *json = change_json(change);

    if (json_object_set_new(json, "kind", json_string(policy_subject_to_string(change->subject))) <
        0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* `zone school: networks +10.5.0.0/16`, `gateway: protect false → true` */
static json_t *zone_sentence(const struct policy_change *change)
{
    return json_sprintf("%s%s: %s", change->subject == SUBJECT_ZONE ? "zone " : "", change->name,
                        change->detail ? change->detail
                                       : policy_change_kind_to_string(change->kind));
}

json_t *method_with_changes(json_t *reply, const struct policy_changes *changes)
{
    json_t *flows = json_array(), *zones = json_array(), *objects = json_array();
    size_t n = changes ? changes->n_changes : 0;

    for (size_t i = 0; i < n; i++) {
        const struct policy_change *change = &changes->changes[i];

        if (change->subject == SUBJECT_FLOW && flows) {
            flows = appended(flows, flow_change_json(change));
            continue;
        }
        if ((change->subject == SUBJECT_ZONE || change->subject == SUBJECT_GATEWAY) && zones)
            zones = appended(zones, zone_sentence(change));
        if (change->subject != SUBJECT_FLOW && objects)
            objects = appended(objects, object_change_json(change));
    }
    if ((json_object_set_new(reply, "changed", json_boolean(n > 0)) |
         json_object_set_new(reply, "changes", flows) | json_object_set_new(reply, "zones", zones) |
         json_object_set_new(reply, "objects", objects)) < 0) {
        json_decref(reply);
        return NULL;
    }
    return reply;
}

const char *method_get_text(const json_t *parameters, const char *field)
{
    return json_string_value(json_object_get(parameters, field));
}

json_int_t method_get_number(const json_t *parameters, const char *field, json_int_t missing)
{
    const json_t *number = json_object_get(parameters, field);

    return json_is_integer(number) ? json_integer_value(number) : missing;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Shows what differs between two policies as structures of the wire and of the audit log. */

#include "daemon/change/changes.h"

#include <errno.h>

#include "base/arena.h"
#include "base/cleanup.h"

/* One entry of the audit log names at most so many flows, and has the number of all. */
#define NAMED_MAX 100

static int show_fields(struct arena *arena, const struct policy_change *change,
                       struct wire_change *shown)
{
    shown->fields = arena_allocate(arena, change->n_fields * sizeof(*shown->fields));
    if (!shown->fields)
        return -ENOMEM;
    for (size_t i = 0; i < change->n_fields; i++) {
        const struct field_change *field = &change->fields[i];

        shown->fields[shown->n_fields++] = (struct wire_field_change){
            .field = (char *)field->field,
            .before = (char *)field->before,
            .after = (char *)field->after,
            .added = (char **)field->added.items,
            .removed = (char **)field->removed.items,
            .n_added = field->added.n,
            .n_removed = field->removed.n,
            .left_out = field->added.n_left_out + field->removed.n_left_out,
        };
    }
    return 0;
}

static struct wire_change show(const struct policy_change *change)
{
    return (struct wire_change){
        .kind = (char *)policy_subject_to_string(change->subject),
        .change = (char *)policy_change_kind_to_string(change->kind),
        .name = (char *)change->name,
        .before = (char *)change->before,
        .label = (char *)change->label,
        .approval = (char *)change->approval,
        .detail = (char *)change->detail,
        .packets = change->packets,
        .widens = change->widens,
        .narrows = change->narrows,
    };
}

/* `zone school: networks +10.5.0.0/16`, `gateway: protect false → true` */
static char *zone_sentence(struct arena *arena, const struct policy_change *change)
{
    return arena_printf(
        arena, "%s%s: %s", change->subject == SUBJECT_ZONE ? "zone " : "", change->name,
        change->detail ? change->detail : policy_change_kind_to_string(change->kind));
}

int changes_show(struct arena *arena, const struct policy_changes *changes,
                 struct change_reply *reply)
{
    size_t n = changes ? changes->n_changes : 0;
    int r = 0;

    reply->changed = n > 0;
    reply->changes = arena_allocate(arena, n * sizeof(*reply->changes));
    reply->objects = arena_allocate(arena, n * sizeof(*reply->objects));
    reply->zones = arena_allocate(arena, n * sizeof(*reply->zones));
    if (!reply->changes || !reply->objects || !reply->zones)
        return -ENOMEM;

    for (size_t i = 0; r == 0 && i < n; i++) {
        const struct policy_change *change = &changes->changes[i];
        bool is_flow = change->subject == SUBJECT_FLOW;
        struct wire_change *shown =
            is_flow ? &reply->changes[reply->n_changes++] : &reply->objects[reply->n_objects++];

        *shown = show(change);
        r = show_fields(arena, change, shown);
        if (change->subject != SUBJECT_ZONE && change->subject != SUBJECT_GATEWAY)
            continue;
        reply->zones[reply->n_zones] = zone_sentence(arena, change);
        if (!reply->zones[reply->n_zones++])
            return -ENOMEM;
    }
    return r;
}

static json_t *flows_json(const struct policy_changes *changes, size_t *ret_n)
{
    json_t *list = json_array();
    size_t n = 0;

    for (size_t i = 0; list && changes && i < changes->n_changes; i++) {
        struct wire_change shown = show(&changes->changes[i]);

        if (changes->changes[i].subject != SUBJECT_FLOW || n++ >= NAMED_MAX)
            continue;
        if (json_array_append_new(
                list, record_encode(&wire_change_summary_type, &shown, RECORD_WIRE)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    *ret_n = n;
    return list;
}

static json_t *closings_json(const struct outcome *outcome)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < outcome->n_closings; i++) {
        if (json_array_append_new(
                list, record_encode(&wire_closing_type, &outcome->closings[i], RECORD_WIRE)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int changes_add_to_detail(const struct outcome *outcome, json_t *detail)
{
    size_t n = 0;

    if (json_object_set_new(detail, "flows", flows_json(outcome->changes, &n)) < 0 ||
        json_object_set_new(detail, "number", json_integer((json_int_t)n)) < 0)
        return -ENOMEM;
    if (outcome->n_closings > 0 &&
        json_object_set_new(detail, "closings", closings_json(outcome)) < 0)
        return -ENOMEM;
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The method GetDenials: who was refused what, now and as it happens. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/compare.h"
#include "daemon/control/method.h"
#include "diagram/service_span.h"
#include "observe/drop_counters.h"

#define DENIALS_MAX 1000
/* Between two replies to a follower. */
#define TELL_USEC 1000000

/* What is asked for. */
struct filter {
    char *zone;         /* NULL: any */
    enum reason reason; /* REASON_NONE: any */
    usec_t since;
    uint64_t after; /* changes after this number */
    size_t limit;
};

/* A call that wants more. */
struct denial_follower {
    struct control *control;
    struct denial_follower *next;
    struct call *call;
    struct filter filter; /* owns the name */
    int64_t told;         /* by CLOCK_MONOTONIC */
};

/* Denials that pass the filter: first the numbers of their changes, then the latest of them. */
struct chosen {
    const struct filter *filter;
    uint64_t *changes;
    size_t n_changes, changes_capacity;
    uint64_t least; /* of the changes that are shown */
    struct denial *denials;
    size_t n_denials, denials_capacity;
};

static void chosen_clear(struct chosen *chosen)
{
    free(chosen->changes);
    free(chosen->denials);
}

static bool passes(const struct filter *filter, const struct denial *denial)
{
    return denial->change > filter->after && denial->last >= filter->since &&
           (filter->reason == REASON_NONE || filter->reason == denial->reason) &&
           (!filter->zone || strcmp(denial->from, filter->zone) == 0 ||
            strcmp(denial->to, filter->zone) == 0);
}

static int add_change(const struct denial *denial, void *userdata)
{
    struct chosen *chosen = userdata;

    if (!passes(chosen->filter, denial))
        return 0;
    return array_append(&chosen->changes, &chosen->n_changes, &chosen->changes_capacity,
                        &denial->change, sizeof(denial->change));
}

static int add_denial(const struct denial *denial, void *userdata)
{
    struct chosen *chosen = userdata;

    if (!passes(chosen->filter, denial) || denial->change < chosen->least)
        return 0;
    return array_append(&chosen->denials, &chosen->n_denials, &chosen->denials_capacity, denial,
                        sizeof(*denial));
}

static int compare_changes(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return COMPARE(*y, *x);
}

static int compare_denials(const void *a, const void *b)
{
    const struct denial *x = a, *y = b;

    return COMPARE(y->change, x->change);
}

/* The latest ones first. Returns 0 or -ENOMEM. */
static int choose(const struct denials *denials, struct chosen *chosen)
{
    size_t limit = chosen->filter->limit;
    int r = denials_each(denials, add_change, chosen);

    if (chosen->n_changes > limit) {
        qsort(chosen->changes, chosen->n_changes, sizeof(*chosen->changes), compare_changes);
        chosen->least = chosen->changes[limit - 1];
    }
    if (r == 0)
        r = denials_each(denials, add_denial, chosen);
    if (r == 0 && chosen->n_denials > 1)
        qsort(chosen->denials, chosen->n_denials, sizeof(*chosen->denials), compare_denials);
    return r;
}

static int show(struct arena *arena, const struct denial *denial, struct wire_denial *shown)
{
    struct service_span span = {SERVICE_NUMBER(denial->protocol, denial->port),
                                SERVICE_NUMBER(denial->protocol, denial->port)};
    char source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX], service[SERVICE_TEXT_MAX];

    service_span_take(&span, denial->family, service);
    *shown = (struct wire_denial){
        .reason = (char *)reason_to_string(denial->reason),
        .from = *denial->from ? arena_string(arena, denial->from) : NULL,
        .to = *denial->to ? arena_string(arena, denial->to) : NULL,
        .source = arena_string(arena, address_format(denial->family, denial->source, source)),
        .destination =
            arena_string(arena, address_format(denial->family, denial->destination, destination)),
        .service = arena_string(arena, service),
        .count = denial->count,
        .over = denial->over,
        .first = denial->first,
        .last = denial->last,
    };
    return (*denial->from && !shown->from) || (*denial->to && !shown->to) || !shown->source ||
                   !shown->destination || !shown->service
               ? -ENOMEM
               : 0;
}

/* Fills the reply; its lists are the arena's. Returns 0 or -ENOMEM. */
static int fill(struct gateway *gateway, const struct filter *filter, struct arena *arena,
                struct denials_reply *reply)
{
    cleanup_(chosen_clear) struct chosen chosen = {.filter = filter};
    int r = gateway->denied.denials ? choose(gateway->denied.denials, &chosen) : 0;

    for (size_t i = 0; r == 0 && i < chosen.n_denials; i++) {
        struct wire_denial *shown =
            arena_add(arena, &reply->denials, &reply->n_denials, sizeof(*shown));

        r = shown ? show(arena, &chosen.denials[i], shown) : -ENOMEM;
    }
    /* If the kernel cannot be read now, such as during a change, the last number will do. */
    drop_counters_read_unlogged(enforcement_nftables(gateway->enforcement),
                                &gateway->denied.unlogged);
    reply->since = gateway->denied.since;
    reply->lost = gateway->denied.lost;
    reply->unlogged = gateway->denied.unlogged;
    return r;
}

static void unlink_follower(struct denial_follower *follower)
{
    struct denial_follower **link = &follower->control->denial_followers;

    while (*link && *link != follower)
        link = &(*link)->next;
    if (*link)
        *link = follower->next;
    free(follower->filter.zone);
    free(follower);
}

static void on_gone(struct call *call, void *userdata)
{
    (void)call;
    unlink_follower(userdata);
}

/* Sends what changed since the follower was last told. */
static int tell(struct denial_follower *follower, int64_t now)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct gateway *gateway = follower->control->gateway;
    struct denials_reply reply = {0};
    int r = arena_new(&arena);

    if (r == 0)
        r = fill(gateway, &follower->filter, arena, &reply);
    if (r < 0)
        return r;
    follower->told = now;
    if (gateway->denied.denials)
        follower->filter.after = denials_change(gateway->denied.denials);
    return call_continue(follower->call, record_encode(&denials_reply_type, &reply, RECORD_WIRE));
}

void denial_followers_tell(struct control *control)
{
    const struct denials *denials = control->gateway->denied.denials;
    struct denial_follower *follower = control->denial_followers;
    int64_t now = follower ? calendar_clock(CLOCK_MONOTONIC) : 0;

    while (follower) {
        struct denial_follower *next = follower->next;
        struct call *call = follower->call;

        if (denials && denials_change(denials) > follower->filter.after &&
            now - follower->told >= TELL_USEC && tell(follower, now) < 0) {
            unlink_follower(follower);
            call_error(call, "Refused",
                       json_pack("{s:s}", "message", "denials were not read in time; ask again"));
        }
        follower = next;
    }
}

void denial_followers_clear(struct control *control)
{
    while (control->denial_followers) {
        call_keep(control->denial_followers->call, NULL, NULL);
        unlink_follower(control->denial_followers);
    }
}

static int follow(struct call *call, struct control *control, const struct filter *filter)
{
    struct denial_follower *follower = calloc(1, sizeof(*follower));
    int r;

    if (!follower)
        return -ENOMEM;
    *follower = (struct denial_follower){control, control->denial_followers, call, *filter, 0};
    if (filter->zone && !(follower->filter.zone = strdup(filter->zone))) {
        free(follower);
        return -ENOMEM;
    }
    control->denial_followers = follower;
    r = tell(follower, calendar_clock(CLOCK_MONOTONIC));
    if (r < 0)
        unlink_follower(follower);
    else
        call_keep(call, on_gone, follower);
    return r;
}

static bool has_zone(const struct gateway *gateway, const char *name)
{
    const struct policy *outline = enforcement_outline(gateway->enforcement);

    for (size_t i = 0; outline && i < outline->n_zones; i++)
        if (strcmp(outline->zones[i].name, name) == 0)
            return true;
    return strcmp(name, "gateway") == 0;
}

static int not_found(struct call *call, const char *what, const char *name)
{
    char message[256];

    snprintf(message, sizeof(message), "there is no %s `%.100s`", what, name);
    return call_error(call, "NotFound", json_pack("{s:s}", "message", message));
}

int method_get_denials(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    const struct denials_parameters *asked = parameters;
    struct gateway *gateway = method_gateway(userdata);
    struct denials_reply reply = {0};
    struct filter filter = {.zone = asked->zone, .limit = DENIALS_MAX};
    usec_t now = gateway_now(gateway);
    int r;

    if (asked->zone && !has_zone(gateway, asked->zone))
        return not_found(call, "zone", asked->zone);
    for (enum reason reason = REASON_NONE + 1; asked->reason && reason < REASONS; reason++)
        if (strcmp(asked->reason, reason_to_string(reason)) == 0)
            filter.reason = reason;
    if (asked->reason && filter.reason == REASON_NONE)
        return not_found(call, "reason", asked->reason);
    if (asked->seconds > 0 && asked->seconds < now / USEC_PER_SEC)
        filter.since = now - asked->seconds * USEC_PER_SEC;
    if (asked->limit > 0 && asked->limit < DENIALS_MAX)
        filter.limit = (size_t)asked->limit;

    if (call_wants_more(call))
        return follow(call, userdata, &filter);
    r = arena_new(&arena);
    if (r == 0)
        r = fill(gateway, &filter, arena, &reply);
    return r < 0 ? r : call_reply(call, &reply);
}

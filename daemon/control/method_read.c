/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Methods that read what is enforced, and earlier generations. None of them changes anything. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/change/kept.h"
#include "daemon/control/method.h"
#include "observe/live.h"
#include "ruleset/compile.h"

static int list_expiring(struct arena *arena, const struct gateway *gateway,
                         struct status_reply *status)
{
    usec_t now = calendar_now();

    for (size_t i = 0; i < gateway->agenda.n_expiring; i++) {
        const struct expiring *flow = &gateway->agenda.expiring[i];
        struct expiring *shown =
            arena_add(arena, &status->expiring, &status->n_expiring, sizeof(*shown));

        if (!shown)
            return -ENOMEM;
        *shown = *flow;
        shown->days = (flow->expires - now) / USEC_PER_SEC / 86400;
    }
    return 0;
}

/* The number of flows that pass now. */
static size_t count_live(const struct gateway *gateway)
{
    const struct policy *outline = enforcement_outline(gateway->enforcement);
    const struct live_sets live = live_sets_of(enforcement_ruleset(gateway->enforcement));
    size_t n = 0;

    for (size_t i = 0; outline && i < outline->n_marks; i++)
        n += live_find(&live, outline->marks[i].id) != NULL;
    return n;
}

/* Fields that are null in a lockdown. */
static void fill_policy(const struct gateway *gateway, struct status_reply *status)
{
    const struct generation *current = &gateway->current;

    status->reason = current->reason;
    if (current->number == 0)
        return;
    status->generation = current->number;
    status->fingerprint = (char *)current->fingerprint;
    status->since = current->when;
    status->actor = current->actor;
}

/* Nothing where the kernel does not tell. */
static void read_table(const struct gateway *gateway, struct wire_table *ret_table)
{
    struct conntrack_table table;

    if (gateway->conntrack && conntrack_read_table(gateway->conntrack, &table) == 0)
        *ret_table = (struct wire_table){table.count, table.max};
}

int method_get_status(struct call *call, const void *parameters, void *userdata)
{
    struct gateway *gateway = method_gateway(userdata);
    const struct policy *outline = enforcement_outline(gateway->enforcement);
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct status_reply status = {
        .version = (char *)SEGD_VERSION,
        .mode = (char *)(outline ? "enforcing" : "lockdown"),
        .site = (char *)(outline ? outline->site : NULL),
        .flows = gateway->agenda.n_flows,
        .live = count_live(gateway),
        .n_overrides = gateway->state.overrides.n_overrides,
        .drift = gateway->drift,
        .confirmation = method_confirmation(gateway),
        .audit = {.head = (char *)""},
        .policy = (char *)gateway->options.policy_path,
        .owned = enforcement_owns(gateway->enforcement),
    };

    int r = arena_new(&arena);

    (void)parameters;
    fill_policy(gateway, &status);
    read_table(gateway, &status.connections);
    if (gateway->audit)
        status.audit =
            (struct wire_audit){audit_sequence(gateway->audit), (char *)audit_head(gateway->audit)};
    status.n_findings = findings_list(gateway->findings, &status.findings);
    if (r == 0)
        r = method_zones(arena, gateway, &status.zones, &status.n_zones);
    if (r == 0)
        r = method_overrides(arena, &gateway->state.overrides, &status.overrides);
    if (r == 0)
        r = list_expiring(arena, gateway, &status);
    return r < 0 ? r : call_reply(call, &status);
}

int method_get_policy(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    cleanup_(generation_clear) struct generation generation = {0};
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    cleanup_(arena_freep) struct arena *arena = NULL;
    const struct generation_parameters *asked = parameters;
    struct gateway *gateway = method_gateway(userdata);
    int64_t number = asked->generation ? asked->generation : (int64_t)gateway->current.number;
    struct policy_reply reply = {.n_overrides = gateway->state.overrides.n_overrides};
    int r = arena_new(&arena);

    if (r == 0 && (number <= 0 || !gateway->generations))
        r = outcome_set(&outcome, OUTCOME_NOT_FOUND, "no generation is enforced");
    if (r == 0)
        r = kept_read(gateway, (uint64_t)number, &generation, &outcome, &texts, NULL);
    if (r == 0)
        r = method_overrides(arena, &gateway->state.overrides, &reply.overrides);
    reply.generation = generation.number;
    reply.fingerprint = generation.fingerprint;
    reply.texts = texts.texts;
    reply.n_texts = texts.n_texts;
    return method_answer(call, userdata, r, &outcome, &reply);
}

static void history_clear(struct history_reply *history)
{
    for (size_t i = 0; i < history->n_generations; i++)
        generation_clear(&history->generations[i]);
    free(history->generations);
}

/* The kept generations, newest first, without those that cannot be read. */
int method_get_history(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(history_clear) struct history_reply history = {0};
    cleanup_(freep) uint64_t *numbers = NULL;
    struct gateway *gateway = method_gateway(userdata);
    size_t n = 0;
    int r = gateway->generations ? generations_list(gateway->generations, &numbers, &n) : 0;

    (void)parameters;
    if (r < 0)
        return r;
    history.generations = calloc(n + 1, sizeof(*history.generations));
    if (!history.generations)
        return -ENOMEM;
    for (size_t i = n; i-- > 0;) {
        struct generation generation;

        if (generations_read(gateway->generations, numbers[i], &generation, NULL) == 0)
            history.generations[history.n_generations++] = method_generation(gateway, &generation);
    }
    return call_reply(call, &history);
}

/* The reply, and the arena of its lists. */
struct verification {
    struct verify_reply reply;
    struct arena *arena;
};

static int add_difference(const char *object, const char *message, void *userdata)
{
    struct verification *found = userdata;
    struct wire_difference *shown = arena_add(found->arena, &found->reply.differences,
                                              &found->reply.n_differences, sizeof(*shown));

    if (!shown)
        return -ENOMEM;
    shown->object = arena_string(found->arena, object);
    shown->message = arena_string(found->arena, message);
    return shown->object && shown->message ? 0 : -ENOMEM;
}

int method_verify(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct gateway *gateway = method_gateway(userdata);
    size_t n = 0;
    int r = arena_new(&arena);
    struct verification found = {.arena = arena};

    (void)parameters;
    if (r == 0)
        r = enforcement_verify(gateway->enforcement, add_difference, &found, &n);
    /* segd may have committed since the worker began. */
    if ((r == -EAGAIN || (r == 0 && n > 0)) && call_may_run_again(call) &&
        !enforcement_is_unchanged(gateway->enforcement))
        return -ESTALE;
    if (r < 0)
        return method_unreadable(call, r);
    found.reply.ok = n == 0;
    found.reply.generation = gateway->current.number;
    found.reply.n_findings = findings_list(gateway->findings, &found.reply.findings);
    return call_reply(call, &found.reply);
}

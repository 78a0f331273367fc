/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Methods that change what is enforced: each passes its parameters to a change and replies with the
 * outcome. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "daemon/change/apply.h"
#include "daemon/change/changes.h"
#include "daemon/change/confirm.h"
#include "daemon/change/override.h"
#include "daemon/control/method.h"

/* The longest time that a client may give, so that nothing overflows. */
#define SECONDS_MAX (366 * 86400)

/* Whether the call would have changed something. Refused calls that only read are not audited. */
static bool is_change(const struct call *call)
{
    const struct method *method = call_method(call);

    return method->role > ROLE_VIEWER && method->handler != method_plan;
}

static int refuse(struct call *call, const char *error, const struct outcome *outcome,
                  json_t *parameters)
{
    if (is_change(call))
        call_tell_refused(call, outcome->message, outcome_to_string(outcome));
    return call_error(call, error, parameters);
}

static json_t *message_of(const struct outcome *outcome)
{
    return json_pack("{s:o}", "message", record_encode_text(outcome->message));
}

static json_t *diagnostics_of(const struct outcome *outcome)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct change_reply reply = {0};

    if (arena_new(&arena) < 0 ||
        method_diagnostics(arena, outcome, &reply.diagnostics, &reply.n_diagnostics) < 0)
        return NULL;
    return record_encode(&invalid_policy_type, &reply, RECORD_WIRE);
}

static json_t *confirmation_of(const struct gateway *gateway)
{
    const struct confirmation confirmation = method_confirmation(gateway);

    return json_pack("{s:o}", "confirmation",
                     record_encode(&confirmation_type, &confirmation, RECORD_WIRE));
}

int method_answer(struct call *call, struct control *control, int result,
                  const struct outcome *outcome, const void *reply)
{
    if (result < 0)
        return result;

    switch (outcome->kind) {
    case OUTCOME_DONE:
        return call_reply(call, reply);
    case OUTCOME_INVALID:
        return refuse(call, "InvalidPolicy", outcome, diagnostics_of(outcome));
    case OUTCOME_BUSY:
        return refuse(call, "Busy", outcome, confirmation_of(control->gateway));
    case OUTCOME_NOT_FOUND:
        return refuse(call, "NotFound", outcome, message_of(outcome));
    case OUTCOME_REFUSED:
        return refuse(call, "Refused", outcome, message_of(outcome));
    case OUTCOME_KERNEL:
        return refuse(call, "KernelRefused", outcome,
                      json_pack("{s:o, s:o, s:i}", "message", record_encode_text(outcome->message),
                                "file", record_encode_text(outcome_refused_file(outcome)), "line",
                                (int)outcome->refused.line));
    case OUTCOME_STORAGE:
        return refuse(call, "StorageFailed", outcome, message_of(outcome));
    }
    return -EINVAL;
}

int method_unreadable(struct call *call, int error)
{
    if (error == -ENOMEM)
        return error;
    return call_error(call, "KernelRefused",
                      json_pack("{s:s, s:n, s:i}", "message", strerror(-error), "file", "line", 0));
}

/* Converts seconds to a span; refuses a number that is out of range. */
static int convert_span(int64_t seconds, struct outcome *outcome, usec_t *ret_span)
{
    if (seconds < 0 || seconds > SECONDS_MAX)
        return outcome_set(outcome, OUTCOME_REFUSED, "a time must be between 0 and %d seconds",
                           SECONDS_MAX);
    *ret_span = seconds * USEC_PER_SEC;
    return 0;
}

/* Answers with what a change of the policy did, or would do. */
static int answer_change(struct call *call, struct control *control, int result,
                         const struct outcome *outcome)
{
    const struct gateway *gateway = control->gateway;
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct change_reply reply = {
        .generation = method_generation(gateway, &gateway->current),
        .compared = gateway->current.number,
        .made = !outcome->is_enforced_already,
        .closings = outcome->closings,
        .n_closings = outcome->n_closings,
        .cut = outcome->cut,
        .fingerprint = (char *)outcome->fingerprint,
        .confirmation = method_confirmation(gateway),
    };
    int r = arena_new(&arena);

    if (r == 0)
        r = method_diagnostics(arena, outcome, &reply.diagnostics, &reply.n_diagnostics);
    if (r == 0)
        r = changes_show(arena, outcome->changes, &reply);
    if (r == 0)
        r = method_connections(arena, gateway, outcome->connections, outcome->n_connections,
                               &reply.connections, &reply.n_connections);
    return method_answer(call, control, r < 0 ? r : result, outcome, &reply);
}

int method_plan(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    const struct policy_parameters *asked = parameters;
    int r = change_plan(method_gateway(userdata), asked->texts, asked->n_texts, &outcome);

    return answer_change(call, userdata, r, &outcome);
}

int method_diff(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    const struct diff_parameters *asked = parameters;
    int r = 0;

    if (asked->from <= 0 || asked->to <= 0)
        outcome_set(&outcome, OUTCOME_NOT_FOUND, "generations are numbered from 1");
    else
        r = change_compare(method_gateway(userdata), (uint64_t)asked->from, (uint64_t)asked->to,
                           &outcome);
    return answer_change(call, userdata, r, &outcome);
}

int method_apply(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    const struct policy_parameters *asked = parameters;
    struct apply_request request = {
        .texts = asked->texts,
        .n_texts = asked->n_texts,
        .reason = asked->reason,
        .connections = call_newest_connection(call),
    };
    int r = convert_span(asked->confirm, &outcome, &request.confirm);

    if (r == 0)
        r = change_apply(method_gateway(userdata), call_actor(call), &request, &outcome);
    return answer_change(call, userdata, r, &outcome);
}

int method_rollback(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    const struct generation_parameters *asked = parameters;
    struct gateway *gateway = method_gateway(userdata);
    int r = 0;

    if (asked->generation < 0)
        outcome_set(&outcome, OUTCOME_NOT_FOUND, "generations are numbered from 1");
    else
        r = change_roll_back(gateway, call_actor(call), (uint64_t)asked->generation, asked->reason,
                             &outcome);
    return answer_change(call, userdata, r, &outcome);
}

int method_confirm(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    struct gateway *gateway = method_gateway(userdata);
    int r = change_confirm(gateway, call_actor(call), &outcome);

    (void)parameters;
    return method_answer(call, userdata, r, &outcome,
                         &(struct confirm_reply){gateway->current.number});
}

/* Answers with the override as it is now. */
static int answer_override(struct call *call, struct control *control, int result,
                           const struct outcome *outcome, enum override_kind kind, const char *name)
{
    const struct gateway *gateway = control->gateway;
    const struct override *override = overrides_find(&gateway->state.overrides, kind, name);
    cleanup_(freep) char *evidence = NULL;
    char closed[INSTANT_TEXT_MAX];
    struct override_reply reply = {
        .closed = (char *)instant_format_exact(outcome->enforced, closed),
        .approved = outcome->approved,
        .n_approved = outcome->n_approved,
        .left_out = outcome->left_out,
    };

    if (override)
        reply.override = method_override(override);
    if (outcome->evidence &&
        asprintf(&evidence, "%s/%s", gateway->options.state_path, outcome->evidence) < 0) {
        evidence = NULL;
        return -ENOMEM;
    }
    reply.evidence = evidence;
    return method_answer(call, control, result, outcome, &reply);
}

int method_isolate(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    const struct override_parameters *asked = parameters;
    usec_t span = 0;
    int r = convert_span(asked->seconds, &outcome, &span);

    if (r == 0)
        r = change_isolate(method_gateway(userdata), call_actor(call), asked->name, asked->reason,
                           span, (const char *const *)asked->keep, asked->n_keep, &outcome);
    return answer_override(call, userdata, r, &outcome, OVERRIDE_ISOLATION, asked->name);
}

int method_release(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    const struct override_parameters *asked = parameters;
    int r = change_release(method_gateway(userdata), call_actor(call), asked->name, asked->reason,
                           asked->alone, &outcome);

    return method_answer(call, userdata, r, &outcome, NULL);
}

/* A change that ends an override and answers with nothing. */
static int end_override(struct call *call, const struct override_parameters *asked,
                        struct control *control,
                        int (*change)(struct gateway *, const struct actor *, const char *,
                                      const char *, struct outcome *))
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    int r = change(control->gateway, call_actor(call), asked->name, asked->reason, &outcome);

    return method_answer(call, control, r, &outcome, NULL);
}

int method_suspend(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    const struct override_parameters *asked = parameters;
    int r = change_suspend(method_gateway(userdata), call_actor(call), asked->name, asked->reason,
                           &outcome);

    return answer_override(call, userdata, r, &outcome, OVERRIDE_SUSPENSION, asked->name);
}

int method_resume(struct call *call, const void *parameters, void *userdata)
{
    return end_override(call, parameters, userdata, change_resume);
}

int method_grant(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    const struct grant_parameters *asked = parameters;
    const struct grant_wish wish = {
        .from = (const char *const *)asked->from,
        .n_from = asked->n_from,
        .to = (const char *const *)asked->to,
        .n_to = asked->n_to,
        .services = (const char *const *)asked->services,
        .n_services = asked->n_services,
        .reason = asked->reason,
    };
    usec_t span = 0;
    int r = convert_span(asked->seconds, &outcome, &span);

    if (r == 0)
        r = change_grant(method_gateway(userdata), call_actor(call), &wish, span, &outcome);
    return answer_override(call, userdata, r, &outcome, OVERRIDE_GRANT, outcome.message);
}

int method_revoke(struct call *call, const void *parameters, void *userdata)
{
    return end_override(call, parameters, userdata, change_revoke);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Methods that change what is enforced: parameters in, an outcome out. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/change/apply.h"
#include "daemon/change/confirm.h"
#include "daemon/change/override.h"
#include "daemon/control/method.h"
#include "daemon/control/methods.h"

/* Seconds from outside, which must not overflow: beyond a year nothing is temporary. */
#define SECONDS_MAX (366 * 86400)

/* Whether the call would have changed something. What only reads is not for the audit log, also
 * where there is nothing to be read. */
static bool is_change(const struct call *call)
{
    const char *name = strrchr(call_method(call), '.') + 1;

    for (size_t i = 0; i < control_n_methods; i++) {
        const struct method *method = &control_methods[i];

        if (strcmp(method->name, name) == 0)
            return method->role > ROLE_VIEWER && method->handler != method_plan;
    }
    return true;
}

static int refuse(struct call *call, struct control *control, const char *error,
                  const struct outcome *outcome, json_t *parameters)
{
    if (is_change(call))
        control_refuse(control, call_actor(call), call_method(call), outcome->message,
                       outcome_to_string(outcome));
    return call_error(call, error, parameters);
}

int method_answer(struct call *call, struct control *control, const struct outcome *outcome,
                  json_t *parameters)
{
    if (outcome->kind != OUTCOME_DONE)
        json_decref(parameters);

    switch (outcome->kind) {
    case OUTCOME_DONE:
        return call_reply(call, parameters);
    case OUTCOME_INVALID:
        return refuse(call, control, "InvalidPolicy", outcome,
                      json_pack("{s:o}", "diagnostics", method_diagnostics(outcome)));
    case OUTCOME_BUSY:
        return refuse(call, control, "Busy", outcome,
                      json_pack("{s:o}", "confirmation", method_confirmation(control->gateway)));
    case OUTCOME_NOT_FOUND:
        return refuse(call, control, "NotFound", outcome,
                      json_pack("{s:o}", "message", method_text(outcome->message)));
    case OUTCOME_REFUSED:
        return refuse(call, control, "Refused", outcome,
                      json_pack("{s:o}", "message", method_text(outcome->message)));
    case OUTCOME_KERNEL:
        return refuse(call, control, "KernelRefused", outcome,
                      json_pack("{s:o, s:o, s:i}", "message", method_text(outcome->message), "file",
                                method_text(outcome->file), "line", (int)outcome->line));
    case OUTCOME_STORAGE:
        return refuse(call, control, "StorageFailed", outcome,
                      json_pack("{s:o}", "message", method_text(outcome->message)));
    }
    return -EINVAL;
}

/* Texts of a call; they borrow the parameters. */
struct given {
    struct policy_text *texts; /* NULL: the files that segd reads */
    size_t n_texts;
};

static void given_clear(struct given *given)
{
    free(given->texts);
}

static int given_take(struct given *given, const json_t *parameters)
{
    const json_t *texts = json_object_get(parameters, "texts");

    if (!json_is_array(texts))
        return 0;
    given->n_texts = json_array_size(texts);
    given->texts = calloc(given->n_texts + 1, sizeof(*given->texts));
    if (!given->texts)
        return -ENOMEM;

    for (size_t i = 0; i < given->n_texts; i++) {
        const json_t *text = json_array_get(texts, i);
        const json_t *content = json_object_get(text, "text");

        given->texts[i] = (struct policy_text){
            .name = json_string_value(json_object_get(text, "name")),
            .text = json_string_value(content),
            .size = json_string_length(content),
        };
    }
    return 0;
}

/* A list of texts as an array of pointers that borrow it. */
static int take_list(const json_t *parameters, const char *field, const char ***ret_list,
                     size_t *ret_n)
{
    const json_t *array = json_object_get(parameters, field);
    size_t n = json_array_size(array);
    const char **list = calloc(n + 1, sizeof(*list));

    if (!list)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        list[i] = json_string_value(json_array_get(array, i));
    *ret_list = list;
    *ret_n = n;
    return 0;
}

/* Seconds as a span; -1 for what is no sensible number of them. */
static usec_t take_span(const json_t *parameters, const char *field)
{
    json_int_t seconds = method_get_number(parameters, field, 0);

    if (seconds < 0 || seconds > SECONDS_MAX)
        return -1;
    return seconds * USEC_PER_SEC;
}

static void refuse_span(struct outcome *outcome)
{
    outcome_set(outcome, OUTCOME_REFUSED, "a time must be between 0 and %d seconds", SECONDS_MAX);
}

int method_plan(struct call *call, const json_t *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    cleanup_(given_clear) struct given given = {0};
    struct gateway *gateway = method_gateway(userdata);
    int r = given_take(&given, parameters);

    if (r == 0)
        r = change_plan(gateway, given.texts, given.n_texts, &outcome);
    if (r < 0)
        return r;
    return method_answer(
        call, userdata, &outcome,
        method_with_changes(json_pack("{s:I, s:o, s:s, s:o}", "cut", (json_int_t)outcome.cut,
                                      "diagnostics", method_diagnostics(&outcome), "fingerprint",
                                      outcome.fingerprint, "generation",
                                      gateway->current.number > 0
                                          ? json_integer((json_int_t)gateway->current.number)
                                          : json_null()),
                            outcome.changes));
}

int method_diff(struct call *call, const json_t *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    struct gateway *gateway = method_gateway(userdata);
    json_int_t from = method_get_number(parameters, "from", 0);
    json_int_t to = method_get_number(parameters, "to", 0);
    int r = 0;

    if (from <= 0 || to <= 0)
        outcome_set(&outcome, OUTCOME_NOT_FOUND, "generations are numbered from 1");
    else
        r = change_compare(gateway, (uint64_t)from, (uint64_t)to, &outcome);
    if (r < 0)
        return r;
    return method_answer(call, userdata, &outcome,
                         method_with_changes(json_object(), outcome.changes));
}

/* What an apply and a rollback have in common to tell. */
static json_t *applied(const struct gateway *gateway, const struct outcome *outcome)
{
    return method_with_changes(json_pack("{s:o, s:b, s:I, s:o}", "generation",
                                         method_generation(gateway, &gateway->current), "made",
                                         !outcome->is_enforced_already, "cut",
                                         (json_int_t)outcome->cut, "diagnostics",
                                         method_diagnostics(outcome)),
                               outcome->changes);
}

int method_apply(struct call *call, const json_t *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    cleanup_(given_clear) struct given given = {0};
    struct gateway *gateway = method_gateway(userdata);
    usec_t confirm = take_span(parameters, "confirm");
    json_t *reply = NULL;
    int r = given_take(&given, parameters);

    if (r == 0 && confirm < 0)
        refuse_span(&outcome);
    else if (r == 0)
        r = change_apply(gateway, call_actor(call),
                         &(struct apply_request){
                             .texts = given.texts,
                             .n_texts = given.n_texts,
                             .reason = method_get_text(parameters, "reason"),
                             .confirm = confirm,
                             .connections = call_newest_connection(call),
                         },
                         &outcome);
    if (r < 0)
        return r;

    if (outcome.kind == OUTCOME_DONE) {
        reply = applied(gateway, &outcome);
        if (json_object_set_new(reply, "confirmation", method_confirmation(gateway)) < 0) {
            json_decref(reply);
            return -ENOMEM;
        }
    }
    return method_answer(call, userdata, &outcome, reply);
}

int method_rollback(struct call *call, const json_t *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    struct gateway *gateway = method_gateway(userdata);
    json_int_t generation = method_get_number(parameters, "generation", 0);
    int r = 0;

    if (generation < 0)
        outcome_set(&outcome, OUTCOME_NOT_FOUND, "generations are numbered from 1");
    else
        r = change_roll_back(gateway, call_actor(call), (uint64_t)generation,
                             method_get_text(parameters, "reason"), &outcome);
    if (r < 0)
        return r;
    return method_answer(call, userdata, &outcome,
                         outcome.kind == OUTCOME_DONE ? applied(gateway, &outcome) : NULL);
}

int method_confirm(struct call *call, const json_t *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    struct gateway *gateway = method_gateway(userdata);
    int r = change_confirm(gateway, call_actor(call), &outcome);

    (void)parameters;
    if (r < 0)
        return r;
    return method_answer(call, userdata, &outcome,
                         json_pack("{s:I}", "generation", (json_int_t)gateway->current.number));
}

/* The override as it stands now, for the answer. */
static json_t *stands(const struct gateway *gateway, enum override_kind kind, const char *name)
{
    const struct override *override = overrides_find(&gateway->state.overrides, kind, name);

    return override ? method_override(override) : NULL;
}

int method_isolate(struct call *call, const json_t *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    cleanup_(freep) const char **keep = NULL;
    struct gateway *gateway = method_gateway(userdata);
    const char *zone = method_get_text(parameters, "zone");
    usec_t span = take_span(parameters, "seconds");
    json_t *reply = NULL;
    size_t n_keep = 0;
    int r = take_list(parameters, "keep", &keep, &n_keep);

    if (r == 0 && span < 0)
        refuse_span(&outcome);
    else if (r == 0)
        r = change_isolate(gateway, call_actor(call), zone, method_get_text(parameters, "reason"),
                           span, keep, n_keep, &outcome);
    if (r < 0)
        return r;
    if (outcome.kind == OUTCOME_DONE)
        reply = json_pack("{s:o, s:o}", "evidence",
                          outcome.evidence
                              ? json_sprintf("%s/%s", gateway->options.state_path, outcome.evidence)
                              : json_null(),
                          "override", stands(gateway, OVERRIDE_ISOLATION, zone));
    return method_answer(call, userdata, &outcome, reply);
}

int method_release(struct call *call, const json_t *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    struct gateway *gateway = method_gateway(userdata);
    int r = change_release(gateway, call_actor(call), method_get_text(parameters, "zone"),
                           method_get_text(parameters, "reason"),
                           json_is_true(json_object_get(parameters, "alone")), &outcome);

    return r < 0 ? r : method_answer(call, userdata, &outcome, json_object());
}

int method_suspend(struct call *call, const json_t *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    struct gateway *gateway = method_gateway(userdata);
    const char *flow = method_get_text(parameters, "flow");
    json_t *reply = NULL;
    int r = change_suspend(gateway, call_actor(call), flow, method_get_text(parameters, "reason"),
                           &outcome);

    if (r < 0)
        return r;
    if (outcome.kind == OUTCOME_DONE)
        reply = json_pack("{s:o}", "override", stands(gateway, OVERRIDE_SUSPENSION, flow));
    return method_answer(call, userdata, &outcome, reply);
}

int method_resume(struct call *call, const json_t *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    struct gateway *gateway = method_gateway(userdata);
    int r = change_resume(gateway, call_actor(call), method_get_text(parameters, "flow"),
                          method_get_text(parameters, "reason"), &outcome);

    return r < 0 ? r : method_answer(call, userdata, &outcome, json_object());
}

int method_grant(struct call *call, const json_t *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    cleanup_(freep) const char **from = NULL;
    cleanup_(freep) const char **to = NULL;
    cleanup_(freep) const char **services = NULL;
    struct gateway *gateway = method_gateway(userdata);
    struct grant_wish wish = {.reason = method_get_text(parameters, "reason")};
    usec_t span = take_span(parameters, "seconds");
    json_t *reply = NULL;
    int r = take_list(parameters, "from", &from, &wish.n_from);

    if (r == 0)
        r = take_list(parameters, "to", &to, &wish.n_to);
    if (r == 0)
        r = take_list(parameters, "services", &services, &wish.n_services);
    wish.from = from;
    wish.to = to;
    wish.services = services;
    if (r == 0 && span < 0)
        refuse_span(&outcome);
    else if (r == 0)
        r = change_grant(gateway, call_actor(call), &wish, span, &outcome);
    if (r < 0)
        return r;
    if (outcome.kind == OUTCOME_DONE)
        reply = json_pack("{s:o}", "override", stands(gateway, OVERRIDE_GRANT, outcome.message));
    return method_answer(call, userdata, &outcome, reply);
}

int method_revoke(struct call *call, const json_t *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    struct gateway *gateway = method_gateway(userdata);
    int r = change_revoke(gateway, call_actor(call), method_get_text(parameters, "grant"),
                          method_get_text(parameters, "reason"), &outcome);

    return r < 0 ? r : method_answer(call, userdata, &outcome, json_object());
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Methods that read: what is enforced, and what was. Nothing here changes anything. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/change/kept.h"
#include "daemon/control/method.h"
#include "ruleset/compile.h"

static json_t *drift_json(const struct drift *drift)
{
    bool any = drift->repairs > 0;

    return json_pack("{s:I, s:o, s:o, s:o}", "repairs", (json_int_t)drift->repairs, "last",
                     method_instant(drift->last), "by", method_text(any ? drift->by : NULL), "what",
                     method_text(any ? drift->what : NULL));
}

static json_t *expiring_json(const struct gateway *gateway)
{
    usec_t now = calendar_now();
    json_t *array = json_array();

    for (size_t i = 0; array && i < gateway->agenda.n_expiring; i++) {
        const struct expiring *flow = &gateway->agenda.expiring[i];
        json_t *json =
            flow->expires <= now
                ? NULL
                : json_pack("{s:s, s:s, s:o, s:I, s:i}", "name", flow->name, "label", flow->label,
                            "expires", method_instant(flow->expires), "days",
                            (json_int_t)((flow->expires - now) / USEC_PER_SEC / 86400), "warning",
                            (int)flow->warning);

        if (flow->expires > now && json_array_append_new(array, json) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* Flows that pass now: each has two elements in the switchboard, one for each direction. */
static size_t count_live(const struct gateway *gateway)
{
    const struct ruleset *ruleset = enforcement_ruleset(gateway->enforcement);
    const struct set *live = ruleset ? ruleset_find_set(ruleset, RULESET_LIVE) : NULL;

    return live ? live->n_elements / 2 : 0;
}

static json_t *audit_json(const struct gateway *gateway)
{
    return json_pack("{s:I, s:s}", "sequence",
                     (json_int_t)(gateway->audit ? audit_sequence(gateway->audit) : 0), "head",
                     gateway->audit ? audit_head(gateway->audit) : "");
}

/* What is true of a policy and not of a lockdown. */
static int put_policy(const struct gateway *gateway, json_t *status)
{
    const struct policy *outline = enforcement_outline(gateway->enforcement);
    const struct generation *current = &gateway->current;
    bool kept = current->number > 0;

    if (json_object_set_new(status, "generation",
                            kept ? json_integer((json_int_t)current->number) : json_null()) < 0 ||
        json_object_set_new(status, "fingerprint",
                            method_text(kept ? current->fingerprint : NULL)) < 0 ||
        json_object_set_new(status, "site", method_text(outline ? outline->site : NULL)) < 0 ||
        json_object_set_new(status, "since", method_instant(kept ? current->when : 0)) < 0 ||
        json_object_set_new(status, "actor", kept ? method_actor(&current->actor) : json_null()) <
            0 ||
        json_object_set_new(status, "reason", method_text(current->reason)) < 0)
        return -ENOMEM;
    return 0;
}

int method_get_status(struct call *call, const json_t *parameters, void *userdata)
{
    struct gateway *gateway = method_gateway(userdata);
    const struct policy *outline = enforcement_outline(gateway->enforcement);
    json_t *status = json_pack(
        "{s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "version", SEGD_VERSION,
        "mode", outline ? "enforcing" : "lockdown", "live", (json_int_t)count_live(gateway),
        "zones", method_zones(gateway), "overrides", method_overrides(&gateway->state.overrides),
        "findings", method_findings(gateway), "expiring", expiring_json(gateway), "drift",
        drift_json(&gateway->drift), "confirmation", method_confirmation(gateway), "audit",
        audit_json(gateway), "policy", method_text(gateway->options.policy_path), "owned",
        enforcement_owns(gateway->enforcement));

    (void)parameters;
    if (!status ||
        json_object_set_new(status, "flows", json_integer((json_int_t)gateway->agenda.n_flows)) <
            0 ||
        put_policy(gateway, status) < 0) {
        json_decref(status);
        return -ENOMEM;
    }
    return call_reply(call, status);
}

int method_get_zones(struct call *call, const json_t *parameters, void *userdata)
{
    (void)parameters;
    return call_reply(call, json_pack("{s:o}", "zones", method_zones(method_gateway(userdata))));
}

static json_t *texts_json(const struct policy_texts *texts)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < texts->n_texts; i++) {
        const struct policy_text *text = &texts->texts[i];
        json_t *json = json_pack("{s:s, s:s%}", "name", text->name, "text", text->text, text->size);

        if (json_array_append_new(array, json) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

int method_get_policy(struct call *call, const json_t *parameters, void *userdata)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    cleanup_(generation_clear) struct generation generation = {0};
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    cleanup_(freep) char *problem = NULL;
    struct gateway *gateway = method_gateway(userdata);
    json_int_t number =
        method_get_number(parameters, "generation", (json_int_t)gateway->current.number);
    int r = -ENOENT;

    if (number > 0 && gateway->generations)
        r = generations_read(gateway->generations, (uint64_t)number, &generation, &problem);
    if (r == -ENOMEM)
        return r;
    if (r == -ENOENT)
        r = outcome_set(&outcome, OUTCOME_NOT_FOUND,
                        number > 0 ? "there is no generation %" JSON_INTEGER_FORMAT
                                   : "no generation is enforced",
                        number);
    else if (r < 0)
        r = outcome_set(&outcome, OUTCOME_STORAGE, "%s", problem ? problem : strerror(-r));
    else
        r = kept_read_policy(gateway, &generation, &outcome, &texts, NULL);
    if (r < 0)
        return r;
    if (r > 0)
        return method_answer(call, userdata, &outcome, NULL);
    return call_reply(call, json_pack("{s:I, s:s, s:o, s:o}", "generation", number, "fingerprint",
                                      generation.fingerprint, "texts", texts_json(&texts),
                                      "overrides", method_overrides(&gateway->state.overrides)));
}

/* The kept generations, newest first; one that cannot be read is left to `status`. */
int method_get_history(struct call *call, const json_t *parameters, void *userdata)
{
    struct gateway *gateway = method_gateway(userdata);
    cleanup_(freep) uint64_t *numbers = NULL;
    cleanup_(json_decrefp) json_t *array = json_array();
    size_t n = 0;
    int r = gateway->generations ? generations_list(gateway->generations, &numbers, &n) : 0;

    (void)parameters;
    for (size_t i = n; r >= 0 && i-- > 0;) {
        cleanup_(generation_clear) struct generation generation = {0};

        if (generations_read(gateway->generations, numbers[i], &generation, NULL) < 0)
            continue;
        if (json_array_append_new(array, method_generation(gateway, &generation)) < 0)
            r = -ENOMEM;
    }
    if (r < 0)
        return r;
    return call_reply(call, json_pack("{s:O}", "generations", array));
}

static int add_difference(const char *object, const char *message, void *userdata)
{
    json_t *array = userdata;

    return json_array_append_new(array, json_pack("{s:o, s:o}", "object", method_text(object),
                                                  "message", method_text(message)));
}

int method_verify(struct call *call, const json_t *parameters, void *userdata)
{
    struct gateway *gateway = method_gateway(userdata);
    cleanup_(json_decrefp) json_t *array = json_array();
    size_t n = 0;
    int r = array ? enforcement_verify(gateway->enforcement, add_difference, array, &n) : -ENOMEM;

    (void)parameters;
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return call_error(call, "KernelRefused",
                          json_pack("{s:s, s:n, s:i}", "message", strerror(-r), "file", "line", 0));
    return call_reply(call, json_pack("{s:b, s:o, s:O, s:o}", "ok", n == 0, "generation",
                                      gateway->current.number > 0
                                          ? json_integer((json_int_t)gateway->current.number)
                                          : json_null(),
                                      "differences", array, "findings", method_findings(gateway)));
}

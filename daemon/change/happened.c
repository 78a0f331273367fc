/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What time does is written to the audit log like what people do; the actor is `clock`. */

#include "daemon/change/happened.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/instant.h"
#include "daemon/log.h"

/* One entry names at most so many flows, and has the number of all. */
#define NAMED_MAX 200

static const struct {
    const char *action;
    const char *words; /* for the journal: `3 flows have expired: a, b, c` */
    int priority;
} events[AGENDA_EVENTS] = {
    [AGENDA_EXPIRED] = {"expire", "expired", LOG_NOTICE},
    [AGENDA_OPENED] = {"open", "opened by their schedule", LOG_INFO},
    [AGENDA_CLOSED] = {"close", "closed by their schedule", LOG_INFO},
    [AGENDA_WARNED] = {"warn", "expire soon", LOG_WARNING},
};

/* Not in the table above, since SD_ID128_MAKE() is no constant expression. */
static sd_id128_t message_of(enum agenda_event event)
{
    switch (event) {
    case AGENDA_EXPIRED:
        return MESSAGE_EXPIRED;
    case AGENDA_OPENED:
    case AGENDA_CLOSED:
        return MESSAGE_SCHEDULE;
    case AGENDA_WARNED:
        return MESSAGE_EXPIRING;
    }
    return SD_ID128_NULL;
}

static json_t *flow_json(const struct flow *flow)
{
    char expires[INSTANT_TEXT_MAX];

    return json_pack("{s:s, s:s, s:s*, s:s*}", "name", flow->name, "label", flow->label, "approval",
                     flow->approval.number, "expires",
                     flow->has_expires ? instant_format(flow->expires, expires) : NULL);
}

static json_t *detail_of(const struct flow *const *flows, size_t n_flows)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < n_flows && i < NAMED_MAX; i++) {
        if (json_array_append_new(list, flow_json(flows[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:o, s:I}", "flows", list, "number", (json_int_t)n_flows);
}

/* `a, b, c`, as many as fit. */
static const char *names_of(const struct flow *const *flows, size_t n_flows, char *buffer,
                            size_t size)
{
    size_t used = 0;

    *buffer = '\0';
    for (size_t i = 0; i < n_flows && used < size; i++)
        used +=
            (size_t)snprintf(buffer + used, size - used, "%s%s", i > 0 ? ", " : "", flows[i]->name);
    if (used >= size)
        strcpy(buffer + size - sizeof(" …"), " …");
    return buffer;
}

static int tell(enum agenda_event event, const struct flow *const *flows, size_t n_flows,
                void *userdata)
{
    struct gateway *gateway = userdata;
    cleanup_(json_decrefp) json_t *detail = detail_of(flows, n_flows);
    char names[512];

    gateway_audit_later(gateway, &(struct audit_event){
                                     .actor = {.uid = -1, .name = "clock"},
                                     .action = events[event].action,
                                     .object = n_flows == 1 ? flows[0]->name : NULL,
                                     .from = gateway->current.number,
                                     .to = gateway->current.number,
                                     .outcome = "done",
                                     .detail = detail,
                                 });
    log_message(events[event].priority, message_of(event), "%zu flow%s %s: %s", n_flows,
                n_flows == 1 ? "" : "s", events[event].words,
                names_of(flows, n_flows, names, sizeof(names)));
    return 0;
}

static int find(enum agenda_event event, const struct flow *const *flows, size_t n_flows,
                void *userdata)
{
    (void)event;
    (void)flows;
    (void)n_flows;
    (void)userdata;
    return 1;
}

int happened_something(const struct gateway *gateway, const struct compiled *compiled)
{
    if (gateway->seen == 0 || gateway->seen >= compiled->now)
        return 0;
    return agenda_tell(compiled, &gateway->state.overrides, gateway->seen, compiled->now, find,
                       NULL);
}

void happened_tell(struct gateway *gateway, const struct compiled *compiled)
{
    usec_t from = gateway->seen;

    gateway->seen = compiled->now;
    if (from == 0 || from >= compiled->now)
        return;
    if (agenda_tell(compiled, &gateway->state.overrides, from, compiled->now, tell, gateway) < 0)
        log_message(LOG_WARNING, MESSAGE_CLOCK, "no memory to report which flows began or ended");
}

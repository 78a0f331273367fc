/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/arena.h"
#include "daemon/change/outcome.h"
#include "daemon/control/control.h"
#include "record/wire.h"

/* Parameters of methods; methods.c says which method has which fields. Numbers are unchecked, and
 * texts that were not given are NULL. */
struct generation_parameters {
    int64_t generation; /* 0: not given */
    char *reason;
};

struct diff_parameters {
    int64_t from, to;
};

struct incident_parameters {
    char *incident, *file;
    int64_t offset;
};

struct audit_parameters {
    int64_t after, limit;
};

struct denials_parameters {
    char *zone, *reason;
    int64_t seconds, limit;
};

struct policy_parameters {
    struct policy_text *texts; /* NULL: the files that segd reads */
    size_t n_texts;
    char *reason;
    int64_t confirm;
};

struct connections_parameters {
    char *zone, *flow, *host; /* each may be NULL */
    bool cut;
};

struct override_parameters {
    char *name; /* of the zone, the flow or the grant */
    char *reason;
    int64_t seconds;
    char **keep;
    size_t n_keep;
    bool alone;
};

struct grant_parameters {
    char **from, **to, **services;
    size_t n_from, n_to, n_services;
    int64_t seconds;
    char *reason;
};

/*
 * method_show.c and its neighbours: objects of the daemon as structures of the wire. Lists belong
 * to the arena and borrow their texts from what they show. Functions of int return 0 or -ENOMEM.
 */
struct generation method_generation(const struct gateway *gateway,
                                    const struct generation *generation);
struct confirmation method_confirmation(const struct gateway *gateway);
struct override method_override(const struct override *override);
int method_overrides(struct arena *arena, const struct overrides *overrides,
                     struct override **ret_list);
int method_zones(struct arena *arena, const struct gateway *gateway, struct wire_zone **ret_list,
                 size_t *ret_n);
int method_diagnostics(struct arena *arena, const struct outcome *outcome,
                       struct wire_diagnostic **ret_list, size_t *ret_n);

/* method_connections.c: connections as the enforced ruleset has them. */
int method_connections(struct arena *arena, const struct gateway *gateway,
                       const struct conntrack_entry *entries, size_t n_entries,
                       struct wire_connection **ret_list, size_t *ret_n);

/* Reads and compiles the enforced policy with its grants, up to its diagram or without it. Returns
 * 0, 1 if the outcome says why not, or -errno. */
int method_compile(const struct gateway *gateway, bool diagram, struct outcome *outcome,
                   struct compiled **ret_compiled);

/* Appends a text to a list in the arena, as arena_add(); NULL is no memory. */
int method_add_text(struct arena *arena, char ***list, size_t *n, const char *text);

/* Answers a call with the outcome of a change: `reply` if it is done, else an error. A refused
 * attempt to change something is also written to the audit log. `result` is the return value of the
 * change: a negative one is returned. */
int method_answer(struct call *call, struct control *control, int result,
                  const struct outcome *outcome, const void *reply);
/* Answers that the kernel could not be read. */
int method_unreadable(struct call *call, int error);

/* The gateway of a handler's userdata. */
static inline struct gateway *method_gateway(void *userdata)
{
    return ((struct control *)userdata)->gateway;
}

/* Whether counters may have gone after this worker was made, so that what it has read does not fit
 * its totals; the handler then returns -ESTALE. */
static inline bool method_is_overtaken(const struct call *call, const struct gateway *gateway)
{
    return call_may_run_again(call) && totals_is_overtaken(gateway->totals);
}

/* Handlers. */
int method_get_status(struct call *call, const void *parameters, void *userdata);
int method_get_policy(struct call *call, const void *parameters, void *userdata);
int method_get_zones(struct call *call, const void *parameters, void *userdata);
int method_get_flows(struct call *call, const void *parameters, void *userdata);
int method_get_counters(struct call *call, const void *parameters, void *userdata);
int method_get_connections(struct call *call, const void *parameters, void *userdata);
int method_get_drops(struct call *call, const void *parameters, void *userdata);
int method_get_incidents(struct call *call, const void *parameters, void *userdata);
int method_read_incident(struct call *call, const void *parameters, void *userdata);
int method_get_denials(struct call *call, const void *parameters, void *userdata);
int method_get_history(struct call *call, const void *parameters, void *userdata);
int method_verify(struct call *call, const void *parameters, void *userdata);
int method_show_audit(struct call *call, const void *parameters, void *userdata);
int method_verify_audit(struct call *call, const void *parameters, void *userdata);
int method_plan(struct call *call, const void *parameters, void *userdata);
int method_diff(struct call *call, const void *parameters, void *userdata);
int method_isolate(struct call *call, const void *parameters, void *userdata);
int method_suspend(struct call *call, const void *parameters, void *userdata);
int method_resume(struct call *call, const void *parameters, void *userdata);
int method_grant(struct call *call, const void *parameters, void *userdata);
int method_revoke(struct call *call, const void *parameters, void *userdata);
int method_release(struct call *call, const void *parameters, void *userdata);
int method_apply(struct call *call, const void *parameters, void *userdata);
int method_confirm(struct call *call, const void *parameters, void *userdata);
int method_rollback(struct call *call, const void *parameters, void *userdata);

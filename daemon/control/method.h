/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

#include "daemon/change/outcome.h"
#include "daemon/control/control.h"

/*
 * What the files of methods share: the types of the interface's description as JSON, new references
 * or NULL without memory; and the answers to a change.
 */
json_t *method_instant(usec_t instant); /* null for USEC_NEVER and 0 */
json_t *method_actor(const struct actor *actor);
json_t *method_generation(const struct gateway *gateway, const struct generation *generation);
json_t *method_confirmation(const struct gateway *gateway); /* null where none waits */
json_t *method_override(const struct override *override);
json_t *method_overrides(const struct overrides *overrides);
json_t *method_findings(const struct gateway *gateway);
json_t *method_diagnostics(const struct outcome *outcome);
/* The reply (stolen) with what changes: `changed`, `changes`, `zones`, `objects`; NULL without
 * memory. */
json_t *method_with_changes(json_t *reply, const struct policy_changes *changes);
/* Null for NULL. What comes from elsewhere, such as the names of processes and interfaces, may hold
 * bytes that are no UTF-8, which JSON has no room for: they become U+FFFD. */
json_t *method_text(const char *text);
json_t *method_zones(const struct gateway *gateway);

/* Answers a call with what became of a change: its error, or `parameters` (stolen) where it is
 * done. A refused attempt to change something also goes to the audit log. */
int method_answer(struct call *call, struct control *control, const struct outcome *outcome,
                  json_t *parameters);

/* Fields of parameters, which have been checked: a text or NULL, a number or `missing`. */
const char *method_get_text(const json_t *parameters, const char *field);
json_int_t method_get_number(const json_t *parameters, const char *field, json_int_t missing);

/* The gateway of a handler's userdata. */
static inline struct gateway *method_gateway(void *userdata)
{
    return ((struct control *)userdata)->gateway;
}

/* Handlers. */
int method_get_status(struct call *call, const json_t *parameters, void *userdata);
int method_get_policy(struct call *call, const json_t *parameters, void *userdata);
int method_get_zones(struct call *call, const json_t *parameters, void *userdata);
int method_get_flows(struct call *call, const json_t *parameters, void *userdata);
int method_get_drops(struct call *call, const json_t *parameters, void *userdata);
int method_get_history(struct call *call, const json_t *parameters, void *userdata);
int method_verify(struct call *call, const json_t *parameters, void *userdata);
int method_show_audit(struct call *call, const json_t *parameters, void *userdata);
int method_verify_audit(struct call *call, const json_t *parameters, void *userdata);
int method_plan(struct call *call, const json_t *parameters, void *userdata);
int method_diff(struct call *call, const json_t *parameters, void *userdata);
int method_isolate(struct call *call, const json_t *parameters, void *userdata);
int method_suspend(struct call *call, const json_t *parameters, void *userdata);
int method_resume(struct call *call, const json_t *parameters, void *userdata);
int method_grant(struct call *call, const json_t *parameters, void *userdata);
int method_revoke(struct call *call, const json_t *parameters, void *userdata);
int method_release(struct call *call, const json_t *parameters, void *userdata);
int method_apply(struct call *call, const json_t *parameters, void *userdata);
int method_confirm(struct call *call, const json_t *parameters, void *userdata);
int method_rollback(struct call *call, const json_t *parameters, void *userdata);

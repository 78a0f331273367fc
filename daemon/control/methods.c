/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The table of methods: the only place that says which role and which parameters each needs. */

#include "daemon/control/methods.h"

#include "daemon/control/method.h"

#define NULLABLE .null = RECORD_WIRE
/* Any number is decoded; the handler checks the range. */
#define ANY .least = INT64_MIN

#define GENERATION_FIELDS(...)                                                                     \
    {                                                                                              \
        RECORD_FIELD(NUMBER, struct generation_parameters, generation, NULLABLE, ANY), __VA_ARGS__ \
    }
static const struct record_field get_policy_fields[] = GENERATION_FIELDS();
static const struct record_field rollback_fields[] =
    GENERATION_FIELDS(RECORD_FIELD(TEXT, struct generation_parameters, reason, NULLABLE));

static const struct record_field diff_fields[] = {
    RECORD_FIELD(NUMBER, struct diff_parameters, from, ANY),
    RECORD_FIELD(NUMBER, struct diff_parameters, to, ANY),
};

static const struct record_field get_denials_fields[] = {
    RECORD_FIELD(TEXT, struct denials_parameters, zone, NULLABLE),
    RECORD_FIELD(TEXT, struct denials_parameters, reason, NULLABLE),
    RECORD_FIELD(NUMBER, struct denials_parameters, seconds, NULLABLE, ANY),
    RECORD_FIELD(NUMBER, struct denials_parameters, limit, NULLABLE, ANY),
};

static const struct record_field show_audit_fields[] = {
    RECORD_FIELD(NUMBER, struct audit_parameters, after, NULLABLE, ANY),
    RECORD_FIELD(NUMBER, struct audit_parameters, limit, NULLABLE, ANY),
};

static const struct record_field get_connections_fields[] = {
    RECORD_FIELD(TEXT, struct connections_parameters, zone, NULLABLE),
    RECORD_FIELD(TEXT, struct connections_parameters, flow, NULLABLE),
    RECORD_FIELD(TEXT, struct connections_parameters, host, NULLABLE),
    RECORD_FIELD(BOOL, struct connections_parameters, cut, NULLABLE),
};

static const struct record_field plan_fields[] = {
    RECORD_LIST(MANY, struct policy_parameters, texts, NULLABLE, .type = &policy_text_type),
};

static const struct record_field apply_fields[] = {
    RECORD_LIST(MANY, struct policy_parameters, texts, NULLABLE, .type = &policy_text_type),
    RECORD_FIELD(TEXT, struct policy_parameters, reason, NULLABLE),
    RECORD_FIELD(NUMBER, struct policy_parameters, confirm, NULLABLE, ANY),
};

static const struct record_field isolate_fields[] = {
    RECORD_NAMED(TEXT, struct override_parameters, "zone", name),
    RECORD_FIELD(TEXT, struct override_parameters, reason),
    RECORD_FIELD(NUMBER, struct override_parameters, seconds, NULLABLE, ANY),
    RECORD_LIST(TEXTS, struct override_parameters, keep, NULLABLE),
};

static const struct record_field suspend_fields[] = {
    RECORD_NAMED(TEXT, struct override_parameters, "flow", name),
    RECORD_FIELD(TEXT, struct override_parameters, reason),
};

static const struct record_field resume_fields[] = {
    RECORD_NAMED(TEXT, struct override_parameters, "flow", name),
    RECORD_FIELD(TEXT, struct override_parameters, reason, NULLABLE),
};

static const struct record_field grant_fields[] = {
    RECORD_LIST(TEXTS, struct grant_parameters, from),
    RECORD_LIST(TEXTS, struct grant_parameters, to),
    RECORD_LIST(TEXTS, struct grant_parameters, services),
    RECORD_FIELD(NUMBER, struct grant_parameters, seconds, ANY),
    RECORD_FIELD(TEXT, struct grant_parameters, reason),
};

static const struct record_field revoke_fields[] = {
    RECORD_NAMED(TEXT, struct override_parameters, "grant", name),
    RECORD_FIELD(TEXT, struct override_parameters, reason, NULLABLE),
};

static const struct record_field release_fields[] = {
    RECORD_NAMED(TEXT, struct override_parameters, "zone", name),
    RECORD_FIELD(TEXT, struct override_parameters, reason, NULLABLE),
    RECORD_FIELD(BOOL, struct override_parameters, alone, NULLABLE),
};

static const struct record_field read_incident_fields[] = {
    RECORD_FIELD(TEXT, struct incident_parameters, incident),
    RECORD_FIELD(TEXT, struct incident_parameters, file),
    RECORD_FIELD(NUMBER, struct incident_parameters, offset, ANY),
};

static RECORD_TYPE(get_policy, struct generation_parameters, NULL);
static RECORD_TYPE(rollback, struct generation_parameters, NULL);
static RECORD_TYPE(diff, struct diff_parameters, NULL);
static RECORD_TYPE(get_denials, struct denials_parameters, NULL);
static RECORD_TYPE(show_audit, struct audit_parameters, NULL);
static RECORD_TYPE(read_incident, struct incident_parameters, NULL);
static RECORD_TYPE(get_connections, struct connections_parameters, NULL);
static RECORD_TYPE(plan, struct policy_parameters, NULL);
static RECORD_TYPE(apply, struct policy_parameters, NULL);
static RECORD_TYPE(isolate, struct override_parameters, NULL);
static RECORD_TYPE(suspend, struct override_parameters, NULL);
static RECORD_TYPE(resume, struct override_parameters, NULL);
static RECORD_TYPE(grant, struct grant_parameters, NULL);
static RECORD_TYPE(revoke, struct override_parameters, NULL);
static RECORD_TYPE(release, struct override_parameters, NULL);

const struct method control_methods[] = {
    {"GetStatus", ROLE_VIEWER, method_get_status, NULL, &status_reply_type, IN_DAEMON},
    {"GetPolicy", ROLE_VIEWER, method_get_policy, &get_policy_type, &policy_reply_type, IN_WORKER},
    {"GetZones", ROLE_VIEWER, method_get_zones, NULL, &zones_reply_type, IN_DAEMON},
    {"GetFlows", ROLE_VIEWER, method_get_flows, NULL, &flows_reply_type, IN_WORKER_DUMP},
    {"GetCounters", ROLE_VIEWER, method_get_counters, NULL, &counters_reply_type, IN_WORKER_DUMP},
    {"GetConnections", ROLE_VIEWER, method_get_connections, &get_connections_type,
     &connections_reply_type, IN_WORKER_DUMP},
    {"GetDrops", ROLE_VIEWER, method_get_drops, NULL, &drops_reply_type, IN_WORKER_DUMP},
    {"GetIncidents", ROLE_OPERATOR, method_get_incidents, NULL, &incidents_reply_type, IN_WORKER},
    {"ReadIncident", ROLE_OPERATOR, method_read_incident, &read_incident_type, &incident_reply_type,
     IN_WORKER},
    {"GetDenials", ROLE_VIEWER, method_get_denials, &get_denials_type, &denials_reply_type,
     IN_DAEMON},
    {"GetHistory", ROLE_VIEWER, method_get_history, NULL, &history_reply_type, IN_WORKER},
    {"Verify", ROLE_VIEWER, method_verify, NULL, &verify_reply_type, IN_WORKER_DUMP},
    {"ShowAudit", ROLE_VIEWER, method_show_audit, &show_audit_type, &audit_reply_type, IN_DAEMON},
    {"VerifyAudit", ROLE_VIEWER, method_verify_audit, NULL, &verify_audit_reply_type, IN_WORKER},
    {"Plan", ROLE_OPERATOR, method_plan, &plan_type, &plan_reply_type, IN_WORKER_DUMP},
    {"Diff", ROLE_VIEWER, method_diff, &diff_type, &diff_reply_type, IN_WORKER},
    {"Isolate", ROLE_OPERATOR, method_isolate, &isolate_type, &isolate_reply_type, IN_DAEMON},
    {"Suspend", ROLE_OPERATOR, method_suspend, &suspend_type, &suspend_reply_type, IN_DAEMON},
    {"Resume", ROLE_OPERATOR, method_resume, &resume_type, NULL, IN_DAEMON},
    {"Grant", ROLE_OPERATOR, method_grant, &grant_type, &override_reply_type, IN_DAEMON},
    {"Revoke", ROLE_OPERATOR, method_revoke, &revoke_type, NULL, IN_DAEMON},
    {"Release", ROLE_ADMIN, method_release, &release_type, NULL, IN_DAEMON},
    {"Apply", ROLE_ADMIN, method_apply, &apply_type, &apply_reply_type, IN_WORKER_CHANGE},
    {"Confirm", ROLE_ADMIN, method_confirm, NULL, &confirm_reply_type, IN_DAEMON},
    {"Rollback", ROLE_ADMIN, method_rollback, &rollback_type, &rollback_reply_type,
     IN_WORKER_CHANGE},
};

const size_t control_n_methods = ELEMENTS_OF(control_methods);

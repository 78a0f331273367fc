/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The descriptions of what the control socket replies with, in the order of
 * io.segd.Control.varlink.
 */

#include "record/wire.h"

/* The field is null on the wire if it is nothing. */
#define NULLABLE .null = RECORD_WIRE

static const struct record_field wire_interface_fields[] = {
    RECORD_FIELD(TEXT, struct wire_interface, name),
    RECORD_FIELD(BOOL, struct wire_interface, present),
    RECORD_FIELD(BOOL, struct wire_interface, up),
    RECORD_LIST(TEXTS, struct wire_interface, addresses),
};
RECORD_TYPE(wire_interface, struct wire_interface, "Interface");

static const struct record_field wire_zone_fields[] = {
    RECORD_FIELD(TEXT, struct wire_zone, name),
    RECORD_FIELD(TEXT, struct wire_zone, label),
    RECORD_FIELD(TEXT, struct wire_zone, class),
    RECORD_FIELD(TEXT, struct wire_zone, state),
    RECORD_LIST(MANY, struct wire_zone, interfaces, .type = &wire_interface_type),
    RECORD_LIST(TEXTS, struct wire_zone, networks),
    RECORD_FIELD(BOOL, struct wire_zone, isolated),
};
RECORD_TYPE(wire_zone, struct wire_zone, "Zone");

static const struct record_field wire_count_fields[] = {
    RECORD_FIELD(NUMBER, struct wire_count, packets),
    RECORD_FIELD(NUMBER, struct wire_count, bytes),
};
RECORD_TYPE(wire_count, struct wire_count, "Count");

static const struct record_field wire_flow_fields[] = {
    RECORD_FIELD(TEXT, struct wire_flow, name),
    RECORD_FIELD(TEXT, struct wire_flow, label),
    RECORD_LIST(TEXTS, struct wire_flow, from),
    RECORD_LIST(TEXTS, struct wire_flow, to),
    RECORD_LIST(TEXTS, struct wire_flow, services),
    RECORD_FIELD(BOOL, struct wire_flow, live),
    RECORD_FIELD(TEXT, struct wire_flow, why, NULLABLE),
    RECORD_FIELD(END, struct wire_flow, until, NULLABLE),
    RECORD_FIELD(ONE, struct wire_flow, original, .type = &wire_count_type),
    RECORD_FIELD(ONE, struct wire_flow, reply, .type = &wire_count_type),
    RECORD_FIELD(INSTANT, struct wire_flow, since, NULLABLE),
    RECORD_FIELD(INSTANT, struct wire_flow, first, NULLABLE),
    RECORD_FIELD(INSTANT, struct wire_flow, last, NULLABLE),
};
RECORD_TYPE(wire_flow, struct wire_flow, "Flow");

static const struct record_field wire_endpoint_fields[] = {
    RECORD_FIELD(TEXT, struct wire_endpoint, address),
    RECORD_FIELD(NUMBER, struct wire_endpoint, port, .most = UINT16_MAX),
};
RECORD_TYPE(wire_endpoint, struct wire_endpoint, "Endpoint");

static const struct record_field wire_connection_fields[] = {
    RECORD_FIELD(NUMBER, struct wire_connection, id),
    RECORD_FIELD(TEXT, struct wire_connection, flow, NULLABLE),
    RECORD_FIELD(TEXT, struct wire_connection, label, NULLABLE),
    RECORD_FIELD(TEXT, struct wire_connection, approval, NULLABLE),
    RECORD_FIELD(BOOL, struct wire_connection, live),
    RECORD_FIELD(TEXT, struct wire_connection, why, NULLABLE),
    RECORD_FIELD(TEXT, struct wire_connection, from, NULLABLE),
    RECORD_FIELD(TEXT, struct wire_connection, to, NULLABLE),
    RECORD_FIELD(TEXT, struct wire_connection, service),
    RECORD_FIELD(ONE, struct wire_connection, source, .type = &wire_endpoint_type),
    RECORD_FIELD(ONE, struct wire_connection, destination, .type = &wire_endpoint_type),
    RECORD_FIELD(ONE, struct wire_connection, sent_to, NULLABLE, .type = &wire_endpoint_type),
    RECORD_FIELD(ONE, struct wire_connection, received_from, NULLABLE, .type = &wire_endpoint_type),
    RECORD_FIELD(TEXT, struct wire_connection, state, NULLABLE),
    RECORD_FIELD(BOOL, struct wire_connection, replied),
    RECORD_FIELD(BOOL, struct wire_connection, counts),
    RECORD_FIELD(ONE, struct wire_connection, original, .type = &wire_count_type),
    RECORD_FIELD(ONE, struct wire_connection, reply, .type = &wire_count_type),
    RECORD_FIELD(NUMBER, struct wire_connection, age, NULLABLE),
    RECORD_FIELD(NUMBER, struct wire_connection, timeout),
};
RECORD_TYPE(wire_connection, struct wire_connection, "Connection");

static const struct record_field wire_drop_fields[] = {
    RECORD_FIELD(TEXT, struct wire_drop, reason),
    RECORD_FIELD(TEXT, struct wire_drop, from, NULLABLE),
    RECORD_FIELD(TEXT, struct wire_drop, to, NULLABLE),
    RECORD_FIELD(TEXT, struct wire_drop, flow, NULLABLE),
    RECORD_FIELD(NUMBER, struct wire_drop, packets),
    RECORD_FIELD(NUMBER, struct wire_drop, bytes),
};
RECORD_TYPE(wire_drop, struct wire_drop, "Drop");

static const struct record_field wire_incident_file_fields[] = {
    RECORD_FIELD(TEXT, struct wire_incident_file, name),
    RECORD_FIELD(NUMBER, struct wire_incident_file, size),
};
RECORD_TYPE(wire_incident_file, struct wire_incident_file, "IncidentFile");

static const struct record_field wire_incident_fields[] = {
    RECORD_FIELD(TEXT, struct wire_incident, name),
    RECORD_FIELD(TEXT, struct wire_incident, zone, NULLABLE),
    RECORD_FIELD(TEXT, struct wire_incident, reason, NULLABLE),
    RECORD_FIELD(INSTANT, struct wire_incident, since, NULLABLE),
    RECORD_FIELD(ONE, struct wire_incident, actor, NULLABLE, .type = &actor_type),
    RECORD_FIELD(BOOL, struct wire_incident, complete),
    RECORD_LIST(MANY, struct wire_incident, files, .type = &wire_incident_file_type),
};
RECORD_TYPE(wire_incident, struct wire_incident, "Incident");

static const struct record_field wire_denial_fields[] = {
    RECORD_FIELD(TEXT, struct wire_denial, from, NULLABLE),
    RECORD_FIELD(TEXT, struct wire_denial, to, NULLABLE),
    RECORD_FIELD(TEXT, struct wire_denial, source),
    RECORD_FIELD(TEXT, struct wire_denial, destination),
    RECORD_FIELD(TEXT, struct wire_denial, service),
    RECORD_FIELD(TEXT, struct wire_denial, reason),
    RECORD_FIELD(NUMBER, struct wire_denial, count),
    RECORD_FIELD(NUMBER, struct wire_denial, over),
    RECORD_FIELD(INSTANT, struct wire_denial, first),
    RECORD_FIELD(INSTANT, struct wire_denial, last),
};
RECORD_TYPE(wire_denial, struct wire_denial, "Denial");

static const struct record_field wire_field_change_fields[] = {
    RECORD_FIELD(TEXT, struct wire_field_change, field),
    RECORD_FIELD(TEXT, struct wire_field_change, before, NULLABLE),
    RECORD_FIELD(TEXT, struct wire_field_change, after, NULLABLE),
    RECORD_LIST(TEXTS, struct wire_field_change, added),
    RECORD_LIST(TEXTS, struct wire_field_change, removed),
    RECORD_FIELD(NUMBER, struct wire_field_change, left_out),
};
RECORD_TYPE(wire_field_change, struct wire_field_change, "FieldChange");

#define MEANING                                                                                    \
    RECORD_FIELD(TEXT, struct wire_change, detail, NULLABLE),                                      \
        RECORD_FIELD(BOOL, struct wire_change, packets),                                           \
        RECORD_FIELD(BOOL, struct wire_change, widens),                                            \
        RECORD_FIELD(BOOL, struct wire_change, narrows)

#define OF_FLOW                                                                                    \
    RECORD_FIELD(TEXT, struct wire_change, change), RECORD_FIELD(TEXT, struct wire_change, name),  \
        RECORD_FIELD(TEXT, struct wire_change, before, NULLABLE),                                  \
        RECORD_FIELD(TEXT, struct wire_change, label),                                             \
        RECORD_FIELD(TEXT, struct wire_change, approval, NULLABLE), MEANING

static const struct record_field wire_flow_change_fields[] = {
    OF_FLOW,
    RECORD_LIST(MANY, struct wire_change, fields, .type = &wire_field_change_type),
};
RECORD_TYPE(wire_flow_change, struct wire_change, "FlowChange");

static const struct record_field wire_change_summary_fields[] = {OF_FLOW};
RECORD_TYPE(wire_change_summary, struct wire_change, NULL);

static const struct record_field wire_object_change_fields[] = {
    RECORD_FIELD(TEXT, struct wire_change, kind),
    RECORD_FIELD(TEXT, struct wire_change, change),
    RECORD_FIELD(TEXT, struct wire_change, name),
    MEANING,
    RECORD_LIST(MANY, struct wire_change, fields, .type = &wire_field_change_type),
};
RECORD_TYPE(wire_object_change, struct wire_change, "ObjectChange");

static const struct record_field wire_closing_fields[] = {
    RECORD_FIELD(TEXT, struct wire_closing, kind),
    RECORD_FIELD(TEXT, struct wire_closing, name),
    RECORD_FIELD(TEXT, struct wire_closing, change),
    RECORD_FIELD(TEXT, struct wire_closing, renamed, NULLABLE),
    RECORD_LIST(TEXTS, struct wire_closing, covers),
    RECORD_LIST(TEXTS, struct wire_closing, approved),
    RECORD_FIELD(NUMBER, struct wire_closing, left_out),
};
RECORD_TYPE(wire_closing, struct wire_closing, "Closing");

static const struct record_field wire_difference_fields[] = {
    RECORD_FIELD(TEXT, struct wire_difference, object),
    RECORD_FIELD(TEXT, struct wire_difference, message),
};
RECORD_TYPE(wire_difference, struct wire_difference, "Difference");

/* The fields of a place that is `member` of `structure`; an empty `member` means the structure
 * itself.
 */
#define PLACE_FIELDS(structure, member)                                                            \
    RECORD_NAMED(TEXT, structure, "file", member file, NULLABLE),                                  \
        RECORD_NAMED(NUMBER, structure, "line", member line, .most = UINT32_MAX),                  \
        RECORD_NAMED(NUMBER, structure, "column", member column, .most = UINT32_MAX),              \
        RECORD_NAMED(TEXT, structure, "message", member message),                                  \
        RECORD_NAMED(TEXT, structure, "source", member source, NULLABLE)

static const struct record_field wire_place_fields[] = {
    PLACE_FIELDS(struct wire_place, ),
};
RECORD_TYPE(wire_place, struct wire_place, "Place");

static RECORD_WORDS(severities, "error", "warning");

static const struct record_field wire_diagnostic_fields[] = {
    RECORD_FIELD(WORD, struct wire_diagnostic, severity, .words = &severities),
    RECORD_FIELD(TEXT, struct wire_diagnostic, code),
    PLACE_FIELDS(struct wire_diagnostic, place.),
    RECORD_FIELD(TEXT, struct wire_diagnostic, remedy, NULLABLE),
    RECORD_FIELD(ONE, struct wire_diagnostic, related, NULLABLE, .type = &wire_place_type),
};
RECORD_TYPE(wire_diagnostic, struct wire_diagnostic, "Diagnostic");

static const struct record_field wire_audit_fields[] = {
    RECORD_FIELD(NUMBER, struct wire_audit, sequence),
    RECORD_FIELD(TEXT, struct wire_audit, head),
};
static RECORD_TYPE(wire_audit, struct wire_audit, NULL);

static const struct record_field wire_table_fields[] = {
    RECORD_FIELD(NUMBER, struct wire_table, count),
    RECORD_FIELD(NUMBER, struct wire_table, max),
};
static RECORD_TYPE(wire_table, struct wire_table, NULL);

static const struct record_field wire_tracking_fields[] = {
    RECORD_FIELD(NUMBER, struct wire_tracking, drop),
    RECORD_FIELD(NUMBER, struct wire_tracking, early_drop),
    RECORD_FIELD(NUMBER, struct wire_tracking, insert_failed),
};
static RECORD_TYPE(wire_tracking, struct wire_tracking, NULL,
                   .present = offsetof(struct wire_tracking, known));

static const struct record_field status_reply_fields[] = {
    RECORD_FIELD(TEXT, struct status_reply, version),
    RECORD_FIELD(TEXT, struct status_reply, mode),
    RECORD_FIELD(NUMBER, struct status_reply, generation, NULLABLE),
    RECORD_FIELD(TEXT, struct status_reply, fingerprint, NULLABLE),
    RECORD_FIELD(TEXT, struct status_reply, site, NULLABLE),
    RECORD_FIELD(INSTANT, struct status_reply, since, NULLABLE),
    RECORD_FIELD(ONE, struct status_reply, actor, NULLABLE, .type = &actor_type),
    RECORD_FIELD(TEXT, struct status_reply, reason, NULLABLE),
    RECORD_FIELD(NUMBER, struct status_reply, flows),
    RECORD_FIELD(NUMBER, struct status_reply, live),
    RECORD_LIST(MANY, struct status_reply, zones, .type = &wire_zone_type),
    RECORD_LIST(MANY, struct status_reply, overrides, .type = &override_type),
    RECORD_LIST(MANY, struct status_reply, findings, .type = &finding_type),
    RECORD_LIST(MANY, struct status_reply, expiring, .type = &expiring_type),
    RECORD_FIELD(ONE, struct status_reply, drift, .type = &drift_type),
    RECORD_FIELD(ONE, struct status_reply, confirmation, NULLABLE, .type = &confirmation_type),
    RECORD_FIELD(ONE, struct status_reply, connections, NULLABLE, .type = &wire_table_type),
    RECORD_FIELD(ONE, struct status_reply, audit, .type = &wire_audit_type),
    RECORD_FIELD(TEXT, struct status_reply, policy),
    RECORD_FIELD(BOOL, struct status_reply, owned),
};
RECORD_TYPE(status_reply, struct status_reply, NULL);

static const struct record_field policy_reply_fields[] = {
    RECORD_FIELD(NUMBER, struct policy_reply, generation),
    RECORD_FIELD(TEXT, struct policy_reply, fingerprint),
    RECORD_LIST(MANY, struct policy_reply, texts, .type = &policy_text_type),
    RECORD_LIST(MANY, struct policy_reply, overrides, .type = &override_type),
};
RECORD_TYPE(policy_reply, struct policy_reply, NULL);

static const struct record_field zones_reply_fields[] = {
    RECORD_LIST(MANY, struct zones_reply, zones, .type = &wire_zone_type),
};
RECORD_TYPE(zones_reply, struct zones_reply, NULL);

static const struct record_field flows_reply_fields[] = {
    RECORD_LIST(MANY, struct flows_reply, flows, .type = &wire_flow_type),
};
RECORD_TYPE(flows_reply, struct flows_reply, NULL);

static const struct record_field counters_reply_fields[] = {
    RECORD_FIELD(NUMBER, struct counters_reply, generation, NULLABLE),
    RECORD_FIELD(INSTANT, struct counters_reply, since, NULLABLE),
    RECORD_LIST(TEXTS, struct counters_reply, names),
    RECORD_LIST(NUMBERS, struct counters_reply, original_packets),
    RECORD_LIST(NUMBERS, struct counters_reply, original_bytes),
    RECORD_LIST(NUMBERS, struct counters_reply, reply_packets),
    RECORD_LIST(NUMBERS, struct counters_reply, reply_bytes),
};
RECORD_TYPE(counters_reply, struct counters_reply, NULL);

static const struct record_field connections_reply_fields[] = {
    RECORD_LIST(MANY, struct connections_reply, connections, .type = &wire_connection_type),
    RECORD_FIELD(NUMBER, struct connections_reply, left_out),
};
RECORD_TYPE(connections_reply, struct connections_reply, NULL);

static const struct record_field drops_reply_fields[] = {
    RECORD_LIST(MANY, struct drops_reply, drops, .type = &wire_drop_type),
    RECORD_FIELD(ONE, struct drops_reply, tracking, NULLABLE, .type = &wire_tracking_type),
};
RECORD_TYPE(drops_reply, struct drops_reply, NULL);

static const struct record_field incidents_reply_fields[] = {
    RECORD_LIST(MANY, struct incidents_reply, incidents, .type = &wire_incident_type),
    RECORD_FIELD(NUMBER, struct incidents_reply, left_out),
};
RECORD_TYPE(incidents_reply, struct incidents_reply, NULL);

static const struct record_field incident_reply_fields[] = {
    RECORD_FIELD(BYTES, struct incident_reply, text,
                 .count = offsetof(struct incident_reply, text_size)),
    RECORD_FIELD(NUMBER, struct incident_reply, next),
    RECORD_FIELD(NUMBER, struct incident_reply, size),
};
RECORD_TYPE(incident_reply, struct incident_reply, NULL);

static const struct record_field denials_reply_fields[] = {
    RECORD_LIST(MANY, struct denials_reply, denials, .type = &wire_denial_type),
    RECORD_FIELD(INSTANT, struct denials_reply, since, NULLABLE),
    RECORD_FIELD(NUMBER, struct denials_reply, unlogged),
    RECORD_FIELD(NUMBER, struct denials_reply, lost),
};
RECORD_TYPE(denials_reply, struct denials_reply, NULL);

static const struct record_field history_reply_fields[] = {
    RECORD_LIST(MANY, struct history_reply, generations, .type = &generation_type),
};
RECORD_TYPE(history_reply, struct history_reply, NULL);

static const struct record_field verify_reply_fields[] = {
    RECORD_FIELD(BOOL, struct verify_reply, ok),
    RECORD_FIELD(NUMBER, struct verify_reply, generation, NULLABLE),
    RECORD_LIST(MANY, struct verify_reply, differences, .type = &wire_difference_type),
    RECORD_LIST(MANY, struct verify_reply, findings, .type = &finding_type),
};
RECORD_TYPE(verify_reply, struct verify_reply, NULL);

static const struct record_field audit_reply_fields[] = {
    RECORD_FIELD(OBJECTS, struct audit_reply, entries),
};
RECORD_TYPE(audit_reply, struct audit_reply, NULL);

static const struct record_field verify_audit_reply_fields[] = {
    RECORD_FIELD(BOOL, struct verify_audit_reply, ok),
    RECORD_FIELD(NUMBER, struct verify_audit_reply, entries),
    RECORD_FIELD(TEXT, struct verify_audit_reply, head),
    RECORD_FIELD(TEXT, struct verify_audit_reply, problem, NULLABLE),
};
RECORD_TYPE(verify_audit_reply, struct verify_audit_reply, NULL);

#define CHANGES                                                                                    \
    RECORD_FIELD(BOOL, struct change_reply, changed),                                              \
        RECORD_LIST(MANY, struct change_reply, changes, .type = &wire_flow_change_type),           \
        RECORD_LIST(TEXTS, struct change_reply, zones),                                            \
        RECORD_LIST(MANY, struct change_reply, objects, .type = &wire_object_change_type)
#define CONSEQUENCES                                                                               \
    RECORD_LIST(MANY, struct change_reply, closings, .type = &wire_closing_type),                  \
        RECORD_FIELD(NUMBER, struct change_reply, cut),                                            \
        RECORD_LIST(MANY, struct change_reply, diagnostics, .type = &wire_diagnostic_type)

static const struct record_field invalid_policy_fields[] = {
    RECORD_LIST(MANY, struct change_reply, diagnostics, .type = &wire_diagnostic_type),
};
RECORD_TYPE(invalid_policy, struct change_reply, NULL);

static const struct record_field plan_reply_fields[] = {
    CHANGES,
    CONSEQUENCES,
    RECORD_LIST(MANY, struct change_reply, connections, .type = &wire_connection_type),
    RECORD_FIELD(TEXT, struct change_reply, fingerprint),
    RECORD_NAMED(NUMBER, struct change_reply, "generation", compared, NULLABLE),
};
RECORD_TYPE(plan_reply, struct change_reply, NULL);

static const struct record_field diff_reply_fields[] = {
    CHANGES,
};
RECORD_TYPE(diff_reply, struct change_reply, NULL);

static const struct record_field apply_reply_fields[] = {
    RECORD_FIELD(ONE, struct change_reply, generation, .type = &generation_type),
    RECORD_FIELD(BOOL, struct change_reply, made),
    CHANGES,
    CONSEQUENCES,
    RECORD_FIELD(ONE, struct change_reply, confirmation, NULLABLE, .type = &confirmation_type),
};
RECORD_TYPE(apply_reply, struct change_reply, NULL);

static const struct record_field rollback_reply_fields[] = {
    RECORD_FIELD(ONE, struct change_reply, generation, .type = &generation_type),
    RECORD_FIELD(BOOL, struct change_reply, made),
    CHANGES,
    CONSEQUENCES,
};
RECORD_TYPE(rollback_reply, struct change_reply, NULL);

static const struct record_field isolate_reply_fields[] = {
    RECORD_FIELD(TEXT, struct override_reply, evidence, NULLABLE),
    RECORD_FIELD(TEXT, struct override_reply, closed),
    RECORD_FIELD(ONE, struct override_reply, override, .type = &override_type),
};
RECORD_TYPE(isolate_reply, struct override_reply, NULL);

static const struct record_field override_reply_fields[] = {
    RECORD_FIELD(ONE, struct override_reply, override, .type = &override_type),
};
RECORD_TYPE(override_reply, struct override_reply, NULL);

static const struct record_field suspend_reply_fields[] = {
    RECORD_FIELD(TEXT, struct override_reply, closed),
    RECORD_FIELD(ONE, struct override_reply, override, .type = &override_type),
    RECORD_LIST(TEXTS, struct override_reply, approved),
    RECORD_FIELD(NUMBER, struct override_reply, left_out),
};
RECORD_TYPE(suspend_reply, struct override_reply, NULL);

static const struct record_field confirm_reply_fields[] = {
    RECORD_FIELD(NUMBER, struct confirm_reply, generation),
};
RECORD_TYPE(confirm_reply, struct confirm_reply, NULL);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/diagnostics.h"
#include "record/types.h"

/*
 * What the control socket replies with and no file keeps: the types of io.segd.Control.varlink that
 * are not in record/types.h, and the replies of its methods. The daemon fills them with borrowed
 * texts; a decoded structure owns its texts.
 */
struct wire_count {
    uint64_t packets;
    uint64_t bytes;
};

struct wire_interface {
    char *name;
    bool present, up;
    char **addresses;
    size_t n_addresses;
};

struct wire_zone {
    char *name, *label, *class, *state;
    struct wire_interface *interfaces;
    size_t n_interfaces;
    char **networks;
    size_t n_networks;
    bool isolated;
};

struct wire_flow {
    char *name, *label;
    char **from, **to, **services;
    size_t n_from, n_to, n_services;
    bool live;
    char *why;
    usec_t until; /* or USEC_NEVER */
    struct wire_count original, reply;
    usec_t since, first, last; /* `first`, `last`: 0 if there was none */
};

struct wire_endpoint {
    char *address;
    uint32_t port;
};

struct wire_connection {
    uint32_t id;
    char *flow, *label, *approval;
    bool live;
    char *why, *from, *to, *service;
    struct wire_endpoint source, destination;
    struct wire_endpoint sent_to, received_from; /* none where nothing is translated */
    char *state;
    bool replied, counts;
    struct wire_count original, reply;
    uint64_t age, timeout; /* seconds; age 0: unknown */
};

struct wire_drop {
    char *reason, *from, *to, *flow;
    uint64_t packets, bytes;
};

struct wire_incident_file {
    char *name;
    uint64_t size;
};

struct wire_incident {
    char *name, *zone, *reason;
    usec_t since;
    struct actor actor;
    bool complete;
    struct wire_incident_file *files;
    size_t n_files;
};

struct wire_denial {
    char *reason, *from, *to, *source, *destination, *service;
    uint64_t count, over;
    usec_t first, last;
};

struct wire_difference {
    char *object, *message;
};

/* Line 0: there is no place. */
struct wire_place {
    char *file;
    uint32_t line, column;
    char *message, *source;
};

struct wire_diagnostic {
    enum severity severity;
    char *code;
    struct wire_place place; /* its message is that of the diagnostic */
    char *remedy;
    struct wire_place related;
};

/* What differs in one key of an object; lists have only their first items, and `left_out` counts
 * the others. */
struct wire_field_change {
    char *field, *before, *after;
    char **added, **removed;
    size_t n_added, n_removed;
    uint64_t left_out;
};

/* What differs in an object between two policies. A flow has `before`, `label` and `approval`;
 * other objects have `kind`. */
struct wire_change {
    char *kind, *change, *name, *before, *label, *approval, *detail;
    bool packets, widens, narrows;
    struct wire_field_change *fields;
    size_t n_fields;
};

/* What a policy does to an isolation or suspension. */
struct wire_closing {
    char *kind, *name;
    char *change; /* `same`, `grown`, `renamed` or `unnamed` */
    char *renamed;
    /* Zones that the isolation holds, at least in part; flows that the suspension stops. */
    char **covers;
    size_t n_covers;
    char **approved; /* of a suspension: flows that approve part of what it stops */
    size_t n_approved;
    uint64_t left_out; /* of both lists */
};

/* How full the kernel's table of connections is; max 0: unknown. */
struct wire_table {
    uint64_t count, max;
};

/* What connection tracking did before any rule was asked. */
struct wire_tracking {
    uint64_t drop, early_drop, insert_failed;
    bool known;
};

/* The last entry of the audit log. */
struct wire_audit {
    uint64_t sequence;
    char *head;
};

struct status_reply {
    char *version, *mode;
    uint64_t generation; /* 0 in a lockdown, where later fields are empty too */
    char *fingerprint, *site;
    usec_t since;
    struct actor actor;
    char *reason;
    size_t flows, live;
    struct wire_zone *zones;
    size_t n_zones;
    struct override *overrides;
    size_t n_overrides;
    const struct finding *findings;
    size_t n_findings;
    struct expiring *expiring;
    size_t n_expiring;
    struct drift drift;
    struct confirmation confirmation;
    struct wire_table connections;
    struct wire_audit audit;
    char *policy;
    bool owned;
};

struct policy_reply {
    uint64_t generation;
    char *fingerprint;
    struct policy_text *texts;
    size_t n_texts;
    struct override *overrides;
    size_t n_overrides;
};

struct zones_reply {
    struct wire_zone *zones;
    size_t n_zones;
};

struct flows_reply {
    struct wire_flow *flows;
    size_t n_flows;
};

/* The lists are equally long. */
struct counters_reply {
    uint64_t generation;
    usec_t since;
    char **names;
    size_t n_names;
    uint64_t *original_packets, *original_bytes, *reply_packets, *reply_bytes;
    size_t n_original_packets, n_original_bytes, n_reply_packets, n_reply_bytes;
};

struct connections_reply {
    struct wire_connection *connections;
    size_t n_connections;
    uint64_t left_out;
};

struct drops_reply {
    struct wire_drop *drops;
    size_t n_drops;
    struct wire_tracking tracking;
};

struct incidents_reply {
    struct wire_incident *incidents;
    size_t n_incidents;
    uint64_t left_out;
};

struct incident_reply {
    char *text;
    size_t text_size;
    uint64_t next, size;
};

struct denials_reply {
    struct wire_denial *denials;
    size_t n_denials;
    usec_t since;
    uint64_t unlogged, lost;
};

struct history_reply {
    struct generation *generations;
    size_t n_generations;
};

struct verify_reply {
    bool ok;
    uint64_t generation;
    struct wire_difference *differences;
    size_t n_differences;
    const struct finding *findings;
    size_t n_findings;
};

struct audit_reply {
    json_t *entries;
};

struct verify_audit_reply {
    bool ok;
    uint64_t entries;
    char *head, *problem;
};

/* Of Plan, Diff, Apply, Rollback and InvalidPolicy; each has some of the fields. */
struct change_reply {
    struct generation generation; /* that is enforced now */
    uint64_t compared;            /* of a plan: the generation compared with; 0: none */
    bool made;                    /* a new generation was made */
    bool changed;                 /* the policies differ in their meaning */
    struct wire_change *changes;  /* flows */
    size_t n_changes;
    char **zones; /* changes of zones and of the gateway, as sentences */
    size_t n_zones;
    struct wire_change *objects;
    size_t n_objects;
    struct wire_closing *closings;
    size_t n_closings;
    size_t cut;
    struct wire_connection *connections; /* of a plan: the first that it would cut */
    size_t n_connections;
    struct wire_diagnostic *diagnostics;
    size_t n_diagnostics;
    char *fingerprint;
    struct confirmation confirmation;
};

/* Of Isolate, Suspend and Grant. */
struct override_reply {
    char *evidence; /* of Isolate */
    char *closed;   /* of Isolate and Suspend: the instant after which nothing of it passes */
    struct override override;
    /* Of Suspend: other live flows that approve part of what it stops, and how many more there are.
     */
    char **approved;
    size_t n_approved;
    uint64_t left_out;
};

struct confirm_reply {
    uint64_t generation;
};

extern const struct record_type wire_interface_type;
extern const struct record_type wire_zone_type;
extern const struct record_type wire_count_type;
extern const struct record_type wire_flow_type;
extern const struct record_type wire_endpoint_type;
extern const struct record_type wire_connection_type;
extern const struct record_type wire_drop_type;
extern const struct record_type wire_incident_file_type;
extern const struct record_type wire_incident_type;
extern const struct record_type wire_denial_type;
extern const struct record_type wire_difference_type;
extern const struct record_type wire_place_type;
extern const struct record_type wire_diagnostic_type;
extern const struct record_type wire_field_change_type;
extern const struct record_type wire_closing_type;
extern const struct record_type wire_flow_change_type;
extern const struct record_type wire_object_change_type;
/* What the audit log keeps of a flow. */
extern const struct record_type wire_change_summary_type;

extern const struct record_type status_reply_type;
extern const struct record_type policy_reply_type;
extern const struct record_type zones_reply_type;
extern const struct record_type flows_reply_type;
extern const struct record_type counters_reply_type;
extern const struct record_type connections_reply_type;
extern const struct record_type drops_reply_type;
extern const struct record_type incidents_reply_type;
extern const struct record_type incident_reply_type;
extern const struct record_type denials_reply_type;
extern const struct record_type history_reply_type;
extern const struct record_type verify_reply_type;
extern const struct record_type audit_reply_type;
extern const struct record_type verify_audit_reply_type;
extern const struct record_type invalid_policy_type; /* the error */
extern const struct record_type plan_reply_type;
extern const struct record_type diff_reply_type;
extern const struct record_type apply_reply_type;
extern const struct record_type rollback_reply_type;
extern const struct record_type isolate_reply_type;
extern const struct record_type override_reply_type;
extern const struct record_type suspend_reply_type;
extern const struct record_type confirm_reply_type;

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The metrics of segd: each family once, in one table, and below it where its samples come from.
 * Whatever the policy is, there is a most of each, so that no city fills a database of metrics;
 * `segd_left_out` tells where that was reached.
 */

#include "metrics/metrics.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/name_index.h"

const char *const metrics_methods[METRICS_METHODS] = {"GetStatus", "GetCounters", "GetDrops"};

static const struct record_type *const reply_types[METRICS_METHODS] = {
    &status_reply_type, &counters_reply_type, &drops_reply_type};

enum family_index {
    METHOD_UP,
    BUILD,
    ENFORCING,
    POLICY,
    GENERATION,
    APPLIED,
    FLOWS,
    FLOWS_LIVE,
    TABLE_OWNED,
    UNCONFIRMED,
    ZONE,
    ZONE_UP,
    ZONE_ISOLATED,
    OVERRIDES,
    FINDINGS,
    FINDINGS_BY_CODE,
    EXPIRING_FLOWS,
    DRIFT_REPAIRS,
    AUDIT_ENTRIES,
    CONNECTIONS,
    CONNECTIONS_MAX, /* the last one of reports */
    FLOW_EXPIRY,
    FLOW_PACKETS,
    FLOW_BYTES,
    REFUSED_PACKETS,
    REFUSED_BYTES,
    LEFT_OUT,
    CALLS_DURATION,
    VERIFIED,
    VERIFIED_OK,
    SCRAPES,
    CALL_ERRORS,
    START_TIME,
    N_FAMILIES,
};

#define GAUGE(name, help, ...)                                                                     \
    {                                                                                              \
        name, METRIC_GAUGE, {__VA_ARGS__}, help                                                    \
    }
#define COUNTER(name, help, ...)                                                                   \
    {                                                                                              \
        name, METRIC_COUNTER, {__VA_ARGS__}, help                                                  \
    }
#define INFO(name, help, ...)                                                                      \
    {                                                                                              \
        name, METRIC_INFO, {__VA_ARGS__}, help                                                     \
    }

static const struct metric_family families[N_FAMILIES] = {
    [METHOD_UP] = GAUGE("segd_method_up", "Whether segd answered this method.", "method"),
    [BUILD] = INFO("segd_build", "The version of segd.", "version"),
    [ENFORCING] = GAUGE("segd_enforcing", "1 while a policy is enforced, 0 in a lockdown.", NULL),
    [POLICY] = INFO("segd_policy", "The policy that is enforced.", "site", "fingerprint"),
    [GENERATION] =
        GAUGE("segd_policy_generation", "Number of the generation, 0 in a lockdown.", NULL),
    [APPLIED] = GAUGE("segd_policy_applied_timestamp_seconds",
                      "Since when the generation is enforced.", NULL),
    [FLOWS] = GAUGE("segd_policy_flows", "Flows of the policy.", NULL),
    [FLOWS_LIVE] = GAUGE("segd_policy_flows_live", "Flows that pass now.", NULL),
    [TABLE_OWNED] =
        GAUGE("segd_table_owned", "Whether the kernel keeps others from changing the table.", NULL),
    [UNCONFIRMED] = GAUGE("segd_policy_unconfirmed",
                          "1 while a generation goes back unless it is confirmed.", NULL),
    [ZONE] = INFO("segd_zone", "A zone, with what people call it.", "zone", "label", "class"),
    [ZONE_UP] = GAUGE("segd_zone_up", "Whether all interfaces of the zone are up.", "zone"),
    [ZONE_ISOLATED] =
        GAUGE("segd_zone_isolated", "Whether the zone is cut off from all others.", "zone"),
    [OVERRIDES] = GAUGE("segd_overrides",
                        "Changes by operators that last: isolations, suspensions, grants.", "kind"),
    [FINDINGS] = GAUGE("segd_findings", "What needs a person.", "severity"),
    [FINDINGS_BY_CODE] =
        GAUGE("segd_findings_by_code", "What needs a person, of each code.", "code", "severity"),
    [EXPIRING_FLOWS] =
        GAUGE("segd_expiring_flows",
              "Flows that end within so many days, of 0 those that have ended.", "days"),
    [FLOW_EXPIRY] = GAUGE("segd_flow_expiry_timestamp_seconds",
                          "When the flow ends: of flows that end within 60 days, or ended in the "
                          "last 7.",
                          "flow"),
    [DRIFT_REPAIRS] =
        COUNTER("segd_drift_repairs", "Changes of the table by others that were repaired.", NULL),
    [AUDIT_ENTRIES] = COUNTER("segd_audit_entries", "Entries of the audit log.", NULL),
    [CONNECTIONS] = GAUGE("segd_connections", "Connections in the table of the kernel.", NULL),
    [CONNECTIONS_MAX] =
        GAUGE("segd_connections_max", "Room for connections in the table of the kernel.", NULL),
    [FLOW_PACKETS] =
        COUNTER("segd_flow_packets", "Packets that passed by a live flow.", "flow", "direction"),
    [FLOW_BYTES] =
        COUNTER("segd_flow_bytes", "Bytes that passed by a live flow.", "flow", "direction"),
    [REFUSED_PACKETS] =
        COUNTER("segd_refused_packets", "Refused packets.", "reason", "from", "to", "flow"),
    [REFUSED_BYTES] =
        COUNTER("segd_refused_bytes", "Bytes of refused packets.", "reason", "from", "to", "flow"),
    [LEFT_OUT] = GAUGE("segd_left_out", "What these metrics have no room for.", "what"),
    [CALLS_DURATION] = GAUGE("segd_calls_duration_seconds",
                             "How long the calls of segd took for these metrics.", NULL),
    [VERIFIED] = GAUGE("segd_verified_timestamp_seconds",
                       "When the kernel was last compared with what was applied.", NULL),
    [VERIFIED_OK] =
        GAUGE("segd_verified_ok", "Whether the kernel held what was applied then.", NULL),
    [SCRAPES] = COUNTER("segd_exporter_scrapes", "Scrapes of this exporter.", NULL),
    [CALL_ERRORS] = COUNTER("segd_exporter_call_errors", "Calls of segd that failed.", NULL),
    [START_TIME] =
        GAUGE("segd_exporter_start_timestamp_seconds", "When the exporter started.", NULL),
};

void metrics_clear(struct metrics *metrics)
{
    record_clear(&status_reply_type, &metrics->status);
    record_clear(&counters_reply_type, &metrics->counters);
    record_clear(&drops_reply_type, &metrics->drops);
    *metrics = (struct metrics){0};
}

static uint64_t number_of(const json_t *json, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(json, key));

    return number > 0 ? (uint64_t)number : 0;
}

int metrics_add(struct metrics *metrics, enum metrics_method method, const json_t *reply)
{
    void *const records[METRICS_METHODS] = {&metrics->status, &metrics->counters, &metrics->drops};
    const json_t *connections = json_object_get(reply, "connections");
    int r;

    assert(!metrics->has[method]);
    r = record_decode_reply(reply_types[method], reply, records[method]);
    if (r < 0)
        return r;
    if (method == METRICS_STATUS) {
        metrics->connections = number_of(connections, "count");
        metrics->connections_max = number_of(connections, "max");
    }
    metrics->has[method] = true;
    return 0;
}

static void gauge(struct exposition *page, enum family_index family, uint64_t value)
{
    exposition_family(page, &families[family]);
    exposition_sample(page, NULL, value);
}

static void instant(struct exposition *page, enum family_index family, usec_t value)
{
    exposition_family(page, &families[family]);
    exposition_seconds(page, NULL, value);
}

static void write_policy(struct exposition *page, const struct status_reply *status)
{
    exposition_family(page, &families[BUILD]);
    exposition_sample(page, (const char *[]){status->version}, 1);
    gauge(page, ENFORCING, strcmp(status->mode, "enforcing") == 0);
    if (status->fingerprint) {
        exposition_family(page, &families[POLICY]);
        exposition_sample(
            page, (const char *[]){status->site ? status->site : "", status->fingerprint}, 1);
    }
    gauge(page, GENERATION, status->generation);
    if (status->since > 0)
        instant(page, APPLIED, status->since);
    gauge(page, FLOWS, status->flows);
    gauge(page, FLOWS_LIVE, status->live);
    gauge(page, TABLE_OWNED, status->owned);
    gauge(page, UNCONFIRMED, status->confirmation.pending);
}

static size_t least(size_t n, size_t limit)
{
    return n < limit ? n : limit;
}

static void write_zones(struct exposition *page, const struct status_reply *status, size_t most)
{
    const struct wire_zone *zones = status->zones;
    const size_t n = least(status->n_zones, most);

    exposition_family(page, &families[ZONE]);
    for (size_t i = 0; i < n; i++)
        exposition_sample(page, (const char *[]){zones[i].name, zones[i].label, zones[i].class}, 1);
    exposition_family(page, &families[ZONE_UP]);
    for (size_t i = 0; i < n; i++)
        exposition_sample(page, (const char *[]){zones[i].name}, strcmp(zones[i].state, "up") == 0);
    exposition_family(page, &families[ZONE_ISOLATED]);
    for (size_t i = 0; i < n; i++)
        exposition_sample(page, (const char *[]){zones[i].name}, zones[i].isolated);
}

static void write_overrides(struct exposition *page, const struct status_reply *status)
{
    exposition_family(page, &families[OVERRIDES]);
    for (enum override_kind kind = 0; kind < override_kinds.n_words; kind++) {
        uint64_t n = 0;

        for (size_t i = 0; i < status->n_overrides; i++)
            n += status->overrides[i].kind == kind;
        exposition_sample(page, (const char *[]){override_kind_to_string(kind)}, n);
    }
}

/* Whether an earlier finding has this code and severity. */
static bool is_repeated(const struct finding *findings, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (findings[j].severity == findings[i].severity &&
            strcmp(findings[j].code, findings[i].code) == 0)
            return true;
    }
    return false;
}

static void write_findings(struct exposition *page, const struct status_reply *status)
{
    const struct finding *findings = status->findings;
    const size_t n = least(status->n_findings, METRICS_FINDINGS_MAX);

    exposition_family(page, &families[FINDINGS]);
    for (enum finding_severity severity = 0; severity < finding_severities.n_words; severity++) {
        uint64_t count = 0;

        for (size_t i = 0; i < status->n_findings; i++)
            count += findings[i].severity == severity;
        exposition_sample(page, (const char *[]){record_word(&finding_severities, severity)},
                          count);
    }

    exposition_family(page, &families[FINDINGS_BY_CODE]);
    for (size_t i = 0; i < n; i++) {
        uint64_t count = 0;

        if (is_repeated(findings, i))
            continue;
        for (size_t j = i; j < n; j++)
            count += findings[j].severity == findings[i].severity &&
                     strcmp(findings[j].code, findings[i].code) == 0;
        exposition_sample(page,
                          (const char *[]){findings[i].code,
                                           record_word(&finding_severities, findings[i].severity)},
                          count);
    }
}

static void write_expiring_flows(struct exposition *page, const struct status_reply *status)
{
    static const struct {
        const char *text;
        unsigned days;
    } steps[] = {{"0", 0}, {"7", 7}, {"30", 30}, {"60", 60}};
    const struct expiring *flows = status->expiring;

    exposition_family(page, &families[EXPIRING_FLOWS]);
    for (size_t i = 0; i < ELEMENTS_OF(steps); i++) {
        uint64_t n = 0;

        for (size_t j = 0; j < status->n_expiring; j++)
            n += steps[i].days == 0 ? flows[j].warning == 0
                                    : flows[j].warning > 0 && flows[j].warning <= steps[i].days;
        exposition_sample(page, (const char *[]){steps[i].text}, n);
    }
}

/* Returns how many flows have no room. */
static size_t write_expiry(struct exposition *page, const struct status_reply *status)
{
    const struct expiring *flows = status->expiring;
    size_t shown = 0, left_out = 0;

    exposition_family(page, &families[FLOW_EXPIRY]);
    for (size_t i = 0; i < status->n_expiring; i++) {
        if (flows[i].days < -METRICS_ENDED_DAYS)
            continue;
        if (shown++ < METRICS_EXPIRING_MAX)
            exposition_seconds(page, (const char *[]){flows[i].name}, flows[i].expires);
        else
            left_out++;
    }
    return left_out;
}

/* All that GetStatus tells, but for single flows. */
static void write_status(struct exposition *page, const struct metrics *metrics, size_t zones)
{
    const struct status_reply *status = &metrics->status;

    write_policy(page, status);
    write_zones(page, status, zones);
    write_overrides(page, status);
    write_findings(page, status);
    write_expiring_flows(page, status);
    gauge(page, DRIFT_REPAIRS, status->drift.repairs);
    gauge(page, AUDIT_ENTRIES, status->audit.sequence);
    if (metrics->connections_max > 0) {
        gauge(page, CONNECTIONS, metrics->connections);
        gauge(page, CONNECTIONS_MAX, metrics->connections_max);
    }
}

/* A live flow, with packets and bytes of both directions. */
struct counted {
    const char *name;
    uint64_t packets[2], bytes[2];
};

/* The live flows, each once. Elements that others made have no name. */
static int list_flows(const struct counters_reply *reply, struct counted **ret_flows, size_t *ret_n)
{
    cleanup_(name_index_clear) struct name_index index = {0};
    cleanup_(freep) struct counted *flows = calloc(reply->n_names + 1, sizeof(*flows));
    size_t n = 0;
    int r = flows ? 0 : -ENOMEM;

    for (size_t i = 0;
         r == 0 && i < reply->n_names && i < reply->n_original_packets &&
         i < reply->n_original_bytes && i < reply->n_reply_packets && i < reply->n_reply_bytes;
         i++) {
        uint32_t place = (uint32_t)n;

        if (*reply->names[i] == '\0')
            continue;
        r = name_index_add(&index, reply->names[i], place);
        if (r == 0)
            flows[n++].name = reply->names[i];
        else if (r == -EEXIST && name_index_find(&index, reply->names[i], &place))
            r = 0;
        flows[place].packets[0] += reply->original_packets[i];
        flows[place].packets[1] += reply->reply_packets[i];
        flows[place].bytes[0] += reply->original_bytes[i];
        flows[place].bytes[1] += reply->reply_bytes[i];
    }
    if (r < 0)
        return r;
    *ret_flows = TAKE_PTR(flows);
    *ret_n = n;
    return 0;
}

static int write_flows(struct exposition *page, const struct counters_reply *reply,
                       size_t *ret_left_out)
{
    static const char *const directions[] = {"original", "reply"};
    cleanup_(freep) struct counted *flows = NULL;
    size_t n = 0, shown;
    int r = list_flows(reply, &flows, &n);

    if (r < 0)
        return r;
    shown = least(n, METRICS_FLOWS_MAX);
    exposition_family(page, &families[FLOW_PACKETS]);
    for (size_t i = 0; i < 2 * shown; i++)
        exposition_sample(page, (const char *[]){flows[i / 2].name, directions[i % 2]},
                          flows[i / 2].packets[i % 2]);
    exposition_family(page, &families[FLOW_BYTES]);
    for (size_t i = 0; i < 2 * shown; i++)
        exposition_sample(page, (const char *[]){flows[i / 2].name, directions[i % 2]},
                          flows[i / 2].bytes[i % 2]);
    *ret_left_out = n - shown;
    return 0;
}

static int write_refused(struct exposition *page, const struct metrics *metrics,
                         size_t *ret_left_out)
{
    cleanup_(freep) struct refused *list = NULL;
    size_t n = 0, shown;
    int r = metrics_list_refused(metrics, &list, &n);

    if (r < 0)
        return r;
    shown = least(n, METRICS_REFUSED_MAX);
    exposition_family(page, &families[REFUSED_PACKETS]);
    for (size_t i = 0; i < shown; i++)
        exposition_sample(page,
                          (const char *[]){list[i].reason, list[i].from, list[i].to, list[i].flow},
                          list[i].packets);
    exposition_family(page, &families[REFUSED_BYTES]);
    for (size_t i = 0; i < shown; i++)
        exposition_sample(page,
                          (const char *[]){list[i].reason, list[i].from, list[i].to, list[i].flow},
                          list[i].bytes);
    *ret_left_out = n - shown;
    return 0;
}

static void write_exporter(struct exposition *page, const struct metrics_exporter *exporter)
{
    if (exporter->verified > 0) {
        instant(page, VERIFIED, exporter->verified);
        gauge(page, VERIFIED_OK, exporter->verified_ok);
    }
    gauge(page, SCRAPES, exporter->scrapes);
    gauge(page, CALL_ERRORS, exporter->errors);
    instant(page, START_TIME, exporter->start_time);
}

/* All but the end. Returns 0 or -ENOMEM. */
static int write_all(struct exposition *page, const struct metrics *metrics,
                     const struct metrics_exporter *exporter)
{
    const struct status_reply *status = &metrics->status;
    size_t flows_left = 0, refused_left = 0, expiring_left = 0;
    int r = 0;

    exposition_family(page, &families[METHOD_UP]);
    for (size_t i = 0; i < METRICS_METHODS; i++)
        exposition_sample(page, (const char *[]){metrics_methods[i]}, metrics->has[i]);
    if (metrics->has[METRICS_STATUS]) {
        write_status(page, metrics, METRICS_ZONES_MAX);
        expiring_left = write_expiry(page, status);
    }
    if (metrics->has[METRICS_COUNTERS])
        r = write_flows(page, &metrics->counters, &flows_left);
    if (r == 0 && metrics->has[METRICS_DROPS])
        r = write_refused(page, metrics, &refused_left);
    if (r < 0)
        return r;

    exposition_family(page, &families[LEFT_OUT]);
    exposition_sample(page, (const char *[]){"expiring"}, expiring_left);
    exposition_sample(page, (const char *[]){"flows"}, flows_left);
    exposition_sample(page, (const char *[]){"refused"}, refused_left);
    exposition_sample(page, (const char *[]){"zones"},
                      status->n_zones - least(status->n_zones, METRICS_ZONES_MAX));
    instant(page, CALLS_DURATION, metrics->duration);
    if (exporter)
        write_exporter(page, exporter);
    return 0;
}

static int finish(struct exposition *page, int error, char **ret_text, size_t *ret_size)
{
    int r = error < 0 ? error : exposition_end(page);

    if (r < 0) {
        record_text_clear(&page->text);
        return r;
    }
    *ret_text = page->text.bytes;
    *ret_size = page->text.size;
    return 0;
}

int metrics_write(const struct metrics *metrics, const struct metrics_exporter *exporter,
                  enum exposition_form form, char **ret_text, size_t *ret_size)
{
    struct exposition page = {.form = form};
    int r = write_all(&page, metrics, exporter);

    return finish(&page, r, ret_text, ret_size);
}

int metrics_report(const struct metrics *metrics, char **ret_text, size_t *ret_size)
{
    struct exposition page = {.form = EXPOSITION_REPORT};

    exposition_family(&page, &families[METHOD_UP]);
    exposition_sample(&page, (const char *[]){metrics_methods[METRICS_STATUS]},
                      metrics->has[METRICS_STATUS]);
    if (metrics->has[METRICS_STATUS])
        write_status(&page, metrics, METRICS_REPORT_ZONES_MAX);
    return finish(&page, 0, ret_text, ret_size);
}

int metrics_report_families(char **ret_text, size_t *ret_size)
{
    struct exposition page = {.form = EXPOSITION_REPORT_FAMILIES};

    for (enum family_index family = METHOD_UP; family <= CONNECTIONS_MAX; family++)
        exposition_family(&page, &families[family]);
    return finish(&page, 0, ret_text, ret_size);
}

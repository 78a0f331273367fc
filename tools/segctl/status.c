/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl status, its part `expiring`, and verify, which shares its findings. Somebody who was woken
 * in the middle of the night reads it: what needs a person comes first, and all fits one screen.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "base/text.h"
#include "loaded.h"
#include "recent.h"
#include "remote.h"
#include "reply.h"
#include "sheet.h"
#include "words.h"

/* The screen that status fits where stdout has none. */
#define STATUS_WIDTH 80
#define STATUS_HEIGHT 24
#define GOOD "1;32"
#define CAUTION "1;33"
#define BAD "1;31"
/* As the findings connections-many and connections-full. */
#define TABLE_MANY 80
#define TABLE_FULL 99

static bool is_critical(const struct finding *findings, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (findings[i].severity == FINDING_CRITICAL)
            return true;
    }
    return false;
}

static bool is_locked(const struct status_reply *status)
{
    return strcmp(status->mode, "lockdown") == 0;
}

static bool is_any_isolated(const struct status_reply *status)
{
    for (size_t i = 0; i < status->n_overrides; i++) {
        if (status->overrides[i].kind == OVERRIDE_ISOLATION)
            return true;
    }
    return false;
}

/* `安中市: enforcing generation 12 (3f2a9c01be77)` */
static void print_mode(FILE *out, const struct status_reply *status, bool colour)
{
    if (status->site)
        words_print(out, "%s: ", status->site);
    if (is_locked(status)) {
        words_coloured(out, colour, BAD, "LOCKED DOWN");
        fputs(", nothing passes between zones: no policy is enforced\n"
              "  correct the policy files (segctl check), then: segctl apply\n",
              out);
        return;
    }
    words_coloured(out, colour, GOOD, "enforcing");
    if (status->generation > 0) {
        fprintf(out, " generation %" PRIu64 " (", status->generation);
        reply_write_digest(out, status->fingerprint ? status->fingerprint : "");
        fputc(')', out);
    }
    fprintf(out, ", %zu of %zu flows live\n", status->live, status->flows);
}

static void print_since(FILE *out, const struct status_reply *status)
{
    char when[WHEN_MAX], age[SPAN_TEXT_MAX];

    if (status->since == 0)
        return;
    fprintf(out, "  since %s (%s ago) by ", reply_when(status->since, when),
            reply_span((calendar_now() - status->since) / USEC_PER_SEC, age));
    reply_write_actor(out, &status->actor);
    if (status->reason)
        words_print(out, ": %s", status->reason);
    fputc('\n', out);
}

static void print_confirmation(FILE *out, const struct confirmation *waits, bool colour)
{
    char left[SPAN_TEXT_MAX], text[WHEN_MAX];

    if (!waits->pending)
        return;
    snprintf(text, sizeof(text), "WAITS TO BE CONFIRMED: %s left",
             reply_span(waits->seconds, left));
    words_coloured(out, colour, CAUTION, text);
    fprintf(out, "\n  generation %" PRIu64 " by ", waits->generation);
    reply_write_actor(out, &waits->actor);
    if (waits->previous > 0)
        fprintf(out, "; back to %" PRIu64, waits->previous);
    else
        fputs("; back to lockdown", out);
    fputs(" unless you run: segctl confirm\n", out);
}

static void print_finding(FILE *out, const struct finding *finding, bool colour)
{
    char when[WHEN_MAX];

    fputs("  ", out);
    if (finding->severity == FINDING_CRITICAL)
        words_coloured(out, colour, BAD, "CRITICAL ");
    else if (finding->severity == FINDING_WARNING)
        words_coloured(out, colour, CAUTION, "warning  ");
    else
        fputs("notice   ", out);
    words_print(out, "%s: %s; since %s\n", finding->code, finding->message,
                reply_when(finding->since, when));
}

/* The most severe first. */
static void print_findings(FILE *out, const struct finding *findings, size_t n, bool colour)
{
    static const enum finding_severity order[] = {FINDING_CRITICAL, FINDING_WARNING,
                                                  FINDING_NOTICE};

    for (size_t k = 0; k < ELEMENTS_OF(order); k++) {
        for (size_t i = 0; i < n; i++) {
            if (findings[i].severity == order[k])
                print_finding(out, &findings[i], colour);
        }
    }
}

/* Isolations first, then suspensions and grants. */
static void print_overrides(FILE *out, const struct status_reply *status, bool colour)
{
    for (enum override_kind kind = OVERRIDE_ISOLATION; kind <= OVERRIDE_GRANT; kind++) {
        for (size_t i = 0; i < status->n_overrides; i++) {
            if (status->overrides[i].kind == kind)
                reply_write_override(out, &status->overrides[i], colour);
        }
    }
}

static bool needs_look(const struct wire_zone *zone)
{
    return zone->isolated || strcmp(zone->state, "up") != 0;
}

/* `eth1 down, eth2 missing`: the interfaces that are not up. */
static void print_interfaces(FILE *out, const struct wire_zone *zone)
{
    const char *separator = "  ";

    for (size_t i = 0; i < zone->n_interfaces; i++) {
        const struct wire_interface *interface = &zone->interfaces[i];

        if (interface->up)
            continue;
        words_print(out, "%s%s%s", separator, interface->name,
                    interface->present ? " down" : " missing");
        separator = ", ";
    }
}

static void print_zone(FILE *out, const struct wire_zone *zone, unsigned width, bool colour)
{
    fputs("  ", out);
    if (zone->isolated)
        words_coloured(out, colour, CAUTION, "ISOLATED");
    else if (strcmp(zone->state, "up") == 0)
        words_coloured(out, colour, GOOD, "up      ");
    else if (strcmp(zone->state, "partial") == 0)
        words_coloured(out, colour, CAUTION, "partial ");
    else
        words_coloured(out, colour, BAD, "down    ");

    words_print(out, "  %s", zone->name);
    if (strcmp(zone->label, zone->name) != 0) {
        fprintf(out, "%*s  ", (int)(width - words_width(zone->name)), "");
        words_text(out, zone->label);
    }
    print_interfaces(out, zone);
    fputc('\n', out);
}

static void print_zones(FILE *out, const struct status_reply *status, bool colour)
{
    unsigned width = 0;

    for (size_t i = 0; i < status->n_zones; i++) {
        unsigned n = words_width(status->zones[i].name);

        width = n > width ? n : width;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < status->n_zones; i++) {
            if (needs_look(&status->zones[i]) == (pass == 0))
                print_zone(out, &status->zones[i], width, colour);
        }
    }
}

static void print_drift(FILE *out, const struct drift *drift)
{
    char when[WHEN_MAX];

    if (drift->repairs == 0)
        return;
    words_print(out, "  %" PRIu64 " %s, last %s%s%s%s%s\n", drift->repairs,
                drift->repairs == 1 ? "time" : "times", reply_when(drift->last, when),
                *drift->by ? " by " : "", drift->by, *drift->what ? ": " : "", drift->what);
}

/* Days for which status shows flows that ended. */
#define ENDED_DAYS 7

static bool has_ended(const struct expiring *flow)
{
    return flow->warning == 0;
}

static int add_expiring(struct table *table, const void *record)
{
    const struct expiring *flow = record;
    char days[32], when[WHEN_MAX];

    if (has_ended(flow))
        snprintf(days, sizeof(days), "ended");
    else
        snprintf(days, sizeof(days), "%" PRId64, flow->days);
    return table_add(table, (const char *[]){days, flow->name, reply_when(flow->expires, when),
                                             reply_label(flow->name, flow->label)});
}

/* How many flows from this one on end at the same instant. */
static size_t count_same_end(const struct status_reply *status, size_t first)
{
    size_t n = 1;

    while (first + n < status->n_expiring &&
           status->expiring[first + n].expires == status->expiring[first].expires &&
           has_ended(&status->expiring[first + n]) == has_ended(&status->expiring[first]))
        n++;
    return n;
}

/* `   7 days  clerk-to-web (窓口 → ウェブ) until 2026-12-01 00:00`, or where several end together
 * `  58 days  54 flows until 2027-01-21 00:00: clerk-to-web, …` */
static void print_end(FILE *out, const struct expiring *flows, size_t n)
{
    char when[WHEN_MAX];
    const char *until = has_ended(flows) ? "on" : "until";

    if (has_ended(flows))
        fputs("  ended    ", out);
    else
        fprintf(out, "  %2" PRId64 " %s  ", flows->days, flows->days == 1 ? "day " : "days");
    if (n == 1) {
        words_name(out, flows->name, flows->label);
        fprintf(out, " %s %s\n", until, reply_when(flows->expires, when));
        return;
    }
    fprintf(out, "%zu flows %s %s: ", n, until, reply_when(flows->expires, when));
    for (size_t i = 0; i < n; i++)
        words_print(out, "%s%s", i > 0 ? ", " : "", flows[i].name);
    fputc('\n', out);
}

/* Those that ended not long ago, or those that will; older ones are in `expiring`. */
static void print_ends(FILE *out, const struct status_reply *status, bool ended)
{
    size_t n;

    for (size_t i = 0; i < status->n_expiring; i += n) {
        const struct expiring *flow = &status->expiring[i];

        n = count_same_end(status, i);
        if (has_ended(flow) == ended && flow->days >= -ENDED_DAYS)
            print_end(out, flow, n);
    }
}

/* `connections 1204 of 262144 (0 %)`; the findings say what to do. */
static void print_connections(FILE *out, const struct wire_table *table, bool colour)
{
    uint64_t percent = table->max > 0 ? table->count * 100 / table->max : 0;
    char text[32];

    if (table->max == 0)
        return;
    snprintf(text, sizeof(text), "%" PRIu64 " %%", percent);
    fprintf(out, "connections %" PRIu64 " of %" PRIu64 " (", table->count, table->max);
    words_coloured(out, colour && percent >= TABLE_MANY, percent >= TABLE_FULL ? BAD : CAUTION,
                   text);
    fputs(")\n", out);
}

static void print_footer(FILE *out, const struct status_reply *status, bool colour)
{
    print_connections(out, &status->connections, colour);
    words_print(out, "policy %s, audit log %" PRIu64 " entries, head ", status->policy,
                status->audit.sequence);
    reply_write_digest(out, status->audit.head);
    words_print(out, ", segd %s\n", status->version);
}

/* `recent` is what recent_write() wrote, or "". */
static void write_status(struct sheet *sheet, const struct status_reply *status, const char *recent,
                         bool colour)
{
    FILE *out = sheet_stream(sheet);

    sheet_section(sheet, NULL, 2);
    print_mode(out, status, colour);
    print_since(out, status);
    sheet_section(sheet, NULL, 2);
    print_confirmation(out, &status->confirmation, colour);
    sheet_section(
        sheet, is_any_isolated(status) ? "overrides (isolated flows count as live)" : "overrides",
        2);
    print_overrides(out, status, colour);
    sheet_section(sheet, "findings", 2);
    print_findings(out, status->findings, status->n_findings, colour);
    sheet_section(sheet, "zones", 1);
    print_zones(out, status, colour);
    sheet_section(sheet, "changed by others, and repaired", 1);
    print_drift(out, &status->drift);
    sheet_section(sheet, "ending, or ended this week", 1);
    print_ends(out, status, true);
    print_ends(out, status, false);
    sheet_section(sheet, NULL, 2);
    fputs(recent, out);
    print_footer(out, status, colour);
}

static int judge_status(const void *reply)
{
    const struct status_reply *status = reply;

    return is_locked(status) || is_critical(status->findings, status->n_findings) ? EXIT_NO
                                                                                  : EXIT_YES;
}

/* For people. */
static int show_status(struct remote *remote, const struct status_reply *status)
{
    struct screen screen = screen_get(remote->wide);
    cleanup_(sheet_freep) struct sheet *sheet = NULL;
    cleanup_(freep) char *recent = NULL;
    int r;

    if (!remote->wide) {
        screen.width = screen.width > 0 ? screen.width : STATUS_WIDTH;
        /* The next prompt has a line too. */
        screen.height = (screen.height > 1 ? screen.height : STATUS_HEIGHT) - 1;
    }
    r = recent_read(remote, status->audit.sequence, &recent);
    if (r == 0)
        r = sheet_new(&sheet);
    if (r == 0) {
        write_status(sheet, status, recent, screen.colour);
        r = sheet_print(sheet, &screen);
    }
    return r < 0 ? command_no_memory() : judge_status(status);
}

int run_status(const struct command *command, int argc, char **argv)
{
    static const struct remote_method method = {"GetStatus", &status_reply_type,
                                                .judge = judge_status};
    cleanup_(remote_clear) struct remote remote = {0};
    cleanup_(status_clear) struct status_reply status = {0};
    cleanup_(json_decrefp) json_t *reply = NULL;
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, &method, &exit_code))
        return exit_code;
    exit_code = remote_call(&remote, method.name, &reply);
    if (exit_code != EXIT_YES)
        return exit_code;
    if (remote.json)
        return remote_print(&remote, reply, &method);
    if (record_decode_reply(&status_reply_type, reply, &status) < 0)
        return command_no_memory();
    return show_status(&remote, &status);
}

static int print_expiring(const void *reply, const struct screen *screen)
{
    static const char *const titles[] = {"DAYS", "FLOW", "ENDS", "LABEL"};
    static const enum table_align aligns[] = {TABLE_RIGHT, TABLE_LEFT, TABLE_LEFT, TABLE_LEFT};
    static const struct reply_columns columns = REPLY_COLUMNS(titles, aligns, NULL);
    const struct status_reply *status = reply;

    return reply_print_table(&columns, status->expiring, status->n_expiring,
                             sizeof(*status->expiring), add_expiring,
                             "no flow has ended, and none ends within 60 days", screen);
}

static int keep_expiring(const struct remote *remote, json_t *reply)
{
    json_t *expiring = json_incref(json_object_get(reply, "expiring"));

    (void)remote;
    json_object_clear(reply);
    return json_object_set_new(reply, "expiring", expiring ? expiring : json_null()) < 0
               ? command_no_memory()
               : EXIT_YES;
}

const struct remote_method expiring_method = {"GetStatus", &status_reply_type, print_expiring,
                                              .narrow = keep_expiring};

static int print_verified(const void *record, const struct screen *screen)
{
    const struct verify_reply *reply = record;

    if (reply->n_differences == 0)
        words_coloured(stdout, screen->colour, "1;32", "the kernel holds exactly what was applied");
    else
        words_coloured(stdout, screen->colour, "1;31", "THE KERNEL DOES NOT HOLD WHAT WAS APPLIED");
    if (reply->generation > 0)
        printf(": generation %" PRIu64, reply->generation);
    putchar('\n');

    for (size_t i = 0; i < reply->n_differences; i++) {
        words_print(stdout, "  %s: %s\n", reply->differences[i].object,
                    reply->differences[i].message);
    }
    print_findings(stdout, reply->findings, reply->n_findings, screen->colour);
    return 0;
}

static int judge(const void *record)
{
    const struct verify_reply *reply = record;

    return reply->ok && !is_critical(reply->findings, reply->n_findings) ? EXIT_YES : EXIT_NO;
}

const struct remote_method verify_method = {"Verify", &verify_reply_type, print_verified,
                                            .judge = judge};

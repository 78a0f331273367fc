/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl status, its part `expiring`, and verify, which shares its findings. Somebody who was woken
 * in the middle of the night reads it: what needs a person comes first, and what is well takes one
 * line.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "base/text.h"
#include "loaded.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

#define BOLD "1"
#define GOOD "1;32"
#define CAUTION "1;33"
#define BAD "1;31"

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

/* `安中市: enforcing generation 12 (3f2a9c01be77)` */
static void print_mode(const struct status_reply *status, bool colour)
{
    if (status->site)
        words_print(stdout, "%s: ", status->site);
    if (is_locked(status)) {
        words_coloured(stdout, colour, BAD, "LOCKED DOWN");
        puts(", nothing passes between zones: no policy is enforced");
        puts("  correct the policy files (segctl check), then: segctl apply");
        return;
    }
    words_coloured(stdout, colour, GOOD, "enforcing");
    if (status->generation > 0) {
        printf(" generation %" PRIu64 " (", status->generation);
        reply_write_digest(stdout, status->fingerprint ? status->fingerprint : "");
        putchar(')');
    }
    printf(", %zu of %zu flows live\n", status->live, status->flows);
}

static void print_since(const struct status_reply *status)
{
    char when[WHEN_MAX], age[SPAN_TEXT_MAX];

    if (status->since == 0)
        return;
    printf("  since %s (%s ago) by ", reply_when(status->since, when),
           reply_span((calendar_now() - status->since) / USEC_PER_SEC, age));
    reply_write_actor(stdout, &status->actor);
    if (status->reason)
        words_print(stdout, ": %s", status->reason);
    putchar('\n');
}

static void print_confirmation(const struct confirmation *waits, bool colour)
{
    char left[SPAN_TEXT_MAX], text[WHEN_MAX];

    if (!waits->pending)
        return;
    snprintf(text, sizeof(text), "WAITS TO BE CONFIRMED: %s left",
             reply_span(waits->seconds, left));
    putchar('\n');
    words_coloured(stdout, colour, CAUTION, text);
    printf("\n  generation %" PRIu64 " by ", waits->generation);
    reply_write_actor(stdout, &waits->actor);
    if (waits->previous > 0)
        printf(" goes back to %" PRIu64, waits->previous);
    else
        fputs(" goes back to lockdown", stdout);
    puts(" unless somebody runs: segctl confirm");
}

static void print_findings(const struct finding *findings, size_t n, bool colour)
{
    char when[WHEN_MAX];

    for (size_t i = 0; i < n; i++) {
        fputs("  ", stdout);
        if (findings[i].severity == FINDING_CRITICAL)
            words_coloured(stdout, colour, BAD, "CRITICAL ");
        else if (findings[i].severity == FINDING_WARNING)
            words_coloured(stdout, colour, CAUTION, "warning  ");
        else
            fputs("notice   ", stdout);
        words_print(stdout, "%s [%s, since %s]\n", findings[i].message, findings[i].code,
                    reply_when(findings[i].since, when));
    }
}

static void print_title(const char *title, bool colour)
{
    putchar('\n');
    words_coloured(stdout, colour, BOLD, title);
    putchar('\n');
}

static void print_overrides(const struct status_reply *status, bool colour)
{
    if (status->n_overrides > 0)
        print_title("overrides", colour);
    for (size_t i = 0; i < status->n_overrides; i++)
        reply_print_override(&status->overrides[i], colour);
}

static bool needs_look(const struct wire_zone *zone)
{
    return zone->isolated || strcmp(zone->state, "up") != 0;
}

/* `eth1 down, eth2 missing`: the interfaces that are not up. */
static void print_interfaces(const struct wire_zone *zone)
{
    const char *separator = "  ";

    for (size_t i = 0; i < zone->n_interfaces; i++) {
        const struct wire_interface *interface = &zone->interfaces[i];

        if (interface->up)
            continue;
        words_print(stdout, "%s%s%s", separator, interface->name,
                    interface->present ? " down" : " missing");
        separator = ", ";
    }
}

static void print_zone(const struct wire_zone *zone, unsigned width, bool colour)
{
    fputs("  ", stdout);
    if (zone->isolated)
        words_coloured(stdout, colour, CAUTION, "ISOLATED");
    else if (strcmp(zone->state, "up") == 0)
        words_coloured(stdout, colour, GOOD, "up      ");
    else if (strcmp(zone->state, "partial") == 0)
        words_coloured(stdout, colour, CAUTION, "partial ");
    else
        words_coloured(stdout, colour, BAD, "down    ");

    words_print(stdout, "  %s", zone->name);
    if (strcmp(zone->label, zone->name) != 0) {
        printf("%*s  ", (int)(width - words_width(zone->name)), "");
        words_text(stdout, zone->label);
    }
    print_interfaces(zone);
    putchar('\n');
}

static void print_zones(const struct status_reply *status, bool colour)
{
    unsigned width = 0;

    for (size_t i = 0; i < status->n_zones; i++) {
        unsigned n = words_width(status->zones[i].name);

        width = n > width ? n : width;
    }
    if (status->n_zones > 0)
        print_title("zones", colour);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < status->n_zones; i++) {
            if (needs_look(&status->zones[i]) == (pass == 0))
                print_zone(&status->zones[i], width, colour);
        }
    }
}

static void print_drift(const struct drift *drift, bool colour)
{
    char when[WHEN_MAX];

    if (drift->repairs == 0)
        return;
    print_title("drift", colour);
    words_print(
        stdout, "  others changed the rules %" PRIu64 " %s, and it was repaired; last %s%s%s%s%s\n",
        drift->repairs, drift->repairs == 1 ? "time" : "times", reply_when(drift->last, when),
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

/* `  7 days  clerk-to-web (窓口 → ウェブ) until 2026-12-01 00:00` */
static void print_end(const struct expiring *flow)
{
    char when[WHEN_MAX];

    if (has_ended(flow))
        fputs("  ", stdout);
    else
        printf("  %2" PRId64 " %s  ", flow->days, flow->days == 1 ? "day " : "days");
    words_name(stdout, flow->name, flow->label);
    printf(" %s %s\n", has_ended(flow) ? "on" : "until", reply_when(flow->expires, when));
}

/* Those that ended not long ago, or those that will; older ones are in `expiring`. */
static void print_ends(const struct status_reply *status, bool ended, const char *title,
                       bool colour)
{
    for (size_t i = 0; i < status->n_expiring; i++) {
        const struct expiring *flow = &status->expiring[i];

        if (has_ended(flow) != ended || flow->days < -ENDED_DAYS)
            continue;
        if (title)
            print_title(title, colour);
        title = NULL;
        print_end(flow);
    }
}

static int print_status(const void *reply, bool colour)
{
    const struct status_reply *status = reply;

    print_mode(status, colour);
    print_since(status);
    print_confirmation(&status->confirmation, colour);
    if (status->n_findings > 0)
        print_title("findings", colour);
    print_findings(status->findings, status->n_findings, colour);
    print_overrides(status, colour);
    print_zones(status, colour);
    print_drift(&status->drift, colour);
    print_ends(status, true, "ended in the last 7 days", colour);
    print_ends(status, false, "expiring", colour);

    words_print(stdout, "\npolicy %s, audit log %" PRIu64 " entries, head ", status->policy,
                status->audit.sequence);
    reply_write_digest(stdout, status->audit.head);
    words_print(stdout, ", segd %s\n", status->version);
    return 0;
}

static int judge_status(const void *reply)
{
    const struct status_reply *status = reply;

    return is_locked(status) || is_critical(status->findings, status->n_findings) ? EXIT_NO
                                                                                  : EXIT_YES;
}

const struct remote_method status_method = {"GetStatus", &status_reply_type, print_status,
                                            .judge = judge_status};

static int print_expiring(const void *reply, bool colour)
{
    static const char *const titles[] = {"DAYS", "FLOW", "ENDS", "LABEL"};
    static const enum table_align aligns[] = {TABLE_RIGHT, TABLE_LEFT, TABLE_LEFT, TABLE_LEFT};
    const struct status_reply *status = reply;

    return reply_print_table(titles, aligns, ELEMENTS_OF(titles), status->expiring,
                             status->n_expiring, sizeof(*status->expiring), add_expiring,
                             "no flow has ended, and none ends within 60 days", colour);
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

static int print_verified(const void *record, bool colour)
{
    const struct verify_reply *reply = record;

    if (reply->n_differences == 0)
        words_coloured(stdout, colour, "1;32", "the kernel holds exactly what was applied");
    else
        words_coloured(stdout, colour, "1;31", "THE KERNEL DOES NOT HOLD WHAT WAS APPLIED");
    if (reply->generation > 0)
        printf(": generation %" PRIu64, reply->generation);
    putchar('\n');

    for (size_t i = 0; i < reply->n_differences; i++) {
        words_print(stdout, "  %s: %s\n", reply->differences[i].object,
                    reply->differences[i].message);
    }
    print_findings(reply->findings, reply->n_findings, colour);
    return 0;
}

static int judge(const void *record)
{
    const struct verify_reply *reply = record;

    return reply->ok && !is_critical(reply->findings, reply->n_findings) ? EXIT_YES : EXIT_NO;
}

const struct remote_method verify_method = {"Verify", &verify_reply_type, print_verified,
                                            .judge = judge};

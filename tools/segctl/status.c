/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl status: the daemon in one look, and `expiring`, a part of it. It is read in the middle of
 * the night by somebody who was woken: what needs a person comes first, and what is well takes one
 * line.
 */

#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "base/text.h"
#include "loaded.h"
#include "remote.h"
#include "reply.h"
#include "status.h"
#include "words.h"

#define BOLD "1"
#define GOOD "1;32"
#define CAUTION "1;33"
#define BAD "1;31"

bool status_is_critical(const json_t *findings)
{
    json_t *finding;
    size_t i;

    json_array_foreach(findings, i, finding)
    {
        if (strcmp(reply_text(finding, "severity"), "critical") == 0)
            return true;
    }
    return false;
}

static bool is_locked(const json_t *status)
{
    return strcmp(reply_text(status, "mode"), "lockdown") == 0;
}

/* `安中市: enforcing generation 12 (3f2a9c01be77)` */
static void print_mode(const json_t *status, bool colour)
{
    if (reply_has(status, "site")) {
        words_text(stdout, reply_text(status, "site"));
        fputs(": ", stdout);
    }
    if (is_locked(status)) {
        words_coloured(stdout, colour, BAD, "LOCKED DOWN");
        puts(", nothing passes between zones: no policy is enforced");
        puts("  correct the policy files (segctl check), then: segctl apply");
        return;
    }
    words_coloured(stdout, colour, GOOD, "enforcing");
    if (reply_has(status, "generation")) {
        printf(" generation %" JSON_INTEGER_FORMAT " (", reply_number(status, "generation"));
        reply_write_digest(stdout, status, "fingerprint");
        putchar(')');
    }
    printf(", %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " flows live\n",
           reply_number(status, "live"), reply_number(status, "flows"));
}

static void print_since(const json_t *status)
{
    const char *since = reply_text(status, "since");
    char when[WHEN_MAX], age[SPAN_TEXT_MAX];

    if (!*since)
        return;
    printf("  since %s (%s ago) by ", reply_when(since, when), reply_span(reply_age(since), age));
    reply_write_actor(stdout, json_object_get(status, "actor"));
    if (reply_has(status, "reason")) {
        fputs(": ", stdout);
        words_text(stdout, reply_text(status, "reason"));
    }
    putchar('\n');
}

static void print_confirmation(const json_t *status, bool colour)
{
    const json_t *confirmation = json_object_get(status, "confirmation");
    char left[SPAN_TEXT_MAX], text[WHEN_MAX];

    if (!json_is_object(confirmation))
        return;
    snprintf(text, sizeof(text), "WAITS TO BE CONFIRMED: %s left",
             reply_span(reply_number(confirmation, "seconds"), left));
    putchar('\n');
    words_coloured(stdout, colour, CAUTION, text);
    printf("\n  generation %" JSON_INTEGER_FORMAT " by ", reply_number(confirmation, "generation"));
    reply_write_actor(stdout, json_object_get(confirmation, "actor"));
    if (reply_number(confirmation, "previous") > 0)
        printf(" goes back to %" JSON_INTEGER_FORMAT, reply_number(confirmation, "previous"));
    else
        fputs(" goes back to lockdown", stdout);
    puts(" unless somebody runs: segctl confirm");
}

void status_print_findings(const json_t *findings, bool colour)
{
    json_t *finding;
    char when[WHEN_MAX];
    size_t i;

    json_array_foreach(findings, i, finding)
    {
        const char *severity = reply_text(finding, "severity");

        fputs("  ", stdout);
        if (strcmp(severity, "critical") == 0)
            words_coloured(stdout, colour, BAD, "CRITICAL ");
        else if (strcmp(severity, "warning") == 0)
            words_coloured(stdout, colour, CAUTION, "warning  ");
        else
            fputs("notice   ", stdout);
        words_text(stdout, reply_text(finding, "message"));
        fputs(" [", stdout);
        reply_write(stdout, finding, "code");
        printf(", since %s]\n", reply_when(reply_text(finding, "since"), when));
    }
}

static void print_title(const char *title, bool colour)
{
    putchar('\n');
    words_coloured(stdout, colour, BOLD, title);
    putchar('\n');
}

static void print_overrides(const json_t *overrides, bool colour)
{
    json_t *override;
    size_t i;

    if (json_array_size(overrides) > 0)
        print_title("overrides", colour);
    json_array_foreach(overrides, i, override)
    {
        reply_print_override(override, colour);
    }
}

static bool needs_look(const json_t *zone)
{
    return reply_true(zone, "isolated") || strcmp(reply_text(zone, "state"), "up") != 0;
}

/* `eth1 down, eth2 missing`: the interfaces that are not up. */
static void print_interfaces(const json_t *zone)
{
    const char *separator = "  ";
    json_t *interface;
    size_t i;

    json_array_foreach(json_object_get(zone, "interfaces"), i, interface)
    {
        if (reply_true(interface, "up"))
            continue;
        fputs(separator, stdout);
        words_text(stdout, reply_text(interface, "name"));
        fputs(reply_true(interface, "present") ? " down" : " missing", stdout);
        separator = ", ";
    }
}

static unsigned name_width(const json_t *zones)
{
    unsigned width = 0;
    json_t *zone;
    size_t i;

    json_array_foreach(zones, i, zone)
    {
        const char *name = reply_text(zone, "name");
        unsigned n = text_shown_width(name, strlen(name));

        width = n > width ? n : width;
    }
    return width;
}

static void print_zone(const json_t *zone, unsigned width, bool colour)
{
    const char *state = reply_text(zone, "state"), *name = reply_text(zone, "name");
    const char *label = reply_text(zone, "label");

    fputs("  ", stdout);
    if (reply_true(zone, "isolated"))
        words_coloured(stdout, colour, CAUTION, "ISOLATED");
    else if (strcmp(state, "up") == 0)
        words_coloured(stdout, colour, GOOD, "up      ");
    else if (strcmp(state, "partial") == 0)
        words_coloured(stdout, colour, CAUTION, "partial ");
    else
        words_coloured(stdout, colour, BAD, "down    ");

    fputs("  ", stdout);
    words_text(stdout, name);
    if (strcmp(label, name) != 0) {
        printf("%*s  ", (int)(width - text_shown_width(name, strlen(name))), "");
        words_text(stdout, label);
    }
    print_interfaces(zone);
    putchar('\n');
}

static void print_zones(const json_t *zones, bool colour)
{
    unsigned width = name_width(zones);
    json_t *zone;
    size_t i;

    if (json_array_size(zones) == 0)
        return;
    print_title("zones", colour);
    for (int pass = 0; pass < 2; pass++) {
        json_array_foreach(zones, i, zone)
        {
            if (needs_look(zone) == (pass == 0))
                print_zone(zone, width, colour);
        }
    }
}

static void print_drift(const json_t *drift, bool colour)
{
    json_int_t repairs = reply_number(drift, "repairs");
    char when[WHEN_MAX];

    if (repairs == 0)
        return;
    print_title("drift", colour);
    printf("  others changed the rules %" JSON_INTEGER_FORMAT " %s, and it was repaired; last %s",
           repairs, repairs == 1 ? "time" : "times", reply_when(reply_text(drift, "last"), when));
    if (reply_has(drift, "by")) {
        fputs(" by ", stdout);
        words_text(stdout, reply_text(drift, "by"));
    }
    if (reply_has(drift, "what")) {
        fputs(": ", stdout);
        words_text(stdout, reply_text(drift, "what"));
    }
    putchar('\n');
}

static int add_expiring(struct table *table, const json_t *flow)
{
    const char *name = reply_text(flow, "name"), *label = reply_text(flow, "label");
    char days[32], when[WHEN_MAX];

    snprintf(days, sizeof(days), "%" JSON_INTEGER_FORMAT, reply_number(flow, "days"));
    return table_add(table,
                     (const char *[]){days, name, reply_when(reply_text(flow, "expires"), when),
                                      strcmp(label, name) == 0 ? "" : label});
}

/* Returns 0 or -ENOMEM. */
static int print_expiring(const json_t *expiring, bool colour)
{
    static const char *const titles[] = {"DAYS", "FLOW", "ENDS", "LABEL"};
    static const enum table_align aligns[] = {TABLE_RIGHT, TABLE_LEFT, TABLE_LEFT, TABLE_LEFT};
    cleanup_(table_freep) struct table *table = NULL;
    json_t *flow;
    size_t i;
    int r = table_new(ELEMENTS_OF(titles), titles, aligns, &table);

    json_array_foreach(expiring, i, flow)
    {
        if (r == 0)
            r = add_expiring(table, flow);
    }
    if (r < 0)
        return r;
    table_print(table, stdout, colour);
    return 0;
}

/* `  7 days  clerk-to-web (窓口 → ウェブ) until 2026-12-01 00:00` */
static void print_ending(const json_t *expiring, bool colour)
{
    json_t *flow;
    size_t i;

    if (json_array_size(expiring) > 0)
        print_title("expiring", colour);
    json_array_foreach(expiring, i, flow)
    {
        json_int_t days = reply_number(flow, "days");
        char when[WHEN_MAX];

        printf("  %2" JSON_INTEGER_FORMAT " %s  ", days, days == 1 ? "day " : "days");
        words_name(stdout, reply_text(flow, "name"), reply_text(flow, "label"));
        printf(" until %s\n", reply_when(reply_text(flow, "expires"), when));
    }
}

static int print_status(const json_t *status, bool colour)
{
    const json_t *findings = json_object_get(status, "findings");
    const json_t *audit = json_object_get(status, "audit");

    print_mode(status, colour);
    print_since(status);
    print_confirmation(status, colour);
    if (json_array_size(findings) > 0)
        print_title("findings", colour);
    status_print_findings(findings, colour);
    print_overrides(json_object_get(status, "overrides"), colour);
    print_zones(json_object_get(status, "zones"), colour);
    print_drift(json_object_get(status, "drift"), colour);
    print_ending(json_object_get(status, "expiring"), colour);

    fputs("\npolicy ", stdout);
    words_text(stdout, reply_text(status, "policy"));
    printf(", audit log %" JSON_INTEGER_FORMAT " entries, head ", reply_number(audit, "sequence"));
    reply_write_digest(stdout, audit, "head");
    fputs(", segd ", stdout);
    reply_write(stdout, status, "version");
    putchar('\n');
    return 0;
}

int run_status(const struct command *command, int argc, char **argv)
{
    cleanup_(remote_clear) struct remote remote = {0};
    cleanup_(json_decrefp) json_t *status = NULL;
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, NULL, 0, 0, &exit_code))
        return exit_code;
    exit_code = remote_call(&remote, "GetStatus", &status);
    if (exit_code != EXIT_YES)
        return exit_code;

    if (is_locked(status) || status_is_critical(json_object_get(status, "findings")))
        exit_code = EXIT_NO;
    return remote_print(&remote, status, print_status, exit_code);
}

int run_expiring(const struct command *command, int argc, char **argv)
{
    cleanup_(remote_clear) struct remote remote = {0};
    cleanup_(json_decrefp) json_t *status = NULL;
    const json_t *expiring;
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, NULL, 0, 0, &exit_code))
        return exit_code;
    exit_code = remote_call(&remote, "GetStatus", &status);
    if (exit_code != EXIT_YES)
        return exit_code;

    expiring = json_object_get(status, "expiring");
    if (remote.json)
        return print_json(json_pack("{s:O?}", "expiring", expiring), EXIT_YES);
    if (json_array_size(expiring) == 0) {
        puts("no flow ends within 60 days");
        return EXIT_YES;
    }
    return print_expiring(expiring, wants_colour(stdout)) < 0 ? command_no_memory() : EXIT_YES;
}

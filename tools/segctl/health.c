/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl health: one line and an exit code as Nagios defines them, for whatever runs plugins. Some
 * agents put stderr into the value and look at no exit code, so that the line says it all, begins
 * with the state, and nothing is ever written to stderr.
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "loaded.h"
#include "remote.h"

/* https://nagios-plugins.org/doc/guidelines.html#AEN78 */
enum state {
    STATE_OK,
    STATE_WARNING,
    STATE_CRITICAL,
    STATE_UNKNOWN,
};

static const char *const state_names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

/* Plugins are given 10 s as a rule. */
#define LIMIT (8 * USEC_PER_SEC)
#define DAYS_DEFAULT 30
#define LIVE_DEFAULT 50
#define ENDED_DAYS 7

struct health {
    const char *socket;
    bool json;
    unsigned days; /* a flow that ends within them is a warning */
    unsigned live; /* so are fewer flows live, of 100 */
    enum state state;
    json_t *problems; /* texts, the worst state first */
};

static void health_clear(struct health *health)
{
    json_decref(health->problems);
}

/* Texts of any origin in one line without what begins the values after it. */
static char *one_line(const char *text)
{
    cleanup_(freep) char *shown = NULL;
    size_t size;
    FILE *stream = open_memstream(&shown, &size);

    if (!stream)
        return NULL;
    text_show(stream, text, strlen(text));
    if (fclose(stream) != 0)
        return NULL;
    for (char *place = shown; (place = strchr(place, '|'));)
        *place = '/';
    return TAKE_PTR(shown);
}

/* A problem; without memory for its words the state still tells of it. */
__attribute__((format(printf, 3, 4))) static void add(struct health *health, enum state state,
                                                      const char *format, ...)
{
    cleanup_(freep) char *text = NULL, *line = NULL;
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (r < 0)
        text = NULL;
    line = text ? one_line(text) : NULL;
    if (line)
        json_array_insert_new(health->problems,
                              state > health->state ? 0 : json_array_size(health->problems),
                              json_string(line));
    if (state > health->state)
        health->state = state;
}

static void judge_findings(struct health *health, const struct status_reply *status)
{
    for (size_t i = 0; i < status->n_findings; i++) {
        const struct finding *finding = &status->findings[i];

        if (finding->severity == FINDING_CRITICAL)
            add(health, STATE_CRITICAL, "%s", finding->message);
        else if (finding->severity == FINDING_WARNING)
            add(health, STATE_WARNING, "%s", finding->message);
    }
}

static void judge_zones(struct health *health, const struct status_reply *status)
{
    for (size_t i = 0; i < status->n_zones; i++) {
        const struct wire_zone *zone = &status->zones[i];

        if (zone->isolated)
            add(health, STATE_WARNING, "%s is isolated", zone->name);
        if (strcmp(zone->state, "up") != 0)
            add(health, STATE_WARNING, "%s is %s", zone->name,
                strcmp(zone->state, "down") == 0 ? "down" : "partly down");
    }
}

/* An isolation whose zone the policy does not have holds, too. */
static void judge_overrides(struct health *health, const struct status_reply *status)
{
    for (size_t i = 0; i < status->n_overrides; i++) {
        const struct override *override = &status->overrides[i];
        bool is_shown = override->kind == OVERRIDE_GRANT;

        for (size_t j = 0; j < status->n_zones && override->kind == OVERRIDE_ISOLATION; j++)
            is_shown |=
                status->zones[j].isolated && strcmp(status->zones[j].name, override->name) == 0;
        if (!is_shown)
            add(health, STATE_WARNING, "%s is %s", override->name,
                override->kind == OVERRIDE_ISOLATION ? "isolated" : "suspended");
    }
}

static void judge_flows(struct health *health, const struct status_reply *status)
{
    size_t ending = 0, ended = 0;

    if (status->live * 100 < status->flows * health->live)
        add(health, STATE_WARNING, "only %zu of %zu flows are live", status->live, status->flows);
    for (size_t i = 0; i < status->n_expiring; i++) {
        const struct expiring *flow = &status->expiring[i];

        ended += flow->warning == 0 && flow->days >= -ENDED_DAYS;
        ending += flow->warning > 0 && flow->days <= (int64_t)health->days;
    }
    if (ended > 0)
        add(health, STATE_WARNING, "%zu %s ended in the last %d days", ended,
            ended == 1 ? "flow" : "flows", ENDED_DAYS);
    if (ending > 0)
        add(health, STATE_WARNING, "%zu %s within %u days", ending,
            ending == 1 ? "flow ends" : "flows end", health->days);
}

static void judge(struct health *health, const struct status_reply *status)
{
    if (strcmp(status->mode, "enforcing") != 0)
        add(health, STATE_CRITICAL, "lockdown: no policy is enforced");
    judge_findings(health, status);
    if (status->confirmation.pending)
        add(health, STATE_WARNING, "generation %" PRIu64 " waits to be confirmed",
            status->confirmation.generation);
    judge_zones(health, status);
    judge_overrides(health, status);
    judge_flows(health, status);
}

/* ` | flows=44 live=41 …`, which Nagios keeps as performance data. */
static void print_values(const struct status_reply *status)
{
    size_t critical = 0, warnings = 0, isolated = 0, down = 0;

    for (size_t i = 0; i < status->n_findings; i++) {
        critical += status->findings[i].severity == FINDING_CRITICAL;
        warnings += status->findings[i].severity == FINDING_WARNING;
    }
    for (size_t i = 0; i < status->n_zones; i++) {
        isolated += status->zones[i].isolated;
        down += strcmp(status->zones[i].state, "up") != 0;
    }
    printf(" | flows=%zu live=%zu isolated=%zu down=%zu critical=%zu warnings=%zu expiring=%zu",
           status->flows, status->live, isolated, down, critical, warnings, status->n_expiring);
}

/* Returns the state as exit code. `status` is NULL where segd did not tell it. */
static int print(const struct health *health, const struct status_reply *status)
{
    json_t *problem;
    size_t i;

    if (health->json)
        return print_json(json_pack("{s:b, s:s, s:i, s:O}", "ok", health->state == STATE_OK,
                                    "state", state_names[health->state], "code", health->state,
                                    "problems", health->problems),
                          (int)health->state);
    fputs(state_names[health->state], stdout);
    if (health->state == STATE_OK && status)
        printf(": generation %" PRIu64 ", %zu of %zu flows live", status->generation, status->live,
               status->flows);
    json_array_foreach(health->problems, i, problem)
        printf("%s%s", i == 0 ? ": " : "; ", json_string_value(problem));
    if (status)
        print_values(status);
    putchar('\n');
    return (int)health->state;
}

/* Asks segd. Returns 0, or -errno and has told of it. */
static int ask(struct health *health, struct status_reply *ret_status)
{
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL;
    int r = client_connect_within(health->socket, LIMIT, &client);

    if (r == 0)
        r = client_call(client, "GetStatus", NULL, &reply, &error);
    if (r == 0)
        r = record_decode_reply(&status_reply_type, reply, ret_status);
    if (r == -EREMOTEIO)
        add(health, STATE_UNKNOWN, "segd answers %s", error);
    else if (r < 0)
        add(health, STATE_UNKNOWN, "segd does not answer at %s: %s", health->socket, strerror(-r));
    return r;
}

static bool read_number(const char *text, unsigned most, unsigned *ret_number)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || number > most)
        return false;
    *ret_number = (unsigned)number;
    return true;
}

/* Returns true to go on; false where the command ends with `*ret_exit_code`. */
static bool read_options(struct health *health, const struct command *command, int argc,
                         char **argv, int *ret_exit_code)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {"days", required_argument, NULL, 'd'},
        {"live", required_argument, NULL, 'l'},   {0},
    };
    bool is_right = true;
    int option;

    opterr = 0;
    while (is_right && (option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (option) {
        case 's':
            health->socket = optarg;
            break;
        case 'j':
            health->json = true;
            break;
        case 'd':
            is_right = read_number(optarg, 60, &health->days);
            break;
        case 'l':
            is_right = read_number(optarg, 100, &health->live);
            break;
        case 'h':
            *ret_exit_code = command_help(command);
            return false;
        default:
            is_right = false;
        }
    }
    if (is_right && optind == argc)
        return true;
    add(health, STATE_UNKNOWN, "usage: segctl health %s", command->arguments);
    *ret_exit_code = print(health, NULL);
    return false;
}

int run_health(const struct command *command, int argc, char **argv)
{
    cleanup_(health_clear) struct health health = {.socket = CONTROL_SOCKET_DEFAULT,
                                                   .days = DAYS_DEFAULT,
                                                   .live = LIVE_DEFAULT,
                                                   .problems = json_array()};
    struct status_reply status = {0};
    int exit_code, r;

    if (!read_options(&health, command, argc, argv, &exit_code))
        return exit_code;
    r = ask(&health, &status);
    if (r == 0)
        judge(&health, &status);
    exit_code = print(&health, r == 0 ? &status : NULL);
    record_clear(&status_reply_type, &status);
    return exit_code;
}

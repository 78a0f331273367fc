/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Time, from the policy to the timeouts in the kernel. The clock of the machine cannot be moved for
 * one test, so the daemon's parts run in this process with a clock of the test's own, and time goes
 * by as it does for the daemon: its timer fires, or it is told that the clock was set. What lasts
 * for seconds, grants and confirmations, is tried with a daemon of its own.
 */

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/instant.h"
#include "calls.h"
#include "checks.h"
#include "daemon/change/override.h"
#include "daemon/change/time.h"
#include "sandbox.h"
#include "subject.h"
#include "traffic.h"
#include "wires.h"

usec_t __wrap_calendar_now(void);

/* What the clock shows. A test program may have this one variable. */
static usec_t clock_now;

usec_t __wrap_calendar_now(void)
{
    return clock_now;
}

static void set_clock(const char *instant)
{
    ck_assert_int_eq(instant_parse(instant, &clock_now), 0);
}

static const struct actor somebody = {.uid = 0, .name = "root"};

static void begin(struct subject *subject, const char *policy)
{
    subject_start(subject, policy);
    ck_assert_uint_eq(subject->gateway->current.number, 1);
}

/* The clock goes on to this instant; `set`: it was put there. */
static void go_to(struct subject *subject, const char *instant, bool set)
{
    set_clock(instant);
    if (set) {
        gateway_judge_clock(subject->gateway);
        enforcement_distrust(subject->gateway->enforcement);
    }
    ck_assert_int_eq(change_by_time(subject->gateway), 0);
}

/* `1d2h3m4s500ms` as seconds, rounded up. */
static int64_t read_span(const char *text)
{
    int64_t seconds = 0;
    char *end;

    for (;; text = end) {
        long n = strtol(text, &end, 10);

        if (end == text)
            return seconds;
        if (strncmp(end, "ms", 2) == 0) {
            seconds += n > 0;
            end += 2;
            continue;
        }
        seconds += n * (*end == 'd' ? 86400 : *end == 'h' ? 3600 : *end == 'm' ? 60 : 1);
        end++;
    }
}

#define CLOSED (-1)
#define FOR_EVER 0
/* Seconds by which a timeout may be off without being set anew. */
#define SLACK 1

/* The seconds after which the kernel ends the flow, as nft lists them. */
static int64_t listed_timeout(const char *flow, bool reply)
{
    cleanup_(freep) char *element = segd_live_element(flow, reply);
    const char *timeout = element ? strstr(element, "expires ") : NULL;

    if (!element)
        return CLOSED;
    return timeout ? read_span(timeout + strlen("expires ")) : FOR_EVER;
}

/* What has passed since the commit is of this process alone: some seconds at most. */
static void assert_timeout(const char *flow, int64_t left, const char *instant)
{
    for (int reply = 0; reply < 2; reply++) {
        int64_t listed = listed_timeout(flow, reply);
        bool equal = left <= 0 ? listed == left : listed > 0 && listed <= left + SLACK;

        /* One second is gone before it can be listed. */
        if (left == 1 && listed == CLOSED)
            continue;
        ck_assert_msg(equal && listed >= left - (left > 0 ? 20 : 0),
                      "%s at %s: %s %lld s, should be %lld s", flow, instant,
                      reply ? "reply" : "original", (long long)listed, (long long)left);
    }
}

struct moment {
    const char *instant;
    int64_t left;
};

#define MOMENTS_MAX 8

static const struct {
    const char *timezone;
    const char *when; /* of the flow */
    struct moment moments[MOMENTS_MAX];
} schedules[] = {
    /* Office hours in Tokyo go over midnight UTC; Tuesday, then Saturday. */
    {"Asia/Tokyo",
     "schedule: { days: mon-fri, hours: '08:30-17:15' }",
     {{"2026-11-23T23:29:59Z", CLOSED},
      {"2026-11-23T23:30:00Z", 31500},
      {"2026-11-23T23:59:59Z", 29701},
      {"2026-11-24T00:00:00Z", 29700},
      {"2026-11-24T08:14:30Z", 30},
      {"2026-11-24T08:15:00Z", CLOSED},
      {"2026-11-28T00:00:00Z", CLOSED}}},
    /* The last minute of a day, and one night into the next. */
    {"UTC",
     "schedule: { days: mon-sun, hours: '23:59-00:00' }",
     {{"2026-11-23T23:58:59Z", CLOSED},
      {"2026-11-23T23:59:00Z", 60},
      {"2026-11-24T00:00:00Z", CLOSED},
      {"2026-11-24T23:59:20Z", 40}}},
    {"UTC",
     "schedule: { days: mon-sun, hours: '22:00-06:00' }",
     {{"2026-12-31T21:59:59Z", CLOSED},
      {"2026-12-31T22:00:00Z", 28800},
      {"2027-01-01T00:00:00Z", 21600},
      {"2027-01-01T06:00:00Z", CLOSED}}},
    /* To the end of a leap day. */
    {"UTC",
     "expires: 2028-02-29",
     {{"2028-02-28T23:59:59Z", 86401},
      {"2028-02-29T00:00:00Z", 86400},
      {"2028-02-29T23:59:30Z", 30},
      {"2028-03-01T00:00:00Z", CLOSED}}},
    /* An hour that is not there, and one that comes twice. */
    {"Europe/Berlin",
     "schedule: { days: mon-sun, hours: '01:30-03:30' }",
     {{"2027-03-28T00:29:59Z", CLOSED},
      {"2027-03-28T00:30:00Z", 3600},
      {"2027-03-28T01:00:00Z", 1800},
      {"2027-03-28T01:30:00Z", CLOSED},
      {"2027-10-30T23:30:00Z", 10800},
      {"2027-10-31T01:00:00Z", 5400},
      {"2027-10-31T02:30:00Z", CLOSED}}},
};

static char *write_policy(const char *zone, const char *when)
{
    char *text = NULL;

    ck_assert_int_gt(asprintf(&text,
                              "segd: 1\ntimezone: %s\n%sflows:\n"
                              "  timed: { from: a, to: b, services: [udp/7001], %s }\n"
                              "  always: { from: a, to: b, services: [udp/7002] }\n",
                              zone, strstr(WIRES_POLICY, "zones:"), when),
                     0);
    return text;
}

START_TEST(flow_is_live_in_its_time)
{
    const struct moment *moments = schedules[_i].moments;
    cleanup_(freep) char *policy = write_policy(schedules[_i].timezone, schedules[_i].when);
    cleanup_(subject_clear) struct subject subject = {0};

    sandbox_enter();
    set_clock(moments[0].instant);
    begin(&subject, policy);
    for (size_t i = 0; i < MOMENTS_MAX && moments[i].instant; i++) {
        /* Of what stays live the kernel would have counted the time that this clock leaps over. */
        go_to(&subject, moments[i].instant,
              i > 0 && moments[i - 1].left > 0 && moments[i].left > 0);
        assert_timeout("timed", moments[i].left, moments[i].instant);
        assert_timeout("always", FOR_EVER, moments[i].instant);
    }
    /* And from where the last one left off back to the first, and on again. */
    go_to(&subject, moments[1].instant, true);
    assert_timeout("timed", moments[1].left, moments[1].instant);
    go_to(&subject, moments[2].instant, true);
    assert_timeout("timed", moments[2].left, moments[2].instant);
}
END_TEST

START_TEST(clock_that_jumps_a_year_sets_timeouts_anew)
{
    static const struct moment moments[] = {
        {"2026-11-24T00:00:00Z", 127 * 86400 + 54000},
        {"2027-11-24T00:00:00Z", CLOSED},
        {"2026-11-24T00:00:00Z", 127 * 86400 + 54000},
        {"2025-11-24T00:00:00Z", 492 * 86400 + 54000},
    };
    cleanup_(freep) char *policy = write_policy("Asia/Tokyo", "expires: 令和9年3月31日");
    cleanup_(subject_clear) struct subject subject = {0};

    sandbox_enter();
    set_clock(moments[0].instant);
    begin(&subject, policy);
    for (size_t i = 0; i < ELEMENTS_OF(moments); i++) {
        go_to(&subject, moments[i].instant, true);
        assert_timeout("timed", moments[i].left, moments[i].instant);
    }
}
END_TEST

static const struct {
    const char *when;
    const char *open, *over;
} ends[] = {
    {"expires: 2026-11-30", "2026-11-30T14:00:00Z", "2026-11-30T15:00:00Z"},
    {"schedule: { days: mon-fri, hours: '08:30-17:15' }", "2026-11-24T08:00:00Z",
     "2026-11-24T08:15:00Z"},
};

START_TEST(open_connection_ends_with_the_time_of_its_flow)
{
    cleanup_(freep) char *policy = write_policy("Asia/Tokyo", ends[_i].when);
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(subject_clear) struct subject subject = {0};
    struct frame frame = wires_udp(FAMILY_IPV6, WIRE_A, WIRE_B, 7001);
    struct frame answer = wires_answer(&frame);

    set_clock(ends[_i].open);
    begin(&subject, policy);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
    go_to(&subject, ends[_i].over, false);
    wires_drop(lab, WIRE_A, &frame, NULL, "suspended/a/b");
    ck_assert(!wires_try(lab, WIRE_B, &answer, NULL));
    go_to(&subject, ends[_i].open, true);
    ck_assert(wires_try(lab, WIRE_A, &frame, NULL));
    ck_assert(wires_try(lab, WIRE_B, &answer, NULL));
}
END_TEST

/* A narrow flow comes first and covers what the streams approve; so does the wide one after it. */
#define NARROW_BEFORE_WIDE                                                                         \
    WIRES_POLICY TRAFFIC_HOSTS "flows:\n"                                                          \
                               "  narrow: { from: client, to: server, services: [udp/7001],"       \
                               " schedule: { days: mon-sun, hours: '08:30-17:15' } }\n"            \
                               "  wide: { from: a, to: b, services: [udp/6990-7008] }\n"
/* Tuesday in Tokyo. */
#define BEFORE_OPENING "2026-11-23T23:29:00Z"
#define OPENING "2026-11-23T23:30:00Z"
#define LEAD "2026-11-24T08:14:58Z"
#define CLOSING "2026-11-24T08:15:00Z"

/* Streams in a process of its own, until stream_end(). */
struct stream {
    pid_t process;
    int pipe[2];
};

static void stream_begin(struct stream *stream, struct lab *lab)
{
    struct traffic traffic = {.lab = lab};
    struct pollfd ended;

    ck_assert_int_eq(pipe2(stream->pipe, O_CLOEXEC), 0);
    stream->process = fork();
    ck_assert_int_ge(stream->process, 0);
    if (stream->process > 0) {
        close(stream->pipe[0]);
        return;
    }
    close(stream->pipe[1]);
    ended = (struct pollfd){.fd = stream->pipe[0]};
    do {
        traffic_round(&traffic);
    } while (poll(&ended, 1, 0) == 0);
    _exit(EXIT_SUCCESS);
}

static void stream_end(struct stream *stream)
{
    int status;

    close(stream->pipe[1]);
    ck_assert_int_eq(waitpid(stream->process, &status, 0), stream->process);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS, "packets were lost");
}

#define DAYS_STREAMED 20

/* By the daemon, which is a little ahead of the kernel, and once by the kernel alone. */
START_TEST(flow_that_begins_or_ends_loses_no_packet_of_another)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(subject_clear) struct subject subject = {0};
    struct stream stream;

    set_clock(BEFORE_OPENING);
    begin(&subject, NARROW_BEFORE_WIDE);
    stream_begin(&stream, lab);
    for (int i = 0; i < DAYS_STREAMED; i++) {
        go_to(&subject, BEFORE_OPENING, true);
        go_to(&subject, OPENING, false);
        ck_assert_int_gt(listed_timeout("narrow", false), 0);
        go_to(&subject, LEAD, false);
        ck_assert_int_ne(listed_timeout("narrow", false), FOR_EVER);
        go_to(&subject, CLOSING, false);
        ck_assert_int_eq(listed_timeout("narrow", false), CLOSED);
    }

    go_to(&subject, OPENING, true);
    go_to(&subject, LEAD, true);
    while (listed_timeout("narrow", false) != CLOSED)
        ;
    stream_end(&stream);
}
END_TEST

/* The daemon moves what a flow owns in time. Where it does not run then, what the flow owned is
 * dropped until it is back, and nothing else. */
START_TEST(what_a_flow_owned_waits_for_a_daemon_that_is_away)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(subject_clear) struct subject subject = {0};
    struct frame owned = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7001);
    struct frame other = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7002);

    set_clock("2026-11-24T08:14:57Z");
    begin(&subject, NARROW_BEFORE_WIDE);
    wires_pass(lab, WIRE_A, WIRE_B, &owned, NULL);
    while (listed_timeout("narrow", false) != CLOSED)
        ;
    wires_drop(lab, WIRE_A, &owned, NULL, "suspended/a/b");
    wires_pass(lab, WIRE_A, WIRE_B, &other, NULL);

    set_clock(CLOSING);
    subject_start_again(&subject);
    ck_assert(wires_try(lab, WIRE_A, &owned, NULL));
}
END_TEST

/* The daemon wakes up for it. */
START_TEST(agenda_knows_when_ownership_moves)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(subject_clear) struct subject subject = {0};
    static const char *const instants[] = {BEFORE_OPENING, OPENING, LEAD, CLOSING};

    ck_assert_ptr_nonnull(lab);
    set_clock(instants[0]);
    begin(&subject, NARROW_BEFORE_WIDE);
    for (size_t i = 1; i < ELEMENTS_OF(instants); i++) {
        char next[INSTANT_TEXT_MAX];

        ck_assert_str_eq(instant_format(subject.gateway->agenda.until, next), instants[i]);
        go_to(&subject, instants[i], false);
    }
}
END_TEST

static const struct {
    const char *flows;
    const char *owner;
} dead_before_live[] = {
    {"  narrow: { from: client, to: server, services: [udp/7001], expires: 2026-01-01 }\n"
     "  wide: { from: a, to: b, services: [udp/6990-7008] }\n",
     "wide"},
    {"  narrow: { from: client, to: server, services: [udp/7001],"
     " schedule: { days: sat-sun } }\n"
     "  wide: { from: client, to: server, services: [udp/7001-7003] }\n",
     "wide"},
    /* A range of few points and one of many. */
    {"  narrow: { from: a, to: server, services: [udp/7001-7008], expires: 2026-01-01 }\n"
     "  wide: { from: client, to: b, services: [udp/7001] }\n",
     "wide"},
    /* The renewal beside the approval that has ended, and beside the one that has not. */
    {"  r8: { from: client, to: server, services: [udp/7001], expires: 2026-03-31 }\n"
     "  r9: { from: client, to: server, services: [udp/7001], expires: 2027-03-31 }\n",
     "r9"},
    {"  r9: { from: client, to: server, services: [udp/7001], expires: 2027-03-31 }\n"
     "  r10: { from: client, to: server, services: [udp/7001], expires: 2028-03-31 }\n",
     "r9"},
};

START_TEST(first_live_flow_owns_a_packet)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(subject_clear) struct subject subject = {0};
    struct frame frame = wires_udp((enum family)(_i % FAMILIES), WIRE_A, WIRE_B, 7001);
    struct frame answer = wires_answer(&frame);
    cleanup_(freep) char *policy = NULL;
    int i = _i / FAMILIES;

    ck_assert_int_gt(
        asprintf(&policy, WIRES_POLICY TRAFFIC_HOSTS "flows:\n%s", dead_before_live[i].flows), 0);
    set_clock("2026-11-24T00:00:00Z");
    begin(&subject, policy);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
    ck_assert_uint_eq(segd_passed(dead_before_live[i].owner, false), 1);
    ck_assert_uint_eq(segd_passed(dead_before_live[i].owner, true), 1);
}
END_TEST

static const char granting_policy[] = WIRES_POLICY TRAFFIC_HOSTS
    "flows:\n"
    "  old: { from: client, to: server, services: [udp/7001], expires: 2026-01-01 }\n"
    "  night: { from: client, to: server, services: [udp/7002], schedule: { hours: '22:00-05:00' } "
    "}\n"
    "  stopped: { from: client, to: server, services: [udp/7003] }\n";

static const struct {
    const char *to, *service;
    const char *isolated; /* or NULL */
    uint16_t port;        /* that is tried */
    enum outcome_kind kind;
} grants[] = {
    {"server", "udp/7001", NULL, 7001, OUTCOME_DONE},
    {"b", "udp/7001", NULL, 7001, OUTCOME_DONE},
    {"b", "udp/7000-7009", NULL, 7002, OUTCOME_DONE},
    {"server", "udp/7002", NULL, 7002, OUTCOME_DONE},
    /* What somebody stopped is not opened by another name. */
    {"server", "udp/7003", NULL, 7003, OUTCOME_INVALID},
    {"b", "udp/7001", "b", 7001, OUTCOME_REFUSED},
    {"b", "udp/7001", "a", 7001, OUTCOME_REFUSED},
    {"b", "udp/7001", "c", 7001, OUTCOME_DONE},
};

/* Whoever is told that something is granted finds that it passes, until the grant ends. */
START_TEST(what_is_granted_passes)
{
    const char *from = "a";
    const struct grant_wish wish = {NULL, &from, 1, &grants[_i].to, 1, &grants[_i].service,
                                    1,    "test"};
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(subject_clear) struct subject subject = {0};
    cleanup_(outcome_clear) struct outcome suspended = {0}, isolated = {0}, granted = {0};
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, grants[_i].port);
    bool passes = grants[_i].kind == OUTCOME_DONE;

    if (grants[_i].kind == OUTCOME_INVALID)
        from = "client";
    set_clock("2026-11-24T01:00:00Z");
    begin(&subject, granting_policy);
    ck_assert_int_eq(change_suspend(subject.gateway, &somebody, "stopped", "test", &suspended), 0);
    if (grants[_i].isolated)
        ck_assert_int_eq(change_isolate(subject.gateway, &somebody, grants[_i].isolated, "test", 0,
                                        NULL, 0, &isolated),
                         0);
    ck_assert(!wires_try(lab, WIRE_A, &frame, NULL));

    ck_assert_int_eq(change_grant(subject.gateway, &somebody, &wish, 3600 * USEC_PER_SEC, &granted),
                     0);
    ck_assert_msg(granted.kind == grants[_i].kind, "%s", granted.message);
    ck_assert_int_eq(wires_try(lab, WIRE_A, &frame, NULL), passes);
    ck_assert_int_eq(overrides_find(&subject.gateway->state.overrides, OVERRIDE_GRANT, "grant-1") !=
                         NULL,
                     passes);
    go_to(&subject, "2026-11-24T02:00:00Z", false);
    ck_assert(!wires_try(lab, WIRE_A, &frame, NULL));
}
END_TEST

/* Overrides end by the same clock; what the kernel has let go the state forgets too. */
START_TEST(overrides_end_when_their_time_is_over)
{
    static const char *const from = "10.1.0.7", *const to = "10.3.0.9", *const service = "tcp/22";
    const struct grant_wish wish = {NULL, &from, 1, &to, 1, &service, 1, "test"};
    cleanup_(freep) char *policy = write_policy("Asia/Tokyo", "expires: 2099-03-31");
    cleanup_(subject_clear) struct subject subject = {0};
    cleanup_(outcome_clear) struct outcome granted = {0}, isolated = {0};

    sandbox_enter();
    set_clock("2026-11-24T00:00:00Z");
    begin(&subject, policy);
    ck_assert_int_eq(change_grant(subject.gateway, &somebody, &wish, 3600 * USEC_PER_SEC, &granted),
                     0);
    ck_assert_msg(granted.kind == OUTCOME_DONE, "%s", granted.message);
    ck_assert_int_eq(change_isolate(subject.gateway, &somebody, "c", "test", 7200 * USEC_PER_SEC,
                                    NULL, 0, &isolated),
                     0);
    ck_assert_msg(isolated.kind == OUTCOME_DONE, "%s", isolated.message);
    assert_timeout("grant-1", 3600, "the grant");

    go_to(&subject, "2026-11-24T00:59:00Z", true);
    assert_timeout("grant-1", 60, "its last minute");
    ck_assert_uint_eq(subject.gateway->state.overrides.n_overrides, 2);
    go_to(&subject, "2026-11-24T01:00:00Z", false);
    assert_timeout("grant-1", CLOSED, "its end");
    ck_assert_uint_eq(subject.gateway->state.overrides.n_overrides, 1);
    go_to(&subject, "2026-11-24T02:00:00Z", false);
    ck_assert_uint_eq(subject.gateway->state.overrides.n_overrides, 0);
    /* A clock that goes back does not bring them back. */
    go_to(&subject, "2026-11-24T00:30:00Z", true);
    assert_timeout("grant-1", CLOSED, "after its end");
}
END_TEST

static bool has_finding(const struct gateway *gateway, const char *code)
{
    const struct finding *list;
    size_t n = findings_list(gateway->findings, &list);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].code, code) == 0)
            return true;
    }
    return false;
}

/* A machine whose battery is empty wakes up in 1970. */
START_TEST(clock_of_1970_opens_nothing_that_had_ended)
{
    static const char *const from = "10.1.0.7", *const to = "10.3.0.9", *const service = "tcp/22";
    const struct grant_wish wish = {NULL, &from, 1, &to, 1, &service, 1, "test"};
    cleanup_(freep) char *policy = write_policy("UTC", "expires: 2026-11-25");
    cleanup_(subject_clear) struct subject subject = {0};
    cleanup_(outcome_clear) struct outcome granted = {0};

    sandbox_enter();
    set_clock("2026-11-24T00:00:00Z");
    begin(&subject, policy);
    go_to(&subject, "2026-11-26T00:00:00Z", false);
    assert_timeout("timed", CLOSED, "its end");
    ck_assert_int_eq(change_grant(subject.gateway, &somebody, &wish, 3600 * USEC_PER_SEC, &granted),
                     0);
    go_to(&subject, "2026-11-27T00:00:00Z", false);

    for (unsigned boots = 0; boots < 2; boots++) {
        subject_stop(&subject);
        sandbox_nft("delete table inet segd\n");
        set_clock("1970-01-01T00:01:00Z");
        subject_start_again(&subject);
        assert_timeout("timed", CLOSED, "1970");
        assert_timeout("grant-1", CLOSED, "1970");
        assert_timeout("always", FOR_EVER, "1970");
        ck_assert(has_finding(subject.gateway, "clock-wrong"));
        go_to(&subject, "1970-01-02T00:00:00Z", false);
    }

    /* Who set it may be wrong, but is believed. */
    go_to(&subject, "2026-11-25T23:00:00Z", true);
    assert_timeout("timed", 3600, "its last hour");
    ck_assert(!has_finding(subject.gateway, "clock-wrong"));
}
END_TEST

/* What the audit log says of an event by the clock after entry `after`: its flows, comma between.
 * The caller frees it; NULL: nothing. */
static char *told_by_clock(const struct subject *subject, const char *action, uint64_t after)
{
    cleanup_(json_decrefp) json_t *entries = NULL;
    const json_t *entry, *flows, *flow;
    char text[256] = "";
    size_t i;

    ck_assert_int_eq(audit_read(subject->gateway->audit, after, 100, &entries), 0);
    entry = find_text(entries, "action", action);
    if (!entry)
        return NULL;
    ck_assert_str_eq(json_string_value(json_object_get(entry, "who")), "clock");
    flows = json_object_get(json_object_get(entry, "detail"), "flows");
    json_array_foreach(flows, i, flow)
    {
        size_t used = strlen(text);

        snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? "," : "",
                 json_string_value(json_object_get(flow, "name")));
    }
    return strdup(text);
}

static const char eventful[] =
    WIRES_POLICY "flows:\n"
                 "  office: { from: a, to: b, services: [tcp/80],"
                 " schedule: { days: mon-fri, hours: '08:30-17:15' } }\n"
                 "  day: { from: a, to: c, services: [tcp/80],"
                 " schedule: { days: mon-fri, hours: '08:30-17:15' } }\n"
                 "  ends: { from: b, to: c, services: [tcp/80], expires: 2026-11-24 }\n"
                 "  soon: { from: c, to: b, services: [tcp/80], expires: 2026-12-31 }\n"
                 "  always: { from: c, to: a, services: [tcp/80] }\n";

static const struct {
    const char *from, *to;
    const char *action, *flows; /* NULL: nothing is told */
} events[] = {
    {"2026-11-23T23:29:00Z", "2026-11-23T23:30:00Z", "open", "office,day"},
    {"2026-11-24T08:14:00Z", "2026-11-24T08:15:00Z", "close", "office,day"},
    {"2026-11-24T14:59:00Z", "2026-11-24T15:00:00Z", "expire", "ends"},
    {"2026-12-01T14:59:00Z", "2026-12-01T15:00:00Z", "warn", "soon"},
    {"2026-11-24T01:00:00Z", "2026-11-24T02:00:00Z", "open", NULL},
    {"2026-11-24T01:00:00Z", "2026-11-24T02:00:00Z", "close", NULL},
    {"2026-11-24T01:00:00Z", "2026-11-24T02:00:00Z", "expire", NULL},
    {"2026-11-24T01:00:00Z", "2026-11-24T02:00:00Z", "warn", NULL},
    /* Back: what had ended has not ended again. */
    {"2026-11-24T15:01:00Z", "2026-11-24T14:00:00Z", "expire", NULL},
};

/* By the daemon that is there, and by the one that comes after it. */
START_TEST(what_time_does_is_written_down_once)
{
    bool away = _i >= (int)ELEMENTS_OF(events);
    size_t i = (size_t)_i % ELEMENTS_OF(events);
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(subject_clear) struct subject subject = {0};
    cleanup_(freep) char *told = NULL;
    cleanup_(freep) char *again = NULL;
    uint64_t before;

    ck_assert_ptr_nonnull(lab);
    set_clock(events[i].from);
    begin(&subject, eventful);
    go_to(&subject, events[i].from, false);
    before = audit_sequence(subject.gateway->audit);
    if (away) {
        set_clock(events[i].to);
        subject_start_again(&subject);
    } else {
        go_to(&subject, events[i].to, false);
    }
    told = told_by_clock(&subject, events[i].action, before);
    if (events[i].flows) {
        ck_assert_ptr_nonnull(told);
        ck_assert_str_eq(told, events[i].flows);
    } else {
        ck_assert_ptr_null(told);
    }

    before = audit_sequence(subject.gateway->audit);
    go_to(&subject, events[i].to, false);
    again = told_by_clock(&subject, events[i].action, before);
    ck_assert_ptr_null(again);
}
END_TEST

static void assert_end(const struct agenda *agenda, size_t i, const char *name, unsigned warning)
{
    ck_assert_uint_lt(i, agenda->n_expiring);
    ck_assert_str_eq(agenda->expiring[i].name, name);
    ck_assert_uint_eq(agenda->expiring[i].warning, warning);
}

START_TEST(flows_that_have_ended_are_listed_before_those_that_will)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(subject_clear) struct subject subject = {0};

    ck_assert_ptr_nonnull(lab);
    set_clock("2026-11-24T15:00:00Z");
    begin(&subject, eventful);
    ck_assert_uint_eq(subject.gateway->agenda.n_expiring, 2);
    assert_end(&subject.gateway->agenda, 0, "ends", 0);
    assert_end(&subject.gateway->agenda, 1, "soon", 60);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, what_time_does_is_written_down_once, 0,
                        2 * (int)ELEMENTS_OF(events));
    tcase_add_test(tests, flows_that_have_ended_are_listed_before_those_that_will);
    tcase_add_loop_test(tests, flow_is_live_in_its_time, 0, (int)ELEMENTS_OF(schedules));
    tcase_add_test(tests, clock_that_jumps_a_year_sets_timeouts_anew);
    tcase_add_loop_test(tests, open_connection_ends_with_the_time_of_its_flow, 0,
                        (int)ELEMENTS_OF(ends));
    tcase_add_test(tests, flow_that_begins_or_ends_loses_no_packet_of_another);
    tcase_add_test(tests, what_a_flow_owned_waits_for_a_daemon_that_is_away);
    tcase_add_test(tests, agenda_knows_when_ownership_moves);
    tcase_add_loop_test(tests, first_live_flow_owns_a_packet, 0,
                        FAMILIES * (int)ELEMENTS_OF(dead_before_live));
    tcase_add_loop_test(tests, what_is_granted_passes, 0, (int)ELEMENTS_OF(grants));
    tcase_add_test(tests, overrides_end_when_their_time_is_over);
    tcase_add_test(tests, clock_of_1970_opens_nothing_that_had_ended);
}

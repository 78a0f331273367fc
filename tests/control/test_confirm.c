/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What ends by itself after seconds, with a daemon that lives and with one that is dead: a grant,
 * which the kernel ends, and a change that nobody confirms, which the daemon takes back.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "checks.h"
#include "sandbox.h"
#include "wires.h"

#define FIRST                                                                                      \
    WIRES_POLICY "flows:\n"                                                                        \
                 "  kept: { from: a, to: b, services: [udp/7001] }\n"
#define SECOND FIRST "  second: { from: a, to: b, services: [udp/7002] }\n"

#define SECONDS 2

static struct frame second_frame(void)
{
    return wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7002);
}

static bool has_override(const struct segd *segd)
{
    cleanup_(json_decrefp) json_t *status = calls_get(segd, "GetStatus", NULL);

    return json_array_size(json_object_get(status, "overrides")) > 0;
}

static bool is_pending(const struct segd *segd)
{
    cleanup_(json_decrefp) json_t *status = calls_get(segd, "GetStatus", NULL);

    return json_is_object(json_object_get(status, "confirmation"));
}

/* With a daemon that lives, and with one that is dead meanwhile. */
START_TEST(grant_ends_on_time)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(FIRST);
    struct frame frame = second_frame();

    calls_do(segd, "Grant",
             json_pack("{s:[s], s:[s], s:[s], s:i, s:s}", "from", "10.1.0.7", "to", "10.3.0.9",
                       "services", "udp/7002", "seconds", SECONDS, "reason", "test"));
    ck_assert(has_override(segd));
    if (_i == 1)
        segd_kill(segd);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    while (wires_try(lab, WIRE_A, &frame, NULL))
        ;
    if (_i == 1) {
        segd_start_again(segd);
        ck_assert(!has_override(segd));
    }
    while (has_override(segd))
        ;
    ck_assert(!wires_try(lab, WIRE_A, &frame, NULL));
    calls_verify(segd);
}
END_TEST

static void apply_for_a_while(const struct segd *segd, struct lab *lab, int seconds)
{
    struct frame frame = second_frame();

    calls_do(segd, "Apply", calls_policy(SECOND, seconds));
    ck_assert(is_pending(segd));
    ck_assert(wires_try(lab, WIRE_A, &frame, NULL));
    calls_refused(segd, "Apply", calls_policy(FIRST, 0), "Busy");
}

/* By the daemon that applied it, and by one that was started since. */
START_TEST(change_that_nobody_confirms_goes_back)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(FIRST);
    struct frame frame = second_frame(), kept = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7001);

    apply_for_a_while(segd, lab, SECONDS);
    if (_i == 1) {
        segd_kill(segd);
        segd_start_again(segd);
    }
    while (wires_try(lab, WIRE_A, &frame, NULL))
        ck_assert(wires_try(lab, WIRE_A, &kept, NULL));
    while (is_pending(segd))
        ;
    ck_assert(wires_try(lab, WIRE_A, &kept, NULL));
    ck_assert_int_eq(calls_generation(segd), 1);
    calls_verify(segd);
}
END_TEST

/* The texts of the first generation and their copy, aside or in their place. */
static void move_texts(const struct segd *segd, bool aside)
{
    static const char *const folders[] = {"generations", "copy/generations"};
    char place[256], other[300];

    for (size_t i = 0; i < ELEMENTS_OF(folders); i++) {
        snprintf(place, sizeof(place), "%s/%s/1.policy.json", segd_state_path(segd), folders[i]);
        snprintf(other, sizeof(other), "%s.aside", place);
        ck_assert_int_eq(aside ? rename(place, other) : rename(other, place), 0);
    }
}

static bool has_not_gone_back(const struct segd *segd)
{
    cleanup_(json_decrefp) json_t *status = calls_get(segd, "GetStatus", NULL);

    return find_text(json_object_get(status, "findings"), "code", "not-gone-back");
}

/* The daemon itself tries again, without a call. */
START_TEST(change_that_cannot_go_back_does_when_it_can)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(FIRST);
    struct frame frame = second_frame();

    apply_for_a_while(segd, lab, SECONDS);
    move_texts(segd, true);
    segd_write_policy(segd, SECOND);
    while (!has_not_gone_back(segd))
        ;
    ck_assert(is_pending(segd));
    ck_assert(wires_try(lab, WIRE_A, &frame, NULL));
    move_texts(segd, false);
    while (is_pending(segd))
        ;
    ck_assert(!has_not_gone_back(segd));
    ck_assert(!wires_try(lab, WIRE_A, &frame, NULL));
    ck_assert_int_eq(calls_generation(segd), 1);
}
END_TEST

/* With `stray0` in a zone, and without: up, and named by none, it is a finding. */
#define NAMED                                                                                      \
    "segd: 1\n"                                                                                    \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0, a1], networks: [10.1.0.0/16] }\n"                       \
    "  b: { class: other, interfaces: [b0, c0, stray0], networks: [10.3.0.0/16] }\n"

static const struct {
    const char *first, *second;
    bool first_has, second_has; /* the finding */
} strays[] = {
    {FIRST, NAMED, true, false},
    {NAMED, FIRST, false, true},
};

/* Findings are those of what is enforced, whoever changed it: here nobody did. */
START_TEST(findings_are_those_of_the_generation_that_came_back)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(strays[_i].first);

    ck_assert_ptr_nonnull(lab);
    calls_finding(segd, "unnamed-interface", strays[_i].first_has);
    calls_do(segd, "Apply", calls_policy(strays[_i].second, SECONDS));
    calls_finding(segd, "unnamed-interface", strays[_i].second_has);
    while (is_pending(segd))
        ;
    ck_assert_int_eq(calls_generation(segd), 1);
    calls_finding(segd, "unnamed-interface", strays[_i].first_has);
}
END_TEST

/* Waits for the next notification that shows a status, and asserts which. */
static void next_status_is(struct segd *segd, const char *status)
{
    const char *text;

    do
        text = segd_notification(segd, true);
    while (!strstr(text, "STATUS="));
    ck_assert_str_eq(strstr(text, "STATUS="), status);
}

START_TEST(systemd_is_told_what_is_enforced_whoever_changed_it)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(NULL);

    ck_assert_ptr_nonnull(lab);
    calls_do(segd, "Apply", calls_policy(FIRST, 0));
    next_status_is(segd, "STATUS=Enforcing generation 1");
    calls_do(segd, "Apply", calls_policy(SECOND, SECONDS));
    next_status_is(segd, "STATUS=Enforcing generation 2");
    /* It goes back by itself. */
    next_status_is(segd, "STATUS=Enforcing generation 1");
}
END_TEST

static void refuse_confirmation(struct client *client)
{
    cleanup_(json_decrefp) json_t *refused = NULL;
    cleanup_(freep) char *error = NULL;

    ck_assert_int_eq(client_call(client, "Confirm", NULL, &refused, &error), -EREMOTEIO);
    ck_assert_str_eq(error, "io.segd.Control.Refused");
}

START_TEST(change_is_confirmed_over_a_new_connection_alone)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(FIRST);
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(client_closep) struct client *older = NULL;
    cleanup_(json_decrefp) json_t *status = NULL;
    cleanup_(json_decrefp) json_t *applied = NULL;
    cleanup_(freep) char *error = NULL;
    struct frame frame = second_frame();

    ck_assert_int_eq(client_connect(segd_socket_path(segd), &client), 0);
    ck_assert_int_eq(client_connect(segd_socket_path(segd), &older), 0);
    ck_assert_int_eq(client_call(older, "GetStatus", NULL, &status, &error), 0);
    ck_assert_int_eq(client_call(client, "Apply", calls_policy(SECOND, 600), &applied, &error), 0);
    refuse_confirmation(client);
    refuse_confirmation(older);
    ck_assert(is_pending(segd));
    if (_i == 1) {
        segd_kill(segd);
        segd_start_again(segd);
        ck_assert(is_pending(segd));
    }
    calls_do(segd, "Confirm", NULL);
    ck_assert(!is_pending(segd));
    ck_assert(wires_try(lab, WIRE_A, &frame, NULL));
    calls_refused(segd, "Confirm", NULL, "NotFound");
    calls_verify(segd);
}
END_TEST

/* Each of them slows every later change down. */
START_TEST(isolation_keeps_a_bounded_number_of_flows)
{
    struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(FIRST);
    json_t *keep = json_array();

    for (int i = 0; i < 257; i++)
        ck_assert_int_eq(json_array_append_new(keep, json_string("kept")), 0);
    calls_refused(segd, "Isolate",
                  json_pack("{s:s, s:s, s:O}", "zone", "a", "reason", "a test", "keep", keep),
                  "Refused");
    ck_assert_int_eq(json_array_remove(keep, 0), 0);
    calls_do(segd, "Isolate",
             json_pack("{s:s, s:s, s:o}", "zone", "a", "reason", "a test", "keep", keep));
    calls_verify(segd);
    lab_free(lab);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, grant_ends_on_time, 0, 2);
    tcase_add_loop_test(tests, findings_are_those_of_the_generation_that_came_back, 0,
                        (int)ELEMENTS_OF(strays));
    tcase_add_test(tests, systemd_is_told_what_is_enforced_whoever_changed_it);
    tcase_add_loop_test(tests, change_that_nobody_confirms_goes_back, 0, 2);
    tcase_add_test(tests, change_that_cannot_go_back_does_when_it_can);
    tcase_add_loop_test(tests, change_is_confirmed_over_a_new_connection_alone, 0, 2);
    tcase_add_test(tests, isolation_keeps_a_bounded_number_of_flows);
}

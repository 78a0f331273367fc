/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What ends by itself after seconds, with a daemon that lives and with one that is dead: a grant,
 * which the kernel ends, and a change that nobody confirms, which the daemon takes back.
 */

#include <check.h>
#include <errno.h>
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

static bool has_override(const struct gateway *gateway)
{
    cleanup_(json_decrefp) json_t *status = calls_get(gateway, "GetStatus", NULL);

    return json_array_size(json_object_get(status, "overrides")) > 0;
}

static bool is_pending(const struct gateway *gateway)
{
    cleanup_(json_decrefp) json_t *status = calls_get(gateway, "GetStatus", NULL);

    return json_is_object(json_object_get(status, "confirmation"));
}

/* With a daemon that lives, and with one that is dead meanwhile. */
START_TEST(grant_ends_on_time)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(gateway_freep) struct gateway *gateway = gateway_start(FIRST);
    struct frame frame = second_frame();

    calls_do(gateway, "Grant",
             json_pack("{s:[s], s:[s], s:[s], s:i, s:s}", "from", "10.1.0.7", "to", "10.3.0.9",
                       "services", "udp/7002", "seconds", SECONDS, "reason", "test"));
    ck_assert(has_override(gateway));
    if (_i == 1)
        gateway_kill(gateway);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    while (wires_try(lab, WIRE_A, &frame, NULL))
        ;
    if (_i == 1) {
        gateway_start_again(gateway);
        ck_assert(!has_override(gateway));
    }
    while (has_override(gateway))
        ;
    ck_assert(!wires_try(lab, WIRE_A, &frame, NULL));
    calls_verify(gateway);
}
END_TEST

static void apply_for_a_while(const struct gateway *gateway, struct lab *lab, int seconds)
{
    struct frame frame = second_frame();

    calls_do(gateway, "Apply", calls_policy(SECOND, seconds));
    ck_assert(is_pending(gateway));
    ck_assert(wires_try(lab, WIRE_A, &frame, NULL));
    calls_refused(gateway, "Apply", calls_policy(FIRST, 0), "Busy");
}

/* By the daemon that applied it, and by one that was started since. */
START_TEST(change_that_nobody_confirms_goes_back)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(gateway_freep) struct gateway *gateway = gateway_start(FIRST);
    struct frame frame = second_frame(), kept = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7001);

    apply_for_a_while(gateway, lab, SECONDS);
    if (_i == 1) {
        gateway_kill(gateway);
        gateway_start_again(gateway);
    }
    while (wires_try(lab, WIRE_A, &frame, NULL))
        ck_assert(wires_try(lab, WIRE_A, &kept, NULL));
    while (is_pending(gateway))
        ;
    ck_assert(wires_try(lab, WIRE_A, &kept, NULL));
    ck_assert_int_eq(calls_generation(gateway), 1);
    calls_verify(gateway);
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
    cleanup_(gateway_freep) struct gateway *gateway = gateway_start(FIRST);
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(client_closep) struct client *older = NULL;
    cleanup_(json_decrefp) json_t *status = NULL;
    cleanup_(json_decrefp) json_t *applied = NULL;
    cleanup_(freep) char *error = NULL;
    struct frame frame = second_frame();

    ck_assert_int_eq(client_connect(gateway_socket_path(gateway), &client), 0);
    ck_assert_int_eq(client_connect(gateway_socket_path(gateway), &older), 0);
    ck_assert_int_eq(client_call(older, "GetStatus", NULL, &status, &error), 0);
    ck_assert_int_eq(client_call(client, "Apply", calls_policy(SECOND, 600), &applied, &error), 0);
    refuse_confirmation(client);
    refuse_confirmation(older);
    ck_assert(is_pending(gateway));
    if (_i == 1) {
        gateway_kill(gateway);
        gateway_start_again(gateway);
        ck_assert(is_pending(gateway));
    }
    calls_do(gateway, "Confirm", NULL);
    ck_assert(!is_pending(gateway));
    ck_assert(wires_try(lab, WIRE_A, &frame, NULL));
    calls_refused(gateway, "Confirm", NULL, "NotFound");
    calls_verify(gateway);
}
END_TEST

/* Each of them slows every later change down. */
START_TEST(isolation_keeps_a_bounded_number_of_flows)
{
    struct lab *lab = wires_new();
    cleanup_(gateway_freep) struct gateway *gateway = gateway_start(FIRST);
    json_t *keep = json_array();

    for (int i = 0; i < 257; i++)
        ck_assert_int_eq(json_array_append_new(keep, json_string("kept")), 0);
    calls_refused(gateway, "Isolate",
                  json_pack("{s:s, s:s, s:O}", "zone", "a", "reason", "a test", "keep", keep),
                  "Refused");
    ck_assert_int_eq(json_array_remove(keep, 0), 0);
    calls_do(gateway, "Isolate",
             json_pack("{s:s, s:s, s:o}", "zone", "a", "reason", "a test", "keep", keep));
    calls_verify(gateway);
    lab_free(lab);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, grant_ends_on_time, 0, 2);
    tcase_add_loop_test(tests, change_that_nobody_confirms_goes_back, 0, 2);
    tcase_add_loop_test(tests, change_is_confirmed_over_a_new_connection_alone, 0, 2);
    tcase_add_test(tests, isolation_keeps_a_bounded_number_of_flows);
}

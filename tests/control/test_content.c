/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A closing is of packets, not of names: whatever policies call a zone or a flow that somebody
 * closed, and by whichever way they come to be enforced, its packets do not pass until another
 * person ends it. Each test says so with packets, of both families.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "checks.h"
#include "daemon/change/apply.h"
#include "daemon/change/confirm.h"
#include "daemon/change/override.h"
#include "policy/isolations.h"
#include "sandbox.h"
#include "subject.h"
#include "wires.h"

#define HEAD "segd: 1\ntimezone: Asia/Tokyo\ngateway: { protect: true }\nzones:\n"
#define NET_A "[10.1.0.0/16, 'fd00:1::/32']"
#define NET_B "[10.3.0.0/16, 'fd00:3::/32']"
#define ZONE(name, interface, networks)                                                            \
    "  " name ": { class: other, interfaces: [" interface "], networks: " networks " }\n"
#define ZONE_A(name) ZONE(name, "a0", NET_A)
#define ZONE_B ZONE("b", "b0", NET_B)
#define HOSTS                                                                                      \
    "hosts:\n"                                                                                     \
    "  ha: { zone: a, address: [10.1.0.7, 'fd00:1::7'] }\n"                                        \
    "  hb: { zone: b, address: [10.3.0.9, 'fd00:3::9'] }\n"
#define FLOW(name, from, to, service)                                                              \
    "  " name ": { from: " from ", to: " to ", services: [" service "] }\n"
#define BASE HEAD ZONE_A("a") ZONE_B HOSTS "flows:\n"

static const struct actor tanaka = {.uid = 1001, .pid = 1, .name = "tanaka", .connection = 1};
static const struct actor suzuki = {.uid = 1002, .pid = 1, .name = "suzuki", .connection = 2};
static const struct actor sato = {.uid = 1003, .pid = 1, .name = "sato", .connection = 3};

static struct lab *lab;
static struct subject subject;

static void begin(const char *policy)
{
    lab = wires_new();
    subject_start(&subject, policy);
}

static void end(void)
{
    subject_clear(&subject);
    lab_free(lab);
}

static void done(int r, const struct outcome *outcome)
{
    ck_assert_int_eq(r, 0);
    ck_assert_msg(outcome->kind == OUTCOME_DONE, "%s", outcome->message);
}

static void apply_text(const char *policy, usec_t confirm, struct outcome *outcome)
{
    const struct policy_text text = {"test.yaml", policy, strlen(policy), 0};
    const struct apply_request request = {&text, 1, NULL, confirm, 1};

    done(change_apply(subject.gateway, &sato, &request, outcome), outcome);
}

static void apply(const char *policy)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};

    apply_text(policy, 0, &outcome);
}

static void isolate(const struct actor *actor, const char *zone, usec_t span, const char *keep)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};

    done(change_isolate(subject.gateway, actor, zone, "incident", span, &keep, keep ? 1 : 0,
                        &outcome),
         &outcome);
}

static void suspend(const char *flow)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};

    done(change_suspend(subject.gateway, &tanaka, flow, "incident", &outcome), &outcome);
}

static void resume(const char *flow)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};

    done(change_resume(subject.gateway, &suzuki, flow, NULL, &outcome), &outcome);
}

static void grant(const char *service)
{
    static const char *const from[] = {"a"}, *const to[] = {"b"};
    const char *const services[] = {service};
    const struct grant_wish wish = {NULL, from, 1, to, 1, services, 1, "test"};
    cleanup_(outcome_clear) struct outcome outcome = {0};

    done(change_grant(subject.gateway, &tanaka, &wish, 3600 * USEC_PER_SEC, &outcome), &outcome);
}

static void take_back(const char *name)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};

    done(change_revoke(subject.gateway, &tanaka, name, NULL, &outcome), &outcome);
}

static enum outcome_kind release(const struct actor *actor, const char *zone)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};

    ck_assert_int_eq(change_release(subject.gateway, actor, zone, NULL, false, &outcome), 0);
    return outcome.kind;
}

/* Whether a new connection passes; both families must agree. */
static bool passes_from(enum wire_number from, enum wire_number to, uint16_t port)
{
    static uint16_t source_port = 20000;
    bool passes[FAMILIES];

    for (enum family family = 0; family < FAMILIES; family++) {
        struct frame frame = wires_udp(family, from, to, port);

        frame.source_port = ++source_port;
        passes[family] = wires_try(lab, from, &frame, NULL);
    }
    ck_assert_int_eq(passes[FAMILY_IPV4], passes[FAMILY_IPV6]);
    return passes[FAMILY_IPV4];
}

static bool passes(uint16_t port)
{
    return passes_from(WIRE_A, WIRE_B, port);
}

static void write_files(const char *policy)
{
    FILE *file = fopen(subject.file, "we");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(policy, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* How the daemon ends and comes back. */
enum way {
    WAY_STAY,       /* it does not */
    WAY_RESTART,    /* the kernel holds the table */
    WAY_BOOT,       /* the table is gone */
    WAY_STATE_LOST, /* the kernel holds the table, and the state folder is gone */
    N_WAYS,
};

static void forget_state(void)
{
    const char *const arguments[] = {"rm", "-r", subject.state, NULL};

    ck_assert_int_eq(sandbox_run(arguments, NULL, NULL), 0);
}

static struct override *isolation_of_a(void)
{
    struct override *isolation = (struct override *)overrides_find(
        &subject.gateway->state.overrides, OVERRIDE_ISOLATION, "a");

    ck_assert_ptr_nonnull(isolation);
    return isolation;
}

static void come_back(enum way way)
{
    if (way == WAY_STAY)
        return;
    subject_stop(&subject);
    if (way == WAY_BOOT)
        sandbox_nft("delete table inet segd\n");
    if (way == WAY_STATE_LOST)
        forget_state();
    subject_start_again(&subject);
}

/* Policies under which what was zone a may send, unless it is isolated. */
static const struct {
    const char *first, *second; /* applied one after the other */
} openings[] = {
    /* Another name. */
    {HEAD ZONE_A("x") ZONE_B "flows:\n" FLOW("f", "x", "b", "udp/7001"), NULL},
    /* Its networks move away, then another zone gets them. */
    {HEAD ZONE("a", "a0", "[10.9.0.0/16, 'fd00:9::/32']") ZONE_B
     "flows:\n" FLOW("f", "a", "b", "udp/7001"),
     HEAD ZONE("a", "a0", "[10.9.0.0/16, 'fd00:9::/32']") ZONE_A("x") ZONE_B
     "flows:\n" FLOW("f", "x", "b", "udp/7001")},
    /* Others get the name. */
    {HEAD ZONE("a", "c0", "[10.4.0.0/16, 'fd00:4::/32']") ZONE_A("x") ZONE_B
     "flows:\n" FLOW("f", "x", "b", "udp/7001"),
     NULL},
    /* The zone that was cut off from it is "within" it. */
    {HEAD "  a: { class: other, interfaces: [a0, b0], intra: allow, networks: [10.1.0.0/16, "
          "10.3.0.0/16, 'fd00:1::/32', 'fd00:3::/32'] }\n",
     NULL},
    /* The name goes over to the other side. */
    {HEAD ZONE_A("x") ZONE("a", "b0", NET_B) "flows:\n" FLOW("f", "x", "a", "udp/7001"), NULL},
    /* No zone has the name, and its wire is shared. */
    {HEAD ZONE_A("x") ZONE("y", "a0", "[10.9.0.0/16]") ZONE_B
     "flows:\n" FLOW("f", "x", "b", "udp/7001"),
     NULL},
};

START_TEST(isolated_zone_stays_cut_off_whatever_it_is_called)
{
    const size_t opening = (size_t)_i / 4;
    const enum way way = (enum way)(_i % 4);

    begin(BASE FLOW("f", "a", "b", "udp/7001"));
    ck_assert(passes(7001));
    isolate(&tanaka, "a", 0, NULL);
    ck_assert(!passes(7001));
    apply(openings[opening].first);
    ck_assert(!passes(7001));
    if (openings[opening].second)
        apply(openings[opening].second);
    ck_assert(!passes(7001));
    if (way == WAY_BOOT || way == WAY_STATE_LOST)
        write_files(openings[opening].second ? openings[opening].second : openings[opening].first);
    come_back(way);
    ck_assert(!passes(7001));

    /* Nobody but another person ends it. */
    if (way != WAY_STATE_LOST)
        ck_assert_int_eq(release(&tanaka, "a"), OUTCOME_REFUSED);
    ck_assert(!passes(7001));
    ck_assert_int_eq(release(&suzuki, "a"), OUTCOME_DONE);
    ck_assert(passes(7001));
    end();
}
END_TEST

/* Under its name the zone gets another wire, which another zone has later. */
START_TEST(what_the_zone_became_stays_cut_off)
{
    static const char later[] = HEAD ZONE_A("a") ZONE_B ZONE(
        "x", "c0", "[10.4.0.0/16, 'fd00:4::/32']") "flows:\n" FLOW("f", "x", "b", "udp/7001");

    begin(BASE FLOW("f", "a", "b", "udp/7001"));
    isolate(&tanaka, "a", 0, NULL);
    apply(HEAD "  a: { class: other, interfaces: [a0, c0], networks: [10.1.0.0/16, 10.4.0.0/16, "
               "'fd00:1::/32', 'fd00:4::/32'] }\n" ZONE_B
               "flows:\n" FLOW("f", "a", "b", "udp/7001"));
    ck_assert(!passes_from(WIRE_C, WIRE_B, 7001));
    write_files(later);
    apply(later);
    ck_assert(!passes_from(WIRE_C, WIRE_B, 7001));
    come_back((enum way)_i);
    ck_assert(!passes_from(WIRE_C, WIRE_B, 7001));
    ck_assert_int_eq(release(&suzuki, "a"), OUTCOME_DONE);
    ck_assert(passes_from(WIRE_C, WIRE_B, 7001));
    end();
}
END_TEST

/* A machine on the wire takes an address that another policy gives to another zone there. */
START_TEST(a_wire_stays_cut_off_with_other_addresses)
{
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7001);

    begin(BASE FLOW("f", "a", "b", "udp/7001"));
    frame.source = wires_parse("10.9.0.7");
    isolate(&tanaka, "a", 0, NULL);
    apply(HEAD ZONE("x", "a0", "[10.9.0.0/16]") ZONE_B "flows:\n" FLOW("f", "x", "b", "udp/7001"));
    ck_assert(!wires_try(lab, WIRE_A, &frame, NULL));
    ck_assert_int_eq(release(&suzuki, "a"), OUTCOME_DONE);
    ck_assert(wires_try(lab, WIRE_A, &frame, NULL));
    end();
}
END_TEST

/* A zone that is isolated is cut off from others, not from itself, and nobody else is cut off. */
START_TEST(what_is_within_and_what_is_outside_goes_on)
{
    begin(HEAD "  a: { class: other, interfaces: [a0, a1], intra: allow, networks: [10.1.0.0/16, "
               "10.2.0.0/16, 'fd00:1::/32', 'fd00:2::/32'] }\n" ZONE_B ZONE(
                   "c", "c0", "[10.4.0.0/16, 'fd00:4::/32']") "flows:\n" FLOW("f", "c", "b",
                                                                              "udp/7001"));
    isolate(&tanaka, "a", 0, NULL);
    ck_assert(passes_from(WIRE_A, WIRE_A_OTHER, 7001));
    ck_assert(passes_from(WIRE_C, WIRE_B, 7001));
    come_back(WAY_RESTART);
    ck_assert(passes_from(WIRE_A, WIRE_A_OTHER, 7001));
    ck_assert(passes_from(WIRE_C, WIRE_B, 7001));
    end();
}
END_TEST

#define NET_A_BOTH "[10.1.0.0/16, 10.2.0.0/16, 'fd00:1::/32', 'fd00:2::/32']"
#define C_TO_B                                                                                     \
    ZONE_B ZONE("c", "c0", "[10.4.0.0/16, 'fd00:4::/32']") "flows:\n" FLOW("f", "c", "b",          \
                                                                           "udp/7001")

/* Of what the kernel knows of the isolation the last extent alone is merged. */
static void check_held(void)
{
    cleanup_(held_clear) struct held held = {0};
    const struct override *isolation;

    ck_assert_int_eq(enforcement_read_held(subject.gateway->enforcement, &held), 0);
    isolation = overrides_find(&held.closings, OVERRIDE_ISOLATION, "a");
    ck_assert_uint_eq(isolation->n_extents, EXTENTS_MAX);
    for (size_t i = 0; i < isolation->n_extents; i++)
        ck_assert_int_eq(isolation->extents[i].apart, i == EXTENTS_MAX - 1);
}

/* So many policies moved the zone that what it was is held as one: nothing within that goes on, and
 * it stays cut off from all others. */
START_TEST(merged_extents_cut_off_more)
{
    static const char last[] = HEAD "  a: { class: other, interfaces: [a0, a1], intra: allow, "
                                    "networks: " NET_A_BOTH " }\n" C_TO_B;
    char text[1024];

    begin(last);
    ck_assert(passes_from(WIRE_A, WIRE_A_OTHER, 7001));
    for (int i = 0; i < EXTENTS_MAX + 2; i++) {
        snprintf(text, sizeof(text),
                 HEAD "  a: { class: other, interfaces: [n%d], networks: " NET_A_BOTH " }\n" C_TO_B,
                 i);
        apply(text);
        if (i == 0)
            isolate(&tanaka, "a", 0, NULL);
    }
    apply(last);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(isolation_of_a()->n_extents, EXTENTS_MAX);
        check_held();
        ck_assert(!passes_from(WIRE_A, WIRE_A_OTHER, 7001));
        ck_assert(!passes_from(WIRE_A, WIRE_B, 7001));
        ck_assert(passes_from(WIRE_C, WIRE_B, 7001));
        come_back((enum way)_i);
    }
    release(_i == WAY_STATE_LOST ? &sato : &suzuki, "a");
    ck_assert(passes_from(WIRE_A, WIRE_A_OTHER, 7001));
    end();
}
END_TEST

START_TEST(a_kept_flow_is_what_it_was)
{
    begin(BASE FLOW("bk", "ha", "hb", "udp/7001"));
    isolate(&tanaka, "a", 0, "bk");
    ck_assert(passes(7001));
    apply(BASE FLOW("bk", "a", "[b]", "any"));
    ck_assert(!passes(7002));
    come_back((enum way)_i);
    ck_assert(!passes(7002));
    /* What was kept, under another name. */
    apply(BASE FLOW("other", "ha", "hb", "udp/7001") FLOW("bk", "a", "[b]", "udp/7002-7003"));
    ck_assert(!passes(7002));
    if (_i != WAY_RESTART)
        ck_assert(passes(7001));
    end();
}
END_TEST

/* `w` is kept, and others own packets that it approves: of `n` it covers all, of `p` a part. */
START_TEST(what_a_kept_flow_covers_goes_on)
{
    static const char policy[] = BASE FLOW("n", "ha", "hb", "udp/7001")
        FLOW("p", "ha", "b", "udp/7005-7008") FLOW("w", "a", "b", "udp/7001-7006");

    begin(policy);
    isolate(&tanaka, "a", 0, "w");
    for (int i = 0; i < 2; i++) {
        ck_assert(passes(7001));
        ck_assert(passes(7003));
        ck_assert(!passes(7005));
        ck_assert(!passes(7008));
        come_back((enum way)_i);
    }
    /* Who keeps less ends that. */
    isolate(&suzuki, "a", 0, "n");
    ck_assert(passes(7001));
    ck_assert(!passes(7003));
    isolate(&suzuki, "a", 0, "p");
    ck_assert(!passes(7001));
    end();
}
END_TEST

/* A policy without the flow, and a start in it, are no reason to forget that it was kept. */
START_TEST(a_kept_flow_comes_back)
{
    static const char *const keep[] = {"g", "g"};
    cleanup_(outcome_clear) struct outcome outcome = {0};

    begin(BASE FLOW("f", "a", "b", "udp/7001") FLOW("g", "a", "b", "udp/7002"));
    done(change_isolate(subject.gateway, &tanaka, "b", "incident", 0, keep, 2, &outcome), &outcome);
    ck_assert(passes(7002));
    apply(BASE FLOW("f", "a", "b", "udp/7001"));
    ck_assert(!passes(7002));
    come_back((enum way)_i);
    apply(BASE FLOW("f", "a", "b", "udp/7001") FLOW("g", "a", "b", "udp/7002"));
    ck_assert(passes(7002));
    ck_assert(!passes(7001));
    end();
}
END_TEST

START_TEST(stricter)
{
    const struct override *isolation;

    begin(BASE FLOW("f", "ha", "hb", "udp/7001") FLOW("g", "ha", "hb", "udp/7002"));
    isolate(&tanaka, "a", 60 * USEC_PER_SEC, "f");
    ck_assert(passes(7001));
    isolate(&suzuki, "a", 0, _i == 0 ? NULL : "g");
    ck_assert(!passes(7001));
    ck_assert(!passes(7002));
    isolation = overrides_find(&subject.gateway->state.overrides, OVERRIDE_ISOLATION, "a");
    ck_assert_int_eq(isolation->until, USEC_NEVER);
    ck_assert_uint_eq(isolation->n_makers, 2);
    ck_assert_str_eq(isolation->makers[1].who, "suzuki");

    /* It gets no weaker. */
    isolate(&tanaka, "a", 60 * USEC_PER_SEC, "f");
    ck_assert(!passes(7001));
    come_back(WAY_RESTART);
    ck_assert(!passes(7001));
    isolation = overrides_find(&subject.gateway->state.overrides, OVERRIDE_ISOLATION, "a");
    ck_assert_int_eq(isolation->until, USEC_NEVER);
    ck_assert_int_eq(release(&tanaka, "a"), OUTCOME_REFUSED);
    ck_assert_int_eq(release(&suzuki, "a"), OUTCOME_REFUSED);
    ck_assert_int_eq(release(&sato, "a"), OUTCOME_DONE);
    ck_assert(passes(7001));
    end();
}
END_TEST

/* Where the kernel holds the table. */
static const enum way without_boot[] = {WAY_RESTART, WAY_STATE_LOST};

/* As if the disk had not heard of the last isolation when the daemon ended. */
static void come_back_with_end(enum way way, usec_t until)
{
    isolation_of_a()->until = until;
    gateway_keep_state(subject.gateway);
    come_back(way);
}

/* The kernel is told of a later end before the disk is; where the disk knows it not, or nothing at
 * all, the end is what the kernel holds. */
START_TEST(a_start_finds_when_an_isolation_ends)
{
    usec_t later;

    begin(BASE FLOW("f", "ha", "hb", "udp/7001"));
    isolate(&tanaka, "a", 60 * USEC_PER_SEC, NULL);
    isolate(&suzuki, "a", 3600 * USEC_PER_SEC, NULL);
    later = isolation_of_a()->until;
    come_back_with_end(without_boot[_i], later - 3000 * USEC_PER_SEC);
    ck_assert(!passes(7001));
    ck_assert_int_eq(isolation_of_a()->until, later);

    isolate(&suzuki, "a", 0, NULL);
    come_back_with_end(without_boot[_i], later);
    ck_assert_int_eq(isolation_of_a()->until, USEC_NEVER);
    end();
}
END_TEST

#define RENAMED BASE FLOW("h", "a", "b", "udp/7001")

START_TEST(suspended_flow_does_not_pass_by_another_name)
{
    begin(BASE FLOW("f", "a", "b", "udp/7001"));
    suspend("f");
    ck_assert(!passes(7001));
    if (_i == WAY_STAY)
        apply(RENAMED);
    write_files(RENAMED);
    come_back((enum way)_i);
    ck_assert(!passes(7001));
    if (_i != WAY_BOOT && _i != WAY_STAY)
        apply(RENAMED);
    ck_assert(!passes(7001));
    resume("h");
    ck_assert(passes(7001));
    end();
}
END_TEST

START_TEST(swapped_names_change_nothing)
{
    begin(BASE FLOW("f", "ha", "hb", "udp/7001") FLOW("g", "ha", "hb", "udp/7002"));
    suspend("f");
    write_files(BASE FLOW("g", "ha", "hb", "udp/7001") FLOW("f", "ha", "hb", "udp/7002"));
    apply(BASE FLOW("g", "ha", "hb", "udp/7001") FLOW("f", "ha", "hb", "udp/7002"));
    ck_assert(!passes(7001));
    ck_assert(passes(7002));
    come_back((enum way)_i);
    ck_assert(!passes(7001));
    ck_assert(passes(7002));
    end();
}
END_TEST

/* The name goes on to mean something that did not pass before. */
START_TEST(a_name_that_is_used_again_stays_suspended)
{
    begin(BASE FLOW("f", "ha", "hb", "udp/7001"));
    suspend("f");
    apply(BASE FLOW("f", "ha", "hb", "udp/7002"));
    ck_assert(!passes(7002));
    come_back((enum way)_i);
    /* Both what it was and what it is. */
    apply(BASE FLOW("x", "ha", "hb", "udp/7001") FLOW("y", "ha", "hb", "udp/7002"));
    ck_assert(!passes(7001));
    ck_assert(!passes(7002));
    end();
}
END_TEST

/* First it goes on under another name, and then that is edited. */
START_TEST(a_name_that_carried_it_stays_suspended)
{
    begin(BASE FLOW("f", "ha", "hb", "udp/7001"));
    suspend("f");
    apply(BASE FLOW("f", "ha", "hb", "udp/7002") FLOW("h", "ha", "hb", "udp/7001"));
    write_files(BASE FLOW("f", "ha", "hb", "udp/7002") FLOW("h", "ha", "hb", "udp/7003"));
    come_back((enum way)_i);
    if (_i != WAY_BOOT)
        apply(BASE FLOW("f", "ha", "hb", "udp/7002") FLOW("h", "ha", "hb", "udp/7003"));
    ck_assert(!passes(7002));
    ck_assert(!passes(7003));
    resume("f");
    ck_assert(passes(7003));
    end();
}
END_TEST

/* A flow that covers all of it is suspended: the grant opens nothing of that, keeps no other grant
 * out, and is there when the flow has gone. */
START_TEST(a_grant_outlives_the_flow_that_covers_it)
{
    static const char covered[] = BASE FLOW("w", "a", "b", "udp/7000-7001");

    begin(BASE FLOW("f", "a", "b", "udp/7002"));
    grant("udp/7001");
    ck_assert(passes(7001));
    write_files(covered);
    apply(covered);
    suspend("w");
    ck_assert(!passes(7001));
    come_back((enum way)_i);
    ck_assert(!passes(7001));
    grant("udp/7003");
    ck_assert(passes(7003));
    ck_assert(!passes(7001));
    resume("w");
    ck_assert(passes(7001));
    apply(BASE FLOW("f", "a", "b", "udp/7002"));
    ck_assert(passes(7001));

    write_files(BASE FLOW("f", "a", "b", "udp/7002"));
    take_back("grant-1");
    come_back((enum way)_i);
    ck_assert(!passes(7001));
    ck_assert(passes(7003));
    end();
}
END_TEST

/* Renamed by a policy that nobody confirms. */
START_TEST(going_back_opens_nothing)
{
    struct confirmation *confirmation;
    cleanup_(outcome_clear) struct outcome outcome = {0};

    begin(BASE FLOW("f", "a", "b", "udp/7001") FLOW("g", "a", "b", "udp/7002"));
    suspend("f");
    isolate(&tanaka, "b", 0, "g");
    ck_assert(passes(7002));
    apply_text(HEAD ZONE_A("a") ZONE("x", "b0", NET_B) "flows:\n" FLOW("h", "a", "x", "udp/7001")
                   FLOW("g", "a", "x", "udp/7002"),
               60 * USEC_PER_SEC, &outcome);
    ck_assert(!passes(7001));
    confirmation = &subject.gateway->state.confirmation;
    ck_assert(confirmation->pending);
    if (_i == WAY_BOOT) {
        strcpy(confirmation->boot_id, "0000");
        gateway_keep_state(subject.gateway);
        come_back(WAY_BOOT);
    } else {
        ck_assert_int_eq(change_unconfirmed(subject.gateway), 0);
    }
    ck_assert(!subject.gateway->state.confirmation.pending);
    ck_assert(!passes(7001));
    ck_assert(passes(7002));
    ck_assert_int_eq(release(&suzuki, "b"), OUTCOME_DONE);
    ck_assert(!passes(7001));
    resume("f");
    ck_assert(passes(7001));
    end();
}
END_TEST

/* What stands in its way goes, and so does the policy; and nobody keeps it by an isolation. */
START_TEST(an_unconfirmed_policy_goes_back_when_it_can)
{
    static const char *const folders[] = {"generations", "copy/generations"};
    cleanup_(outcome_clear) struct outcome outcome = {0};
    char from[2][128], to[2][128];

    begin(BASE FLOW("f", "a", "b", "udp/7001"));
    apply_text(BASE FLOW("f", "a", "b", "udp/7001-7002"), 60 * USEC_PER_SEC, &outcome);
    isolate(&tanaka, "a", 0, NULL);
    ck_assert_int_eq(release(&suzuki, "a"), OUTCOME_DONE);

    for (size_t i = 0; i < 2; i++) {
        snprintf(from[i], sizeof(from[i]), "%s/%s/1.policy.json", subject.state, folders[i]);
        snprintf(to[i], sizeof(to[i]), "%s/aside-%zu", subject.state, i);
        ck_assert_int_eq(rename(from[i], to[i]), 0);
    }
    ck_assert_int_eq(change_unconfirmed(subject.gateway), 0);
    ck_assert(subject.gateway->state.confirmation.pending);
    ck_assert_int_gt(subject.gateway->go_back_again, 0);
    ck_assert(passes(7002));

    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(rename(to[i], from[i]), 0);
    ck_assert_int_eq(change_unconfirmed(subject.gateway), 0);
    ck_assert(!subject.gateway->state.confirmation.pending);
    ck_assert_int_eq(subject.gateway->go_back_again, 0);
    ck_assert(!passes(7002));
    ck_assert(passes(7001));
    end();
}
END_TEST

/* What a plan says of a closing. */
static const struct wire_closing *closing(const struct outcome *outcome, const char *name)
{
    for (size_t i = 0; i < outcome->n_closings; i++) {
        if (strcmp(outcome->closings[i].name, name) == 0)
            return &outcome->closings[i];
    }
    return NULL;
}

START_TEST(a_plan_says_what_becomes_of_closings)
{
    static const char policy[] = HEAD ZONE_A("x") ZONE_B "flows:\n" FLOW("h", "x", "b", "udp/7001")
        FLOW("w", "x", "b", "udp/7000-7009");
    const struct policy_text text = {"test.yaml", policy, strlen(policy), 0};
    cleanup_(outcome_clear) struct outcome plan = {0};
    cleanup_(outcome_clear) struct outcome applied = {0};

    begin(BASE FLOW("f", "a", "b", "udp/7001"));
    suspend("f");
    isolate(&tanaka, "a", 0, NULL);
    done(change_plan(subject.gateway, &text, 1, &plan), &plan);
    apply_text(policy, 0, &applied);
    for (size_t i = 0; i < 2; i++) {
        const struct outcome *told = i == 0 ? &plan : &applied;
        const struct wire_closing *suspension = closing(told, "f");
        const struct wire_closing *isolation = closing(told, "a");

        ck_assert_str_eq(suspension->change, "renamed");
        ck_assert_str_eq(suspension->renamed, "h");
        ck_assert_uint_eq(suspension->n_approved, 1);
        ck_assert_str_eq(suspension->approved[0], "w");
        ck_assert_str_eq(isolation->change, "unnamed");
        ck_assert_uint_eq(isolation->n_covers, 1);
        ck_assert_str_eq(isolation->covers[0], "x");
    }
    end();
}
END_TEST

static bool has_finding(const char *object)
{
    const struct finding *list;
    size_t n = findings_list(subject.gateway->findings, &list);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].code, "closing-unnamed") == 0 && strcmp(list[i].object, object) == 0)
            return true;
    }
    return false;
}

START_TEST(a_name_that_the_policy_does_not_have_is_a_finding)
{
    begin(BASE FLOW("f", "a", "b", "udp/7001"));
    suspend("f");
    isolate(&tanaka, "a", 0, NULL);
    ck_assert(!has_finding("a") && !has_finding("f"));
    apply(HEAD ZONE_B);
    ck_assert(has_finding("a") && has_finding("f"));
    come_back(WAY_RESTART);
    ck_assert(has_finding("a") && has_finding("f"));
    resume("f");
    ck_assert(has_finding("a") && !has_finding("f"));
    ck_assert_int_eq(release(&suzuki, "a"), OUTCOME_DONE);
    ck_assert(!has_finding("a"));
    end();
}
END_TEST

START_TEST(suspending_says_who_still_approves)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};

    begin(BASE FLOW("f", "ha", "hb", "udp/7001") FLOW("other", "hb", "ha", "udp/7001")
              FLOW("wide", "a", "b", "udp/7000-7009") FLOW("more", "a", "b", "udp/7010"));
    done(change_suspend(subject.gateway, &tanaka, "f", "incident", &outcome), &outcome);
    ck_assert_uint_eq(outcome.n_approved, 1);
    ck_assert_str_eq(outcome.approved[0], "wide");
    end();
}
END_TEST

/* A state of the first version of segd: names alone. */
static void forget_contents(void)
{
    struct overrides *overrides = &subject.gateway->state.overrides;

    for (size_t i = 0; i < overrides->n_overrides; i++) {
        struct override *override = &overrides->overrides[i];

        while (override->n_ids > 0)
            free(override->ids[--override->n_ids]);
        while (override->n_keep_ids > 0)
            free(override->keep_ids[--override->n_keep_ids]);
        while (override->n_extents > 0)
            record_clear(&extent_type, &override->extents[--override->n_extents]);
        while (override->n_makers > 0)
            record_clear(&maker_type, &override->makers[--override->n_makers]);
    }
    gateway_keep_state(subject.gateway);
}

START_TEST(a_state_without_contents_is_completed)
{
    begin(BASE FLOW("f", "ha", "hb", "udp/7001") FLOW("g", "hb", "ha", "udp/7002"));
    suspend("f");
    isolate(&tanaka, "b", 0, "g");
    forget_contents();
    if (_i == WAY_BOOT)
        write_files(HEAD ZONE_A("a") ZONE(
            "x", "b0", NET_B) "hosts:\n"
                              "  ha: { zone: a, address: [10.1.0.7, 'fd00:1::7'] }\n"
                              "  hx: { zone: x, address: [10.3.0.9, 'fd00:3::9'] }\n"
                              "flows:\n" FLOW("h", "ha", "hx", "udp/7001")
                                  FLOW("g", "a", "x", "any"));
    come_back((enum way)_i);
    ck_assert(!passes(7001));
    ck_assert(!passes(7009));
    ck_assert_int_eq(release(&tanaka, "b"), OUTCOME_REFUSED);
    end();
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, isolated_zone_stays_cut_off_whatever_it_is_called, 0,
                        4 * (int)ELEMENTS_OF(openings));
    tcase_add_loop_test(tests, what_the_zone_became_stays_cut_off, 0, N_WAYS);
    tcase_add_test(tests, a_wire_stays_cut_off_with_other_addresses);
    tcase_add_test(tests, what_is_within_and_what_is_outside_goes_on);
    tcase_add_loop_test(tests, merged_extents_cut_off_more, 0, N_WAYS);
    tcase_add_loop_test(tests, what_a_kept_flow_covers_goes_on, 0, N_WAYS);
    tcase_add_loop_test(tests, a_kept_flow_is_what_it_was, 0, WAY_STATE_LOST);
    tcase_add_loop_test(tests, a_kept_flow_comes_back, 0, WAY_STATE_LOST);
    tcase_add_loop_test(tests, stricter, 0, 2);
    tcase_add_loop_test(tests, a_start_finds_when_an_isolation_ends, 0,
                        (int)ELEMENTS_OF(without_boot));
    tcase_add_loop_test(tests, suspended_flow_does_not_pass_by_another_name, 0, N_WAYS);
    tcase_add_loop_test(tests, swapped_names_change_nothing, 0, N_WAYS);
    tcase_add_loop_test(tests, a_name_that_is_used_again_stays_suspended, 0, N_WAYS);
    tcase_add_loop_test(tests, a_name_that_carried_it_stays_suspended, 0, N_WAYS);
    tcase_add_loop_test(tests, a_grant_outlives_the_flow_that_covers_it, 0, WAY_STATE_LOST);
    tcase_add_loop_test(tests, going_back_opens_nothing, 0, WAY_STATE_LOST);
    tcase_add_test(tests, an_unconfirmed_policy_goes_back_when_it_can);
    tcase_add_test(tests, a_plan_says_what_becomes_of_closings);
    tcase_add_test(tests, a_name_that_the_policy_does_not_have_is_a_finding);
    tcase_add_test(tests, suspending_says_who_still_approves);
    tcase_add_loop_test(tests, a_state_without_contents_is_completed, WAY_RESTART, WAY_STATE_LOST);
}

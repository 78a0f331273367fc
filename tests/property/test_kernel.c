/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The third oracle: what reading the flows says is what the kernel does with a real packet, and
 * with the reply to it. One kernel goes from policy to policy by difference, as a running gateway
 * would, and after each step holds exactly what a fresh one would.
 */

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "checks.h"
#include "kernel/nftables.h"
#include "lab/lab.h"
#include "ruleset/compile.h"
#include "ruleset/difference.h"
#include "tests/property/random_policy.h"
#include "tests/sandbox.h"

#define KERNELS 12
#define POLICIES_PER_KERNEL 15
#define PACKETS 200

static const char *const wires[] = {"if1a", "if1b", "if2a", "if2b", "if3a", "if3b", "ifr"};

/* Where the lab routes each of the random policies' zones to: the first wire of each. */
static size_t wire_of_zone(size_t zone)
{
    return zone < 3 ? 2 * zone : ELEMENTS_OF(wires) - 1;
}

struct bench {
    struct lab *lab;
    struct nftables *nftables;
    struct ruleset *committed;
    struct random random;
};

/* A busy machine may stop a test for longer than connections without an answer live. */
static void keep_connections(void)
{
    static const char *const command[] = {
        "sh", "-c",
        "cd /proc/sys/net/netfilter && echo 3600 >nf_conntrack_udp_timeout &&"
        " echo 3600 >nf_conntrack_icmp_timeout && echo 3600 >nf_conntrack_icmpv6_timeout",
        NULL};

    ck_assert_int_eq(sandbox_run(command, NULL, NULL), 0);
}

static void bench_open(struct bench *bench, uint64_t seed)
{
    sandbox_enter();
    keep_connections();
    *bench = (struct bench){.random = random_from_seed(seed)};
    ck_assert_int_eq(lab_new(wires, ELEMENTS_OF(wires), &bench->lab), 0);
    ck_assert_int_eq(nftables_open(&bench->nftables), 0);

    for (unsigned zone = 0; zone < 3; zone++) {
        const ip_number four = 0x0a000000 | (zone + 1) << 16;
        const ip_number six = (ip_number)0xfd00 << 112 | (ip_number)(zone + 1) << 96;
        size_t wire = wire_of_zone(zone);

        ck_assert_int_eq(
            lab_add_route(bench->lab, wire, FAMILY_IPV4, (struct range){four, four + 15}), 0);
        ck_assert_int_eq(
            lab_add_route(bench->lab, wire, FAMILY_IPV6, (struct range){six, six + 15}), 0);
    }
    for (enum family family = 0; family < FAMILIES; family++)
        ck_assert_int_eq(lab_add_route(bench->lab, wire_of_zone(3), family, family_all(family)), 0);
}

static void bench_close(struct bench *bench)
{
    ruleset_free(bench->committed);
    nftables_close(bench->nftables);
    lab_free(bench->lab);
}

static void assert_kernel_holds(struct bench *bench)
{
    cleanup_(ruleset_freep) struct ruleset *observed = NULL;
    cleanup_(difference_freep) struct difference *difference = NULL;

    ck_assert_int_eq(nftables_dump(bench->nftables, RULESET_TABLE, bench->committed, &observed), 0);
    ck_assert_int_eq(difference_new(observed, bench->committed, &difference), 0);
    ck_assert_msg(difference->n_changes == 0, "%zu changes, the first of kind %d",
                  difference->n_changes, difference->changes[0].kind);
}

/* The fourth oracle: what nft lists, nft reads, in a namespace that has nothing. */
static void assert_listing_loads(void)
{
    cleanup_(freep) char *listing = sandbox_nft_list("ruleset");

    sandbox_nft_check(listing);
}

/* The policy is enforced as it is at one instant, which lasts. */
static void stop_clock(struct ruleset *ruleset)
{
    for (size_t i = 0; i < ruleset->n_sets; i++) {
        struct set *set = &ruleset->sets[i];

        for (size_t j = 0; ruleset_is_live(set) && j < set->n_elements; j++)
            set->elements[j].expires = 0;
    }
}

/* Whether a live flow approves the packet. */
static bool is_approved(const struct random_case *c, const struct packet *packet)
{
    uint32_t owner = policy_decide_naively(c->policy, c->states, packet);

    return owner != NO_FLOW &&
           flow_states_of(c->states, &c->policy->flows[owner], NULL) == FLOW_STATE_LIVE;
}

static void bench_commit(struct bench *bench, const struct random_case *c)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(difference_freep) struct difference *difference = NULL;
    struct nftables_refusal refusal = {0};
    int r;

    ck_assert_int_eq(ruleset_compile(c->diagram, &(struct ruleset_options){.now = c->now}, &wanted),
                     0);
    stop_clock(wanted);
    ck_assert_int_eq(difference_new(bench->committed, wanted, &difference), 0);
    r = nftables_apply(bench->nftables, wanted, difference, calendar_now(), &refusal, NULL);
    ck_assert_msg(r == 0, "refused: %s: %s", refusal.what, strerror(-refusal.error));

    ruleset_free(bench->committed);
    bench->committed = TAKE_PTR(wanted);
    assert_kernel_holds(bench);
    assert_listing_loads();
}

static struct frame frame_of(const struct packet *packet, uint32_t tag)
{
    struct frame frame = {
        .family = packet->family,
        .protocol = SERVICE_PROTOCOL(packet->service),
        .source = packet->source,
        .destination = packet->destination,
        .source_port = (uint16_t)(1024 + tag),
        .port = SERVICE_PORT(packet->service),
        .tag = tag,
    };

    switch (frame.protocol) {
    case 1:
    case 58:
        frame.kind = FRAME_ICMP;
        break;
    case 6:
        frame.kind = FRAME_TCP;
        frame.tcp_flags = FRAME_TCP_SYN;
        break;
    case 17:
        frame.kind = FRAME_UDP;
        break;
    default:
        frame.kind = FRAME_OTHER;
        frame.source_port = 0;
        frame.port = 0;
        break;
    }
    return frame;
}

/* The types of ICMP replies, for the requests that random_packet() makes. */
static uint16_t icmp_reply(uint16_t request)
{
    switch (request >> 8) {
    case 8:
        return 0;
    default:
        return (uint16_t)(((request >> 8) + 1) << 8);
    }
}

static struct frame reply_to(const struct frame *frame)
{
    struct frame reply = *frame;

    reply.source = frame->destination;
    reply.destination = frame->source;
    if (frame->kind == FRAME_ICMP) {
        reply.port = icmp_reply(frame->port);
    } else {
        reply.source_port = frame->port;
        reply.port = frame->source_port;
    }
    reply.tcp_flags = FRAME_TCP_SYN | FRAME_TCP_ACK;
    reply.tcp_acknowledgement = frame->tcp_sequence + 1;
    return reply;
}

struct probe {
    struct packet packet;
    struct frame frame;
    uint32_t owner;
    bool approved;
    unsigned seen;
};

static void collect(struct bench *bench, struct probe *probes, bool replies)
{
    struct frame frame;
    size_t wire;
    int r;

    ck_assert_int_eq(lab_synchronise(bench->lab), 0);
    while ((r = lab_receive(bench->lab, 0, &frame, &wire)) > 0) {
        const struct probe *probe = &probes[frame.tag];

        ck_assert_uint_lt(frame.tag, PACKETS);
        /* Errors that the gateway itself sends quote the tag; only forwarded packets count. */
        if (frame.source != (replies ? probe->packet.destination : probe->packet.source))
            continue;
        ck_assert_uint_eq(wire, wire_of_zone(replies ? probe->packet.from : probe->packet.to));
        probes[frame.tag].seen++;
    }
    ck_assert_int_eq(r, 0);
}

/*
 * A protocol without ports has one connection between two hosts: what goes against an approved flow
 * is its reply, if a packet of that flow came first.
 */
static bool may_be_reply(const struct random_case *c, const struct probe *probe)
{
    struct packet reversed = probe->packet;

    reversed.from = probe->packet.to;
    reversed.to = probe->packet.from;
    reversed.source = probe->packet.destination;
    reversed.destination = probe->packet.source;
    return probe->frame.kind == FRAME_OTHER && is_approved(c, &reversed);
}

/*
 * Every second policy has its replies judged afresh: another table makes the gateway forget which
 * flow approved a connection, as a reload does that gives the flow another id.
 */
static void forget_marks(bool forget)
{
    sandbox_nft(forget ? "table inet forgetful {\n"
                         "  chain prerouting {\n"
                         "    type filter hook prerouting priority mangle; policy accept;\n"
                         "    ct mark set 0xfffffff0\n"
                         "  }\n"
                         "}\n"
                       : "table inet forgetful\n"
                         "delete table inet forgetful\n");
}

static void check_probes(struct bench *bench, const struct random_case *c, int seed)
{
    struct probe probes[PACKETS] = {0};

    ck_assert_int_eq(lab_flush_conntrack(bench->lab), 0);
    for (uint32_t i = 0; i < PACKETS; i++) {
        struct probe *probe = &probes[i];

        /* The gateway's own traffic has tests of its own. */
        do {
            probe->packet = random_packet(c->policy, &bench->random);
        } while (probe->packet.from == ZONE_GATEWAY || probe->packet.to == ZONE_GATEWAY ||
                 SERVICE_PROTOCOL(probe->packet.service) == 132);
        probe->owner = policy_decide_naively(c->policy, c->states, &probe->packet);
        probe->approved = is_approved(c, &probe->packet);
        probe->frame = frame_of(&probe->packet, i);
        ck_assert_int_eq(
            lab_send(bench->lab, wire_of_zone(probe->packet.from), &probe->frame, NULL), 0);
    }
    collect(bench, probes, false);

    forget_marks(seed % 2 == 0);
    for (uint32_t i = 0; i < PACKETS; i++) {
        const struct probe *probe = &probes[i];
        struct frame reply = reply_to(&probe->frame);

        ck_assert_msg((probe->seen > 0) == probe->approved ||
                          (probe->seen > 0 && may_be_reply(c, probe)),
                      "seed %d packet %" PRIu32 ": the flows say %" PRIu32
                      ", the kernel %s; zones %zu to %zu, service %06x",
                      seed, i, probe->owner, probe->seen ? "lets it pass" : "drops it",
                      probe->packet.from, probe->packet.to, probe->packet.service);
        probes[i].seen = 0;
        ck_assert_int_eq(lab_send(bench->lab, wire_of_zone(probe->packet.to), &reply, NULL), 0);
    }
    collect(bench, probes, true);
    forget_marks(false);

    for (uint32_t i = 0; i < PACKETS; i++) {
        /* Portless protocols share a connection, and what is no reply may be approved by itself. */
        if (probes[i].approved)
            ck_assert_msg(probes[i].seen > 0, "seed %d packet %" PRIu32 ": no reply passed", seed,
                          i);
    }
}

START_TEST(kernel_agrees_with_reading_the_flows)
{
    struct bench bench;

    bench_open(&bench, (uint64_t)_i + 77);
    for (int i = 0; i < POLICIES_PER_KERNEL; i++) {
        int seed = 5000 + _i * POLICIES_PER_KERNEL + i;
        struct random_case c;

        random_case_make((uint64_t)seed, &c);
        bench_commit(&bench, &c);
        check_probes(&bench, &c, seed);
        random_case_clear(&c);
    }
    bench_close(&bench);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, kernel_agrees_with_reading_the_flows, 0, KERNELS);
}

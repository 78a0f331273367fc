/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Is a packet lost in a reload? Raw frames of both families stream through the gateway without a
 * pause while segd, on other CPUs, goes from one policy to another and back. Each frame has a
 * number, and after each round of them the lab knows that the gateway has handled them all: what is
 * not there then was dropped, however slow the machine is.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "segd.h"
#include "sandbox.h"
#include "wires.h"

#define PORT 7001
#define FORBIDDEN_PORT 7009
/* Reloads of each scene; more by hand: `RELOADS=5000`. */
#define RELOADS 200
/* Frames of each kind in a round: a round is short beside a reload. */
#define ROUND 8
/* New connections that are tracked at most, far less than the kernel's table holds. */
#define CONNECTIONS_MAX 20000
/* Flows beside the one that is watched, where a commit shall take long. */
#define OTHERS 200

/* What is sent by turns, in each family. */
enum kind {
    KIND_OPEN,      /* a request of a connection that is open */
    KIND_REPLY,     /* a reply of that connection */
    KIND_NEW,       /* the first packet of another connection of the same flow */
    KIND_FORBIDDEN, /* what neither policy approves */
    N_KINDS,
};

static const char *const kind_names[N_KINDS] = {"request", "reply", "first packet", "forbidden"};

struct sender {
    struct lab *lab;
    uint16_t new_port; /* of the last new connection */
    unsigned n_connections;
    uint64_t rounds;
};

static struct frame make_frame(struct sender *sender, enum family family, enum kind kind)
{
    struct frame frame = wires_udp(family, WIRE_A, WIRE_B, PORT);

    switch (kind) {
    case KIND_OPEN:
    case N_KINDS:
        return frame;
    case KIND_REPLY:
        return wires_answer(&frame);
    case KIND_NEW:
        sender->new_port = (uint16_t)(sender->new_port % 30000 + 1);
        frame.source_port = sender->new_port;
        return frame;
    case KIND_FORBIDDEN:
        frame.port = FORBIDDEN_PORT;
        return frame;
    }
    return frame;
}

/* The tag of a frame is its place in the round. */
static void take_round(struct sender *sender, unsigned *arrived)
{
    bool seen[ROUND * FAMILIES * N_KINDS] = {false};
    struct frame frame;
    size_t wire;
    int r;

    while ((r = lab_receive(sender->lab, 0, &frame, &wire)) > 0) {
        enum kind kind = (enum kind)(frame.tag % N_KINDS);

        ck_assert_uint_lt(frame.tag, ELEMENTS_OF(seen));
        ck_assert_msg(!seen[frame.tag], "a frame came twice");
        ck_assert_uint_eq(wire, kind == KIND_REPLY ? WIRE_A : WIRE_B);
        seen[frame.tag] = true;
        arrived[kind]++;
    }
    ck_assert_int_eq(r, 0);
}

static void run_round(struct sender *sender)
{
    unsigned arrived[N_KINDS] = {0};
    uint32_t tag = 0;

    for (; tag < ROUND * FAMILIES * N_KINDS; tag++) {
        enum kind kind = (enum kind)(tag % N_KINDS);
        struct frame frame = make_frame(sender, (enum family)(tag / N_KINDS % FAMILIES), kind);

        frame.tag = tag;
        ck_assert_int_eq(lab_send(sender->lab, kind == KIND_REPLY ? WIRE_B : WIRE_A, &frame, NULL),
                         0);
    }
    ck_assert_int_eq(lab_synchronise(sender->lab), 0);
    take_round(sender, arrived);
    for (enum kind kind = 0; kind < KIND_FORBIDDEN; kind++)
        ck_assert_msg(arrived[kind] == ROUND * FAMILIES, "round %u: %u of %u lost: %s",
                      (unsigned)sender->rounds, ROUND * FAMILIES - arrived[kind], ROUND * FAMILIES,
                      kind_names[kind]);
    ck_assert_msg(arrived[KIND_FORBIDDEN] == 0, "round %u: %u passed: forbidden",
                  (unsigned)sender->rounds, arrived[KIND_FORBIDDEN]);

    sender->rounds++;
    sender->n_connections += ROUND * FAMILIES;
    if (sender->n_connections > CONNECTIONS_MAX) {
        ck_assert_int_eq(lab_flush_conntrack(sender->lab), 0);
        sender->n_connections = 0;
    }
}

/* Reloads, and streams until segd says that it is done. */
static void reload(struct segd *segd, struct sender *sender, const char *policy)
{
    const char *text;

    segd_write_policy(segd, policy);
    segd_signal_reload(segd);
    do {
        run_round(sender);
        text = segd_notification(segd, false);
    } while (!text || !strstr(text, "READY=1"));
    ck_assert_msg(!strstr(text, "refused") && strstr(text, "STATUS=Enforcing"), "%s", text);
}

#define GROUPS                                                                                     \
    "hosts:\n"                                                                                     \
    "  client: { zone: a, address: [10.1.0.7, 'fd00:1::7'] }\n"                                    \
    "  server: { zone: b, address: [10.3.0.9, 'fd00:3::9'] }\n"                                    \
    "groups:\n"                                                                                    \
    "  clients: { zone: a, members: [10.1.0.0/26, 'fd00:1::/122'] }\n"                             \
    "  servers: { zone: b, members: [10.3.0.0/26, 'fd00:3::/122'] }\n"
#define EXACT "  main: { from: client, to: server, services: [udp/7001] }\n"
#define POOL "  main: { from: clients, to: servers, services: [udp/7001] }\n"
#define WIDE "  main: { from: clients, to: servers, services: [udp/7000-7003] }\n"
#define KEPT "  kept: { from: a, to: server, services: [tcp/443] }\n"
#define CLASS "  main: { from: a, to: servers, services: [udp/7001] }\n"

/* Where the other flows lie, so that they share the table of the one that is watched. */
enum others {
    OTHERS_NONE,
    OTHERS_POOL,  /* each from sources of its own */
    OTHERS_CLASS, /* all from the whole zone */
};

static const struct {
    const char *flows[2]; /* by turns */
    enum others others;
} scenes[] = {
    /* Another flow comes and goes. */
    {{EXACT, EXACT "  other: { from: server, to: client, services: [tcp/7] }\n"}, OTHERS_NONE},
    {{EXACT, EXACT "  other: { from: client, to: server, services: [udp/7] }\n"}, OTHERS_NONE},
    {{POOL, POOL "  other: { from: clients, to: servers, services: [udp/7] }\n"}, OTHERS_POOL},
    {{CLASS, CLASS "  other: { from: a, to: servers, services: [udp/7] }\n"}, OTHERS_CLASS},
    /* The flow itself is renamed. */
    {{EXACT, "  renamed: { from: client, to: server, services: [udp/7001] }\n"}, OTHERS_NONE},
    {{POOL, "  renamed: { from: clients, to: servers, services: [udp/7001] }\n"}, OTHERS_POOL},
    /* It is widened, which gives it another id, and narrowed again. */
    {{EXACT, "  main: { from: client, to: server, services: [udp/7001, udp/7002] }\n"},
     OTHERS_NONE},
    {{POOL, "  main: { from: clients, to: servers, services: [udp/7001-7002] }\n"}, OTHERS_POOL},
    {{CLASS, "  main: { from: a, to: servers, services: [udp/7001-7002] }\n"}, OTHERS_CLASS},
    /* Widened, its rows move from a hash to ranges, and back; the hash goes with its last row. */
    {{EXACT, "  main: { from: client, to: server, services: [udp/7001-7002] }\n"}, OTHERS_POOL},
    {{"  main: { from: a, to: server, services: [udp/7001] }\n", CLASS}, OTHERS_CLASS},
    {{KEPT "  main: { from: a, to: server, services: [udp/7001] }\n", KEPT CLASS}, OTHERS_CLASS},
    /* A table of few rows is rules, one of more a map: of ranges, and of points. */
    {{POOL, POOL "  other: { from: clients, to: servers, services: [udp/1, udp/3, udp/5] }\n"},
     OTHERS_NONE},
    {{EXACT, EXACT "  other: { from: client, to: server, services: [udp/1, udp/3, udp/5] }\n"},
     OTHERS_NONE},
    /* A row that is a rule gives its packets to one in a map, and takes them back. */
    {{EXACT, WIDE}, OTHERS_NONE},
    {{EXACT, POOL}, OTHERS_NONE},
    /* A flow that has its packets before another goes: the other takes them over. */
    {{"  first: { from: clients, to: servers, services: [udp/7001] }\n" WIDE, WIDE}, OTHERS_POOL},
};

static void write_other(FILE *stream, int i, enum others others)
{
    if (others == OTHERS_CLASS)
        fprintf(stream, "  f%d: { from: a, to: d%d, services: [udp/%d-%d] }\n", i, i, 100 + 2 * i,
                101 + 2 * i);
    else
        fprintf(stream, "  f%d: { from: s%d, to: d%d, services: [udp/%d-%d] }\n", i, i, i,
                100 + 2 * i, 101 + 2 * i);
}

static char *write_policy(const char *flows, enum others others)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    fputs(WIRES_POLICY GROUPS, stream);
    for (int i = 0; others != OTHERS_NONE && i < OTHERS; i++)
        fprintf(stream,
                "  s%d: { zone: a, members: [10.1.%d.0/26, 'fd00:1:%x::/64'] }\n"
                "  d%d: { zone: b, members: [10.3.%d.0/26, 'fd00:3:%x::/64'] }\n",
                i, i + 1, (unsigned)i + 1, i, i + 1, (unsigned)i + 1);
    fprintf(stream, "flows:\n%s", flows);
    for (int i = 0; others != OTHERS_NONE && i < OTHERS; i++)
        write_other(stream, i, others);
    ck_assert_int_eq(fclose(stream), 0);
    return text;
}

START_TEST(reload_loses_no_packet_and_passes_no_other)
{
    cleanup_(freep) char *first = write_policy(scenes[_i].flows[0], scenes[_i].others);
    cleanup_(freep) char *second = write_policy(scenes[_i].flows[1], scenes[_i].others);
    const char *by_hand = getenv("RELOADS");
    int reloads = by_hand ? atoi(by_hand) : RELOADS;
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(first);
    struct sender sender = {.lab = lab};

    for (int i = 1; i <= reloads; i++)
        reload(segd, &sender, i % 2 ? second : first);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, reload_loses_no_packet_and_passes_no_other, 0,
                        (int)ELEMENTS_OF(scenes));
}

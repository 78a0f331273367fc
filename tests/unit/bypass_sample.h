/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "observe/bypass.h"
#include "tests/reading.h"
#include "tests/sandbox.h"

/* A gateway in a sandbox, and looks for the ways around its ruleset. */

#define FLOW "flows:\n  web: { from: office, to: server, services: tcp/443 }\n"

/* A gateway of the zones of ZONES, whose wires end in the same namespace. */
#define GATEWAY                                                                                    \
    "ip link set lo up\n"                                                                          \
    "for i in 1 2 3 4; do\n"                                                                       \
    "    ip link add eth$i type veth peer name far$i\n"                                            \
    "    ip link set eth$i up\n"                                                                   \
    "    ip link set far$i up\n"                                                                   \
    "done\n"                                                                                       \
    "ip address add 10.1.0.1/24 dev eth1\n"                                                        \
    "ip address add fd00:1::1/64 dev eth1\n"                                                       \
    "ip address add 10.2.0.1/24 dev eth3\n"                                                        \
    "ip address add 203.0.113.1/24 dev eth4\n"                                                     \
    "echo 1 >/proc/sys/net/ipv4/ip_forward\n"                                                      \
    "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding\n"                                             \
    "for i in iptables ip6tables; do\n"                                                            \
    "    [ ! -e /proc/sys/net/bridge ] || echo 0 >/proc/sys/net/bridge/bridge-nf-call-$i\n"        \
    "done\n"

static inline void run(const char *script)
{
    static const char *const arguments[] = {"sh", "-e", "-s", NULL};
    cleanup_(freep) char *output = NULL;
    int status = sandbox_run(arguments, script, &output);

    ck_assert_msg(status == 0, "exit status %d\n%s\n%s", status, script, output);
}

/* One look at the gateway. */
struct look {
    struct reading reading;
    struct links *links;
    struct nftables *nftables;
    struct arena *arena;
    struct bypasses found;
};

static inline void look_clear(struct look *look)
{
    arena_free(look->arena);
    nftables_close(look->nftables);
    links_close(look->links);
    reading_clear(&look->reading);
    *look = (struct look){0};
}

/* True where carriers are told as they are: the kernel tells of them a little later. */
static inline bool is_settled(const struct links *links)
{
    for (size_t i = 0; i < links_count(links); i++) {
        const struct link *link = links_at(links, i);
        const struct link *far = NULL;

        for (size_t j = 0; j < links_count(links); j++)
            if (strcmp(link->kind, "veth") == 0 && links_at(links, j)->index == link->lower)
                far = links_at(links, j);
        if (far && far->up != link->up)
            return false;
    }
    return true;
}

static inline void look_again(struct look *look, const char *policy)
{
    look_clear(look);
    read_valid(&look->reading, policy);
    ck_assert_int_eq(links_open(&look->links), 0);
    while (!is_settled(look->links)) {
        struct pollfd wait = {.fd = links_fd(look->links), .events = POLLIN};

        ck_assert_int_eq(poll(&wait, 1, -1), 1);
        ck_assert_int_ge(links_read(look->links), 0);
    }
    ck_assert_int_eq(nftables_open(&look->nftables), 0);
    ck_assert_int_eq(arena_new(&look->arena), 0);
    ck_assert_int_eq(
        bypasses_find(look->reading.policy, look->links, look->nftables, look->arena, &look->found),
        0);
}

static inline const char *look_text(const struct look *look)
{
    const char *text = "";

    for (size_t i = 0; i < look->found.n_bypasses; i++)
        text = arena_printf(look->arena, "%s%s %s: %s\n", text, look->found.bypasses[i].code,
                            look->found.bypasses[i].object, look->found.bypasses[i].message);
    return text;
}

/* Nothing, or nothing but findings of this one code, one of them about the object. */
static inline void assert_found(struct look *look, const char *policy, const char *code,
                                const char *object)
{
    bool seen = false, others = false;

    look_again(look, policy);
    for (size_t i = 0; i < look->found.n_bypasses; i++) {
        const struct bypass *bypass = &look->found.bypasses[i];

        if (!code || strcmp(bypass->code, code) != 0)
            others = true;
        else if (strcmp(bypass->object, object) == 0)
            seen = true;
        ck_assert_uint_gt(strlen(bypass->message), 0);
    }
    ck_assert_msg(seen == (code != NULL) && !others, "wanted %s %s, found:\n%s",
                  code ? code : "nothing", object ? object : "", look_text(look));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "compiled/compiled.h"
#include "daemon/enforcement.h"
#include "daemon/record/evidence.h"
#include "folder.h"

/* What the tests of evidence share: a policy that is enforced, and somebody who isolates a zone. */

/* Interfaces that are not there: packets of this test stay on the loopback. */
static const char scene_policy[] =
    "segd: 1\n"
    "timezone: Asia/Tokyo\n"
    "zones:\n"
    "  a: { class: lgwan, interfaces: [a0], networks: [10.20.0.0/16, 'fd00:20::/32'] }\n"
    "  b: { class: other, interfaces: [b0], networks: [10.30.0.0/16, 'fd00:30::/32'] }\n"
    "  c: { class: other, interfaces: [c0], networks: [10.40.0.0/16] }\n"
    "flows:\n"
    "  mail: { from: a, to: b, services: [udp/5000] }\n"
    "  web: { from: b, to: c, services: [tcp/80] }\n";

static const char scene_addresses[] = "link set lo up\n"
                                      "address add 10.20.0.1/32 dev lo\n"
                                      "address add 10.30.0.1/32 dev lo\n"
                                      "address add 10.40.0.1/32 dev lo\n"
                                      "link add a0 type veth peer name other\n"
                                      "address add 10.20.0.2/16 dev a0\n"
                                      "link set a0 up\n"
                                      "link set other up\n";

/* An incident that can happen at any time. */
struct scene {
    int directory;
    struct enforcement *enforcement;
    struct conntrack *conntrack;
    struct links *links;
    uint32_t mail; /* the mark of the flow */
    struct actor actor;
    struct state state;
    struct evidence_subject subject;
};

static inline void scene_clear(struct scene *scene)
{
    links_close(scene->links);
    conntrack_close(scene->conntrack);
    enforcement_free(scene->enforcement);
    state_clear(&scene->state);
    close(scene->directory);
}

static inline void scene_enforce(struct scene *scene)
{
    const struct policy_text text = {"policy.yaml", scene_policy, strlen(scene_policy), 0};
    cleanup_(diagnostics_freep) struct diagnostics *diagnostics = NULL;
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    struct nftables_refusal refusal = {0};
    struct nftables_cost cost = {0};

    ck_assert_int_eq(enforcement_open(-1, &scene->enforcement), 0);
    ck_assert_int_eq(diagnostics_new(&diagnostics), 0);
    ck_assert_int_eq(compiled_new(
                         &(struct compiled_input){
                             .texts = &text,
                             .n_texts = 1,
                             .generation = 5,
                             .now = calendar_now(),
                         },
                         diagnostics, &compiled),
                     0);
    scene->mail = compiled->policy->flows[0].id;
    ck_assert_int_eq(enforcement_commit(scene->enforcement, compiled, &refusal, &cost), 0);
}

static inline void scene_enter(struct scene *scene, const char *size)
{
    static const char *const arguments[] = {"ip", "-batch", "-", NULL};
    const struct override suspension = {
        .kind = OVERRIDE_SUSPENSION,
        .name = (char *)"web",
        .reason = (char *)"slow",
        .uid = 1001,
        .who = (char *)"sato",
        .since = USEC_PER_SEC,
        .until = USEC_NEVER,
    };

    *scene = (struct scene){
        .directory = folder_enter(size),
        .actor = {.uid = 1000, .pid = 812, .name = "tanaka"},
        .state = {.generation = 5, .next_generation = 6},
    };
    ck_assert_int_eq(sandbox_run(arguments, scene_addresses, NULL), 0);
    scene_enforce(scene);
    ck_assert_int_eq(conntrack_open(&scene->conntrack), 0);
    ck_assert_int_eq(links_open(&scene->links), 0);
    ck_assert_int_eq(overrides_add(&scene->state.overrides, &suspension), 0);
    scene->subject = (struct evidence_subject){
        .directory = scene->directory,
        .actor = &scene->actor,
        .zone = "a",
        .reason = "不審な通信",
        .state = &scene->state,
        .fingerprint = "f1",
        .audit_head = "h1",
        .nftables = enforcement_nftables(scene->enforcement),
        .ruleset = enforcement_ruleset(scene->enforcement),
        .outline = enforcement_outline(scene->enforcement),
        .conntrack = scene->conntrack,
        .links = scene->links,
    };
}

static inline struct sockaddr_in scene_address(const char *text, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    ck_assert_int_eq(inet_pton(AF_INET, text, &address.sin_addr), 1);
    return address;
}

/* Opens a connection, which the kernel then tracks. */
static inline void scene_send(const char *from, const char *to, uint16_t port)
{
    cleanup_(closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in own = scene_address(from, 4000), address = scene_address(to, port);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
    ck_assert_int_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address)), 1);
}

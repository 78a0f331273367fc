/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "policy/policy.h"
#include "tests/parse_policy.h"

/* A policy read from text within a test, with what was said about it. */
struct reading {
    struct sources *sources;
    struct diagnostics *diagnostics;
    struct policy *policy;
};

static inline int read_text(struct reading *reading, const char *text)
{
    ck_assert_int_eq(sources_new(&reading->sources), 0);
    ck_assert_int_eq(diagnostics_new(&reading->diagnostics), 0);
    return parse_policy("test.yaml", text, strlen(text), reading->sources, reading->diagnostics,
                        &reading->policy);
}

static inline void reading_clear(struct reading *reading)
{
    policy_free(reading->policy);
    diagnostics_free(reading->diagnostics);
    sources_free(reading->sources);
    *reading = (struct reading){0};
}

/* Reads a policy that must be valid. */
static inline const struct policy *read_valid(struct reading *reading, const char *text)
{
    int r = read_text(reading, text);

    if (r != 0)
        diagnostics_print(reading->diagnostics, reading->sources, stderr, false);
    ck_assert_int_eq(r, 0);
    return reading->policy;
}

static inline const struct flow *find_flow(const struct policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->n_flows; i++) {
        if (strcmp(policy->flows[i].name, name) == 0)
            return &policy->flows[i];
    }
    ck_abort_msg("no flow %s", name);
    return NULL;
}

static inline size_t count_diagnostics(struct diagnostics *diagnostics, const char *code)
{
    const struct diagnostic *list;
    size_t n_list = diagnostics_list(diagnostics, &list), n = 0;

    for (size_t i = 0; i < n_list; i++)
        n += strcmp(list[i].code, code) == 0;
    return n;
}

static inline bool has_diagnostic(struct diagnostics *diagnostics, const char *code)
{
    return count_diagnostics(diagnostics, code) > 0;
}

/* The policy as text; the caller frees it. */
static inline char *print_policy(const struct policy *policy)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(policy_print(policy, stream), 0);
    ck_assert_int_eq(fclose(stream), 0);
    return text;
}

/* A small policy for tests: three zones, some hosts, groups and a service. */
#define ZONES                                                                                      \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "gateway: { protect: true }\n"                                                                 \
    "zones:\n"                                                                                     \
    "  office: { class: lgwan, interfaces: [eth1, eth2], networks: [10.1.0.0/16, "                 \
    "\"fd00:1::/64\"] }\n"                                                                         \
    "  server: { class: other, interfaces: [eth3], networks: [10.2.0.0/16, \"fd00:2::/64\"] }\n"   \
    "  world: { class: external, interfaces: [eth4], networks: [any] }\n"
#define HOSTS                                                                                      \
    "hosts:\n"                                                                                     \
    "  pc: { zone: office, address: [10.1.0.5, \"fd00:1::5\"] }\n"                                 \
    "  printer: { zone: office, address: 10.1.0.6 }\n"                                             \
    "  web: { zone: server, address: 10.2.0.5 }\n"                                                 \
    "groups:\n"                                                                                    \
    "  pcs: { zone: office, members: [pc, 10.1.0.6-10.1.0.9] }\n"                                  \
    "  offices: { zone: office, members: [10.1.0.0/16, \"fd00:1::/64\"] }\n"                       \
    "services:\n"                                                                                  \
    "  https: tcp/443\n"

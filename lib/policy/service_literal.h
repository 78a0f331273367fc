/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"

/* A literal has at most one range per family. */
#define LITERAL_RANGES_MAX FAMILIES

struct literal {
    struct service_range ranges[LITERAL_RANGES_MAX];
    size_t n_ranges;
    /* Of a text that is wrong: what is wrong with it, and what to do or NULL; static texts. */
    const char *problem;
    const char *remedy;
};

/*
 * Parses a service as it is written in a policy: `tcp/443`, `udp/5000-5010`, `sctp/any`,
 * `icmp/echo-request`, `esp`, `protocol/89`, `any`. Protocol numbers: IANA "Protocol Numbers";
 * types: IANA "ICMP Type Numbers" and "ICMPv6 type Numbers".
 *
 * Returns 0, -EINVAL (with `problem` and `remedy`), or -ENOENT where nobody meant it as a literal.
 */
int service_literal_parse(const char *text, struct literal *ret_literal);
/* True for the words that a service cannot be named by (`esp`, `tcp`, `any`), in any case. */
bool service_literal_is_word(const char *text);

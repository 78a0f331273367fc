/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/nftables.h"
#include "ruleset/ruleset.h"
#include "shape.h"

/* The whole line from text to kernel, each step with its time in microseconds. */
struct line_cost {
    uint64_t text_bytes;
    uint64_t parse;
    uint64_t diagram;
    uint64_t compile;
    uint64_t difference;
    uint64_t build;  /* the netlink messages */
    uint64_t commit; /* sending them, and the kernel's work */
    uint64_t bytes;  /* of netlink */
};

/* The policy of a shape as text, with one more flow that is of no shape where `stranger`;
 * `*ret_text` is the caller's. 0 or -ENOMEM. */
int line_text(enum shape shape, size_t n_flows, bool stranger, char **ret_text, size_t *ret_size);

/* Text to ruleset. Mistakes are printed to standard error. Adds to `cost`. 0 or -errno. */
int line_compile(const char *text, size_t size, struct ruleset **ret_ruleset,
                 struct line_cost *cost);

/* Ruleset to kernel, by the difference from `held`, which may be NULL. Adds to `cost`. */
int line_commit(struct nftables *nftables, const struct ruleset *held, const struct ruleset *wanted,
                struct line_cost *cost);

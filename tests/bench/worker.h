/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "line.h"
#include "shape.h"

/*
 * One gateway in a process of its own, prepared once and asked again and again, so that rulesets
 * are compared in turns and nothing is loaded between two rounds.
 */
struct worker;

enum load {
    LOAD_NOTHING,  /* the hooks are empty: what forwarding costs */
    LOAD_POLICY,   /* the policy, by the whole line */
    LOAD_STATEFUL, /* two rules that let everything pass and keep state */
    LOAD_LINEAR,   /* the flows as a list of rules */
    LOAD_MAP,      /* the flows in one hash map */
    LOAD_BASELINE, /* the policy, as another version's segctl prints its ruleset */
    LOAD_FILE,     /* nft text of a file */
};

struct worker_description {
    enum load load;
    const char *file; /* of LOAD_FILE, and the segctl of LOAD_BASELINE */
    /* What the packets belong to, whatever is loaded. */
    enum shape shape;
    size_t n_flows;
};

enum round {
    ROUND_FEW,  /* packets of few open connections, both directions in turns */
    ROUND_MANY, /* the same of many, so that no cache holds all that belongs to them */
    ROUND_NEW,  /* each packet opens a connection */
    ROUNDS,
};

/* Packets of one round, and before it of a part that is not measured. */
struct round_size {
    size_t n_packets;
    size_t n_warm;
    size_t n_few; /* connections that a round goes through, spread over the flows */
    size_t n_many;
};

/*
 * Starts it, pinned to processor `cpu`, and waits until its ruleset is loaded. `size` is that of
 * all its rounds. `ret_cost` is what LOAD_POLICY cost. Returns 0, -EPERM where namespaces are not
 * allowed, or -errno.
 */
int worker_new(const struct worker_description *description, struct round_size size, int cpu,
               struct worker **ret_worker, struct line_cost *ret_cost);
struct worker *worker_free(struct worker *worker);
DEFINE_CLEANUP(struct worker, worker_free)

/* Runs one round. Returns 0 with packets per second, -EPROTO where a packet did not pass that
 * should, or -errno. */
int worker_run(struct worker *worker, enum round round, double *ret_rate);

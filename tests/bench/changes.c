/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The line from text to kernel step by step, and one more flow on top: what it sends and how long
 * the kernel takes. In a process of its own, since it enters a namespace.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab/lab.h"
#include "line.h"
#include "sections.h"

#define CHANGE_BYTES_MOST 16.0 /* KiB */
#define CHANGE_COMMIT_MOST 5.0 /* ms */
#define CHANGE_SIZE 50000      /* flows that the budget speaks of */
#define CHANGES_PER_LOAD 4
/* One flow of zone to zone lies over every network that a flow of ranges names, and must be written
 * beside each, and the kernel takes long to remove that: among more flows than this nobody would
 * wait for it. */
#define STRANGER_RANGES_MOST 300
#define STRANGERS_PER_LOAD 1

/* One set of samples, in memory that parent and child share. */
struct samples {
    double values[64];
    size_t n;
};

enum step {
    STEP_PARSE,
    STEP_DIAGRAM,
    STEP_COMPILE,
    STEP_BUILD,
    STEP_COMMIT,
    STEP_WHOLE,
    CHANGE_BYTES,
    CHANGE_MORE,
    CHANGE_FEWER,
    CHANGE_WHOLE,
    STRANGER_BYTES,
    STRANGER_MORE,
    STRANGER_FEWER,
    STEPS,
};

struct protocol {
    int result;
    struct samples samples[STEPS];
};

static void note(struct protocol *protocol, enum step step, double value)
{
    struct samples *samples = &protocol->samples[step];

    if (samples->n < ELEMENTS_OF(samples->values))
        samples->values[samples->n++] = value;
}

static double whole(const struct line_cost *cost)
{
    return (double)(cost->parse + cost->diagram + cost->compile + cost->difference + cost->build +
                    cost->commit);
}

static int compile(enum shape shape, size_t n_flows, bool stranger, struct ruleset **ret_ruleset,
                   struct line_cost *cost)
{
    cleanup_(freep) char *text = NULL;
    size_t size;
    int r = line_text(shape, n_flows, stranger, &text, &size);

    return r < 0 ? r : line_compile(text, size, ret_ruleset, cost);
}

static void note_load(struct protocol *protocol, const struct line_cost *cost)
{
    note(protocol, STEP_PARSE, (double)cost->parse / 1000);
    note(protocol, STEP_DIAGRAM, (double)cost->diagram / 1000);
    note(protocol, STEP_COMPILE, (double)cost->compile / 1000);
    note(protocol, STEP_BUILD, (double)(cost->difference + cost->build) / 1000);
    note(protocol, STEP_COMMIT, (double)cost->commit / 1000);
    note(protocol, STEP_WHOLE, whole(cost) / 1000);
}

/* A flow more and a flow less in turns; `steps` is the first of three. */
static int change(struct nftables *nftables, const struct ruleset *fewer,
                  const struct ruleset *more, size_t n, enum step steps, struct protocol *protocol)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++) {
        struct line_cost there = {0}, back = {0};

        r = line_commit(nftables, fewer, more, &there);
        if (r == 0)
            r = line_commit(nftables, more, fewer, &back);
        note(protocol, steps, (double)there.bytes / 1024);
        note(protocol, steps + 1, (double)there.commit / 1000);
        note(protocol, steps + 2, (double)back.commit / 1000);
    }
    return r;
}

/* In the child: one load, then changes by a flow like the others. */
static int load_and_change(enum shape shape, size_t n_flows, struct protocol *protocol)
{
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    cleanup_(ruleset_freep) struct ruleset *fewer = NULL, *more = NULL;
    struct line_cost load = {0}, again = {0};
    int r = lab_enter();

    if (r == 0)
        r = nftables_open(&nftables);
    if (r == 0)
        r = compile(shape, n_flows, false, &fewer, &load);
    if (r == 0)
        r = line_commit(nftables, NULL, fewer, &load);
    if (r == 0)
        r = compile(shape, n_flows + 1, false, &more, &again);
    if (r < 0)
        return r;

    note_load(protocol, &load);
    note(protocol, CHANGE_WHOLE, whole(&again) / 1000);
    return change(nftables, fewer, more, CHANGES_PER_LOAD, CHANGE_BYTES, protocol);
}

/* In the child: the same by a flow unlike the others. */
static int load_and_estrange(enum shape shape, size_t n_flows, struct protocol *protocol)
{
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    cleanup_(ruleset_freep) struct ruleset *fewer = NULL, *more = NULL;
    struct line_cost cost = {0};
    int r = lab_enter();

    if (r == 0)
        r = nftables_open(&nftables);
    if (r == 0)
        r = compile(shape, n_flows, false, &fewer, &cost);
    if (r == 0)
        r = line_commit(nftables, NULL, fewer, &cost);
    if (r == 0)
        r = compile(shape, n_flows, true, &more, &cost);
    if (r < 0)
        return r;
    return change(nftables, fewer, more, STRANGERS_PER_LOAD, STRANGER_BYTES, protocol);
}

typedef int (*measurement)(enum shape shape, size_t n_flows, struct protocol *protocol);

static int run_child(measurement measure, enum shape shape, size_t n_flows,
                     struct protocol *protocol)
{
    pid_t child = fork();
    int status;

    if (child < 0)
        return -errno;
    if (child == 0) {
        protocol->result = measure(shape, n_flows, protocol);
        _exit(EXIT_SUCCESS);
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? protocol->result : -ECHILD;
}

static int report(enum shape shape, size_t n_flows, size_t n_stranger,
                  const struct protocol *protocol, struct figures *figures)
{
    static const struct {
        const char *section;
        const char *what;
        const char *unit;
        double limit;
    } steps[STEPS] = {
        [STEP_PARSE] = {"compile", "1 text to policy", "ms", 0},
        [STEP_DIAGRAM] = {"compile", "2 policy to diagram", "ms", 0},
        [STEP_COMPILE] = {"compile", "3 diagram to ruleset", "ms", 0},
        [STEP_BUILD] = {"compile", "4 ruleset to netlink", "ms", 0},
        [STEP_COMMIT] = {"compile", "5 commit in the kernel", "ms", 0},
        [STEP_WHOLE] = {"compile", "all steps", "ms", 0},
        [CHANGE_BYTES] = {"one more flow", "netlink", "KiB", CHANGE_BYTES_MOST},
        [CHANGE_MORE] = {"one more flow", "commit in the kernel", "ms", CHANGE_COMMIT_MOST},
        [CHANGE_FEWER] = {"one flow fewer", "commit in the kernel", "ms", CHANGE_COMMIT_MOST},
        [CHANGE_WHOLE] = {"one more flow", "text to ruleset", "ms", 0},
        [STRANGER_BYTES] = {"one more, zone to zone", "netlink", "KiB", CHANGE_BYTES_MOST},
        [STRANGER_MORE] = {"one more, zone to zone", "commit in the kernel", "ms",
                           CHANGE_COMMIT_MOST},
        [STRANGER_FEWER] = {"one fewer, zone to zone", "commit in the kernel", "ms",
                            CHANGE_COMMIT_MOST},
    };
    int r = 0;

    for (enum step step = 0; r == 0 && step < STEPS; step++) {
        size_t n = step < STRANGER_BYTES ? n_flows : n_stranger;
        const struct figure figure = {
            steps[step].section,
            shape_name(shape),
            n,
            steps[step].what,
            steps[step].unit,
            steps[step].limit > 0 && n == CHANGE_SIZE ? BUDGET_AT_MOST : BUDGET_NONE,
            steps[step].limit,
        };

        r = figures_add(figures, &figure, protocol->samples[step].values,
                        protocol->samples[step].n);
    }
    return r;
}

static int measure_shape(const struct settings *settings, enum shape shape,
                         struct protocol *protocol, struct figures *figures)
{
    size_t n_flows = settings->sizes[settings->n_sizes - 1];
    size_t n_stranger;
    int r = 0;

    /* One flow must have room to be added. */
    if (n_flows >= shape_flows_max(shape))
        n_flows = shape_flows_max(shape) - 1;
    n_stranger = n_flows;
    if (shape != SHAPE_DISTINCT && shape != SHAPE_WIDE && n_flows > STRANGER_RANGES_MOST)
        n_stranger = STRANGER_RANGES_MOST;

    for (size_t i = 0; r == 0 && i < settings->n_loads; i++) {
        fprintf(stderr, "changes: %zu flows, %s, round %zu of %zu\n", n_flows, shape_name(shape),
                i + 1, settings->n_loads);
        r = run_child(load_and_change, shape, n_flows, protocol);
        if (r == 0)
            r = run_child(load_and_estrange, shape, n_stranger, protocol);
    }
    return r < 0 ? r : report(shape, n_flows, n_stranger, protocol, figures);
}

int measure_changes(const struct settings *settings, struct figures *figures)
{
    struct protocol *protocol =
        mmap(NULL, sizeof(*protocol), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int r = 0;

    if (protocol == MAP_FAILED)
        return -errno;

    for (enum shape shape = 0; r == 0 && shape < SHAPES; shape++) {
        *protocol = (struct protocol){0};
        r = measure_shape(settings, shape, protocol, figures);
    }
    munmap(protocol, sizeof(*protocol));
    return r;
}

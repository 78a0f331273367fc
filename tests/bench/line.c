/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What segd does with a policy, step by step and with a clock in between. It has no shortcuts: the
 * policies that are measured begin as YAML.
 */

#include "line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/diagnostics.h"
#include "diagram/diagram.h"
#include "policy/policy.h"
#include "ruleset/compile.h"
#include "tests/parse_policy.h"

static uint64_t clock_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The time since `*start`, which becomes now. */
static uint64_t lap(uint64_t *start)
{
    uint64_t begun = *start;

    *start = clock_usec();
    return *start - begun;
}

int line_text(enum shape shape, size_t n_flows, bool stranger, char **ret_text, size_t *ret_size)
{
    FILE *stream = open_memstream(ret_text, ret_size);
    bool failed;

    if (!stream)
        return -ENOMEM;
    shape_write(shape, n_flows, stream);
    if (stranger)
        shape_write_stranger(stream);
    failed = ferror(stream);
    if (fclose(stream) != 0 || failed) {
        free(*ret_text);
        *ret_text = NULL;
        return -ENOMEM;
    }
    return 0;
}

int line_compile(const char *text, size_t size, struct ruleset **ret_ruleset,
                 struct line_cost *cost)
{
    cleanup_(sources_freep) struct sources *sources = NULL;
    cleanup_(diagnostics_freep) struct diagnostics *diagnostics = NULL;
    cleanup_(policy_freep) struct policy *policy = NULL;
    cleanup_(diagram_freep) struct diagram *diagram = NULL;
    uint64_t clock = clock_usec();
    int r;

    r = sources_new(&sources);
    if (r == 0)
        r = diagnostics_new(&diagnostics);
    if (r < 0)
        return r;

    r = parse_policy("policy.yaml", text, size, sources, diagnostics, &policy);
    cost->text_bytes += size;
    cost->parse += lap(&clock);
    if (r == 0)
        r = diagram_new(policy, NULL, diagnostics, &diagram);
    cost->diagram += lap(&clock);
    if (r == 0)
        r = ruleset_compile(diagram, &(struct ruleset_options){.now = calendar_now()}, ret_ruleset);
    cost->compile += lap(&clock);

    if (r < 0)
        diagnostics_print(diagnostics, sources, stderr, false);
    return r;
}

int line_commit(struct nftables *nftables, const struct ruleset *held, const struct ruleset *wanted,
                struct line_cost *cost)
{
    cleanup_(difference_freep) struct difference *difference = NULL;
    struct nftables_refusal refusal = {0};
    struct nftables_cost kernel = {0};
    uint64_t clock = clock_usec();
    int r = difference_new(held, wanted, &difference);

    cost->difference += lap(&clock);
    if (r == 0)
        r = nftables_apply(nftables, wanted, difference, calendar_now(), &refusal, &kernel);
    if (r == -EREMOTEIO)
        fprintf(stderr, "the kernel refused: %s: %s\n", refusal.what, strerror(-refusal.error));
    cost->build += kernel.build_usec;
    cost->commit += kernel.commit_usec;
    cost->bytes += kernel.bytes;
    return r;
}

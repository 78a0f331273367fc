/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The line from text to ruleset, in one function: compiled_new(). Grants are flows like any other:
 * they are parsed behind the policy's own texts, so that the same rules hold for them.
 */

#include "compiled/compiled.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/standing.h"
#include "ruleset/compile.h"
#include "ruleset/isolation.h"

/* The policy's texts and behind them those of the grants. Names of grants' texts are owned. */
struct all_texts {
    struct policy_text *texts;
    size_t n_texts;
    size_t n_own;        /* the first of them are borrowed */
    const char **lapsed; /* names of grants that were left out; owned */
    size_t n_lapsed;
};

static void all_texts_clear(struct all_texts *all)
{
    for (size_t i = all->n_own; i < all->n_texts; i++)
        free((char *)all->texts[i].name);
    for (size_t i = 0; i < all->n_lapsed; i++)
        free((char *)all->lapsed[i]);
    free(all->lapsed);
    free(all->texts);
}

static int all_texts_fill(struct all_texts *all, const struct compiled_input *input)
{
    size_t n_overrides = input->overrides ? input->overrides->n_overrides : 0;

    all->texts = calloc(input->n_texts + n_overrides + 1, sizeof(*all->texts));
    all->lapsed = calloc(n_overrides + 1, sizeof(*all->lapsed));
    if (!all->texts || !all->lapsed)
        return -ENOMEM;

    for (size_t i = 0; i < input->n_texts; i++)
        all->texts[i] = input->texts[i];
    all->n_texts = all->n_own = input->n_texts;

    for (size_t i = 0; i < n_overrides; i++) {
        const struct override *override = &input->overrides->overrides[i];
        char *name;

        if (override->kind != OVERRIDE_GRANT)
            continue;
        if (asprintf(&name, "grant %s", override->name) < 0)
            return -ENOMEM;
        all->texts[all->n_texts++] = (struct policy_text){
            .name = name,
            .text = override->text,
            .size = strlen(override->text),
            .expires = override->until,
        };
    }
    return 0;
}

int compiled_parse(const struct compiled_input *input, struct sources *sources,
                   struct diagnostics *diagnostics, struct policy **ret_policy)
{
    cleanup_(all_texts_clear) struct all_texts all = {0};
    int r = all_texts_fill(&all, input);

    if (r < 0)
        return r;
    r = policy_parse_texts(all.texts, all.n_texts, sources, diagnostics, ret_policy);
    /* A grant may have lapsed: the policy itself was enforced once. */
    if (r == -EBADMSG && all.n_texts > all.n_own) {
        diagnostics_clear(diagnostics);
        r = policy_parse_texts(all.texts, all.n_own, sources, diagnostics, ret_policy);
    }
    return r;
}

/* Ports of SCTP are a mistake in the policy if the kernel does not tell them apart. */
static int check_sctp(const char *missing, const struct policy *policy,
                      struct diagnostics *diagnostics)
{
    const struct flow *flow = missing ? policy_flow_with_ports(policy, IPPROTO_SCTP) : NULL;

    if (!flow)
        return 0;
    if (diagnostics_add(diagnostics, SEVERITY_ERROR, "kernel-lacks", flow->location,
                        "approve `sctp/any`, or use a kernel that tracks SCTP",
                        "flow `%s` names ports of SCTP: %s", flow->name, missing) < 0)
        return -ENOMEM;
    return -EBADMSG;
}

static int find_until(struct compiled *compiled, const struct overrides *overrides)
{
    cleanup_(standings_freep) struct standings *standings = NULL;
    int r = standings_new(compiled->policy, overrides, compiled->now, &standings);

    if (r < 0)
        return r;
    compiled->until = standings_until(standings);
    return 0;
}

/* From the policy to all that the enforcement takes over. */
static int compile(struct compiled *compiled, const struct compiled_input *input,
                   struct diagnostics *diagnostics)
{
    const struct ruleset_options options = {input->now, input->overrides, input->generation};
    int r = diagram_new(compiled->policy, diagnostics, &compiled->diagram);

    if (r == -E2BIG)
        return -EBADMSG;
    if (r == 0)
        r = check_sctp(input->sctp_missing, compiled->policy, diagnostics);
    if (r == 0)
        r = ruleset_compile(compiled->diagram, &options, &compiled->ruleset);
    if (r == 0)
        r = isolation_compile(compiled->policy, input->overrides,
                              ruleset_find_set(compiled->ruleset, RULESET_LIVE),
                              &compiled->isolation);
    if (r == 0)
        r = policy_outline(compiled->policy, &compiled->outline);
    if (r == 0)
        r = find_until(compiled, input->overrides);
    return r;
}

/* From texts to all that the enforcement takes over. */
static int attempt(const struct all_texts *all, const struct compiled_input *input,
                   struct diagnostics *diagnostics, struct compiled **ret_compiled)
{
    cleanup_(compiled_freep) struct compiled *compiled = calloc(1, sizeof(*compiled));
    int r;

    if (!compiled)
        return -ENOMEM;
    compiled->generation = input->generation;
    compiled->now = input->now;

    r = sources_new(&compiled->sources);
    if (r < 0)
        return r;
    r = policy_parse_texts(all->texts, all->n_texts, compiled->sources, diagnostics,
                           &compiled->policy);
    if (r == 0)
        r = compile(compiled, input, diagnostics);
    if (r == 0 || r == -EBADMSG)
        *ret_compiled = TAKE_PTR(compiled);
    return r;
}

/* Whether the first `n` texts make a policy. Returns 0, -EBADMSG or -errno. */
static int try_texts(const struct all_texts *all, size_t n, const struct compiled_input *input)
{
    cleanup_(diagnostics_freep) struct diagnostics *ignored = NULL;
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    const struct all_texts some = {.texts = all->texts, .n_texts = n};
    int r = diagnostics_new(&ignored);

    return r < 0 ? r : attempt(&some, input, ignored, &compiled);
}

/* Leaves out each grant that does not fit behind the policy and the grants before it. Returns 1
 * where any was, 0 where the policy itself is wrong, or -errno. */
static int leave_out_lapsed(struct all_texts *all, const struct compiled_input *input)
{
    int r = try_texts(all, all->n_own, input);

    if (r < 0)
        return r == -EBADMSG ? 0 : r;
    for (size_t i = all->n_own; i < all->n_texts;) {
        r = try_texts(all, i + 1, input);
        if (r == 0) {
            i++;
            continue;
        }
        if (r != -EBADMSG)
            return r;
        all->lapsed[all->n_lapsed++] = all->texts[i].name;
        memmove(all->texts + i, all->texts + i + 1, (--all->n_texts - i) * sizeof(*all->texts));
    }
    return all->n_lapsed > 0;
}

static int warn_of_lapsed(const struct all_texts *all, struct diagnostics *diagnostics)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < all->n_lapsed; i++)
        r = diagnostics_add(diagnostics, SEVERITY_WARNING, "grant-lapsed", (struct location){0},
                            "revoke it, or grant it again in the words of this policy",
                            "%s does not fit this policy and is left out", all->lapsed[i]);
    return r;
}

int compiled_new(const struct compiled_input *input, struct diagnostics *diagnostics,
                 struct compiled **ret_compiled)
{
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    cleanup_(all_texts_clear) struct all_texts all = {0};
    int r = all_texts_fill(&all, input), left_out = 0;

    if (r == 0)
        r = attempt(&all, input, diagnostics, &compiled);
    if (r == -EBADMSG && !input->strict && all.n_texts > all.n_own)
        left_out = leave_out_lapsed(&all, input);
    if (left_out < 0)
        return left_out;
    if (left_out > 0) {
        compiled = compiled_free(compiled);
        diagnostics_clear(diagnostics);
        r = attempt(&all, input, diagnostics, &compiled);
    }
    if (r == 0)
        r = warn_of_lapsed(&all, diagnostics);
    if (r == 0 || r == -EBADMSG)
        *ret_compiled = TAKE_PTR(compiled);
    return r;
}

struct compiled *compiled_free(struct compiled *compiled)
{
    if (!compiled)
        return NULL;

    policy_free(compiled->outline);
    ruleset_free(compiled->isolation);
    ruleset_free(compiled->ruleset);
    diagram_free(compiled->diagram);
    policy_free(compiled->policy);
    sources_free(compiled->sources);
    free(compiled);
    return NULL;
}

size_t compiled_count_flows(const struct compiled *compiled)
{
    size_t n = 0;

    for (size_t i = 0; i < compiled->policy->n_flows; i++)
        n += !compiled->policy->flows[i].implicit;
    return n;
}

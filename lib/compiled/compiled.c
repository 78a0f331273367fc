/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The line from text to ruleset in one function: compiled_new(). A grant is a flow like any other:
 * its text is parsed after the texts of the policy, so that the same rules hold for it.
 */

#include "compiled/compiled.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policy/flow_state.h"
#include "ruleset/compile.h"
#include "ruleset/isolation.h"

/* Before the name of a grant in that of its text. */
#define GRANT_PREFIX "grant "

/* Where the policy is read from: the files of a path, or texts. */
struct texts {
    const char *path;          /* NULL: the texts */
    struct policy_text *texts; /* those of the policy, then those of grants */
    size_t n_texts;
    size_t n_policy; /* of the policy, borrowed; the names of grants' texts are owned */
};

static void texts_clear(struct texts *texts)
{
    for (size_t i = texts->n_policy; i < texts->n_texts; i++)
        free((char *)texts->texts[i].name);
    free(texts->texts);
}

static int texts_fill(struct texts *texts, const struct compiled_input *input)
{
    size_t n_overrides = input->overrides ? input->overrides->n_overrides : 0;

    texts->texts = calloc(input->n_texts + n_overrides + 1, sizeof(*texts->texts));
    if (!texts->texts)
        return -ENOMEM;
    for (size_t i = 0; i < input->n_texts; i++)
        texts->texts[i] = input->texts[i];
    texts->n_texts = texts->n_policy = input->n_texts;

    for (size_t i = 0; i < n_overrides; i++) {
        const struct override *override = &input->overrides->overrides[i];
        char *name;

        if (override->kind != OVERRIDE_GRANT || !override->text)
            continue;
        if (asprintf(&name, GRANT_PREFIX "%s", override->name) < 0)
            return -ENOMEM;
        texts->texts[texts->n_texts++] = (struct policy_text){
            .name = name,
            .text = override->text,
            .size = strlen(override->text),
            .expires = override->until,
        };
    }
    return 0;
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

static int check_ipsec(const char *missing, const struct policy *policy,
                       struct diagnostics *diagnostics)
{
    const struct zone *zone = missing ? policy_zone_with_ipsec(policy) : NULL;

    if (!zone)
        return 0;
    if (diagnostics_add(diagnostics, SEVERITY_ERROR, "kernel-lacks", zone->location,
                        "use a kernel with IPsec, or give the zone an interface of its own",
                        "zone `%s` requires IPsec: %s", zone->name, missing) < 0)
        return -ENOMEM;
    return -EBADMSG;
}

static int check_reject(const char *missing, const struct policy *policy,
                        struct diagnostics *diagnostics)
{
    const struct location *location = missing ? policy_first_reject(policy) : NULL;

    if (!location)
        return 0;
    if (diagnostics_add(diagnostics, SEVERITY_ERROR, "kernel-lacks", *location,
                        "use another kernel, or take `reject` out",
                        "the policy has refused packets answered: %s", missing) < 0)
        return -ENOMEM;
    return -EBADMSG;
}

/* What the policy asks for and the kernel lacks. */
static int check_kernel(const struct compiled_input *input, const struct policy *policy,
                        struct diagnostics *diagnostics)
{
    int r = check_sctp(input->sctp_missing, policy, diagnostics);

    if (r == 0)
        r = check_ipsec(input->ipsec_missing, policy, diagnostics);
    return r == 0 ? check_reject(input->reject_missing, policy, diagnostics) : r;
}

int compiled_isolate(struct compiled *compiled, const struct overrides *overrides)
{
    struct ruleset *isolation = NULL;
    int r = isolation_compile(compiled->outline, overrides, &isolation);

    if (r < 0)
        return r;
    ruleset_free(compiled->isolation);
    compiled->isolation = isolation;
    return 0;
}

static int compile_ruleset(struct compiled *compiled, const struct compiled_input *input,
                           const struct flow_states *states)
{
    const struct ruleset_options options = {
        .now = compiled->now,
        .overrides = input->overrides,
        .generation = input->generation,
        .rehearsal = input->rehearsal,
    };
    int r = ruleset_compile(compiled->diagram, &options, &compiled->ruleset);

    if (r == 0)
        r = policy_outline(compiled->policy, &compiled->outline);
    if (r == 0)
        r = compiled_isolate(compiled, input->overrides);
    if (r == 0)
        compiled->until = flow_states_until(states);
    return r;
}

/* The parts from the diagram on, as flows are at the instant. */
static int compile_policy(struct compiled *compiled, const struct compiled_input *input,
                          struct diagnostics *diagnostics)
{
    cleanup_(flow_states_freep) struct flow_states *states = NULL;
    int r = flow_states_new(compiled->policy, input->overrides, compiled->now, &states);

    if (r == 0)
        r = diagram_new(compiled->policy, states, diagnostics, &compiled->diagram);
    if (r == -E2BIG)
        r = -EBADMSG;
    if (r == 0)
        r = check_kernel(input, compiled->policy, diagnostics);
    if (r == 0 && input->last == COMPILED_RULESET)
        r = compile_ruleset(compiled, input, states);
    return r;
}

/* Makes the parts that the input asks for, one from the other. Returns as compiled_new(). */
static int attempt(const struct texts *texts, const struct compiled_input *input,
                   struct diagnostics *diagnostics, struct compiled **ret_compiled)
{
    cleanup_(compiled_freep) struct compiled *compiled = calloc(1, sizeof(*compiled));
    /* Whether a grant fits the policy is known from the diagram on. */
    bool wants_diagram = input->last != COMPILED_POLICY || texts->n_texts > texts->n_policy;
    struct arena *arena = texts->n_texts > texts->n_policy ? NULL : input->arena;
    int r;

    if (!compiled)
        return -ENOMEM;
    compiled->generation = input->generation;
    compiled->now = input->now;

    r = sources_new(&compiled->sources);
    if (r == 0 && texts->path)
        r = policy_read(texts->path, compiled->sources, diagnostics, &compiled->policy);
    else if (r == 0)
        r = policy_parse_texts_in(texts->texts, texts->n_texts, arena, compiled->sources,
                                  diagnostics, &compiled->policy);
    compiled->is_image = compiled->policy && arena;
    if (r == 0 && input->at) {
        assert(compiled->policy);
        r = wall_instant_find(input->at, compiled->policy->timezone, &compiled->now);
    }
    if (r == 0 && wants_diagram)
        r = compile_policy(compiled, input, diagnostics);
    else if (r == 0)
        r = check_kernel(input, compiled->policy, diagnostics);
    if (r == 0 || r == -EBADMSG)
        *ret_compiled = TAKE_PTR(compiled);
    return r;
}

/* Whether the first `n` texts make a policy. Returns 0, -EBADMSG or -errno. */
static int try_texts(const struct texts *texts, size_t n, const struct compiled_input *input)
{
    cleanup_(diagnostics_freep) struct diagnostics *ignored = NULL;
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    const struct texts some = {.texts = texts->texts, .n_texts = n};
    struct compiled_input judged = *input;
    int r = diagnostics_new(&ignored);

    judged.last = COMPILED_DIAGRAM;
    return r < 0 ? r : attempt(&some, &judged, ignored, &compiled);
}

static bool is_strict(const struct compiled_input *input, const struct policy_text *text)
{
    return input->strict && strcmp(text->name + strlen(GRANT_PREFIX), input->strict) == 0;
}

/* Leaves out each grant that does not fit the policy and the grants before it. Returns 0, with
 * a warning for each in place of what `diagnostics` had; -EBADMSG if the policy itself is wrong; or
 * -errno. */
static int leave_out_lapsed(struct texts *texts, const struct compiled_input *input,
                            struct diagnostics *diagnostics)
{
    int r = try_texts(texts, texts->n_policy, input);

    if (r < 0)
        return r;
    diagnostics_clear(diagnostics);
    for (size_t i = texts->n_policy; i < texts->n_texts;) {
        struct policy_text *text = &texts->texts[i];

        r = is_strict(input, text) ? 0 : try_texts(texts, i + 1, input);
        if (r == 0) {
            i++;
            continue;
        }
        if (r != -EBADMSG ||
            diagnostics_add(
                diagnostics, SEVERITY_WARNING, "grant-lapsed", (struct location){0},
                "it comes back with a policy that it fits; else revoke it, or grant it again in "
                "the words of this policy",
                "%s does not fit this policy and is left out", text->name) < 0)
            return r == -EBADMSG ? -ENOMEM : r;
        free((char *)text->name);
        memmove(text, text + 1, (--texts->n_texts - i) * sizeof(*text));
    }
    return 0;
}

int compiled_new(const struct compiled_input *input, struct diagnostics *diagnostics,
                 struct compiled **ret_compiled)
{
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    cleanup_(texts_clear) struct texts texts = {0};
    int r = texts_fill(&texts, input);

    if (r == 0)
        r = attempt(&texts, input, diagnostics, &compiled);
    if (r == -EBADMSG && texts.n_texts > texts.n_policy) {
        r = leave_out_lapsed(&texts, input, diagnostics);
        if (r == 0) {
            compiled = compiled_free(compiled);
            r = attempt(&texts, input, diagnostics, &compiled);
        }
    }
    if (r == 0 || r == -EBADMSG)
        *ret_compiled = TAKE_PTR(compiled);
    return r;
}

int compiled_read(const char *path, const struct compiled_input *input,
                  struct diagnostics *diagnostics, struct compiled **ret_compiled)
{
    return attempt(&(struct texts){.path = path}, input, diagnostics, ret_compiled);
}

int compiled_pack(const struct compiled *compiled, struct arena *arena, struct compiled *ret_packed)
{
    struct compiled packed = {
        .generation = compiled->generation,
        .now = compiled->now,
        .until = compiled->until,
    };
    int r = ruleset_pack(compiled->ruleset, arena, &packed.ruleset);

    if (r == 0)
        r = ruleset_pack(compiled->isolation, arena, &packed.isolation);
    if (r == 0)
        r = policy_outline_in(compiled->policy, arena, &packed.outline);
    if (r == 0)
        *ret_packed = packed;
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
    arena_free(compiled->arena);
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

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Why something passes or does not. The diagram decides, so that what is explained is what is
 * enforced; the flows are read only for the services at which the answer may change, so that each
 * range of ports with one answer is judged once.
 */

#include "answer/explain.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/compare.h"
#include "diagram/service_span.h"

/* The first services of what may have another answer than the service before it. */
struct borders {
    service_number *services;
    size_t n_services;
    size_t capacity;
};

static void borders_clear(struct borders *borders)
{
    free(borders->services);
}

static int borders_add(struct borders *borders, service_number service)
{
    return array_append(&borders->services, &borders->n_services, &borders->capacity, &service,
                        sizeof(service));
}

static bool ends_have_zone(const struct flow_end *ends, size_t n_ends, size_t zone)
{
    for (size_t i = 0; i < n_ends; i++) {
        if (ends[i].zone == zone)
            return true;
    }
    return false;
}

static int borders_add_flow(struct borders *borders, const struct policy *policy,
                            const struct flow *flow, enum family family)
{
    cleanup_(freep) struct service_span *spans = NULL;
    size_t n_spans;
    int r;

    r = service_spans_of_flow(policy, flow, family, &spans, &n_spans);
    for (size_t i = 0; r == 0 && i < n_spans; i++) {
        r = borders_add(borders, spans[i].first);
        if (r == 0)
            r = borders_add(borders, spans[i].last + 1);
    }
    return r;
}

static int compare_services(const void *a, const void *b)
{
    const service_number *x = a, *y = b;

    return COMPARE(*x, *y);
}

static bool asks_for_ranges(const struct asked *asked)
{
    for (size_t i = 0; i < asked->n_spans; i++) {
        if (asked->spans[i].first != asked->spans[i].last)
            return true;
    }
    return false;
}

static int borders_find(struct borders *borders, const struct policy *policy,
                        const struct asked *asked, enum family family)
{
    if (!asks_for_ranges(asked))
        return 0;

    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];
        int r;

        if (!flow->enabled || !ends_have_zone(flow->from, flow->n_from, asked->from.zone) ||
            !ends_have_zone(flow->to, flow->n_to, asked->to.zone))
            continue;

        r = borders_add_flow(borders, policy, flow, family);
        if (r < 0)
            return r;
    }

    if (borders->n_services > 1)
        qsort(borders->services, borders->n_services, sizeof(*borders->services), compare_services);
    return 0;
}

/* Appends an answer; one that is equal to the last extends that one instead. */
static int append_answer(struct explanation *explanation, size_t *capacity,
                         const struct answer *answer)
{
    struct answer *last =
        explanation->n_answers > 0 ? &explanation->answers[explanation->n_answers - 1] : NULL;

    if (last && last->span.last + 1 == answer->span.first && last->reason == answer->reason &&
        last->decision.flow == answer->decision.flow) {
        last->span.last = answer->span.last;
        return 0;
    }

    return array_append(&explanation->answers, &explanation->n_answers, capacity, answer,
                        sizeof(*answer));
}

/* The packets that are judged at one end. */
static struct isolation_end isolation_end_of(const struct asked_end *end, enum family family)
{
    return (struct isolation_end){
        .zone = end->has_zone ? end->zone : ZONE_GATEWAY,
        .has_address = true,
        .family = family,
        .address = end->address,
    };
}

/* What becomes of the packets that the flow owns. */
static void judge_flow(const struct explanation *explanation, const struct moment *moment,
                       const struct flow *flow, struct answer *answer)
{
    const struct asked *asked = &explanation->question->families[explanation->family];
    const struct isolation_end from = isolation_end_of(&asked->from, explanation->family);
    const struct isolation_end to = isolation_end_of(&asked->to, explanation->family);

    answer->state = moment_flow_state(moment, flow);
    if (answer->state == FLOW_STATE_SUSPENDED)
        answer->override = overrides_suspension_of(explanation->overrides, flow);
    else if (answer->state == FLOW_STATE_LIVE)
        answer->override = isolations_cut(moment->isolations, flow, &from, &to);
    if (answer->state != FLOW_STATE_LIVE)
        answer->reason = REASON_SUSPENDED;
    else if (answer->override)
        answer->reason = REASON_ISOLATED;
}

static struct answer judge(const struct explanation *explanation, struct service_span span,
                           const struct moment *moment)
{
    const struct asked *asked = &explanation->question->families[explanation->family];
    struct answer answer = {
        .span = span,
        .decision = {.flow = NO_FLOW, .class = NO_CLASS},
        .state = FLOW_STATE_LIVE,
    };

    if (!asked->from.has_zone) {
        answer.reason = REASON_SPOOFED;
        return answer;
    }
    if (explanation->unjudged)
        return answer;
    if (asked->to.has_zone)
        answer.decision = diagram_decide(explanation->diagram, &(struct packet){
                                                                   .from = asked->from.zone,
                                                                   .to = asked->to.zone,
                                                                   .family = explanation->family,
                                                                   .source = asked->from.address,
                                                                   .destination = asked->to.address,
                                                                   .service = span.first,
                                                               });

    if (answer.decision.flow == NO_FLOW)
        answer.reason = REASON_NO_FLOW;
    else
        judge_flow(explanation, moment, &moment->policy->flows[answer.decision.flow], &answer);
    return answer;
}

static int answer_span(struct explanation *explanation, const struct borders *borders,
                       struct service_span asked, const struct moment *moment, size_t *capacity)
{
    service_number first = asked.first;
    size_t i = 0;

    for (;;) {
        struct answer answer;
        int r;

        while (i < borders->n_services && borders->services[i] <= first)
            i++;
        answer = judge(explanation, (struct service_span){first, asked.last}, moment);
        if (i < borders->n_services && borders->services[i] <= asked.last)
            answer.span.last = borders->services[i] - 1;

        r = append_answer(explanation, capacity, &answer);
        if (r < 0)
            return r;
        if (answer.span.last == asked.last)
            return 0;
        first = answer.span.last + 1;
    }
}

static int answer_all(struct explanation *explanation, const struct moment *moment)
{
    const struct asked *asked = &explanation->question->families[explanation->family];
    cleanup_(borders_clear) struct borders borders = {0};
    size_t capacity = 0;
    int r;

    r = borders_find(&borders, explanation->diagram->policy, asked, explanation->family);
    for (size_t i = 0; r == 0 && i < asked->n_spans; i++)
        r = answer_span(explanation, &borders, asked->spans[i], moment, &capacity);
    return r;
}

/*
 * How far an answer reaches. A question about a group or a zone is about all of it, but only one of
 * its addresses is judged. So the flows are read for one that decides otherwise for another part of
 * what was named.
 */
struct scope {
    const struct question *question;
    const struct asked *asked;
    enum family family;
    struct service_span span;
};

/* What a flow has of what was named. */
enum reach {
    REACHES_NOTHING,
    REACHES_PART,
    REACHES_ALL,
};

static int reach_services(const struct scope *scope, const struct flow *flow, bool *ret_reaches)
{
    cleanup_(freep) struct service_span *spans = NULL;
    size_t n_spans;
    int r;

    r = service_spans_of_flow(scope->question->policy, flow, scope->family, &spans, &n_spans);
    if (r < 0)
        return r;

    *ret_reaches = false;
    for (size_t i = 0; i < n_spans; i++)
        *ret_reaches = *ret_reaches ||
                       (spans[i].first <= scope->span.last && scope->span.first <= spans[i].last);
    return 0;
}

static int reach_end(const struct scope *scope, const struct flow *flow, bool is_source,
                     const struct asked_end *asked, size_t other_zone, enum reach *ret_reach)
{
    const struct flow_end *ends = is_source ? flow->from : flow->to;
    size_t n_ends = is_source ? flow->n_from : flow->n_to;

    *ret_reach = REACHES_NOTHING;
    for (size_t i = 0; i < n_ends; i++) {
        cleanup_(range_set_clear) struct range_set addresses = {0};
        int r;

        if (!asked->has_zone || ends[i].zone != asked->zone)
            continue;

        r = policy_end_addresses(scope->question->policy, flow, &ends[i], is_source, other_zone,
                                 scope->family, &addresses);
        if (r < 0)
            return r;

        if (range_set_includes(&addresses, &asked->addresses))
            *ret_reach = REACHES_ALL;
        else if (range_set_overlaps(&addresses, &asked->addresses))
            *ret_reach = REACHES_PART;
    }
    return 0;
}

static int reach(const struct scope *scope, const struct flow *flow, enum reach *ret_reach)
{
    const struct asked_end *from = &scope->asked->from, *to = &scope->asked->to;
    enum reach source, destination = REACHES_NOTHING;
    bool services = false;
    int r;

    r = reach_end(scope, flow, true, from, to->zone, &source);
    if (r == 0 && source != REACHES_NOTHING)
        r = reach_end(scope, flow, false, to, from->zone, &destination);
    if (r == 0 && destination != REACHES_NOTHING)
        r = reach_services(scope, flow, &services);
    if (r < 0)
        return r;

    /* The owner of the services has all of them; of others a part is enough to answer otherwise. */
    *ret_reach = REACHES_NOTHING;
    if (services)
        *ret_reach = source < destination ? source : destination;
    return 0;
}

static bool names_many(const struct asked_end *end)
{
    return end->kind != ASKED_GATEWAY && range_set_size(&end->addresses) > 1;
}

static bool passes(const struct scope *scope, const struct moment *moment, const struct flow *flow)
{
    return moment_passes(moment, flow, scope->asked->from.zone, scope->asked->to.zone);
}

/* Whether the first of two flows owns what both cover. */
static bool comes_before(const struct moment *moment, const struct flow *a, const struct flow *b)
{
    enum flow_rank rank_a = flow_states_rank(moment->states, a);
    enum flow_rank rank_b = flow_states_rank(moment->states, b);

    return rank_a == rank_b ? a < b : rank_a < rank_b;
}

/*
 * A verdict is given for one address of each end. Whether it holds for all that was named there:
 * for services `span`, of which `owner` (or NO_FLOW) owns each at the addresses judged.
 *
 * Writes false also where it holds only because several flows together cover what was named.
 * Returns 0 or -ENOMEM.
 */
static int scope_is_whole(const struct question *question, enum family family,
                          struct service_span span, uint32_t owner, const struct moment *moment,
                          bool *ret_whole)
{
    const struct scope scope = {question, &question->families[family], family, span};
    const struct policy *policy = question->policy;
    const struct flow *last = owner == NO_FLOW ? NULL : &policy->flows[owner];
    bool allowed = last && passes(&scope, moment, last);
    bool whole = true;

    if (!names_many(&scope.asked->from) && !names_many(&scope.asked->to)) {
        *ret_whole = true;
        return 0;
    }

    for (uint32_t i = 0; whole && i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];
        enum reach reaches;
        int r;

        assert(flow);
        if (!flow->enabled || (last && comes_before(moment, last, flow)))
            continue;
        r = reach(&scope, flow, &reaches);
        if (r < 0)
            return r;

        if (i == owner)
            whole = reaches == REACHES_ALL;
        else if (reaches != REACHES_NOTHING && passes(&scope, moment, flow) != allowed)
            whole = false;
    }

    *ret_whole = whole;
    return 0;
}

static bool is_unjudged(const struct policy *policy, const struct asked *asked)
{
    bool from = asked_is_gateway(&asked->from), to = asked_is_gateway(&asked->to);

    return (from && to) || ((from || to) && !policy->gateway_protect);
}

/* The steps of a search for the next opening: each goes at least to the next hour or midnight that
 * changes something, or over weeks. */
#define OPENING_STEPS_MAX 8

/* When the flow opens next, USEC_NEVER where it ends before, or where no opening was found. */
static usec_t find_opening(const struct policy *policy, const struct flow *flow, usec_t now)
{
    usec_t instant = now;

    for (unsigned i = 0; i < OPENING_STEPS_MAX; i++) {
        usec_t until;
        bool open;

        if (schedule_window(flow->schedule, policy->timezone, instant, &open, &until) < 0)
            break;
        if (open)
            return instant;
        if (until >= flow->expires)
            break;
        instant = until;
    }
    return USEC_NEVER;
}

/* Fills what is reported of all answers together, and of the one that matters most. */
static int sum_up(struct explanation *explanation, const struct moment *moment, usec_t now)
{
    const struct question *question = explanation->question;
    const struct answer *main;
    int r;

    explanation->opens = USEC_NEVER;
    explanation->allowed = true;
    explanation->whole = true;
    explanation->main = explanation->answers;
    for (size_t i = explanation->n_answers; i-- > 0;) {
        const struct answer *answer = &explanation->answers[i];

        if (answer->reason != REASON_NONE) {
            explanation->allowed = false;
            explanation->main = answer;
        }
        if (!explanation->whole || explanation->unjudged)
            continue;
        r = scope_is_whole(question, explanation->family, answer->span, answer->decision.flow,
                           moment, &explanation->whole);
        if (r < 0)
            return r;
    }

    main = explanation->main;
    assert(main);
    if (main->state == FLOW_STATE_CLOSED)
        explanation->opens =
            find_opening(moment->policy, &moment->policy->flows[main->decision.flow], now);
    /* No other flow leads into or out of an isolated zone. */
    if (explanation->allowed || main->reason == REASON_ISOLATED)
        return 0;
    return nearest_find(question, explanation->family, main->span.first, main->decision.flow,
                        moment, explanation->nearest, &explanation->n_nearest);
}

static void find_isolations(struct explanation *explanation, const struct moment *moment)
{
    const struct asked *asked = &explanation->question->families[explanation->family];
    const struct asked_end *ends[] = {&asked->from, &asked->to};

    for (size_t i = 0; i < ELEMENTS_OF(ends); i++) {
        struct isolation_end end = isolation_end_of(ends[i], explanation->family);

        explanation->isolations[i] = isolations_of(moment->isolations, &end);
    }
}

int explanation_new(const struct diagram *diagram, const struct overrides *overrides,
                    const struct question *question, enum family family, usec_t now,
                    struct explanation **ret_explanation)
{
    cleanup_(explanation_freep) struct explanation *explanation = NULL;
    cleanup_(moment_clear) struct moment moment = {0};
    int r;

    r = moment_init(&moment, diagram->policy, overrides, now);
    if (r < 0)
        return r;

    explanation = calloc(1, sizeof(*explanation));
    if (!explanation)
        return -ENOMEM;

    explanation->diagram = diagram;
    explanation->question = question;
    explanation->overrides = overrides;
    explanation->family = family;
    explanation->unjudged = is_unjudged(diagram->policy, &question->families[family]);
    r = answer_all(explanation, &moment);
    if (r < 0)
        return r;

    r = sum_up(explanation, &moment, now);
    if (r < 0)
        return r;
    find_isolations(explanation, &moment);

    *ret_explanation = TAKE_PTR(explanation);
    return 0;
}

struct explanation *explanation_free(struct explanation *explanation)
{
    if (!explanation)
        return NULL;

    free(explanation->answers);
    free(explanation);
    return NULL;
}

const struct override *explanation_override(const struct explanation *explanation)
{
    return explanation->main->override;
}

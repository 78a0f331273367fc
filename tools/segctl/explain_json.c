/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An explanation for programs. Dates are ISO whatever the locale, and every key is always there;
 * null if there is nothing to say.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "explain.h"
#include "words.h"

static const char *family_word(enum family family)
{
    return family == FAMILY_IPV4 ? "ipv4" : "ipv6";
}

static const char *verdict(bool allowed)
{
    return allowed ? "allow" : "deny";
}

/* The text of a span, a new reference. */
static json_t *span_to_json(enum family family, struct service_span span)
{
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    words_span(stream, family, span);
    return fclose(stream) == 0 ? json_string(text) : NULL;
}

static const char *flow_name(const struct explained *explained, uint32_t flow)
{
    return flow == NO_FLOW ? NULL : explained->question->policy->flows[flow].name;
}

static json_t *end_to_json(const struct explained *explained, enum family family, const char *text,
                           const struct asked_end *end)
{
    const struct policy *policy = explained->question->policy;
    char address[ADDRESS_TEXT_MAX];
    bool has_address = end->kind != ASKED_GATEWAY;

    if (has_address)
        address_format(family, end->address, address);
    return json_pack("{s:s, s:s?, s:s?, s:s?, s:s?}", "text", text, "address",
                     has_address ? address : NULL, "host", end->host ? end->host->name : NULL,
                     "zone", end->has_zone ? policy_zone_name(policy, end->zone) : NULL, "label",
                     end->has_zone ? policy_zone_label(policy, end->zone) : NULL);
}

static json_t *answer_to_json(const struct explained *explained,
                              const struct explanation *explanation, const struct answer *answer)
{
    return json_pack(
        "{s:o, s:s, s:s?, s:s?}", "service", span_to_json(explanation->family, answer->span),
        "verdict", verdict(answer->reason == REASON_NONE), "flow",
        flow_name(explained, answer->decision.flow), "reason", reason_to_string(answer->reason));
}

static json_t *answers_to_json(const struct explained *explained)
{
    const struct explanation *explanation = explained->explanation;
    json_t *array = json_array();

    for (size_t i = 0; i < explanation->n_answers; i++)
        array =
            append_json(array, answer_to_json(explained, explanation, &explanation->answers[i]));
    return array;
}

/* A date, or null. */
static json_t *date_to_json(bool has_date, struct date date)
{
    char text[DATE_TEXT_MAX];

    return has_date ? json_string(date_format_iso(date, text)) : json_null();
}

static json_t *instant_to_json(usec_t instant)
{
    char text[INSTANT_TEXT_MAX];

    return instant == USEC_NEVER ? json_null() : json_string(instant_format(instant, text));
}

/* The last day that the policy names, or the instant at which a grant ends. */
static json_t *expiry_to_json(const struct flow *flow)
{
    return flow->has_expires ? date_to_json(true, flow->expires_date)
                             : instant_to_json(flow->expires);
}

static json_t *hours_to_json(const struct flow *flow)
{
    char text[HOURS_MAX];

    return flow->schedule ? json_string(words_hours(flow->schedule, text)) : json_null();
}

static json_t *override_to_json(const struct override *override)
{
    if (!override)
        return json_null();
    return json_pack("{s:s, s:s, s:s?, s:s?, s:o, s:o}", "kind",
                     override_kind_to_string(override->kind), "name", override->name, "who",
                     override->who, "reason", override->reason, "since",
                     instant_to_json(override->since), "until", instant_to_json(override->until));
}

static json_t *approval_to_json(const struct flow *flow)
{
    const struct approval *approval = &flow->approval;

    if (!flow->has_approval)
        return json_null();
    return json_pack("{s:s?, s:s?, s:s?, s:o}", "number", approval->number, "requester",
                     approval->requester, "approver", approval->approver, "date",
                     date_to_json(approval->has_date, approval->date));
}

/* What the policy says of the flow, or nulls if no flow owns the packet. */
static json_t *details_to_json(const struct explained *explained)
{
    uint32_t index = explained->explanation->main->decision.flow;
    const struct flow *flow;

    if (index == NO_FLOW)
        return json_pack("{s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "label", "file",
                         "line", "approval", "purpose", "expires", "schedule", "standing", "opens",
                         "override");

    flow = &explained->question->policy->flows[index];
    return json_pack("{s:s, s:s, s:i, s:o, s:s?, s:o, s:o, s:s, s:o, s:o}", "label", flow->label,
                     "file", sources_name(explained->sources, flow->location.source), "line",
                     (int)flow->location.line, "approval", approval_to_json(flow), "purpose",
                     flow->purpose, "expires", expiry_to_json(flow), "schedule",
                     hours_to_json(flow), "standing",
                     flow_state_to_string(explained->explanation->main->state), "opens",
                     instant_to_json(explained->explanation->opens), "override",
                     override_to_json(explanation_override(explained->explanation)));
}

static const char *const table_words[] = {
    [DECIDED_BY_NONE] = NULL,
    [DECIDED_BY_EXACT] = "exact",
    [DECIDED_BY_POOL] = "pool",
    [DECIDED_BY_CLASS_EXACT] = "class-exact",
    [DECIDED_BY_CLASS_RANGES] = "class-ranges",
};

static const char *segment_name(const struct policy *policy, size_t segment)
{
    return segment == ZONE_GATEWAY ? "gateway" : policy->segments[segment].name;
}

/* How the diagram decided; null if it has no pair of the two zones. */
static json_t *path_to_json(const struct explained *explained)
{
    const struct policy *policy = explained->question->policy;
    const struct decision *decision = &explained->explanation->main->decision;
    const struct pair *pair = decision->pair;
    char source[ADDRESS_TEXT_MAX];
    bool has_class = decision->class != NO_CLASS;

    if (!pair)
        return json_null();

    if (has_class)
        address_format(pair->family, pair->classes[decision->class].first_source, source);
    return json_pack("{s:s, s:s, s:s?, s:s?, s:i}", "from", segment_name(policy, pair->from), "to",
                     segment_name(policy, pair->to), "table", table_words[decision->by], "class",
                     has_class ? source : NULL, "parents", (int)decision->links);
}

static json_t *nearest_to_json(const struct explained *explained)
{
    const struct explanation *explanation = explained->explanation;
    json_t *array = json_array();

    for (size_t i = 0; i < explanation->n_nearest; i++) {
        const struct near_flow *near = &explanation->nearest[i];
        const struct flow *flow = &explained->question->policy->flows[near->flow];
        json_t *object = json_pack("{s:s, s:s, s:b, s:s, s:i}", "flow", flow->name, "relation",
                                   nearness_to_string(near->nearness), "live", near->live, "file",
                                   sources_name(explained->sources, flow->location.source), "line",
                                   (int)flow->location.line);

        array = append_json(array, object);
    }
    return array;
}

static json_t *other_to_json(const struct explained *explained)
{
    const struct explanation *other = explained->other;

    if (!other)
        return json_null();
    return json_pack("{s:s, s:s, s:s?, s:s?}", "family", family_word(other->family), "verdict",
                     verdict(other->allowed), "flow",
                     flow_name(explained, other->main->decision.flow), "reason",
                     reason_to_string(other->main->reason));
}

static json_t *others_to_json(const struct explained *explained)
{
    json_t *array = json_array();

    for (size_t i = 0; i < explained->others.n_chains; i++) {
        const struct other_chain *other = &explained->others.chains[i];

        array = append_json(array, json_pack("{s:s, s:s, s:s}", "table", other->table, "chain",
                                             other->chain, "message", other->message));
    }
    return array;
}

json_t *explain_to_json(const struct explained *explained)
{
    const struct explanation *explanation = explained->explanation;
    const struct asked *asked = &explained->question->families[explanation->family];
    json_t *object, *details;

    object = json_pack(
        "{s:s, s:s?, s:s?, s:s, s:b, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "verdict",
        verdict(explanation->allowed), "flow",
        flow_name(explained, explanation->main->decision.flow), "reason",
        reason_to_string(explanation->main->reason), "family", family_word(explanation->family),
        "whole", explanation->whole, "from",
        end_to_json(explained, explanation->family, explained->question->from, &asked->from), "to",
        end_to_json(explained, explanation->family, explained->question->to, &asked->to), "service",
        explained->question->service, "answers", answers_to_json(explained), "path",
        path_to_json(explained), "nearest", nearest_to_json(explained), "other_family",
        other_to_json(explained), "others", others_to_json(explained));
    details = details_to_json(explained);
    if (object && json_object_update(object, details) < 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(details);
    return object;
}

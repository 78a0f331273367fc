/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The flows nearest to what was refused, in words: what each shares with it, and in what it
 * differs.
 */

#include <stdio.h>

#include "explain.h"
#include "words.h"

static const struct policy *policy_of(const struct explained *explained)
{
    return explained->question->policy;
}

/* `https (tcp/443) from a to b` */
static void print_content(const struct policy *policy, const struct flow *flow)
{
    words_services(stdout, policy, flow);
    fputs(" from ", stdout);
    words_ends(stdout, policy, flow->from_names, flow->n_from_names);
    fputs(" to ", stdout);
    words_ends(stdout, policy, flow->to_names, flow->n_to_names);
}

/* Why the flow that owns what was asked for does not pass it: "the flow that …". */
static const char *owner_word(enum flow_state state)
{
    switch (state) {
    case FLOW_STATE_EXPIRED:
        return "has expired";
    case FLOW_STATE_SUSPENDED:
        return "is suspended";
    case FLOW_STATE_CLOSED:
        return "is outside its hours";
    case FLOW_STATE_LIVE:
    case FLOW_STATE_DISABLED:
        break;
    }
    return "owns it";
}

static void print_nearness(const struct explained *explained, const struct near_flow *near)
{
    const struct asked *asked = &explained->question->families[explained->explanation->family];
    const struct policy *policy = policy_of(explained);
    const struct flow *flow = &policy->flows[near->flow];

    switch (near->nearness) {
    case NEAR_DISABLED:
        fputs("would allow it, but it is disabled", stdout);
        return;
    case NEAR_BEHIND:
        printf("would allow it, but the flow that %s comes first and owns it",
               owner_word(explained->explanation->main->state));
        return;
    case NEAR_PART:
        fputs("allows a part: ", stdout);
        print_content(policy, flow);
        return;
    case NEAR_SERVICE:
        if (explain_names_many(&asked->from) || explain_names_many(&asked->to)) {
            fputs("between parts of them: ", stdout);
            print_content(policy, flow);
            return;
        }
        fputs("same source and destination, but only ", stdout);
        words_services(stdout, policy, flow);
        return;
    case NEAR_REVERSED:
        fputs("the reverse direction is approved, connections are opened by ", stdout);
        words_ends(stdout, policy, flow->from_names, flow->n_from_names);
        fputs(": ", stdout);
        words_services(stdout, policy, flow);
        return;
    case NEAR_DESTINATION:
        fputs("same source and service, but to ", stdout);
        words_ends(stdout, policy, flow->to_names, flow->n_to_names);
        return;
    case NEAR_SOURCE:
        fputs("same destination and service, but from ", stdout);
        words_ends(stdout, policy, flow->from_names, flow->n_from_names);
        return;
    case NEAR_ZONES:
        fputs("same zones: ", stdout);
        print_content(policy, flow);
        return;
    }
}

void explain_print_nearest(const struct explained *explained)
{
    const struct explanation *explanation = explained->explanation;

    for (size_t i = 0; i < explanation->n_nearest; i++) {
        const struct near_flow *near = &explanation->nearest[i];
        const struct flow *flow = &policy_of(explained)->flows[near->flow];

        explain_field(i == 0 ? "nearest" : "");
        words_name(stdout, flow->name, flow->label);
        fputs("  ", stdout);
        words_place(stdout, explained->sources, flow->location);
        printf("\n  %*s  ", EXPLAIN_FIELD_WIDTH, "");
        print_nearness(explained, near);
        if (!near->live && near->nearness != NEAR_DISABLED)
            printf(" (%s)", words_hindrance(near->state));
        putchar('\n');
    }
}

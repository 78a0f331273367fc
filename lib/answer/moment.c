/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Whether a flow passes, in the order in which the kernel checks it: first whether the flow is
 * live, then whether one of the two zones is isolated.
 */

#include "answer/moment.h"

int moment_init(struct moment *moment, const struct policy *policy,
                const struct overrides *overrides, usec_t now)
{
    int r = isolations_new(overrides, policy, &moment->isolations);

    moment->policy = policy;
    return r < 0 ? r : flow_states_new(policy, overrides, now, &moment->states);
}

void moment_clear(struct moment *moment)
{
    flow_states_free(moment->states);
    isolations_free(moment->isolations);
    *moment = (struct moment){0};
}

enum flow_state moment_flow_state(const struct moment *moment, const struct flow *flow)
{
    return flow_states_of(moment->states, flow, NULL);
}

bool moment_passes(const struct moment *moment, const struct flow *flow, size_t from, size_t to)
{
    return moment_flow_state(moment, flow) == FLOW_STATE_LIVE &&
           !isolations_cut(moment->isolations, flow, &(struct isolation_end){.zone = from},
                           &(struct isolation_end){.zone = to});
}

bool moment_passes_somewhere(const struct moment *moment, const struct flow *flow)
{
    for (size_t i = 0; i < flow->n_from; i++) {
        for (size_t j = 0; j < flow->n_to; j++) {
            if (moment_passes(moment, flow, flow->from[i].zone, flow->to[j].zone))
                return true;
        }
    }
    return false;
}

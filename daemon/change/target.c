/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a change is to make enforced, from the present state on. */

#include "daemon/change/target.h"

#include <jansson.h>

#include "daemon/change/kept.h"

int target_begin(const struct gateway *gateway, const struct actor *actor, const char *action,
                 struct target *ret_target)
{
    *ret_target = (struct target){.actor = *actor, .action = action};
    return state_copy(&gateway->state, &ret_target->state);
}

void target_clear(struct target *target)
{
    json_decref(target->detail);
    if (!target->borrows_texts)
        policy_texts_clear(&target->texts);
    generation_clear(&target->generation);
    state_clear(&target->state);
}

int target_read_enforced(struct gateway *gateway, struct target *target, struct outcome *outcome)
{
    target->content = TARGET_POLICY;
    if (gateway->current.number > 0) {
        int r = generation_copy(&gateway->current, &target->generation);

        return r < 0 ? r
                     : kept_read_policy(gateway, &gateway->current, outcome, &target->texts, NULL);
    }
    return policy_texts_copy(&gateway->unkept, &target->texts);
}

struct compiled_input target_input(const struct target *target, const struct overrides *overrides)
{
    return (struct compiled_input){
        .texts = target->texts.texts,
        .n_texts = target->texts.n_texts,
        .overrides = overrides,
        .generation = target->generation.number,
        .strict = target->needs_grant ? target->object : NULL,
    };
}

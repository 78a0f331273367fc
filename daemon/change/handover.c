/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Rulesets and the outline are packed in a shared arena each time they are to be enforced together.
 * They stay there. So does the policy, if it is of the texts alone, in an arena of its own: nobody
 * here reads it, but workers do later, in place of the text. What is small goes over as texts:
 * records of the state and of the generation, as they are written to the disk. The texts of the
 * policy are on the disk already (generations_stage).
 */

#include "daemon/change/handover.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_list.h"
#include "daemon/change/commit.h"
#include "daemon/change/happened.h"
#include "daemon/step.h"

/* What the child leaves beside rulesets. */
struct handed {
    /* Of the target. */
    enum target_content content;
    bool closes, is_held, is_new, is_chosen, keeps_state;
    uint64_t stage;
    struct actor actor;
    const char *action, *object, *reason;    /* or NULL */
    const char *detail, *generation, *state; /* records; `detail` or NULL */
    struct confirmation confirmation;        /* with what no file holds */
    /* Of what was prepared. */
    bool has_compiled, has_first;
    struct compiled compiled, first;
    const struct policy *image; /* or NULL */
    uint32_t *reused;
    size_t n_reused;
    struct agenda agenda;
    const char **unnamed, **renamed;
    size_t n_unnamed, n_renamed;
    /* What came of it. */
    int result;
    enum outcome_kind kind;
    char message[sizeof(((struct outcome *)NULL)->message)];
    struct location refused;
};

struct handover {
    struct gateway *gateway;
    struct arena *arena; /* of `handed` and what it points to, but for rulesets and outlines */
    struct handed *handed;
    /* Each goes to the gateway with what is committed from it. */
    struct arena *compiled, *first;
    struct arena *image; /* NULL: the policy is not kept */
    uint64_t stage;
    uint64_t n_commits; /* when the child was made */
    handover_ask ask;   /* of the child */
    void *userdata;
};

int handover_new(struct gateway *gateway, struct handover **ret_handover)
{
    cleanup_(handover_freep) struct handover *handover = calloc(1, sizeof(*handover));
    int r = handover ? arena_new_shared(HANDOVER_MAX, &handover->arena) : -ENOMEM;

    if (r == 0)
        r = arena_new_shared(HANDOVER_MAX, &handover->compiled);
    if (r == 0)
        r = arena_new_shared(HANDOVER_MAX, &handover->first);
    if (r < 0)
        return r;
    /* If it cannot be had, whoever wants the policy parses the text again. */
    if (arena_new_filed(gateway->state_directory, HANDOVER_MAX, &handover->image) < 0 &&
        arena_new_shared(HANDOVER_MAX, &handover->image) < 0)
        handover->image = NULL;
    handover->gateway = gateway;
    handover->stage = ++gateway->n_handovers;
    handover->n_commits = gateway->n_commits;
    handover->handed = arena_allocate(handover->arena, sizeof(*handover->handed));
    *ret_handover = TAKE_PTR(handover);
    return 0;
}

struct handover *handover_free(struct handover *handover)
{
    if (!handover)
        return NULL;
    if (handover->gateway && handover->gateway->generations)
        generations_unstage(handover->gateway->generations, handover->stage);
    arena_free(handover->image);
    arena_free(handover->first);
    arena_free(handover->compiled);
    arena_free(handover->arena);
    free(handover);
    return NULL;
}

uint64_t handover_stage(const struct handover *handover)
{
    return handover ? handover->stage : 0;
}

struct arena *handover_image(const struct handover *handover)
{
    return handover ? handover->image : NULL;
}

/* In the child. */

void handover_enter(struct handover *handover, handover_ask ask, void *userdata)
{
    handover->gateway->handover = handover;
    handover->ask = ask;
    handover->userdata = userdata;
}

static int give_json(struct arena *arena, json_t *json, const char **ret_text)
{
    cleanup_(freep) char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    *ret_text = text ? arena_string(arena, text) : NULL;
    return *ret_text ? 0 : -ENOMEM;
}

static int give_record(struct arena *arena, const struct record_type *type, const void *record,
                       const char **ret_text)
{
    cleanup_(json_decrefp) json_t *json = record_encode(type, record, RECORD_DISK);

    return give_json(arena, json, ret_text);
}

static int give_target(struct arena *arena, const struct target *target, struct handed *handed)
{
    int r;

    handed->content = target->content;
    handed->closes = target->closes;
    handed->is_held = target->is_held;
    handed->is_new = target->is_new;
    handed->is_chosen = target->is_chosen;
    handed->keeps_state = target->keeps_state;
    handed->stage = target->stage;
    handed->actor = target->actor;
    handed->confirmation = target->state.confirmation;
    handed->action = target->action;
    handed->object = target->object;
    handed->reason = target->reason;
    r = arena_keep_string(arena, &handed->action);
    if (r == 0)
        r = arena_keep_string(arena, &handed->object);
    if (r == 0)
        r = arena_keep_string(arena, &handed->reason);
    if (r == 0 && target->detail)
        r = give_json(arena, target->detail, &handed->detail);
    if (r == 0)
        r = give_record(arena, &generation_type, &target->generation, &handed->generation);
    return r == 0 ? give_record(arena, &state_type, &target->state, &handed->state) : r;
}

static int give_agenda(struct arena *arena, const struct agenda *agenda, struct agenda *ret_given)
{
    *ret_given = *agenda;
    ret_given->expiring =
        arena_copy(arena, agenda->expiring, agenda->n_expiring * sizeof(*agenda->expiring));
    if (!ret_given->expiring)
        return -ENOMEM;
    for (size_t i = 0; i < agenda->n_expiring; i++) {
        struct expiring *expiring = &ret_given->expiring[i];

        if (arena_keep_string(arena, (const char **)&expiring->name) < 0 ||
            arena_keep_string(arena, (const char **)&expiring->label) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int give_texts(struct arena *arena, char *const *texts, size_t n, const char ***ret_given)
{
    *ret_given = arena_copy(arena, texts, n * sizeof(*texts));
    if (!*ret_given)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (arena_keep_string(arena, &(*ret_given)[i]) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int give_prepared(struct handover *handover, const struct prepared *prepared,
                         struct handed *handed)
{
    struct arena *arena = handover->arena;
    int r = compiled_pack(prepared->compiled, handover->compiled, &handed->compiled);

    handed->has_compiled = true;
    handed->image = prepared->compiled->is_image ? prepared->compiled->policy : NULL;
    if (r == 0 && prepared->first) {
        handed->has_first = true;
        r = compiled_pack(prepared->first, handover->first, &handed->first);
    }
    if (r == 0)
        r = give_agenda(arena, &prepared->agenda, &handed->agenda);
    if (r == 0)
        r = give_texts(arena, prepared->unnamed, prepared->n_unnamed, &handed->unnamed);
    if (r == 0)
        r = give_texts(arena, prepared->renamed, prepared->n_renamed, &handed->renamed);
    if (r < 0)
        return r;
    handed->n_unnamed = prepared->n_unnamed;
    handed->n_renamed = prepared->n_renamed;
    handed->n_reused = prepared->n_reused;
    handed->reused =
        arena_copy(arena, prepared->reused, prepared->n_reused * sizeof(*prepared->reused));
    return handed->reused ? 0 : -ENOMEM;
}

/* The child answers as the daemon would: from what is enforced now. */
static void note(struct gateway *gateway, struct target *target)
{
    if (target->content == TARGET_POLICY) {
        generation_clear(&gateway->current);
        gateway->current = target->generation;
        gateway->current.outcome = GENERATION_APPLIED;
        target->generation = (struct generation){0};
    }
    state_clear(&gateway->state);
    gateway->state = target->state;
    target->state = (struct state){0};
}

int handover_give(struct gateway *gateway, struct target *target, struct prepared *prepared,
                  struct outcome *outcome)
{
    struct handover *handover = gateway->handover;
    struct handed *handed = handover->handed;
    int r =
        target->is_new || !prepared->compiled ? 0 : happened_something(gateway, prepared->compiled);

    /* What time did is told from the policy. */
    if (r > 0)
        return -EAGAIN;
    if (r == 0)
        r = give_target(handover->arena, target, handed);
    if (r == 0 && prepared->compiled)
        r = give_prepared(handover, prepared, handed);
    if (r < 0)
        return r;
    step_reached("prepared");
    r = handover->ask(handover->userdata);
    if (r < 0)
        return r;

    if (handed->result == 0)
        note(gateway, target);
    outcome->kind = handed->kind;
    outcome->refused = handed->refused;
    strcpy(outcome->message, handed->message);
    return handed->result;
}

/* In the daemon. */

static int take_record(const struct record_type *type, const char *text, void *ret_record)
{
    cleanup_(json_decrefp) json_t *json = json_loads(text, 0, NULL);
    struct record_problem problem;

    return json ? record_decode(type, json, RECORD_DISK, ret_record, &problem) : -ENOMEM;
}

static int take_target(const struct handed *handed, struct target *target)
{
    int r = 0;

    *target = (struct target){
        .content = handed->content,
        .closes = handed->closes,
        .is_held = handed->is_held,
        .is_new = handed->is_new,
        .is_chosen = handed->is_chosen,
        .keeps_state = handed->keeps_state,
        .stage = handed->stage,
        .actor = handed->actor,
        .action = handed->action,
        .object = handed->object,
        .reason = handed->reason,
    };
    if (handed->detail && !(target->detail = json_loads(handed->detail, 0, NULL)))
        return -ENOMEM;
    if (handed->content == TARGET_POLICY)
        r = take_record(&generation_type, handed->generation, &target->generation);
    if (r == 0)
        r = take_record(&state_type, handed->state, &target->state);
    if (handed->is_new)
        target->generation.actor = handed->actor;
    target->state.confirmation = handed->confirmation;
    return r;
}

/* What was compiled goes with its arena, in which nobody writes any more. */
static int take_compiled(const struct compiled *handed, struct arena **arena,
                         struct compiled **ret_compiled)
{
    struct compiled *compiled = malloc(sizeof(*compiled));
    int r = compiled ? arena_protect(*arena) : -ENOMEM;

    if (r < 0) {
        free(compiled);
        return r;
    }
    *compiled = *handed;
    compiled->arena = TAKE_PTR(*arena);
    *ret_compiled = compiled;
    return 0;
}

static int take_agenda(const struct agenda *handed, struct agenda *agenda)
{
    *agenda = *handed;
    agenda->n_expiring = 0;
    agenda->expiring = calloc(handed->n_expiring + 1, sizeof(*agenda->expiring));
    for (size_t i = 0; agenda->expiring && i < handed->n_expiring; i++) {
        struct expiring *expiring = &agenda->expiring[agenda->n_expiring];

        *expiring = handed->expiring[i];
        expiring->name = strdup(handed->expiring[i].name);
        expiring->label = strdup(handed->expiring[i].label);
        agenda->n_expiring++;
        if (!expiring->name || !expiring->label)
            return -ENOMEM;
    }
    return agenda->expiring ? 0 : -ENOMEM;
}

static int take_prepared(struct handover *handover, struct prepared *prepared)
{
    const struct handed *handed = handover->handed;
    int r = take_agenda(&handed->agenda, &prepared->agenda);

    for (size_t i = 0; r == 0 && i < handed->n_unnamed; i++)
        r = text_list_add(&prepared->unnamed, &prepared->n_unnamed, handed->unnamed[i]);
    for (size_t i = 0; r == 0 && i < handed->n_renamed; i++)
        r = text_list_add(&prepared->renamed, &prepared->n_renamed, handed->renamed[i]);
    if (r == 0 && handed->n_reused > 0) {
        prepared->reused = malloc(handed->n_reused * sizeof(*prepared->reused));
        if (!prepared->reused)
            return -ENOMEM;
        memcpy(prepared->reused, handed->reused, handed->n_reused * sizeof(*prepared->reused));
        prepared->n_reused = handed->n_reused;
    }
    if (r == 0 && handed->image) {
        r = arena_protect(handover->image);
        if (r < 0)
            return r;
        prepared->image = (struct policy_image){TAKE_PTR(handover->image), handed->image};
    }
    if (r == 0 && handed->has_first)
        r = take_compiled(&handed->first, &handover->first, &prepared->first);
    return r == 0 ? take_compiled(&handed->compiled, &handover->compiled, &prepared->compiled) : r;
}

static int take_and_commit(struct handover *handover, struct outcome *outcome)
{
    const struct handed *handed = handover->handed;
    cleanup_(prepared_clear) struct prepared prepared = {0};
    cleanup_(target_clear) struct target target = {0};
    int r = take_target(handed, &target);

    if (r == 0 && handed->has_compiled)
        r = take_prepared(handover, &prepared);
    if (r == 0)
        r = commit_run(handover->gateway, &target, &prepared, outcome);
    return r;
}

int handover_commit(struct handover *handover, struct outcome *outcome)
{
    struct handed *handed = handover->handed;

    if (handover->gateway->n_commits != handover->n_commits)
        return -ESTALE;
    handed->result = take_and_commit(handover, outcome);
    handed->kind = outcome->kind;
    handed->refused = outcome->refused;
    memcpy(handed->message, outcome->message, sizeof(handed->message));
    return handed->result;
}

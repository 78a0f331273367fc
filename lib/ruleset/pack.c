/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A copy of a ruleset in one piece of memory, with what it points to and without room to grow. */

#include <errno.h>
#include <string.h>

#include "ruleset/ruleset.h"

static int pack_element(struct arena *arena, const struct set *set, struct element *element)
{
    element->key = arena_copy(arena, element->key, set->key_length);
    if (element->key && element->key_end) {
        element->key_end = arena_copy(arena, element->key_end, set->key_length);
        if (!element->key_end)
            return -ENOMEM;
    }
    if (!element->key || arena_keep_string(arena, &element->target) < 0)
        return -ENOMEM;
    return arena_keep_string(arena, &element->comment);
}

static int pack_set(struct arena *arena, struct set *set)
{
    set->elements = arena_copy(arena, set->elements, set->n_elements * sizeof(*set->elements));
    if (!set->elements || arena_keep_string(arena, &set->name) < 0)
        return -ENOMEM;
    set->capacity = set->n_elements;
    for (size_t i = 0; i < set->n_elements; i++) {
        if (pack_element(arena, set, &set->elements[i]) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int pack_rule(struct arena *arena, struct rule *rule)
{
    rule->statements =
        arena_copy(arena, rule->statements, rule->n_statements * sizeof(*rule->statements));
    if (!rule->statements)
        return -ENOMEM;
    for (size_t i = 0; i < rule->n_statements; i++) {
        if (arena_keep_string(arena, &rule->statements[i].object) < 0)
            return -ENOMEM;
    }
    return arena_keep_string(arena, &rule->foreign);
}

static int pack_chain(struct arena *arena, struct chain *chain)
{
    chain->rules = arena_copy(arena, chain->rules, chain->n_rules * sizeof(*chain->rules));
    if (!chain->rules || arena_keep_string(arena, &chain->name) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < chain->n_rules; i++) {
        if (pack_rule(arena, &chain->rules[i]) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Copies the arrays of objects, which still point to what the ruleset points to. */
static int copy_arrays(struct arena *arena, struct ruleset *packed)
{
    packed->sets = arena_copy(arena, packed->sets, packed->n_sets * sizeof(*packed->sets));
    packed->chains = arena_copy(arena, packed->chains, packed->n_chains * sizeof(*packed->chains));
    packed->counters =
        arena_copy(arena, packed->counters, packed->n_counters * sizeof(*packed->counters));
    packed->foreign =
        arena_copy(arena, packed->foreign, packed->n_foreign * sizeof(*packed->foreign));
    return packed->sets && packed->chains && packed->counters && packed->foreign ? 0 : -ENOMEM;
}

int ruleset_pack(const struct ruleset *ruleset, struct arena *arena, struct ruleset **ret_packed)
{
    struct ruleset *packed = arena_copy(arena, ruleset, sizeof(*ruleset));
    int r = packed ? 0 : -ENOMEM;

    if (r == 0) {
        packed->arena = NULL;
        r = copy_arrays(arena, packed);
    }
    if (r == 0)
        r = arena_keep_string(arena, &packed->table);
    for (size_t i = 0; r == 0 && i < packed->n_sets; i++)
        r = pack_set(arena, &packed->sets[i]);
    for (size_t i = 0; r == 0 && i < packed->n_chains; i++)
        r = pack_chain(arena, &packed->chains[i]);
    for (size_t i = 0; r == 0 && i < packed->n_counters; i++)
        r = arena_keep_string(arena, &packed->counters[i].name);
    for (size_t i = 0; r == 0 && i < packed->n_foreign; i++)
        r = arena_keep_string(arena, &packed->foreign[i].name);
    if (r < 0)
        return r;

    *ret_packed = packed;
    return 0;
}

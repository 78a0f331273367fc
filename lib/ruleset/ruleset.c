/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The container: arrays of objects on the heap, everything they point to in one arena. While a
 * ruleset is being built objects are in the order of adding; ruleset_finish() sorts them, and from
 * then on they are found by bisection and compared side by side.
 */

#include "ruleset/ruleset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

int ruleset_new(const char *table, struct ruleset **ret_ruleset)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    cleanup_(freep) struct ruleset *ruleset = calloc(1, sizeof(*ruleset));
    int r = ruleset ? arena_new(&arena) : -ENOMEM;

    if (r < 0)
        return r;

    ruleset->table = arena_string(arena, table);
    if (!ruleset->table)
        return -ENOMEM;

    ruleset->arena = TAKE_PTR(arena);
    *ret_ruleset = TAKE_PTR(ruleset);
    return 0;
}

struct ruleset *ruleset_free(struct ruleset *ruleset)
{
    if (!ruleset || !ruleset->arena)
        return NULL;

    for (size_t i = 0; i < ruleset->n_sets && !ruleset->borrowed; i++)
        free(ruleset->sets[i].elements);
    free(ruleset->sets);
    free(ruleset->chains);
    free(ruleset->counters);
    free(ruleset->foreign);
    arena_free(ruleset->arena);
    free(ruleset);
    return NULL;
}

int ruleset_add_counter(struct ruleset *ruleset, const char *name)
{
    struct counter counter = {.name = name};

    if (arena_keep_string(ruleset->arena, &counter.name) < 0)
        return -ENOMEM;
    return array_append(&ruleset->counters, &ruleset->n_counters, &ruleset->counters_capacity,
                        &counter, sizeof(counter));
}

int ruleset_add_foreign(struct ruleset *ruleset, const struct foreign *foreign)
{
    struct foreign copy = *foreign;

    if (arena_keep_string(ruleset->arena, &copy.name) < 0)
        return -ENOMEM;
    return array_append(&ruleset->foreign, &ruleset->n_foreign, &ruleset->foreign_capacity, &copy,
                        sizeof(copy));
}

int ruleset_add_set(struct ruleset *ruleset, const char *name, const enum datatype *key,
                    size_t n_key, enum set_data data, struct set **ret_set)
{
    struct set set = {.name = name, .n_key = n_key, .data = data};
    int r = arena_keep_string(ruleset->arena, &set.name);

    memcpy(set.key, key, n_key * sizeof(*key));
    set.key_length = datatypes_length(key, n_key);
    if (r == 0)
        r = array_append(&ruleset->sets, &ruleset->n_sets, &ruleset->sets_capacity, &set,
                         sizeof(set));
    if (r < 0)
        return r;

    *ret_set = &ruleset->sets[ruleset->n_sets - 1];
    return 0;
}

int ruleset_add_chain(struct ruleset *ruleset, const char *name, struct chain **ret_chain)
{
    struct chain chain = {.name = name};
    int r = arena_keep_string(ruleset->arena, &chain.name);

    if (r == 0)
        r = array_append(&ruleset->chains, &ruleset->n_chains, &ruleset->chains_capacity, &chain,
                         sizeof(chain));
    if (r < 0)
        return r;

    *ret_chain = &ruleset->chains[ruleset->n_chains - 1];
    return 0;
}

/* Rules of a chain are few: the array grows by one, in the arena. */
int ruleset_add_rule(struct ruleset *ruleset, struct chain *chain,
                     const struct statement *statements, size_t n_statements)
{
    struct rule *rules =
        arena_allocate(ruleset->arena, (chain->n_rules + 1) * sizeof(*chain->rules));
    struct rule *rule;

    if (!rules)
        return -ENOMEM;
    if (chain->n_rules > 0)
        memcpy(rules, chain->rules, chain->n_rules * sizeof(*rules));

    rule = &rules[chain->n_rules];
    rule->n_statements = n_statements;
    rule->statements = arena_copy(ruleset->arena, statements, n_statements * sizeof(*statements));
    if (!rule->statements)
        return -ENOMEM;

    for (size_t i = 0; i < n_statements; i++)
        if (arena_keep_string(ruleset->arena, &rule->statements[i].object) < 0)
            return -ENOMEM;

    chain->rules = rules;
    chain->n_rules++;
    return 0;
}

int ruleset_add_element(struct ruleset *ruleset, struct set *set, const struct element *element)
{
    struct element copy = *element;

    copy.key = arena_copy(ruleset->arena, element->key, set->key_length);
    if (!copy.key)
        return -ENOMEM;

    if (element->key_end) {
        copy.key_end = arena_copy(ruleset->arena, element->key_end, set->key_length);
        if (!copy.key_end)
            return -ENOMEM;
    }
    if (arena_keep_string(ruleset->arena, &copy.target) < 0 ||
        arena_keep_string(ruleset->arena, &copy.comment) < 0)
        return -ENOMEM;

    return array_append(&set->elements, &set->n_elements, &set->capacity, &copy, sizeof(copy));
}

/* The name is the first member of chains, sets and counters. */
static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_elements(const void *a, const void *b, void *set)
{
    return element_compare(set, a, b);
}

void ruleset_finish(struct ruleset *ruleset)
{
    if (ruleset->n_counters > 1)
        qsort(ruleset->counters, ruleset->n_counters, sizeof(*ruleset->counters), compare_names);
    if (ruleset->n_sets > 1)
        qsort(ruleset->sets, ruleset->n_sets, sizeof(*ruleset->sets), compare_names);
    if (ruleset->n_chains > 1)
        qsort(ruleset->chains, ruleset->n_chains, sizeof(*ruleset->chains), compare_names);

    /* What was joined has been sorted where it came from. */
    for (size_t i = 0; i < ruleset->n_sets && !ruleset->borrowed; i++) {
        struct set *set = &ruleset->sets[i];

        if (set->n_elements > 1)
            qsort_r(set->elements, set->n_elements, sizeof(*set->elements), compare_elements, set);
    }
}

const struct set *ruleset_find_set(const struct ruleset *ruleset, const char *name)
{
    if (!ruleset || ruleset->n_sets == 0)
        return NULL;
    return bsearch(&name, ruleset->sets, ruleset->n_sets, sizeof(*ruleset->sets), compare_names);
}

bool ruleset_has_counter(const struct ruleset *ruleset, const char *name)
{
    for (size_t i = 0; i < ruleset->n_counters; i++) {
        if (strcmp(ruleset->counters[i].name, name) == 0)
            return true;
    }
    return false;
}

const struct chain *ruleset_find_chain(const struct ruleset *ruleset, const char *name)
{
    if (!ruleset || ruleset->n_chains == 0)
        return NULL;
    return bsearch(&name, ruleset->chains, ruleset->n_chains, sizeof(*ruleset->chains),
                   compare_names);
}

static bool text_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool statement_equal(const struct statement *a, const struct statement *b)
{
    return a->kind == b->kind && a->n_fields == b->n_fields &&
           memcmp(a->fields, b->fields, a->n_fields * sizeof(*a->fields)) == 0 &&
           a->negate == b->negate && memcmp(a->value, b->value, sizeof(a->value)) == 0 &&
           a->prefix == b->prefix && a->mark_mask == b->mark_mask && a->mark == b->mark &&
           text_equal(a->object, b->object) && a->verdict == b->verdict && a->rate == b->rate &&
           a->burst == b->burst && a->per_seconds == b->per_seconds && a->group == b->group &&
           a->snaplen == b->snaplen;
}

bool rule_equal(const struct rule *a, const struct rule *b)
{
    if (!text_equal(a->foreign, b->foreign) || a->n_statements != b->n_statements)
        return false;

    for (size_t i = 0; i < a->n_statements; i++) {
        if (!statement_equal(&a->statements[i], &b->statements[i]))
            return false;
    }
    return true;
}

bool chain_equal(const struct chain *a, const struct chain *b)
{
    if (strcmp(a->name, b->name) != 0 || !chain_shape_equal(a, b) || a->n_rules != b->n_rules)
        return false;

    for (size_t i = 0; i < a->n_rules; i++) {
        if (!rule_equal(&a->rules[i], &b->rules[i]))
            return false;
    }
    return true;
}

bool set_definition_equal(const struct set *a, const struct set *b)
{
    return strcmp(a->name, b->name) == 0 && a->n_key == b->n_key &&
           memcmp(a->key, b->key, a->n_key * sizeof(*a->key)) == 0 && a->data == b->data &&
           a->interval == b->interval && a->timeout == b->timeout && a->counters == b->counters &&
           a->dynamic == b->dynamic && a->size == b->size && a->lifetime == b->lifetime;
}

/*
 * Elements are equal where they do the same; a comment alone is not sent to the kernel except in
 * maps that people read, where the element is written again.
 */
bool element_equal(const struct set *set, const struct element *a, const struct element *b)
{
    return element_compare(set, a, b) == 0 && text_equal(a->target, b->target) &&
           text_equal(a->comment, b->comment) && a->mark == b->mark && a->verdict == b->verdict &&
           a->expires == b->expires;
}

int element_compare(const struct set *set, const struct element *a, const struct element *b)
{
    int order = memcmp(a->key, b->key, set->key_length);

    if (order != 0)
        return order;
    if (!a->key_end || !b->key_end)
        return (a->key_end != NULL) - (b->key_end != NULL);
    return memcmp(a->key_end, b->key_end, set->key_length);
}

bool chain_shape_equal(const struct chain *a, const struct chain *b)
{
    return a->hook == b->hook && a->priority == b->priority && a->policy_drop == b->policy_drop;
}

bool ruleset_has_base_chains(const struct ruleset *held, const struct ruleset *wanted)
{
    for (size_t i = 0; i < wanted->n_chains; i++) {
        const struct chain *chain = &wanted->chains[i];
        const struct chain *other =
            chain->hook == HOOK_NONE ? chain : ruleset_find_chain(held, chain->name);

        if (!other || !chain_shape_equal(other, chain))
            return false;
    }
    return true;
}

const struct element *set_find_element(const struct set *set, const struct element *wanted)
{
    size_t n = set ? set->n_elements : 0;
    size_t place = BISECT(n, i, element_compare(set, &set->elements[i], wanted) < 0);

    return place < n && element_compare(set, &set->elements[place], wanted) == 0
               ? &set->elements[place]
               : NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Two sorted rulesets are walked side by side. The order of the changes follows from who refers to
 * whom: rules refer to chains, sets and counters, elements to chains and counters. So what goes,
 * goes rules first, then elements, then what they referred to; and what comes, comes the other way
 * round. A chain of which any rule differs is written whole: it is short, and in one transaction no
 * packet sees it between.
 *
 * An element whose comment alone changed (a flow was renamed) is deleted and added, which would set
 * its counter back; so the kernel layer is told to carry the counter over, as for an element whose
 * expiry changed.
 *
 * A packet that is under way while a transaction is committed may be judged by the maps of before
 * and then ask the switchboard of after. The kernel even makes this last: a concatenated interval
 * map changes at the end of a commit (and before kernel 6.17 shows neither row meanwhile), all else
 * at its beginning. Packets would be lost that both rulesets approve. So an id that goes stays in
 * the switchboard until the rows that name it have gone; and a row of a hash stays until the row of
 * an interval map that takes its packets is there, and so do rows that are rules. The latter only
 * where no verdict map changes: else a row could meet packets of sources that it was never meant
 * for.
 */

#include "ruleset/difference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "ruleset/compile.h"

/* Walks two sorted arrays by name; gives the next pair of which one may be NULL. */
struct walk {
    const char *old, *new;
    size_t n_old, n_new;
    size_t size;
    size_t i, j;
};

static bool walk_next(struct walk *walk, const void **ret_old, const void **ret_new)
{
    /* The name is the first member of chains, sets and counters. */
    const char *old = walk->i < walk->n_old ? walk->old + walk->i * walk->size : NULL;
    const char *new = walk->j < walk->n_new ? walk->new + walk->j * walk->size : NULL;
    int order;

    if (!old && !new)
        return false;

    order = !old ? 1 : !new ? -1 : strcmp(*(char *const *)old, *(char *const *)new);
    *ret_old = order <= 0 ? old : NULL;
    *ret_new = order >= 0 ? new : NULL;
    walk->i += order <= 0;
    walk->j += order >= 0;
    return true;
}

struct differ {
    const struct ruleset *old; /* an empty one where the kernel has no table */
    const struct ruleset *new;
    struct difference *difference;
    bool calm; /* each packet finds the same chains in both */
    enum phase phase;
    bool marker; /* it is the turn of the chains that name the generation, not of the others */
};

/* Of the chains, sets or counters of both. */
#define WALK(differ, objects)                                                                      \
    (struct walk)                                                                                  \
    {                                                                                              \
        .old = (const char *)(differ)->old->objects, .new = (const char *)(differ)->new->objects,  \
        .n_old = (differ)->old->n_##objects, .n_new = (differ)->new->n_##objects,                  \
        .size = sizeof(*(differ)->old->objects)                                                    \
    }

static int difference_add(struct difference *difference, const struct change *change)
{
    return array_append(&difference->changes, &difference->n_changes, &difference->capacity, change,
                        sizeof(*change));
}

/* True where the set is made again, so that rules bound to the old one must be written again. */
static bool set_is_replaced(const struct differ *differ, const char *name)
{
    const struct set *old = ruleset_find_set(differ->old, name);
    const struct set *new = ruleset_find_set(differ->new, name);

    return old && new && !set_definition_equal(old, new);
}

static bool uses_replaced_set(const struct differ *differ, const struct chain *chain)
{
    for (size_t i = 0; i < chain->n_rules; i++) {
        for (size_t j = 0; j < chain->rules[i].n_statements; j++) {
            const struct statement *statement = &chain->rules[i].statements[j];

            if (statement->n_fields > 0 && statement->object &&
                set_is_replaced(differ, statement->object))
                return true;
        }
    }
    return false;
}

static bool chain_stays(const struct differ *differ, const struct chain *old,
                        const struct chain *new)
{
    return old && new &&chain_equal(old, new) && !uses_replaced_set(differ, new);
}

/* True where the rule does nothing but look for a row. */
static bool is_row_lookup(const struct rule *rule)
{
    for (size_t i = 0; i < rule->n_statements; i++) {
        const struct statement *statement = &rule->statements[i];
        bool marks =
            statement->kind == STATEMENT_SET_CT_MARK || statement->kind == STATEMENT_SET_CT_NUMBER;

        if (statement->kind != STATEMENT_MATCH && !marks &&
            (statement->kind != STATEMENT_VERDICT || statement->object))
            return false;
    }
    return !rule->foreign;
}

/* True where it also writes what it finds into the mark, or is a row itself. */
static bool is_row(const struct rule *rule)
{
    for (size_t i = 0; i < rule->n_statements; i++)
        if (rule->statements[i].kind == STATEMENT_SET_CT_MARK ||
            (rule->statements[i].kind == STATEMENT_SET_CT_NUMBER &&
             rule->statements[i].fields[0] == FIELD_CT_MARK))
            return is_row_lookup(rule);
    return false;
}

static bool has_rule(const struct chain *chain, const struct rule *rule)
{
    for (size_t i = 0; i < chain->n_rules; i++)
        if (rule_equal(&chain->rules[i], rule))
            return true;
    return false;
}

/* When the rules of a chain are written. */
enum writing {
    WRITE_AT_ONCE,
    WRITE_LAST, /* it only looks for fewer rows than before */
    WRITE_BOTH, /* first those of before that look for rows, with those of after; then the latter */
};

static enum writing chain_writing(const struct differ *differ, const struct chain *old,
                                  const struct chain *new)
{
    bool lookups = true, rows = true, removes = false, adds = false;

    if (!differ->calm || !old || !new || !chain_shape_equal(old, new) || new->hook != HOOK_NONE ||
        uses_replaced_set(differ, old))
        return WRITE_AT_ONCE;

    for (size_t i = 0; i < old->n_rules; i++) {
        if (has_rule(new, &old->rules[i]))
            continue;
        removes = true;
        lookups = lookups && is_row_lookup(&old->rules[i]);
        rows = rows && is_row(&old->rules[i]);
    }
    for (size_t i = 0; i < new->n_rules; i++)
        adds = adds || !has_rule(old, &new->rules[i]);
    if (!adds)
        return lookups ? WRITE_LAST : WRITE_AT_ONCE;
    return removes && rows ? WRITE_BOTH : WRITE_AT_ONCE;
}

/* The rules of `new` after those of `old` that it has not. */
static int chain_join(struct differ *differ, const struct chain *old, const struct chain *new,
                      const struct chain **ret_joined)
{
    struct arena *arena = differ->difference->arena;
    struct chain *joined = arena_copy(arena, new, sizeof(*new));

    if (!joined)
        return -ENOMEM;
    joined->rules = arena_allocate(arena, (old->n_rules + new->n_rules) * sizeof(*joined->rules));
    if (!joined->rules)
        return -ENOMEM;

    joined->n_rules = 0;
    for (size_t i = 0; i < old->n_rules; i++)
        if (!has_rule(new, &old->rules[i]))
            joined->rules[joined->n_rules++] = old->rules[i];
    for (size_t i = 0; i < new->n_rules; i++)
        joined->rules[joined->n_rules++] = new->rules[i];
    *ret_joined = joined;
    return 0;
}

/* The chain that names the generation is added when all of it is there. */
static bool is_marker(const struct chain *chain)
{
    return strncmp(chain->name, RULESET_GENERATION, strlen(RULESET_GENERATION)) == 0;
}

/* Whether the rules of the chain, old or new, are written in the phase at hand. */
static bool rules_are_due(const struct differ *differ, const struct chain *chain,
                          const struct chain *old, const struct chain *new)
{
    if (!chain || chain->n_rules == 0 || chain_stays(differ, old, new))
        return false;
    switch (chain_writing(differ, old, new)) {
    case WRITE_AT_ONCE:
        return differ->phase == PHASE_CHANGE;
    case WRITE_LAST:
        return differ->phase == PHASE_ROWS;
    case WRITE_BOTH:
        return differ->phase == PHASE_CHANGE || differ->phase == PHASE_ROWS;
    }
    return false;
}

static bool chain_is_due(const struct differ *differ, const struct chain *chain,
                         const struct chain *old, const struct chain *new)
{
    return chain && !(old && new &&chain_shape_equal(old, new)) &&
           is_marker(chain) == differ->marker;
}

static int change_chains(struct differ *differ, enum change_kind kind)
{
    bool rules = kind == CHANGE_FLUSH_CHAIN || kind == CHANGE_ADD_RULES;
    bool goes = kind == CHANGE_FLUSH_CHAIN || kind == CHANGE_DELETE_CHAIN;
    struct walk walk = WALK(differ, chains);
    const void *old, *new;
    int r = 0;

    while (r == 0 && walk_next(&walk, &old, &new)) {
        const struct chain *chain = goes ? old : new;

        if (!(rules ? rules_are_due(differ, chain, old, new)
                    : chain_is_due(differ, chain, old, new)))
            continue;
        if (kind == CHANGE_ADD_RULES && differ->phase == PHASE_CHANGE &&
            chain_writing(differ, old, new) == WRITE_BOTH)
            r = chain_join(differ, old, new, &chain);
        if (r == 0)
            r = difference_add(differ->difference, &(struct change){.kind = kind, .chain = chain});
    }
    return r;
}

static enum phase set_phase(const struct differ *differ, const struct set *old,
                            const struct set *new)
{
    return differ->calm && !new && old->data == SET_DATA_MARK ? PHASE_ROWS : PHASE_CHANGE;
}

static int change_sets(struct differ *differ, enum change_kind kind)
{
    struct walk walk = WALK(differ, sets);
    const void *old, *new;
    int r = 0;

    while (r == 0 && walk_next(&walk, &old, &new)) {
        const struct set *set = kind == CHANGE_DELETE_SET ? old : new;

        if (!set || (old && new &&set_definition_equal(old, new)) ||
            (kind == CHANGE_DELETE_SET && set_phase(differ, old, new) != differ->phase))
            continue;
        r = difference_add(differ->difference, &(struct change){.kind = kind, .set = set});
    }
    return r;
}

static int change_counters(struct differ *differ, enum change_kind kind)
{
    struct walk walk = WALK(differ, counters);
    const void *old, *new;
    int r = 0;

    while (r == 0 && walk_next(&walk, &old, &new)) {
        const struct counter *counter = kind == CHANGE_DELETE_COUNTER ? old : new;

        if (counter && !(old && new))
            r = difference_add(differ->difference,
                               &(struct change){.kind = kind, .counter = counter});
    }
    return r;
}

/* What segd never makes goes, whatever it is called. */
static int change_foreign(struct differ *differ, enum change_kind kind)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < differ->old->n_foreign; i++)
        r = difference_add(differ->difference,
                           &(struct change){.kind = kind, .foreign = &differ->old->foreign[i]});
    return r;
}

/* True where two elements of one key differ only in what may be renewed in place. */
static bool element_renewable(const struct set *set, const struct element *old,
                              const struct element *new)
{
    return set->timeout && old->mark == new->mark && old->verdict == new->verdict &&
           (old->target == new->target ||
            (old->target && new->target &&strcmp(old->target, new->target) == 0));
}

struct element_list {
    const struct element **elements;
    size_t n_elements;
    size_t capacity;
};

static void element_list_clear(struct element_list *list)
{
    free(list->elements);
}

static int element_list_add(struct element_list *list, const struct element *element)
{
    return array_append(&list->elements, &list->n_elements, &list->capacity, &element,
                        sizeof(element));
}

/* The transaction in which an element of a set that stays goes; `replaced`: one of its key comes.
 */
static enum phase element_phase(const struct differ *differ, const struct set *set, bool replaced)
{
    if (replaced)
        return PHASE_CHANGE;
    if (ruleset_is_live(set))
        return PHASE_IDS;
    if (differ->calm && set->data == SET_DATA_MARK && !set->interval)
        return PHASE_ROWS;
    return PHASE_CHANGE;
}

/* Collects the elements of two sets that a change of the kind is about. Either may be NULL. */
static int collect_elements(const struct differ *differ, const struct set *old,
                            const struct set *new, enum change_kind kind, struct element_list *list)
{
    const struct set *set = new ? new : old;
    size_t n_old = old ? old->n_elements : 0, n_new = new ? new->n_elements : 0;
    size_t i = 0, j = 0;

    while (i < n_old || j < n_new) {
        const struct element *a = i < n_old ? &old->elements[i] : NULL;
        const struct element *b = j < n_new ? &new->elements[j] : NULL;
        int order = !a ? 1 : !b ? -1 : element_compare(set, a, b);
        bool renew = false, same = false;
        int r = 0;

        i += order <= 0;
        j += order >= 0;
        if (order == 0) {
            same = element_equal(set, a, b);
            renew = !same && element_renewable(set, a, b);
        }

        if (kind == CHANGE_DELETE_ELEMENTS && order <= 0 && !same && !renew)
            r = !new || element_phase(differ, set, order == 0) == differ->phase
                    ? element_list_add(list, a)
                    : 0;
        else if (kind == CHANGE_ADD_ELEMENTS && order >= 0 && !same && !renew)
            r = element_list_add(list, b);
        else if (kind == CHANGE_RENEW_ELEMENTS && renew)
            r = element_list_add(list, b);
        if (r < 0)
            return r;
    }
    return 0;
}

static int change_elements(struct differ *differ, enum change_kind kind)
{
    struct walk walk = WALK(differ, sets);
    const void *old, *new;

    while (walk_next(&walk, &old, &new)) {
        cleanup_(element_list_clear) struct element_list list = {0};
        bool kept = old && new &&set_definition_equal(old, new);
        int r;

        if (!kept && differ->phase != PHASE_CHANGE)
            continue;
        /* A set that goes as a whole still holds the chains its elements name, which may go too:
         * so its verdicts are deleted one by one. */
        if (kind == CHANGE_DELETE_ELEMENTS) {
            if (!old || (!kept && ((const struct set *)old)->data != SET_DATA_VERDICT &&
                         ((const struct set *)old)->data != SET_DATA_COUNTER))
                continue;
            r = collect_elements(differ, old, kept ? new : NULL, kind, &list);
        } else {
            if (!new)
                continue;
            r = collect_elements(differ, kept ? old : NULL, new, kind, &list);
        }
        if (r < 0)
            return r;
        if (list.n_elements == 0)
            continue;

        r = difference_add(differ->difference,
                           &(struct change){
                               .kind = kind,
                               .set = kind == CHANGE_DELETE_ELEMENTS ? old : new,
                               .elements = list.elements,
                               .n_elements = list.n_elements,
                           });
        if (r < 0)
            return r;
        list.elements = NULL;
    }
    return 0;
}

/* All changes of the phase at hand, in an order the kernel accepts. */
static int run_phase(struct differ *differ)
{
    static const struct {
        int (*run)(struct differ *differ, enum change_kind kind);
        enum change_kind kind;
        bool later; /* not only in the first phase */
    } steps[] = {
        {change_chains, CHANGE_FLUSH_CHAIN, true},
        {change_elements, CHANGE_DELETE_ELEMENTS, true},
        {change_sets, CHANGE_DELETE_SET, true},
        {change_chains, CHANGE_DELETE_CHAIN, false},
        {change_counters, CHANGE_DELETE_COUNTER, false},
        {change_foreign, CHANGE_DELETE_FOREIGN, false},
        {change_counters, CHANGE_ADD_COUNTER, false},
        {change_chains, CHANGE_ADD_CHAIN, false},
        {change_sets, CHANGE_ADD_SET, false},
        {change_elements, CHANGE_ADD_ELEMENTS, false},
        {change_elements, CHANGE_RENEW_ELEMENTS, false},
        {change_chains, CHANGE_ADD_RULES, true},
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(steps); i++)
        if (differ->phase == PHASE_CHANGE || steps[i].later)
            r = steps[i].run(differ, steps[i].kind);
    return r;
}

static bool elements_equal(const struct set *old, const struct set *new)
{
    if (old->n_elements != new->n_elements)
        return false;
    for (size_t i = 0; i < old->n_elements; i++)
        if (!element_equal(new, &old->elements[i], &new->elements[i]))
            return false;
    return true;
}

static bool is_calm(const struct differ *differ)
{
    struct walk walk = WALK(differ, sets);
    const void *old, *new;

    while (walk_next(&walk, &old, &new)) {
        const struct set *set = new ? new : old;

        if (set->data == SET_DATA_VERDICT && !ruleset_is_live(set) &&
            strcmp(set->name, RULESET_LIMITED) != 0 &&
            (!old || !new || !set_definition_equal(old, new) || !elements_equal(old, new)))
            return false;
    }
    return true;
}

/* Until the last transaction the kernel names the generation before: a process that is killed
 * between two of them finds it, and begins again from there. */
static int mark_generation(struct differ *differ)
{
    size_t *n_phase = differ->difference->n_phase, n_before = differ->difference->n_changes;
    enum phase last = n_phase[PHASE_IDS] > 0    ? PHASE_IDS
                      : n_phase[PHASE_ROWS] > 0 ? PHASE_ROWS
                                                : PHASE_CHANGE;
    int r;

    differ->marker = true;
    r = change_chains(differ, CHANGE_DELETE_CHAIN);
    if (r == 0)
        r = change_chains(differ, CHANGE_ADD_CHAIN);
    n_phase[last] += differ->difference->n_changes - n_before;
    return r;
}

static int differ_run(struct differ *differ)
{
    struct difference *difference = differ->difference;
    size_t n_before = 0;
    int r = 0;

    differ->calm = is_calm(differ);
    for (enum phase phase = 0; r == 0 && phase < PHASES; phase++) {
        differ->phase = phase;
        r = run_phase(differ);
        difference->n_phase[phase] = difference->n_changes - n_before;
        n_before = difference->n_changes;
    }
    return r < 0 ? r : mark_generation(differ);
}

/*
 * The kernel takes no base chains in the transaction that wakes their table; what is dormant
 * enforces nothing, so nothing is lost with it. Nor does it take them in the one that adopts an
 * orphan, or give a table that is nobody's an owner unless that table persisted its last one;
 * within the one transaction no packet sees it missing.
 */
static bool must_be_replaced(const struct ruleset *old, const struct ruleset *new)
{
    if (old->dormant)
        return true;
    return old->to_own && !old->owned && (!old->persists || !ruleset_has_base_chains(old, new));
}

int difference_new(const struct ruleset *old, const struct ruleset *new,
                   struct difference **ret_difference)
{
    static const struct ruleset nothing = {0};
    cleanup_(difference_freep) struct difference *difference = calloc(1, sizeof(*difference));
    bool replaced = old && must_be_replaced(old, new), kept = old && !replaced;
    struct differ differ = {.old = kept ? old : &nothing, .new = new, .difference = difference};
    int r = 0;

    if (!difference)
        return -ENOMEM;

    r = arena_new(&difference->arena);
    if (r == 0 && replaced)
        r = difference_add(difference, &(struct change){.kind = CHANGE_DELETE_TABLE});
    if (r == 0 && (!kept || old->to_own))
        r = difference_add(difference, &(struct change){.kind = CHANGE_ADD_TABLE});
    if (r == 0)
        r = differ_run(&differ);
    if (r < 0)
        return r;

    for (size_t i = 0; i < difference->n_changes; i++) {
        difference->changes[i].held = old;
        difference->changes[i].wanted = new;
    }
    *ret_difference = TAKE_PTR(difference);
    return 0;
}

const char *change_object(const struct change *change, const char **ret_name)
{
    *ret_name = change->chain     ? change->chain->name
                : change->set     ? change->set->name
                : change->counter ? change->counter->name
                : change->foreign ? change->foreign->name
                                  : NULL;
    if (change->chain)
        return "chain";
    if (change->set)
        return change->set->data == SET_DATA_NONE ? "set" : "map";
    if (change->foreign)
        return change->foreign->kind;
    return change->counter ? "counter" : "table";
}

struct difference *difference_free(struct difference *difference)
{
    if (!difference)
        return NULL;

    for (size_t i = 0; i < difference->n_changes; i++)
        free(difference->changes[i].elements);
    free(difference->changes);
    arena_free(difference->arena);
    free(difference);
    return NULL;
}

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
 * an interval map that takes its packets is there. The latter only where no verdict map changes:
 * else a row could meet packets of sources that it was never meant for.
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
};

static struct walk walk_chains(const struct differ *differ)
{
    return (struct walk){(const char *)differ->old->chains,
                         (const char *)differ->new->chains,
                         differ->old->n_chains,
                         differ->new->n_chains,
                         sizeof(struct chain),
                         0,
                         0};
}

static struct walk walk_sets(const struct differ *differ)
{
    return (struct walk){(const char *)differ->old->sets,
                         (const char *)differ->new->sets,
                         differ->old->n_sets,
                         differ->new->n_sets,
                         sizeof(struct set),
                         0,
                         0};
}

static struct walk walk_counters(const struct differ *differ)
{
    return (struct walk){(const char *)differ->old->counters,
                         (const char *)differ->new->counters,
                         differ->old->n_counters,
                         differ->new->n_counters,
                         sizeof(struct counter),
                         0,
                         0};
}

static int difference_add(struct difference *difference, const struct change *change)
{
    int r = array_reserve(&difference->changes, &difference->capacity, difference->n_changes + 1,
                          sizeof(*difference->changes));

    if (r < 0)
        return r;

    difference->changes[difference->n_changes++] = *change;
    return 0;
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

        if (statement->kind != STATEMENT_MATCH && statement->kind != STATEMENT_SET_CT_MARK &&
            (statement->kind != STATEMENT_VERDICT || statement->object))
            return false;
    }
    return !rule->foreign;
}

/* A chain that only looks for rows in fewer sets than before does so last. */
static enum phase chain_phase(const struct differ *differ, const struct chain *old,
                              const struct chain *new)
{
    size_t i = 0, j = 0;

    if (!differ->calm || !old || !new || !chain_shape_equal(old, new) || new->hook != HOOK_NONE ||
        uses_replaced_set(differ, old))
        return PHASE_CHANGE;

    for (; i < old->n_rules; i++) {
        if (j < new->n_rules && rule_equal(&old->rules[i], &new->rules[j]))
            j++;
        else if (!is_row_lookup(&old->rules[i]))
            return PHASE_CHANGE;
    }
    return j == new->n_rules ? PHASE_ROWS : PHASE_CHANGE;
}

static int flush_chains(struct differ *differ, enum phase phase)
{
    struct walk walk = walk_chains(differ);
    const void *old, *new;

    while (walk_next(&walk, &old, &new)) {
        const struct chain *chain = old;
        int r;

        if (!chain || chain->n_rules == 0 || chain_stays(differ, old, new) ||
            chain_phase(differ, old, new) != phase)
            continue;
        r = difference_add(differ->difference,
                           &(struct change){.kind = CHANGE_FLUSH_CHAIN, .chain = chain});
        if (r < 0)
            return r;
    }
    return 0;
}

/* The chain that names the generation is added when all of it is there. */
static bool is_marker(const struct chain *chain)
{
    return strncmp(chain->name, RULESET_GENERATION, strlen(RULESET_GENERATION)) == 0;
}

static int delete_chains(struct differ *differ, bool marker)
{
    struct walk walk = walk_chains(differ);
    const void *old, *new;

    while (walk_next(&walk, &old, &new)) {
        int r;

        if (!old || (new &&chain_shape_equal(old, new)) || is_marker(old) != marker)
            continue;
        r = difference_add(differ->difference,
                           &(struct change){.kind = CHANGE_DELETE_CHAIN, .chain = old});
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_chains(struct differ *differ, bool marker)
{
    struct walk walk = walk_chains(differ);
    const void *old, *new;

    while (walk_next(&walk, &old, &new)) {
        int r;

        if (!new || (old && chain_shape_equal(old, new)) || is_marker(new) != marker)
            continue;
        r = difference_add(differ->difference,
                           &(struct change){.kind = CHANGE_ADD_CHAIN, .chain = new});
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_rules(struct differ *differ, enum phase phase)
{
    struct walk walk = walk_chains(differ);
    const void *old, *new;

    while (walk_next(&walk, &old, &new)) {
        const struct chain *chain = new;
        int r;

        if (!chain || chain->n_rules == 0 || chain_stays(differ, old, new) ||
            chain_phase(differ, old, new) != phase)
            continue;
        r = difference_add(differ->difference,
                           &(struct change){.kind = CHANGE_ADD_RULES, .chain = chain});
        if (r < 0)
            return r;
    }
    return 0;
}

static enum phase set_phase(const struct differ *differ, const struct set *old,
                            const struct set *new)
{
    return differ->calm && !new && old->data == SET_DATA_MARK ? PHASE_ROWS : PHASE_CHANGE;
}

static int delete_sets(struct differ *differ, enum phase phase)
{
    struct walk walk = walk_sets(differ);
    const void *old, *new;

    while (walk_next(&walk, &old, &new)) {
        int r;

        if (!old || (new &&set_definition_equal(old, new)))
            continue;
        if (set_phase(differ, old, new) != phase)
            continue;
        r = difference_add(differ->difference,
                           &(struct change){.kind = CHANGE_DELETE_SET, .set = old});
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_sets(struct differ *differ)
{
    struct walk walk = walk_sets(differ);
    const void *old, *new;

    while (walk_next(&walk, &old, &new)) {
        int r;

        if (!new || (old && set_definition_equal(old, new)))
            continue;
        r = difference_add(differ->difference,
                           &(struct change){.kind = CHANGE_ADD_SET, .set = new});
        if (r < 0)
            return r;
    }
    return 0;
}

static int change_counters(struct differ *differ, bool delete)
{
    struct walk walk = walk_counters(differ);
    const void *old, *new;

    while (walk_next(&walk, &old, &new)) {
        int r;

        if ((old && new) || (delete ? !old : !new))
            continue;
        r = difference_add(differ->difference,
                           &(struct change){
                               .kind = delete ? CHANGE_DELETE_COUNTER : CHANGE_ADD_COUNTER,
                               .counter = delete ? old : new,
                           });
        if (r < 0)
            return r;
    }
    return 0;
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
    int r = array_reserve(&list->elements, &list->capacity, list->n_elements + 1,
                          sizeof(*list->elements));

    if (r < 0)
        return r;

    list->elements[list->n_elements++] = element;
    return 0;
}

/* The transaction in which an element of a set that stays goes; `replaced`: one of its key comes.
 */
static enum phase element_phase(const struct differ *differ, const struct set *set, bool replaced)
{
    if (replaced)
        return PHASE_CHANGE;
    if (strcmp(set->name, RULESET_LIVE) == 0)
        return PHASE_IDS;
    if (differ->calm && set->data == SET_DATA_MARK && !set->interval)
        return PHASE_ROWS;
    return PHASE_CHANGE;
}

/* Collects the elements of two sets that a change of the kind is about. Either may be NULL. */
static int collect_elements(const struct differ *differ, const struct set *old,
                            const struct set *new, enum change_kind kind, enum phase phase,
                            struct element_list *list)
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
            r = !new || element_phase(differ, set, order == 0) == phase ? element_list_add(list, a)
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

static int change_elements(struct differ *differ, enum change_kind kind, enum phase phase)
{
    struct walk walk = walk_sets(differ);
    const void *old, *new;

    while (walk_next(&walk, &old, &new)) {
        cleanup_(element_list_clear) struct element_list list = {0};
        bool kept = old && new &&set_definition_equal(old, new);
        int r;

        if (!kept && phase != PHASE_CHANGE)
            continue;
        /* A set that goes as a whole still holds the chains its elements name, which may go too:
         * so its verdicts are deleted one by one. */
        if (kind == CHANGE_DELETE_ELEMENTS) {
            if (!old || (!kept && ((const struct set *)old)->data != SET_DATA_VERDICT &&
                         ((const struct set *)old)->data != SET_DATA_COUNTER))
                continue;
            r = collect_elements(differ, old, kept ? new : NULL, kind, phase, &list);
        } else {
            if (!new)
                continue;
            r = collect_elements(differ, kept ? old : NULL, new, kind, phase, &list);
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

static int run_change(struct differ *differ)
{
    int r = flush_chains(differ, PHASE_CHANGE);

    if (r == 0)
        r = change_elements(differ, CHANGE_DELETE_ELEMENTS, PHASE_CHANGE);
    if (r == 0)
        r = delete_sets(differ, PHASE_CHANGE);
    if (r == 0)
        r = delete_chains(differ, false);
    if (r == 0)
        r = change_counters(differ, true);
    if (r == 0)
        r = change_counters(differ, false);
    if (r == 0)
        r = add_chains(differ, false);
    if (r == 0)
        r = add_sets(differ);
    if (r == 0)
        r = change_elements(differ, CHANGE_ADD_ELEMENTS, PHASE_CHANGE);
    if (r == 0)
        r = change_elements(differ, CHANGE_RENEW_ELEMENTS, PHASE_CHANGE);
    if (r == 0)
        r = add_rules(differ, PHASE_CHANGE);
    return r;
}

static int run_rows(struct differ *differ)
{
    int r = flush_chains(differ, PHASE_ROWS);

    if (r == 0)
        r = change_elements(differ, CHANGE_DELETE_ELEMENTS, PHASE_ROWS);
    if (r == 0)
        r = delete_sets(differ, PHASE_ROWS);
    if (r == 0)
        r = add_rules(differ, PHASE_ROWS);
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
    struct walk walk = walk_sets(differ);
    const void *old, *new;

    while (walk_next(&walk, &old, &new)) {
        const struct set *set = new ? new : old;

        if (set->data == SET_DATA_VERDICT && strcmp(set->name, RULESET_LIVE) != 0 &&
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
    struct difference *difference = differ->difference;
    size_t n_before = difference->n_changes;
    enum phase last = difference->n_phase[PHASE_IDS] > 0    ? PHASE_IDS
                      : difference->n_phase[PHASE_ROWS] > 0 ? PHASE_ROWS
                                                            : PHASE_CHANGE;
    int r = delete_chains(differ, true);

    if (r == 0)
        r = add_chains(differ, true);
    difference->n_phase[last] += difference->n_changes - n_before;
    return r;
}

static int differ_run(struct differ *differ)
{
    struct difference *difference = differ->difference;
    int r;

    differ->calm = is_calm(differ);
    r = run_change(differ);
    difference->n_phase[PHASE_CHANGE] = difference->n_changes;
    if (r == 0)
        r = run_rows(differ);
    difference->n_phase[PHASE_ROWS] = difference->n_changes - difference->n_phase[PHASE_CHANGE];
    if (r == 0)
        r = change_elements(differ, CHANGE_DELETE_ELEMENTS, PHASE_IDS);
    difference->n_phase[PHASE_IDS] =
        difference->n_changes - difference->n_phase[PHASE_CHANGE] - difference->n_phase[PHASE_ROWS];
    return r == 0 ? mark_generation(differ) : r;
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

    if (replaced)
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

struct difference *difference_free(struct difference *difference)
{
    if (!difference)
        return NULL;

    for (size_t i = 0; i < difference->n_changes; i++)
        free(difference->changes[i].elements);
    free(difference->changes);
    free(difference);
    return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Prefixes sorted by (address, length) are a tree in the order of a walk: the ones inside a prefix
 * follow it directly. So the tree is an array, a node's subtree is a stretch of it, and one pass
 * with a stack of open prefixes does what recursion would.
 */

#include "diagram/source_tree.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"

/* The thresholds of this folder can be set from outside, so that tests exercise with small policies
 * what otherwise only large ones have: tests/property/meson.build. */
#ifndef COPY_FACTOR
#define COPY_FACTOR 4
#endif
/* Copies of so many rows are always worth it: most policies have no parents at all. */
#ifndef COPY_FREE
#define COPY_FREE 1024
#endif
/*
 * The longest chain of parents. The kernel refuses chains that call each other more than 16 deep
 * (NFT_JUMP_STACK_SIZE in net/netfilter/nf_tables.h), and a `goto` counts when it validates the
 * table: base chain, judge, pair, class, parents, no-flow, drop. That leaves three.
 */
#ifndef LINKS_MAX
#define LINKS_MAX 7
#endif

#define NO_NODE ((uint32_t)-1)

struct entry {
    struct prefix prefix;
    uint32_t part;
};

struct node {
    struct range range;
    uint32_t parent;
    uint32_t n_below; /* nodes of the subtree, without itself */
    size_t own;       /* first of its entries */
    size_t n_own;
    size_t weight;       /* rows of its own parts */
    size_t weight_below; /* rows of the own parts of its subtree, without itself */
    uint32_t class;      /* plan of the addresses that are in no node below */
    uint32_t *carried;   /* parts from above that are copied into it */
    size_t n_carried;
    uint32_t link; /* plan that decides what is not copied, or NO_CLASS */
};

struct tree {
    const struct parts *parts;
    unsigned bits;
    struct entry *entries;
    size_t n_entries;
    size_t entries_capacity;
    struct node *nodes;
    size_t n_nodes;
    /* Hash of class plans, by members and parent: equal classes are stored once. */
    uint32_t *buckets;
    size_t n_buckets;
    size_t copies_left; /* rows that may still be copied */
};

static void tree_clear(struct tree *tree)
{
    for (size_t i = 0; i < tree->n_nodes; i++)
        free(tree->nodes[i].carried);
    free(tree->entries);
    free(tree->nodes);
    free(tree->buckets);
}

void source_plan_clear(struct source_plan *plan)
{
    for (size_t i = 0; i < plan->n_classes; i++)
        free(plan->classes[i].members);
    free(plan->classes);
    free(plan->sources);
    *plan = (struct source_plan){0};
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return COMPARE(x->prefix.address, y->prefix.address)
               ?: COMPARE(x->prefix.length, y->prefix.length) ?: COMPARE(x->part, y->part);
}

static int tree_collect(struct tree *tree, const uint32_t *members, size_t n_members)
{
    for (size_t i = 0; i < n_members; i++) {
        const struct range_set *sources = &tree->parts->parts[members[i]].sources;

        for (size_t j = 0; j < sources->n_ranges; j++) {
            struct range range = sources->ranges[j];
            struct entry entry = {.part = members[i]};
            bool more;

            do {
                int r;

                more = range_take_prefix(&range, tree->bits, &entry.prefix);
                r = array_append(&tree->entries, &tree->n_entries, &tree->entries_capacity, &entry,
                                 sizeof(entry));
                if (r < 0)
                    return r;
            } while (more);
        }
    }

    if (tree->n_entries > 1)
        qsort(tree->entries, tree->n_entries, sizeof(*tree->entries), compare_entries);
    return 0;
}

static void tree_add_node(struct tree *tree, size_t first_entry, size_t n_entries)
{
    struct node *node = &tree->nodes[tree->n_nodes];
    uint32_t parent = tree->n_nodes > 0 ? (uint32_t)tree->n_nodes - 1 : NO_NODE;

    *node = (struct node){
        .range = prefix_range(tree->entries[first_entry].prefix, tree->bits),
        .own = first_entry,
        .n_own = n_entries,
        .class = NO_CLASS,
        .link = NO_CLASS,
    };
    while (parent != NO_NODE && tree->nodes[parent].range.last < node->range.first)
        parent = tree->nodes[parent].parent;
    node->parent = parent;

    for (size_t i = 0; i < n_entries; i++)
        node->weight += part_weight(&tree->parts->parts[tree->entries[first_entry + i].part]);
    tree->n_nodes++;
}

static int tree_build(struct tree *tree)
{
    size_t first = 0;

    tree->nodes = calloc(tree->n_entries > 0 ? tree->n_entries : 1, sizeof(*tree->nodes));
    if (!tree->nodes)
        return -ENOMEM;

    for (size_t i = 1; i <= tree->n_entries; i++) {
        if (i < tree->n_entries &&
            tree->entries[i].prefix.address == tree->entries[first].prefix.address &&
            tree->entries[i].prefix.length == tree->entries[first].prefix.length)
            continue;
        tree_add_node(tree, first, i - first);
        first = i;
    }

    for (size_t i = tree->n_nodes; i-- > 0;) {
        const struct node *node = &tree->nodes[i];

        if (node->parent == NO_NODE)
            continue;
        tree->nodes[node->parent].n_below += node->n_below + 1;
        tree->nodes[node->parent].weight_below += node->weight_below + node->weight;
    }

    for (tree->n_buckets = 16; tree->n_buckets < 2 * tree->n_nodes; tree->n_buckets *= 2)
        ;
    tree->buckets = malloc(tree->n_buckets * sizeof(*tree->buckets));
    if (!tree->buckets)
        return -ENOMEM;
    for (size_t i = 0; i < tree->n_buckets; i++)
        tree->buckets[i] = NO_CLASS;
    return 0;
}

/* Its own parts and those carried to it, ascending and each once; owned by the caller. */
static int node_members(const struct tree *tree, const struct node *node, uint32_t **ret_members,
                        size_t *ret_n_members)
{
    size_t room = node->n_carried + node->n_own, n = 0, i = 0, j = 0;
    uint32_t *members = calloc(room, sizeof(*members));

    if (!members)
        return -ENOMEM;

    while (i < node->n_carried || j < node->n_own) {
        uint32_t carried = i < node->n_carried ? node->carried[i] : UINT32_MAX;
        uint32_t own = j < node->n_own ? tree->entries[node->own + j].part : UINT32_MAX;
        uint32_t next = carried < own ? carried : own;

        i += carried == next;
        j += own == next;
        if (n == 0 || members[n - 1] != next)
            members[n++] = next;
    }

    *ret_members = members;
    *ret_n_members = n;
    return 0;
}

/* FNV-1a over the members and the parent: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash_members(const uint32_t *members, size_t n_members, uint32_t parent)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < n_members; i++)
        hash = (hash ^ members[i]) * UINT64_C(0x100000001b3);
    return (hash ^ parent) * UINT64_C(0x100000001b3);
}

/* Finds or makes the class of these members, of which it becomes the owner. */
static int plan_class(struct tree *tree, struct source_plan *plan, const struct node *node,
                      uint32_t *members_taken, size_t n_members, uint32_t *ret_class)
{
    cleanup_(freep) uint32_t *members = members_taken;
    size_t bucket =
        hash_members(members, n_members, node->link) * UINT64_C(0x9e3779b97f4a7c15) >> 20 &
        (tree->n_buckets - 1);
    int r;

    for (; tree->buckets[bucket] != NO_CLASS; bucket = (bucket + 1) & (tree->n_buckets - 1)) {
        const struct class_plan *there = &plan->classes[tree->buckets[bucket]];

        if (there->parent == node->link && there->n_members == n_members &&
            memcmp(there->members, members, n_members * sizeof(*members)) == 0) {
            *ret_class = tree->buckets[bucket];
            return 0;
        }
    }

    r = array_reserve(&plan->classes, &plan->classes_capacity, plan->n_classes + 1,
                      sizeof(*plan->classes));
    if (r < 0)
        return r;

    *ret_class = tree->buckets[bucket] = (uint32_t)plan->n_classes;
    plan->classes[plan->n_classes++] = (struct class_plan){
        .members = TAKE_PTR(members),
        .n_members = n_members,
        .parent = node->link,
        .n_links = node->link == NO_CLASS ? 0 : plan->classes[node->link].n_links + 1,
        .first_source = node->range.first,
    };
    return 0;
}

static size_t members_weight(const struct tree *tree, const uint32_t *members, size_t n_members)
{
    size_t weight = 0;

    for (size_t i = 0; i < n_members; i++)
        weight += part_weight(&tree->parts->parts[members[i]]);
    return weight;
}

/* Rows of a class and of its parents. */
static size_t chain_weight(const struct tree *tree, const struct source_plan *plan, uint32_t class)
{
    size_t weight = 0;

    for (; class != NO_CLASS; class = plan->classes[class].parent)
        weight +=
            members_weight(tree, plan->classes[class].members, plan->classes[class].n_members);
    return weight;
}

static int compare_members(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return COMPARE(*x, *y);
}

/* Puts what the node would get from the classes that it is linked to into `*members`. */
static int node_unlink(struct node *node, const struct source_plan *plan, uint32_t **members,
                       size_t *n_members)
{
    size_t capacity = *n_members, n = 0;

    for (uint32_t class = node->link; class != NO_CLASS; class = plan->classes[class].parent) {
        const struct class_plan *above = &plan->classes[class];
        int r = array_append_all(members, n_members, &capacity, above->members, above->n_members,
                                 sizeof(**members));

        if (r < 0)
            return r;
    }

    qsort(*members, *n_members, sizeof(**members), compare_members);
    for (size_t i = 0; i < *n_members; i++) {
        if (n == 0 || (*members)[n - 1] != (*members)[i])
            (*members)[n++] = (*members)[i];
    }
    *n_members = n;
    node->link = NO_CLASS;
    return 0;
}

/*
 * Decides whether what applies to the node is copied into the nodes below it, which then have its
 * link, or whether they are linked to it. Where that would make a chain too long, the cheaper of
 * two copies is made: into the nodes below, or of the whole chain above into this node, with which
 * a new chain begins.
 */
static int node_settle(struct tree *tree, struct node *node, const struct source_plan *plan,
                       uint32_t **members, size_t *n_members, bool *ret_copies_down)
{
    size_t weight = members_weight(tree, *members, *n_members), above, copies;

    assert(node->link == NO_CLASS || plan->classes);
    *ret_copies_down =
        weight * node->n_below <= COPY_FACTOR * (weight + node->weight_below) + COPY_FREE;
    if (*ret_copies_down || node->link == NO_CLASS ||
        plan->classes[node->link].n_links + 1 < LINKS_MAX)
        return 0;

    above = chain_weight(tree, plan, node->link);
    *ret_copies_down = weight * node->n_below <= above;
    /* What is carried to it has been counted where it came from. */
    copies = *ret_copies_down ? node->weight * node->n_below : above;
    if (copies > tree->copies_left)
        return -E2BIG;

    tree->copies_left -= copies;
    return *ret_copies_down ? 0 : node_unlink(node, plan, members, n_members);
}

/* Gives the nodes directly below what they inherit. */
static int node_hand_down(struct tree *tree, size_t index, const uint32_t *members,
                          size_t n_members, uint32_t link)
{
    size_t end = index + tree->nodes[index].n_below;

    for (size_t i = index + 1; i <= end; i += tree->nodes[i].n_below + 1) {
        struct node *below = &tree->nodes[i];

        below->link = link;
        if (n_members == 0)
            continue;
        below->carried = malloc(n_members * sizeof(*members));
        if (!below->carried)
            return -ENOMEM;
        memcpy(below->carried, members, n_members * sizeof(*members));
        below->n_carried = n_members;
    }
    return 0;
}

/* True where every address of the node lies in a node below it. */
static bool node_is_covered(const struct tree *tree, size_t index)
{
    size_t end = index + tree->nodes[index].n_below;
    ip_number covered = 0;

    for (size_t i = index + 1; i <= end; i += tree->nodes[i].n_below + 1)
        covered += tree->nodes[i].range.last - tree->nodes[i].range.first + 1;
    return end > index &&
           covered == tree->nodes[index].range.last - tree->nodes[index].range.first + 1;
}

static int node_plan(struct tree *tree, size_t index, struct source_plan *plan)
{
    struct node *node = &tree->nodes[index];
    cleanup_(freep) uint32_t *members = NULL, *copy = NULL;
    size_t n_members;
    bool copies_down;
    int r;

    r = node_members(tree, node, &members, &n_members);
    if (r < 0)
        return r;

    r = node_settle(tree, node, plan, &members, &n_members, &copies_down);
    if (r < 0)
        return r;

    if (!copies_down || !node_is_covered(tree, index)) {
        copy = malloc(n_members * sizeof(*members));
        if (!copy)
            return -ENOMEM;
        memcpy(copy, members, n_members * sizeof(*members));

        r = plan_class(tree, plan, node, TAKE_PTR(copy), n_members, &node->class);
        if (r < 0)
            return r;
    }

    free(node->carried);
    node->carried = NULL;
    if (copies_down)
        return node_hand_down(tree, index, members, n_members, node->link);

    assert(plan->classes && node->class != NO_CLASS);
    plan->classes[node->class].is_parent = true;
    return node_hand_down(tree, index, NULL, 0, node->class);
}

static int plan_add_source(struct source_plan *plan, ip_number first, ip_number last,
                           uint32_t class)
{
    struct source_row *previous = plan->n_sources > 0 ? &plan->sources[plan->n_sources - 1] : NULL;

    if (previous && previous->class == class && previous->source.last + 1 == first) {
        previous->source.last = last;
        return 0;
    }

    return array_append(&plan->sources, &plan->n_sources, &plan->sources_capacity,
                        &(struct source_row){{first, last}, class}, sizeof(struct source_row));
}

/* Walks the addresses from the lowest to the highest; each belongs to its innermost node. */
static int plan_sources(const struct tree *tree, struct source_plan *plan)
{
    uint32_t open = NO_NODE;
    ip_number next = 0;
    bool ended = false; /* the last address of all is done */
    size_t i = 0;
    int r;

    while (i < tree->n_nodes || open != NO_NODE) {
        const struct node *node = i < tree->n_nodes ? &tree->nodes[i] : NULL;
        const struct node *outer = open != NO_NODE ? &tree->nodes[open] : NULL;

        if (node && (!outer || node->range.first <= outer->range.last)) {
            if (outer && node->range.first > next) {
                r = plan_add_source(plan, next, node->range.first - 1, outer->class);
                if (r < 0)
                    return r;
            }
            next = node->range.first;
            open = (uint32_t)i++;
            continue;
        }

        assert(outer); /* where no node is open, the next one is opened above */
        if (!ended && next <= outer->range.last) {
            r = plan_add_source(plan, next, outer->range.last, outer->class);
            if (r < 0)
                return r;
        }
        ended = outer->range.last == ~(ip_number)0;
        next = outer->range.last + 1;
        open = outer->parent;
    }
    return 0;
}

int source_plan_make(const struct parts *parts, const uint32_t *members, size_t n_members,
                     enum family family, size_t copies_max, struct source_plan *ret_plan,
                     uint32_t *ret_culprit)
{
    cleanup_(tree_clear) struct tree tree = {
        .parts = parts,
        .bits = family_bits(family),
        .copies_left = copies_max,
    };
    cleanup_(source_plan_clear) struct source_plan plan = {0};
    int r;

    r = tree_collect(&tree, members, n_members);
    if (r < 0)
        return r;

    r = tree_build(&tree);
    if (r < 0)
        return r;

    for (size_t i = 0; i < tree.n_nodes; i++) {
        r = node_plan(&tree, i, &plan);
        if (r == -E2BIG)
            *ret_culprit = parts->parts[tree.entries[tree.nodes[i].own].part].flow;
        if (r < 0)
            return r;
    }

    r = plan_sources(&tree, &plan);
    if (r < 0)
        return r;

    *ret_plan = plan;
    plan = (struct source_plan){0};
    return 0;
}

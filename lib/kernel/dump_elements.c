/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Elements read back. The kernel hands out the two ends of a one-field interval as elements of
 * their own, in an order of its own, so they are collected, sorted and paired.
 */

#include "kernel/dump.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "kernel/elements.h"
#include "kernel/nftables_private.h"

/* By how much an expiry may seem to differ from the wanted one: the kernel counts from when it got
 * the element, in ticks, and the dump takes its time. */
#define EXPIRY_TOLERANCE (2 * USEC_PER_SEC)

#define KEY_MAX ((size_t)64)

/* One end of an interval of a set with one field. */
struct bound {
    uint8_t key[16];
    bool is_end;
    struct element element; /* of a beginning; texts in the ruleset's arena */
};

struct element_reader {
    struct dump *dump;
    struct set *set;
    struct bound *bounds;
    size_t n_bounds;
    size_t capacity;
};

static void element_reader_clear(struct element_reader *reader)
{
    free(reader->bounds);
}

/* The instant so many milliseconds from now; what lies beyond all instants is the last of them. */
static usec_t expiry_of(usec_t now, uint64_t msec)
{
    if (msec > (uint64_t)(USEC_NEVER - now) / 1000)
        return USEC_NEVER;
    return now + (usec_t)msec * 1000;
}

static struct element element_of(const struct element_reader *reader,
                                 const struct element_view *view)
{
    struct element element = {
        .target = view->chain ? view->chain : view->object,
        .comment = view->comment,
        .mark = reader->set->data == SET_DATA_MARK ? view->mark : 0,
        .verdict = view->verdict,
    };

    if (view->expires)
        element.expires = expiry_of(reader->dump->now, view->expires_msec);
    return element;
}

static int read_bound(struct element_reader *reader, const struct element_view *view)
{
    struct bound *bound;
    int r = array_reserve(&reader->bounds, &reader->capacity, reader->n_bounds + 1,
                          sizeof(*reader->bounds));

    if (r < 0)
        return r;

    bound = &reader->bounds[reader->n_bounds];
    *bound = (struct bound){.is_end = view->interval_end, .element = element_of(reader, view)};
    memcpy(bound->key, view->key, view->key_length);
    if (bound->element.target) {
        bound->element.target = arena_string(reader->dump->ruleset->arena, bound->element.target);
        if (!bound->element.target)
            return -ENOMEM;
    }
    if (bound->element.comment) {
        bound->element.comment = arena_string(reader->dump->ruleset->arena, bound->element.comment);
        if (!bound->element.comment)
            return -ENOMEM;
    }
    reader->n_bounds++;
    return 0;
}

static int read_element(const struct element_view *view, void *userdata)
{
    struct element_reader *reader = userdata;
    struct set *set = reader->set;
    uint8_t key[KEY_MAX] = {0}, key_end[KEY_MAX] = {0};
    struct element element;

    if (view->key_length != elements_key_length(set))
        return -EBADMSG;
    if (set->interval && set->n_key == 1)
        return view->key_length <= sizeof(reader->bounds->key) ? read_bound(reader, view)
                                                               : -EBADMSG;

    element = element_of(reader, view);
    memcpy(key, view->key, view->key_length);
    memcpy(key_end, view->key_end ? view->key_end : view->key, view->key_length);
    element.key = key;
    element.key_end = set->interval ? key_end : NULL;
    return ruleset_add_element(reader->dump->ruleset, set, &element);
}

static int read_elements(const struct nlmsghdr *message, void *userdata)
{
    return elements_each(message, read_element, userdata);
}

/* By key; where one interval ends and the next begins, the end comes first. */
static int compare_bounds(const void *a, const void *b)
{
    const struct bound *x = a, *y = b;
    int order = memcmp(x->key, y->key, sizeof(x->key));

    return order != 0 ? order : y->is_end - x->is_end;
}

/* Writes the key before `key`, which is not the first of all. */
static void key_before(uint8_t *key, size_t length)
{
    for (size_t i = length; i > 0; i--)
        if (key[i - 1]-- != 0)
            return;
}

/* A beginning lasts to the key before the next bound, or to the last key of all. */
static int pair_bounds(struct element_reader *reader)
{
    size_t length = elements_key_length(reader->set);
    int r;

    if (reader->n_bounds == 0)
        return 0;
    qsort(reader->bounds, reader->n_bounds, sizeof(*reader->bounds), compare_bounds);

    for (size_t i = 0; i < reader->n_bounds; i++) {
        struct bound *bound = &reader->bounds[i];
        uint8_t key_end[sizeof(bound->key)] = {0};

        if (bound->is_end)
            continue;
        if (i + 1 < reader->n_bounds) {
            memcpy(key_end, bound[1].key, sizeof(key_end));
            key_before(key_end, length);
        } else {
            memset(key_end, 0xff, length);
        }
        bound->element.key = bound->key;
        bound->element.key_end = key_end;
        r = ruleset_add_element(reader->dump->ruleset, reader->set, &bound->element);
        if (r < 0)
            return r;
    }
    return 0;
}

int dump_elements(struct dump *dump, struct set *set)
{
    cleanup_(element_reader_clear) struct element_reader reader = {.dump = dump, .set = set};
    char buffer[REQUEST_MAX];
    struct nlmsghdr *request;
    int r;

    /* A set that a ruleset cannot express is replaced whole; its elements do not matter. */
    if (set->n_key == 0)
        return 0;
    /* What rules have added is state, which no ruleset holds. */
    if (set->dynamic)
        return 0;

    request = nftables_request_new(buffer, NFT_MSG_GETSETELEM, NLM_F_DUMP);
    mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, dump->ruleset->table);
    mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set->name);
    r = netlink_request(&dump->nftables->netlink, request, read_elements, &reader);
    return r < 0 ? r : pair_bounds(&reader);
}

static int reconcile_element(struct dump *dump, struct element *seen,
                             const struct element *expected)
{
    usec_t apart = seen->expires - expected->expires;
    size_t length = expected->comment ? elements_comment_length(expected->comment) : 0;

    seen->location = expected->location;
    if (seen->expires != 0 && expected->expires != 0 && apart > -EXPIRY_TOLERANCE &&
        apart < EXPIRY_TOLERANCE)
        seen->expires = expected->expires;

    if (seen->comment && expected->comment && expected->comment[length] != '\0' &&
        strlen(seen->comment) == length && memcmp(seen->comment, expected->comment, length) == 0) {
        seen->comment = arena_string(dump->ruleset->arena, expected->comment);
        if (!seen->comment)
            return -ENOMEM;
    }
    return 0;
}

/* Both are sorted by key. */
static int reconcile_set(struct dump *dump, struct set *seen, const struct set *expected)
{
    size_t i = 0, j = 0;

    while (i < seen->n_elements && j < expected->n_elements) {
        int order = element_compare(seen, &seen->elements[i], &expected->elements[j]);
        int r = 0;

        if (order == 0)
            r = reconcile_element(dump, &seen->elements[i], &expected->elements[j]);
        if (r < 0)
            return r;
        i += order <= 0;
        j += order >= 0;
    }
    return 0;
}

int dump_reconcile(struct dump *dump)
{
    struct ruleset *ruleset = dump->ruleset;

    if (!dump->expected)
        return 0;

    for (size_t i = 0; i < ruleset->n_chains; i++) {
        const struct chain *expected = ruleset_find_chain(dump->expected, ruleset->chains[i].name);

        if (expected)
            ruleset->chains[i].location = expected->location;
    }

    for (size_t i = 0; i < ruleset->n_sets; i++) {
        const struct set *expected = ruleset_find_set(dump->expected, ruleset->sets[i].name);
        int r = 0;

        if (expected && set_definition_equal(&ruleset->sets[i], expected))
            r = reconcile_set(dump, &ruleset->sets[i], expected);
        if (r < 0)
            return r;
    }
    return 0;
}

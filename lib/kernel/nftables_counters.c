/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reading what was counted. The kernel may break a dump off and the reading starts over, so all
 * counts are kept until the dump is whole, and only then given to the handler. A dump that has an
 * element twice, because the kernel moved the set to a larger hash table meanwhile, lacks another;
 * it is read again too. So the handler sees each element once.
 *
 * A dump takes time in the square of the elements: for each piece of 32 KiB the kernel goes through
 * the set from its beginning. Of 100,000 elements of `live` it takes 0.5 s of the processor, and
 * asking for each by its key 0.2 s, nearly all of it in the kernel.
 */

#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "kernel/attributes.h"
#include "kernel/elements.h"
#include "kernel/nftables_private.h"

struct counted_element {
    uint8_t key[64];
    struct nftables_count count;
};

struct counted_elements {
    struct counted_element *elements;
    size_t n_elements;
    size_t capacity;
    size_t key_length;
    bool intervals;
};

static void counted_elements_clear(struct counted_elements *elements)
{
    free(elements->elements);
}

static int add_element(const struct element_view *view, void *userdata)
{
    struct counted_elements *elements = userdata;
    struct counted_element element = {.count = view->count};

    elements->intervals = elements->intervals || view->key_end || view->interval_end;
    if (view->interval_end)
        return 0;

    memcpy(element.key, view->key, view->key_length);
    elements->key_length = view->key_length;
    return array_append(&elements->elements, &elements->n_elements, &elements->capacity, &element,
                        sizeof(element));
}

static int compare_elements(const void *a, const void *b)
{
    const struct counted_element *x = a, *y = b;

    return memcmp(x->key, y->key, sizeof(x->key));
}

/* Sorts the elements; false where one is there twice. Intervals are in no hash table. */
static bool sort_elements(struct counted_elements *elements)
{
    if (elements->intervals)
        return true;
    if (elements->n_elements > 1)
        qsort(elements->elements, elements->n_elements, sizeof(*elements->elements),
              compare_elements);
    for (size_t i = 1; i < elements->n_elements; i++)
        if (compare_elements(&elements->elements[i - 1], &elements->elements[i]) == 0)
            return false;
    return true;
}

int nftables_read_elements(struct nftables *nftables, const char *table, const char *set,
                           nftables_element_handler handler, void *userdata)
{
    cleanup_(counted_elements_clear) struct counted_elements elements = {0};
    int r = -EINTR;

    for (unsigned tries = 0; r == -EINTR && tries < TRIES_MAX; tries++) {
        elements.n_elements = 0;
        r = nftables_dump_elements(nftables, table, set,
                                   (struct element_walk){add_element, &elements});
        if (r == 0 && !sort_elements(&elements))
            r = -EINTR;
    }
    if (r < 0)
        return r == -EINTR ? -EAGAIN : r;

    for (size_t i = 0; r >= 0 && i < elements.n_elements; i++)
        r = handler(elements.elements[i].key, elements.key_length, elements.elements[i].count,
                    userdata);
    return r < 0 ? r : 0;
}

/*
 * A look at single elements, also before they are changed: those with a timeout go when their time
 * comes, and what they counted must be known to be carried over. The kernel finds each by its hash.
 */

/* So many answers fit the receive buffer of a user who may not enlarge it. */
#define REQUEST_ELEMENTS 32
#define REQUEST_ROOM (REQUEST_MAX + REQUEST_ELEMENTS * 256)
/* So many elements are looked at before the handler sees them. */
#define KNOWN_ELEMENTS (8 * REQUEST_ELEMENTS)

struct observer {
    const struct change *change;
    struct element_state *states;
    size_t next; /* element that the next answer is about: they come in the order of asking */
};

static bool comment_equal(const char *wanted, const char *seen)
{
    if (!wanted || !seen)
        return wanted == seen;
    return strlen(seen) == elements_comment_length(wanted) &&
           memcmp(wanted, seen, strlen(seen)) == 0;
}

static int observe_element(const struct element_view *view, void *userdata)
{
    struct observer *observer = userdata;
    const struct change *change = observer->change;
    const struct element *element;

    if (observer->next >= change->n_elements)
        return -EBADMSG;
    element = change->elements[observer->next];
    if (view->key_length != elements_key_length(change->set) ||
        memcmp(view->key, element->key, view->key_length) != 0)
        return -EBADMSG;

    observer->states[observer->next++] = (struct element_state){
        .present = true,
        .comment_equal = comment_equal(element->comment, view->comment),
        .expires = view->expires,
        .count = view->count,
    };
    return 0;
}

/* Asks for some elements from `observer->next` on. The kernel stops at the first that is gone, with
 * -ENOENT. */
static int observe_some(struct nftables *nftables, const char *table, struct observer *observer)
{
    const struct change *change = observer->change;
    size_t end = observer->next + REQUEST_ELEMENTS;
    struct nlattr *list, *nest;
    char buffer[REQUEST_ROOM];
    struct nlmsghdr *request;

    request = nftables_request_new(buffer, NFT_MSG_GETSETELEM, NLM_F_ACK);
    mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, table);
    mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, change->set->name);
    list = mnl_attr_nest_start(request, NFTA_SET_ELEM_LIST_ELEMENTS);
    for (size_t i = observer->next; i < end && i < change->n_elements; i++) {
        nest = mnl_attr_nest_start(request, NFTA_LIST_ELEM);
        elements_put_keys(request, change->set, change->elements[i]);
        mnl_attr_nest_end(request, nest);
    }
    mnl_attr_nest_end(request, list);
    return netlink_request(&nftables->netlink, request, elements_each,
                           &(struct element_walk){observe_element, observer});
}

int nftables_observe(struct nftables *nftables, const char *table, const struct change *change,
                     struct element_state *ret_states)
{
    struct observer observer = {.change = change, .states = ret_states};
    int r;

    memset(ret_states, 0, change->n_elements * sizeof(*ret_states));

    while (observer.next < change->n_elements) {
        size_t before = observer.next;

        r = observe_some(nftables, table, &observer);
        if (r == -ENOENT)
            observer.next++;
        else if (r < 0)
            return r;
        else if (observer.next == before)
            return -EBADMSG;
    }
    return 0;
}

int nftables_read_known(struct nftables *nftables, const char *table, const struct set *set,
                        nftables_known_handler handler, void *userdata)
{
    const struct element *elements[KNOWN_ELEMENTS];
    struct element_state states[KNOWN_ELEMENTS];
    struct change some = {.set = set, .elements = elements};
    int r = set->interval ? -EINVAL : 0;

    for (size_t first = 0; r >= 0 && first < set->n_elements; first += some.n_elements) {
        some.n_elements = set->n_elements - first;
        if (some.n_elements > KNOWN_ELEMENTS)
            some.n_elements = KNOWN_ELEMENTS;
        for (size_t i = 0; i < some.n_elements; i++)
            elements[i] = &set->elements[first + i];
        r = nftables_observe(nftables, table, &some, states);
        for (size_t i = 0; r >= 0 && i < some.n_elements; i++)
            if (states[i].present)
                r = handler(elements[i], states[i].count, userdata);
    }
    return r < 0 ? r : 0;
}

struct named_count {
    char name[NFT_OBJ_MAXNAMELEN];
    struct nftables_count count;
};

struct named_counts {
    const char *table;
    struct named_count *counts;
    size_t n_counts;
    size_t capacity;
};

static void named_counts_clear(struct named_counts *counts)
{
    free(counts->counts);
}

static int add_counter(const struct nlmsghdr *message, void *userdata)
{
    struct attributes list = attributes_of(message);
    const char *table = attribute_string(attributes_find(list, NFTA_OBJ_TABLE));
    const char *name = attribute_string(attributes_find(list, NFTA_OBJ_NAME));
    struct named_counts *counts = userdata;
    struct named_count count;

    if (!table || strcmp(table, counts->table) != 0 || !name ||
        strlen(name) >= sizeof(count.name) ||
        attribute_u32(attributes_find(list, NFTA_OBJ_TYPE)) != NFT_OBJECT_COUNTER ||
        !elements_count(attributes_in(attributes_find(list, NFTA_OBJ_DATA)), &count.count))
        return 0;

    strcpy(count.name, name);
    return array_append(&counts->counts, &counts->n_counts, &counts->capacity, &count,
                        sizeof(count));
}

int nftables_read_counters(struct nftables *nftables, const char *table,
                           nftables_counter_handler handler, void *userdata)
{
    cleanup_(named_counts_clear) struct named_counts counts = {.table = table};
    char buffer[REQUEST_MAX];
    struct nlmsghdr *request;
    int r = -EINTR;

    for (unsigned tries = 0; r == -EINTR && tries < TRIES_MAX; tries++) {
        counts.n_counts = 0;
        request = nftables_request_new(buffer, NFT_MSG_GETOBJ, NLM_F_DUMP);
        mnl_attr_put_strz(request, NFTA_OBJ_TABLE, table);
        mnl_attr_put_u32(request, NFTA_OBJ_TYPE, htobe32(NFT_OBJECT_COUNTER));
        r = netlink_request(&nftables->netlink, request, add_counter, &counts);
    }
    if (r < 0)
        return r == -EINTR ? -EAGAIN : r;

    for (size_t i = 0; r >= 0 && i < counts.n_counts; i++)
        r = handler(counts.counts[i].name, counts.counts[i].count, userdata);
    return r < 0 ? r : 0;
}

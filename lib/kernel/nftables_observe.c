/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A look at single elements before they are changed: elements with a timeout go when their time
 * comes, and what they counted must be known to be carried over.
 */

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "kernel/attributes.h"
#include "kernel/elements.h"
#include "kernel/nftables_private.h"

/* Above this, one dump of the whole set costs less than so many round trips. */
#define SINGLE_MAX 64

struct observer {
    const struct change *change;
    struct observation *observations;
};

/* The index of the change's element with the key, or the number of elements. */
static size_t observer_find(const struct observer *observer, const struct element_view *view)
{
    size_t length = elements_key_length(observer->change->set);
    size_t low = 0, high = observer->change->n_elements;

    if (view->key_length != length)
        return observer->change->n_elements;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(observer->change->elements[middle]->key, view->key, length);

        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return observer->change->n_elements;
}

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
    size_t index = observer_find(observer, view);

    if (index == observer->change->n_elements || view->interval_end)
        return 0;

    observer->observations[index] = (struct observation){
        .present = true,
        .comment_equal = comment_equal(observer->change->elements[index]->comment, view->comment),
        .expires = view->expires,
        .count = view->count,
    };
    return 0;
}

static int observe_message(const struct nlmsghdr *message, void *userdata)
{
    return elements_each(message, observe_element, userdata);
}

static int observe_all(struct nftables *nftables, const char *table, struct observer *observer)
{
    char buffer[REQUEST_MAX];
    struct nlmsghdr *request;
    int r = -EINTR;

    for (unsigned tries = 0; r == -EINTR && tries < TRIES_MAX; tries++) {
        memset(observer->observations, 0,
               observer->change->n_elements * sizeof(*observer->observations));
        request = nftables_request_new(buffer, NFT_MSG_GETSETELEM, NLM_F_DUMP);
        mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, table);
        mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, observer->change->set->name);
        r = netlink_request(&nftables->netlink, request, observe_message, observer);
    }
    return r == -EINTR ? -EAGAIN : r;
}

static int observe_one(struct nftables *nftables, const char *table, struct observer *observer,
                       const struct element *element)
{
    char buffer[REQUEST_MAX];
    struct nlmsghdr *request = nftables_request_new(buffer, NFT_MSG_GETSETELEM, 0);
    struct nlattr *list, *nest;

    mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, table);
    mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, observer->change->set->name);
    list = mnl_attr_nest_start(request, NFTA_SET_ELEM_LIST_ELEMENTS);
    nest = mnl_attr_nest_start(request, NFTA_LIST_ELEM);
    elements_put_keys(request, observer->change->set, element);
    mnl_attr_nest_end(request, nest);
    mnl_attr_nest_end(request, list);
    return netlink_request(&nftables->netlink, request, observe_message, observer);
}

int nftables_observe(struct nftables *nftables, const char *table, const struct change *change,
                     struct observation *ret_observations)
{
    struct observer observer = {.change = change, .observations = ret_observations};
    int r;

    memset(ret_observations, 0, change->n_elements * sizeof(*ret_observations));

    if (change->n_elements > SINGLE_MAX) {
        r = observe_all(nftables, table, &observer);
        return r == -ENOENT ? 0 : r;
    }

    for (size_t i = 0; i < change->n_elements; i++) {
        r = observe_one(nftables, table, &observer, change->elements[i]);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    return 0;
}

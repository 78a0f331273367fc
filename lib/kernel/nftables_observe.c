/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A look at single elements before they are changed: elements with a timeout go when their time
 * comes, and what they counted must be known to be carried over. The kernel finds each by its hash;
 * a dump of the whole set would take time in the square of its size.
 */

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "kernel/attributes.h"
#include "kernel/elements.h"
#include "kernel/nftables_private.h"

/* So many answers fit the receive buffer of a user who may not enlarge it. */
#define REQUEST_ELEMENTS 32
#define REQUEST_ROOM (REQUEST_MAX + REQUEST_ELEMENTS * 256)

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

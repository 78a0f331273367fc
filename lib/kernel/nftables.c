/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The handle of the kernel's nftables: a socket and what is known of the kernel. One
 * handle does everything, reading and changing, because a table that a socket owns can be changed
 * by that socket alone.
 */

#include "kernel/nftables.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/attributes.h"
#include "kernel/nftables_private.h"

struct nlmsghdr *nftables_request_new(char buffer[REQUEST_MAX], uint16_t type, uint16_t flags)
{
    return nftnl_nlmsg_build_hdr(buffer, type, NFPROTO_INET, flags, 0);
}

void nftables_follow_gone(struct nftables *nftables, nftables_gone_handler handler, void *userdata)
{
    nftables->gone = handler;
    nftables->userdata = userdata;
}

static int read_generation(const struct nlmsghdr *message, void *userdata)
{
    const struct nlattr *id = attributes_find(attributes_of(message), NFTA_GEN_ID);

    if (!id)
        return -EBADMSG;
    *(uint32_t *)userdata = attribute_u32(id);
    return 0;
}

int nftables_generation(struct nftables *nftables, uint32_t *ret_generation)
{
    char buffer[REQUEST_MAX];

    return netlink_request(&nftables->netlink, nftables_request_new(buffer, NFT_MSG_GETGEN, 0),
                           read_generation, ret_generation);
}

/* Over a socket of its own, or where `fd` is not negative over a copy of that. */
static int open_over(int fd, struct nftables **ret_nftables)
{
    cleanup_(nftables_closep) struct nftables *nftables = calloc(1, sizeof(*nftables));
    uint32_t generation;
    int r;

    if (!nftables)
        return -ENOMEM;
    r = fd < 0 ? netlink_open(&nftables->netlink) : netlink_adopt(&nftables->netlink, fd);
    /* The kernel checks the privilege of each request; this one is the first. */
    if (r == 0)
        r = nftables_generation(nftables, &generation);
    if (r < 0)
        return r;

    nftables->port = netlink_port(&nftables->netlink);
    *ret_nftables = TAKE_PTR(nftables);
    return 0;
}

int nftables_enter_child(struct nftables *nftables, bool reads)
{
    netlink_close(&nftables->netlink);
    return reads ? netlink_open(&nftables->netlink) : 0;
}

int nftables_open(struct nftables **ret_nftables)
{
    return open_over(-1, ret_nftables);
}

int nftables_adopt_fd(int fd, struct nftables **ret_nftables)
{
    int r = fd < 0 ? -EINVAL : open_over(fd, ret_nftables);

    if (r == 0)
        close(fd);
    return r;
}

int nftables_fd(const struct nftables *nftables)
{
    return mnl_socket_get_fd(nftables->netlink.socket);
}

int nftables_own(struct nftables *nftables, bool own)
{
    int r = own ? nftables_require_features(nftables) : 0;

    if (r < 0)
        return r;

    /* Never an owner alone: such a table would go with its owner. */
    nftables->own = own && nftables->features.owner_persist;
    return 0;
}

bool nftables_owns(const struct nftables *nftables)
{
    return nftables->own;
}

struct nftables *nftables_close(struct nftables *nftables)
{
    if (!nftables)
        return NULL;

    netlink_close(&nftables->netlink);
    free(nftables);
    return NULL;
}

int nftables_dump_elements(struct nftables *nftables, const char *table, const char *set,
                           struct element_walk walk)
{
    char buffer[REQUEST_MAX];
    struct nlmsghdr *request = nftables_request_new(buffer, NFT_MSG_GETSETELEM, NLM_F_DUMP);

    mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, table);
    mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set);
    return netlink_request(&nftables->netlink, request, elements_each, &walk);
}

int nftables_require_features(struct nftables *nftables)
{
    struct nftables_features features;

    return nftables->probed ? 0 : nftables_probe(nftables, &features);
}

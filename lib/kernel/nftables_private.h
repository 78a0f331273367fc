/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/elements.h"
#include "kernel/netlink.h"
#include "kernel/nftables.h"

/* What the files of `nftables_*` share. */
struct nftables {
    struct netlink netlink;
    /* What was found when it was first needed; nftables_probe() always looks again. */
    struct nftables_features features;
    bool probed;
    bool own;      /* tables are to be owned, and the kernel can */
    uint32_t port; /* of the socket that owns them: that of the process that opened the handle */
    nftables_gone_handler gone; /* or NULL */
    void *userdata;             /* of it */
};

/* Bytes of a request. */
#define REQUEST_MAX 2048
/* NFT_TABLE_F_OWNER and, since Linux 6.9, NFT_TABLE_F_PERSIST. */
#define TABLE_OWNER ((uint32_t)0x2)
#define TABLE_PERSIST ((uint32_t)0x4)
/* How often a dump is started over before its reader gives up. */
#define TRIES_MAX 16

/* A request of NFT_MSG_* in `buffer`, ready for attributes. */
struct nlmsghdr *nftables_request_new(char buffer[REQUEST_MAX], uint16_t type, uint16_t flags);

/* Dumps the elements of a set once. Returns as netlink_request(). */
int nftables_dump_elements(struct nftables *nftables, const char *table, const char *set,
                           struct element_walk walk);

/* Probes once. 0 or -errno. */
int nftables_require_features(struct nftables *nftables);

/* What the kernel has now of an element that a change is about. */
struct element_state {
    bool present;
    bool comment_equal;
    bool expires;
    struct nftables_count count;
};

/*
 * Looks at each element of the change. `ret_states` has room for all. Returns 0 (no such set:
 * none is present) or -errno.
 */
int nftables_observe(struct nftables *nftables, const char *table, const struct change *change,
                     struct element_state *ret_states);

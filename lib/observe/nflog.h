/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/reason.h"
#include "observe/packet_head.h"

/* The refused packets that the ruleset writes to a group of NFLOG. */
struct nflog;

/* Returns 0, -EBUSY where somebody else listens to the group, -EPERM, -ENOMEM or -errno. */
int nflog_open(uint16_t group, struct nflog **ret_nflog);
struct nflog *nflog_close(struct nflog *nflog);
DEFINE_CLEANUP(struct nflog, nflog_close)
/* To be waited on for reading; borrowed. */
int nflog_fd(const struct nflog *nflog);

/* Whether the kernel tells which packets are replies: without CONFIG_NETFILTER_NETLINK_GLUE_CT it
 * does not. */
bool nflog_tells_replies(const struct nflog *nflog);

struct nflog_packet {
    enum reason reason; /* REASON_NONE: of no rule of this segd */
    unsigned in, out;   /* indexes of the interfaces; 0: it has none */
    bool reply;         /* of a connection that the other side opened, where the kernel tells it */
    struct packet_head packet;
};

/*
 * Reads the next packet from what has arrived, of at most one message of the kernel with a few
 * hundred packets for each `true` in `*may_receive`, which becomes false. Returns 1 and the packet,
 * 0 where nothing more is there or may be received, or -errno. What cannot be parsed is skipped.
 */
int nflog_read(struct nflog *nflog, bool *may_receive, struct nflog_packet *ret_packet);
/* How many packets were lost since this was last asked, because they were not read in time. */
uint64_t nflog_take_lost(struct nflog *nflog);

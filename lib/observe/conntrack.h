/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/calendar.h"
#include "base/cleanup.h"

/*
 * The connections that the kernel tracks in the network namespace in which conntrack_open() was
 * called, over ctnetlink.
 */
struct conntrack;

/* Returns 0, -EPERM without CAP_NET_ADMIN, -EPROTONOSUPPORT where the kernel has no ctnetlink, or
 * -errno. */
int conntrack_open(struct conntrack **ret_conntrack);
struct conntrack *conntrack_close(struct conntrack *conntrack);
DEFINE_CLEANUP(struct conntrack, conntrack_close)

/* The bits of the mark that hold ids of flows, all after conntrack_open() and where it is 0
 * (policy->mark_mask): nothing is told of the others, and they are not compared. */
void conntrack_set_mark_mask(struct conntrack *conntrack, uint32_t mask);

/* One connection. Addresses are the real ones, as the switchboard judges them: the source that
 * opened it, and who answers behind a translation of addresses. Numbers in host order. */
struct conntrack_entry {
    uint32_t id; /* the kernel's own, until the connection ends */
    enum family family;
    ip_number source;      /* of the original direction */
    ip_number destination; /* source of the reply direction */
    uint8_t protocol;
    uint16_t source_port; /* 0 where the protocol has none; of ICMP the identifier */
    uint16_t port;        /* of who answers; of ICMP type times 256 plus code */
    /* As the two ends see each other. They differ from the four before where addresses are
     * translated: where the source sends to, and from whom the one who answers receives. */
    ip_number sent_to, received_from;
    uint16_t sent_to_port, received_from_port; /* of ICMP as above */
    uint32_t mark;
    uint32_t status;  /* IPS_* of nf_conntrack_common.h */
    uint32_t timeout; /* seconds left */
    bool counts;      /* the kernel counts (net.netfilter.nf_conntrack_acct) */
    uint64_t original_packets, original_bytes, reply_packets, reply_bytes;
    const char *state; /* of TCP, `ESTABLISHED`; or NULL. A static string */
    /* 0: the kernel notes no times (net.netfilter.nf_conntrack_timestamp). */
    usec_t began;
};

/* A negative return ends the walk and is returned. */
typedef int (*conntrack_handler)(const struct conntrack_entry *connection, void *userdata);

/* Gives each connection to the handler. What opens or ends meanwhile may or may not be seen.
 * Returns 0 or -errno. */
int conntrack_dump(struct conntrack *conntrack, conntrack_handler handler, void *userdata);

/* Forgets all connections that carry the mark, so that their next packet is judged as a new one's.
 * Returns how many, or -errno. */
int conntrack_delete_mark(struct conntrack *conntrack, uint32_t mark);

/* The connections that the kernel follows in this network namespace, and how many it can. */
struct conntrack_table {
    uint32_t count, max;
};
/* Returns 0, -ENODATA where the kernel does not tell (before 4.18), or -errno. */
int conntrack_read_table(struct conntrack *conntrack, struct conntrack_table *ret_table);

/* What connection tracking did before any rule was asked, since the namespace began; the counters
 * of the kernel have 32 bits for each processor. */
struct conntrack_statistics {
    uint64_t drop;          /* packets dropped: there was no room or no memory for a connection */
    uint64_t early_drop;    /* connections forgotten to make room for others */
    uint64_t insert_failed; /* packets dropped: another connection had the same addresses */
};
/* Returns 0 or -errno. */
int conntrack_read_statistics(struct conntrack *conntrack,
                              struct conntrack_statistics *ret_statistics);

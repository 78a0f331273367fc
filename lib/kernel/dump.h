/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/netlink.h"
#include "kernel/nftables.h"

/* A dump on its way: what nftables_dump.c, dump_rules.c and dump_elements.c share. */
struct dump {
    struct nftables *nftables;
    const struct ruleset *expected; /* or NULL */
    struct ruleset *ruleset;        /* what has been read so far */
    usec_t now;
    /* The chain of the rule read last, and the first expected rule of it that no rule has been
     * found equal to: the kernel dumps rules chain by chain. */
    size_t chain;
    size_t next;
};

/* Reads the elements of one set. 0, -EINTR, or -errno. */
int dump_elements(struct dump *dump, struct set *set);
/*
 * Gives a finished ruleset what the kernel does not know of the expected one: locations, a comment
 * of which the kernel holds the beginning, and the exact expiry where the kernel's agrees. 0 or
 * -ENOMEM.
 */
int dump_reconcile(struct dump *dump);

/* A netlink_handler: adds the rule of the message to its chain. `userdata` is the dump. */
int dump_rule(const struct nlmsghdr *message, void *userdata);

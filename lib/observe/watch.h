/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

/*
 * Notifications of nftables: who changed any table of the namespace. They say only that something
 * changed; what the kernel holds afterwards is read from the kernel.
 */
struct watch;

int watch_open(struct watch **ret_watch);
struct watch *watch_close(struct watch *watch);
DEFINE_CLEANUP(struct watch, watch_close)
/* To be waited on for reading; borrowed. */
int watch_fd(const struct watch *watch);

/* One transaction. */
struct watched {
    uint32_t generation;
    bool touches_table; /* an object of the table that was asked for came, went or changed */
    pid_t process;      /* 0 where the kernel does not say */
    char program[32];   /* name of that process, from the kernel; empty: unknown */
};

/*
 * Reads the next transaction from what has arrived. Returns 1 and the transaction, 0 where nothing
 * more is there, -ENOBUFS where notifications were lost, so that anything may have happened, or
 * -errno.
 */
int watch_read(struct watch *watch, const char *table, struct watched *ret_watched);

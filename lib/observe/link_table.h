/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>

#include "observe/links.h"

/* Interfaces as messages of rtnetlink describe them, in order of index. A zeroed structure is the
 * empty table; link_table_clear() frees what it holds. */
struct link_entry;

struct link_table {
    struct link_entry **entries;
    size_t n_entries;
    size_t capacity;
};

/*
 * Takes in one message about a link or an address; others, and what concerns no link of the table,
 * are ignored. Returns 1 where the table changed, 0 where it did not, -EBADMSG or -ENOMEM.
 */
int link_table_take(struct link_table *table, struct nlmsghdr *message);
const struct link *link_table_at(const struct link_table *table, size_t i);
bool link_table_equal(const struct link_table *a, const struct link_table *b);
void link_table_clear(struct link_table *table);

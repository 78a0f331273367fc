/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/netlink.h"
#include "observe/bypass.h"

/* What the files of `bypass_*` share. */
struct bypass_search {
    const struct policy *policy;
    const struct links *links;
    struct nftables *nftables;
    struct netlink route; /* open while programs are looked for */
    struct arena *arena;
    struct bypasses found;
};

/* Adds a finding. `code` is static, `object` is copied. 0 or -ENOMEM. */
int bypass_add(struct bypass_search *search, const char *code, const char *object,
               const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Adds that something could not be looked at, with the reason. -ENOMEM is not a finding: it is
 * returned. `r` is a negative errno. */
int bypass_add_unknown(struct bypass_search *search, const char *object, int r);

const struct link *bypass_link(const struct bypass_search *search, int index);
/* True for an interface through whose packets those of a zone come: one of the policy, a port of
 * it, or what it stands on. */
bool bypass_carries_zone(const struct bypass_search *search, const struct link *link);

/* Each looks for what its file is about. 0 or -ENOMEM. */
int bypass_find_tables(struct bypass_search *search);
int bypass_find_programs(struct bypass_search *search);

/* Handlers of messages from nftables (netlink_handler); `userdata` is the search. */
int bypass_see_flowtable(const struct nlmsghdr *message, void *userdata);
int bypass_see_rule(const struct nlmsghdr *message, void *userdata);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/netfilter/nf_tables.h>

#include "kernel/attributes.h"
#include "kernel/netlink.h"
#include "observe/bypass.h"

/* What the files of `bypass_*` share. */
struct bypass_search {
    const struct policy *policy;
    const struct links *links;
    struct nftables *nftables;
    struct netlink route; /* open while programs are looked for */
    const char *proc;     /* where proc is mounted */
    struct arena *arena;
    struct bypasses found;
};

/* Adds a finding. `code` is static, `object` is copied. 0 or -ENOMEM. */
int bypass_add(struct bypass_search *search, const char *code, const char *object,
               const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Adds that something could not be looked at, with the reason. -ENOMEM is not a finding: it is
 * returned. `r` is a negative errno. */
int bypass_add_unknown(struct bypass_search *search, const char *object, int r);

/* True for an interface through whose packets those of a zone come: one of the policy, a port of
 * it, or what it stands on. */
bool bypass_carries_zone(const struct bypass_search *search, const struct link *link);

/* The zones of an interface, or NULL where the policy does not name it. */
const struct segment *bypass_segment(const struct bypass_search *search, const struct link *link);
bool bypass_is_bridge(const struct link *link);
/* A bridge that an interface of a zone is, is a port of, or stands on, with that interface in
 * `*ret_link`; or NULL. */
const struct link *bypass_zone_bridge(const struct bypass_search *search,
                                      const struct link **ret_link);

/*
 * Whether a setting is on, which is not 0. `format` is its path below /proc/sys; `name` gets what
 * sysctl(8) calls it, with dots and slashes exchanged. Returns 1 or 0, -ENOENT where the kernel
 * has no such setting, or -errno.
 */
#define BYPASS_SETTING_MAX 128
int bypass_setting(const struct bypass_search *search, char name[BYPASS_SETTING_MAX],
                   const char *format, ...) __attribute__((format(printf, 3, 4)));

/* `inet`, `ip`, …; `other`. Static. */
const char *bypass_family_name(uint8_t family);
/* The text of an attribute, empty where there is none. Borrowed from the message. */
const char *bypass_string_of(struct attributes attributes, uint16_t type);
/* `inet fw`: the table that a message is about, which its attribute `type` names. Returns
 * `buffer`. */
#define BYPASS_TABLE_TEXT_MAX (NFT_TABLE_MAXNAMELEN + 16)
const char *bypass_table_text(const struct nlmsghdr *message, uint16_t type,
                              char buffer[BYPASS_TABLE_TEXT_MAX]);

/* Each looks for what its file is about. 0 or -ENOMEM. */
int bypass_find_legacy(struct bypass_search *search);
int bypass_find_others(struct bypass_search *search);
int bypass_find_programs(struct bypass_search *search);
int bypass_find_settings(struct bypass_search *search);
int bypass_find_carriers(struct bypass_search *search);

/* Judges a port of a VRF device. 0 or -ENOMEM. */
int bypass_judge_vrf(struct bypass_search *search, const struct link *vrf, const struct link *port);

/* What a rule of another table can do. */
enum effect {
    EFFECT_DROP = 1,
    EFFECT_REJECT = 2,
    EFFECT_QUEUE = 4,
    EFFECT_MARK = 8,
    EFFECT_SEND = 16,
};
/* What an expression of a rule does by itself; verdicts and maps are not looked at. */
unsigned bypass_expression_effects(const struct nlattr *expression);

/* Handlers of messages from nftables (netlink_handler); `userdata` is the search. */
int bypass_see_flowtable(const struct nlmsghdr *message, void *userdata);
int bypass_see_rule(const struct nlmsghdr *message, void *userdata);

/* What is seen in routes of the kernel. */
struct bypass_routes {
    size_t labels;         /* of MPLS */
    size_t segments;       /* of segment routing that unpack, or send on, what comes to them */
    struct prefix segment; /* the first of them: packets to where */
};
/* Handler of messages about routes; `userdata` is a struct bypass_routes. */
int bypass_see_route(const struct nlmsghdr *message, void *userdata);
/* Adds what the routes mean. 0 or -ENOMEM. */
int bypass_judge_routes(struct bypass_search *search, const struct bypass_routes *routes);

/* The zones, by index, that policies of IPsec in the kernel are about. */
struct bypass_ipsec {
    const struct bypass_search *search;
    bool zones[POLICY_ZONES_MAX];
};
/* Handler of messages about them; `userdata` is a struct bypass_ipsec. */
int bypass_see_ipsec_policy(const struct nlmsghdr *message, void *userdata);

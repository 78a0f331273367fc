/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ways around the ruleset that tables of other owners are. Ours has neither flowtables nor rules
 * that take packets out of connection tracking, so every one of them, wherever it stands, is a
 * finding. iptables comes in two forms: one writes rules of nftables, which are seen here; the
 * older has tables of its own, whose names the kernel lists.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_CT.h>
#include <stdio.h>
#include <string.h>

#include "kernel/attributes.h"
#include "observe/bypass_private.h"

const char *bypass_family_name(uint8_t family)
{
    static const char *const names[] = {
        [NFPROTO_INET] = "inet", [NFPROTO_IPV4] = "ip",       [NFPROTO_IPV6] = "ip6",
        [NFPROTO_ARP] = "arp",   [NFPROTO_NETDEV] = "netdev", [NFPROTO_BRIDGE] = "bridge",
    };

    return family < ELEMENTS_OF(names) && names[family] ? names[family] : "other";
}

const char *bypass_string_of(struct attributes attributes, uint16_t type)
{
    const char *text = attribute_string(attributes_find(attributes, type));

    return text ? text : "";
}

const char *bypass_table_text(const struct nlmsghdr *message, uint16_t type,
                              char buffer[BYPASS_TABLE_TEXT_MAX])
{
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);

    snprintf(buffer, BYPASS_TABLE_TEXT_MAX, "%s %s", bypass_family_name(header->nfgen_family),
             bypass_string_of(attributes_of(message), type));
    return buffer;
}

int bypass_see_flowtable(const struct nlmsghdr *message, void *userdata)
{
    struct bypass_search *search = userdata;
    char table[BYPASS_TABLE_TEXT_MAX];

    if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
        return -EBADMSG;
    bypass_table_text(message, NFTA_FLOWTABLE_TABLE, table);
    return bypass_add(search, "flowtable", table,
                      "flowtable %s of table %s carries packets past the rules",
                      bypass_string_of(attributes_of(message), NFTA_FLOWTABLE_NAME), table);
}

/* The target of iptables that does the same, as nftables holds it. */
static bool is_notrack_target(const struct nlattr *data)
{
    struct attributes attributes = attributes_in(data);
    const struct nlattr *info = attributes_find(attributes, NFTA_TARGET_INFO);
    const char *name = bypass_string_of(attributes, NFTA_TARGET_NAME);
    uint16_t flags = 0;

    if (strcmp(name, "NOTRACK") == 0)
        return true;
    if (strcmp(name, "CT") != 0 || !info || mnl_attr_get_payload_len(info) < sizeof(flags))
        return false;
    memcpy(&flags, mnl_attr_get_payload(info), sizeof(flags));
    return flags & XT_CT_NOTRACK;
}

static bool is_notrack(const struct nlattr *expression)
{
    struct attributes attributes = attributes_in(expression);
    const char *name = bypass_string_of(attributes, NFTA_EXPR_NAME);

    return strcmp(name, "notrack") == 0 ||
           (strcmp(name, "target") == 0 &&
            is_notrack_target(attributes_find(attributes, NFTA_EXPR_DATA)));
}

static bool has_notrack(const struct nlmsghdr *message)
{
    struct attributes expressions =
        attributes_in(attributes_find(attributes_of(message), NFTA_RULE_EXPRESSIONS));
    const struct nlattr *expression;

    while ((expression = attributes_next(&expressions)))
        if (is_notrack(expression))
            return true;
    return false;
}

/* One finding for all rules of a table: they come one after the other. */
int bypass_see_rule(const struct nlmsghdr *message, void *userdata)
{
    struct bypass_search *search = userdata;
    const struct bypasses *found = &search->found;
    char table[BYPASS_TABLE_TEXT_MAX];

    if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
        return -EBADMSG;
    if (!has_notrack(message))
        return 0;

    bypass_table_text(message, NFTA_RULE_TABLE, table);
    if (found->n_bypasses > 0 &&
        strcmp(found->bypasses[found->n_bypasses - 1].code, "notrack") == 0 &&
        strcmp(found->bypasses[found->n_bypasses - 1].object, table) == 0)
        return 0;
    return bypass_add(search, "notrack", table,
                      "a rule in chain %s of table %s takes packets out of connection tracking",
                      bypass_string_of(attributes_of(message), NFTA_RULE_CHAIN), table);
}

/* The older iptables, of one family. */
struct legacy {
    const char *command;
    const char *names;  /* of its tables in this network namespace, for root's eyes */
    const char *module; /* that has the table `raw` */
};

/* Whether the table may be there at all: kernels of distributions have it as a module, and which
 * modules are loaded everybody may know. Where that is not known it may. */
static bool may_have_raw(const struct legacy *legacy)
{
    FILE *file = fopen("/proc/modules", "re");
    size_t length = strlen(legacy->module);
    char line[256];
    bool found = false;

    if (!file)
        return true;
    while (!found && fgets(line, sizeof(line), file))
        found = strncmp(line, legacy->module, length) == 0 && line[length] == ' ';
    fclose(file);
    return found;
}

/* Its table `raw` is where packets are taken out of connection tracking. */
static int find_legacy(struct bypass_search *search, const struct legacy *legacy)
{
    FILE *file = fopen(legacy->names, "re");
    char name[64];
    int r = file ? 0 : -errno;

    if (r == -ENOENT || (r == -EACCES && !may_have_raw(legacy)))
        return 0;
    if (r < 0)
        return bypass_add_unknown(search, legacy->names, r);
    while (r == 0 && fgets(name, sizeof(name), file))
        if (strcmp(name, "raw\n") == 0)
            r = bypass_add(search, "unknown", legacy->names,
                           "the table raw of the older %s is loaded and is not looked into",
                           legacy->command);
    if (r == 0 && ferror(file))
        r = bypass_add_unknown(search, legacy->names, -EIO);
    fclose(file);
    return r;
}

int bypass_find_legacy(struct bypass_search *search)
{
    static const struct legacy legacies[] = {
        {"iptables", "/proc/net/ip_tables_names", "iptable_raw"},
        {"ip6tables", "/proc/net/ip6_tables_names", "ip6table_raw"},
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(legacies); i++)
        r = find_legacy(search, &legacies[i]);
    return r;
}

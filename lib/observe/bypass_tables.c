/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ways around the ruleset that tables of other owners are. Ours has neither flowtables nor rules
 * that take packets out of connection tracking, so every one of them, wherever it stands, is a
 * finding. iptables comes in two forms: one writes rules of nftables, which are seen here; the
 * older has tables of its own, of which the kernel lists no more than the names.
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

#define LEGACY_TEXT_MAX 64

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

/* Of the older iptables: the tables in which rules may drop, or take packets out of connection
 * tracking. In `nat` they do neither. */
static const char *const legacy_tables[] = {"filter", "mangle", "raw", "security"};

/* The older iptables, of one family. */
struct legacy {
    const char *command;
    const char *names;  /* of its tables in this network namespace, for root's eyes */
    const char *module; /* the module of table `raw` is this with `raw` after it */
};

/* Whether the file, of lines that begin with a name and end or go on with a space, has this one. */
static bool file_has(FILE *file, const char *name)
{
    size_t length = strlen(name);
    char line[256];

    rewind(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, name, length) == 0 && (line[length] == ' ' || line[length] == '\n'))
            return true;
    return false;
}

/* The names in `tables`, with commas; `prefix` stands before each in the file. */
static void list_tables(FILE *file, const char *prefix, char tables[LEGACY_TEXT_MAX])
{
    char name[LEGACY_TEXT_MAX];

    *tables = '\0';
    for (size_t i = 0; i < ELEMENTS_OF(legacy_tables); i++) {
        snprintf(name, sizeof(name), "%s%s", prefix, legacy_tables[i]);
        if (!file_has(file, name))
            continue;
        if (*tables)
            strcat(tables, ", ");
        strcat(tables, legacy_tables[i]);
    }
}

static FILE *open_proc(const struct bypass_search *search, const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", search->proc, name);
    return fopen(path, "re");
}

/*
 * A program that is not root may not see which tables are there. But kernels of distributions have
 * each as a module, and which modules are loaded everybody may know; a table is in this namespace
 * only after somebody used it there. What is in a table cannot be read without an IP socket.
 */
static int find_legacy(struct bypass_search *search, const struct legacy *legacy)
{
    FILE *file = open_proc(search, legacy->names);
    char tables[LEGACY_TEXT_MAX];
    bool certain = file;
    int r = 0;

    if (!file && errno == ENOENT)
        return 0;
    if (!file && errno == EACCES)
        file = open_proc(search, "modules");
    if (!file)
        return bypass_add_unknown(search, legacy->command, -errno);
    list_tables(file, certain ? "" : legacy->module, tables);
    if (ferror(file))
        r = bypass_add_unknown(search, legacy->command, -EIO);
    else if (*tables)
        r = bypass_add(search, "legacy-tables", legacy->command,
                       "%s of %s-legacy %s (%s): rules in them may drop what the policy approves, "
                       "or switch connection tracking off, and segd cannot read them; see "
                       "%s-legacy-save, and use nft or %s-nft instead",
                       certain ? "tables" : "modules for tables", legacy->command,
                       certain ? "are in the kernel" : "are loaded", tables, legacy->command,
                       legacy->command);
    fclose(file);
    return r;
}

int bypass_find_legacy(struct bypass_search *search)
{
    static const struct legacy legacies[] = {
        {"iptables", "net/ip_tables_names", "iptable_"},
        {"ip6tables", "net/ip6_tables_names", "ip6table_"},
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(legacies); i++)
        r = find_legacy(search, &legacies[i]);
    return r;
}

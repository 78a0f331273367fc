/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Tables of others that can drop what the policy approves, or write the mark of connections, are
 * found by chain and gone with them; those that only accept or translate are not:
 * lib/observe/bypass_others.c.
 */

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_connmark.h>

#include "bypass_sample.h"
#include "checks.h"
#include "observe/bypass_private.h"
#include "policy/texts.h"

/* The zones of ZONES without protection of the gateway itself. */
#define UNPROTECTED                                                                                \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "zones:\n"                                                                                     \
    "  office: { class: lgwan, interfaces: [eth1, eth2], networks: [10.1.0.0/16, "                 \
    "\"fd00:1::/64\"] }\n"                                                                         \
    "  server: { class: other, interfaces: [eth3], networks: [10.2.0.0/16, \"fd00:2::/64\"] }\n"   \
    "  world: { class: external, interfaces: [eth4], networks: [any] }\n"

struct table {
    const char *code; /* NULL: nothing is found */
    const char *object;
    const char *message; /* a part of it, or NULL */
    const char *nft;     /* as nft reads it, without the braces of the table `x` */
    const char *family;
    bool protected;
};

#define FORWARD(rules)                                                                             \
    "chain first { type filter hook forward priority 0; policy accept; " rules " }"

static const struct table tables[] = {
    {"others-drop", "table inet x chain first hook forward", "its policy is drop",
     "chain first { type filter hook forward priority 0; policy drop; accept; }", "inet", false},
    {"others-drop", "table ip x chain first hook forward", "a rule drops",
     FORWARD("ip saddr 192.0.2.1 drop;"), "ip", false},
    {"others-drop", "table ip6 x chain first hook forward", "a rule rejects", FORWARD("reject;"),
     "ip6", false},
    {"others-drop", "table ip x chain first hook forward", "policy is drop, and a rule rejects",
     "chain first { type filter hook forward priority 0; policy drop; reject; }", "ip", false},
    {"others-drop", "table inet x chain first hook forward", "a rule drops",
     "chain last { drop; }; chain between { goto last; }; " FORWARD("jump between;"), "inet",
     false},
    {"others-drop", "table inet x chain first hook forward", "a rule drops",
     "map ports { type inet_service : verdict; elements = { 22 : accept, 23 : drop } }; " FORWARD(
         "tcp dport vmap @ports;"),
     "inet", false},
    {"others-drop", "table inet x chain first hook forward", "a rule drops",
     "chain last { drop; }; " FORWARD("tcp dport vmap { 22 : accept, 23 : goto last };"), "inet",
     false},
    {"others-drop", "table ip x chain before hook prerouting", "a rule drops",
     "chain before { type filter hook prerouting priority -300; drop; }", "ip", false},
    {"others-drop", "table ip x chain after hook postrouting", "a rule drops",
     "chain after { type filter hook postrouting priority 0; drop; }", "ip", false},
    {"others-drop", "table inet x chain into hook input", "its policy is drop",
     "chain into { type filter hook input priority 0; policy drop; }", "inet", true},
    {"others-drop", "table inet x chain leave hook output", "a rule drops",
     "chain leave { type filter hook output priority 0; drop; }", "inet", true},
    {"others-drop", "table netdev x chain into hook ingress", "a rule drops",
     "chain into { type filter hook ingress device \"eth1\" priority 0; drop; }", "netdev", false},
    {"others-mark", "table ip x chain before hook prerouting", "mark of connections",
     "chain before { type filter hook prerouting priority -150; ct state new ct mark set ct mark "
     "and "
     "0xffff00ff or 0x100; }",
     "ip", false},
    {"others-mark", "table inet x chain leave hook output", NULL,
     "chain saving { ct mark set meta mark; }; "
     "chain leave { type filter hook output priority 0; jump saving; }",
     "inet", false},

    {"others-send", "table netdev x chain into hook ingress", "on by itself",
     "chain into { type filter hook ingress device \"eth1\" priority 0; fwd to \"eth3\"; }",
     "netdev", false},
    {"others-send", "table ip x chain before hook prerouting", NULL,
     "chain before { type filter hook prerouting priority 0; dup to 10.2.0.9 device \"eth3\"; }",
     "ip", false},

    {NULL, NULL, NULL, FORWARD("accept; counter; ct mark 7 accept; meta mark set ct mark;"), "inet",
     false},
    {NULL, NULL, NULL,
     "chain unused { drop; }; map ports { type inet_service : verdict; elements = { 23 : drop } "
     "}; " FORWARD("accept;"),
     "inet", false},
    {NULL, NULL, NULL,
     "chain before { type nat hook prerouting priority -100; ip daddr 198.51.100.1 dnat to "
     "10.2.0.9; }; "
     "chain after { type nat hook postrouting priority 100; oifname eth4 masquerade; }",
     "ip", false},
    /* What the gateway itself sends and receives is for others to judge here. */
    {NULL, NULL, NULL,
     "chain into { type filter hook input priority 0; policy drop; }; "
     "chain leave { type filter hook output priority 0; policy drop; }",
     "inet", false},
    {NULL, NULL, NULL, "flags dormant; " FORWARD("drop;"), "inet", false},
    {NULL, NULL, NULL, "chain into { type filter hook input priority 0; policy drop; }", "arp",
     true},
    /* No zone's interface is a bridge or has anything to do with lo. */
    {NULL, NULL, NULL, FORWARD("drop;"), "bridge", false},
    {NULL, NULL, NULL,
     "chain into { type filter hook ingress device \"lo\" priority 0; policy drop; }", "netdev",
     false},
    {NULL, NULL, NULL,
     "chain into { type filter hook ingress device \"lo\" priority 0; fwd to \"eth3\"; }", "netdev",
     false},
};

START_TEST(what_another_table_can_do_is_found_until_it_goes)
{
    cleanup_(look_clear) struct look look = {0};
    const struct table *table = &tables[_i];
    const char *policy = table->protected ? ZONES FLOW : UNPROTECTED FLOW;
    char script[1024];

    sandbox_enter();
    run(GATEWAY);
    snprintf(script, sizeof(script), "table %s x { %s; }\n", table->family, table->nft);
    sandbox_nft(script);
    assert_found(&look, policy, table->code, table->object);
    ck_assert_uint_eq(look.found.n_bypasses, table->code ? 1 : 0);
    if (table->message)
        ck_assert_msg(strstr(look.found.bypasses[0].message, table->message), "%s",
                      look.found.bypasses[0].message);

    snprintf(script, sizeof(script), "delete table %s x\n", table->family);
    sandbox_nft(script);
    assert_found(&look, policy, NULL, NULL);
}
END_TEST

START_TEST(what_meets_no_family_of_the_policy_is_not_found)
{
    static const char only_ipv4[] =
        "segd: 1\ntimezone: Asia/Tokyo\nzones:\n"
        "  office: { class: other, interfaces: [eth1], networks: 10.1.0.0/24 }\n"
        "  server: { class: other, interfaces: [eth3], networks: 10.2.0.0/24 }\n"
        "  rest: { class: other, interfaces: [eth2, eth4], networks: 203.0.113.0/24 }\n" FLOW;
    cleanup_(look_clear) struct look look = {0};

    sandbox_enter();
    run(GATEWAY "ip address del fd00:1::1/64 dev eth1\n");
    sandbox_nft("table ip6 x { " FORWARD("drop;") "; }\n");
    assert_found(&look, only_ipv4, NULL, NULL);
    sandbox_nft("table ip x { " FORWARD("drop;") "; }\n");
    assert_found(&look, only_ipv4, "others-drop", "table ip x chain first hook forward");
}
END_TEST

/* What the expression does, of a target of iptables if `mode_at` is not 0: `name` with a mode in
 * its data. */
static unsigned expression_effects(const char *kind, const char *name, uint32_t revision,
                                   size_t mode_at, uint8_t mode)
{
    uint8_t info[32] = {0};
    char buffer[512];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct nlattr *element, *data;

    info[mode_at] = mode;
    element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
    mnl_attr_put_strz(message, NFTA_EXPR_NAME, kind);
    data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
    mnl_attr_put_strz(message, NFTA_TARGET_NAME, name);
    mnl_attr_put_u32(message, NFTA_TARGET_REV, htonl(revision));
    mnl_attr_put(message, NFTA_TARGET_INFO, sizeof(info), info);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, element);
    return bypass_expression_effects(element);
}

/* Rules of iptables that nftables holds; modules for them are not on every machine. */
START_TEST(what_a_target_does_is_read_from_its_message)
{
    const size_t mode1 = offsetof(struct xt_connmark_tginfo1, mode);
    const size_t mode2 = offsetof(struct xt_connmark_tginfo2, mode);

    ck_assert_uint_eq(expression_effects("target", "REJECT", 0, 0, 0), EFFECT_REJECT);
    ck_assert_uint_eq(expression_effects("target", "NFQUEUE", 3, 0, 0), EFFECT_QUEUE);
    ck_assert_uint_eq(expression_effects("queue", "", 0, 0, 0), EFFECT_QUEUE);
    ck_assert_uint_eq(expression_effects("target", "TEE", 1, 0, 0), EFFECT_SEND);
    ck_assert_uint_eq(expression_effects("target", "LOG", 0, 0, 0), 0);
    ck_assert_uint_eq(expression_effects("target", "CONNMARK", 1, mode1, XT_CONNMARK_SET),
                      EFFECT_MARK);
    ck_assert_uint_eq(expression_effects("target", "CONNMARK", 1, mode1, XT_CONNMARK_SAVE),
                      EFFECT_MARK);
    ck_assert_uint_eq(expression_effects("target", "CONNMARK", 1, mode1, XT_CONNMARK_RESTORE), 0);
    ck_assert_uint_eq(expression_effects("target", "CONNMARK", 2, mode2, XT_CONNMARK_SAVE),
                      EFFECT_MARK);
    ck_assert_uint_eq(expression_effects("target", "CONNMARK", 2, mode2, XT_CONNMARK_RESTORE), 0);
}
END_TEST

#define SHARED "chain first { type filter hook prerouting priority -150; ct mark set ct mark "

/* Who leaves the bits of segd alone may write the others. */
START_TEST(a_mark_that_is_shared_is_found_only_where_bits_meet)
{
    static const char policy[] = UNPROTECTED FLOW "gateway: { mark-mask: 0xffff00ff }\n";
    static const struct {
        const char *rule;
        bool found;
    } rules[] = {
        {SHARED "and 0xffff00ff or 0x0100; }", false},
        {SHARED "and 0xffffffff or 0xff00; }", false},
        {SHARED "and 0xffff00ff or 0x10100; }", true},
        {SHARED "and 0x0000ffff; }", true},
        {"chain first { type filter hook prerouting priority -150; ct mark set 0x0100; }", true},
        {"chain first { type filter hook prerouting priority -150; ct mark set meta mark; }", true},
    };
    cleanup_(look_clear) struct look look = {0};

    sandbox_enter();
    run(GATEWAY);
    for (size_t i = 0; i < ELEMENTS_OF(rules); i++) {
        char script[512];

        snprintf(script, sizeof(script), "table ip x { %s; }\n", rules[i].rule);
        sandbox_nft(script);
        assert_found(&look, policy, rules[i].found ? "others-mark" : NULL,
                     "table ip x chain first hook prerouting");
        sandbox_nft("delete table ip x\n");
    }
}
END_TEST

START_TEST(a_bridge_table_is_found_where_a_zone_is_bridged)
{
    cleanup_(look_clear) struct look look = {0};

    sandbox_enter();
    run(GATEWAY "ip link del eth4\nip link add eth4 type bridge\n");
    sandbox_nft("table bridge x { " FORWARD("drop;") "; }\n");
    assert_found(&look, ZONES FLOW, "others-drop", "table bridge x chain first hook forward");
}
END_TEST

START_TEST(our_own_table_is_not_found)
{
    cleanup_(look_clear) struct look look = {0};

    sandbox_enter();
    run(GATEWAY);
    sandbox_nft("table inet segd { " FORWARD("ct mark set 1 drop;") "; }\n");
    assert_found(&look, ZONES FLOW, NULL, NULL);
    sandbox_nft("table ip segd { " FORWARD("drop;") "; }\n");
    assert_found(&look, ZONES FLOW, "others-drop", "table ip segd chain first hook forward");
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, what_another_table_can_do_is_found_until_it_goes, 0,
                        (int)ELEMENTS_OF(tables));
    tcase_add_test(tests, what_meets_no_family_of_the_policy_is_not_found);
    tcase_add_test(tests, what_a_target_does_is_read_from_its_message);
    tcase_add_test(tests, a_mark_that_is_shared_is_found_only_where_bits_meet);
    tcase_add_test(tests, a_bridge_table_is_found_where_a_zone_is_bridged);
    tcase_add_test(tests, our_own_table_is_not_found);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What an operator sees: every statement and element in nft's own words, and a listing that nft
 * itself accepts again. The environment variable NFT names another nft than the system's.
 */

#include "checks.h"
#include "nftables_sample.h"

static const char *nft(void)
{
    const char *program = getenv("NFT");

    return program ? program : "nft";
}

static char *list(void)
{
    const char *const arguments[] = {nft(), "list", "ruleset", NULL};
    char *output = NULL;
    int status = sandbox_run(arguments, NULL, &output);

    ck_assert_msg(status == 0, "%d\n%s", status, output);
    return output;
}

/* Whether nft accepts the text in a namespace without any ruleset. */
static void check_in_empty_namespace(const char *text)
{
    const char *const arguments[] = {"unshare", "-n", nft(), "-c", "-f", "-", NULL};
    cleanup_(freep) char *output = NULL;
    int status = sandbox_run(arguments, text, &output);

    ck_assert_msg(status == 0, "%d\n%s\n%s", status, output, text);
}

START_TEST(a_listing_can_be_loaded_again)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    cleanup_(freep) char *listing = NULL;

    sample_load(sample.nftables, NULL, sample.wanted);
    listing = list();
    check_in_empty_namespace(listing);
}
END_TEST

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Cuts a word and the one after it. */
static void cut_words(char *line, const char *word)
{
    char *start = strstr(line, word), *rest;

    if (!start)
        return;
    rest = strchr(start + strlen(word), ' ');
    ck_assert_ptr_nonnull(rest);
    memmove(start, rest, strlen(rest) + 1);
}

/* Cuts what differs between two listings of one ruleset: the marks of a list's first and last
 * element, as maps have no order, and the time that is left. */
static void trim_line(char *line)
{
    size_t length;
    char *rest;

    cut_words(line, " timeout ");
    cut_words(line, " expires ");
    length = strlen(line);
    while (length > 0 && strchr(", }", line[length - 1]))
        line[--length] = '\0';
    rest = line + strspn(line, "\t ");
    if (strncmp(rest, "elements = { ", 13) == 0)
        rest += 13;
    memmove(line, rest, strlen(rest) + 1);
}

/* Two listings say the same, whatever the order of elements. */
static void check_same(char *a, char *b)
{
    char *texts[2] = {a, b}, *sorted[2][512] = {0}, *save;

    for (size_t text = 0; text < 2; text++) {
        size_t n = 0;

        for (char *line = strtok_r(texts[text], "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
            ck_assert_uint_lt(n, ELEMENTS_OF(sorted[text]) - 1);
            trim_line(line);
            sorted[text][n++] = line;
        }
        ck_assert_uint_gt(n, 50);
        qsort(sorted[text], n, sizeof(char *), compare_lines);
    }
    for (size_t i = 0; sorted[0][i] || sorted[1][i]; i++) {
        ck_assert(sorted[0][i] && sorted[1][i]);
        ck_assert_str_eq(sorted[0][i], sorted[1][i]);
    }
}

/* Replaces the table by what nft makes of the text; returns its listing. */
static char *reload(const char *text)
{
    const char *const arguments[] = {nft(), "-f", "-", NULL};
    cleanup_(freep) char *output = NULL;
    int status;

    sandbox_nft("delete table inet segd");
    status = sandbox_run(arguments, text, &output);
    ck_assert_msg(status == 0, "%s\n%s", output, text);
    return list();
}

START_TEST(a_listing_loaded_by_nft_is_listed_the_same)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    cleanup_(freep) char *ours = NULL;
    cleanup_(freep) char *theirs = NULL;

    sample_load(sample.nftables, NULL, sample.wanted);
    ours = list();
    theirs = reload(ours);
    check_same(ours, theirs);
}
END_TEST

START_TEST(our_own_text_loaded_by_nft_is_listed_the_same)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    cleanup_(freep) char *text = NULL;
    cleanup_(freep) char *ours = NULL;
    cleanup_(freep) char *theirs = NULL;
    size_t length;
    FILE *stream;

    sample_load(sample.nftables, NULL, sample.wanted);
    ours = list();

    stream = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(ruleset_print(sample.wanted, calendar_now(), stream), 0);
    ck_assert_int_eq(fclose(stream), 0);
    theirs = reload(text);
    check_same(ours, theirs);
}
END_TEST

static const char *const lines[] = {
    "type ct_dir . mark : verdict",
    "original . 0x00001001 counter packets 0 bytes 0 comment \"税連携 → eLTAX\" : accept",
    "\"vlan110\" . \"vlan.390\" : \"no-flow/a/b\"",
    "\"vlan110\" . \"vlan.390\" : jump a/b/ip",
    "elements = { \"vlan110\" }",
    "elements = { 10.1.0.7 . 10.2.0.9 . tcp . 443 : 0x00001001 }",
    "10.2.0.0/22 . udp . 1024-65535 : 0x00001002",
    "10.3.0.1 . tcp . 22 : 0x00001002",
    "0.0.0.0-9.255.255.255 : goto a/b/ip/1",
    "10.1.0.0/24 : goto a/b/ip/1",
    "10.1.1.0 : goto a/b/ip/1",
    "255.255.255.0/24 : goto a/b/ip/1",
    "fd00:10::/96 . fd00:20::5-fd00:20::9 . tcp . 0-65535 : 0xffffffff",
    "10.1.0.7 . 00:00:5e:00:53:11 comment \"tax-link\"",
    "elements = { 22-25 : 0x00000007 }",
    "type filter hook prerouting priority raw; policy drop;",
    "type filter hook forward priority filter; policy drop;",
};

START_TEST(sets_and_chains_are_listed_in_words)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    cleanup_(freep) char *listing = NULL;

    sample_load(sample.nftables, NULL, sample.wanted);
    listing = list();
    ck_assert_msg(strstr(listing, lines[_i]) != NULL, "%s\n%s", lines[_i], listing);
}
END_TEST

#define MATCH(which, ...)                                                                          \
    {                                                                                              \
        .kind = STATEMENT_MATCH, .fields = {which}, .n_fields = 1, .value = { __VA_ARGS__ }        \
    }
#define NOT(which, ...)                                                                            \
    {                                                                                              \
        .kind = STATEMENT_MATCH, .fields = {which}, .n_fields = 1, .negate = true, .value = {      \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define PREFIX(which, bits, ...)                                                                   \
    {                                                                                              \
        .kind = STATEMENT_MATCH, .fields = {which}, .n_fields = 1, .prefix = bits, .value = {      \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define ON(statement, name, ...)                                                                   \
    {                                                                                              \
        .kind = statement, .fields = {__VA_ARGS__},                                                \
        .n_fields = ELEMENTS_OF(((enum field[]){__VA_ARGS__})), .object = name                     \
    }
#define GO(which, chain)                                                                           \
    {                                                                                              \
        .kind = STATEMENT_VERDICT, .verdict = which, .object = chain                               \
    }

#define MARK(...)                                                                                  \
    {                                                                                              \
        .kind = STATEMENT_SET_CT_NUMBER, .fields = {FIELD_CT_MARK}, .n_fields = 1, .value = {      \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

struct words {
    const char *text;
    struct statement statements[4];
};

static const struct words words[] = {
    {"meta nfproto ipv4 accept", {MATCH(FIELD_NFPROTO, 2), GO(VERDICT_ACCEPT, NULL)}},
    {"meta l4proto udp drop", {MATCH(FIELD_L4PROTO, 17), GO(VERDICT_DROP, NULL)}},
    {"meta l4proto != ipv6-icmp return", {NOT(FIELD_L4PROTO, 58), GO(VERDICT_RETURN, NULL)}},
    {"iifname \"lo\" accept", {MATCH(FIELD_IIFNAME, 'l', 'o'), GO(VERDICT_ACCEPT, NULL)}},
    {"oifname != \"lo\" accept", {NOT(FIELD_OIFNAME, 'l', 'o'), GO(VERDICT_ACCEPT, NULL)}},
    {"ct state established,related accept", {MATCH(FIELD_CT_STATE, 6), GO(VERDICT_ACCEPT, NULL)}},
    {"ct state ! invalid,untracked accept", {NOT(FIELD_CT_STATE, 65), GO(VERDICT_ACCEPT, NULL)}},
    {"ct direction reply accept", {MATCH(FIELD_CT_DIRECTION, 1), GO(VERDICT_ACCEPT, NULL)}},
    {"ct mark 0x00000102 accept", {MATCH(FIELD_CT_MARK, 2, 1), GO(VERDICT_ACCEPT, NULL)}},
    {"ct mark != 0x00000000 accept", {NOT(FIELD_CT_MARK, 0), GO(VERDICT_ACCEPT, NULL)}},
    {"ct original ip saddr 10.1.2.3 drop",
     {MATCH(FIELD_CT_ORIG_SADDR, 10, 1, 2, 3), GO(VERDICT_DROP, NULL)}},
    {"ct reply ip saddr 10.1.0.0/16 drop",
     {PREFIX(FIELD_CT_REPL_SADDR, 16, 10, 1), GO(VERDICT_DROP, NULL)}},
    {"ct original ip6 saddr fd00::/8 drop",
     {PREFIX(FIELD_CT_ORIG_SADDR6, 8, 0xfd), GO(VERDICT_DROP, NULL)}},
    {"ct reply ip6 saddr fd00::/10 drop",
     {PREFIX(FIELD_CT_REPL_SADDR6, 10, 0xfd), GO(VERDICT_DROP, NULL)}},
    {"ip saddr 10.1.0.0/24 drop", {PREFIX(FIELD_IP_SADDR, 24, 10, 1), GO(VERDICT_DROP, NULL)}},
    {"ip daddr 10.1.0.128/25 drop",
     {PREFIX(FIELD_IP_DADDR, 25, 10, 1, 0, 128), GO(VERDICT_DROP, NULL)}},
    {"ip saddr 0.0.0.0 ip daddr 255.255.255.255 accept",
     {MATCH(FIELD_IP_SADDR, 0), MATCH(FIELD_IP_DADDR, 255, 255, 255, 255),
      GO(VERDICT_ACCEPT, NULL)}},
    {"ip6 saddr fe80::/10 accept",
     {PREFIX(FIELD_IP6_SADDR, 10, 0xfe, 0x80), GO(VERDICT_ACCEPT, NULL)}},
    {"ip6 daddr fd00::/64 accept", {PREFIX(FIELD_IP6_DADDR, 64, 0xfd), GO(VERDICT_ACCEPT, NULL)}},
    {"ether saddr 00:00:5e:00:53:01 accept",
     {MATCH(FIELD_ETHER_SADDR, 0, 0, 0x5e, 0, 0x53, 1), GO(VERDICT_ACCEPT, NULL)}},
    {"th dport 53 accept", {MATCH(FIELD_TH_DPORT, 0, 53), GO(VERDICT_ACCEPT, NULL)}},
    {"udp dport 67 accept",
     {MATCH(FIELD_L4PROTO, 17), MATCH(FIELD_TH_DPORT, 0, 67), GO(VERDICT_ACCEPT, NULL)}},
    {"th sport 53 accept", {MATCH(FIELD_TH_SPORT, 0, 53), GO(VERDICT_ACCEPT, NULL)}},
    {"icmpv6 type nd-neighbor-solicit accept",
     {MATCH(FIELD_ICMPV6_TYPE, 135), GO(VERDICT_ACCEPT, NULL)}},
    {"fib daddr type multicast accept", {MATCH(FIELD_FIB_DADDR_TYPE, 5), GO(VERDICT_ACCEPT, NULL)}},
    {"fib saddr type local accept", {MATCH(FIELD_FIB_SADDR_TYPE, 2), GO(VERDICT_ACCEPT, NULL)}},
    {"meta ipsec missing drop", {MATCH(FIELD_META_IPSEC, 0), GO(VERDICT_DROP, NULL)}},
    {"rt ipsec missing drop", {MATCH(FIELD_RT_IPSEC, 0), GO(VERDICT_DROP, NULL)}},
    {"oifname @interfaces accept",
     {ON(STATEMENT_LOOKUP, "interfaces", FIELD_OIFNAME), GO(VERDICT_ACCEPT, NULL)}},
    {"ip saddr . ether saddr @macs accept",
     {ON(STATEMENT_LOOKUP, "macs", FIELD_IP_SADDR, FIELD_ETHER_SADDR), GO(VERDICT_ACCEPT, NULL)}},
    {"ip saddr vmap @a/b/ip/sources",
     {ON(STATEMENT_VERDICT_MAP, "a/b/ip/sources", FIELD_IP_SADDR)}},
    {"ct direction . ct mark vmap @live",
     {ON(STATEMENT_VERDICT_MAP, "live", FIELD_CT_DIRECTION, FIELD_CT_MARK)}},
    {"oifname . iifname vmap @pairs",
     {ON(STATEMENT_VERDICT_MAP, "pairs", FIELD_OIFNAME, FIELD_IIFNAME)}},
    {"ct mark set ct reply ip saddr . meta l4proto . th sport map @a/b/ip/ranges return",
     {ON(STATEMENT_SET_CT_MARK, "a/b/ip/ranges", FIELD_CT_REPL_SADDR, FIELD_L4PROTO,
         FIELD_TH_SPORT),
      GO(VERDICT_RETURN, NULL)}},
    {"ct mark set ct original ip6 saddr . ct reply ip6 saddr . meta l4proto . th dport map @six",
     {ON(STATEMENT_SET_CT_MARK, "six", FIELD_CT_ORIG_SADDR6, FIELD_CT_REPL_SADDR6, FIELD_L4PROTO,
         FIELD_TH_DPORT)}},
    {"ct mark set th dport map @ports", {ON(STATEMENT_SET_CT_MARK, "ports", FIELD_TH_DPORT)}},
    {"ct mark set 0x00000000 return",
     {{.kind = STATEMENT_SET_CT_NUMBER, .fields = {FIELD_CT_MARK}, .n_fields = 1},
      GO(VERDICT_RETURN, NULL)}},
    {"tcp dport 443 ct mark set 0x00000102 return",
     {MATCH(FIELD_L4PROTO, 6), MATCH(FIELD_TH_DPORT, 1, 187), MARK(2, 1),
      GO(VERDICT_RETURN, NULL)}},
    {"udp sport 53 ct mark set 0x00000102 return",
     {MATCH(FIELD_L4PROTO, 17), MATCH(FIELD_TH_SPORT, 0, 53), MARK(2, 1),
      GO(VERDICT_RETURN, NULL)}},
    {"sctp dport 36412 ct mark set 0x00000102 return",
     {MATCH(FIELD_L4PROTO, 132), MATCH(FIELD_TH_DPORT, 142, 60), MARK(2, 1),
      GO(VERDICT_RETURN, NULL)}},
    {"meta l4proto gre ct mark set 0x00000102 return",
     {MATCH(FIELD_L4PROTO, 47), MARK(2, 1), GO(VERDICT_RETURN, NULL)}},
    {"meta l4proto ah meta nfproto ipv6 ct zone set 51",
     {MATCH(FIELD_L4PROTO, 51),
      MATCH(FIELD_NFPROTO, 10),
      {.kind = STATEMENT_SET_CT_NUMBER, .fields = {FIELD_CT_ZONE}, .n_fields = 1, .value = {51}}}},
    {"icmpv6 type packet-too-big @th,112,8 0x33 accept",
     {MATCH(FIELD_ICMPV6_TYPE, 2), MATCH(FIELD_ICMPV6_QUOTED, 51), GO(VERDICT_ACCEPT, NULL)}},
    {"counter name \"spoofed/a\" drop",
     {{.kind = STATEMENT_COUNTER, .object = "spoofed/a"}, GO(VERDICT_DROP, NULL)}},
    {"add @refused { iifname . oifname counter }",
     {ON(STATEMENT_TALLY, "refused", FIELD_IIFNAME, FIELD_OIFNAME)}},
    {"limit rate 100/second burst 20 packets log prefix \"segd no-flow \" group 5 snaplen 128",
     {{.kind = STATEMENT_LIMIT, .rate = 100, .burst = 20},
      {.kind = STATEMENT_LOG, .object = "segd no-flow ", .group = 5, .snaplen = 128}}},
    {"update @log/no-flow { iifname . oifname limit rate 7/second burst 8 packets } drop",
     {{.kind = STATEMENT_METER_RATE,
       .fields = {FIELD_IIFNAME, FIELD_OIFNAME},
       .n_fields = 2,
       .object = "log/no-flow",
       .rate = 7,
       .burst = 8,
       .per_seconds = 1},
      GO(VERDICT_DROP, NULL)}},
    {"ct status ! confirmed accept", {NOT(FIELD_CT_STATUS, 8), GO(VERDICT_ACCEPT, NULL)}},
    {"update @limit/web/ip/2-per-minute { ct original ip saddr limit rate 7/hour burst 8 packets }"
     " return",
     {{.kind = STATEMENT_METER_RATE,
       .fields = {FIELD_CT_ORIG_SADDR},
       .n_fields = 1,
       .object = "limit/web/ip/2-per-minute",
       .rate = 7,
       .burst = 8,
       .per_seconds = 3600},
      GO(VERDICT_RETURN, NULL)}},
    {"add @limit/web/ip6/2-open { ct original ip6 saddr ct count 9 } return",
     {{.kind = STATEMENT_METER_COUNT,
       .fields = {FIELD_CT_ORIG_SADDR6},
       .n_fields = 1,
       .object = "limit/web/ip6/2-open",
       .rate = 9},
      GO(VERDICT_RETURN, NULL)}},
    {"log prefix \"segd new \" group 7",
     {{.kind = STATEMENT_LOG, .object = "segd new ", .group = 7}}},
    {"meta l4proto tcp reject with tcp reset",
     {MATCH(FIELD_L4PROTO, 6), {.kind = STATEMENT_RESET}}},
    {"reject with icmpx admin-prohibited", {{.kind = STATEMENT_PROHIBIT}}},
    {"jump a/b/ip/1", {GO(VERDICT_JUMP, "a/b/ip/1")}},
    {"goto a/b/ip/1", {GO(VERDICT_GOTO, "a/b/ip/1")}},
};

static size_t count_statements(const struct words *c)
{
    size_t n = 0;

    while (n < ELEMENTS_OF(c->statements) &&
           (c->statements[n].kind != STATEMENT_MATCH || c->statements[n].n_fields > 0))
        n++;
    return n;
}

START_TEST(every_statement_is_listed_in_words)
{
    const struct words *c = &words[_i];
    cleanup_(ruleset_freep) struct ruleset *wanted = sample_empty();
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    cleanup_(freep) char *listing = NULL;
    char wanted_text[256];
    struct chain *chain;

    sandbox_enter();
    nftables = sample_open();
    sample_maps(wanted);
    sample_intervals(wanted);
    sample_limits(wanted);
    sample_chains(wanted);
    chain = sample_chain(wanted, "words", HOOK_NONE, 0);
    ck_assert_int_eq(ruleset_add_rule(wanted, chain, c->statements, count_statements(c)), 0);
    ruleset_finish(wanted);

    sample_load(nftables, NULL, wanted);
    ck_assert_uint_eq(sample_drift(nftables, wanted), 0);
    listing = list();
    snprintf(wanted_text, sizeof(wanted_text), "\tchain words {\n\t\t%s\n\t}\n", c->text);
    ck_assert_msg(strstr(listing, wanted_text) != NULL, "%s\n%s", wanted_text, listing);
    check_in_empty_namespace(listing);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, a_listing_can_be_loaded_again);
    tcase_add_test(tests, a_listing_loaded_by_nft_is_listed_the_same);
    tcase_add_test(tests, our_own_text_loaded_by_nft_is_listed_the_same);
    tcase_add_loop_test(tests, sets_and_chains_are_listed_in_words, 0, (int)ELEMENTS_OF(lines));
    tcase_add_loop_test(tests, every_statement_is_listed_in_words, 0, (int)ELEMENTS_OF(words));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One pair of the diagram as chains and maps. A chain asks one table after the other; a row found
 * writes its flow's id into the mark and returns to the base chain, where the switchboard decides.
 * The end of the chain is "no flow". A table of few rows is no map: each row is a rule.
 *
 * A second chain, `turned/…`, asks the same tables about packets that fly against the direction of
 * their connection, as if they were requests: the source is `ct reply saddr`, the destination `ct
 * original saddr` and the port `th dport`. It has a chain of its own because the two readings of a
 * reply must not meet: addresses of the gateway are all addresses, and two hosts of one zone may
 * be source and destination both. It knows no ICMP, whose types tell requests from replies.
 *
 * The keys of a table hold the responder's address and port: `ct reply saddr` always, and `th
 * dport` of a packet in the original direction, `th sport` of one in the reply direction. ICMP has
 * no ports: `th sport` is its type and code, so its rows lie in a table beside, once with the type
 * of the request and once with that of the reply. (In one table with the others a TCP source port
 * could pass for an ICMP type, and a condition on the protocol before `th sport` is one that nft
 * leaves out when it lists the rule.)
 */

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"
#include "ruleset/compile.h"
#include "ruleset/compiler.h"
#include "ruleset/slices.h"

#define ICMPV6_NI_QUERY 139
#define ICMPV6_NI_REPLY 140

/* Requests that connection tracking opens a connection for, and their replies: RFC 792, RFC 950,
 * RFC 4443, RFC 4620; nf_conntrack_proto_icmp.c and nf_conntrack_proto_icmpv6.c have the same. */
struct icmp_query {
    uint8_t request;
    uint8_t reply;
};

static const struct icmp_query icmp_queries[] = {
    {ICMP_ECHO, ICMP_ECHOREPLY},
    {ICMP_TIMESTAMP, ICMP_TIMESTAMPREPLY},
    {ICMP_INFO_REQUEST, ICMP_INFO_REPLY},
    {ICMP_ADDRESS, ICMP_ADDRESSREPLY},
};

static const struct icmp_query icmpv6_queries[] = {
    {ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY},
    {ICMPV6_NI_QUERY, ICMPV6_NI_REPLY},
};

static uint8_t icmp_protocol(enum family family)
{
    return family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
}

/* Up to so many rows of a table are rules: a set is one more that the kernel looks through for each
 * name in a transaction, and an interval map is dear to make. */
#define RULE_ROWS_MAX 3

/* Maps of one table, and what asks them. */
struct table {
    struct compiler *compiler;
    const char *name; /* without suffix */
    enum family family;
    bool has_source;
    bool interval;
};

/* Rows of one table, for the kernel: boxes of protocols and ports that do not span ICMP. */
struct rows {
    struct range_row *rows;
    size_t n_rows;
    size_t capacity;
};

static void rows_clear(struct rows *rows)
{
    free(rows->rows);
}

static void rows_add(struct compiler *compiler, struct rows *rows, const struct range_row *row,
                     service_number first, service_number last)
{
    struct range_row box = *row;

    box.services = (struct service_span){first, last};
    if (compiler->error == 0)
        compiler->error =
            array_append(&rows->rows, &rows->n_rows, &rows->capacity, &box, sizeof(box));
}

/* Whole protocols from `first` to `last` as one box; `services` holds them as two corners. */
static void rows_add_protocols(struct compiler *compiler, struct rows *rows,
                               const struct range_row *row, unsigned first, unsigned last)
{
    if (first <= last)
        rows_add(compiler, rows, row, SERVICE_NUMBER(first, 0), SERVICE_NUMBER(last, 0xffff));
}

/* The service_number of a type of ICMP, with code 0. */
static service_number icmp_type(enum family family, unsigned type)
{
    return SERVICE_NUMBER(icmp_protocol(family), type << 8);
}

static int compare_spans(const void *a, const void *b)
{
    const struct service_span *x = a, *y = b;

    return COMPARE(x->first, y->first);
}

/* The codes of each query that the row covers, and the same codes of its reply; in as few rows as
 * they are stretches. */
static void rows_add_icmp(struct compiler *compiler, struct rows *icmp, const struct range_row *row,
                          enum family family)
{
    const struct icmp_query *queries = family == FAMILY_IPV4 ? icmp_queries : icmpv6_queries;
    size_t n = family == FAMILY_IPV4 ? ELEMENTS_OF(icmp_queries) : ELEMENTS_OF(icmpv6_queries);
    struct service_span spans[2 * ELEMENTS_OF(icmp_queries)];
    size_t n_spans = 0;

    for (size_t i = 0; i < n; i++) {
        service_number request = icmp_type(family, queries[i].request);
        service_number reply = icmp_type(family, queries[i].reply);
        service_number first = request, last = request | 0xff;

        if (first < row->services.first)
            first = row->services.first;
        if (last > row->services.last)
            last = row->services.last;
        if (first > last)
            continue;

        spans[n_spans++] = (struct service_span){first, last};
        spans[n_spans++] = (struct service_span){first - request + reply, last - request + reply};
    }
    qsort(spans, n_spans, sizeof(*spans), compare_spans);

    for (size_t i = 0, end; i < n_spans; i = end) {
        for (end = i + 1; end < n_spans && spans[end].first == spans[end - 1].last + 1;)
            end++;
        rows_add(compiler, icmp, row, spans[i].first, spans[end - 1].last);
    }
}

/*
 * Splits a row's services into boxes: protocols that are covered in part, and stretches of
 * protocols that are covered whole, with a gap where ICMP is.
 */
static void split_row(const struct table *table, const struct range_row *row, struct rows *plain,
                      struct rows *icmp)
{
    struct compiler *compiler = table->compiler;
    unsigned first = SERVICE_PROTOCOL(row->services.first);
    unsigned last = SERVICE_PROTOCOL(row->services.last);
    unsigned whole = 256; /* first of the whole protocols not yet written; 256: none */

    rows_add_icmp(compiler, icmp, row, table->family);

    for (unsigned protocol = first; protocol <= last; protocol++) {
        service_number low = SERVICE_NUMBER(protocol, 0), high = SERVICE_NUMBER(protocol, 0xffff);
        bool is_whole = row->services.first <= low && row->services.last >= high;
        bool is_icmp = protocol == icmp_protocol(table->family);

        if (is_whole && !is_icmp) {
            if (whole == 256)
                whole = protocol;
            continue;
        }
        if (whole != 256) {
            rows_add_protocols(compiler, plain, row, whole, protocol - 1);
            whole = 256;
        }
        if (!is_icmp)
            rows_add(compiler, plain, row, row->services.first > low ? row->services.first : low,
                     row->services.last < high ? row->services.last : high);
    }

    if (whole != 256)
        rows_add_protocols(compiler, plain, row, whole, last);
}

static enum field original_source(enum family family)
{
    return family == FAMILY_IPV4 ? FIELD_CT_ORIG_SADDR : FIELD_CT_ORIG_SADDR6;
}

static enum field reply_source(enum family family)
{
    return family == FAMILY_IPV4 ? FIELD_CT_REPL_SADDR : FIELD_CT_REPL_SADDR6;
}

/* Writes the mark that the map has for the packet, whose port on the responder's side is `port`. */
static struct statement table_lookup(const struct table *table, bool turned, enum field port,
                                     const char *map)
{
    enum field opener = original_source(table->family), other = reply_source(table->family);
    const enum field fields[] = {turned ? other : opener, turned ? opener : other, FIELD_L4PROTO,
                                 port};
    size_t first = table->has_source ? 0 : 1;
    struct field_list key = {fields + first, ELEMENTS_OF(fields) - first};

    return table->compiler->policy->mark_mask != 0 ? statement_verdict_map(key, map)
                                                   : statement_set_ct_mark(key, map);
}

static void table_add_row(const struct table *table, struct set *set, const struct range_row *row)
{
    const struct flow *flow = &table->compiler->policy->flows[row->flow];
    bool shared = table->compiler->policy->mark_mask != 0;
    struct key first = {0}, last = {0};
    char chain[32];

    if (table->has_source) {
        key_put_address(&first, table->family, row->source.first);
        key_put_address(&last, table->family, row->source.last);
    }
    key_put_address(&first, table->family, row->destination.first);
    key_put_address(&last, table->family, row->destination.last);
    key_put_service(&first, row->services.first);
    key_put_service(&last, row->services.last);

    snprintf(chain, sizeof(chain), MARK_CHAIN, flow->id);
    compiler_element(table->compiler, set,
                     &(struct element){
                         .key = first.bytes,
                         .key_end = table->interval ? last.bytes : NULL,
                         .mark = shared ? 0 : flow->id,
                         .verdict = shared ? VERDICT_GOTO : VERDICT_NONE,
                         .target = shared ? chain : NULL,
                         .location = flow->location,
                     });
}

static void table_fill(const struct table *table, const char *name, const struct rows *rows)
{
    const enum datatype types[] = {address_type(table->family), address_type(table->family),
                                   DATATYPE_INET_PROTO, DATATYPE_INET_SERVICE};
    struct set *set = compiler_set(
        table->compiler, name, table->has_source ? types : types + 1, table->has_source ? 4 : 3,
        table->compiler->policy->mark_mask != 0 ? SET_DATA_VERDICT : SET_DATA_MARK);

    if (set)
        set->interval = table->interval;
    for (size_t i = 0; i < rows->n_rows; i++)
        table_add_row(table, set, &rows->rows[i]);
}

void compile_marks(struct compiler *compiler)
{
    const struct policy *policy = compiler->policy;

    for (size_t i = 0; policy->mark_mask != 0 && i < policy->n_flows; i++) {
        if (!policy->flows[i].enabled)
            continue;
        compiler_chain(compiler, MARK_CHAIN, policy->flows[i].id);
        compiler_rule(compiler, statement_write_mark(policy->mark_mask, policy->flows[i].id));
        compiler_rule(compiler, statement_verdict(VERDICT_RETURN));
    }
}

/* Which packets a rule is for, and where they have the responder's port. */
struct sight {
    bool turned; /* as a request against the direction of its connection, whichever that is */
    uint8_t direction;
    enum field port;
};

static const struct sight requests = {false, 0, FIELD_TH_DPORT};
static const struct sight replies = {false, 1, FIELD_TH_SPORT};
static const struct sight turned_requests = {true, 0, FIELD_TH_DPORT};

static bool address_is_rule(enum family family, struct range addresses)
{
    struct prefix prefix;

    return range_is_prefix(addresses, family_bits(family), &prefix);
}

/* Whether a rule can say what the row covers: prefixes, and one port or all of a protocol. */
static bool row_is_rule(const struct table *table, const struct range_row *row)
{
    unsigned first = SERVICE_PORT(row->services.first), last = SERVICE_PORT(row->services.last);

    return (!table->has_source || address_is_rule(table->family, row->source)) &&
           address_is_rule(table->family, row->destination) &&
           SERVICE_PROTOCOL(row->services.first) == SERVICE_PROTOCOL(row->services.last) &&
           (first == last || (first == 0 && last == 0xffff));
}

static bool rows_are_rules(const struct table *table, const struct rows *rows)
{
    for (size_t i = 0; i < rows->n_rows; i++)
        if (!row_is_rule(table, &rows->rows[i]))
            return false;
    return rows->n_rows <= RULE_ROWS_MAX;
}

static size_t add_address(const struct table *table, enum field field, struct range addresses,
                          struct statement *statements)
{
    struct prefix prefix;

    range_is_prefix(addresses, family_bits(table->family), &prefix);
    if (prefix.length == 0)
        return 0;
    *statements = statement_match_prefix(field, table->family, prefix);
    return 1;
}

static void add_row_rule(const struct table *table, const struct range_row *row,
                         const struct sight *sight)
{
    struct compiler *compiler = table->compiler;
    enum field opener = original_source(table->family), other = reply_source(table->family);
    uint32_t mark = compiler->policy->flows[row->flow].id;
    struct statement statements[STATEMENTS_MAX];
    char chain[32];
    size_t n = 0;

    if (!sight->turned)
        statements[n++] = statement_match_byte(FIELD_CT_DIRECTION, false, sight->direction);
    if (table->has_source)
        n += add_address(table, sight->turned ? other : opener, row->source, &statements[n]);
    n += add_address(table, sight->turned ? opener : other, row->destination, &statements[n]);
    statements[n++] =
        statement_match_byte(FIELD_L4PROTO, false, (uint8_t)SERVICE_PROTOCOL(row->services.first));
    if (row->services.first == row->services.last)
        statements[n++] =
            statement_match_port(sight->port, (uint16_t)SERVICE_PORT(row->services.first));

    snprintf(chain, sizeof(chain), MARK_CHAIN, mark);
    if (compiler->policy->mark_mask != 0) {
        statements[n++] = statement_go(VERDICT_GOTO, chain);
    } else {
        statements[n++] = statement_put_ct_mark(mark);
        statements[n++] = statement_verdict(VERDICT_RETURN);
    }
    compiler_rule_list(compiler, statements, n);
}

/* Adds to the chain added last the rules that look for a row: in the map, or `rules` themselves
 * where these are not NULL. */
static void table_see(const struct table *table, const char *map, const struct rows *rules,
                      const struct sight *sight)
{
    const struct statement lookup = table_lookup(table, sight->turned, sight->port, map);

    for (size_t i = 0; rules && i < rules->n_rows; i++)
        add_row_rule(table, &rules->rows[i], sight);
    if (rules)
        return;
    if (sight->turned)
        compiler_rule(table->compiler, lookup, statement_verdict(VERDICT_RETURN));
    else
        compiler_rule(table->compiler,
                      statement_match_byte(FIELD_CT_DIRECTION, false, sight->direction), lookup,
                      statement_verdict(VERDICT_RETURN));
}

/* Adds the map of rows of ICMP, and to the chain added last the rule that asks it. */
static void table_write_icmp(const struct table *table, const struct rows *icmp)
{
    char name[CHAIN_NAME_MAX];

    if (icmp->n_rows == 0)
        return;
    snprintf(name, sizeof(name), "%.240s/icmp", table->name);
    table_fill(table, name, icmp);
    compiler_rule(table->compiler, table_lookup(table, false, FIELD_TH_SPORT, name),
                  statement_verdict(VERDICT_RETURN));
}

/* `NAME/ADDRESS`; colons are not for nft's names. */
static void value_name(const char *name, enum family family, ip_number value,
                       char buffer[CHAIN_NAME_MAX])
{
    char address[ADDRESS_TEXT_MAX];

    address_format(family, value, address);
    for (char *c = address; *c; c++) {
        if (*c == ':')
            *c = '_';
    }
    snprintf(buffer, CHAIN_NAME_MAX, "%.200s/%.45s", name, address);
}

static void class_name(const char *name, enum family family, const struct class *class,
                       char buffer[CHAIN_NAME_MAX])
{
    value_name(name, family, class->first_source, buffer);
    if (class->level > 0) {
        size_t length = strlen(buffer);

        snprintf(buffer + length, CHAIN_NAME_MAX - length, "-%u", class->level);
    }
}

/* What reads a pair: the kind of its chains, and where they end. */
struct reading {
    const char *kind;
    const char *end;
    bool turned;
};

static const struct reading request_or_reply = {"pair", "end/no-flow", false};
static const struct reading turned_request = {"turned", "end/reply", true};

static void end_chain(struct compiler *compiler, const struct pair *pair,
                      const struct reading *reading)
{
    char end[CHAIN_NAME_MAX];

    snprintf(end, sizeof(end), "%s%s", reading->end,
             pair->from == ZONE_GATEWAY ? "/from-gateway"
             : pair->to == ZONE_GATEWAY ? "/to-gateway"
                                        : "");
    compiler_rule(compiler, statement_go(VERDICT_GOTO, end));
}

static void end_class(struct compiler *compiler, const struct pair *pair,
                      const struct reading *reading, const struct class *class)
{
    char name[CHAIN_NAME_MAX], parent[CHAIN_NAME_MAX];

    if (class->parent == NO_CLASS) {
        end_chain(compiler, pair, reading);
        return;
    }
    compiler_pair_name(compiler, reading->kind, pair, name);
    class_name(name, pair->family, &pair->classes[class->parent], parent);
    compiler_rule(compiler, statement_go(VERDICT_GOTO, parent));
}

/* A table, whole or in slices; its maps are written, and now chains ask them. */
struct ranges {
    struct table table;
    char name[CHAIN_NAME_MAX + 16];
    struct rows plain;
    struct rows icmp;
    bool are_rules;       /* the plain rows */
    struct slices slices; /* none: the table is asked whole */
};

static void ranges_clear(struct ranges *ranges)
{
    free(ranges->plain.rows);
    free(ranges->icmp.rows);
    slices_clear(&ranges->slices);
}

/* `NAME/FIRST-VALUE` of a slice, for its map and the chain that asks it. */
static void slice_name(const struct ranges *ranges, const char *name, const struct slice *slice,
                       char buffer[CHAIN_NAME_MAX])
{
    if (ranges->slices.cut == CUT_PORT)
        snprintf(buffer, CHAIN_NAME_MAX, "%.200s/port-%u", name, (unsigned)slice->values.first);
    else
        value_name(name, ranges->table.family, slice->values.first, buffer);
}

static void ranges_fill_slices(const struct ranges *ranges)
{
    for (size_t i = 0; i < ranges->slices.n_slices; i++) {
        const struct slice *slice = &ranges->slices.slices[i];
        cleanup_(rows_clear) struct rows rows = {0};
        char name[CHAIN_NAME_MAX];

        for (size_t j = 0; j < slice->n_rows; j++) {
            const struct range_row *row = &ranges->plain.rows[slice->rows[j]];

            rows_add(ranges->table.compiler, &rows, row, row->services.first, row->services.last);
        }
        slice_name(ranges, ranges->name, slice, name);
        table_fill(&ranges->table, name, &rows);
    }
}

/* The map of the plain rows, where these are no rules. */
static void ranges_fill(struct ranges *ranges)
{
    ranges->are_rules = rows_are_rules(&ranges->table, &ranges->plain);
    if (!ranges->are_rules)
        table_fill(&ranges->table, ranges->name, &ranges->plain);
}

/* Writes the maps of a table of points. */
static void ranges_write_exact(struct ranges *ranges, const struct exact_row *exact, size_t n_exact)
{
    ranges->table.name = ranges->name;
    for (size_t i = 0; i < n_exact; i++) {
        const struct range_row row = {
            .source = {exact[i].source, exact[i].source},
            .destination = {exact[i].destination, exact[i].destination},
            .services = {exact[i].service, exact[i].service},
            .flow = exact[i].flow,
        };

        split_row(&ranges->table, &row, &ranges->plain, &ranges->icmp);
    }
    ranges_fill(ranges);
}

/* Writes the maps of a table of ranges; `cuts`: they may be slices. */
static void ranges_write(struct ranges *ranges, const struct range_row *rows, size_t n_rows,
                         bool cuts)
{
    struct compiler *compiler = ranges->table.compiler;

    ranges->table.name = ranges->name;
    ranges->table.interval = true;
    for (size_t i = 0; i < n_rows; i++)
        split_row(&ranges->table, &rows[i], &ranges->plain, &ranges->icmp);

    if (cuts && compiler->error == 0)
        compiler->error =
            slices_make(ranges->plain.rows, ranges->plain.n_rows, ranges->table.family,
                        ranges->table.has_source, &ranges->slices);
    if (ranges->slices.n_slices > 0)
        ranges_fill_slices(ranges);
    else
        ranges_fill(ranges);
}

static void key_put_port(struct key *key, ip_number port)
{
    key_put(key, &(uint16_t){htons((uint16_t)port)}, sizeof(uint16_t));
}

/* Adds the map from values to chains of slices. `name` is that of the table for this reading. */
static void ranges_write_cut(const struct ranges *ranges, const char *name, const char *map)
{
    struct compiler *compiler = ranges->table.compiler;
    enum family family = ranges->table.family;
    bool by_port = ranges->slices.cut == CUT_PORT;
    struct set *set = compiler_set(
        compiler, map, KEY_TYPES(by_port ? DATATYPE_INET_SERVICE : address_type(family)),
        SET_DATA_VERDICT);

    if (set)
        set->interval = true;
    for (size_t i = 0; i < ranges->slices.n_slices; i++) {
        const struct slice *slice = &ranges->slices.slices[i];
        const struct range *values = &slice->values;
        struct key first = {0}, last = {0};
        char chain[CHAIN_NAME_MAX];

        if (by_port) {
            key_put_port(&first, values->first);
            key_put_port(&last, values->last);
        } else {
            key_put_address(&first, family, values->first);
            key_put_address(&last, family, values->last);
        }
        slice_name(ranges, name, slice, chain);
        compiler_element(compiler, set,
                         &(struct element){
                             .key = first.bytes,
                             .key_end = last.bytes,
                             .verdict = VERDICT_GOTO,
                             .target = chain,
                         });
    }
}

/* Adds to the chain added last the rules that lead to the slice of a packet. What is not in it is
 * in no table of the chain, so they are the last that ask one. */
static void ranges_ask_slices(const struct ranges *ranges, const struct reading *reading,
                              const char *name)
{
    static const char *const words[CUTS] = {"source", "destination", "port"};
    struct compiler *compiler = ranges->table.compiler;
    enum family family = ranges->table.family;
    char map[CHAIN_NAME_MAX];

    snprintf(map, sizeof(map), "%.230s/by-%s", name, words[ranges->slices.cut]);
    ranges_write_cut(ranges, name, map);
    switch (ranges->slices.cut) {
    case CUT_SOURCE:
    case CUT_DESTINATION:
        compiler_rule(compiler, statement_verdict_map(
                                    FIELDS((ranges->slices.cut == CUT_SOURCE) == reading->turned
                                               ? reply_source(family)
                                               : original_source(family)),
                                    map));
        return;
    case CUT_PORT:
        break;
    }
    if (reading->turned) {
        compiler_rule(compiler, statement_verdict_map(FIELDS(FIELD_TH_DPORT), map));
        return;
    }
    compiler_rule(compiler, statement_match_byte(FIELD_CT_DIRECTION, false, 0),
                  statement_verdict_map(FIELDS(FIELD_TH_DPORT), map));
    compiler_rule(compiler, statement_match_byte(FIELD_CT_DIRECTION, false, 1),
                  statement_verdict_map(FIELDS(FIELD_TH_SPORT), map));
}

static void ask(const struct table *table, const struct reading *reading, const char *map,
                const struct rows *rules)
{
    if (reading->turned) {
        table_see(table, map, rules, &turned_requests);
        return;
    }
    table_see(table, map, rules, &requests);
    table_see(table, map, rules, &replies);
}

/* Adds the rules that ask the table to the chain added last. */
static void ranges_ask(const struct ranges *ranges, const struct reading *reading, const char *name)
{
    bool whole = ranges->slices.n_slices == 0;

    if (whole)
        ask(&ranges->table, reading, ranges->name, ranges->are_rules ? &ranges->plain : NULL);
    if (!reading->turned)
        table_write_icmp(&ranges->table, &ranges->icmp);
    if (!whole)
        ranges_ask_slices(ranges, reading, name);
}

/* Adds the chains of slices. */
static void ranges_end_slices(const struct ranges *ranges, const struct reading *reading,
                              const char *name, const struct pair *pair)
{
    for (size_t i = 0; i < ranges->slices.n_slices; i++) {
        const struct slice *slice = &ranges->slices.slices[i];
        char map[CHAIN_NAME_MAX], chain[CHAIN_NAME_MAX];

        slice_name(ranges, ranges->name, slice, map);
        slice_name(ranges, name, slice, chain);
        compiler_chain(ranges->table.compiler, "%s", chain);
        ask(&ranges->table, reading, map, NULL);
        end_chain(ranges->table.compiler, pair, reading);
    }
}

static void compile_class(struct compiler *compiler, const struct pair *pair,
                          const struct class *class)
{
    const struct table table = {.compiler = compiler, .family = pair->family};
    cleanup_(ranges_clear) struct ranges exact = {.table = table}, ranges = {.table = table};
    char pair_name[CHAIN_NAME_MAX], name[CHAIN_NAME_MAX], sliced[CHAIN_NAME_MAX + 16];

    compiler_pair_name(compiler, "pair", pair, pair_name);
    class_name(pair_name, pair->family, class, name);
    snprintf(exact.name, sizeof(exact.name), "%s/exact", name);
    snprintf(ranges.name, sizeof(ranges.name), "%s/ranges", name);

    compiler_chain(compiler, "%s", name);
    ranges_write_exact(&exact, class->exact, class->n_exact);
    ranges_ask(&exact, &request_or_reply, exact.name);
    /* A chain of parents is as long as the kernel lets it be. */
    ranges_write(&ranges, class->ranges, class->n_ranges, class->parent == NO_CLASS);
    ranges_ask(&ranges, &request_or_reply, ranges.name);
    end_class(compiler, pair, &request_or_reply, class);
    ranges_end_slices(&ranges, &request_or_reply, ranges.name, pair);

    compiler_pair_name(compiler, "turned", pair, pair_name);
    class_name(pair_name, pair->family, class, name);
    snprintf(sliced, sizeof(sliced), "%s/ranges", name);
    compiler_chain(compiler, "%s", name);
    ranges_ask(&exact, &turned_request, exact.name);
    ranges_ask(&ranges, &turned_request, sliced);
    end_class(compiler, pair, &turned_request, class);
    ranges_end_slices(&ranges, &turned_request, sliced, pair);
}

/* Adds the map from sources to chains of classes, and to the chain added last the rule that asks
 * it with the address of the side that opens or would open the connection. */
static void write_sources(struct compiler *compiler, const struct pair *pair, const char *pair_name,
                          enum field source)
{
    char name[CHAIN_NAME_MAX], class[CHAIN_NAME_MAX];
    struct set *set;

    snprintf(name, sizeof(name), "%.200s/sources", pair_name);
    set = compiler_set(compiler, name, KEY_TYPES(address_type(pair->family)), SET_DATA_VERDICT);
    if (set)
        set->interval = true;

    for (size_t i = 0; i < pair->n_sources; i++) {
        const struct source_row *row = &pair->sources[i];
        struct key first = {0}, last = {0};

        key_put_address(&first, pair->family, row->source.first);
        key_put_address(&last, pair->family, row->source.last);
        class_name(pair_name, pair->family, &pair->classes[row->class], class);
        compiler_element(compiler, set,
                         &(struct element){
                             .key = first.bytes,
                             .key_end = last.bytes,
                             .verdict = VERDICT_GOTO,
                             .target = class,
                         });
    }

    compiler_rule(compiler, statement_verdict_map(FIELDS(source), name));
}

void compiler_pair_name(const struct compiler *compiler, const char *kind, const struct pair *pair,
                        char name[CHAIN_NAME_MAX])
{
    char from[SEGMENT_TEXT_MAX], to[SEGMENT_TEXT_MAX];

    snprintf(name, CHAIN_NAME_MAX, "%s/%s/%s/%s", kind,
             compiler_segment(compiler, pair->from, from), compiler_segment(compiler, pair->to, to),
             family_word(pair->family));
}

void compile_pair(struct compiler *compiler, const struct pair *pair)
{
    const struct table table = {.compiler = compiler, .family = pair->family, .has_source = true};
    cleanup_(ranges_clear) struct ranges exact = {.table = table}, pool = {.table = table};
    char name[CHAIN_NAME_MAX], sliced[CHAIN_NAME_MAX + 16];
    bool whole;

    for (size_t i = 0; i < pair->n_classes; i++)
        compile_class(compiler, pair, &pair->classes[i]);

    compiler_pair_name(compiler, "pair", pair, name);
    snprintf(exact.name, sizeof(exact.name), "%s/exact", name);
    snprintf(pool.name, sizeof(pool.name), "%s/pool", name);

    compiler_chain(compiler, "%s", name);
    ranges_write_exact(&exact, pair->exact, pair->n_exact);
    ranges_ask(&exact, &request_or_reply, exact.name);
    ranges_write(&pool, pair->pool, pair->n_pool, true);
    whole = pool.slices.n_slices == 0;
    /* No source is in the pool and in a class, so slices, which end the chain, may come last. */
    if (whole)
        ranges_ask(&pool, &request_or_reply, pool.name);
    if (pair->n_sources > 0)
        write_sources(compiler, pair, name, original_source(pair->family));
    if (!whole)
        ranges_ask(&pool, &request_or_reply, pool.name);
    end_chain(compiler, pair, &request_or_reply);
    ranges_end_slices(&pool, &request_or_reply, pool.name, pair);

    compiler_pair_name(compiler, "turned", pair, name);
    snprintf(sliced, sizeof(sliced), "%s/pool", name);
    compiler_chain(compiler, "%s", name);
    ranges_ask(&exact, &turned_request, exact.name);
    if (whole)
        ranges_ask(&pool, &turned_request, sliced);
    if (pair->n_sources > 0)
        write_sources(compiler, pair, name, reply_source(pair->family));
    if (!whole)
        ranges_ask(&pool, &turned_request, sliced);
    end_chain(compiler, pair, &turned_request);
    ranges_end_slices(&pool, &turned_request, sliced, pair);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The ruleset as text that nft reads. It is what the golden tests compare, what a yardstick loads,
 * and the easiest way to see what a policy became. Order: counters, sets, chains, as in the
 * ruleset, which nft does not mind except for chains that elements name: so empty chains come
 * first.
 */

#include <errno.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "ruleset/ruleset.h"

/* What nft calls a number; other numbers it writes as they are. */
struct word {
    uint32_t number;
    const char *word;
};

static void print_word(FILE *stream, uint32_t number, const struct word *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (words[i].number != number)
            continue;
        fputs(words[i].word, stream);
        return;
    }
    fprintf(stream, "%" PRIu32, number);
}

static const struct word protocols[] = {{1, "icmp"}, {6, "tcp"}, {17, "udp"}, {58, "ipv6-icmp"}};
static const struct word fib_types[] = {
    {RTN_LOCAL, "local"},
    {RTN_BROADCAST, "broadcast"},
    {RTN_ANYCAST, "anycast"},
    {RTN_MULTICAST, "multicast"},
};

static void print_field(FILE *stream, enum datatype type, const uint8_t *bytes)
{
    char text[ADDRESS_TEXT_MAX];
    uint32_t mark;

    switch (type) {
    case DATATYPE_IPV4_ADDR:
        fputs(address_format(FAMILY_IPV4, address_from_bytes(FAMILY_IPV4, bytes), text), stream);
        break;
    case DATATYPE_IPV6_ADDR:
        fputs(address_format(FAMILY_IPV6, address_from_bytes(FAMILY_IPV6, bytes), text), stream);
        break;
    case DATATYPE_ETHER_ADDR:
        fputs(mac_format(bytes, text), stream);
        break;
    case DATATYPE_INET_PROTO:
        print_word(stream, bytes[0], protocols, ELEMENTS_OF(protocols));
        break;
    case DATATYPE_INET_SERVICE:
        fprintf(stream, "%u", bytes[0] << 8 | bytes[1]);
        break;
    case DATATYPE_IFNAME:
        fprintf(stream, "\"%.16s\"", (const char *)bytes);
        break;
    case DATATYPE_CT_DIR:
        fputs(bytes[0] == 0 ? "original" : "reply", stream);
        break;
    case DATATYPE_MARK:
        memcpy(&mark, bytes, sizeof(mark));
        fprintf(stream, "0x%08" PRIx32, mark);
        break;
    }
}

static void print_interval_field(FILE *stream, enum datatype type, const uint8_t *first,
                                 const uint8_t *last)
{
    char text[ADDRESS_TEXT_MAX];
    enum family family = type == DATATYPE_IPV4_ADDR ? FAMILY_IPV4 : FAMILY_IPV6;

    if (type == DATATYPE_IPV4_ADDR || type == DATATYPE_IPV6_ADDR) {
        struct range range = {address_from_bytes(family, first), address_from_bytes(family, last)};

        /* What the kernel is said to hold may be anything. */
        if (range.last >= range.first) {
            fputs(range_format(family, range, text), stream);
            return;
        }
    }

    if (memcmp(first, last, datatype_length(type)) == 0) {
        print_field(stream, type, first);
    } else if (type == DATATYPE_INET_PROTO) {
        fprintf(stream, "%u-%u", first[0], last[0]);
    } else {
        print_field(stream, type, first);
        fputc('-', stream);
        print_field(stream, type, last);
    }
}

static void print_verdict(FILE *stream, enum verdict verdict, const char *target)
{
    static const char *const words[] = {
        [VERDICT_NONE] = "",         [VERDICT_ACCEPT] = "accept", [VERDICT_DROP] = "drop",
        [VERDICT_RETURN] = "return", [VERDICT_JUMP] = "jump ",    [VERDICT_GOTO] = "goto ",
    };
    bool goes = verdict == VERDICT_JUMP || verdict == VERDICT_GOTO;

    fprintf(stream, "%s%s", words[verdict], goes ? target : "");
}

void element_print_key(FILE *stream, const struct set *set, const struct element *element)
{
    size_t offset = 0;

    for (size_t i = 0; i < set->n_key; i++) {
        if (i > 0)
            fputs(" . ", stream);
        if (element->key_end)
            print_interval_field(stream, set->key[i], element->key + offset,
                                 element->key_end + offset);
        else
            print_field(stream, set->key[i], element->key + offset);
        offset += (datatype_length(set->key[i]) + 3) & ~(size_t)3;
    }
}

/* A time in the units in which nft lists it. It reads at most eight digits before a unit, so that
 * seconds alone would end at three years. */
static void print_timeout(FILE *stream, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        char name;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};

    fputs(" timeout ", stream);
    for (size_t i = 0; i < ELEMENTS_OF(units); i++) {
        if (seconds >= units[i].seconds)
            fprintf(stream, "%" PRId64 "%c", seconds / units[i].seconds, units[i].name);
        seconds %= units[i].seconds;
    }
    fprintf(stream, "%" PRId64 "s", seconds);
}

static void print_element(FILE *stream, const struct set *set, const struct element *element,
                          usec_t now)
{
    element_print_key(stream, set, element);
    if (set->counters)
        fputs(" counter", stream);
    if (element->expires != 0)
        print_timeout(stream, element->expires > now ? (element->expires - now) / USEC_PER_SEC : 0);
    if (element->comment)
        fprintf(stream, " comment \"%s\"", element->comment);

    switch (set->data) {
    case SET_DATA_NONE:
        break;
    case SET_DATA_VERDICT:
        fputs(" : ", stream);
        print_verdict(stream, element->verdict, element->target);
        break;
    case SET_DATA_MARK:
        fprintf(stream, " : 0x%08" PRIx32, element->mark);
        break;
    case SET_DATA_COUNTER:
        fprintf(stream, " : \"%s\"", element->target);
        break;
    }
}

static void print_flags(FILE *stream, const struct set *set)
{
    const char *flags[3];
    size_t n = 0;

    if (set->dynamic)
        flags[n++] = "dynamic";
    if (set->interval)
        flags[n++] = "interval";
    if (set->timeout)
        flags[n++] = "timeout";
    for (size_t i = 0; i < n; i++)
        fprintf(stream, "%s%s", i == 0 ? "\t\tflags " : ", ", flags[i]);
    if (n > 0)
        fputc('\n', stream);
}

static void print_set(FILE *stream, const struct set *set, usec_t now)
{
    static const char *const data[] = {"", " : verdict", " : mark", " : counter"};

    fprintf(stream, "\t%s %s {\n\t\ttype ", set->data == SET_DATA_NONE ? "set" : "map", set->name);
    for (size_t i = 0; i < set->n_key; i++)
        fprintf(stream, "%s%s", i > 0 ? " . " : "", datatype_name(set->key[i]));
    fprintf(stream, "%s\n", data[set->data]);

    if (set->size > 0)
        fprintf(stream, "\t\tsize %" PRIu32 "\n", set->size);
    print_flags(stream, set);
    if (set->lifetime > 0)
        fprintf(stream, "\t\ttimeout %" PRIu32 "s\n", set->lifetime);
    if (set->counters)
        fputs("\t\tcounter\n", stream);

    for (size_t i = 0; i < set->n_elements; i++) {
        fputs(i == 0 ? "\t\telements = {\n\t\t\t" : ",\n\t\t\t", stream);
        print_element(stream, set, &set->elements[i], now);
    }
    fputs(set->n_elements > 0 ? " }\n\t}\n\n" : "\t}\n\n", stream);
}

static void print_states(FILE *stream, uint32_t states)
{
    static const struct word names[] = {
        {CT_STATE_INVALID, "invalid"},     {CT_STATE_ESTABLISHED, "established"},
        {CT_STATE_RELATED, "related"},     {CT_STATE_NEW, "new"},
        {CT_STATE_UNTRACKED, "untracked"},
    };
    const char *separator = "";

    for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
        if (!(states & names[i].number))
            continue;
        fprintf(stream, "%s%s", separator, names[i].word);
        separator = ",";
    }
}

static void print_match(FILE *stream, const struct statement *statement)
{
    enum field field = statement->fields[0];
    uint32_t number;

    memcpy(&number, statement->value, sizeof(number));
    fprintf(stream, "%s %s", field_name(field),
            !statement->negate         ? ""
            : field == FIELD_CT_STATUS ? "! "
                                       : "!= ");

    switch (field) {
    case FIELD_NFPROTO:
        fputs(statement->value[0] == 2 ? "ipv4" : "ipv6", stream);
        break;
    case FIELD_CT_STATE:
        print_states(stream, number);
        break;
    case FIELD_CT_STATUS:
        fputs("confirmed", stream);
        break;
    case FIELD_META_IPSEC:
    case FIELD_RT_IPSEC:
        fputs(statement->value[0] ? "exists" : "missing", stream);
        break;
    case FIELD_FIB_SADDR_TYPE:
    case FIELD_FIB_DADDR_TYPE:
        print_word(stream, number, fib_types, ELEMENTS_OF(fib_types));
        break;
    case FIELD_IIF:
    case FIELD_OIF:
        fprintf(stream, "%" PRIu32, number);
        break;
    case FIELD_ICMPV6_TYPE:
        fprintf(stream, "%u", statement->value[0]);
        break;
    case FIELD_ICMPV6_QUOTED:
        fprintf(stream, "0x%x", statement->value[0]);
        break;
    case FIELD_L4PROTO:
    case FIELD_IIFNAME:
    case FIELD_OIFNAME:
    case FIELD_CT_DIRECTION:
    case FIELD_CT_MARK:
    case FIELD_CT_ZONE:
    case FIELD_CT_ORIG_SADDR:
    case FIELD_CT_ORIG_SADDR6:
    case FIELD_CT_REPL_SADDR:
    case FIELD_CT_REPL_SADDR6:
    case FIELD_IP_SADDR:
    case FIELD_IP_DADDR:
    case FIELD_IP6_SADDR:
    case FIELD_IP6_DADDR:
    case FIELD_ETHER_SADDR:
    case FIELD_TH_SPORT:
    case FIELD_TH_DPORT:
        print_field(stream, field_type(field), statement->value);
        if (statement->prefix > 0)
            fprintf(stream, "/%u", statement->prefix);
        break;
    }
}

static void print_fields(FILE *stream, const struct statement *statement)
{
    for (size_t i = 0; i < statement->n_fields; i++) {
        fprintf(stream, "%s%s", i > 0 ? " . " : "", field_name(statement->fields[i]));
        if (statement->fields[i] == FIELD_CT_MARK && statement->mark_mask != 0)
            fprintf(stream, " & 0x%08" PRIx32, statement->mark_mask);
    }
}

static void print_meter_rate(FILE *stream, const struct statement *statement)
{
    const char *unit = statement->per_seconds == 1    ? "second"
                       : statement->per_seconds == 60 ? "minute"
                                                      : "hour";

    fprintf(stream, "update @%s { ", statement->object);
    print_fields(stream, statement);
    fprintf(stream, " limit rate %" PRIu32 "/%s burst %" PRIu32 " packets }", statement->rate, unit,
            statement->burst);
}

static void print_set_number(FILE *stream, const struct statement *statement)
{
    uint32_t mark;
    uint16_t zone;

    memcpy(&mark, statement->value, sizeof(mark));
    memcpy(&zone, statement->value, sizeof(zone));
    fprintf(stream, "%s set ", field_name(statement->fields[0]));
    if (statement->fields[0] == FIELD_CT_ZONE)
        fprintf(stream, "%" PRIu16, zone);
    else
        fprintf(stream, "0x%08" PRIx32, mark);
}

static void print_statement(FILE *stream, const struct statement *statement)
{
    switch (statement->kind) {
    case STATEMENT_MATCH:
        print_match(stream, statement);
        break;
    case STATEMENT_LOOKUP:
        print_fields(stream, statement);
        /* After an operation nft wants to be told which comparison it is. */
        fprintf(stream, " %s@%s",
                statement->negate           ? "!= "
                : statement->mark_mask != 0 ? "== "
                                            : "",
                statement->object);
        break;
    case STATEMENT_VERDICT_MAP:
        print_fields(stream, statement);
        fprintf(stream, " vmap @%s", statement->object);
        break;
    case STATEMENT_SET_CT_MARK:
        fputs("ct mark set ", stream);
        print_fields(stream, statement);
        fprintf(stream, " map @%s", statement->object);
        break;
    case STATEMENT_SET_CT_NUMBER:
        print_set_number(stream, statement);
        break;
    case STATEMENT_WRITE_MARK:
        fprintf(stream, "ct mark set ct mark & 0x%08" PRIx32 " | 0x%08" PRIx32,
                ~statement->mark_mask | statement->mark, statement->mark);
        break;
    case STATEMENT_COUNTER:
        fprintf(stream, "counter name \"%s\"", statement->object);
        break;
    case STATEMENT_LIMIT:
        fprintf(stream, "limit rate %" PRIu32 "/second burst %" PRIu32 " packets", statement->rate,
                statement->burst);
        break;
    case STATEMENT_METER_RATE:
        print_meter_rate(stream, statement);
        break;
    case STATEMENT_METER_COUNT:
        fprintf(stream, "add @%s { ", statement->object);
        print_fields(stream, statement);
        fprintf(stream, " ct count %" PRIu32 " }", statement->rate);
        break;
    case STATEMENT_TALLY:
        fprintf(stream, "add @%s { ", statement->object);
        print_fields(stream, statement);
        fputs(" counter }", stream);
        break;
    case STATEMENT_LOG:
        fprintf(stream, "log prefix \"%s\" group %u snaplen %" PRIu32, statement->object,
                statement->group, statement->snaplen);
        break;
    case STATEMENT_VERDICT:
        print_verdict(stream, statement->verdict, statement->object);
        break;
    case STATEMENT_RESET:
        fputs("reject with tcp reset", stream);
        break;
    case STATEMENT_PROHIBIT:
        fputs("reject with icmpx admin-prohibited", stream);
        break;
    }
}

static void print_chain(FILE *stream, const struct chain *chain)
{
    static const char *const hooks[] = {"", "prerouting", "input", "forward", "output"};

    fprintf(stream, "\tchain %s {\n", chain->name);
    if (chain->hook != HOOK_NONE)
        fprintf(stream, "\t\ttype filter hook %s priority %" PRId32 "; policy %s;\n",
                hooks[chain->hook], chain->priority, chain->policy_drop ? "drop" : "accept");

    for (size_t i = 0; i < chain->n_rules; i++) {
        const struct rule *rule = &chain->rules[i];

        fputs("\t\t", stream);
        if (rule->foreign)
            fprintf(stream, "# foreign: %s", rule->foreign);
        for (size_t j = 0; j < rule->n_statements; j++) {
            if (j > 0)
                fputc(' ', stream);
            print_statement(stream, &rule->statements[j]);
        }
        fputc('\n', stream);
    }
    fputs("\t}\n\n", stream);
}

int ruleset_print(const struct ruleset *ruleset, usec_t now, FILE *stream)
{
    fprintf(stream, "table inet %s {\n", ruleset->table);
    for (size_t i = 0; i < ruleset->n_counters; i++)
        fprintf(stream, "\tcounter %s { }\n", ruleset->counters[i].name);
    fputc('\n', stream);

    for (size_t i = 0; i < ruleset->n_sets; i++)
        print_set(stream, &ruleset->sets[i], now);
    for (size_t i = 0; i < ruleset->n_chains; i++)
        print_chain(stream, &ruleset->chains[i]);
    fputs("}\n", stream);

    return fflush(stream) != 0 || ferror(stream) ? -EIO : 0;
}

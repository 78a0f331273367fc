/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Statements are plain structures; these fill them so that the places that write rules read like
 * nft's language. All values are as the packet has them, except those that the kernel keeps in host
 * order: ct state and the types of fib.
 */

#include "ruleset/statements.h"

#include <string.h>

static struct statement statement_with_fields(enum statement_kind kind, struct field_list fields,
                                              const char *object)
{
    struct statement statement = {
        .kind = kind, .n_fields = (uint8_t)fields.n_fields, .object = object};

    memcpy(statement.fields, fields.fields, fields.n_fields * sizeof(*fields.fields));
    return statement;
}

struct statement statement_match_byte(enum field field, bool negate, uint8_t value)
{
    struct statement statement = statement_with_fields(STATEMENT_MATCH, FIELDS(field), NULL);

    statement.negate = negate;
    statement.value[0] = value;
    return statement;
}

struct statement statement_match_name(enum field field, bool negate, const char *name)
{
    struct statement statement = statement_with_fields(STATEMENT_MATCH, FIELDS(field), NULL);

    statement.negate = negate;
    memcpy(statement.value, name, strnlen(name, sizeof(statement.value)));
    return statement;
}

static struct statement statement_match_number(enum field field, uint32_t value)
{
    struct statement statement = statement_with_fields(STATEMENT_MATCH, FIELDS(field), NULL);

    memcpy(statement.value, &value, sizeof(value));
    return statement;
}

struct statement statement_match_no_interface(enum field field, bool negate)
{
    struct statement statement = statement_match_number(field, 0);

    statement.negate = negate;
    return statement;
}

struct statement statement_match_states(uint32_t states)
{
    return statement_match_number(FIELD_CT_STATE, states);
}

struct statement statement_match_mark(bool negate, uint32_t mark)
{
    struct statement statement = statement_match_number(FIELD_CT_MARK, mark);

    statement.negate = negate;
    return statement;
}

struct statement statement_match_port(enum field field, uint16_t port)
{
    struct statement statement = statement_with_fields(STATEMENT_MATCH, FIELDS(field), NULL);

    statement.value[0] = (uint8_t)(port >> 8);
    statement.value[1] = (uint8_t)port;
    return statement;
}

struct statement statement_match_first(void)
{
    struct statement statement = statement_match_number(FIELD_CT_STATUS, CT_STATUS_CONFIRMED);

    statement.negate = true;
    return statement;
}

struct statement statement_match_fib_type(enum field field, uint32_t type)
{
    return statement_match_number(field, type);
}

struct statement statement_match_prefix(enum field field, enum family family, struct prefix prefix)
{
    struct statement statement = statement_with_fields(STATEMENT_MATCH, FIELDS(field), NULL);

    address_to_bytes(family, prefix.address, statement.value);
    statement.prefix = prefix.length == family_bits(family) ? 0 : prefix.length;
    return statement;
}

struct statement statement_lookup(struct field_list fields, bool negate, const char *set)
{
    struct statement statement = statement_with_fields(STATEMENT_LOOKUP, fields, set);

    statement.negate = negate;
    return statement;
}

struct statement statement_verdict_map(struct field_list fields, const char *map)
{
    return statement_with_fields(STATEMENT_VERDICT_MAP, fields, map);
}

struct statement statement_set_ct_mark(struct field_list fields, const char *map)
{
    return statement_with_fields(STATEMENT_SET_CT_MARK, fields, map);
}

struct statement statement_put_ct_mark(uint32_t mark)
{
    struct statement statement =
        statement_with_fields(STATEMENT_SET_CT_NUMBER, FIELDS(FIELD_CT_MARK), NULL);

    memcpy(statement.value, &mark, sizeof(mark));
    return statement;
}

struct statement statement_set_ct_zone(uint16_t zone)
{
    struct statement statement =
        statement_with_fields(STATEMENT_SET_CT_NUMBER, FIELDS(FIELD_CT_ZONE), NULL);

    memcpy(statement.value, &zone, sizeof(zone));
    return statement;
}

struct statement statement_write_mark(uint32_t mask, uint32_t mark)
{
    return (struct statement){.kind = STATEMENT_WRITE_MARK, .mark_mask = mask, .mark = mark};
}

struct statement statement_counter(const char *name)
{
    return (struct statement){.kind = STATEMENT_COUNTER, .object = name};
}

struct statement statement_tally(struct field_list fields, const char *set)
{
    return statement_with_fields(STATEMENT_TALLY, fields, set);
}

struct statement statement_limit(uint32_t rate, uint32_t burst)
{
    return (struct statement){.kind = STATEMENT_LIMIT, .rate = rate, .burst = burst};
}

/* After a pause the whole rate may come at once. */
struct statement statement_meter_rate(struct field_list fields, const char *set, uint32_t rate,
                                      uint32_t per_seconds)
{
    struct statement statement = statement_with_fields(STATEMENT_METER_RATE, fields, set);

    statement.rate = rate;
    statement.burst = rate;
    statement.per_seconds = per_seconds;
    return statement;
}

struct statement statement_meter_count(enum field field, const char *set, uint32_t count)
{
    struct statement statement = statement_with_fields(STATEMENT_METER_COUNT, FIELDS(field), set);

    statement.rate = count;
    return statement;
}

struct statement statement_log(const char *prefix, uint16_t group, uint32_t snaplen)
{
    return (struct statement){
        .kind = STATEMENT_LOG,
        .object = prefix,
        .group = group,
        .snaplen = snaplen,
    };
}

struct statement statement_verdict(enum verdict verdict)
{
    return (struct statement){.kind = STATEMENT_VERDICT, .verdict = verdict};
}

struct statement statement_go(enum verdict verdict, const char *chain)
{
    return (struct statement){.kind = STATEMENT_VERDICT, .verdict = verdict, .object = chain};
}

struct statement statement_reset(void)
{
    return (struct statement){.kind = STATEMENT_RESET};
}

struct statement statement_prohibit(void)
{
    return (struct statement){.kind = STATEMENT_PROHIBIT};
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "ruleset/ruleset.h"

/*
 * Short ways to write statements. Objects are borrowed: ruleset_add_rule() copies them. A field
 * list ends where its count says; FIELDS() counts it.
 */
struct field_list {
    const enum field *fields;
    size_t n_fields;
};

#define FIELDS(...)                                                                                \
    ((struct field_list){(const enum field[]){__VA_ARGS__},                                        \
                         sizeof((const enum field[]){__VA_ARGS__}) / sizeof(enum field)})

struct statement statement_match_byte(enum field field, bool negate, uint8_t value);
/* Interface names are padded with zeros to 16 bytes. */
struct statement statement_match_name(enum field field, bool negate, const char *name);
/* FIELD_IIF or FIELD_OIF: the packet has no such interface, or with `negate` has one. */
struct statement statement_match_no_interface(enum field field, bool negate);
/* ct state: any of `states`. */
struct statement statement_match_states(uint32_t states);
struct statement statement_match_mark(bool negate, uint32_t mark);
/* The first packet of a connection, be it answered or not. */
struct statement statement_match_first(void);
/* An address field of `family` in a prefix. */
struct statement statement_match_prefix(enum field field, enum family family, struct prefix prefix);
/* FIELD_FIB_SADDR_TYPE or FIELD_FIB_DADDR_TYPE: RTN_* of the address. */
struct statement statement_match_fib_type(enum field field, uint32_t type);
struct statement statement_lookup(struct field_list fields, bool negate, const char *set);
struct statement statement_verdict_map(struct field_list fields, const char *map);
struct statement statement_set_ct_mark(struct field_list fields, const char *map);
/* An L4 port field. */
struct statement statement_match_port(enum field field, uint16_t port);
/* Writes the whole mark; 0 is the id of no flow. */
struct statement statement_put_ct_mark(uint32_t mark);
/* Before connection tracking: in which of its zones it looks for the packet's connection. */
struct statement statement_set_ct_zone(uint16_t zone);
struct statement statement_write_mark(uint32_t mask, uint32_t mark);
struct statement statement_counter(const char *name);
struct statement statement_tally(struct field_list fields, const char *set);
struct statement statement_limit(uint32_t rate, uint32_t burst);
struct statement statement_meter_rate(struct field_list fields, const char *set, uint32_t rate,
                                      uint32_t per_seconds);
struct statement statement_meter_count(enum field field, const char *set, uint32_t count);
struct statement statement_log(const char *prefix, uint16_t group, uint32_t snaplen);
struct statement statement_verdict(enum verdict verdict);
struct statement statement_go(enum verdict verdict, const char *chain);
/* Drop the packet and answer its sender: a TCP reset, an ICMP error of the packet's family. */
struct statement statement_reset(void);
struct statement statement_prohibit(void);

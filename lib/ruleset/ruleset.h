/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/location.h"

/*
 * The content of one nftables table of family inet as plain data: what segd wants the kernel to
 * hold, or what the kernel was seen to hold. Objects, sets and chains are sorted by name, elements
 * by key, so that two rulesets are compared by walking them side by side. Everything belongs to the
 * ruleset's arena.
 */

/* Key and data types of sets and of the fields that statements load. Order is that of the table in
 * datatype.c. */
enum datatype {
    DATATYPE_IPV4_ADDR,
    DATATYPE_IPV6_ADDR,
    DATATYPE_ETHER_ADDR,
    DATATYPE_INET_PROTO,
    DATATYPE_INET_SERVICE,
    DATATYPE_IFNAME,
    DATATYPE_CT_DIR,
    DATATYPE_MARK,
};

/* What a statement may load from a packet, in nft's words. A byte, as the next two: a large ruleset
 * has many statements. */
enum __attribute__((packed)) field {
    FIELD_NFPROTO,        /* meta nfproto */
    FIELD_L4PROTO,        /* meta l4proto */
    FIELD_IIFNAME,        /* iifname */
    FIELD_OIFNAME,        /* oifname */
    FIELD_IIF,            /* iif: an index, only matched */
    FIELD_OIF,            /* oif: the same */
    FIELD_CT_STATE,       /* ct state */
    FIELD_CT_STATUS,      /* ct status */
    FIELD_CT_DIRECTION,   /* ct direction */
    FIELD_CT_MARK,        /* ct mark */
    FIELD_CT_ZONE,        /* ct zone: only set */
    FIELD_CT_ORIG_SADDR,  /* ct original ip saddr */
    FIELD_CT_ORIG_SADDR6, /* ct original ip6 saddr */
    FIELD_CT_REPL_SADDR,  /* ct reply ip saddr */
    FIELD_CT_REPL_SADDR6, /* ct reply ip6 saddr */
    FIELD_IP_SADDR,       /* ip saddr: implies meta nfproto ipv4 */
    FIELD_IP_DADDR,       /* ip daddr: the same */
    FIELD_IP6_SADDR,      /* ip6 saddr: implies meta nfproto ipv6 */
    FIELD_IP6_DADDR,      /* ip6 daddr: the same */
    FIELD_ETHER_SADDR,    /* ether saddr: implies meta iiftype ether */
    FIELD_TH_SPORT,       /* th sport: the first two bytes of the transport header */
    FIELD_TH_DPORT,       /* th dport */
    FIELD_ICMPV6_TYPE,    /* icmpv6 type: implies meta l4proto ipv6-icmp */
    FIELD_ICMPV6_QUOTED,  /* @th,112,8: next header of a packet that an ICMPv6 error quotes */
    FIELD_FIB_SADDR_TYPE, /* fib saddr type */
    FIELD_FIB_DADDR_TYPE, /* fib daddr type */
    FIELD_META_IPSEC,     /* meta ipsec: the packet came through IPsec */
    FIELD_RT_IPSEC,       /* rt ipsec: it will leave through IPsec */
};

/* Bits of ct state, as the kernel's NF_CT_STATE_BIT gives them. */
enum {
    CT_STATE_INVALID = 1,
    CT_STATE_ESTABLISHED = 2,
    CT_STATE_RELATED = 4,
    CT_STATE_NEW = 8,
    CT_STATE_UNTRACKED = 64,
};

/* The bit of ct status that the first packet of a connection sets when it has passed. */
enum {
    CT_STATUS_CONFIRMED = 8,
};

enum __attribute__((packed)) verdict {
    VERDICT_NONE, /* not a verdict: in elements of sets and of data maps */
    VERDICT_ACCEPT,
    VERDICT_DROP,
    VERDICT_RETURN,
    VERDICT_JUMP,
    VERDICT_GOTO,
};

#define FIELDS_MAX 5

enum __attribute__((packed)) statement_kind {
    /* fields[0] compared with `value`; where `prefix` is shorter than the field only so many
     * leading bits; for FIELD_CT_STATE and FIELD_CT_STATUS: any bit of `value` is set. Negated by
     * `negate`. */
    STATEMENT_MATCH,
    STATEMENT_LOOKUP,        /* fields . fields [!=] @object */
    STATEMENT_VERDICT_MAP,   /* fields . fields vmap @object */
    STATEMENT_SET_CT_MARK,   /* ct mark set fields . fields map @object */
    STATEMENT_SET_CT_NUMBER, /* fields[0] set `value`: ct mark, ct zone */
    STATEMENT_WRITE_MARK,    /* ct mark set ct mark & ~`mark_mask` | `mark` */
    STATEMENT_COUNTER,       /* counter name "object" */
    STATEMENT_LIMIT,         /* limit rate `rate`/second burst `burst` packets */
    /* Each key has a budget of its own in a dynamic set. The rule goes on where the packet is
     * within it; not where the set is full: update @object { fields limit rate `rate`/`per_seconds`
     * burst `burst` packets } add @object { fields ct count `rate` } */
    STATEMENT_METER_RATE,
    STATEMENT_METER_COUNT,
    /* Counts packets for their key in a dynamic set. The rule goes on where the set has or gets
     * the key; not where it is full: add @object { fields counter } */
    STATEMENT_TALLY,
    STATEMENT_LOG,      /* log prefix "object" group `group` snaplen `snaplen` */
    STATEMENT_VERDICT,  /* `verdict` [object] */
    STATEMENT_RESET,    /* reject with tcp reset: after a match of TCP alone */
    STATEMENT_PROHIBIT, /* reject with icmpx admin-prohibited */
};

struct statement {
    enum statement_kind kind;
    enum field fields[FIELDS_MAX];
    uint8_t n_fields;
    bool negate;
    uint8_t value[16]; /* network byte order as in the packet; ct state, marks and zones in host
                          order */
    uint8_t prefix;    /* leading bits that count, 0: all */
    enum verdict verdict;
    uint16_t group;
    uint32_t mark_mask; /* of FIELD_CT_MARK among the fields: the bits that count, 0: all */
    uint32_t mark;      /* within the mask */
    uint32_t rate;
    uint32_t burst;
    uint32_t per_seconds; /* 1, 60 or 3600 */
    uint32_t snaplen;
    const char *object;
};

struct rule {
    struct statement *statements;
    size_t n_statements;
    /* Where the kernel's rule is not one that segd writes (seen rules only): its text, and no
     * statements. */
    const char *foreign;
};

enum hook {
    HOOK_NONE,
    HOOK_PREROUTING,
    HOOK_INPUT,
    HOOK_FORWARD,
    HOOK_OUTPUT,
};

struct chain {
    const char *name;
    enum hook hook; /* HOOK_NONE: not a base chain */
    int32_t priority;
    bool policy_drop;
    struct rule *rules;
    size_t n_rules;
    struct location location; /* of a flow or zone it comes from, for messages; may be none */
};

/*
 * `key` and `key_end` are the concatenated fields, each padded to a multiple of 4 bytes, as the
 * kernel takes them (interface names are 16 bytes, zero-padded). `key_end` is NULL where the set
 * has no intervals; both ends are included in the interval.
 */
struct element {
    const uint8_t *key;
    const uint8_t *key_end;
    const char *target;  /* chain of a jump or goto, or counter of a counter map */
    const char *comment; /* or NULL */
    uint32_t mark;       /* in host order, in mark maps */
    enum verdict verdict;
    bool reply;     /* in sets of the switchboard: packets away from the flow's `to` */
    usec_t expires; /* instant at which the kernel removes it; 0: never */
    struct location location;
};

enum set_data {
    SET_DATA_NONE,    /* a set */
    SET_DATA_VERDICT, /* a verdict map */
    SET_DATA_MARK,    /* a map to marks */
    SET_DATA_COUNTER, /* a map to named counters: seen only, an earlier segd made such */
};

struct set {
    const char *name;
    enum datatype key[FIELDS_MAX];
    size_t n_key;
    size_t key_length; /* bytes of a key, padding included */
    enum set_data data;
    bool interval;
    bool timeout;  /* elements may have one */
    bool counters; /* each element counts packets and bytes */
    /* Rules add its elements. They are state of the kernel, and no ruleset holds them. */
    bool dynamic;
    uint32_t size;     /* of a dynamic set: elements at most */
    uint32_t lifetime; /* of a dynamic set: seconds that an unused element stays; 0: forever */
    struct element *elements;
    size_t n_elements;
    size_t capacity;
};

struct counter {
    const char *name;
};

/* What segd never makes, but the kernel may hold in its table: a quota, a flowtable. */
struct foreign {
    const char *name;
    const char *kind; /* in nft's words, a static string */
    uint32_t type;    /* NFT_OBJECT_*; 0: a flowtable */
};

struct ruleset {
    struct arena *arena; /* owns all that is below; NULL: all of it is somebody else's */
    const char *table;   /* "segd" */
    bool dormant;        /* seen only: the kernel holds the table, but enforces none of it */
    bool borrowed;       /* elements belong to the rulesets it was joined from (isolation.h) */
    /* Seen only: the flags owner and persist. A table that persists without an owner is an orphan,
     * which whoever asks for it may own. */
    bool owned;
    bool persists;
    bool ours;   /* the socket that read it owns it */
    bool to_own; /* that socket is to own its table, and does not own this one */
    struct counter *counters;
    size_t n_counters;
    size_t counters_capacity;
    struct foreign *foreign; /* seen only */
    size_t n_foreign;
    size_t foreign_capacity;
    struct set *sets;
    size_t n_sets;
    size_t sets_capacity;
    struct chain *chains;
    size_t n_chains;
    size_t chains_capacity;
};

/* An empty ruleset for the table. Returns 0, -ENOMEM. The five arrays above and the elements of
 * sets are heap arrays that ruleset_free() frees; what they point to is the arena's. */
int ruleset_new(const char *table, struct ruleset **ret_ruleset);
struct ruleset *ruleset_free(struct ruleset *ruleset);
DEFINE_CLEANUP(struct ruleset, ruleset_free)
/* A copy of a finished ruleset, to be read: all of it lies in the arena, and ruleset_free() frees
 * nothing. Returns 0 or -ENOMEM. */
int ruleset_pack(const struct ruleset *ruleset, struct arena *arena, struct ruleset **ret_packed);

/*
 * Building. Names and texts are copied. The pointers returned are valid until the next call that
 * adds an object of the same kind. 0 or -ENOMEM.
 */
int ruleset_add_counter(struct ruleset *ruleset, const char *name);
int ruleset_add_foreign(struct ruleset *ruleset, const struct foreign *foreign);
int ruleset_add_set(struct ruleset *ruleset, const char *name, const enum datatype *key,
                    size_t n_key, enum set_data data, struct set **ret_set);
int ruleset_add_chain(struct ruleset *ruleset, const char *name, struct chain **ret_chain);
/* Appends a rule; statements and what they point to are copied. */
int ruleset_add_rule(struct ruleset *ruleset, struct chain *chain,
                     const struct statement *statements, size_t n_statements);
/* Appends an element whose pointers are copied; the key has set->key_length bytes. */
int ruleset_add_element(struct ruleset *ruleset, struct set *set, const struct element *element);
/* Sorts everything; call once when complete. */
void ruleset_finish(struct ruleset *ruleset);

/* NULL where there is none; a ruleset of NULL has none. */
const struct set *ruleset_find_set(const struct ruleset *ruleset, const char *name);
const struct chain *ruleset_find_chain(const struct ruleset *ruleset, const char *name);
bool ruleset_has_counter(const struct ruleset *ruleset, const char *name);

/* nft's name of the type, its bytes without padding, and nftables' number for it. */
const char *datatype_name(enum datatype type);
size_t datatype_length(enum datatype type);
uint32_t datatype_number(enum datatype type);
/* Whether nft takes its values to be in host byte order. */
bool datatype_is_host_order(enum datatype type);
/* Bytes of a key of these types with each field padded to 4. */
size_t datatypes_length(const enum datatype *types, size_t n);
/* nft's words for the field, and its type. `ct state` and `ct status`, nfproto, iif and oif, icmpv6
 * type and fib types have no datatype here: they are only matched, never part of a key.
 * field_length() is in bytes. */
const char *field_name(enum field field);
enum datatype field_type(enum field field);
size_t field_length(enum field field);

/*
 * Prints the table as nft reads it (`nft -f`). Elements in order of key, one a line; of elements
 * with an expiry the instant is printed as a comment line in UTC and the timeout relative to `now`.
 * Returns 0 or -EIO.
 */
int ruleset_print(const struct ruleset *ruleset, usec_t now, FILE *stream);
/* The key of one element in the same words. */
void element_print_key(FILE *stream, const struct set *set, const struct element *element);

/* The element of a finished set that has the key of `wanted`, or NULL; a set of NULL has none. */
const struct element *set_find_element(const struct set *set, const struct element *wanted);

/* Equality of single objects, elements aside for sets. */
bool rule_equal(const struct rule *a, const struct rule *b);
/* Hook, priority and policy; not the rules. */
bool chain_shape_equal(const struct chain *a, const struct chain *b);
/* Whether `held` has every base chain of `wanted`, in the same shape. */
bool ruleset_has_base_chains(const struct ruleset *held, const struct ruleset *wanted);
bool chain_equal(const struct chain *a, const struct chain *b);
bool set_definition_equal(const struct set *a, const struct set *b);
bool element_equal(const struct set *set, const struct element *a, const struct element *b);
/* Orders two elements of one set by key: <0, 0, >0. */
int element_compare(const struct set *set, const struct element *a, const struct element *b);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <inttypes.h>

#include "base/reason.h"
#include "diagram/diagram.h"
#include "policy/flow_state.h"
#include "ruleset/ruleset.h"
#include "ruleset/statements.h"

/*
 * What the files that make a ruleset share: the ruleset under construction, and the names of its
 * parts. The first error is kept, as a stream keeps its own: after it nothing more is added, and
 * who began looks at `error` once, at the end.
 */
struct compiler {
    const struct diagram *diagram;
    const struct policy *policy;
    struct ruleset *ruleset;
    usec_t now;
    const struct flow_states *states; /* of the flows, at the instant of compiling */
    bool rehearsal;
    bool asks_direction;      /* compile_live(): there are flows that interfaces do not tell */
    bool elsewhere[FAMILIES]; /* compile_networks(): there is a set of this name */
    int error;                /* 0 or -ENOMEM */
};

#define CHAIN_NAME_MAX 256

/* The text a segment has in names, `gateway` for ZONE_GATEWAY; long ones are cut and made unique by
 * their number. */
#define SEGMENT_TEXT_MAX 64
const char *compiler_segment(const struct compiler *compiler, size_t segment,
                             char buffer[SEGMENT_TEXT_MAX]);
const char *family_word(enum family family); /* `ip` or `ip6` */
enum datatype address_type(enum family family);
enum field source_field(enum family family);
enum field destination_field(enum family family);

void compiler_counter(struct compiler *compiler, const char *name);
/* Adds a set, and returns it until the next one is added; NULL after an error. */
struct set *compiler_set(struct compiler *compiler, const char *name, const enum datatype *key,
                         size_t n_key, enum set_data data);
/* Adds an element to a set, none where that is NULL. */
void compiler_element(struct compiler *compiler, struct set *set, const struct element *element);
/* The same with a key of its own, an interface or a mark. */
void compiler_add_name(struct compiler *compiler, struct set *set, const char *interface,
                       struct element element);
void compiler_add_mark(struct compiler *compiler, struct set *set, const struct flow *flow,
                       struct element element);
/* Adds each interval of addresses, after an interface where that is not NULL. */
void compiler_add_ranges(struct compiler *compiler, struct set *set, const char *interface,
                         enum family family, const struct range_set *addresses);

/* Adds a chain with one rule after another: rules go to the chain added last. */
void compiler_chain(struct compiler *compiler, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same for a base chain, whose policy is drop or accept. */
void compiler_base_chain(struct compiler *compiler, const char *name, enum hook hook,
                         int32_t priority, bool policy_drop);
#define compiler_rule(compiler, ...)                                                               \
    compiler_rule_list((compiler), (const struct statement[]){__VA_ARGS__},                        \
                       sizeof((const struct statement[]){__VA_ARGS__}) / sizeof(struct statement))
void compiler_rule_list(struct compiler *compiler, const struct statement *statements,
                        size_t n_statements);

/* Of one rule, at most. */
#define STATEMENTS_MAX 8

#define KEY_TYPES(...)                                                                             \
    (const enum datatype[]){__VA_ARGS__},                                                          \
        sizeof((const enum datatype[]){__VA_ARGS__}) / sizeof(enum datatype)

/* A key under construction: fields are appended, each padded to 4 bytes. */
struct key {
    uint8_t bytes[64];
    size_t length;
};
void key_put(struct key *key, const void *bytes, size_t length);
void key_put_address(struct key *key, enum family family, ip_number address);
void key_put_name(struct key *key, const char *interface);
/* Protocol and port, as two fields. */
void key_put_service(struct key *key, service_number service);

/* Sets of addresses, in networks.c: `homes/FAMILY`, and `elsewhere/FAMILY` and
 * `networks/SEGMENT/FAMILY` where needed. */
void compile_networks(struct compiler *compiler);
/* Adds the rule that does `then` to what matches and has an address of the interface's segment;
 * and those that do it to what matches and has another. */
void compiler_at_home(struct compiler *compiler, enum family family, struct field_list where,
                      const struct statement *match, size_t n_match, struct statement then);
void compiler_not_at_home(struct compiler *compiler, enum family family, struct field_list where,
                          struct statement match, struct statement then);
/* Adds the rules that do `then` to packets whose `field` is an address of the segment. */
void compiler_match_networks(struct compiler *compiler, size_t segment, enum family family,
                             enum field field, struct statement then);
/* Where open connections of flows that interfaces do not tell may lead, in ingress.c: map and
 * chains `egress`. */
void compile_egress(struct compiler *compiler);
/* Chains and maps of one pair of the diagram, in pair.c: `pair/FROM/TO/FAMILY`,
 * `turned/FROM/TO/FAMILY` and what they need. The name begins with the kind of chain. */
void compiler_pair_name(const struct compiler *compiler, const char *kind, const struct pair *pair,
                        char name[CHAIN_NAME_MAX]);
void compile_pair(struct compiler *compiler, const struct pair *pair);
/* Zones that require IPsec, in clear_text.c: sets, counters and the chain of the reason; and the
 * rules, in the chain added last, for what comes from zones of the segment and for what leaves. */
void compile_clear_text(struct compiler *compiler);
void compiler_refuse_clear_ingress(struct compiler *compiler, size_t segment);
void compiler_refuse_clear_exit(struct compiler *compiler);
/* Where bits of the mark are shared, a row goes to the chain of its flow, `mark/ID`, which writes
 * the others: in pair.c. (A map to marks would need the kernel to combine two registers, which it
 * can since 6.13, and nft 1.0.6 does not list it.) */
#define MARK_CHAIN "mark/0x%08" PRIx32
void compile_marks(struct compiler *compiler);
/* Anti-spoofing, in ingress.c: base chain `prerouting`, map and chains `ingress`. */
void compile_ingress(struct compiler *compiler);
/* The sets `live`, and `logged` where a flow asks for it, in live.c. */
void compile_live(struct compiler *compiler);
bool compiler_logs(const struct compiler *compiler);
bool compiler_is_live(const struct compiler *compiler, const struct flow *flow);
/* What one source may do by a flow, in limit.c: the map `limited` and chains `limit`, where a flow
 * has a limit. */
void compile_limits(struct compiler *compiler);
bool compiler_limits(const struct compiler *compiler);

/* Refused packets of one pair of interfaces and one reason that are written to NFLOG, per second at
 * most; so many pairs have a budget at a time, and each is forgotten when it was not used for so
 * many seconds. */
#define DROP_LOG_RATE 50
#define DROP_LOG_PAIRS_MAX 65536
#define DROP_LOG_LIFETIME 10
/* New connections written to NFLOG per second at most, and bytes of each packet. */
#define NEW_LOG_RATE 100
#define NEW_LOG_BURST 200
#define DROP_LOG_SNAPLEN 128
/* In drop.c: the chain in which packets refused for a reason end, with the set of its log. It logs,
 * and counts them where the reason has only one counter. Then the chains of all reasons that need
 * nothing else, and the statement that sends a packet there. */
void compile_drop(struct compiler *compiler, enum reason reason);
void compile_drops(struct compiler *compiler);
struct statement compiler_refuse(enum reason reason);
/* Adds the rules of that chain which write to NFLOG, go on with `end`, and count what they do not
 * write. */
void compiler_log_drop(struct compiler *compiler, enum reason reason, struct statement end);
/* What is answered, in reject.c, where the policy asks for it: the sets and chains; the rules, in
 * the chain added last, that answer requests of a hook whose maps have the suffix, for no-flow and
 * suspended, and count them as those that are dropped; and those that let the gateway's resets out,
 * which connection tracking knows as replies related to what they answer: no connection that a
 * helper expects begins so. */
void compile_rejects(struct compiler *compiler);
void compiler_reject(struct compiler *compiler, enum reason reason, struct field_list interfaces,
                     const char *suffix);
void compiler_pass_resets(struct compiler *compiler);
/* A chain that accepts neighbour discovery and returns the rest. */
void compile_neighbour_discovery(struct compiler *compiler, const char *name);

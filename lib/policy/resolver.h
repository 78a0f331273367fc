/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/name_index.h"
#include "policy/draft.h"
#include "policy/policy.h"
#include "policy/report.h"

/*
 * The way from a draft to a policy, shared by the resolve_*.c files and known to nobody else. They
 * fill the mutable arrays here, in the order in which resolve() calls them; a policy borrows the
 * arrays as const at the end.
 *
 * An object in which anything is wrong gets no place in the arrays, but stays known by its name, so
 * that what refers to it is left out in silence. Functions return 0, REPORTED or -ENOMEM.
 */

#define NOT_VALID ((size_t)-1)

/* A zone, host or group by its name. */
struct known {
    enum end_kind kind;
    const struct draft_object *object;
    bool broken;                /* an error was reported in it or about its name */
    size_t index;               /* in the array of its kind, or NOT_VALID */
    const struct flow_end *end; /* what it means as an end of a flow; NULL until one asks */
};

/* One of the `networks` of a zone, kept until all zones are known. */
struct network {
    enum family family;
    struct range range;
    size_t zone;
    struct location location;
    const char *text;
};

struct resolver {
    struct report report;
    const struct draft *draft;
    struct arena *arena; /* of the policy */
    struct policy *policy;

    struct known *known;
    size_t n_known;
    struct name_index names;

    struct zone *zones;
    size_t n_zones;
    size_t n_interfaces;
    const struct draft_text *any; /* the first `any` of all networks */
    size_t any_zone;
    struct network *networks;
    size_t n_networks;
    size_t networks_capacity;

    struct host *hosts;
    size_t n_hosts;
    struct group *groups;
    size_t n_groups;

    struct service *services;
    size_t n_services;
    size_t services_capacity;
    struct known *known_services; /* `kind` and `end` have no meaning */
    size_t n_known_services;
    struct name_index service_names;
    struct name_index literals; /* canonical texts → index */

    struct flow *flows;
    size_t n_flows;
    struct known gateway;

    struct expectation *expectations;
    size_t n_expectations;
};

/* The steps, in order. */
int resolve_head(struct resolver *resolver);
int resolve_names(struct resolver *resolver);
int resolve_zones(struct resolver *resolver);
int resolve_owners(struct resolver *resolver);
int resolve_hosts(struct resolver *resolver);
int resolve_groups(struct resolver *resolver);
int resolve_services(struct resolver *resolver);
int resolve_flows(struct resolver *resolver);
int resolve_expectations(struct resolver *resolver);
/* The steps that a valid policy goes through at last: they find no mistakes. 0 or -ENOMEM. */
int resolve_flow_ids(struct resolver *resolver);
int resolve_segments(struct resolver *resolver);

/* Copies into the policy. NULL texts stay NULL. */
int keep_text(struct resolver *resolver, const struct draft_text *text, const char **ret_text);
/* The spelling to know a name by: the ASCII one, so that a name in full-width letters meets the one
 * it looks like. Borrowed from the draft. */
int keep_spelling(struct resolver *resolver, const struct draft_text *name,
                  const char **ret_spelling);
/* Checks the name of a zone, flow and so on (`noun`). */
int check_name(struct resolver *resolver, const struct draft_text *name, const char *noun);
/* Reports that the name of an object is that of another one, but perhaps for case and width. */
int report_taken(struct resolver *resolver, const struct draft_object *object, const char *noun,
                 const struct draft_object *first, const char *first_noun);

/* One of `n_words` words; writes its index. `key` is the key it stands under. */
int resolve_word(struct resolver *resolver, const struct draft_text *text, const char *key,
                 const char *const *words, size_t n_words, size_t *ret_word);
int resolve_boolean(struct resolver *resolver, const struct draft_text *text, const char *key,
                    bool *ret_value);
int resolve_date(struct resolver *resolver, const struct draft_text *text, const char *key,
                 struct date *ret_date);
/* An address, prefix or range; and an address alone. */
int resolve_range(struct resolver *resolver, const struct draft_text *text, enum family *ret_family,
                  struct range *ret_range);
int resolve_address(struct resolver *resolver, const struct draft_text *text,
                    enum family *ret_family, ip_number *ret_address);
/* Whether somebody meant the text as an address, valid or not. */
bool looks_like_address(const char *text);

/*
 * The zone, host or group that a text names, of the kinds in `kinds` (1 << kind). What is wrong is
 * reported; a name whose object is not valid gives REPORTED without a word.
 */
#define KIND(kind) (1U << (unsigned)(kind))
#define KIND_NAMES (KIND(END_ZONE) | KIND(END_HOST) | KIND(END_GROUP))
int resolve_name(struct resolver *resolver, const struct draft_text *text, unsigned kinds,
                 struct known **ret_known);
/* Whether an unknown name may still be compared with all known ones: each costs a long walk. */
bool may_suggest(struct resolver *resolver);
/* The service that a flow or expectation names or writes as a literal; its index. */
int resolve_service(struct resolver *resolver, const struct draft_text *text, size_t *ret_service);

/* What the names of `from` or `to` mean, by zone and as written. */
struct resolved_ends {
    const struct flow_end *ends;
    size_t n_ends;
    const struct end_name *names;
    size_t n_names;
};
int resolve_ends(struct resolver *resolver, const struct draft_text *list,
                 struct resolved_ends *ret_ends);

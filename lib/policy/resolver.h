/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/name_index.h"
#include "policy/collection.h"
#include "policy/draft.h"
#include "policy/policy.h"
#include "policy/report.h"
#include "policy/service_literal.h"

/*
 * The way from a draft to a policy, shared by the files that resolve. They fill the mutable arrays
 * here, in the order in which resolve() calls them; a policy borrows the arrays as const at the
 * end.
 *
 * An object in which anything is wrong gets no place in the arrays, but stays known by its name, so
 * that what refers to it is left out silently. Functions return 0, REPORTED or -ENOMEM.
 */

#define NOT_VALID UINT32_MAX

enum known_kind {
    KNOWN_GATEWAY,
    KNOWN_ZONE,
    KNOWN_HOST,
    KNOWN_GROUP,
    KNOWN_SERVICE,
    KNOWN_FLOW,
};
#define KIND(kind) (1U << (unsigned)(kind))
#define KINDS_OF_ENDS (KIND(KNOWN_ZONE) | KIND(KNOWN_HOST) | KIND(KNOWN_GROUP))

/* Something that has a name. */
struct known {
    const char *name; /* in ASCII; belongs to the policy */
    struct location location;
    uint32_t index;                    /* in the policy's array of its kind, or NOT_VALID */
    const struct draft_object *object; /* until its kind was resolved; borrowed from the draft */
    const struct flow_end *end;        /* what it means as an end of a flow; NULL until one asks */
    enum known_kind kind;
    bool broken; /* an error was reported in it or about its name */
};

/* Names of which no two may be alike. */
struct names {
    struct known *known;
    size_t n_known;
    struct name_index index;
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
    struct draft *draft; /* borrowed; its objects are freed on the way */
    struct arena *arena; /* of the policy */
    struct policy *policy;

    struct names ends; /* zones, hosts and groups */
    struct known gateway;

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
    struct host_claims *claims; /* what hosts have, while they are resolved */
    struct group *groups;
    size_t n_groups;
    struct draft_addresses **lists;
    struct name_index list_names; /* → index */
    size_t n_listed;              /* members that groups have from lists */

    struct service *services;
    size_t n_services;
    size_t services_capacity;
    struct names service_names;
    struct name_index literals; /* canonical texts → index */

    struct schedule *schedules; /* room for all there may be; NULL before the first */
    size_t n_schedules;
    bool too_many_schedules; /* reported */
    struct names flow_names;
    struct flow *flows;
    size_t n_flows;

    struct reject *rejects;
    size_t n_rejects;
    struct expectation *expectations;
    size_t n_expectations;
};

/* The steps, in order. */
int resolve_names(struct resolver *resolver);
int resolve_zones(struct resolver *resolver);
int resolve_hosts(struct resolver *resolver);
int resolve_lists(struct resolver *resolver);
int resolve_groups(struct resolver *resolver);
int resolve_services(struct resolver *resolver);
int resolve_flows(struct resolver *resolver);
int resolve_rejects(struct resolver *resolver);
int resolve_expectations(struct resolver *resolver);
/* The steps that a valid policy goes through at last. They find no mistakes but that a mark mask is
 * too small for the flows. */
int resolve_flow_ids(struct resolver *resolver);
int resolve_segments(struct resolver *resolver);

/*
 * Values of single keys. Where a key is absent, `text` is NULL, they return 0 and write nothing.
 */

/* How many texts a list has; 0 where there is none. */
size_t count_texts(const struct draft_text *list);
/* Copies into the policy. */
int keep_text(struct resolver *resolver, const struct draft_text *text, const char **ret_text);
/* One of `n_words` words; writes its index. `key` is the key it stands under. */
int resolve_word(struct resolver *resolver, const struct draft_text *text, const char *key,
                 const char *const *words, size_t n_words, size_t *ret_word);
/* One of the two words that mean false and true. */
int resolve_switch(struct resolver *resolver, const struct draft_text *text, const char *key,
                   const char *off, const char *on, bool *ret_value);
int resolve_boolean(struct resolver *resolver, const struct draft_text *text, const char *key,
                    bool *ret_value);
int resolve_date(struct resolver *resolver, const struct draft_text *text, const char *key,
                 struct date *ret_date);

/* An address, prefix or range; and an address alone. */
int resolve_range(struct resolver *resolver, const struct draft_text *text, enum family *ret_family,
                  struct range *ret_range);
int resolve_address(struct resolver *resolver, const struct draft_text *text,
                    enum family *ret_family, ip_number *ret_address);
/* What of the range no zone can own, in words, or NULL. Static. */
const char *unusable_network(enum family family, struct range range);
/* Whether somebody meant the text as an address, valid or not. */
bool looks_like_address(const char *text);

/* Room for `n` names. 0 or -ENOMEM. */
int names_new(struct names *names, size_t n);
void names_clear(struct names *names);
/* Returns 0 with where the object is known now, REPORTED where it is not because another has the
 * name, or -ENOMEM. A name that is not valid is reported and known. */
int names_register(struct resolver *resolver, struct names *names, enum known_kind kind,
                   const struct draft_object *object, struct known **ret_known);
/* Resolves each end of a kind, in file order, until one returns less than 0. */
int resolve_each(struct resolver *resolver, enum known_kind kind,
                 int (*resolve_one)(struct resolver *resolver, struct known *known));
/* By the exact spelling; NULL where there is none. */
struct known *names_find(const struct names *names, const char *name);
/* The remedy for an unknown name: which one was meant. NULL where none is near. */
const char *names_suggest(struct resolver *resolver, const struct names *names, unsigned kinds,
                          const char *text);

/*
 * The zone, host or group that a text names, of the kinds in `kinds`. What is wrong is reported; a
 * name whose object is not valid gives REPORTED and no second message.
 */
int resolve_name(struct resolver *resolver, const struct draft_text *text, unsigned kinds,
                 struct known **ret_known);
/* The list that a text names; each of its texts is an address, prefix or range. */
int resolve_list_name(struct resolver *resolver, const struct draft_text *text,
                      const struct draft_addresses **ret_list);
/* The service that a flow or expectation names or writes as a literal; its index. */
int resolve_service(struct resolver *resolver, const struct draft_text *text, size_t *ret_service);

/* When a flow is open: NULL is not written where it is always open. And how much it may do. */
int resolve_schedule(struct resolver *resolver, const struct draft_schedule *draft,
                     const struct schedule **ret_schedule);
int resolve_limit(struct resolver *resolver, const struct draft_limit *draft,
                  struct limit *ret_limit);

/* `reject` of a flow, after its ends. */
int resolve_flow_reject(struct resolver *resolver, const struct draft_text *text,
                        const struct flow_end *from, size_t n_from, bool *ret_reject);

/* Adds the addresses of a host. Returns 0 or -ENOMEM. */
int collect_host(const struct host *host, struct collection *collection);

/* What the names of `from` or `to` mean, by zone and as written. */
struct resolved_ends {
    const struct flow_end *ends;
    size_t n_ends;
    const struct end_name *names;
    size_t n_names;
};
int resolve_ends(struct resolver *resolver, const struct draft_text *list, bool is_source,
                 struct resolved_ends *ret_ends);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/address.h"
#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/diagnostics.h"
#include "policy/schedule.h"

/*
 * What the policy files say, validated and resolved: every name is an index, every address a set of
 * ranges, every date an instant. A policy is const from the moment policy_read() returns it; all it
 * points to belongs to it and lives as long as it does. Orders are those of the files, files in
 * order of their names.
 */

/* The pseudo-zone of the machine itself, where a zone index is expected. */
#define ZONE_GATEWAY ((size_t)-1)

/* Longest name of a zone, host, group, service or flow, in bytes without the final NUL. */
#define POLICY_NAME_MAX 63

enum zone_class {
    ZONE_CLASS_MYNUMBER,
    ZONE_CLASS_LGWAN,
    ZONE_CLASS_INTERNET,
    ZONE_CLASS_EDUCATION,
    ZONE_CLASS_EXTERNAL,
    ZONE_CLASS_SANITIZER,
    ZONE_CLASS_MANAGEMENT,
    ZONE_CLASS_OTHER,
};

enum policy_model {
    MODEL_NONE,
    MODEL_ALPHA,
    MODEL_ALPHA_PRIME,
    MODEL_BETA,
    MODEL_BETA_PRIME,
};

enum sanitize_method {
    SANITIZE_NONE,
    SANITIZE_MAIL_TEXT,
    SANITIZE_SCREEN,
    SANITIZE_FILE,
};

struct zone {
    const char *name;
    const char *label; /* the name where the policy gives none */
    struct location location;
    enum zone_class class;
    const char *const *interfaces; /* at least one */
    size_t n_interfaces;
    /* What `networks` says, with `any` resolved: every address that no other zone owns. Networks of
     * two zones never overlap, so that an address belongs to one zone at most. */
    struct address_set addresses;
    bool any; /* `networks` has `any`; at most one zone has */
    bool intra_allow;
    bool ipsec; /* `ipsec: required`: nothing passes from or to its addresses in clear text */
};

/* One address of a host: the range's first and last are equal. */
struct host_address {
    enum family family;
    ip_number address;
};

struct host { /* of a zone, or addresses of the gateway, or multicast groups with members there */
    const char *name;
    const char *label;
    struct location location;
    size_t zone;
    const struct host_address *addresses;
    size_t n_addresses;
    bool multicast; /* its addresses are groups; only in `to` */
    /* Its packets must come from one of them, if there are any. Sorted, none twice. */
    const struct mac *macs;
    size_t n_macs;
};

struct group {
    const char *name;
    const char *label;
    struct location location;
    size_t zone;
    struct address_set addresses;
    const char *const *lists; /* `lists/NAME.txt`, of which it has all addresses */
    size_t n_lists;
};

/*
 * Protocols and ports that one entry of a service covers. Ports are destination ports; for ICMP and
 * ICMPv6 a "port" is the request's type times 256 plus its code; protocols without ports have the
 * full range 0 to 65535. `any` is protocols 0 to 255 with ports 0 to 65535.
 */
struct service_range {
    uint8_t protocol_first;
    uint8_t protocol_last;
    uint16_t port_first;
    uint16_t port_last;
    bool families[FAMILIES]; /* which families it is meaningful in */
};

struct service {
    const char *name; /* for a literal, the literal as canonical text: `tcp/8443` */
    struct location location;
    bool literal;
    const struct service_range *ranges;
    size_t n_ranges;
};

/* What a list of `from` or `to` means in one zone: one entry per zone, sorted by zone. */
struct flow_end {
    size_t zone; /* or ZONE_GATEWAY, whose addresses are all of both families, or those of hosts */
    struct address_set addresses;
};

/* Whether one of the ends is the gateway: its index is the highest, so it comes last. */
static inline bool flow_ends_have_gateway(const struct flow_end *ends, size_t n_ends)
{
    return ends[n_ends - 1].zone == ZONE_GATEWAY;
}

/* One name of a `from` or `to` list, as it was written. */
enum end_kind {
    END_GATEWAY,
    END_ZONE,
    END_HOST,
    END_GROUP,
};

struct end_name {
    enum end_kind kind;
    size_t index; /* into zones, hosts or groups */
};

struct approval {
    const char *number; /* texts are NULL where the policy does not say */
    const char *requester;
    const char *approver;
    bool has_date;
    struct date date;
};

/* How much one source address may do by a flow. At least one of the two is given, or none is. */
struct limit {
    uint32_t new;         /* connections that begin within `per_seconds`; 0: no bound */
    uint32_t per_seconds; /* 1, 60 or 3600; 0 where `new` is */
    uint32_t concurrent;  /* connections that are open at a time; 0: no bound */
};

#define FLOW_DIGEST_SIZE 16

struct flow {
    const char *name;
    const char *label;
    struct location location; /* of the flow's name */
    bool implicit;            /* made from `intra: allow`; named `intra:ZONE`; comes last */
    bool enabled;
    bool log_new;
    bool reject; /* its packets are answered while it does not pass; never from the outside */
    const struct flow_end *from;
    size_t n_from;
    const struct flow_end *to;
    size_t n_to;
    const size_t *services; /* indices into policy->services, in the written order */
    size_t n_services;
    const struct end_name *from_names;
    size_t n_from_names;
    const struct end_name *to_names;
    size_t n_to_names;
    /*
     * The value of `ct mark` on its connections: never 0, unique among enabled flows, a function of
     * the flow's resolved content (ends and services; not names, dates, schedule or limit) and of
     * what it would meet with. Flows whose ids would be the same all get another. What a flow has
     * is never the id of another flow in a policy that is the same but for flows that are gone. 0
     * for a flow that is not enabled.
     */
    uint32_t id;
    /*
     * A digest of the same content that is long enough for no two to meet: flows of two policies
     * that have one id and different digests are not the same flow. Flows of equal content have
     * equal ones.
     */
    uint8_t digest[FLOW_DIGEST_SIZE];
    /* The instant at which it ends, or USEC_NEVER. What an operator granted ends at an instant too,
     * but has no date: `has_expires` is whether the policy gives one. */
    usec_t expires;
    bool has_expires;
    struct date expires_date;
    /* When it is open, one of policy->schedules; NULL: always. Equal ones are one object. */
    const struct schedule *schedule;
    struct limit limit;
    const char *purpose; /* or NULL */
    bool has_approval;
    struct approval approval;
    bool has_reviewed;
    struct date reviewed;
    enum sanitize_method sanitize;
};

/* What a mark of connections stands for. */
struct flow_mark {
    uint32_t id;
    uint8_t digest[FLOW_DIGEST_SIZE];
};

/* A pair of zones: what no flow that passes approves from one to the other is answered. Neither
 * shares an interface with another zone. */
struct reject {
    struct location location;
    size_t from;
    size_t to; /* or ZONE_GATEWAY */
};

struct expectation {
    struct location location;
    enum family family;
    /* Zones of the two addresses, or ZONE_GATEWAY; the address of `gateway` is 0. */
    size_t from_zone;
    size_t to_zone;
    ip_number from;
    ip_number to;
    const char *from_text;
    const char *to_text;
    uint8_t protocol;
    uint16_t port; /* as in struct service_range */
    const char *service_text;
    bool allow;
};

/*
 * Interfaces that carry the same set of zones. A packet's segment follows from its interface alone;
 * where each interface has one zone, segments are zones.
 */
struct segment {
    const char *name; /* of its zones, joined by `.` */
    const size_t *zones;
    size_t n_zones;
    const char *const *interfaces;
    size_t n_interfaces;
};

struct policy {
    const char *site; /* or NULL */
    const char *timezone;
    const char *const *rules;
    size_t n_rules;
    enum policy_model model;
    bool gateway_protect;
    bool gateway_forwarding; /* segd switches the kernel's forwarding on, after its first commit */
    /* The bits of the mark of connections that hold ids of flows; 0: all. The others belong to
     * somebody else, and are left as they are. */
    uint32_t mark_mask;
    const struct zone *zones;
    size_t n_zones;
    const struct host *hosts;
    size_t n_hosts;
    const struct group *groups;
    size_t n_groups;
    size_t n_lists;                 /* that groups take members from */
    const struct service *services; /* named ones first, then the literals that flows use */
    size_t n_services;
    const struct flow *flows;
    size_t n_flows;
    const struct schedule *schedules; /* all that flows have, each once */
    size_t n_schedules;
    const struct reject *rejects; /* each pair once */
    size_t n_rejects;
    const struct expectation *expectations;
    size_t n_expectations;
    const struct segment *segments;
    size_t n_segments;
    const struct flow_mark *marks; /* of an outline: those of its enabled flows, in their order */
    size_t n_marks;
};

/* Bounds of the language. Beyond one of them reading is an error, not a truncation. */
#define POLICY_SIZE_MAX ((size_t)64 * 1024 * 1024) /* bytes of all files together */
#define POLICY_DEPTH_MAX 8                         /* nested mappings and sequences */
#define POLICY_LIST_MAX 65536                      /* items of one list */
#define POLICY_TEXT_MAX 1024                       /* bytes of one text */
#define POLICY_OBJECTS_MAX 200000                  /* hosts, groups, services: of each kind */
#define POLICY_ZONES_MAX 1024
#define POLICY_INTERFACES_MAX 1024 /* of all zones together */
#define POLICY_FLOWS_MAX 200000
#define POLICY_SCHEDULES_MAX 1024 /* that differ */
#define POLICY_LIMIT_MAX 1000000  /* of each number of a limit */
#define HOST_MACS_MAX 12          /* hardware addresses of a host */
#define POLICY_LISTS_MAX 1024     /* files of addresses */
/* Addresses of these files: in all of them, and in all groups, one file counting for each group. */
#define POLICY_LISTED_MAX 1000000
#define POLICY_MARK_BITS_MIN 16 /* of `mark-mask` */
/* With `mark-mask` so many ids must be there for each enabled flow: ids come from what flows mean,
 * and two that meet leave the id to neither. */
#define POLICY_MARKS_PER_FLOW 8

/*
 * Reads a policy from a file, or from the `*.yaml` files of a directory in order of their names;
 * and the lists of addresses `lists/NAME.txt` in the directory, or beside the file.
 * Every mistake is added to `diagnostics`, every file that was opened to `sources`.
 *
 * Returns 0 and a policy that the caller owns (warnings may have been added), or
 * -EBADMSG  the policy is invalid; `diagnostics` holds at least one error
 * -ENOMEM
 * A path that cannot be read is also -EBADMSG, with a diagnostic that has no place.
 */
int policy_read(const char *path, struct sources *sources, struct diagnostics *diagnostics,
                struct policy **ret_policy);
struct policy *policy_free(struct policy *policy);
DEFINE_CLEANUP(struct policy, policy_free)

/*
 * Prints the canonical form, YAML of the same language: defaults left out, names and literals in
 * one spelling, dates in ISO form. It parses back to an equal policy and prints to the same bytes,
 * but for a comment that names the lists whose addresses stand in a group.
 * Returns 0, -EIO or -ENOMEM.
 */
int policy_print(const struct policy *policy, FILE *stream);

/* The digest of a flow as 32 hexadecimal digits. Returns `buffer`. */
const char *flow_content_format(const uint8_t content[FLOW_DIGEST_SIZE],
                                char buffer[2 * FLOW_DIGEST_SIZE + 1]);
/* The flow of that name; NULL where there is none. Borrowed. */
const struct flow *policy_flow_named(const struct policy *policy, const char *name);

/* Words of the language for enumerated values; static strings. */
const char *zone_class_to_string(enum zone_class class);
const char *policy_model_to_string(enum policy_model model);
const char *sanitize_method_to_string(enum sanitize_method method);

/* `gateway`, or the zone's name or label; borrowed from the policy. */
const char *policy_zone_name(const struct policy *policy, size_t zone);
const char *policy_zone_label(const struct policy *policy, size_t zone);
/* The zone of that name; NULL where there is none, or no policy. Borrowed. The same of hosts and
 * groups of a policy. */
const struct zone *policy_zone_named(const struct policy *policy, const char *name);
const struct host *policy_host_named(const struct policy *policy, const char *name);
/* Whether the hardware address is one of those that bind the host. */
bool host_has_mac(const struct host *host, struct mac mac);
const struct group *policy_group_named(const struct policy *policy, const char *name);
/* What a name of a `from` or `to` list is: `gateway`, or the name of the zone, host or group.
 * Borrowed from the policy. */
const char *policy_end_name(const struct policy *policy, const struct end_name *name);
/* The zone that owns the address; returns false where none does. */
bool policy_zone_of_address(const struct policy *policy, enum family family, ip_number address,
                            size_t *ret_zone);

/*
 * The addresses of one family that `end` of `flow` stands for when the other end of a connection
 * lies in `other_zone` (a zone, or ZONE_GATEWAY). `is_source`: `end` is one of the flow's `from`,
 * not of its `to`. These are what the policy says; `gateway` is all of the family.
 *
 * One case adds to them: where a whole zone (not a host or group) talks with the gateway, its hosts
 * also use addresses that no zone can own, before they have one of their own (DHCP) or because the
 * link asks for it (DHCPv6, router solicitation, VRRP):
 *   from a zone to the gateway   0.0.0.0, ::, fe80::/10
 *   from the gateway to a zone   255.255.255.255, 224.0.0.0/4, fe80::/10, ff00::/8
 *
 * The flow of `intra: allow` has both within its zone: the kernel may give bridged packets to the
 * rules for forwarded ones (br_netfilter), and hosts at two ports of a bridge talk so.
 *
 * Returns 0 and a set that the caller owns (range_set_clear()), or -ENOMEM.
 */
int policy_end_addresses(const struct policy *policy, const struct flow *flow,
                         const struct flow_end *end, bool is_source, size_t other_zone,
                         enum family family, struct range_set *ret_ranges);

/* The first zone that requires IPsec; NULL where none does. */
const struct zone *policy_zone_with_ipsec(const struct policy *policy);
/* The first place that asks for an answer to what is refused, in an enabled flow or a pair of
 * zones; NULL where there is none. */
const struct location *policy_first_reject(const struct policy *policy);
/* Whether it is outside: of class `external`, or with `any`. */
bool zone_is_outside(const struct zone *zone);
/* The first enabled flow that names some ports of a protocol, but not all; NULL where none does. */
const struct flow *policy_flow_with_ports(const struct policy *policy, uint8_t protocol);

/*
 * Resolves one end as a person types it: an address, or the name of a host, a group, a zone, or
 * `gateway`. Of a host, group or zone the first address of `family` is taken.
 * Returns 0, -ENOENT (no such name, or an address that no zone owns), or -EAFNOSUPPORT (nothing of
 * that family there).
 */
int policy_find_end(const struct policy *policy, const char *text, enum family family,
                    size_t *ret_zone, ip_number *ret_address);
/*
 * Parses a service as a person types it: a name of the policy or a literal. Writes its ranges,
 * owned by the caller. Returns 0, -ENOENT, -EINVAL, or -ENOMEM.
 */
int policy_find_service(const struct policy *policy, const char *text,
                        struct service_range **ret_ranges, size_t *ret_n_ranges);
/* Canonical text of one range, `tcp/443`, `icmp/echo-request`. Returns `buffer`. */
#define SERVICE_TEXT_MAX 64
const char *service_range_format(const struct service_range *range, enum family family,
                                 char buffer[SERVICE_TEXT_MAX]);

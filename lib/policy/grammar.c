/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Every key of the language stands here once. A key that is added here is parsed, refused when
 * given twice or missing, and suggested when mistyped; the resolver gives it its meaning.
 */

#include "policy/grammar.h"

#include "policy/draft.h"
#include "policy/policy.h"

#define KEY(type, key, ...)                                                                        \
    {                                                                                              \
        .name = #key, .offset = offsetof(type, key), __VA_ARGS__                                   \
    }
#define TEXT(type, key) KEY(type, key, .kind = KEY_TEXT)
#define TEXT_REQUIRED(type, key) KEY(type, key, .kind = KEY_TEXT, .required = true)
#define LIST(type, key) KEY(type, key, .kind = KEY_LIST)
#define LIST_REQUIRED(type, key) KEY(type, key, .kind = KEY_LIST, .required = true)
#define MAPPED(type, key, of) KEY(type, key, .kind = KEY_MAPPING, .mapping = &(of))
#define MAPPING(name, type, array)                                                                 \
    static const struct mapping array##_mapping = {                                                \
        .noun = (name), .size = sizeof(type), .keys = (array), .n_keys = ELEMENTS_OF(array)};      \
    _Static_assert(ELEMENTS_OF(array) <= MAPPING_KEYS_MAX, "more keys than the parser remembers")

static const struct grammar_key zone_keys[] = {
    TEXT(struct draft_zone, label),
    TEXT_REQUIRED(struct draft_zone, class),
    LIST_REQUIRED(struct draft_zone, interfaces),
    LIST_REQUIRED(struct draft_zone, networks),
    TEXT(struct draft_zone, intra),
    TEXT(struct draft_zone, ipsec),
};
MAPPING("zone", struct draft_zone, zone_keys);

static const struct grammar_key host_keys[] = {
    TEXT_REQUIRED(struct draft_host, zone),
    LIST_REQUIRED(struct draft_host, address),
    LIST(struct draft_host, mac),
    TEXT(struct draft_host, label),
};
MAPPING("host", struct draft_host, host_keys);

static const struct grammar_key group_keys[] = {
    TEXT_REQUIRED(struct draft_group, zone),
    LIST(struct draft_group, members),
    {.name = "members-from",
     .offset = offsetof(struct draft_group, members_from),
     .kind = KEY_LIST},
    TEXT(struct draft_group, label),
};
MAPPING("group", struct draft_group, group_keys);

static const struct grammar_key service_keys[] = {
    LIST_REQUIRED(struct draft_service, literals),
};
static const struct mapping service_mapping = {
    .noun = "service",
    .size = sizeof(struct draft_service),
    .keys = service_keys,
    .n_keys = ELEMENTS_OF(service_keys),
    .is_list = true,
};

static const struct grammar_key approval_keys[] = {
    TEXT(struct draft_approval, number),
    TEXT(struct draft_approval, requester),
    TEXT(struct draft_approval, approver),
    TEXT(struct draft_approval, date),
};
MAPPING("approval", struct draft_approval, approval_keys);

static const struct grammar_key schedule_keys[] = {
    LIST(struct draft_schedule, days),
    LIST(struct draft_schedule, hours),
};
MAPPING("schedule", struct draft_schedule, schedule_keys);

static const struct grammar_key limit_keys[] = {
    TEXT(struct draft_limit, new),
    TEXT(struct draft_limit, concurrent),
};
MAPPING("limit", struct draft_limit, limit_keys);

static const struct grammar_key flow_keys[] = {
    TEXT(struct draft_flow, label),
    LIST_REQUIRED(struct draft_flow, from),
    LIST_REQUIRED(struct draft_flow, to),
    LIST_REQUIRED(struct draft_flow, services),
    TEXT(struct draft_flow, purpose),
    MAPPED(struct draft_flow, approval, approval_keys_mapping),
    TEXT(struct draft_flow, expires),
    TEXT(struct draft_flow, reviewed),
    MAPPED(struct draft_flow, schedule, schedule_keys_mapping),
    TEXT(struct draft_flow, sanitize),
    MAPPED(struct draft_flow, limit, limit_keys_mapping),
    TEXT(struct draft_flow, log),
    TEXT(struct draft_flow, reject),
    TEXT(struct draft_flow, enabled),
};
MAPPING("flow", struct draft_flow, flow_keys);

static const struct grammar_key gateway_keys[] = {
    TEXT(struct draft_gateway, protect),
    TEXT(struct draft_gateway, forwarding),
    {.name = "mark-mask", .offset = offsetof(struct draft_gateway, mark_mask), .kind = KEY_TEXT},
};
MAPPING("gateway", struct draft_gateway, gateway_keys);

static const struct grammar_key expectation_keys[] = {
    TEXT_REQUIRED(struct draft_expectation, from),
    TEXT_REQUIRED(struct draft_expectation, to),
    TEXT_REQUIRED(struct draft_expectation, service),
    TEXT_REQUIRED(struct draft_expectation, verdict),
};
MAPPING("expectation", struct draft_expectation, expectation_keys);

static const struct grammar_key reject_keys[] = {
    TEXT_REQUIRED(struct draft_reject, from),
    TEXT_REQUIRED(struct draft_reject, to),
};
MAPPING("reject entry", struct draft_reject, reject_keys);

#define OBJECTS(key, of, bound)                                                                    \
    KEY(struct draft, key, .kind = KEY_OBJECTS, .mapping = &(of), .most = (bound))

static const struct grammar_key file_keys[] = {
    {.name = "segd",
     .kind = KEY_TEXT,
     .offset = offsetof(struct draft, version),
     .in_each_file = true},
    TEXT(struct draft, site),
    TEXT(struct draft, timezone),
    LIST(struct draft, rules),
    TEXT(struct draft, model),
    OBJECTS(zones, zone_keys_mapping, POLICY_ZONES_MAX),
    OBJECTS(hosts, host_keys_mapping, POLICY_OBJECTS_MAX),
    OBJECTS(groups, group_keys_mapping, POLICY_OBJECTS_MAX),
    OBJECTS(services, service_mapping, POLICY_OBJECTS_MAX),
    OBJECTS(flows, flow_keys_mapping, POLICY_FLOWS_MAX),
    MAPPED(struct draft, gateway, gateway_keys_mapping),
    {.name = "reject",
     .kind = KEY_ITEMS,
     .offset = offsetof(struct draft, rejects),
     .mapping = &reject_keys_mapping,
     .most = POLICY_LIST_MAX},
    {.name = "expect",
     .kind = KEY_ITEMS,
     .offset = offsetof(struct draft, expectations),
     .mapping = &expectation_keys_mapping,
     .most = POLICY_LIST_MAX},
};
_Static_assert(ELEMENTS_OF(file_keys) <= MAPPING_KEYS_MAX, "more keys than the parser remembers");

const struct mapping grammar = {
    .noun = "policy",
    .size = sizeof(struct draft),
    .keys = file_keys,
    .n_keys = ELEMENTS_OF(file_keys),
};

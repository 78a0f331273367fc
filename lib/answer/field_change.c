/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Two objects side by side, by tables of their keys: a key that is added to the language needs one
 * line here, and a test finds the one that is missing. What people decide by (who approved it, when
 * it was reviewed) is compared like what packets meet.
 */

#include "answer/field_change.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/name_index.h"
#include "diagram/service_span.h"

#define VALUE_MAX SCHEDULE_TEXT_MAX
/* Items of a list that the line for people names. */
#define ITEMS_DESCRIBED 3

/* One comparison, and what it found of the key at hand. A failure stays in `r`, and then the result
 * is not used. */
struct comparison {
    struct arena *arena;
    const struct policy *old, *new;
    size_t items_max;
    struct field_change change;
    int r;
};

struct field_key {
    const char *name;
    bool packets;
    /* Of a key with one value: as the language writes it, in the buffer or borrowed, or NULL. */
    const char *(*text)(const struct policy *policy, const void *object, char buffer[VALUE_MAX]);
    /* Of a key with a list: adds the items that come and go. */
    void (*list)(struct comparison *comparison, const void *old, const void *new);
    /* Whether all passes with the value of `object` that passes with that of `other`; where it is
     * NULL neither more nor less does. */
    bool (*includes)(const void *object, const void *other);
};

#define VALUE(function, type, expression)                                                          \
    static const char *function(const struct policy *policy, const void *object,                   \
                                char buffer[VALUE_MAX])                                            \
    {                                                                                              \
        const type *it = object;                                                                   \
                                                                                                   \
        (void)policy;                                                                              \
        (void)buffer;                                                                              \
        return (expression);                                                                       \
    }

#define INCLUDES(function, type, expression)                                                       \
    static bool function(const void *object, const void *other)                                    \
    {                                                                                              \
        const type *a = object, *b = other;                                                        \
                                                                                                   \
        return (expression);                                                                       \
    }

static void keep(struct comparison *comparison, const char **text)
{
    if (arena_keep_string(comparison->arena, text) < 0)
        comparison->r = -ENOMEM;
}

static void *allocate(struct comparison *comparison, size_t n, size_t size)
{
    void *memory = arena_allocate(comparison->arena, n * size);

    if (!memory)
        comparison->r = -ENOMEM;
    return memory;
}

static void add_item(struct comparison *comparison, struct field_items *items, const char *text)
{
    if (items->n >= comparison->items_max) {
        items->n_left_out++;
        return;
    }
    /* Room doubles: there is some unless the number of items is a power of two. */
    if ((items->n & (items->n - 1)) == 0) {
        const char **more = allocate(comparison, 2 * items->n + 1, sizeof(*more));

        if (!more)
            return;
        if (items->n > 0)
            memcpy(more, items->items, items->n * sizeof(*more));
        items->items = more;
    }
    items->items[items->n] = text;
    keep(comparison, &items->items[items->n]);
    items->n += comparison->r == 0;
}

/* Lists of addresses and services: sets of numbers. */

/* Takes numbers off the front of the range that one text can name; false: that was all of it. */
typedef bool (*take_text)(struct range *range, enum family family, char buffer[VALUE_MAX]);

static bool take_addresses(struct range *range, enum family family, char buffer[VALUE_MAX])
{
    range_format(family, *range, buffer);
    return false;
}

static bool take_services(struct range *range, enum family family, char buffer[VALUE_MAX])
{
    struct service_span span = {(service_number)range->first, (service_number)range->last};
    bool more = service_span_take(&span, family, buffer);

    range->first = span.first;
    return more;
}

static bool has_item(const struct field_items *items, const char *text)
{
    for (size_t i = 0; i < items->n; i++) {
        if (strcmp(items->items[i], text) == 0)
            return true;
    }
    return false;
}

/* The numbers of one set that the other has not. Most services are the same in both families, and
 * are added once. */
static void add_rest(struct comparison *comparison, struct field_items *items, enum family family,
                     const struct range_set *set, const struct range_set *without, take_text take)
{
    cleanup_(range_set_clear) struct range_set rest = {0};

    if (range_set_add_set(&rest, set) < 0 || range_set_subtract(&rest, without) < 0) {
        comparison->r = -ENOMEM;
        return;
    }
    for (size_t i = 0; i < rest.n_ranges; i++) {
        struct range range = rest.ranges[i];
        char text[VALUE_MAX];

        bool more = true;

        while (more) {
            more = take(&range, family, text);
            if (take != take_services || !has_item(items, text))
                add_item(comparison, items, text);
        }
    }
}

static void addresses_clear(struct address_set *set)
{
    for (enum family family = 0; family < FAMILIES; family++)
        range_set_clear(&set->by_family[family]);
}

static void compare_sets(struct comparison *comparison, const struct address_set *old,
                         const struct address_set *new, take_text take)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        const struct range_set *before = &old->by_family[family], *after = &new->by_family[family];

        if (range_set_equal(before, after))
            continue;
        add_rest(comparison, &comparison->change.added, family, after, before, take);
        add_rest(comparison, &comparison->change.removed, family, before, after, take);
    }
}

/* Lists of texts. */

static void add_texts(struct comparison *comparison, struct field_items *items,
                      const char *const *texts, size_t n_texts, const char *const *without,
                      size_t n_without)
{
    struct name_index index = {0};
    int r = 0;

    for (size_t i = 0; i < n_without && r != -ENOMEM; i++)
        r = name_index_add(&index, without[i], (uint32_t)i);
    if (r == -ENOMEM)
        comparison->r = r;
    for (size_t i = 0; i < n_texts && r != -ENOMEM; i++) {
        const char *same = name_index_find(&index, texts[i], &(uint32_t){0});

        if (!same || strcmp(same, texts[i]) != 0)
            add_item(comparison, items, texts[i]);
    }
    name_index_clear(&index);
}

static void compare_texts(struct comparison *comparison, const char *const *old, size_t n_old,
                          const char *const *new, size_t n_new)
{
    size_t i = 0;

    while (i < n_old && i < n_new && strcmp(old[i], new[i]) == 0)
        i++;
    if (i == n_old && i == n_new)
        return;
    add_texts(comparison, &comparison->change.added, new, n_new, old, n_old);
    add_texts(comparison, &comparison->change.removed, old, n_old, new, n_new);
}

/* Flows. */

/* One of `from` and `to`. */
struct end {
    const struct policy *policy;
    const struct flow_end *zones;
    size_t n_zones;
    const struct end_name *names;
    size_t n_names;
};

static const struct flow_end *end_find(const struct end *end, const char *zone)
{
    for (size_t i = 0; i < end->n_zones; i++) {
        if (strcmp(policy_zone_name(end->policy, end->zones[i].zone), zone) == 0)
            return &end->zones[i];
    }
    return NULL;
}

static bool is_whole(const struct policy *policy, const struct flow_end *end)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        struct range every = family_all(family);
        const struct range_set all = {.ranges = &every, .n_ranges = 1, .capacity = 1};

        if (!range_set_includes(&end->addresses.by_family[family],
                                end->zone == ZONE_GATEWAY
                                    ? &all
                                    : &policy->zones[end->zone].addresses.by_family[family]))
            return false;
    }
    return true;
}

static void add_end(struct comparison *comparison, struct field_items *items, const struct end *end,
                    const struct end *without)
{
    static const struct address_set none;

    for (size_t i = 0; i < end->n_zones; i++) {
        const char *zone = policy_zone_name(end->policy, end->zones[i].zone);
        const struct flow_end *other = end_find(without, zone);

        if (!other && is_whole(end->policy, &end->zones[i])) {
            add_item(comparison, items, zone);
            continue;
        }
        for (enum family family = 0; family < FAMILIES; family++)
            add_rest(comparison, items, family, &end->zones[i].addresses.by_family[family],
                     &(other ? &other->addresses : &none)->by_family[family], take_addresses);
    }
}

static const char **end_names(struct comparison *comparison, const struct end *end)
{
    const char **names = allocate(comparison, end->n_names, sizeof(*names));

    for (size_t i = 0; names && i < end->n_names; i++)
        names[i] = policy_end_name(end->policy, &end->names[i]);
    return names;
}

/* Whether ends and services are the same; not asked of a flow that is not enabled. */
static bool is_same_content(const struct flow *old, const struct flow *new)
{
    return old->enabled && memcmp(old->digest, new->digest, sizeof(old->digest)) == 0;
}

static void compare_ends(struct comparison *comparison, bool same, const struct end *old,
                         const struct end *new, bool by_link)
{
    const char **before, **after;

    if (!same) {
        add_end(comparison, &comparison->change.added, new, old);
        add_end(comparison, &comparison->change.removed, old, new);
        if (comparison->change.added.n + comparison->change.removed.n > 0)
            return;
    }
    /* The same addresses. Only where the gateway is the other end it matters to packets whether a
     * whole zone is named or a part that has all its addresses. */
    before = end_names(comparison, old);
    after = end_names(comparison, new);
    if (before && after)
        compare_texts(comparison, before, old->n_names, after, new->n_names);
    comparison->change.packets = by_link && !same;
}

#define END(key, policy_, flow)                                                                    \
    &(struct end)                                                                                  \
    {                                                                                              \
        policy_, (flow)->key, (flow)->n_##key, (flow)->key##_names, (flow)->n_##key##_names        \
    }

static void list_from(struct comparison *comparison, const void *old, const void *new)
{
    const struct flow *a = old, *b = new;

    compare_ends(comparison, is_same_content(a, b), END(from, comparison->old, a),
                 END(from, comparison->new, b), flow_ends_have_gateway(b->to, b->n_to));
}

static void list_to(struct comparison *comparison, const void *old, const void *new)
{
    const struct flow *a = old, *b = new;

    compare_ends(comparison, is_same_content(a, b), END(to, comparison->old, a),
                 END(to, comparison->new, b), flow_ends_have_gateway(b->from, b->n_from));
}

/* Numbers of services in place of addresses. */
static void service_numbers(struct comparison *comparison, const struct policy *policy,
                            const struct flow *flow, struct address_set *set)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        cleanup_(freep) struct service_span *spans = NULL;
        size_t n = 0;
        int r = service_spans_of_flow(policy, flow, family, &spans, &n);

        for (size_t i = 0; r == 0 && i < n; i++)
            r = range_set_add(&set->by_family[family],
                              (struct range){spans[i].first, spans[i].last});
        if (r < 0)
            comparison->r = r;
    }
}

static void list_services(struct comparison *comparison, const void *old, const void *new)
{
    cleanup_(addresses_clear) struct address_set before = {0}, after = {0};

    if (is_same_content(old, new))
        return;
    service_numbers(comparison, comparison->old, old, &before);
    service_numbers(comparison, comparison->new, new, &after);
    compare_sets(comparison, &before, &after, take_services);
}

static const char *number_text(unsigned number, const char *unit, char buffer[VALUE_MAX])
{
    if (number == 0)
        return NULL;
    snprintf(buffer, VALUE_MAX, "%u%s", number, unit);
    return buffer;
}

static const char *rate_text(const struct limit *limit, char buffer[VALUE_MAX])
{
    return number_text(limit->new,
                       limit->per_seconds == 1    ? "/s"
                       : limit->per_seconds == 60 ? "/m"
                                                  : "/h",
                       buffer);
}

static const char *date_text(bool is_given, struct date date, char buffer[VALUE_MAX])
{
    return is_given ? date_format_iso(date, buffer) : NULL;
}

/* A label that is the name is none. */
static const char *label_text(const char *name, const char *label)
{
    return strcmp(name, label) != 0 ? label : NULL;
}

VALUE(flow_label, struct flow, label_text(it->name, it->label))
VALUE(flow_purpose, struct flow, it->purpose)
VALUE(approval_number, struct flow, it->approval.number)
VALUE(approval_requester, struct flow, it->approval.requester)
VALUE(approval_approver, struct flow, it->approval.approver)
VALUE(approval_date, struct flow, date_text(it->approval.has_date, it->approval.date, buffer))
VALUE(flow_expires, struct flow, date_text(it->has_expires, it->expires_date, buffer))
VALUE(flow_reviewed, struct flow, date_text(it->has_reviewed, it->reviewed, buffer))
VALUE(schedule_days, struct flow, it->schedule ? schedule_days_format(it->schedule, buffer) : NULL)
VALUE(schedule_hours, struct flow,
      it->schedule ? schedule_hours_format(it->schedule, buffer) : NULL)
VALUE(flow_sanitize, struct flow, it->sanitize ? sanitize_method_to_string(it->sanitize) : NULL)
VALUE(limit_new, struct flow, rate_text(&it->limit, buffer))
VALUE(limit_concurrent, struct flow, number_text(it->limit.concurrent, "", buffer))
VALUE(flow_log, struct flow, it->log_new ? "new" : NULL)
VALUE(flow_reject, struct flow, it->reject ? "true" : NULL)
VALUE(flow_enabled, struct flow, it->enabled ? "true" : "false")

/* How many connections may begin within an hour. */
static uint64_t hourly(const struct limit *limit)
{
    return (uint64_t)limit->new *(3600 / limit->per_seconds);
}

INCLUDES(expires_includes, struct flow, a->expires >= b->expires)
INCLUDES(hours_include, struct flow, schedule_includes(a->schedule, b->schedule))
INCLUDES(rate_includes, struct flow,
         a->limit.new == 0 || (b->limit.new > 0 && hourly(&a->limit) >= hourly(&b->limit) &&
                               a->limit.new >= b->limit.new))
INCLUDES(number_includes, struct flow, a->limit.concurrent - 1 >= b->limit.concurrent - 1)
INCLUDES(enabled_includes, struct flow, a->enabled || !b->enabled)

static const struct field_key flow_keys[] = {
    {"label", false, flow_label},
    {"from", true, .list = list_from},
    {"to", true, .list = list_to},
    {"services", true, .list = list_services},
    {"purpose", false, flow_purpose},
    {"approval.number", false, approval_number},
    {"approval.requester", false, approval_requester},
    {"approval.approver", false, approval_approver},
    {"approval.date", false, approval_date},
    {"expires", true, flow_expires, .includes = expires_includes},
    {"reviewed", false, flow_reviewed},
    {"schedule.days", true, schedule_days, .includes = hours_include},
    {"schedule.hours", true, schedule_hours, .includes = hours_include},
    {"sanitize", false, flow_sanitize},
    {"limit.new", true, limit_new, .includes = rate_includes},
    {"limit.concurrent", true, limit_concurrent, .includes = number_includes},
    {"log", true, flow_log},
    {"reject", true, flow_reject},
    {"enabled", true, flow_enabled, .includes = enabled_includes},
};

/* Zones. */

static void list_interfaces(struct comparison *comparison, const void *old, const void *new)
{
    const struct zone *a = old, *b = new;

    compare_texts(comparison, a->interfaces, a->n_interfaces, b->interfaces, b->n_interfaces);
}

/* What `any` stands for changes with the other zones, and is not a change of this one. */
static void list_networks(struct comparison *comparison, const void *old, const void *new)
{
    static const struct address_set none;
    const struct zone *a = old, *b = new;

    if (b->any && !a->any)
        add_item(comparison, &comparison->change.added, "any");
    if (a->any && !b->any)
        add_item(comparison, &comparison->change.removed, "any");
    compare_sets(comparison, a->any ? &none : &a->addresses, b->any ? &none : &b->addresses,
                 take_addresses);
}

VALUE(zone_label, struct zone, label_text(it->name, it->label))
VALUE(zone_class, struct zone, zone_class_to_string(it->class))
VALUE(zone_intra, struct zone, it->intra_allow ? "allow" : "deny")
VALUE(zone_ipsec, struct zone, it->ipsec ? "required" : NULL)
INCLUDES(ipsec_includes, struct zone, !a->ipsec || b->ipsec)
INCLUDES(intra_includes, struct zone, a->intra_allow || !b->intra_allow)

static const struct field_key zone_keys[] = {
    {"label", false, zone_label},
    {"class", false, zone_class},
    {"interfaces", true, .list = list_interfaces},
    {"networks", true, .list = list_networks},
    {"intra", true, zone_intra, .includes = intra_includes},
    {"ipsec", true, zone_ipsec, .includes = ipsec_includes},
};

/* Hosts, groups and services. */

static void host_addresses(struct comparison *comparison, const struct host *host,
                           struct address_set *set)
{
    for (size_t i = 0; i < host->n_addresses; i++) {
        const struct host_address *at = &host->addresses[i];

        if (range_set_add(&set->by_family[at->family], (struct range){at->address, at->address}) <
            0)
            comparison->r = -ENOMEM;
    }
}

static void list_addresses(struct comparison *comparison, const void *old, const void *new)
{
    cleanup_(addresses_clear) struct address_set before = {0}, after = {0};

    host_addresses(comparison, old, &before);
    host_addresses(comparison, new, &after);
    compare_sets(comparison, &before, &after, take_addresses);
}

static void list_members(struct comparison *comparison, const void *old, const void *new)
{
    compare_sets(comparison, &((const struct group *)old)->addresses,
                 &((const struct group *)new)->addresses, take_addresses);
}

/* What the lists hold are members. */
static void list_members_from(struct comparison *comparison, const void *old, const void *new)
{
    const struct group *a = old, *b = new;

    compare_texts(comparison, a->lists, a->n_lists, b->lists, b->n_lists);
}

/* As of a flow that has this service alone. */
static void list_literals(struct comparison *comparison, const void *old, const void *new)
{
    size_t a = (size_t)((const struct service *)old - comparison->old->services);
    size_t b = (size_t)((const struct service *)new - comparison->new->services);

    list_services(comparison, &(struct flow){.services = &a, .n_services = 1},
                  &(struct flow){.services = &b, .n_services = 1});
}

/* As one value, because `none` is not a list that is empty: it is every hardware address. */
static const char *macs_text(const struct host *host, char buffer[VALUE_MAX])
{
    char *end = buffer;

    _Static_assert(HOST_MACS_MAX * (MAC_TEXT_MAX + 1) + sizeof("]") <= VALUE_MAX, "too long");
    if (host->n_macs == 0)
        return NULL;
    if (host->n_macs == 1)
        return mac_format(host->macs[0].bytes, buffer);
    for (size_t i = 0; i < host->n_macs; i++) {
        end = stpcpy(end, i == 0 ? "[" : ", ");
        end += strlen(mac_format(host->macs[i].bytes, end));
    }
    strcpy(end, "]");
    return buffer;
}

static bool macs_include(const struct host *host, const struct host *other)
{
    if (host->n_macs == 0)
        return true;
    for (size_t i = 0; i < other->n_macs; i++) {
        if (!host_has_mac(host, other->macs[i]))
            return false;
    }
    return other->n_macs > 0;
}

VALUE(host_mac, struct host, macs_text(it, buffer))
VALUE(host_zone, struct host, policy_zone_name(policy, it->zone))
VALUE(host_label, struct host, label_text(it->name, it->label))
INCLUDES(mac_includes, struct host, macs_include(a, b))
VALUE(group_zone, struct group, policy_zone_name(policy, it->zone))
VALUE(group_label, struct group, label_text(it->name, it->label))

static const struct field_key host_keys[] = {
    {"zone", true, host_zone},
    {"address", true, .list = list_addresses},
    {"mac", true, host_mac, .includes = mac_includes},
    {"label", false, host_label},
};

static const struct field_key group_keys[] = {
    {"zone", true, group_zone},
    {"members", true, .list = list_members},
    {"members-from", false, .list = list_members_from},
    {"label", false, group_label},
};

static const struct field_key service_keys[] = {
    {"literals", true, .list = list_literals},
};

/* The gateway and the policy itself. */

static void list_rules(struct comparison *comparison, const void *old, const void *new)
{
    const struct policy *a = old, *b = new;

    compare_texts(comparison, a->rules, a->n_rules, b->rules, b->n_rules);
}

static const char **expectation_texts(struct comparison *comparison, const struct policy *policy)
{
    const char **texts = allocate(comparison, policy->n_expectations, sizeof(*texts));

    for (size_t i = 0; texts && i < policy->n_expectations; i++) {
        const struct expectation *it = &policy->expectations[i];

        texts[i] = arena_printf(comparison->arena, "%s %s %s %s", it->from_text, it->to_text,
                                it->service_text, it->allow ? "allow" : "deny");
        if (!texts[i]) {
            comparison->r = -ENOMEM;
            return NULL;
        }
    }
    return texts;
}

static void list_expectations(struct comparison *comparison, const void *old, const void *new)
{
    const struct policy *a = old, *b = new;
    const char **before = expectation_texts(comparison, a);
    const char **after = expectation_texts(comparison, b);

    if (before && after)
        compare_texts(comparison, before, a->n_expectations, after, b->n_expectations);
}

static const char **reject_texts(struct comparison *comparison, const struct policy *policy)
{
    const char **texts = allocate(comparison, policy->n_rejects, sizeof(*texts));

    for (size_t i = 0; texts && i < policy->n_rejects; i++) {
        texts[i] = arena_printf(comparison->arena, "%s %s",
                                policy_zone_name(policy, policy->rejects[i].from),
                                policy_zone_name(policy, policy->rejects[i].to));
        if (!texts[i]) {
            comparison->r = -ENOMEM;
            return NULL;
        }
    }
    return texts;
}

static void list_rejects(struct comparison *comparison, const void *old, const void *new)
{
    const struct policy *a = old, *b = new;
    const char **before = reject_texts(comparison, a);
    const char **after = reject_texts(comparison, b);

    if (before && after)
        compare_texts(comparison, before, a->n_rejects, after, b->n_rejects);
}

/* None where all bits are for segd. */
static const char *mask_text(uint32_t mask, char buffer[VALUE_MAX])
{
    snprintf(buffer, VALUE_MAX, "0x%08" PRIx32, mask);
    return mask != 0 ? buffer : NULL;
}

VALUE(gateway_protect, struct policy, it->gateway_protect ? "true" : "false")
VALUE(gateway_forwarding, struct policy, it->gateway_forwarding ? "true" : "false")
VALUE(gateway_mark_mask, struct policy, mask_text(it->mark_mask, buffer))
VALUE(policy_site, struct policy, it->site)
VALUE(policy_timezone, struct policy, it->timezone)
VALUE(policy_model, struct policy, it->model ? policy_model_to_string(it->model) : NULL)
INCLUDES(protect_includes, struct policy, !a->gateway_protect || b->gateway_protect)

/* Dates and hours of two time zones are other ones. */
INCLUDES(timezone_includes, struct policy, a == b)

static const struct field_key gateway_keys[] = {
    {"protect", true, gateway_protect, .includes = protect_includes},
    {"forwarding", true, gateway_forwarding},
    {"mark-mask", true, gateway_mark_mask},
};

static const struct field_key policy_keys[] = {
    {"site", false, policy_site},
    {"timezone", true, policy_timezone, .includes = timezone_includes},
    {"rules", false, .list = list_rules},
    {"model", false, policy_model},
    {"reject", true, .list = list_rejects},
    {"expect", false, .list = list_expectations},
};

static const struct {
    const char *word;
    const struct field_key *keys;
    size_t n_keys;
} subjects[SUBJECTS] = {
    [SUBJECT_FLOW] = {"flow", flow_keys, ELEMENTS_OF(flow_keys)},
    [SUBJECT_ZONE] = {"zone", zone_keys, ELEMENTS_OF(zone_keys)},
    [SUBJECT_HOST] = {"host", host_keys, ELEMENTS_OF(host_keys)},
    [SUBJECT_GROUP] = {"group", group_keys, ELEMENTS_OF(group_keys)},
    [SUBJECT_SERVICE] = {"service", service_keys, ELEMENTS_OF(service_keys)},
    [SUBJECT_GATEWAY] = {"gateway", gateway_keys, ELEMENTS_OF(gateway_keys)},
    [SUBJECT_POLICY] = {"policy", policy_keys, ELEMENTS_OF(policy_keys)},
};
_Static_assert(ELEMENTS_OF(flow_keys) <= FIELD_CHANGES_MAX, "more keys than a change has room for");

const char *policy_subject_to_string(enum policy_subject subject)
{
    return subjects[subject].word;
}

/* The flows that name another object show what comes and goes in its lists. */
static void judge(const struct field_key *key, enum policy_subject subject, const void *old,
                  const void *new, struct field_change *change)
{
    bool passes = change->packets && (subject == SUBJECT_FLOW || subject == SUBJECT_ZONE);

    if (key->list) {
        change->widens = passes && change->added.n > 0;
        change->narrows = passes && change->removed.n > 0;
    } else if (key->includes) {
        change->widens = !key->includes(old, new);
        change->narrows = !key->includes(new, old);
    }
}

int field_changes_find(struct arena *arena, enum policy_subject subject,
                       const struct policy *old_policy, const void *old,
                       const struct policy *new_policy, const void *new, size_t items_max,
                       struct field_change ret_fields[FIELD_CHANGES_MAX], size_t *ret_n_fields)
{
    struct comparison comparison = {arena, old_policy, new_policy, items_max, {0}, 0};
    struct field_change *change = &comparison.change;
    char before[VALUE_MAX], after[VALUE_MAX];
    size_t n = 0;

    for (size_t i = 0; comparison.r == 0 && i < subjects[subject].n_keys; i++) {
        const struct field_key *key = &subjects[subject].keys[i];
        *change = (struct field_change){.field = key->name, .packets = key->packets};
        if (key->list) {
            key->list(&comparison, old, new);
            if (change->added.n + change->removed.n == 0)
                continue;
        } else {
            const char *was = change->before = key->text(old_policy, old, before);
            const char *is = change->after = key->text(new_policy, new, after);

            if (was == is || (was && is && strcmp(was, is) == 0))
                continue;
            keep(&comparison, &change->before);
            keep(&comparison, &change->after);
        }
        judge(key, subject, old, new, change);
        ret_fields[n++] = *change;
    }
    *ret_n_fields = n;
    return comparison.r;
}

static void write_items(FILE *stream, char sign, const struct field_items *items)
{
    for (size_t i = 0; i < items->n; i++) {
        if (i == ITEMS_DESCRIBED && items->n + items->n_left_out > ITEMS_DESCRIBED + 1) {
            fprintf(stream, " and %zu more", items->n - i + items->n_left_out);
            return;
        }
        fprintf(stream, "%s%c%s", i > 0 ? ", " : " ", sign, items->items[i]);
    }
}

const char *field_changes_describe(struct arena *arena, const struct field_change *fields,
                                   size_t n_fields)
{
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    for (size_t i = 0; i < n_fields; i++) {
        fprintf(stream, "%s%s", i > 0 ? "; " : "", fields[i].field);
        if (fields[i].before || fields[i].after)
            fprintf(stream, " %s → %s", fields[i].before ? fields[i].before : "none",
                    fields[i].after ? fields[i].after : "none");
        write_items(stream, '+', &fields[i].added);
        write_items(stream, '-', &fields[i].removed);
    }
    return fclose(stream) == 0 ? arena_string(arena, text) : NULL;
}

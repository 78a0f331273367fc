/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The canonical form of a policy: what `segctl show` prints, what two policies are compared by, and
 * a test of everything above it, since it parses back to an equal policy. One line per object,
 * two spaces of indentation, keys in the order of the manual, defaults left out.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "policy/policy.h"

/* Whether YAML reads the text plain as we mean it. Japanese needs no quotes, punctuation does. */
static bool is_plain(const char *text)
{
    static const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789";

    if (!strchr(letters, text[0]) && (unsigned char)text[0] < 0x80)
        return false;

    for (; *text; text++) {
        if ((unsigned char)*text < 0x80 && !strchr(letters, *text) && !strchr("-_./", *text))
            return false;
    }
    return true;
}

static void print_text(FILE *stream, const char *text)
{
    if (is_plain(text)) {
        fputs(text, stream);
        return;
    }

    putc('"', stream);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', stream);
        putc(*text, stream);
    }
    putc('"', stream);
}

/* `key: text, ` within an object of one line; the separator stands in front of all but the first.
 */
struct line {
    FILE *stream;
    bool begun;
};

static void line_key(struct line *line, const char *key)
{
    fprintf(line->stream, "%s%s: ", line->begun ? ", " : "", key);
    line->begun = true;
}

/* Nothing where the policy says nothing. */
static void line_text(struct line *line, const char *key, const char *text)
{
    if (!text)
        return;

    line_key(line, key);
    print_text(line->stream, text);
}

static void line_date(struct line *line, const char *key, struct date date)
{
    char text[DATE_TEXT_MAX];

    line_text(line, key, date_format_iso(date, text));
}

/* Lists: a single item stands alone, others in brackets. */
struct items {
    FILE *stream;
    size_t n_items;
    size_t n_printed;
};

static struct items items_begin(struct line *line, const char *key, size_t n_items)
{
    line_key(line, key);
    return (struct items){.stream = line->stream, .n_items = n_items};
}

static void items_add(struct items *items, const char *text)
{
    if (items->n_items > 1)
        fputs(items->n_printed == 0 ? "[" : ", ", items->stream);
    print_text(items->stream, text);
    if (++items->n_printed == items->n_items && items->n_items > 1)
        putc(']', items->stream);
}

static void line_items(struct line *line, const char *key, const char *const *texts, size_t n_texts)
{
    struct items items = items_begin(line, key, n_texts);

    for (size_t i = 0; i < n_texts; i++)
        items_add(&items, texts[i]);
}

/* `name: { `, and within a line `key: { `; ` }` closes either. */
static struct line object_begin(FILE *stream, const char *name)
{
    fputs("  ", stream);
    print_text(stream, name);
    fputs(": { ", stream);
    return (struct line){.stream = stream};
}

static struct line inner_begin(struct line *line, const char *key)
{
    line_key(line, key);
    fputs("{ ", line->stream);
    return (struct line){.stream = line->stream};
}

static void print_label(struct line *line, const char *name, const char *label)
{
    if (strcmp(name, label) != 0)
        line_text(line, "label", label);
}

static void print_addresses(struct line *line, const char *key, const struct address_set *set)
{
    struct items items = items_begin(
        line, key, set->by_family[FAMILY_IPV4].n_ranges + set->by_family[FAMILY_IPV6].n_ranges);
    char text[ADDRESS_TEXT_MAX];

    for (enum family family = 0; family < FAMILIES; family++) {
        for (size_t i = 0; i < set->by_family[family].n_ranges; i++)
            items_add(&items, range_format(family, set->by_family[family].ranges[i], text));
    }
}

static bool uses_timezone(const struct policy *policy)
{
    for (size_t i = 0; i < policy->n_flows; i++) {
        if (policy->flows[i].has_expires)
            return true;
    }
    return strcmp(policy->timezone, "UTC") != 0;
}

/* A key of the whole policy, on a line of its own. */
static void print_key(FILE *stream, const char *key, const char *text)
{
    fprintf(stream, "%s: ", key);
    print_text(stream, text);
    putc('\n', stream);
}

static void print_head(const struct policy *policy, FILE *stream)
{
    struct line line = {.stream = stream};

    fputs("segd: 1\n", stream);
    if (policy->site)
        print_key(stream, "site", policy->site);
    if (uses_timezone(policy))
        print_key(stream, "timezone", policy->timezone);
    if (policy->n_rules > 0) {
        line_items(&line, "rules", policy->rules, policy->n_rules);
        putc('\n', stream);
    }
    if (policy->model != MODEL_NONE)
        print_key(stream, "model", policy_model_to_string(policy->model));
}

static void print_zones(const struct policy *policy, FILE *stream)
{
    fputs("zones:\n", stream);
    for (size_t i = 0; i < policy->n_zones; i++) {
        const struct zone *zone = &policy->zones[i];
        struct line line = object_begin(stream, zone->name);

        print_label(&line, zone->name, zone->label);
        line_text(&line, "class", zone_class_to_string(zone->class));
        line_items(&line, "interfaces", zone->interfaces, zone->n_interfaces);
        if (zone->any)
            line_text(&line, "networks", "any");
        else
            print_addresses(&line, "networks", &zone->addresses);
        if (zone->intra_allow)
            line_text(&line, "intra", "allow");
        if (zone->ipsec)
            line_text(&line, "ipsec", "required");
        fputs(" }\n", stream);
    }
}

static void print_hosts(const struct policy *policy, FILE *stream)
{
    char text[ADDRESS_TEXT_MAX];

    if (policy->n_hosts > 0)
        fputs("hosts:\n", stream);
    for (size_t i = 0; i < policy->n_hosts; i++) {
        const struct host *host = &policy->hosts[i];
        struct line line = object_begin(stream, host->name);
        struct items items;

        line_text(&line, "zone", policy_zone_name(policy, host->zone));
        items = items_begin(&line, "address", host->n_addresses);
        for (size_t j = 0; j < host->n_addresses; j++)
            items_add(&items,
                      address_format(host->addresses[j].family, host->addresses[j].address, text));
        if (host->n_macs > 0)
            items = items_begin(&line, "mac", host->n_macs);
        for (size_t j = 0; j < host->n_macs; j++)
            items_add(&items, mac_format(host->macs[j].bytes, text));
        print_label(&line, host->name, host->label);
        fputs(" }\n", stream);
    }
}

static void print_groups(const struct policy *policy, FILE *stream)
{
    if (policy->n_groups > 0)
        fputs("groups:\n", stream);
    for (size_t i = 0; i < policy->n_groups; i++) {
        const struct group *group = &policy->groups[i];
        struct line line;

        for (size_t j = 0; j < group->n_lists; j++)
            fprintf(stream, "%s%s%s", j == 0 ? "  # members from " : ", ", group->lists[j],
                    j + 1 == group->n_lists ? "\n" : "");
        line = object_begin(stream, group->name);
        line_text(&line, "zone", policy->zones[group->zone].name);
        print_addresses(&line, "members", &group->addresses);
        print_label(&line, group->name, group->label);
        fputs(" }\n", stream);
    }
}

/* The literal of a range; ICMP has one of each family, printed once: with the first of them. */
static bool range_literal(const struct service *service, size_t i, char text[SERVICE_TEXT_MAX])
{
    const struct service_range *range = &service->ranges[i];
    char before[SERVICE_TEXT_MAX];

    service_range_format(range, range->families[FAMILY_IPV4] ? FAMILY_IPV4 : FAMILY_IPV6, text);
    if (i == 0 || range->families[FAMILY_IPV4])
        return true;

    service_range_format(range - 1, range[-1].families[FAMILY_IPV4] ? FAMILY_IPV4 : FAMILY_IPV6,
                         before);
    return strcmp(before, text) != 0;
}

static void print_services(const struct policy *policy, FILE *stream)
{
    char text[SERVICE_TEXT_MAX];
    bool begun = false;

    for (size_t i = 0; i < policy->n_services; i++) {
        const struct service *service = &policy->services[i];
        struct line line = {.stream = stream};
        struct items items;
        size_t n = 0;

        if (service->literal)
            continue;
        if (!begun)
            fputs("services:\n", stream);
        begun = true;

        for (size_t j = 0; j < service->n_ranges; j++)
            n += range_literal(service, j, text);
        fputs("  ", stream);
        items = items_begin(&line, service->name, n);
        for (size_t j = 0; j < service->n_ranges; j++) {
            if (range_literal(service, j, text))
                items_add(&items, text);
        }
        putc('\n', stream);
    }
}

static void print_ends(const struct policy *policy, struct line *line, const char *key,
                       const struct end_name *names, size_t n_names)
{
    struct items items = items_begin(line, key, n_names);

    for (size_t i = 0; i < n_names; i++)
        items_add(&items, policy_end_name(policy, &names[i]));
}

static void print_approval(struct line *line, const struct approval *approval)
{
    struct line inner = inner_begin(line, "approval");

    line_text(&inner, "number", approval->number);
    line_text(&inner, "requester", approval->requester);
    line_text(&inner, "approver", approval->approver);
    if (approval->has_date)
        line_date(&inner, "date", approval->date);
    fputs(" }", line->stream);
}

/* The items of a text that has commas between them; nothing where there is no text. */
static void line_split(struct line *line, const char *key, const char *text)
{
    char rest[SCHEDULE_TEXT_MAX], *position = rest, *item;
    struct items items;
    size_t n = 1;

    if (!text)
        return;
    for (const char *c = strcpy(rest, text); *c; c++)
        n += *c == ',';
    items = items_begin(line, key, n);
    while ((item = strsep(&position, ",")))
        items_add(&items, item + strspn(item, " "));
}

static void print_schedule(struct line *line, const struct schedule *schedule)
{
    struct line inner = inner_begin(line, "schedule");
    char text[SCHEDULE_TEXT_MAX];

    line_split(&inner, "days", schedule_days_format(schedule, text));
    line_split(&inner, "hours", schedule_hours_format(schedule, text));
    fputs(" }", line->stream);
}

static void print_limit(struct line *line, const struct limit *limit)
{
    const char *unit = limit->per_seconds == 1 ? "s" : limit->per_seconds == 60 ? "m" : "h";
    struct line inner = inner_begin(line, "limit");

    if (limit->new > 0) {
        line_key(&inner, "new");
        fprintf(line->stream, "%u/%s", limit->new, unit);
    }
    if (limit->concurrent > 0) {
        line_key(&inner, "concurrent");
        fprintf(line->stream, "%u", limit->concurrent);
    }
    fputs(" }", line->stream);
}

static void print_flow(const struct policy *policy, const struct flow *flow, FILE *stream)
{
    struct line line = object_begin(stream, flow->name);
    struct items items;

    print_label(&line, flow->name, flow->label);
    print_ends(policy, &line, "from", flow->from_names, flow->n_from_names);
    print_ends(policy, &line, "to", flow->to_names, flow->n_to_names);
    items = items_begin(&line, "services", flow->n_services);
    for (size_t i = 0; i < flow->n_services; i++)
        items_add(&items, policy->services[flow->services[i]].name);
    line_text(&line, "purpose", flow->purpose);
    if (flow->has_approval)
        print_approval(&line, &flow->approval);
    if (flow->has_expires)
        line_date(&line, "expires", flow->expires_date);
    if (flow->has_reviewed)
        line_date(&line, "reviewed", flow->reviewed);
    if (flow->schedule)
        print_schedule(&line, flow->schedule);
    if (flow->sanitize != SANITIZE_NONE)
        line_text(&line, "sanitize", sanitize_method_to_string(flow->sanitize));
    if (flow->limit.new > 0 || flow->limit.concurrent > 0)
        print_limit(&line, &flow->limit);
    if (flow->log_new)
        line_text(&line, "log", "new");
    if (flow->reject)
        line_text(&line, "reject", "true");
    if (!flow->enabled)
        line_text(&line, "enabled", "false");
    fputs(" }\n", stream);
}

static void print_flows(const struct policy *policy, FILE *stream)
{
    bool begun = false;

    for (size_t i = 0; i < policy->n_flows; i++) {
        if (policy->flows[i].implicit)
            continue;
        if (!begun)
            fputs("flows:\n", stream);
        begun = true;
        print_flow(policy, &policy->flows[i], stream);
    }
}

static void print_gateway(const struct policy *policy, FILE *stream)
{
    const char *separator = "gateway: { ";

    if (policy->gateway_protect) {
        fprintf(stream, "%sprotect: true", separator);
        separator = ", ";
    }
    if (policy->gateway_forwarding) {
        fprintf(stream, "%sforwarding: true", separator);
        separator = ", ";
    }
    if (policy->mark_mask != 0) {
        fprintf(stream, "%smark-mask: 0x%08" PRIx32, separator, policy->mark_mask);
        separator = ", ";
    }
    if (*separator == ',')
        fputs(" }\n", stream);
}

static void print_rejects(const struct policy *policy, FILE *stream)
{
    if (policy->n_rejects > 0)
        fputs("reject:\n", stream);

    for (size_t i = 0; i < policy->n_rejects; i++) {
        struct line line = {.stream = stream};

        fputs("  - { ", stream);
        line_text(&line, "from", policy_zone_name(policy, policy->rejects[i].from));
        line_text(&line, "to", policy_zone_name(policy, policy->rejects[i].to));
        fputs(" }\n", stream);
    }
}

static void print_expectations(const struct policy *policy, FILE *stream)
{
    if (policy->n_expectations > 0)
        fputs("expect:\n", stream);

    for (size_t i = 0; i < policy->n_expectations; i++) {
        const struct expectation *expectation = &policy->expectations[i];
        struct line line = {.stream = stream};

        fputs("  - { ", stream);
        line_text(&line, "from", expectation->from_text);
        line_text(&line, "to", expectation->to_text);
        line_text(&line, "service", expectation->service_text);
        line_text(&line, "verdict", expectation->allow ? "allow" : "deny");
        fputs(" }\n", stream);
    }
}

int policy_print(const struct policy *policy, FILE *stream)
{
    print_head(policy, stream);
    print_zones(policy, stream);
    print_hosts(policy, stream);
    print_groups(policy, stream);
    print_services(policy, stream);
    print_flows(policy, stream);
    print_gateway(policy, stream);
    print_rejects(policy, stream);
    print_expectations(policy, stream);
    return ferror(stream) ? -EIO : 0;
}

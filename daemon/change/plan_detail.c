/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What changed, in words: `expires 2027-03-31 → 2028-03-31; services`. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/calendar.h"
#include "daemon/change/plan_private.h"

struct words {
    FILE *stream;
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *words, const char *format, ...)
{
    va_list arguments;

    if (words->n++ > 0)
        fputs("; ", words->stream);
    va_start(arguments, format);
    /* Where a file is compiled twice, the second look at it does not know va_start() any more. */
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    vfprintf(words->stream, format, arguments);
    va_end(arguments);
}

static const char *date_text(const struct flow *flow, char buffer[DATE_TEXT_MAX])
{
    return flow->has_expires ? date_format_iso(flow->expires_date, buffer) : "never";
}

static bool ends_equal(const struct flow_end *a, size_t n_a, const struct policy *policy_a,
                       const struct flow_end *b, size_t n_b, const struct policy *policy_b)
{
    if (n_a != n_b)
        return false;
    for (size_t i = 0; i < n_a; i++) {
        if (strcmp(policy_zone_name(policy_a, a[i].zone), policy_zone_name(policy_b, b[i].zone)) !=
            0)
            return false;
        for (enum family family = 0; family < FAMILIES; family++) {
            if (!range_set_equal(&a[i].addresses.by_family[family],
                                 &b[i].addresses.by_family[family]))
                return false;
        }
    }
    return true;
}

static bool schedules_equal(const struct schedule *a, const struct schedule *b)
{
    if (!a || !b)
        return a == b;
    return a->days == b->days && a->n_hours == b->n_hours &&
           memcmp(a->hours, b->hours, a->n_hours * sizeof(*a->hours)) == 0;
}

static void say_content(struct words *words, const struct policy *old_policy,
                        const struct flow *old, const struct policy *new_policy,
                        const struct flow *new)
{
    bool from = ends_equal(old->from, old->n_from, old_policy, new->from, new->n_from, new_policy);
    bool to = ends_equal(old->to, old->n_to, old_policy, new->to, new->n_to, new_policy);

    if (!from)
        say(words, "from");
    if (!to)
        say(words, "to");
    if (memcmp(old->digest, new->digest, sizeof(old->digest)) != 0 && from && to)
        say(words, "services");
}

static void say_times(struct words *words, const struct flow *old, const struct flow *new)
{
    char before[DATE_TEXT_MAX], after[DATE_TEXT_MAX];

    if (old->enabled != new->enabled)
        say(words, "%s", new->enabled ? "enabled" : "disabled");
    if (old->expires != new->expires)
        say(words, "expires %s → %s", date_text(old, before), date_text(new, after));
    if (!schedules_equal(old->schedule, new->schedule))
        say(words, "schedule");
    if (memcmp(&old->limit, &new->limit, sizeof(old->limit)) != 0)
        say(words, "limit");
    if (old->log_new != new->log_new)
        say(words, "log %s", new->log_new ? "new" : "none");
}

int plan_compare_flows(const struct policy *old_policy, const struct flow *old,
                       const struct policy *new_policy, const struct flow *new, char **ret_detail)
{
    cleanup_(freep) char *text = NULL;
    struct words words = {0};
    size_t size;

    words.stream = open_memstream(&text, &size);
    if (!words.stream)
        return -ENOMEM;
    say_content(&words, old_policy, old, new_policy, new);
    say_times(&words, old, new);
    if (fclose(words.stream) != 0)
        return -ENOMEM;

    *ret_detail = words.n > 0 ? TAKE_PTR(text) : NULL;
    return 0;
}

static bool interfaces_equal(const struct zone *a, const struct zone *b)
{
    if (a->n_interfaces != b->n_interfaces)
        return false;
    for (size_t i = 0; i < a->n_interfaces; i++) {
        if (strcmp(a->interfaces[i], b->interfaces[i]) != 0)
            return false;
    }
    return true;
}

static void say_zone(struct words *words, const struct zone *old, const struct zone *new)
{
    if (old->class != new->class)
        say(words, "class %s → %s", zone_class_to_string(old->class),
            zone_class_to_string(new->class));
    if (!interfaces_equal(old, new))
        say(words, "interfaces");
    for (enum family family = 0; family < FAMILIES; family++) {
        if (!range_set_equal(&old->addresses.by_family[family],
                             &new->addresses.by_family[family])) {
            say(words, "networks");
            break;
        }
    }
    if (old->intra_allow != new->intra_allow)
        say(words, "intra %s", new->intra_allow ? "allow" : "deny");
}

static int compare_zone(struct plan *plan, const struct zone *old, const struct zone *new)
{
    cleanup_(freep) char *text = NULL;
    struct words words = {0};
    size_t size;

    words.stream = open_memstream(&text, &size);
    if (!words.stream)
        return -ENOMEM;
    fprintf(words.stream, "zone %s: ", new->name);
    say_zone(&words, old, new);
    if (fclose(words.stream) != 0)
        return -ENOMEM;
    return words.n > 0 ? plan_add_zone(plan, TAKE_PTR(text)) : 0;
}

static int add_sentence(struct plan *plan, const char *zone, const char *what)
{
    char *text;

    return plan_add_zone(plan, asprintf(&text, "zone %s: %s", zone, what) < 0 ? NULL : text);
}

int plan_compare_zones(struct plan *plan, const struct policy *old, const struct policy *new)
{
    int r = 0;

    for (size_t i = 0; r == 0 && old && i < old->n_zones; i++) {
        if (!policy_zone_named(new, old->zones[i].name))
            r = add_sentence(plan, old->zones[i].name, "removed");
    }
    for (size_t i = 0; r == 0 && i < new->n_zones; i++) {
        const struct zone *before = policy_zone_named(old, new->zones[i].name);

        r = before ? compare_zone(plan, before, &new->zones[i])
                   : add_sentence(plan, new->zones[i].name, "added");
    }
    if (r == 0 && old && old->gateway_protect != new->gateway_protect)
        r = plan_add_zone(plan, strdup(new->gateway_protect ? "the gateway itself: protected"
                                                            : "the gateway itself: not protected"));
    if (r == 0 && old && old->gateway_forwarding != new->gateway_forwarding)
        r = plan_add_zone(plan, strdup(new->gateway_forwarding
                                           ? "the gateway itself: segd switches forwarding on"
                                           : "the gateway itself: forwarding is left alone"));
    return r;
}

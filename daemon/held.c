/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the kernel remembers without the daemon: the table holds each isolation and each suspension
 * as names of counters and sets, so that a daemon that lost its files or was killed before it could
 * write them still knows what is closed. Others may have put anything into the table: what is not
 * as segd writes it is passed over, and opens nothing.
 */

#include "daemon/held.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_list.h"
#include "ruleset/isolation.h"

/* Bytes of an interface in a key. */
#define INTERFACE_KEY 16

/* Adds a closing that was found in the kernel; who made it, when and why is not known there. */
static int add_closing(struct overrides *closings, struct override *closing)
{
    const usec_t now = calendar_now();

    closing->reason = (char *)"found in the kernel; the state does not know it";
    closing->uid = -1;
    closing->who = (char *)"unknown";
    closing->since = now - now % USEC_PER_SEC;
    if (closing->since > closing->until)
        closing->since = closing->until;
    return overrides_add(closings, closing);
}

/* Others may have put anything into the sets, also the same twice. */
static int add_once(char ***list, size_t *n, const char *text)
{
    return text_list_has(*list, *n, text) ? 0 : text_list_add(list, n, text);
}

/* What follows the prefix in a name; NULL if the name does not begin with it. */
static const char *after_prefix(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(name, prefix, n) == 0 ? name + n : NULL;
}

/* An element of a set of an extent: an interface, and addresses at it. */
static int read_extent_element(const struct element *element, enum family family,
                               struct extent *extent)
{
    const struct range range = {
        address_from_bytes(family, element->key + INTERFACE_KEY),
        address_from_bytes(family,
                           (element->key_end ? element->key_end : element->key) + INTERFACE_KEY),
    };
    char interface[INTERFACE_KEY + 1] = "", network[ADDRESS_TEXT_MAX];
    int r;

    memcpy(interface, element->key, INTERFACE_KEY);
    if (!*interface)
        return 0;
    r = add_once(&extent->interfaces, &extent->n_interfaces, interface);
    if (r == 0 && range.first == 0 && range.last == family_last(family))
        return add_once(&extent->whole, &extent->n_whole, interface);
    return r < 0 ? r
                 : add_once(&extent->networks, &extent->n_networks,
                            range_format(family, range, network));
}

/* Extents have numbers from 0 on. Returns 1 if there is one of this number, 0 or -ENOMEM. */
static int read_extent(const struct ruleset *observed, const char *zone, size_t number,
                       struct override *isolation)
{
    struct extent *grown = reallocarray(isolation->extents, number + 1, sizeof(*grown)), *extent;
    char apart[ISOLATION_NAME_MAX];
    bool found = false;
    int r = 0;

    if (!grown)
        return -ENOMEM;
    isolation->extents = grown;
    extent = &grown[number];
    snprintf(apart, sizeof(apart), RULESET_ISOLATED "%s" RULESET_APART "%zu", zone, number);
    *extent = (struct extent){.apart = ruleset_has_counter(observed, apart)};
    for (enum family family = 0; r == 0 && family < FAMILIES; family++) {
        char name[ISOLATION_NAME_MAX];
        const struct set *set;

        isolation_set_name(zone, family, number, name);
        set = ruleset_find_set(observed, name);
        /* Others may have put anything there. */
        if (!set || set->key_length != INTERFACE_KEY + family_bits(family) / 8)
            continue;
        found = true;
        for (size_t i = 0; r == 0 && i < set->n_elements; i++)
            r = read_extent_element(&set->elements[i], family, extent);
    }
    if (found)
        isolation->n_extents++;
    return r < 0 ? r : found;
}

/* A kept flow as its name and content with a character between them; anything else is not from
 * this version of segd, and keeps nothing. */
static int add_kept(const char *text, char between, struct override *isolation)
{
    const char *content = text ? strrchr(text, between) : NULL;
    char name[POLICY_NAME_MAX + 1];
    int r;

    if (!content || content == text || content - text > POLICY_NAME_MAX ||
        !flow_content_is_text(content + 1))
        return 0;
    memcpy(name, text, (size_t)(content - text));
    name[content - text] = '\0';
    r = add_once(&isolation->keep, &isolation->n_keep, name);
    return r < 0 ? r : add_once(&isolation->keep_ids, &isolation->n_keep_ids, content + 1);
}

/* The comments of kept marks, and the names of counters for contents that the policy has not. */
static int read_kept(const struct ruleset *observed, const char *zone, struct override *isolation)
{
    char name[ISOLATION_NAME_MAX];
    const struct set *kept;
    int r = 0;

    snprintf(name, sizeof(name), RULESET_ISOLATED "%s" RULESET_KEPT, zone);
    kept = ruleset_find_set(observed, name);
    for (size_t i = 0; r == 0 && kept && i < kept->n_elements; i++)
        r = add_kept(kept->elements[i].comment, ' ', isolation);

    strncat(name, "/", sizeof(name) - strlen(name) - 1);
    for (size_t i = 0; r == 0 && i < observed->n_counters; i++)
        r = add_kept(after_prefix(observed->counters[i].name, name), '/', isolation);
    return r;
}

/* The last of the ends that the kernel holds of an isolation. Anything that is no instant is not
 * from segd, and ends nothing. */
static usec_t read_end(const struct ruleset *observed, const char *zone)
{
    char name[ISOLATION_NAME_MAX];
    usec_t end = 0;

    snprintf(name, sizeof(name), RULESET_ISOLATED "%s" RULESET_UNTIL, zone);
    for (size_t i = 0; i < observed->n_counters; i++) {
        const char *text = after_prefix(observed->counters[i].name, name);
        int64_t seconds;

        if (!text)
            continue;
        if (sscanf(text, "%" SCNd64, &seconds) != 1 || seconds <= 0 ||
            seconds >= USEC_NEVER / USEC_PER_SEC)
            return USEC_NEVER;
        if (seconds * USEC_PER_SEC > end)
            end = seconds * USEC_PER_SEC;
    }
    return end > 0 ? end : USEC_NEVER;
}

/* The kernel holds an isolation as a counter named after the zone, and sets. */
static int add_isolation(const struct ruleset *observed, const char *zone,
                         struct overrides *closings)
{
    struct override isolation = {.kind = OVERRIDE_ISOLATION, .until = read_end(observed, zone)};
    struct override closing;
    int r = read_kept(observed, zone, &isolation);

    if (r == 0)
        r = 1;
    while (r > 0)
        r = read_extent(observed, zone, isolation.n_extents, &isolation);
    closing = isolation;
    closing.name = (char *)zone;
    if (r == 0)
        r = add_closing(closings, &closing);
    record_clear(&override_type, &isolation);
    return r;
}

/* `suspension/FLOW`, then `suspension/FLOW/CONTENT` and `suspension/FLOW/name/OTHER`. */
static int add_suspension(const char *text, struct overrides *closings)
{
    const char *slash = strchr(text, '/');
    cleanup_(freep) char *name = slash ? strndup(text, (size_t)(slash - text)) : strdup(text);
    struct override *there;
    const char *other;

    if (!name)
        return -ENOMEM;
    there = (struct override *)overrides_find(closings, OVERRIDE_SUSPENSION, name);
    if (!there) {
        int r = add_closing(
            closings,
            &(struct override){.kind = OVERRIDE_SUSPENSION, .name = name, .until = USEC_NEVER});

        if (r < 0)
            return r;
        there = &closings->overrides[closings->n_overrides - 1];
    }
    if (!slash)
        return 0;
    if (flow_content_is_text(slash + 1))
        return add_once(&there->ids, &there->n_ids, slash + 1);
    other = after_prefix(slash, RULESET_NAME);
    return other && *other ? add_once(&there->names, &there->n_names, other) : 0;
}

int held_find_closings(const struct ruleset *observed, struct overrides *closings)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < observed->n_counters; i++) {
        const char *zone = after_prefix(observed->counters[i].name, RULESET_ISOLATED);
        const char *flow = after_prefix(observed->counters[i].name, RULESET_SUSPENSION);

        if (zone && *zone && !strchr(zone, '/'))
            r = add_isolation(observed, zone, closings);
        else if (flow && *flow && *flow != '/')
            r = add_suspension(flow, closings);
    }
    return r;
}

void held_clear(struct held *held)
{
    overrides_clear(&held->closings);
    ruleset_free(held->ruleset);
    *held = (struct held){0};
}

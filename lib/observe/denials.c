/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A sketch is so small that looking through all of it finds a combination and the rarest one, and
 * no index has to be kept. It takes memory as it fills.
 */

#include "observe/denials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

struct counted {
    ip_number source, destination;
    uint64_t count, over, change;
    usec_t first, last;
    enum family family;
    uint16_t port;
    uint8_t protocol;
};

/* A pair of zones and a reason. */
struct group {
    enum reason reason;
    char *from, *to;
    usec_t last;
    struct counted *counted;
    size_t n_counted;
    size_t capacity;
};

struct denials {
    struct group *groups;
    size_t n_groups;
    size_t capacity;
    uint64_t change;
};

static void group_clear(struct group *group)
{
    free(group->from);
    free(group->to);
    free(group->counted);
    *group = (struct group){0};
}

int denials_new(struct denials **ret_denials)
{
    *ret_denials = calloc(1, sizeof(**ret_denials));
    return *ret_denials ? 0 : -ENOMEM;
}

struct denials *denials_free(struct denials *denials)
{
    if (!denials)
        return NULL;

    for (size_t i = 0; i < denials->n_groups; i++)
        group_clear(&denials->groups[i]);
    free(denials->groups);
    free(denials);
    return NULL;
}

uint64_t denials_change(const struct denials *denials)
{
    return denials->change;
}

static struct group *find_group(const struct denials *denials, enum reason reason, const char *from,
                                const char *to)
{
    for (size_t i = 0; i < denials->n_groups; i++) {
        struct group *group = &denials->groups[i];

        if (group->reason == reason && strcmp(group->from, from) == 0 && strcmp(group->to, to) == 0)
            return group;
    }
    return NULL;
}

/* The group that goes for a new one of the zone. */
static struct group *find_least(const struct denials *denials, const char *from)
{
    struct group *least = &denials->groups[0];
    bool same = false; /* `least` is of this zone */

    for (size_t i = 0; i < denials->n_groups; i++) {
        struct group *group = &denials->groups[i];
        bool is_same = strcmp(group->from, from) == 0;

        if ((is_same && !same) || (is_same == same && group->last < least->last)) {
            least = group;
            same = is_same;
        }
    }
    return least;
}

/* Adds a group, or replaces one. NULL without memory, and nothing has changed. */
static struct group *make_group(struct denials *denials, enum reason reason, const char *from,
                                const char *to)
{
    struct group group = {.reason = reason, .from = strdup(from), .to = strdup(to)};
    struct group *place = NULL;

    if (!group.from || !group.to) {
        group_clear(&group);
        return NULL;
    }
    if (denials->n_groups == DENIALS_GROUPS) {
        place = find_least(denials, from);
        group_clear(place);
        *place = group;
        return place;
    }
    if (array_append(&denials->groups, &denials->n_groups, &denials->capacity, &group,
                     sizeof(group)) < 0) {
        group_clear(&group);
        return NULL;
    }
    return &denials->groups[denials->n_groups - 1];
}

static bool is_of(const struct counted *counted, const struct packet_head *packet)
{
    return counted->source == packet->source && counted->destination == packet->destination &&
           counted->port == packet->port && counted->protocol == packet->protocol &&
           counted->family == packet->family;
}

/* The element of the packet, with its count before it. NULL without memory. */
static struct counted *find_counted(struct group *group, const struct packet_head *packet,
                                    usec_t now)
{
    struct counted new = {
        .source = packet->source,
        .destination = packet->destination,
        .first = now,
        .family = packet->family,
        .port = packet->port,
        .protocol = packet->protocol,
    };
    struct counted *rarest = NULL;

    for (size_t i = 0; i < group->n_counted; i++) {
        struct counted *counted = &group->counted[i];

        if (is_of(counted, packet))
            return counted;
        if (!rarest || counted->count < rarest->count)
            rarest = counted;
    }
    if (group->n_counted < DENIALS_SKETCH)
        return array_append(&group->counted, &group->n_counted, &group->capacity, &new,
                            sizeof(new)) < 0
                   ? NULL
                   : &group->counted[group->n_counted - 1];
    new.count = new.over = rarest->count;
    *rarest = new;
    return rarest;
}

int denials_add(struct denials *denials, enum reason reason, const char *from, const char *to,
                const struct packet_head *packet, usec_t now)
{
    struct group *group = find_group(denials, reason, from, to);
    struct counted *counted;

    if (!group)
        group = make_group(denials, reason, from, to);
    counted = group ? find_counted(group, packet, now) : NULL;
    if (!counted)
        return -ENOMEM;

    counted->count++;
    counted->last = group->last = now;
    counted->change = ++denials->change;
    return 0;
}

int denials_each(const struct denials *denials, denial_handler handler, void *userdata)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < denials->n_groups; i++) {
        const struct group *group = &denials->groups[i];

        for (size_t j = 0; r >= 0 && j < group->n_counted; j++) {
            const struct counted *counted = &group->counted[j];
            const struct denial denial = {
                .reason = group->reason,
                .from = group->from,
                .to = group->to,
                .family = counted->family,
                .protocol = counted->protocol,
                .port = counted->port,
                .source = counted->source,
                .destination = counted->destination,
                .count = counted->count,
                .over = counted->over,
                .first = counted->first,
                .last = counted->last,
                .change = counted->change,
            };

            r = handler(&denial, userdata);
        }
    }
    return r < 0 ? r : 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Interfaces of zones that come up and go down, for the journal: a zone without its interface is a
 * part of the city that is cut off. */

#include "daemon/watch/interfaces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/log.h"

void interfaces_clear(struct interfaces *interfaces)
{
    for (size_t i = 0; i < interfaces->n_states; i++)
        free(interfaces->states[i].name);
    free(interfaces->states);
    *interfaces = (struct interfaces){0};
}

static int compare(const void *a, const void *b)
{
    const struct interface_state *state_a = a, *state_b = b;

    return strcmp(state_a->name, state_b->name);
}

static const struct interface_state *find(const struct interfaces *interfaces, const char *name)
{
    const struct interface_state wanted = {.name = (char *)name};

    if (interfaces->n_states == 0)
        return NULL;
    return bsearch(&wanted, interfaces->states, interfaces->n_states, sizeof(wanted), compare);
}

/* Two zones may share an interface. */
static void remove_doubles(struct interfaces *interfaces)
{
    size_t n = 0;

    for (size_t i = 0; i < interfaces->n_states; i++) {
        if (n > 0 && compare(&interfaces->states[n - 1], &interfaces->states[i]) == 0)
            free(interfaces->states[i].name);
        else
            interfaces->states[n++] = interfaces->states[i];
    }
    interfaces->n_states = n;
}

/* Returns 0 or -ENOMEM. */
static int look(struct interfaces *interfaces, const struct policy *outline,
                const struct links *links)
{
    size_t n = 0;

    for (size_t i = 0; outline && i < outline->n_zones; i++)
        n += outline->zones[i].n_interfaces;
    interfaces->looked = true;
    interfaces->states = calloc(n + 1, sizeof(*interfaces->states));
    if (!interfaces->states)
        return -ENOMEM;
    for (size_t i = 0; outline && i < outline->n_zones; i++) {
        const struct zone *zone = &outline->zones[i];

        for (size_t k = 0; k < zone->n_interfaces; k++) {
            const struct link *link = links_find(links, zone->interfaces[k]);
            char *name = strdup(zone->interfaces[k]);

            if (!name)
                return -ENOMEM;
            interfaces->states[interfaces->n_states++] =
                (struct interface_state){name, link && link->up};
        }
    }
    if (interfaces->n_states > 0)
        qsort(interfaces->states, interfaces->n_states, sizeof(*interfaces->states), compare);
    remove_doubles(interfaces);
    return 0;
}

static void tell(const struct interface_state *state, const struct links *links)
{
    if (state->up)
        log_message(LOG_NOTICE, MESSAGE_INTERFACE_UP, "interface %s is up", state->name);
    else
        log_message(LOG_WARNING, MESSAGE_INTERFACE_DOWN, "interface %s is %s", state->name,
                    links_find(links, state->name) ? "down" : "missing");
}

void interfaces_follow(struct interfaces *interfaces, const struct policy *outline,
                       const struct links *links)
{
    cleanup_(interfaces_clear) struct interfaces now = {0}, before = {0};

    if (look(&now, outline, links) < 0)
        return;
    for (size_t i = 0; interfaces->looked && i < now.n_states; i++) {
        const struct interface_state *known = find(interfaces, now.states[i].name);

        /* Of one that the policy names anew only what is wrong is news. */
        if (known ? known->up != now.states[i].up : !now.states[i].up)
            tell(&now.states[i], links);
    }
    before = *interfaces;
    *interfaces = now;
    now = (struct interfaces){0};
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Refusals go to the audit log, which is written to the disk for each. Anybody who may connect can
 * be refused, over and over, so of one user some are told in a minute and the others counted: what
 * is tried is seen, and trying costs nobody else.
 */

#include <stdio.h>

#include "server_private.h"

#define MINUTE_USEC UINT64_C(60000000)

/* The entry of a user; a new one takes the place of the one that is oldest. */
static struct refusals *find_refusals(struct server *server, int64_t uid)
{
    struct refusals *oldest = &server->refusals[0];

    for (size_t i = 0; i < ELEMENTS_OF(server->refusals); i++) {
        struct refusals *refusals = &server->refusals[i];

        if (refusals->since > 0 && refusals->uid == uid)
            return refusals;
        if (refusals->since < oldest->since)
            oldest = refusals;
    }
    *oldest = (struct refusals){.uid = uid};
    return oldest;
}

void server_tell_refused(struct server *server, const struct actor *actor, const char *method,
                         const char *why)
{
    struct refusals *refusals = find_refusals(server, actor->uid);
    unsigned untold = 0;
    uint64_t now = 1;
    char text[160];

    sd_event_now(server->event, CLOCK_MONOTONIC, &now);
    if (refusals->since == 0 || now - refusals->since >= MINUTE_USEC) {
        untold = refusals->untold;
        *refusals = (struct refusals){.uid = actor->uid, .since = now};
    }
    if (refusals->told == SERVER_REFUSALS_USER) {
        refusals->untold++;
        return;
    }

    refusals->told++;
    if (refusals->told == SERVER_REFUSALS_USER)
        snprintf(text, sizeof(text), "%s; more of this user are counted for a minute", why);
    else if (untold > 0)
        snprintf(text, sizeof(text), "%s; so were %u more before", why, untold);
    else
        snprintf(text, sizeof(text), "%s", why);
    if (server->options.refused)
        server->options.refused(actor, method, text, server->options.userdata);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/calendar.h"
#include "compiled/compiled.h"
#include "record/types.h"

/* When flows of the enforced policy begin or end by time alone, and which end soon or have ended.
 */

struct agenda {
    size_t n_flows; /* of the policy, without those of grants */
    /* The next instant at which a flow or a warning begins or ends, or at which packets begin to
     * belong to another flow. It may be over once the commit before it is done. */
    usec_t until;
    bool failed;               /* what time changed could not be enforced the last time */
    struct expiring *expiring; /* sorted by `expires` */
    size_t n_expiring;
};
/* No policy is enforced any more. */
void agenda_clear(struct agenda *agenda);
/* A policy is enforced from now on. Without memory the list `expiring` is incomplete. */
void agenda_read(struct agenda *agenda, const struct compiled *compiled);

/* What time alone does to a flow. */
enum agenda_event {
    AGENDA_EXPIRED, /* its last day is over */
    AGENDA_OPENED,  /* by its schedule */
    AGENDA_CLOSED,  /* by its schedule */
    AGENDA_WARNED,  /* its end came within 60, 30 or 7 days */
};
#define AGENDA_EVENTS (AGENDA_WARNED + 1)

/* Called once for each event that happened, with its flows in order of the policy. */
typedef int (*agenda_handler)(enum agenda_event event, const struct flow *const *flows,
                              size_t n_flows, void *userdata);
/*
 * Tells what happened between two instants if nothing but time changed. Flows of grants are left
 * out: their end is told as the end of the grant. Returns 0, the handler's return, -ENOMEM or
 * -errno.
 */
int agenda_tell(const struct compiled *compiled, const struct overrides *overrides, usec_t from,
                usec_t to, agenda_handler handler, void *userdata);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer/moment.h"
#include "answer/question.h"

/* How a flow is near to what was asked and refused, the nearest first; NEAR_DESTINATION and
 * NEAR_SOURCE are equally near. */
enum nearness {
    NEAR_DISABLED,    /* would allow it, but is disabled */
    NEAR_LATER,       /* would allow it, but is not live either; the owner comes before it */
    NEAR_PART,        /* allows it for a part of the group or zone that was asked for */
    NEAR_SERVICE,     /* same source and destination, other services */
    NEAR_REVERSED,    /* the other direction: opened by the destination */
    NEAR_DESTINATION, /* same source and service, other destination */
    NEAR_SOURCE,      /* same destination and service, other source */
    NEAR_ZONES,       /* same zones, nothing else */
};
/* `disabled`, `other-service` and so on: static strings. */
const char *nearness_to_string(enum nearness nearness);

struct near_flow {
    uint32_t flow; /* index into policy->flows */
    enum nearness nearness;
    enum flow_state state;
    bool live; /* it passes now, between some of its zones */
};

#define NEAREST_MAX 3

/*
 * The flows nearest to a service asked for, best first, without `owner` (or NO_FLOW): at most
 * NEAREST_MAX into `near`, how many into `*ret_n_near`. Where a flow would allow it, but for a
 * reason, only such flows are returned; flows that have no more in common than the zones, only
 * where there is nothing better. Where `owner` is a flow, only flows that would allow it in its
 * place. Returns 0 or -ENOMEM.
 */
int nearest_find(const struct question *question, enum family family, service_number service,
                 uint32_t owner, const struct moment *moment, struct near_flow near[NEAREST_MAX],
                 size_t *ret_n_near);

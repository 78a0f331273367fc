/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/reason.h"
#include "observe/packet_head.h"

/*
 * Who was refused what, in bounded memory. Each pair of zones and reason has a sketch of its own,
 * Space-Saving: A. Metwally, D. Agrawal, A. El Abbadi, "Efficient Computation of Frequent and Top-k
 * Elements in Data Streams", ICDT 2005. It keeps DENIALS_SKETCH combinations of source, destination
 * and service; a new one takes the place of the rarest, and its count. So of n packets of a pair
 * and reason
 *
 *   a count is at most `over` too high, and `over` at most n / DENIALS_SKETCH;
 *   each combination of which there were more than n / DENIALS_SKETCH is there.
 *
 * A host that is refused with ever other addresses or ports displaces only what is refused between
 * the same zones for the same reason.
 */
struct denials;

#define DENIALS_SKETCH 32
#define DENIALS_GROUPS 1024

/* One combination. Ports of the source are not told apart. */
struct denial {
    enum reason reason;
    const char *from, *to; /* zones, "" where there is none; borrowed until the next change */
    enum family family;
    uint8_t protocol;
    uint16_t port; /* as in struct packet_head */
    ip_number source, destination;
    uint64_t count; /* packets */
    uint64_t over;  /* by how many the count may be too high */
    usec_t first, last;
    uint64_t change; /* the number of the last change, 1 for the first one */
};

/* Returns 0 or -ENOMEM. */
int denials_new(struct denials **ret_denials);
struct denials *denials_free(struct denials *denials);
DEFINE_CLEANUP(struct denials, denials_free)

/* Counts a packet. Of more than DENIALS_GROUPS pairs of zones and reasons the one goes of which
 * nothing was refused for longest, of the same `from` if there is one. Returns 0, or -ENOMEM and
 * nothing was counted. */
int denials_add(struct denials *denials, enum reason reason, const char *from, const char *to,
                const struct packet_head *packet, usec_t now);
/* The number of the last change. */
uint64_t denials_change(const struct denials *denials);

/* A negative return ends the walk and is returned. */
typedef int (*denial_handler)(const struct denial *denial, void *userdata);
int denials_each(const struct denials *denials, denial_handler handler, void *userdata);

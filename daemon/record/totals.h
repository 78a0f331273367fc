/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/calendar.h"
#include "base/cleanup.h"
#include "kernel/nftables.h"

/*
 * What was counted under a name (of a flow; or `/` and the name of a counter of refused packets,
 * which has one direction only), whatever became of the kernel's counters meanwhile. A total is
 * what the kernel counts now and an offset: what counters that are gone had counted. A counter that
 * goes is told as it goes, by totals_note_gone(). Where one is found to have begun anew without
 * that, it counts with what was last seen of it.
 */
struct totals;

/* So many names have a total; beyond that, those that counted longest ago begin anew. */
#define TOTALS_MAX ((size_t)128 * 1024)

/* In both directions, what an element of the switchboard or their sum has counted. */
struct both_counts {
    struct nftables_count original, reply;
};

struct total {
    struct both_counts counts;
    usec_t since; /* from when on it counts */
    usec_t first; /* when its first packet was noticed; 0: there was none */
    usec_t last;  /* when the last packets were noticed */
};

/* Counts from now on. */
int totals_new(struct totals **ret_totals);
struct totals *totals_free(struct totals *totals);
DEFINE_CLEANUP(struct totals, totals_free)

/* `now` in the kernel; zeros where it counts nothing under this name. Without memory for a new name
 * nothing is noted, and all of it when it is noted next. */
void totals_note_read(struct totals *totals, const char *name, const struct both_counts *now);
/* One of the kernel's counters has gone with this count. */
void totals_note_gone(struct totals *totals, const char *name, const struct both_counts *count);
/* The kernel's counter begins at another value, as a sum of other counters than before. */
void totals_note_moved(struct totals *totals, const char *name, const struct both_counts *now);
/* The kernel's counters under names that begin so are gone; those of all names with "". */
void totals_note_lost(struct totals *totals, const char *prefix);
/* What counted as `before` goes on as `name`. */
void totals_rename(struct totals *totals, const char *before, const char *name);

/* The total where the kernel's count is `now`; notes nothing. */
struct total totals_of(const struct totals *totals, const char *name,
                       const struct both_counts *now);
/* The names of all totals, in an order that stays while none is added. Borrowed. */
size_t totals_count(const struct totals *totals);
const char *totals_name(const struct totals *totals, size_t place);
/* From when on all totals count that have no instant of their own. */
usec_t totals_since(const struct totals *totals);

/*
 * A child of this process has the totals as they were when it was made. totals_begin_change() comes
 * before each change by which counters may go; in a child that was made before it,
 * totals_is_overtaken() is true from then on: what it reads of the kernel then does not fit its
 * totals.
 */
void totals_begin_change(struct totals *totals);
bool totals_is_overtaken(const struct totals *totals);
/* Whether something has gone since this was last called: the file should not wait. */
bool totals_take_urgent(struct totals *totals);

/*
 * The file `counters` in the state folder. Reading replaces all totals, and leaves them as they are
 * where it fails: -ENOENT, -EBADMSG if the file is damaged, -ENOMEM or -errno. Writing returns as
 * file_write().
 */
int totals_read(struct totals *totals, int directory);
int totals_write(const struct totals *totals, int directory);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "record/wire.h"

/*
 * Evidence of isolations that was written (daemon/record/evidence.h), for those who may not read
 * the state folder. Names of folders and files come from callers: they are the last part of a path
 * only, and what is no regular file is not read.
 */
#define INCIDENTS_SHOWN_MAX 1000

/*
 * The newest INCIDENTS_SHOWN_MAX, newest first, with texts of the arena; `*ret_left_out` counts the
 * others. Of one whose `state.json` cannot be read the actor, zone and reason are missing. `state`
 * is the state folder. Returns 0, also where there is no incident, -ENOMEM or -errno.
 */
int incidents_list(int state, struct arena *arena, struct wire_incident **ret_list, size_t *ret_n,
                   uint64_t *ret_left_out);

/*
 * A part of a file that begins at `offset`: at most INCIDENT_PART_MAX bytes, which end where a
 * character of UTF-8 does. At the end it is empty. The text belongs to the arena.
 * Returns 0, -ENOENT where there is no such incident or file, -ENOMEM or -errno.
 */
#define INCIDENT_PART_MAX (1U << 20)
struct incident_part {
    char *text;
    size_t size;
    uint64_t total; /* bytes of the file */
};
int incidents_read(int state, const char *incident, const char *file, uint64_t offset,
                   struct arena *arena, struct incident_part *ret_part);

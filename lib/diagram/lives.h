/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "diagram/overlaps.h"
#include "policy/policy.h"

/* What finding out is worth for all flows together: flows in all diagrams that are built for it,
 * each weighed with the schedules of the policy. */
#ifndef LIVES_WORK_MAX
#define LIVES_WORK_MAX ((size_t)500 * 1000)
#endif
/* The work of building these diagrams, as that of one is counted. */
#define LIVES_BUILD_MAX ((size_t)20 * 1000 * 1000)

/*
 * Which flows own a packet at some time of their life. `owns` says which do if all enabled flows
 * are always live; a flow of which it is false may own packets before an earlier flow opens or
 * after it has expired, and is marked then. The winner over one that is not marked becomes the
 * first flow that takes something from it while both are live.
 *
 * `*steps` are those of owners_find(). Returns 0; -E2BIG if more of them or of work would be
 * needed, and then flows that are not marked may own packets as well; or -ENOMEM.
 */
int lives_find_owners(const struct policy *policy, struct overlaps *overlaps, size_t *steps,
                      bool owns[]);

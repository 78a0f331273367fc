/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/*
 * Marks a step of a change, for tests that kill the daemon there. In a build with -Dsteps=true, a
 * daemon with SEGD_KILL_AT=NAME in its environment kills itself at the step of that name; in every
 * other build this does nothing.
 */
#ifdef SEGD_STEPS
void step_reached(const char *name);
/* True with SEGD_WITHOUT_OWNER in the environment: segd then acts as on a kernel where a table can
 * have no owner. */
bool step_without_owner(void);
/* The same with SEGD_APART: small policies are prepared as large ones. */
bool step_apart(void);
/* In a child whose work is no part of a change: nothing of it is a step. */
void step_leave(void);
#else
static inline void step_leave(void)
{
}
static inline void step_reached(const char *name)
{
    (void)name;
}
static inline bool step_without_owner(void)
{
    return false;
}
static inline bool step_apart(void)
{
    return false;
}
#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Marks a step of a change, for tests that kill the daemon exactly there. In a build with
 * -Dsteps=true a daemon with SEGD_KILL_AT=NAME in its environment ends itself by SIGKILL at the
 * step of that name; in every other build this is nothing.
 */
#ifdef SEGD_STEPS
void step_reached(const char *name);
#else
static inline void step_reached(const char *name)
{
    (void)name;
}
#endif

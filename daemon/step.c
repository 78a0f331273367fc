/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Compiled into test builds only. */

#include "daemon/step.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

void step_reached(const char *name)
{
    const char *wanted = getenv("SEGD_KILL_AT");

    if (wanted && strcmp(wanted, name) == 0)
        raise(SIGKILL);
}

bool step_without_owner(void)
{
    return getenv("SEGD_WITHOUT_OWNER") != NULL;
}

bool step_apart(void)
{
    return getenv("SEGD_APART") != NULL;
}

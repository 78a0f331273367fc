/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/calendar.h"
#include "command.h"
#include "policy/policy.h"

/*
 * The instant that `--at DATE` means: the last one of that day, since what is valid until a day
 * still is on it. NULL is now. Returns an exit code; a wrong date has been said to stderr.
 */
int instant_read(const struct command *command, const struct policy *policy, const char *date,
                 usec_t *ret_instant);
/* What the policy is at an instant cannot be told: no memory, or its time zone cannot be read. Said
 * to stderr. Returns an exit code. */
int instant_failed(int error);

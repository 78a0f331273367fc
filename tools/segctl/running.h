/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "loaded.h"
#include "remote.h"

/*
 * Reads and compiles the policy files of a path; or, where that is NULL, asks the daemon at the
 * socket for the policy that is enforced and what operators changed, and compiles it here, with
 * what was granted. Returns an exit code, EXIT_YES where the policy is there; else what is wrong
 * has been said.
 */
int running_or_files(const struct command *command, const char *path, const char *socket, bool json,
                     struct loaded *loaded);

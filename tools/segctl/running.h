/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "loaded.h"
#include "remote.h"

/*
 * Compiles the policy files of `path`; if that is NULL, the policy that the daemon at the socket
 * enforces, with its grants and overrides. Returns an exit code, EXIT_YES if there is a policy;
 * otherwise it has said what is wrong.
 */
int running_or_files(const struct command *command, const char *path, const char *socket, bool json,
                     struct loaded *loaded);

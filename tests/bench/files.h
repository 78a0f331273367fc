/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "process.h"

/* What a measured daemon is given, in a folder of its own. */
struct files {
    char folder[64];
    char policy[80];
    char other[80]; /* a second policy */
    char text[80];  /* a ruleset as nft reads it */
    char state[80]; /* of segd; new for each start */
    char socket[80];
};

/* Makes the folder, and removes it with all that is in it. 0 or -errno. */
int files_make(struct files *files);
void files_clear(struct files *files);
int files_write(const char *path, const char *text, size_t size);

/* Starts segd as on a machine that never had it, with `policy`: it keeps its first generation, then
 * enforces it. Runs the commands beside it; see process_session(). */
int files_session(const struct files *files, const char *segd, const char *policy,
                  struct process_cost *ret_cost, struct process_command *commands,
                  size_t n_commands, struct process_cost *ret_again);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/overrides.h"
#include "record/types.h"

/*
 * What the daemon knows beyond the generations, in `state.json`: which generation is to be
 * enforced, with which overrides, and which change waits to be confirmed. It is small, and written
 * anew as a whole before each change reaches the kernel.
 */
#define STATE_SIZE_MAX ((size_t)16 * 1024 * 1024)
#define STATE_VERSION 1

struct state {
    uint64_t generation;      /* that is to be enforced; 0: none yet */
    uint64_t next_generation; /* number that no generation has had; never 0 */
    /* Fingerprint of the policy files as they were when somebody last decided what is enforced:
     * files that have not changed since do not undo a rollback at the next boot. */
    char files[SHA256_TEXT_MAX];
    struct overrides overrides;
    struct confirmation confirmation;
};
/* Of this boot of the machine, as in `boot_id`. */
void state_boot_id(char buffer[40]);
void state_clear(struct state *state);
int state_copy(const struct state *state, struct state *ret_copy);

/*
 * Reads the state from the folder. Returns 0, -ENOENT where there is none yet, -EBADMSG where it is
 * damaged, from a version that is not known or not consistent (`*ret_problem` is a sentence that
 * the caller frees), -ENOMEM or -errno. A damaged file is renamed to `state.json.damaged` by
 * state_set_aside(), so that it can be looked at and the next write does not hide it.
 */
int state_read(int directory, struct state *ret_state, char **ret_problem);
int state_set_aside(int directory);
/* Writes it with fsync and rename. Returns 0, -EINVAL for what state_read() would not accept,
 * -EFBIG, or -errno; the old file stands then. */
int state_write(int directory, const struct state *state);

/*
 * When the daemon last knew what time it is: the time of the state's file, which each write sets,
 * for a machine that has forgotten it. Returns 0 where there is no state.
 */
usec_t state_instant(int directory);
int state_set_instant(int directory, usec_t instant);

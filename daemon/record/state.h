/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/overrides.h"
#include "record/types.h"

/*
 * What the daemon keeps besides the generations, in `state.json`: which generation is to be
 * enforced, with which overrides, and which one waits to be confirmed. It is small, and each change
 * writes all of it.
 */
#define STATE_SIZE_MAX ((size_t)16 * 1024 * 1024)
#define STATE_VERSION 1

struct state {
    uint64_t generation;      /* that is to be enforced; 0: none yet */
    uint64_t next_generation; /* number of the next new generation; never 0 */
    /* Fingerprint of the policy files when an operator last chose what is enforced: a boot does not
     * apply files that have not changed since. */
    char files[SHA256_TEXT_MAX];
    char fingerprint[SHA256_TEXT_MAX]; /* of the texts of `generation`; "": not known */
    /* The last entry of the audit log when this was written: the log may have later ones, but
     * must have this one. 0: none. */
    uint64_t audit_sequence;
    char audit_head[SHA256_TEXT_MAX];
    struct overrides overrides;
    struct confirmation confirmation;
};
extern const struct record_type state_type;
/* The id of this boot of the machine, as in `struct confirmation`. */
void state_boot_id(char buffer[40]);
void state_clear(struct state *state);
int state_copy(const struct state *state, struct state *ret_copy);

/*
 * Reads the state from the folder. Returns 0, -ENOENT if there is none yet, -EBADMSG if it is
 * damaged, inconsistent or of an unknown version (`*ret_problem` is a sentence that the caller
 * frees), -ENOMEM or -errno. state_set_aside() renames a damaged file to `state.json.damaged`, so
 * that the next write does not replace it and a person can examine it.
 */
int state_read(int directory, struct state *ret_state, char **ret_problem);
int state_set_aside(int directory);
/* Writes it with fsync and rename. Returns 0, or with the old file unchanged -EINVAL for a state
 * that state_read() would refuse, -EFBIG, or -errno. */
int state_write(int directory, const struct state *state);

/*
 * The last instant that the daemon knew, for machines that lose their clock: the modification time
 * of the state's file, which each write sets. 0 if there is no state.
 */
usec_t state_instant(int directory);
int state_set_instant(int directory, usec_t instant);

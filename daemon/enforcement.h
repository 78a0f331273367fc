/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/cleanup.h"
#include "kernel/nftables.h"

/*
 * What is enforced: the policy that was committed last, and the one way to another.
 */
struct enforcement;

/* Opens the kernel of the current network namespace. Returns 0, -EPERM, -EOPNOTSUPP with
 * `*ret_missing` the sentence that says what the kernel lacks, or -errno. */
int enforcement_new(struct enforcement **ret_enforcement, const char **ret_missing);
/* Lets go of the kernel; what is enforced stays enforced. Returns NULL. */
struct enforcement *enforcement_free(struct enforcement *enforcement);
DEFINE_CLEANUP(struct enforcement, enforcement_free)

/*
 * From the policy's text to the kernel. Mistakes in the policy are printed to standard error with
 * their places. Returns 0, or with what was enforced before still enforced
 * -EBADMSG    the policy is invalid
 * -EREMOTEIO  the kernel refused it; the message says which line
 * -ENOMEM, -errno
 */
int enforcement_apply(struct enforcement *enforcement, const char *path);

/* Nothing is forwarded from now on. Returns 0, -EREMOTEIO, -ENOMEM or -errno. */
int enforcement_lock_down(struct enforcement *enforcement);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/prepared.h"
#include "daemon/gateway.h"

/*
 * A change that a child of the daemon prepares and the daemon commits: to read, to prove and to
 * compile a policy may take seconds and a gigabyte, to commit what differs takes milliseconds. The
 * child leaves what it has prepared in memory that both share; what the daemon enforces from then
 * on lies there. The child is trusted as the daemon itself: it is the same program.
 */
struct handover;

/* Bytes that a child can leave of one policy. */
#define HANDOVER_MAX ((size_t)1024 * 1024 * 1024)

/* In the daemon, before it makes the child. Returns 0, -ENOMEM or -errno. */
int handover_new(struct gateway *gateway, struct handover **ret_handover);
/* After the child has ended. Returns NULL. */
struct handover *handover_free(struct handover *handover);
DEFINE_CLEANUP(struct handover, handover_free)

/*
 * In the child: transactions are handed over from now on. `ask` lets the daemon call
 * handover_commit() and waits until it has. It returns what that returned.
 */
typedef int (*handover_ask)(void *userdata);
void handover_enter(struct handover *handover, handover_ask ask, void *userdata);
/* Where the child writes the texts of a new generation; a handover of NULL: where the daemon does.
 */
uint64_t handover_stage(const struct handover *handover);
/* Where the policy is made, so that it can stay; NULL: nowhere. Borrowed. */
struct arena *handover_image(const struct handover *handover);
/* In the child, by transaction_run(), whose result it returns; -ESTALE as below. */
int handover_give(struct gateway *gateway, struct target *target, struct prepared *prepared,
                  struct outcome *outcome);

/* In the daemon: commits what the child has prepared; the child learns the outcome too. Returns as
 * transaction_run(), or with nothing done -ESTALE: something has been committed since the child was
 * made, so that it must be prepared again by another one. */
int handover_commit(struct handover *handover, struct outcome *outcome);

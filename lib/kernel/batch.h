/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "kernel/netlink.h"
#include "ruleset/difference.h"

/* An attribute's length is 16 bits, so the list of elements in a message cannot be longer; this
 * leaves room for the rest of the message. */
#define BATCH_MESSAGE_MAX ((size_t)60000)

/*
 * A transaction of nftables on its way to the kernel: messages in pages that are sent as they are,
 * each message with the change it came from, so that a refusal finds its way back.
 */
struct batch;

/* What a message is about; all borrowed. */
struct batch_origin {
    const struct change *change;
    size_t first; /* of change->elements, or of the chain's rules */
    size_t n;
};

/* The batch numbers its messages from `netlink`'s next sequence number. Returns 0 or -ENOMEM. */
int batch_new(struct netlink *netlink, struct batch **ret_batch);
struct batch *batch_free(struct batch *batch);
DEFINE_CLEANUP(struct batch, batch_free)

/*
 * Starts a message of family inet that may grow to `room` bytes, at most BATCH_MESSAGE_MAX; `type`
 * is one of NFT_MSG_*, `flags` are added to NLM_F_REQUEST. batch_add() ends it; a message that is
 * not ended is overwritten by the next. Returns 0, -EMSGSIZE where `room` is too large, -ENOMEM.
 */
int batch_start(struct batch *batch, uint16_t type, uint16_t flags, size_t room,
                struct nlmsghdr **ret_message);
int batch_add(struct batch *batch, struct nlmsghdr *message, struct batch_origin origin);

/* The messages so far, and which of them, from 0, has a sequence number. The first is a bracket. */
size_t batch_messages(const struct batch *batch);
size_t batch_index(const struct batch *batch, uint32_t sequence);
size_t batch_bytes(const struct batch *batch);

/*
 * Sends the batch. Returns 0 (`errors` holds the refusals, if any; with one or more, nothing has
 * changed in the kernel), or as netlink_transact().
 */
int batch_commit(struct batch *batch, struct netlink_errors *errors);

/*
 * Sends the batch as several transactions that each fit what the send buffer can be grown to, for
 * systems that do not let us grow it further: the first `n` messages in as many as it takes, the
 * rest in one. Stops at the first that is refused; those before it stay. Returns as batch_commit().
 */
int batch_commit_parts(struct batch *batch, size_t n, struct netlink_errors *errors);

/* The message with that sequence number and its origin, or NULL: then the batch as a whole. */
const struct nlmsghdr *batch_find(const struct batch *batch, uint32_t sequence,
                                  struct batch_origin *ret_origin);

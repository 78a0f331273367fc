/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "lab/frame.h"

/*
 * The gateway of the lab as one end of a connection. What it receives is seen by raw sockets, which
 * get a copy of each packet after the hook `input`; what it sends goes through `output` like
 * anything that the machine sends by itself. So both hooks are judged by what really passes them.
 */
struct inside;

/* For the namespace of the calling process, which must be a lab's. Returns 0, -ENOMEM or -errno. */
int inside_new(struct inside **ret_inside);
struct inside *inside_free(struct inside *inside);
DEFINE_CLEANUP(struct inside, inside_free)

/*
 * Sends a packet by an interface; its source is an address of the gateway. Returns 0, also where
 * the ruleset refuses it, or as frame_build(), or -errno.
 */
int inside_send(struct inside *inside, const char *interface, const struct frame *frame);

/* From now on packets of the protocol are received. Returns 0, -ENOMEM or -errno. */
int inside_listen(struct inside *inside, enum family family, uint8_t protocol);
/*
 * Reads the next packet that the gateway received; never waits. Returns 1 with the packet, 0 where
 * there is none, -ENOBUFS where packets were lost because there was no room for them, or -errno.
 * No more than INSIDE_WINDOW packets may be on their way before all that came is read.
 */
#define INSIDE_WINDOW 32
int inside_receive(struct inside *inside, struct frame *ret_frame);

/*
 * Keeps the kernel from refusing connections of TCP to the port, which would end them before the
 * lab can answer: it gets a socket there that never says anything. inside_unsilence() removes all.
 * Returns 0, -ENOMEM or -errno.
 */
int inside_silence(struct inside *inside, enum family family, uint16_t port);
void inside_unsilence(struct inside *inside);

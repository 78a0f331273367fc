/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "shape.h"

/*
 * A gateway to measure: the process's own network namespace forwards between the zones of shape.h,
 * over veth pairs whose far ends lie in a second namespace. Packets are written into the far ends
 * and forwarded by the processor that writes them, one after the other, so that the time for a
 * number of packets is what the gateway takes for them and a sender's constant share. What comes
 * out is counted and dropped at once.
 */
struct segd;

/* Builds it in new namespaces, which the calling process enters for good; it must have one thread.
 * Returns 0, -EPERM where namespaces are not allowed, or -errno. */
int gateway_new(struct segd **ret_gateway);
struct segd *segd_free(struct segd *segd);
DEFINE_CLEANUP(struct segd, segd_free)

enum end {
    END_A,
    END_B,
};

/* Frames that lie ready to be sent in order. */
#define FRAME_SIZE 60
struct frames {
    uint8_t (*bytes)[64];
    size_t n_frames;
};
int frames_new(size_t n_frames, struct frames *ret_frames);
void frames_clear(struct frames *frames);
/* Writes frame `index` as a UDP packet of the tuple from `source_port`, or the reply to it. */
void frames_set(struct frames *frames, size_t index, enum end from, struct tuple tuple,
                uint16_t source_port);

/*
 * Sends `n` frames, those of `original` and, where it is not NULL, of `reply` in turns, both over
 * and over, and waits until the gateway is done with all. Returns 0 with the processor time taken
 * and the number that came out at the other side, or -errno.
 */
int gateway_send(struct segd *segd, const struct frames *original, const struct frames *reply,
                 size_t n, uint64_t *ret_nsec, uint64_t *ret_passed);

/* Forgets all connections. 0 or -errno. */
int gateway_flush(struct segd *segd);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/cleanup.h"
#include "lab/frame.h"

/*
 * Puts fragments together that came from a wire. Holds a bounded number of packets that are not
 * complete; the oldest gives way.
 */
struct reassembly;

/* Returns 0 or -ENOMEM. */
int reassembly_new(struct reassembly **ret_reassembly);
struct reassembly *reassembly_free(struct reassembly *reassembly);
DEFINE_CLEANUP(struct reassembly, reassembly_free)

/*
 * Takes one fragment of the wire. Returns 1 where it completes its packet, which is then in
 * `*packet` (its body valid until the next call), 0 where something is still missing, or -EBADMSG
 * where it does not fit (too long).
 */
int reassembly_add(struct reassembly *reassembly, size_t wire, struct frame_packet *packet);

/* How many packets are there of which some fragments came and others did not. */
size_t reassembly_count(const struct reassembly *reassembly);

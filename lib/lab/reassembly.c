/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Fragments become packets again. A gateway that tracks connections reassembles packets and
 * fragments them again, maybe at other places; a gateway that does not may let single fragments
 * through. The lab must distinguish the two, so what stays incomplete is counted and not forgotten.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lab/reassembly.h"

#define SLOTS 64
#define UNIT 8 /* fragments are cut at multiples of eight bytes */

struct slot {
    bool used;
    size_t wire;
    struct frame_packet first; /* addresses, identification; next header of the first fragment */
    size_t length;             /* of the whole, once the last fragment has come */
    bool have_last;
    bool have[FRAME_BODY_MAX / UNIT];
    uint8_t bytes[FRAME_BODY_MAX];
};

struct reassembly {
    size_t next;        /* the slot to be taken next: they go round */
    size_t n_forgotten; /* incomplete packets whose slot was taken by another */
    struct slot slots[SLOTS];
};

int reassembly_new(struct reassembly **ret_reassembly)
{
    struct reassembly *reassembly = calloc(1, sizeof(*reassembly));

    if (!reassembly)
        return -ENOMEM;
    *ret_reassembly = reassembly;
    return 0;
}

struct reassembly *reassembly_free(struct reassembly *reassembly)
{
    free(reassembly);
    return NULL;
}

static bool slot_matches(const struct slot *slot, size_t wire, const struct frame_packet *packet)
{
    const struct frame *a = &slot->first.frame, *b = &packet->frame;

    /* IPv4 has one number space for each protocol, IPv6 one for all. */
    return slot->used && slot->wire == wire && a->family == b->family && a->source == b->source &&
           a->destination == b->destination &&
           slot->first.identification == packet->identification &&
           (a->family == FAMILY_IPV6 || slot->first.next_header == packet->next_header);
}

static struct slot *slot_find(struct reassembly *reassembly, size_t wire,
                              const struct frame_packet *packet)
{
    struct slot *slot;

    for (size_t i = 0; i < SLOTS; i++)
        if (slot_matches(&reassembly->slots[i], wire, packet))
            return &reassembly->slots[i];

    slot = &reassembly->slots[reassembly->next];
    reassembly->next = (reassembly->next + 1) % SLOTS;
    if (slot->used)
        reassembly->n_forgotten++;
    memset(slot, 0, sizeof(*slot));
    slot->used = true;
    slot->wire = wire;
    slot->first = *packet;
    return slot;
}

static bool slot_is_complete(const struct slot *slot)
{
    if (!slot->have_last)
        return false;
    for (size_t i = 0; i * UNIT < slot->length; i++)
        if (!slot->have[i])
            return false;
    return true;
}

int reassembly_add(struct reassembly *reassembly, size_t wire, struct frame_packet *packet)
{
    size_t end = packet->offset + packet->length;
    struct slot *slot;

    if (end > FRAME_BODY_MAX || (packet->more_fragments && packet->length % UNIT != 0))
        return -EBADMSG;
    slot = slot_find(reassembly, wire, packet);
    memcpy(slot->bytes + packet->offset, packet->body, packet->length);
    for (size_t position = packet->offset; position < end; position += UNIT)
        slot->have[position / UNIT] = true;
    if (packet->offset == 0)
        slot->first = *packet;
    if (!packet->more_fragments) {
        slot->have_last = true;
        slot->length = end;
    }
    if (!slot_is_complete(slot))
        return 0;

    *packet = slot->first;
    packet->fragment = packet->more_fragments = false;
    packet->offset = 0;
    packet->body = slot->bytes;
    packet->length = slot->length;
    slot->used = false;
    return 1;
}

size_t reassembly_count(const struct reassembly *reassembly)
{
    size_t count = reassembly->n_forgotten;

    for (size_t i = 0; i < SLOTS; i++)
        if (reassembly->slots[i].used)
            count++;
    return count;
}

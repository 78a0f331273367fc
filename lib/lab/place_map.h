/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"

/*
 * Single addresses and where they lie: what a layout remembers, by address. A zeroed structure is
 * the empty map.
 */
struct place {
    enum family family;
    ip_number address;
    bool used;      /* by a probe; then `wire` is where it lies */
    bool moved;     /* it lies elsewhere than its network */
    bool separated; /* it must stay where it is */
    size_t wire;
};

struct place_map {
    struct place *places; /* in order of adding */
    size_t n_places;
    size_t capacity;
    size_t *slots;  /* indices plus 1 into places, 0: free */
    size_t n_slots; /* 0 or a power of two */
};

/* The place of the address, new where there was none; valid until the next is added. Returns 0 or
 * -ENOMEM. */
int place_map_get(struct place_map *map, enum family family, ip_number address,
                  struct place **ret_place);
/* The same, but NULL where there is none. */
const struct place *place_map_find(const struct place_map *map, enum family family,
                                   ip_number address);
/* Calls the handler for each in order of adding, until one returns less than 0. */
int place_map_each(const struct place_map *map,
                   int (*handler)(const struct place *place, void *userdata), void *userdata);
void place_map_clear(struct place_map *map);

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A hash table by address with open addressing over an array in order of adding, so that walking it
 * gives the same order each time, whatever the hash.
 */

#include "lab/place_map.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/array.h"

#define SLOTS_FIRST 256

/* The finaliser of SplitMix64 (Steele, Lea, Flood 2014) over both halves. */
static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/* The slot that holds the address, or the free one where it would be. */
static size_t find_slot(const struct place_map *map, enum family family, ip_number address)
{
    uint64_t hash = mix((uint64_t)address + mix((uint64_t)(address >> 64) + family));
    size_t slot = (size_t)hash & (map->n_slots - 1);

    while (map->slots[slot] != 0) {
        const struct place *place = &map->places[map->slots[slot] - 1];

        if (place->family == family && place->address == address)
            break;
        slot = (slot + 1) & (map->n_slots - 1);
    }
    return slot;
}

static int grow(struct place_map *map)
{
    size_t n_slots = map->n_slots == 0 ? SLOTS_FIRST : map->n_slots * 2;
    size_t *slots = calloc(n_slots, sizeof(*slots));

    if (!slots)
        return -ENOMEM;
    free(map->slots);
    map->slots = slots;
    map->n_slots = n_slots;
    for (size_t i = 0; i < map->n_places; i++)
        slots[find_slot(map, map->places[i].family, map->places[i].address)] = i + 1;
    return 0;
}

int place_map_get(struct place_map *map, enum family family, ip_number address,
                  struct place **ret_place)
{
    size_t slot;
    int r;

    if (map->n_places * 2 >= map->n_slots) {
        r = grow(map);
        if (r < 0)
            return r;
    }
    slot = find_slot(map, family, address);
    if (map->slots[slot] == 0) {
        r = array_reserve(&map->places, &map->capacity, map->n_places + 1, sizeof(*map->places));
        if (r < 0)
            return r;
        map->places[map->n_places++] = (struct place){.family = family, .address = address};
        map->slots[slot] = map->n_places;
    }
    *ret_place = &map->places[map->slots[slot] - 1];
    return 0;
}

const struct place *place_map_find(const struct place_map *map, enum family family,
                                   ip_number address)
{
    size_t slot;

    if (map->n_slots == 0)
        return NULL;
    slot = find_slot(map, family, address);
    return map->slots[slot] == 0 ? NULL : &map->places[map->slots[slot] - 1];
}

int place_map_each(const struct place_map *map,
                   int (*handler)(const struct place *place, void *userdata), void *userdata)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < map->n_places; i++)
        r = handler(&map->places[i], userdata);
    return r;
}

void place_map_clear(struct place_map *map)
{
    free(map->places);
    free(map->slots);
    *map = (struct place_map){0};
}

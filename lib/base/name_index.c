/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An open-addressing hash table. glibc's hsearch_r() cannot grow and copies no hash, which costs a
 * string comparison per probe; policies have up to hundreds of thousands of names and their number
 * is not known beforehand.
 */

#include "base/name_index.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define SLOTS_MIN ((size_t)64)

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/, over the lower-case letters. */
static uint32_t hash_name(const char *name)
{
    uint32_t hash = 2166136261U;

    for (; *name; name++) {
        unsigned char character = (unsigned char)*name;

        if (character >= 'A' && character <= 'Z')
            character = (unsigned char)(character + ('a' - 'A'));
        hash = (hash ^ character) * 16777619U;
    }
    return hash;
}

/* The slot that holds the name, or the free one where it belongs. */
static struct name_slot *find_slot(const struct name_index *index, const char *name, uint32_t hash)
{
    size_t i = hash & (index->n_slots - 1);

    while (index->slots[i].name &&
           (index->slots[i].hash != hash || strcasecmp(index->slots[i].name, name) != 0))
        i = (i + 1) & (index->n_slots - 1);
    return &index->slots[i];
}

static int name_index_grow(struct name_index *index)
{
    struct name_index grown = {
        .n_slots = index->n_slots ? 2 * index->n_slots : SLOTS_MIN,
        .n_names = index->n_names,
    };

    grown.slots = calloc(grown.n_slots, sizeof(*grown.slots));
    if (!grown.slots)
        return -ENOMEM;

    for (size_t i = 0; i < index->n_slots; i++) {
        if (index->slots[i].name)
            *find_slot(&grown, index->slots[i].name, index->slots[i].hash) = index->slots[i];
    }

    free(index->slots);
    *index = grown;
    return 0;
}

int name_index_add(struct name_index *index, const char *name, uint32_t value)
{
    uint32_t hash = hash_name(name);
    struct name_slot *slot;
    int r;

    /* At most three quarters full, so that runs of taken slots stay short. */
    if (4 * (index->n_names + 1) > 3 * index->n_slots) {
        r = name_index_grow(index);
        if (r < 0)
            return r;
    }

    slot = find_slot(index, name, hash);
    if (slot->name)
        return -EEXIST;

    *slot = (struct name_slot){name, hash, value};
    index->n_names++;
    return 0;
}

const char *name_index_find(const struct name_index *index, const char *name, uint32_t *ret_value)
{
    const struct name_slot *slot;

    if (index->n_names == 0)
        return NULL;

    slot = find_slot(index, name, hash_name(name));
    if (slot->name)
        *ret_value = slot->value;
    return slot->name;
}

void name_index_clear(struct name_index *index)
{
    free(index->slots);
    *index = (struct name_index){0};
}

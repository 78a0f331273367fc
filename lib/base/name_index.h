/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Finds a number by a name, whatever the ASCII case of its letters: names that differ only in case
 * are one name here, and the caller who sees that the stored spelling is another one can say so.
 * Names are borrowed and must outlive the index. A zeroed structure is the empty index.
 */
struct name_slot {
    const char *name; /* NULL: free */
    uint32_t hash;
    uint32_t value;
};

struct name_index {
    struct name_slot *slots;
    size_t n_slots; /* 0 or a power of two */
    size_t n_names;
};

/* Returns 0, -EEXIST (a name equal but for case is there already), or -ENOMEM. */
int name_index_add(struct name_index *index, const char *name, uint32_t value);
/* The name as it was added, with its value; or NULL. Borrowed from whom it was added by. */
const char *name_index_find(const struct name_index *index, const char *name, uint32_t *ret_value);
void name_index_clear(struct name_index *index);

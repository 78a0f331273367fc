/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"

/*
 * Memory that is allocated piece by piece and freed at once. What a policy, a diagram or a ruleset
 * is made of lives as long as the whole does; an arena says so, and needs no free per piece.
 */
struct arena;

/* Returns 0 and an empty arena that the caller owns, or -ENOMEM. */
int arena_new(struct arena **ret_arena);
/*
 * The same for at most `most` bytes that this process shares with the children that it makes from
 * now on, at the same addresses: what one of them allocates is there for the others, with what it
 * points to. Nothing coordinates them: one process at a time may use the arena. Pages cost memory
 * once they are written. Returns 0, -ENOMEM or -errno.
 */
int arena_new_shared(size_t most, struct arena **ret_arena);
/* The same in a file without a name in a folder, so that the kernel can write its pages to the disk
 * where memory is short. 256 MiB of the disk are left to others: beyond that nothing more is
 * allocated, and no arena begun (-ENOSPC). */
int arena_new_filed(int directory, size_t most, struct arena **ret_arena);
/* This process only reads the shared arena from now on. Returns 0 or -errno. */
int arena_protect(struct arena *arena);
/* Frees the arena and all that was allocated from it. NULL is fine. Returns NULL. */
struct arena *arena_free(struct arena *arena);
DEFINE_CLEANUP(struct arena, arena_free)

/*
 * The following return memory owned by the arena, aligned for any type, or NULL when there is no
 * memory. arena_allocate() returns zeroed memory; `size` 0 gives a valid pointer.
 */
void *arena_allocate(struct arena *arena, size_t size);
void *arena_copy(struct arena *arena, const void *bytes, size_t size);
char *arena_string(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends a zeroed element of `size` bytes to a list that only this function made grow; `list`
 * points to the list, `n` to its length. Returns the element. */
void *arena_add(struct arena *arena, void *list, size_t *n, size_t size);
/* Replaces a borrowed text by a copy of it; NULL stays. Returns 0 or -ENOMEM. */
int arena_keep_string(struct arena *arena, const char **text);

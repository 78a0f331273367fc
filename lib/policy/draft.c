/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The memory of a draft. A policy of many flows is as large as its draft, and the two need not be
 * whole at the same time: objects live in chunks that are freed as the resolver is done with them.
 */

#include "policy/draft.h"

#include <errno.h>
#include <stdlib.h>

/* Objects of one chunk: about half a megabyte of flows. */
#define CHUNK_OBJECTS 1024

struct draft_chunk {
    struct draft_chunk *next;
    struct arena *arena;
};

int draft_new(struct draft **ret_draft)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct draft *draft;
    int r;

    r = arena_new(&arena);
    if (r < 0)
        return r;

    draft = arena_allocate(arena, sizeof(*draft));
    if (!draft)
        return -ENOMEM;

    draft->arena = TAKE_PTR(arena);
    *ret_draft = draft;
    return 0;
}

struct draft *draft_free(struct draft *draft)
{
    if (!draft)
        return NULL;

    draft_list_clear(&draft->zones);
    draft_list_clear(&draft->hosts);
    draft_list_clear(&draft->groups);
    draft_list_clear(&draft->services);
    draft_list_clear(&draft->flows);
    draft_list_clear(&draft->rejects);
    draft_list_clear(&draft->expectations);
    draft_list_clear(&draft->addresses);
    arena_free(draft->arena);
    return NULL;
}

int draft_list_arena(struct draft_list *list, struct arena **ret_arena)
{
    struct draft_chunk *chunk;
    int r;

    if (list->n_objects < list->n_chunks * CHUNK_OBJECTS) {
        *ret_arena = list->last_chunk->arena;
        return 0;
    }

    chunk = calloc(1, sizeof(*chunk));
    if (!chunk)
        return -ENOMEM;

    r = arena_new(&chunk->arena);
    if (r < 0) {
        free(chunk);
        return r;
    }

    if (list->last_chunk)
        list->last_chunk->next = chunk;
    else
        list->first_chunk = chunk;
    list->last_chunk = chunk;
    list->n_chunks++;
    *ret_arena = chunk->arena;
    return 0;
}

void draft_list_append(struct draft_list *list, struct draft_object *object)
{
    if (list->last)
        list->last->next = object;
    else
        list->first = object;
    list->last = object;
    list->n_objects++;
}

static void free_first_chunk(struct draft_list *list)
{
    struct draft_chunk *chunk = list->first_chunk;

    list->first_chunk = chunk->next;
    arena_free(chunk->arena);
    free(chunk);
}

struct draft_object *draft_list_next(struct draft_list *list, struct draft_object *object)
{
    struct draft_object *next = object->next;

    if (++list->n_done % CHUNK_OBJECTS == 0)
        free_first_chunk(list);
    return next;
}

void draft_list_clear(struct draft_list *list)
{
    while (list->first_chunk)
        free_first_chunk(list);
    *list = (struct draft_list){0};
}

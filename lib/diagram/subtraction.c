/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A piece is looked up in one class. The first row found there that takes from it splits it into
 * the pieces around that row, which go back on the stack of pieces; where none does, the piece goes
 * on to the parent. The piece after the row is pushed last and so looked at next: the stack stays
 * small.
 */

#include "diagram/subtraction.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"

void subtraction_clear(struct subtraction *subtraction)
{
    free(subtraction->pieces);
    subtraction->pieces = NULL;
    subtraction->n_pieces = subtraction->capacity = 0;
}

static int subtraction_push(struct subtraction *subtraction, const struct range_row *row,
                            uint32_t class)
{
    return array_append(&subtraction->pieces, &subtraction->n_pieces, &subtraction->capacity,
                        &(struct piece){*row, class}, sizeof(struct piece));
}

static int subtraction_step(struct subtraction *subtraction)
{
    if (!subtraction->steps)
        return 0;
    if (*subtraction->steps == 0)
        return -E2BIG;

    (*subtraction->steps)--;
    return 0;
}

static bool subtraction_takes(const struct subtraction *subtraction, uint32_t there, uint32_t flow)
{
    return !subtraction->takes || subtraction->takes(there, flow, subtraction->userdata);
}

/* The pieces of `piece` around a box. */
static int subtraction_split(struct subtraction *subtraction, const struct piece *piece,
                             const struct range *destination, const struct service_span *services)
{
    struct range_row row = piece->row, across = piece->row;
    int r = 0;

    if (destination->first > row.destination.first) {
        across.destination.first = destination->first;
        row.destination.last = destination->first - 1;
        r = subtraction_push(subtraction, &row, piece->class);
    }
    if (destination->last < across.destination.last)
        across.destination.last = destination->last;

    row = across;
    if (r == 0 && services->first > across.services.first) {
        row.services.last = services->first - 1;
        r = subtraction_push(subtraction, &row, piece->class);
    }
    row = across;
    if (r == 0 && services->last < across.services.last) {
        row.services.first = services->last + 1;
        r = subtraction_push(subtraction, &row, piece->class);
    }

    row = piece->row;
    if (r == 0 && destination->last < row.destination.last) {
        row.destination.first = destination->last + 1;
        r = subtraction_push(subtraction, &row, piece->class);
    }
    return r;
}

/* 1 where a row of the class was found that takes from the piece, and the piece was split. */
static int subtraction_find_exact(struct subtraction *subtraction, const struct piece *piece)
{
    const struct class *class = &subtraction->classes[piece->class];
    const struct range_row *row = &piece->row;

    for (size_t i = class_find_exact(class, row->destination.first, 0); i < class->n_exact; i++) {
        const struct exact_row *there = &class->exact[i];
        int r;

        if (there->destination > row->destination.last)
            break;
        r = subtraction_step(subtraction);
        if (r < 0)
            return r;
        if (there->service < row->services.first || there->service > row->services.last ||
            !subtraction_takes(subtraction, there->flow, row->flow))
            continue;
        r = subtraction_split(subtraction, piece,
                              &(struct range){there->destination, there->destination},
                              &(struct service_span){there->service, there->service});
        return r < 0 ? r : 1;
    }
    return 0;
}

static int subtraction_find_range(struct subtraction *subtraction, const struct piece *piece)
{
    const struct class *class = &subtraction->classes[piece->class];
    const struct range_row *row = &piece->row;

    for (size_t i = class_find_range(class, row->destination.first); i < class->n_ranges; i++) {
        const struct range_row *there = &class->ranges[i];
        int r;

        if (there->destination.first > row->destination.last)
            break;
        r = subtraction_step(subtraction);
        if (r < 0)
            return r;
        if (there->destination.last < row->destination.first ||
            there->services.last < row->services.first ||
            there->services.first > row->services.last ||
            !subtraction_takes(subtraction, there->flow, row->flow))
            continue;
        r = subtraction_split(subtraction, piece, &there->destination, &there->services);
        return r < 0 ? r : 1;
    }
    return 0;
}

int subtraction_run(struct subtraction *subtraction, uint32_t class, const struct range_row *row)
{
    int r;

    subtraction->n_pieces = 0;
    r = subtraction_push(subtraction, row, class);

    while (r == 0 && subtraction->n_pieces > 0) {
        const struct piece piece = subtraction->pieces[--subtraction->n_pieces];

        if (piece.class == subtraction->end) {
            r = subtraction->left(&piece.row, subtraction->userdata);
            continue;
        }

        r = subtraction_find_exact(subtraction, &piece);
        if (r == 0)
            r = subtraction_find_range(subtraction, &piece);
        if (r == 0)
            r = subtraction_push(subtraction, &piece.row, subtraction->classes[piece.class].parent);
        else if (r > 0)
            r = 0;
    }
    return r;
}

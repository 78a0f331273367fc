/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A piece is looked up in one class. The first row found there that takes from it splits it into
 * the pieces around that row, which go back on the heap; where none does, the piece goes on to the
 * parent. The piece behind the row comes last and so is the next: the heap stays small.
 */

#include "diagram/cut.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"

void cutter_clear(struct cutter *cutter)
{
    free(cutter->pieces);
    cutter->pieces = NULL;
    cutter->n_pieces = cutter->capacity = 0;
}

static int cutter_push(struct cutter *cutter, const struct range_row *row, uint32_t class)
{
    int r = array_reserve(&cutter->pieces, &cutter->capacity, cutter->n_pieces + 1,
                          sizeof(*cutter->pieces));

    if (r < 0)
        return r;

    cutter->pieces[cutter->n_pieces++] = (struct cut_piece){*row, class};
    return 0;
}

static int cutter_step(struct cutter *cutter)
{
    if (!cutter->steps)
        return 0;
    if (*cutter->steps == 0)
        return -E2BIG;

    (*cutter->steps)--;
    return 0;
}

static bool cutter_takes(const struct cutter *cutter, uint32_t there, uint32_t flow)
{
    return !cutter->takes || cutter->takes(there, flow, cutter->userdata);
}

/* The pieces of `piece` around a box. */
static int cutter_split(struct cutter *cutter, const struct cut_piece *piece,
                        const struct range *destination, const struct service_span *services)
{
    struct range_row row = piece->row, across = piece->row;
    int r = 0;

    if (destination->first > row.destination.first) {
        across.destination.first = destination->first;
        row.destination.last = destination->first - 1;
        r = cutter_push(cutter, &row, piece->class);
    }
    if (destination->last < across.destination.last)
        across.destination.last = destination->last;

    row = across;
    if (r == 0 && services->first > across.services.first) {
        row.services.last = services->first - 1;
        r = cutter_push(cutter, &row, piece->class);
    }
    row = across;
    if (r == 0 && services->last < across.services.last) {
        row.services.first = services->last + 1;
        r = cutter_push(cutter, &row, piece->class);
    }

    row = piece->row;
    if (r == 0 && destination->last < row.destination.last) {
        row.destination.first = destination->last + 1;
        r = cutter_push(cutter, &row, piece->class);
    }
    return r;
}

/* 1 where a row of the class was found that takes from the piece, and the piece was split. */
static int cutter_find_exact(struct cutter *cutter, const struct cut_piece *piece)
{
    const struct class *class = &cutter->classes[piece->class];
    const struct range_row *row = &piece->row;

    for (size_t i = class_find_exact(class, row->destination.first, 0); i < class->n_exact; i++) {
        const struct exact_row *there = &class->exact[i];
        int r;

        if (there->destination > row->destination.last)
            break;
        r = cutter_step(cutter);
        if (r < 0)
            return r;
        if (there->service < row->services.first || there->service > row->services.last ||
            !cutter_takes(cutter, there->flow, row->flow))
            continue;
        r = cutter_split(cutter, piece, &(struct range){there->destination, there->destination},
                         &(struct service_span){there->service, there->service});
        return r < 0 ? r : 1;
    }
    return 0;
}

static int cutter_find_range(struct cutter *cutter, const struct cut_piece *piece)
{
    const struct class *class = &cutter->classes[piece->class];
    const struct range_row *row = &piece->row;

    for (size_t i = class_find_range(class, row->destination.first); i < class->n_ranges; i++) {
        const struct range_row *there = &class->ranges[i];
        int r;

        if (there->destination.first > row->destination.last)
            break;
        r = cutter_step(cutter);
        if (r < 0)
            return r;
        if (there->destination.last < row->destination.first ||
            there->services.last < row->services.first ||
            there->services.first > row->services.last ||
            !cutter_takes(cutter, there->flow, row->flow))
            continue;
        r = cutter_split(cutter, piece, &there->destination, &there->services);
        return r < 0 ? r : 1;
    }
    return 0;
}

int cutter_cut(struct cutter *cutter, uint32_t class, const struct range_row *row)
{
    int r;

    cutter->n_pieces = 0;
    r = cutter_push(cutter, row, class);

    while (r == 0 && cutter->n_pieces > 0) {
        const struct cut_piece piece = cutter->pieces[--cutter->n_pieces];

        if (piece.class == cutter->end) {
            r = cutter->left(&piece.row, cutter->userdata);
            continue;
        }

        r = cutter_find_exact(cutter, &piece);
        if (r == 0)
            r = cutter_find_range(cutter, &piece);
        if (r == 0)
            r = cutter_push(cutter, &piece.row, cutter->classes[piece.class].parent);
        else if (r > 0)
            r = 0;
    }
    return r;
}

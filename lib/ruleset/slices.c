/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel looks through an interval map with several fields row by row, many at a time: what it
 * costs grows with all rows, and more with those that match the first field. A map with one field
 * is a tree. So a large table is cut by one field into slices, which a tree finds, and each slice
 * is a small table.
 *
 * Slices are prefixes, as the classes of a pair are, so that one more flow changes one of them.
 */

#include "ruleset/slices.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"

/* So many rows are cheap enough. Of a slice by ports all rows may match the addresses in front. */
#ifndef SLICE_ROWS
#define SLICE_ROWS 128
#endif
#ifndef SLICE_ROWS_PORT
#define SLICE_ROWS_PORT 32
#endif
/* A table becomes so many slices, or a few more: each is a set, and the kernel finds sets by their
 * names in a list. */
#define SLICES_MAX 256

struct cutter {
    struct slices slices;
    const struct range_row *rows;
    unsigned bits;      /* of a value */
    size_t limit;       /* rows of a slice that are not worth another cut */
    size_t copies_left; /* rows that may still be in more than one slice */
    size_t largest;
};

void slices_clear(struct slices *slices)
{
    for (size_t i = 0; i < slices->n_slices; i++)
        free(slices->slices[i].rows);
    free(slices->slices);
    *slices = (struct slices){0};
}

struct range cut_values(enum cut cut, const struct range_row *row)
{
    switch (cut) {
    case CUT_SOURCE:
        return row->source;
    case CUT_DESTINATION:
        return row->destination;
    case CUT_PORT:
        break;
    }
    return (struct range){SERVICE_PORT(row->services.first), SERVICE_PORT(row->services.last)};
}

/* The rows of a slice that reach into `values`. 0 or -ENOMEM. */
static int slice_part(const struct cutter *cutter, const struct slice *whole, struct range values,
                      struct slice *ret_part)
{
    *ret_part =
        (struct slice){.values = values, .rows = calloc(whole->n_rows, sizeof(*whole->rows))};
    if (!ret_part->rows)
        return -ENOMEM;

    for (size_t i = 0; i < whole->n_rows; i++) {
        struct range range = cut_values(cutter->slices.cut, &cutter->rows[whole->rows[i]]);

        if (range.first <= values.last && range.last >= values.first)
            ret_part->rows[ret_part->n_rows++] = whole->rows[i];
    }
    return 0;
}

/* Whether so many rows end or begin within the slice that it is worth a cut. */
static bool slice_is_large(const struct cutter *cutter, const struct slice *slice)
{
    size_t n = 0;

    for (size_t i = 0; i < slice->n_rows; i++) {
        struct range range = cut_values(cutter->slices.cut, &cutter->rows[slice->rows[i]]);

        n += range.first > slice->values.first || range.last < slice->values.last;
    }
    return n > cutter->limit;
}

/* Takes the rows of the slice, and cuts it in halves until it is small. Returns 0, -ENOMEM, or
 * -E2BIG where rows would be copied too often. */
static int cutter_cut(struct cutter *cutter, struct slice taken)
{
    cleanup_(freep) uint32_t *rows = taken.rows;
    struct range low = taken.values, high = taken.values;
    struct slice part;
    size_t n = 0;
    int r;

    if (taken.n_rows == 0)
        return 0;

    if (!slice_is_large(cutter, &taken)) {
        r = array_append(&cutter->slices.slices, &cutter->slices.n_slices, &cutter->slices.capacity,
                         &taken, sizeof(taken));
        if (r < 0)
            return r;
        rows = NULL;
        cutter->largest = taken.n_rows > cutter->largest ? taken.n_rows : cutter->largest;
        return 0;
    }

    low.last = low.first + (low.last - low.first) / 2;
    high.first = low.last + 1;
    r = slice_part(cutter, &taken, low, &part);
    if (r < 0)
        return r;
    n = part.n_rows;
    r = cutter_cut(cutter, part);
    if (r == 0)
        r = slice_part(cutter, &taken, high, &part);
    if (r < 0)
        return r;

    n += part.n_rows - taken.n_rows;
    if (n > cutter->copies_left) {
        free(part.rows);
        return -E2BIG;
    }
    cutter->copies_left -= n;
    return cutter_cut(cutter, part);
}

static size_t cut_limit(enum cut cut, size_t n_rows)
{
    size_t rows = cut == CUT_PORT ? SLICE_ROWS_PORT : SLICE_ROWS;

    return n_rows / SLICES_MAX > rows ? n_rows / SLICES_MAX : rows;
}

static int slices_by(enum cut cut, const struct range_row *rows, size_t n_rows, enum family family,
                     struct cutter *ret_cutter)
{
    struct cutter cutter = {
        .slices = {.cut = cut},
        .rows = rows,
        .limit = cut_limit(cut, n_rows),
        .copies_left = n_rows,
    };
    struct slice whole = {
        .values = cut == CUT_PORT ? (struct range){0, UINT16_MAX} : family_all(family),
        .rows = calloc(n_rows, sizeof(*whole.rows)),
        .n_rows = n_rows,
    };
    int r;

    if (!whole.rows)
        return -ENOMEM;
    for (uint32_t i = 0; i < n_rows; i++)
        whole.rows[i] = i;

    r = cutter_cut(&cutter, whole);
    if (r < 0) {
        slices_clear(&cutter.slices);
        return r;
    }
    *ret_cutter = cutter;
    return 0;
}

int slices_make(const struct range_row *rows, size_t n_rows, enum family family, bool has_source,
                struct slices *ret_slices)
{
    struct cutter best = {0};
    /* What the dearest slice costs. Rows of a slice by ports cost more. */
    size_t least = n_rows * (SLICE_ROWS / SLICE_ROWS_PORT) / 2;

    if (n_rows <= SLICE_ROWS)
        return 0;

    for (enum cut cut = has_source ? CUT_SOURCE : CUT_DESTINATION; cut < CUTS; cut++) {
        struct cutter cutter;
        size_t cost;
        int r = slices_by(cut, rows, n_rows, family, &cutter);

        if (r == -E2BIG)
            continue;
        if (r < 0) {
            slices_clear(&best.slices);
            return r;
        }
        cost = cutter.largest * (cut == CUT_PORT ? SLICE_ROWS / SLICE_ROWS_PORT : 1);
        if (cutter.slices.n_slices < 2 || cost >= least) {
            slices_clear(&cutter.slices);
            continue;
        }
        slices_clear(&best.slices);
        best = cutter;
        least = cost;
    }

    *ret_slices = best.slices;
    return 0;
}

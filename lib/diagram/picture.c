/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Painting is bisection for the first stroke that the new range meets, and then filling the gaps
 * from there on. So "the first flow owns it" needs no comparison of flows: who comes first is
 * there.
 */

#include "diagram/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void picture_clear(struct picture *picture)
{
    free(picture->strokes);
    *picture = (struct picture){0};
}

static int picture_insert(struct picture *picture, size_t position, struct range range,
                          uint32_t flow)
{
    int r = array_reserve(&picture->strokes, &picture->capacity, picture->n_strokes + 1,
                          sizeof(*picture->strokes));

    if (r < 0)
        return r;

    memmove(picture->strokes + position + 1, picture->strokes + position,
            (picture->n_strokes - position) * sizeof(*picture->strokes));
    picture->strokes[position] = (struct stroke){range, flow};
    picture->n_strokes++;
    return 0;
}

int picture_paint(struct picture *picture, struct range range, uint32_t flow,
                  struct overlaps *overlaps)
{
    size_t low = 0, high = picture->n_strokes;
    int r;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (picture->strokes[middle].range.last < range.first)
            low = middle + 1;
        else
            high = middle;
    }

    for (; low < picture->n_strokes && picture->strokes[low].range.first <= range.last; low++) {
        struct stroke there = picture->strokes[low];

        overlaps_note(overlaps, flow, there.flow);
        if (there.range.first > range.first) {
            r = picture_insert(picture, low, (struct range){range.first, there.range.first - 1},
                               flow);
            if (r < 0)
                return r;
            low++;
        }
        if (there.range.last >= range.last)
            return 0;
        range.first = there.range.last + 1;
    }
    return picture_insert(picture, low, range, flow);
}

bool picture_equal(const struct picture *a, const struct picture *b)
{
    if (a->n_strokes != b->n_strokes)
        return false;

    for (size_t i = 0; i < a->n_strokes; i++) {
        if (a->strokes[i].range.first != b->strokes[i].range.first ||
            a->strokes[i].range.last != b->strokes[i].range.last ||
            a->strokes[i].flow != b->strokes[i].flow)
            return false;
    }
    return true;
}

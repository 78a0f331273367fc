/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Flows whose sources, destinations and services all overlap in part have many classes with many
 * rows each, though few boxes would say the same: where each flow is the one before it, moved a
 * little, it adds three. So here no border of a flow cuts any other. From the boxes of a part those
 * of the parts before it are subtracted, the nearest first, because policies list side by side what
 * is alike: what it leaves seldom meets a third part.
 */

#include "diagram/boxes.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"

/* Ranges that are compared in the time of one step of work. */
#define RANGES_PER_STEP 8

enum axis {
    AXIS_SOURCE,
    AXIS_DESTINATION,
    AXIS_SERVICE,
    AXES,
};

struct box {
    struct range axes[AXES];
};

struct box_list {
    struct box *boxes;
    size_t n_boxes;
    size_t capacity;
};

/* What is left of the part at hand, before and after the next one is subtracted. */
struct subtrahend {
    const struct part *part;
    struct box_list *left;
};

static void box_list_clear(struct box_list *list)
{
    free(list->boxes);
}

static size_t axis_count(const struct part *part, enum axis axis)
{
    switch (axis) {
    case AXIS_SOURCE:
        return part->sources.n_ranges;
    case AXIS_DESTINATION:
        return part->destinations.n_ranges;
    case AXIS_SERVICE:
        return part->n_spans;
    case AXES:
        break;
    }
    return 0;
}

static struct range axis_range(const struct part *part, enum axis axis, size_t i)
{
    switch (axis) {
    case AXIS_SOURCE:
        return part->sources.ranges[i];
    case AXIS_DESTINATION:
        return part->destinations.ranges[i];
    case AXIS_SERVICE:
    case AXES:
        break;
    }
    return (struct range){part->spans[i].first, part->spans[i].last};
}

/* The first range of the part on the axis that ends at or after `at`, or their number. */
static size_t axis_find(const struct part *part, enum axis axis, ip_number at)
{
    return BISECT(axis_count(part, axis), i, axis_range(part, axis, i).last < at);
}

static bool box_meets(const struct box *box, const struct part *part)
{
    for (enum axis axis = 0; axis < AXES; axis++) {
        size_t i = axis_find(part, axis, box->axes[axis].first);

        if (i == axis_count(part, axis) || axis_range(part, axis, i).first > box->axes[axis].last)
            return false;
    }
    return true;
}

static int box_list_add(struct box_list *list, const struct box *box)
{
    return array_append(&list->boxes, &list->n_boxes, &list->capacity, box, sizeof(*box));
}

/* Keeps what lies beside the part on this axis, and cuts the rest along the next. Past the last
 * axis nothing is left: the part covers it. */
static int subtract(const struct subtrahend *subtrahend, struct box box, enum axis axis)
{
    const struct part *part = subtrahend->part;
    struct range whole;
    ip_number next;

    if (axis == AXES)
        return 0;

    whole = box.axes[axis];
    next = whole.first;
    for (size_t i = axis_find(part, axis, whole.first); i < axis_count(part, axis); i++) {
        struct range there = axis_range(part, axis, i);
        int r = 0;

        if (there.first > whole.last)
            break;
        if (there.first > next) {
            box.axes[axis] = (struct range){next, there.first - 1};
            r = box_list_add(subtrahend->left, &box);
        }
        box.axes[axis].first = there.first > whole.first ? there.first : whole.first;
        box.axes[axis].last = there.last < whole.last ? there.last : whole.last;
        if (r == 0)
            r = subtract(subtrahend, box, axis + 1);
        if (r < 0 || there.last >= whole.last)
            return r;
        next = there.last + 1;
    }

    box.axes[axis] = (struct range){next, whole.last};
    return box_list_add(subtrahend->left, &box);
}

static int work(struct build *build, size_t n)
{
    if (n > build->work_left)
        return -E2BIG;
    build->work_left -= n;
    return 0;
}

/* All that a part covers. */
static int boxes_of_part(const struct part *part, struct build *build, struct box_list *list)
{
    struct box box;
    int r = work(build, part->sources.n_ranges * part_weight(part));

    list->n_boxes = 0;
    for (size_t i = 0; i < part->sources.n_ranges; i++) {
        for (size_t j = 0; j < part->destinations.n_ranges; j++) {
            for (size_t k = 0; r == 0 && k < part->n_spans; k++) {
                box.axes[AXIS_SOURCE] = axis_range(part, AXIS_SOURCE, i);
                box.axes[AXIS_DESTINATION] = axis_range(part, AXIS_DESTINATION, j);
                box.axes[AXIS_SERVICE] = axis_range(part, AXIS_SERVICE, k);
                r = box_list_add(list, &box);
            }
        }
    }
    return r;
}

/* Whether two parts cover a packet both; if so that is noted. */
static int parts_meet(const struct part *part, const struct part *before, struct build *build,
                      bool *ret_meet)
{
    int r = work(build, 1 + (part->sources.n_ranges + before->sources.n_ranges +
                             part->destinations.n_ranges + before->destinations.n_ranges) /
                                RANGES_PER_STEP);

    *ret_meet = r == 0 && range_set_overlaps(&part->sources, &before->sources) &&
                range_set_overlaps(&part->destinations, &before->destinations);
    for (size_t i = 0; *ret_meet && i < part->n_spans; i++) {
        struct range span = axis_range(part, AXIS_SERVICE, i);
        size_t j = axis_find(before, AXIS_SERVICE, span.first);

        if (j < before->n_spans && before->spans[j].first <= span.last) {
            overlaps_note(&build->overlaps, part->flow, before->flow);
            return r;
        }
    }
    *ret_meet = false;
    return r;
}

static int subtract_part(struct box_list *boxes, struct box_list *left, const struct part *before,
                         struct build *build)
{
    const struct subtrahend subtrahend = {before, left};
    struct box_list swap;
    int r = work(build, boxes->n_boxes);

    left->n_boxes = 0;
    for (size_t i = 0; r == 0 && i < boxes->n_boxes; i++) {
        if (box_meets(&boxes->boxes[i], before))
            r = subtract(&subtrahend, boxes->boxes[i], 0);
        else
            r = box_list_add(left, &boxes->boxes[i]);
    }
    if (r == 0)
        r = work(build, left->n_boxes);

    swap = *boxes;
    *boxes = *left;
    *left = swap;
    return r;
}

int boxes_make(const uint32_t *members, size_t n_members, struct build *build,
               int (*add)(const struct range_row *box, void *userdata), void *userdata)
{
    cleanup_(box_list_clear) struct box_list boxes = {0};
    cleanup_(box_list_clear) struct box_list left = {0};
    const struct part *parts = build->parts.parts;
    int r = 0;

    for (size_t i = 0; r == 0 && i < n_members; i++) {
        const struct part *part = &parts[members[i]];
        bool meet = false;

        build->culprit = part->flow;
        r = boxes_of_part(part, build, &boxes);
        for (size_t j = i; r == 0 && j-- > 0;) {
            r = parts_meet(part, &parts[members[j]], build, &meet);
            if (r == 0 && meet)
                r = subtract_part(&boxes, &left, &parts[members[j]], build);
        }

        for (size_t j = 0; r == 0 && j < boxes.n_boxes; j++) {
            const struct range *axes = boxes.boxes[j].axes;

            r = add(&(struct range_row){.source = axes[AXIS_SOURCE],
                                        .destination = axes[AXIS_DESTINATION],
                                        .services = {(service_number)axes[AXIS_SERVICE].first,
                                                     (service_number)axes[AXIS_SERVICE].last},
                                        .flow = part->flow},
                    userdata);
        }
    }
    return r;
}

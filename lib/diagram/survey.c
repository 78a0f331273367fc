/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which flows own packets is written in the diagram: a row that is asked before all others for some
 * packet gives that packet to its flow. So instead of asking packet by packet one reads the tables:
 *
 * - a point of the pair is asked first: it owns;
 * - a row of the pool, or of a class for the sources of that class, owns what no point of the pair
 *   is; since points and rows of a table are disjoint, each point is met once;
 * - a row of a parent owns what the tables of the classes in front of it leave. That is worth
 *   cutting only for flows that the other tables do not show, and those are few.
 */

#include "diagram/survey.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "diagram/cut.h"

/* A row of a class, of a flow that is not yet known to own anything. */
struct doubt {
    uint32_t class;
    struct range_row row;
};

struct survey {
    size_t steps;
    bool *owns;
    const struct pair *pair;
    /* The pair's sources by class: those of a class begin at its entry of `first`. */
    uint32_t *sources;
    size_t *first;
    struct doubt
        *doubts; /* sorted by class; those of a class begin at its entry of `first_doubt` */
    size_t n_doubts;
    size_t doubts_capacity;
    size_t *first_doubt;
    uint32_t class; /* the one in front while a row of a parent is cut */
    struct cutter cutter;
};

static void survey_leave_pair(struct survey *survey)
{
    free(survey->sources);
    free(survey->first);
    free(survey->doubts);
    free(survey->first_doubt);
    cutter_clear(&survey->cutter);
    *survey = (struct survey){.steps = survey->steps, .owns = survey->owns};
}

static int survey_step(struct survey *survey, size_t steps)
{
    if (steps > survey->steps)
        return -E2BIG;

    survey->steps -= steps;
    return 0;
}

/* 1 where the services of a destination are not all points of the pair. */
static int services_are_left(struct survey *survey, ip_number source, ip_number destination,
                             const struct service_span *services)
{
    for (service_number service = services->first; service <= services->last; service++) {
        int r = survey_step(survey, 1);

        if (r < 0)
            return r;
        if (!pair_has_point(survey->pair, source, destination, service))
            return 1;
    }
    return 0;
}

/* 1 where not every packet of the box is a point of the pair, 0 where each is. */
static int box_is_left(struct survey *survey, const struct range_row *box)
{
    for (ip_number source = box->source.first;; source++) {
        for (ip_number destination = box->destination.first;; destination++) {
            int r = services_are_left(survey, source, destination, &box->services);

            if (r != 0)
                return r;
            if (destination == box->destination.last)
                break;
        }
        if (source == box->source.last)
            return 0;
    }
}

/* The same for a row and all the sources of a class. */
static int row_is_left(struct survey *survey, uint32_t class, const struct range_row *row)
{
    struct range_row box = *row;

    for (size_t i = survey->first[class]; i < survey->first[class + 1]; i++) {
        int r;

        box.source = survey->pair->sources[survey->sources[i]].source;
        r = box_is_left(survey, &box);
        if (r != 0)
            return r;
    }
    return 0;
}

static int survey_sort_sources(struct survey *survey)
{
    const struct pair *pair = survey->pair;
    cleanup_(freep) size_t *next = NULL;

    survey->sources = calloc(pair->n_sources + 1, sizeof(*survey->sources));
    survey->first = calloc(pair->n_classes + 1, sizeof(*survey->first));
    survey->first_doubt = calloc(pair->n_classes + 1, sizeof(*survey->first_doubt));
    next = calloc(pair->n_classes + 1, sizeof(*next));
    if (!survey->sources || !survey->first || !survey->first_doubt || !next)
        return -ENOMEM;

    for (size_t i = 0; i < pair->n_sources; i++)
        survey->first[pair->sources[i].class + 1]++;
    for (size_t i = 0; i < pair->n_classes; i++)
        next[i + 1] = survey->first[i + 1] += survey->first[i];
    for (uint32_t i = 0; i < pair->n_sources; i++)
        survey->sources[next[pair->sources[i].class]++] = i;
    return 0;
}

/* Marks the flow of a row of a class, or keeps the row for later. */
static int survey_class_row(struct survey *survey, uint32_t class, const struct range_row *row)
{
    int r;

    if (survey->owns[row->flow])
        return 0;

    r = row_is_left(survey, class, row);
    if (r < 0)
        return r;
    if (r > 0) {
        survey->owns[row->flow] = true;
        return 0;
    }

    r = array_reserve(&survey->doubts, &survey->doubts_capacity, survey->n_doubts + 1,
                      sizeof(*survey->doubts));
    if (r < 0)
        return r;
    survey->doubts[survey->n_doubts++] = (struct doubt){class, *row};
    return 0;
}

static int survey_class(struct survey *survey, uint32_t index)
{
    const struct class *class = &survey->pair->classes[index];

    for (size_t i = 0; i < class->n_exact; i++) {
        const struct exact_row *exact = &class->exact[i];
        int r = survey_class_row(survey, index,
                                 &(struct range_row){
                                     .destination = {exact->destination, exact->destination},
                                     .services = {exact->service, exact->service},
                                     .flow = exact->flow,
                                 });

        if (r < 0)
            return r;
    }

    for (size_t i = 0; i < class->n_ranges; i++) {
        int r = survey_class_row(survey, index, &class->ranges[i]);

        if (r < 0)
            return r;
    }
    return 0;
}

/* All that classes do not share. */
static int survey_tables(struct survey *survey)
{
    const struct pair *pair = survey->pair;

    for (size_t i = 0; i < pair->n_exact; i++)
        survey->owns[pair->exact[i].flow] = true;

    for (size_t i = 0; i < pair->n_pool; i++) {
        const struct range_row *row = &pair->pool[i];
        int r = survey->owns[row->flow] ? 0 : box_is_left(survey, row);

        if (r < 0)
            return r;
        survey->owns[row->flow] |= r > 0;
    }

    for (uint32_t i = 0; i < pair->n_classes; i++) {
        int r = survey_class(survey, i);

        if (r < 0)
            return r;
        survey->first_doubt[i + 1] = survey->n_doubts;
    }
    return 0;
}

static bool takes_always(uint32_t there, uint32_t flow, void *userdata)
{
    (void)there;
    (void)flow;
    (void)userdata;
    return true;
}

static int survey_take_piece(const struct range_row *piece, void *userdata)
{
    struct survey *survey = userdata;
    int r = row_is_left(survey, survey->class, piece);

    if (r > 0)
        survey->owns[piece->flow] = true;
    return r;
}

/* What the classes from `survey->class` up to `parent` leave of the parent's doubtful rows. */
static int survey_parent(struct survey *survey, uint32_t parent)
{
    survey->cutter.end = parent;
    for (size_t i = survey->first_doubt[parent]; i < survey->first_doubt[parent + 1]; i++) {
        const struct range_row *row = &survey->doubts[i].row;
        int r = survey_step(survey, 1);

        if (r < 0)
            return r;
        if (survey->owns[row->flow])
            continue;

        r = cutter_cut(&survey->cutter, survey->class, row);
        if (r < 0)
            return r;
    }
    return 0;
}

static int survey_parents(struct survey *survey)
{
    const struct pair *pair = survey->pair;

    survey->cutter = (struct cutter){
        .classes = pair->classes,
        .takes = takes_always,
        .left = survey_take_piece,
        .userdata = survey,
        .steps = &survey->steps,
    };

    for (uint32_t i = 0; i < pair->n_classes; i++) {
        if (survey->first[i] == survey->first[i + 1])
            continue;

        survey->class = i;
        for (uint32_t parent = pair->classes[i].parent; parent != NO_CLASS;
             parent = pair->classes[parent].parent) {
            int r = survey_parent(survey, parent);

            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int survey_pair(struct survey *survey, const struct pair *pair)
{
    int r;

    survey->pair = pair;
    r = survey_sort_sources(survey);
    if (r == 0)
        r = survey_tables(survey);
    if (r == 0 && survey->n_doubts > 0)
        r = survey_parents(survey);
    survey_leave_pair(survey);
    return r;
}

int survey_flows(const struct diagram *diagram, size_t steps, bool owns[])
{
    struct survey survey = {.steps = steps, .owns = owns};

    for (size_t i = 0; i < diagram->n_pairs; i++) {
        int r = survey_pair(&survey, &diagram->pairs[i]);

        if (r < 0)
            return r;
    }
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Packets per second, of packets of open connections and of such that open one. Every ruleset has a
 * gateway of its own; a round asks each in turn and the yardstick before and after it, and what
 * counts is the ratio to these two, a few milliseconds apart. So what else the machine does slows
 * both, and a ratio that it spoils is one of many.
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sections.h"

/* What a ruleset of the shape must reach, from so many flows to so many. */
static const struct least {
    enum round round;
    enum shape shape; /* SHAPES: all others */
    size_t from;
    size_t to;
    double ratio;
} leasts[] = {
    {ROUND_FEW, SHAPE_CITY, 1, SIZE_MAX, 0.83},
    {ROUND_FEW, SHAPES, 1, SIZE_MAX, 0.85},
    {ROUND_MANY, SHAPE_DISTINCT, 50000, SIZE_MAX, 0.78},
    {ROUND_NEW, SHAPE_DISTINCT, 50000, SIZE_MAX, 0.68},
    {ROUND_NEW, SHAPE_WIDE, 50000, SIZE_MAX, 0.68},
    {ROUND_NEW, SHAPE_RANGES, 10000, 10000, 0.65},
    {ROUND_NEW, SHAPE_NESTED, 10000, 10000, 0.65},
    {ROUND_NEW, SHAPE_PORTS, 1000, 1000, 0.6},
    {ROUND_NEW, SHAPE_PORTS, 10000, SIZE_MAX, 0.5},
    {ROUND_NEW, SHAPE_SOURCES, 10000, 10000, 0.5},
    {ROUND_NEW, SHAPE_SOURCES, 50000, SIZE_MAX, 0.4},
};

#define LINEAR_FLOWS 1000
#define MAP_FLOWS 50000

struct subject {
    struct worker_description description;
    struct worker *worker;
    double *ratios[ROUNDS]; /* to the yardstick of the round */
    double *map;            /* of new connections, to the hash map by hand */
};

/* The first subjects are what the others are held against. */
enum {
    YARDSTICK_STATEFUL,
    YARDSTICK_ONE_FLOW,
    YARDSTICK_LINEAR,
    YARDSTICK_MAP,
    YARDSTICK_NOTHING,
    YARDSTICKS,
};

static const struct worker_description yardsticks[YARDSTICKS] = {
    [YARDSTICK_STATEFUL] = {LOAD_STATEFUL, NULL, SHAPE_DISTINCT, 1000},
    [YARDSTICK_ONE_FLOW] = {LOAD_POLICY, NULL, SHAPE_DISTINCT, 1},
    [YARDSTICK_LINEAR] = {LOAD_LINEAR, NULL, SHAPE_DISTINCT, LINEAR_FLOWS},
    [YARDSTICK_MAP] = {LOAD_MAP, NULL, SHAPE_DISTINCT, MAP_FLOWS},
    [YARDSTICK_NOTHING] = {LOAD_NOTHING, NULL, SHAPE_DISTINCT, 1000},
};

struct contest {
    const struct settings *settings;
    struct subject *subjects;
    size_t n_subjects;
};

static void contest_clear(struct contest *contest)
{
    for (size_t i = 0; i < contest->n_subjects; i++) {
        struct subject *subject = &contest->subjects[i];

        worker_free(subject->worker);
        for (enum round round = 0; round < ROUNDS; round++)
            free(subject->ratios[round]);
        free(subject->map);
    }
    free(contest->subjects);
}

static int contest_add(struct contest *contest, const struct worker_description *description)
{
    size_t n_rounds = contest->settings->n_rounds;
    struct subject *subject = &contest->subjects[contest->n_subjects++];

    *subject = (struct subject){
        .description = *description,
        .map = calloc(n_rounds, sizeof(double)),
    };
    if (!subject->map)
        return -ENOMEM;
    for (enum round round = 0; round < ROUNDS; round++) {
        subject->ratios[round] = calloc(n_rounds, sizeof(double));
        if (!subject->ratios[round])
            return -ENOMEM;
    }
    return worker_new(description, contest->settings->round, contest->settings->cpu,
                      &subject->worker, NULL);
}

/* Whether the shape is measured with so many flows: with its own most where it has not so many. */
static size_t size_of(const struct settings *settings, enum shape shape, size_t i)
{
    size_t most = shape_flows_max(shape);
    size_t before = i > 0 ? settings->sizes[i - 1] : 0;

    if (settings->sizes[i] <= most)
        return settings->sizes[i];
    return before < most ? most : 0;
}

/* The policy, and beside it what another version makes of it. */
static int contest_add_policy(struct contest *contest, enum shape shape, size_t n_flows)
{
    const char *baseline = contest->settings->baseline;
    int r;

    fprintf(stderr, "loading %zu flows, %s\n", n_flows, shape_name(shape));
    r = contest_add(contest, &(struct worker_description){LOAD_POLICY, NULL, shape, n_flows});
    if (r == 0 && baseline)
        r = contest_add(contest,
                        &(struct worker_description){LOAD_BASELINE, baseline, shape, n_flows});
    return r;
}

static int contest_fill(struct contest *contest)
{
    const struct settings *settings = contest->settings;
    int r = 0;

    contest->subjects = calloc(YARDSTICKS + 2 * SHAPES * settings->n_sizes + settings->n_texts,
                               sizeof(*contest->subjects));
    if (!contest->subjects)
        return -ENOMEM;

    for (size_t i = 0; r == 0 && i < YARDSTICKS; i++)
        r = contest_add(contest, &yardsticks[i]);

    for (enum shape shape = 0; settings->n_texts == 0 && shape < SHAPES; shape++) {
        for (size_t i = 0; r == 0 && i < settings->n_sizes; i++) {
            size_t n_flows = size_of(settings, shape, i);

            if (n_flows > 0 && (settings->only_shape == SHAPES || settings->only_shape == shape))
                r = contest_add_policy(contest, shape, n_flows);
        }
    }
    for (size_t i = 0; r == 0 && i < settings->n_texts; i++)
        r = contest_add(contest,
                        &(struct worker_description){LOAD_FILE, settings->texts[i],
                                                     settings->texts_shape, settings->texts_flows});
    return r;
}

/* What a round's rates are held against. */
static const size_t yardstick_of[ROUNDS] = {
    [ROUND_FEW] = YARDSTICK_STATEFUL,
    [ROUND_MANY] = YARDSTICK_STATEFUL,
    [ROUND_NEW] = YARDSTICK_ONE_FLOW,
};

/* All subjects once, each between two runs of the yardstick. */
static int run_round(struct contest *contest, enum round round, size_t n)
{
    struct worker *measure = contest->subjects[yardstick_of[round]].worker;
    double before = 0, after = 0, rate = 0;
    int r = worker_run(measure, round, &before);

    for (size_t i = 0; r == 0 && i < contest->n_subjects; i++) {
        struct subject *subject = &contest->subjects[i];

        r = worker_run(subject->worker, round, &rate);
        if (r == 0)
            r = worker_run(measure, round, &after);
        if (r < 0) {
            fprintf(stderr, "%s, %zu flows: %s\n", shape_name(subject->description.shape),
                    subject->description.n_flows,
                    r == -EPROTO ? "not every packet passed" : strerror(-r));
            return r;
        }

        subject->ratios[round][n] = rate / ((before + after) / 2);
        before = after;
    }

    for (size_t i = 0; r == 0 && round == ROUND_NEW && i < contest->n_subjects; i++)
        contest->subjects[i].map[n] = contest->subjects[i].ratios[ROUND_NEW][n] /
                                      contest->subjects[YARDSTICK_MAP].ratios[ROUND_NEW][n];
    return r;
}

static const struct {
    const char *section;
    const char *what;
} titles[ROUNDS] = {
    [ROUND_FEW] = {"established, few open", "of the stateful ruleset"},
    [ROUND_MANY] = {"established, many open", "of the stateful ruleset"},
    [ROUND_NEW] = {"new", "of one flow"},
};

static int report_yardsticks(const struct contest *contest, struct figures *figures)
{
    static const char *const names[YARDSTICKS] = {
        [YARDSTICK_STATEFUL] = "(stateful ruleset)", [YARDSTICK_ONE_FLOW] = "(one flow)",
        [YARDSTICK_LINEAR] = "(linear rules)",       [YARDSTICK_MAP] = "(hash map by hand)",
        [YARDSTICK_NOTHING] = "(no ruleset)",
    };
    int r = 0;

    for (enum round round = 0; r == 0 && round < ROUNDS; round++) {
        for (size_t i = 0; r == 0 && i < YARDSTICKS; i++)
            r = figures_add(figures,
                            &(struct figure){titles[round].section, names[i],
                                             i == YARDSTICK_LINEAR ? LINEAR_FLOWS
                                             : i == YARDSTICK_MAP  ? MAP_FLOWS
                                                                   : 0,
                                             titles[round].what, "", BUDGET_NONE, 0},
                            contest->subjects[i].ratios[round], contest->settings->n_rounds);
    }
    return r;
}

/* 0 where nothing is asked of it. */
static double least_ratio(const struct worker_description *description, enum round round)
{
    if (description->load != LOAD_POLICY)
        return 0;
    for (size_t i = 0; i < ELEMENTS_OF(leasts); i++) {
        const struct least *least = &leasts[i];

        if (least->round == round &&
            (least->shape == description->shape || least->shape == SHAPES) &&
            description->n_flows >= least->from && description->n_flows <= least->to)
            return least->ratio;
    }
    return 0;
}

static int report_subject(const struct subject *subject, size_t n_samples, struct figures *figures)
{
    const struct worker_description *description = &subject->description;
    bool baseline = description->load == LOAD_BASELINE;
    char name[64];
    struct figure figure = {
        .shape = description->load == LOAD_FILE ? description->file : name,
        .n_flows = description->n_flows,
        .unit = "",
    };
    int r = 0;

    snprintf(name, sizeof(name), "%s%s", shape_name(description->shape),
             baseline ? " (baseline)" : "");
    for (enum round round = 0; r == 0 && round < ROUNDS; round++) {
        figure.section = titles[round].section;
        figure.what = titles[round].what;
        figure.limit = least_ratio(description, round);
        figure.budget = figure.limit > 0 ? BUDGET_AT_LEAST : BUDGET_NONE;
        r = figures_add(figures, &figure, subject->ratios[round], n_samples);
    }

    if (r == 0 && description->shape == SHAPE_DISTINCT && description->n_flows >= MAP_FLOWS) {
        figure.what = "of a hash map by hand";
        r = figures_add(figures, &figure, subject->map, n_samples);
    }
    return r;
}

static int report(const struct contest *contest, struct figures *figures)
{
    int r = report_yardsticks(contest, figures);

    for (size_t i = YARDSTICKS; r == 0 && i < contest->n_subjects; i++)
        r = report_subject(&contest->subjects[i], contest->settings->n_rounds, figures);
    return r;
}

int measure_packets(const struct settings *settings, struct figures *figures)
{
    cleanup_(contest_clear) struct contest contest = {.settings = settings};
    int r = contest_fill(&contest);

    for (size_t i = 0; r == 0 && i < settings->n_rounds; i++) {
        fprintf(stderr, "packets: round %zu of %zu\n", i + 1, settings->n_rounds);
        for (enum round round = 0; r == 0 && round < ROUNDS; round++)
            r = run_round(&contest, round, i);
    }
    return r < 0 ? r : report(&contest, figures);
}

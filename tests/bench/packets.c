/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Packets per second, of packets of open connections and of such that open one. Every ruleset has a
 * gateway of its own; a round asks each in turn and the yardstick before and after it, and what
 * counts is the ratio to these two, a few milliseconds apart. So what else the machine does slows
 * both, and a ratio that it spoils is one of many.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sections.h"

#define ESTABLISHED_LEAST 0.94
#define NEW_LEAST 0.90
#define NEW_RANGES_LEAST 0.65
#define NEW_LINEAR_LEAST 3.0

#define EXACT_FLOWS 50000
#define RANGES_FLOWS 10000
#define LINEAR_FLOWS 1000

struct subject {
    struct worker_description description;
    struct worker *worker;
    double *established; /* ratios to the stateful ruleset */
    double *new;         /* ratios to the policy of one flow */
    double *linear;      /* ratios to the list of rules */
    double rate;         /* the last one */
};

/* The first subjects are what the others are held against. */
enum {
    YARDSTICK_STATEFUL,
    YARDSTICK_ONE_FLOW,
    YARDSTICK_LINEAR,
    YARDSTICK_NOTHING,
    YARDSTICKS,
};

static const struct worker_description yardsticks[YARDSTICKS] = {
    [YARDSTICK_STATEFUL] = {LOAD_STATEFUL, NULL, SHAPE_DISTINCT, 1000},
    [YARDSTICK_ONE_FLOW] = {LOAD_POLICY, NULL, SHAPE_DISTINCT, 1},
    [YARDSTICK_LINEAR] = {LOAD_LINEAR, NULL, SHAPE_DISTINCT, LINEAR_FLOWS},
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
        free(subject->established);
        free(subject->new);
        free(subject->linear);
    }
    free(contest->subjects);
}

static int contest_add(struct contest *contest, const struct worker_description *description)
{
    size_t n_rounds = contest->settings->n_rounds;
    struct subject *subject = &contest->subjects[contest->n_subjects++];

    *subject = (struct subject){
        .description = *description,
        .established = calloc(n_rounds, sizeof(double)),
        .new = calloc(n_rounds, sizeof(double)),
        .linear = calloc(n_rounds, sizeof(double)),
    };
    if (!subject->established || !subject->new || !subject->linear)
        return -ENOMEM;
    return worker_new(description, contest->settings->round, contest->settings->cpu,
                      &subject->worker, NULL);
}

static int contest_fill(struct contest *contest)
{
    const struct settings *settings = contest->settings;
    int r = 0;

    contest->subjects = calloc(YARDSTICKS + SHAPES * settings->n_sizes + settings->n_texts,
                               sizeof(*contest->subjects));
    if (!contest->subjects)
        return -ENOMEM;

    for (size_t i = 0; r == 0 && i < YARDSTICKS; i++)
        r = contest_add(contest, &yardsticks[i]);

    if (settings->n_texts == 0) {
        for (enum shape shape = 0; shape < SHAPES; shape++) {
            for (size_t i = 0; r == 0 && i < settings->n_sizes; i++) {
                if (settings->sizes[i] > shape_flows_max(shape))
                    continue;
                fprintf(stderr, "loading %zu flows, %s\n", settings->sizes[i], shape_name(shape));
                r = contest_add(contest, &(struct worker_description){LOAD_POLICY, NULL, shape,
                                                                      settings->sizes[i]});
            }
        }
    }
    for (size_t i = 0; r == 0 && i < settings->n_texts; i++)
        r = contest_add(contest,
                        &(struct worker_description){LOAD_FILE, settings->texts[i],
                                                     settings->texts_shape, settings->texts_flows});
    return r;
}

/* All subjects once, each between two runs of the yardstick. */
static int run_round(struct contest *contest, enum round round, size_t yardstick, size_t n)
{
    struct worker *measure = contest->subjects[yardstick].worker;
    double before, after, rate;
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

        *(round == ROUND_ESTABLISHED ? &subject->established[n] : &subject->new[n]) =
            rate / ((before + after) / 2);
        subject->rate = rate;
        before = after;
    }

    for (size_t i = 0; r == 0 && round == ROUND_NEW && i < contest->n_subjects; i++)
        contest->subjects[i].linear[n] =
            contest->subjects[i].new[n] / contest->subjects[YARDSTICK_LINEAR].new[n];
    return r;
}

static int report_yardsticks(const struct contest *contest, struct figures *figures)
{
    static const struct {
        size_t subject;
        const char *shape;
    } floors[] = {
        {YARDSTICK_NOTHING, "no ruleset"},
        {YARDSTICK_ONE_FLOW, "one flow"},
        {YARDSTICK_STATEFUL, "itself"},
    };
    const struct subject *subjects = contest->subjects;
    size_t n = contest->settings->n_rounds;
    int r = 0;

    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(floors); i++)
        r = figures_add(figures,
                        &(struct figure){"established", floors[i].shape, 0,
                                         "of the stateful ruleset", "", BUDGET_NONE, 0},
                        subjects[floors[i].subject].established, n);
    if (r == 0)
        r = figures_add(figures,
                        &(struct figure){"new", "no ruleset", 0, "of one flow", "", BUDGET_NONE, 0},
                        subjects[YARDSTICK_NOTHING].new, n);
    if (r == 0)
        r = figures_add(
            figures,
            &(struct figure){"new", "stateful ruleset", 0, "of one flow", "", BUDGET_NONE, 0},
            subjects[YARDSTICK_STATEFUL].new, n);
    if (r == 0)
        r = figures_add(figures,
                        &(struct figure){"new", "linear rules", LINEAR_FLOWS, "of one flow", "",
                                         BUDGET_NONE, 0},
                        subjects[YARDSTICK_LINEAR].new, n);
    return r;
}

static int report_new(const struct subject *subject, size_t n, struct figures *figures)
{
    enum shape shape = subject->description.shape;
    size_t n_flows = subject->description.n_flows;
    bool exact = shape == SHAPE_DISTINCT || shape == SHAPE_WIDE;
    bool bound = n_flows == (exact ? EXACT_FLOWS : RANGES_FLOWS);
    struct figure figure = {
        "new",
        shape_name(shape),
        n_flows,
        "of one flow",
        "",
        bound ? BUDGET_AT_LEAST : BUDGET_NONE,
        exact ? NEW_LEAST : NEW_RANGES_LEAST,
    };
    int r = figures_add(figures, &figure, subject->new, n);

    if (r < 0 || !exact || !bound)
        return r;
    figure.what = "of 1,000 linear rules";
    figure.limit = NEW_LINEAR_LEAST;
    return figures_add(figures, &figure, subject->linear, n);
}

static int report(const struct contest *contest, struct figures *figures)
{
    size_t n = contest->settings->n_rounds;
    int r = report_yardsticks(contest, figures);

    for (size_t i = YARDSTICKS; r == 0 && i < contest->n_subjects; i++) {
        const struct subject *subject = &contest->subjects[i];
        bool policy = subject->description.load == LOAD_POLICY;

        r = figures_add(figures,
                        &(struct figure){"established",
                                         policy ? shape_name(subject->description.shape)
                                                : subject->description.file,
                                         subject->description.n_flows, "of the stateful ruleset",
                                         "", policy ? BUDGET_AT_LEAST : BUDGET_NONE,
                                         ESTABLISHED_LEAST},
                        subject->established, n);
        if (r == 0 && policy)
            r = report_new(subject, n, figures);
        else if (r == 0)
            r = figures_add(figures,
                            &(struct figure){"new", subject->description.file,
                                             subject->description.n_flows, "of one flow", "",
                                             BUDGET_NONE, 0},
                            subject->new, n);
    }
    return r;
}

int measure_packets(const struct settings *settings, struct figures *figures)
{
    cleanup_(contest_clear) struct contest contest = {.settings = settings};
    int r = contest_fill(&contest);

    for (size_t i = 0; r == 0 && i < settings->n_rounds; i++) {
        fprintf(stderr, "packets: round %zu of %zu\n", i + 1, settings->n_rounds);
        r = run_round(&contest, ROUND_ESTABLISHED, YARDSTICK_STATEFUL, i);
        if (r == 0)
            r = run_round(&contest, ROUND_NEW, YARDSTICK_ONE_FLOW, i);
    }
    return r < 0 ? r : report(&contest, figures);
}

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
    double *ratios[ROUNDS]; /* to the yardstick of the round */
    double *linear;         /* of new connections, to the list of rules */
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
        for (enum round round = 0; round < ROUNDS; round++)
            free(subject->ratios[round]);
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
        .linear = calloc(n_rounds, sizeof(double)),
    };
    if (!subject->linear)
        return -ENOMEM;
    for (enum round round = 0; round < ROUNDS; round++) {
        subject->ratios[round] = calloc(n_rounds, sizeof(double));
        if (!subject->ratios[round])
            return -ENOMEM;
    }
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
        contest->subjects[i].linear[n] = contest->subjects[i].ratios[ROUND_NEW][n] /
                                         contest->subjects[YARDSTICK_LINEAR].ratios[ROUND_NEW][n];
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
        [YARDSTICK_STATEFUL] = "(stateful ruleset)",
        [YARDSTICK_ONE_FLOW] = "(one flow)",
        [YARDSTICK_LINEAR] = "(linear rules)",
        [YARDSTICK_NOTHING] = "(no ruleset)",
    };
    int r = 0;

    for (enum round round = 0; r == 0 && round < ROUNDS; round++) {
        for (size_t i = 0; r == 0 && i < YARDSTICKS; i++)
            r = figures_add(figures,
                            &(struct figure){titles[round].section, names[i],
                                             i == YARDSTICK_LINEAR ? LINEAR_FLOWS : 0,
                                             titles[round].what, "", BUDGET_NONE, 0},
                            contest->subjects[i].ratios[round], contest->settings->n_rounds);
    }
    return r;
}

/* The budget of new connections, where there is one for so many flows of the shape. */
static bool bound_new(const struct worker_description *description, bool *ret_exact)
{
    *ret_exact = description->shape == SHAPE_DISTINCT || description->shape == SHAPE_WIDE;
    return description->n_flows == (*ret_exact ? EXACT_FLOWS : RANGES_FLOWS);
}

static int report_subject(const struct subject *subject, size_t n_samples, struct figures *figures)
{
    const struct worker_description *description = &subject->description;
    bool policy = description->load == LOAD_POLICY;
    bool exact, bound = bound_new(description, &exact);
    struct figure figure = {
        .shape = policy ? shape_name(description->shape) : description->file,
        .n_flows = description->n_flows,
        .unit = "",
    };
    int r = 0;

    for (enum round round = 0; r == 0 && round < ROUNDS; round++) {
        figure.section = titles[round].section;
        figure.what = titles[round].what;
        figure.budget = policy && (round != ROUND_NEW || bound) ? BUDGET_AT_LEAST : BUDGET_NONE;
        figure.limit = round != ROUND_NEW ? ESTABLISHED_LEAST
                       : exact            ? NEW_LEAST
                                          : NEW_RANGES_LEAST;
        r = figures_add(figures, &figure, subject->ratios[round], n_samples);
    }

    if (r == 0 && policy && exact && bound) {
        figure.what = "of 1,000 linear rules";
        figure.limit = NEW_LINEAR_LEAST;
        r = figures_add(figures, &figure, subject->linear, n_samples);
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

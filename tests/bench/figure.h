/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/cleanup.h"

/*
 * What was measured: samples of one thing, and the budget they are held against. Figures are
 * ratios, bytes or times; only what has a budget can be missed.
 */
struct figures;

enum budget {
    BUDGET_NONE,
    BUDGET_AT_LEAST,
    BUDGET_AT_MOST,
};

struct figure {
    const char *section; /* `established`, `cold apply`: what it belongs to */
    const char *shape;   /* name of a shape or policy */
    size_t n_flows;      /* 0: does not apply */
    const char *what;    /* `of the stateful ruleset` */
    const char *unit;    /* empty for a ratio */
    enum budget budget;
    double limit;
};

int figures_new(struct figures **ret_figures);
struct figures *figures_free(struct figures *figures);
DEFINE_CLEANUP(struct figures, figures_free)

/* Adds one with its samples (at least one). Texts and samples are copied. 0 or -ENOMEM. */
int figures_add(struct figures *figures, const struct figure *figure, const double *samples,
                size_t n_samples);
/* The median of samples, which are sorted by this. */
double samples_median(double *samples, size_t n_samples);

size_t figures_missed(const struct figures *figures);

/* For people: the budgets missed, those kept, and the figures without a budget. 0, -EIO, -ENOMEM.
 */
int figures_print(const struct figures *figures, FILE *stream);
/* One JSON object: `machine` and `figures[] {section, shape, flows, what, unit, median, quartiles,
 * range, samples, budget, ok}`. 0, -EIO, -ENOMEM. */
int figures_print_json(const struct figures *figures, FILE *stream);

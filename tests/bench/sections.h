/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "figure.h"
#include "shape.h"
#include "worker.h"

/* How much is measured. */
struct settings {
    const size_t *sizes; /* numbers of flows, ascending */
    size_t n_sizes;
    size_t n_rounds;
    struct round_size round;
    size_t n_loads; /* rounds of what takes long */
    int cpu;
    bool smoke;       /* the least that goes through everything */
    const char *segd; /* the programs */
    const char *segctl;
    const char *baseline; /* segctl of another version, beside its segd; NULL: none */
    const char *baseline_segd;
    enum shape only_shape;    /* SHAPES: all */
    const char *sample;       /* the sample policy */
    const char *const *texts; /* files of nft text to measure too */
    size_t n_texts;
    enum shape texts_shape;
    size_t texts_flows;
};

/*
 * Each measures one thing and adds its figures; what it is about to do goes to standard error.
 * 0, -EPERM where namespaces are not allowed, or -errno.
 */
int measure_packets(const struct settings *settings, struct figures *figures);
int measure_changes(const struct settings *settings, struct figures *figures);
int measure_loads(const struct settings *settings, struct figures *figures);
int measure_zones(const struct settings *settings, struct figures *figures);
int measure_growth(const struct settings *settings, struct figures *figures);
int measure_commands(const struct settings *settings, struct figures *figures);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "diagram/diagram.h"

/* By what a large table is cut into small ones. */
enum cut {
    CUT_SOURCE,
    CUT_DESTINATION,
    CUT_PORT,
};
#define CUTS 3

/* The rows of a table that a packet whose address or port is in `values` may match. */
struct slice {
    struct range values; /* a prefix */
    uint32_t *rows;      /* indices into the table */
    size_t n_rows;
};

/* Disjoint, ascending. Between two of them the table has no rows. */
struct slices {
    enum cut cut;
    struct slice *slices;
    size_t n_slices;
    size_t capacity;
};

/*
 * Cuts a table of rows, each of them with ports of one protocol or all ports of several, where that
 * makes it cheaper to ask; else `*ret_slices` stays empty. A row that reaches into several slices
 * is in each of them; all together have at most twice the rows of the table. `has_source`: the rows
 * have different sources.
 *
 * Returns 0 or -ENOMEM.
 */
int slices_make(const struct range_row *rows, size_t n_rows, enum family family, bool has_source,
                struct slices *ret_slices);
void slices_clear(struct slices *slices);
/* What a row has of the values by which is cut. */
struct range cut_values(enum cut cut, const struct range_row *row);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "diagram/diagram.h"

/* A row, or what is left of one, and the class whose rows are subtracted from it next. */
struct piece {
    struct range_row row;
    uint32_t class;
};

/*
 * Subtracts from a row the rows of a class and of its parents. Each piece that is left is handed
 * over once, in no order.
 *
 * Pieces that are not finished lie in an array of its own and not on the C stack: there may be as
 * many as a policy has rows.
 */
struct subtraction {
    const struct class *classes; /* of the pair; borrowed */
    /* The class before which to stop: its rows and those of its parents are not subtracted. Or
     * NO_CLASS. */
    uint32_t end;
    /* Whether a row of the flow `there` takes from a row of the flow `flow` what both cover. NULL:
     * always. */
    bool (*takes)(uint32_t there, uint32_t flow, void *userdata);
    /* Gets what is left. Another value than 0 ends the subtraction. */
    int (*left)(const struct range_row *piece, void *userdata);
    void *userdata;
    size_t *steps; /* how many rows may still be looked at; NULL: any number */
    struct piece *pieces;
    size_t n_pieces;
    size_t capacity;
};

/*
 * Subtracts a class and its parents from a row. Returns 0, -ENOMEM, -E2BIG when `steps` ran
 * out, or what `left` returned.
 */
int subtraction_run(struct subtraction *subtraction, uint32_t class, const struct range_row *row);
void subtraction_clear(struct subtraction *subtraction);

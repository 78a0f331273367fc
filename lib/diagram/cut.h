/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "diagram/diagram.h"

/*
 * What is left of a row behind the tables of a class and of its parents: the pieces of it that none
 * of their rows takes. Each piece that is left is handed over once, in no order.
 *
 * The pieces not yet looked at lie on a heap of their own and not on the stack: there are as many
 * as a policy has rows.
 */
struct cut_piece {
    struct range_row row;
    uint32_t class; /* the next to look at */
};

struct cutter {
    const struct class *classes; /* of the pair; borrowed */
    /* Where cutting ends: this class and those behind it take nothing. Or NO_CLASS. */
    uint32_t end;
    /* Whether a row of the flow `there` takes from a row of the flow `flow` what both cover. NULL:
     * always. */
    bool (*takes)(uint32_t there, uint32_t flow, void *userdata);
    /* Gets what is left. Another value than 0 ends the cutting. */
    int (*left)(const struct range_row *piece, void *userdata);
    void *userdata;
    size_t *steps; /* how many rows may still be looked at; NULL: any number */
    struct cut_piece *pieces;
    size_t n_pieces;
    size_t capacity;
};

/*
 * Cuts a row by the class and its parents. Returns 0, -ENOMEM, -E2BIG when
 * `steps` ran out, or what `left` returned.
 */
int cutter_cut(struct cutter *cutter, uint32_t class, const struct range_row *row);
void cutter_clear(struct cutter *cutter);

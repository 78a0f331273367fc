/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer/moment.h"
#include "base/calendar.h"
#include "base/cleanup.h"
#include "policy/policy.h"

/* Which flows lead from each zone to each zone, as things are at one instant. */

/* Indices into policy->flows or policy->services. */
struct index_list {
    size_t *indices;
    size_t n;
    size_t capacity;
};

struct matrix_cell {
    struct index_list flows; /* those that pass something, in file order */
    struct index_list idle;  /* those that would, but do not pass at the moment */
    /* What `flows` pass, in the policy's order, each once: of two that mean the same the first. */
    struct index_list services;
    bool any; /* one of the services is all protocols and ports */
};

struct matrix {
    const struct policy *policy; /* borrowed */
    struct moment moment;        /* for which it was made */
    /* The zones of the policy, and as the last one the gateway where it is protected. */
    size_t n_zones;
    struct matrix_cell *cells; /* of each `from` one for each `to` */
};

/*
 * As things are at the instant `now` with what operators changed, which may be NULL. Returns 0 and
 * a matrix that the caller owns and that borrows both, -ENOMEM, or -errno where the policy's time
 * zone cannot be read.
 */
int matrix_new(const struct policy *policy, const struct overrides *overrides, usec_t now,
               struct matrix **ret_matrix);
struct matrix *matrix_free(struct matrix *matrix);
DEFINE_CLEANUP(struct matrix, matrix_free)

/* The zone of a row or column, or ZONE_GATEWAY. */
size_t matrix_zone(const struct matrix *matrix, size_t i);
/* Rows and columns are counted from 0. */
const struct matrix_cell *matrix_cell(const struct matrix *matrix, size_t from, size_t to);

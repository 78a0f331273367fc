/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "answer/matrix.h"

/* The part of a matrix that `segctl matrix` was asked for. */
struct matrix_view {
    const struct matrix *matrix;
    /* Rows and columns, the end not included. */
    size_t from_first, from_end;
    size_t to_first, to_end;
};

/* Columns where stdout is no terminal. */
#define MATRIX_WIDTH 120
/* Zone × zone with counts, in at most `width` columns of the terminal if that is possible. */
int matrix_print(const struct matrix_view *view, unsigned width, bool colour);
/* One line for each flow of each pair. Both return 0 or -ENOMEM. */
int matrix_print_list(const struct matrix_view *view, bool colour);
/* { "zones": […], "cells": […] }, a new reference; NULL without memory. */
json_t *matrix_to_json(const struct matrix_view *view);

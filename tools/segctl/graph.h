/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>

#include "answer/matrix.h"

/* The zones of a matrix and what may pass between them. Isolated zones are told, as far as
 * `overrides`, which may be NULL, has their names. Errors stay in the stream. */

/* A picture that stands for itself: no script, no font and no file of others. */
void graph_write_svg(const struct matrix *matrix, const struct overrides *overrides, FILE *stream);
/* A line for each zone, and after it one for each zone that it may reach. */
void graph_write_text(const struct matrix *matrix, const struct overrides *overrides, FILE *stream);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Where stdout goes, as far as it decides the form of what is printed. */
struct screen {
    bool colour;
    unsigned width;  /* columns; 0: as many as it takes */
    unsigned height; /* lines; 0: as many as it takes */
};

/* That of stdout: of a terminal its size, or what COLUMNS and LINES say; of a file or pipe no
 * bounds. `wide`: no bounds. */
struct screen screen_get(bool wide);
/* Its width; `otherwise` where that has no bounds. */
unsigned screen_width(unsigned otherwise);
/* Whether the stream is a terminal whose user wants colour (NO_COLOR, https://no-color.org). */
bool wants_colour(FILE *stream);

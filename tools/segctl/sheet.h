/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>

#include "base/cleanup.h"
#include "screen.h"

/*
 * Lines in sections that fit a screen: if there are too many, sections with a title show their
 * first lines, and the title tells how many there are; a line that is too long goes on in the next
 * row, or ends with `…` where there is no room for that. In each section what matters most comes
 * first.
 */
struct sheet;

/* Returns 0 or -ENOMEM. */
int sheet_new(struct sheet **ret_sheet);
struct sheet *sheet_free(struct sheet *sheet);
DEFINE_CLEANUP(struct sheet, sheet_free)

/* Where lines are written, each with its end; borrowed. They may have colour as words_coloured()
 * writes it, and no other control characters. */
FILE *sheet_stream(const struct sheet *sheet);
/* Begins a section, which is not shown if it gets no line. `title` is a literal or NULL. However
 * small the screen is, `least` of its lines are shown; without a title all are. */
void sheet_section(struct sheet *sheet, const char *title, unsigned least);
/* Prints it to stdout, with an empty line between sections if there is room for that. Nothing can
 * be added after it. Returns 0, or -ENOMEM, also for what could not be written before. */
int sheet_print(struct sheet *sheet, const struct screen *screen);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"

/*
 * Decodes one UTF-8 character. Returns its length in bytes (1 to 4) and writes the code point, or
 * returns -EILSEQ: overlong forms, surrogates, beyond U+10FFFF, truncated. `size` must be > 0.
 */
int utf8_decode(const char *text, size_t size, uint32_t *ret_character);
/* The bytes of a byte order mark, with which some editors begin a file: 3, or 0 without one. */
size_t utf8_mark_size(const char *text, size_t size);
/* The offset of the first byte that is not valid UTF-8, or `size`. */
size_t utf8_invalid_offset(const char *text, size_t size);
/*
 * A copy, which the caller owns, of a text of any origin for where only UTF-8 may be written, as in
 * JSON: each byte that is not becomes U+FFFD, and all else stays, also what steers a terminal. NULL
 * where there is no memory.
 */
char *utf8_repair(const char *text);

/*
 * Columns that a terminal uses for a character: 0 (combining), 1, or 2 (East Asian wide and
 * full-width, emoji), as the C library's C.UTF-8 has it, whatever the locale of the process.
 * Control characters count 0, characters that it does not know 1.
 */
unsigned character_width(uint32_t character);

/*
 * One character as it may be shown on a terminal: `length` bytes that take `width` columns, for
 * `size` bytes of the text. A tab is shown as one space, a carriage return not at all, and what
 * could steer the terminal, deceive the reader or is not UTF-8 as U+FFFD. `size` must be > 0.
 */
struct glyph {
    const char *text; /* borrowed from the text or static */
    size_t length;
    unsigned width;
    size_t size;
};
struct glyph glyph_at(const char *text, size_t size);
/* Writes text of any origin as glyphs. Errors stay in `stream` (ferror()). */
void text_show(FILE *stream, const char *text, size_t size);
/* The same for at most `width` columns: `…` stands for what does not fit. Returns the columns
 * used. */
unsigned text_show_cut(FILE *stream, const char *text, size_t size, unsigned width);
/* Columns that text_show() uses. */
unsigned text_shown_width(const char *text, size_t size);

/* A table for people: columns aligned by display width, cells shown as by text_show(). */
struct table;

enum table_align {
    TABLE_LEFT,
    TABLE_RIGHT,
};

/* `titles` has `n_columns` texts (copied), `aligns` may be NULL (all left). 0 or -ENOMEM. */
int table_new(size_t n_columns, const char *const *titles, const enum table_align *aligns,
              struct table **ret_table);
struct table *table_free(struct table *table);
DEFINE_CLEANUP(struct table, table_free)
/* Adds one row of `n_columns` texts, copied; NULL is an empty cell. 0 or -ENOMEM. */
int table_add(struct table *table, const char *const *cells);
/*
 * Leaves out columns until the table is no wider than `width`: those of `drops`, up to TABLE_END,
 * in their order. If it is still too wide, the widest columns become narrower, and cells that do
 * not fit end with `…`. A width of 0 changes nothing.
 */
#define TABLE_END UINT8_MAX
void table_fit(struct table *table, unsigned width, const uint8_t *drops);
/* Whether a column is not left out. */
bool table_shows(const struct table *table, size_t column);
/* Two spaces between columns, no trailing spaces; titles bold where `colour`. 0 or -EIO. */
int table_print(const struct table *table, FILE *stream, bool colour);

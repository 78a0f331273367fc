/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/location.h"

/*
 * What a user did wrong, with its place in a file. Diagnostics are collected, never stopped at the
 * first; the caller prints them.
 *
 * `struct sources` holds the text of each file that was read, so that a diagnostic can show the
 * line it speaks of; it outlives the policy that was read from it.
 */
struct sources;
struct diagnostics;

int sources_new(struct sources **ret_sources);
struct sources *sources_free(struct sources *sources);
DEFINE_CLEANUP(struct sources, sources_free)
/*
 * Adds one file. `name` is what diagnostics show and `text` its `size` bytes (copied, any bytes).
 * Returns 0 with the index that locations of this file carry, or -ENOMEM.
 */
int sources_add(struct sources *sources, const char *name, const char *text, size_t size,
                uint32_t *ret_source);
size_t sources_count(const struct sources *sources);
/* Borrowed from `sources`. */
const char *sources_name(const struct sources *sources, uint32_t source);
const char *sources_text(const struct sources *sources, uint32_t source, size_t *ret_size);
/*
 * The offset of the character at a place. Lines end at a line feed; a column past the end of its
 * line means that end. Returns 0, or -ENOENT where there is no such file or line.
 */
int sources_find(const struct sources *sources, struct location location, size_t *ret_offset);
/* Less than 0, 0 or more, as the places follow each other; what has no place comes last. */
int location_compare(struct location a, struct location b);

enum severity {
    SEVERITY_ERROR,
    SEVERITY_WARNING,
};

struct diagnostic {
    enum severity severity;
    /* A stable kebab-case word for scripts, such as `unknown-key`. A static string. */
    const char *code;
    struct location location;
    /* What is wrong: one sentence without a final full stop. */
    char *message;
    /* What to do, or NULL. */
    char *remedy;
    /* The second place of a conflict and what stands there; line 0 and NULL if there is none. */
    struct location related;
    char *related_message;
};

int diagnostics_new(struct diagnostics **ret_diagnostics);
struct diagnostics *diagnostics_free(struct diagnostics *diagnostics);
/* Forgets all that was added. */
void diagnostics_clear(struct diagnostics *diagnostics);
DEFINE_CLEANUP(struct diagnostics, diagnostics_free)

/*
 * Adds one. The message is formatted; `remedy` may be NULL and is copied. Beyond 1,000 diagnostics
 * further ones are only counted, except that an error takes the place of a warning. Returns 0 or
 * -ENOMEM; the diagnostic counts in either case.
 */
int diagnostics_add(struct diagnostics *diagnostics, enum severity severity, const char *code,
                    struct location location, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Gives the diagnostic added last its second place. Returns 0 or -ENOMEM. */
int diagnostics_relate(struct diagnostics *diagnostics, struct location related, const char *format,
                       ...) __attribute__((format(printf, 3, 4)));

/* Whether one more would be kept and not only counted; its texts are looked at only then. Where an
 * error would not be kept, nothing would. */
bool diagnostics_keeps(const struct diagnostics *diagnostics, enum severity severity);
size_t diagnostics_count(const struct diagnostics *diagnostics, enum severity severity);
/* In order of place (source, line, column), in order of adding where the place is the same. */
size_t diagnostics_list(struct diagnostics *diagnostics, const struct diagnostic **ret_list);

/*
 * Prints all of them for people: `file:line:column: error: message`, the source line, a caret
 * placed by display width, the second place, `= help: remedy`. `colour` adds SGR sequences.
 * A diagnostic without a place prints without the source line. Returns 0 or -EIO.
 */
int diagnostics_print(struct diagnostics *diagnostics, const struct sources *sources, FILE *stream,
                      bool colour);

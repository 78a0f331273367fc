/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "policy/report.h"

/*
 * True where the text has full-width forms of ASCII characters (`ｗｅｂ`, `４４３`) or an
 * ideographic space; `narrow`, of strlen(text) + 1 bytes or more, then holds the text with ASCII
 * instead.
 */
bool spelling_narrow(const char *text, char *narrow);

/*
 * Reports a text that has full-width characters where the language wants ASCII. `what` is what the
 * text is (`a service`). Returns 0 where it has none, REPORTED, or -ENOMEM.
 */
int spelling_check_width(struct report *report, struct location location, const char *what,
                         const char *text);
/* Reports a text of the draft that is wrong: for its full-width characters where it has any, else
 * by report_error(). Returns REPORTED or -ENOMEM. */
#define report_text(report, wrong, what, code, remedy, ...)                                        \
    (spelling_check_width((report), (wrong)->location, (what), (wrong)->text)                      \
         ?: report_error((report), (code), (wrong)->location, (remedy), __VA_ARGS__))
/*
 * Reports a `what` (`zone`) that cannot be a name: letters, digits, `-`, `_`, `.`, beginning with a
 * letter or digit. Returns 0, REPORTED, or -ENOMEM.
 */
int spelling_check_name(struct report *report, struct location location, const char *what,
                        const char *text);

/* Searches the one of many words that was probably meant. */
struct spelling_search {
    const char *text;
    const char *nearest; /* NULL: none is near */
    size_t distance;
};
void spelling_try(struct spelling_search *search, const char *word);

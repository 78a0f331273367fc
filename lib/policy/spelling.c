/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Mistakes of typing that look right: Japanese input methods give full-width letters and digits,
 * and fingers give neighbours. Each mistake is reported with the spelling that is meant.
 */

#include "policy/spelling.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "policy/policy.h"

/* Longer words are not compared: nobody mistypes them by one letter and wonders. */
#define WORD_MAX POLICY_NAME_MAX

bool spelling_narrow(const char *text, char *narrow)
{
    size_t size = strlen(text), position = 0, length = 0;
    bool found = false;

    while (position < size) {
        uint32_t character;
        int bytes = utf8_decode(text + position, size - position, &character);

        if (bytes == 3 && character >= 0xff01 && character <= 0xff5e) {
            narrow[length++] = (char)(character - 0xff01 + '!');
            position += 3;
            found = true;
        } else if (bytes == 3 && character == 0x3000) {
            narrow[length++] = ' ';
            position += 3;
            found = true;
        } else {
            narrow[length++] = text[position++];
        }
    }
    narrow[length] = '\0';
    return found;
}

int spelling_check_width(struct report *report, struct location location, const char *what,
                         const char *text)
{
    char narrow[POLICY_TEXT_MAX + 1];

    if (!spelling_narrow(text, narrow))
        return 0;
    return report_error(report, "full-width", location, remedy_printf(report, "write `%s`", narrow),
                        "%s with full-width characters: `%s`", what, text);
}

/* Where the name has a character that it cannot have: the place, else NULL. */
static const char *find_bad_character(const char *text)
{
    if (strchr("-_.", text[0]))
        return text;

    text += strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    return *text ? text : NULL;
}

int spelling_check_name(struct report *report, struct location location, const char *what,
                        const char *text)
{
    const char *bad;
    uint32_t character;
    char article[32];
    int length, r;

    snprintf(article, sizeof(article), "name of a %s", what);
    r = spelling_check_width(report, location, article, text);
    if (r != 0)
        return r;

    bad = find_bad_character(text);
    if (bad) {
        length = utf8_decode(bad, strlen(bad), &character);
        return report_error(report, "invalid-name", location,
                            "names begin with a letter or digit and go on with letters, digits, "
                            "`-`, `_` and `.`, all ASCII; other texts go into `label`",
                            "`%s` cannot be the name of a %s because of `%.*s`", text, what,
                            length < 1 ? 1 : length, bad);
    }
    if (strlen(text) > POLICY_NAME_MAX)
        return report_error(
            report, "invalid-name", location, "shorten the name; other texts go into `label`",
            "a name of %zu characters; the most is %d", strlen(text), POLICY_NAME_MAX);
    return 0;
}

static size_t minimum(size_t a, size_t b)
{
    return a < b ? a : b;
}

/*
 * Insertions, deletions, replacements and exchanges of neighbours that make one word of the other:
 * "optimal string alignment", L. Boytsov, "Indexing methods for approximate dictionary searching",
 * ACM Journal of Experimental Algorithmics 16 (2011), section 2.
 */
static size_t distance(const char *a, size_t length_a, const char *b, size_t length_b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t j = 0; j <= length_b; j++)
        above[j] = j;

    for (size_t i = 1; i <= length_a; i++) {
        size_t *oldest = before;

        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            row[j] = minimum(minimum(above[j], row[j - 1]) + 1,
                             above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = minimum(row[j], before[j - 2] + 1);
        }
        before = above;
        above = row;
        row = oldest;
    }
    return above[length_b];
}

void spelling_try(struct spelling_search *search, const char *word)
{
    size_t length = strlen(search->text), word_length = strlen(word);
    /* One mistake in a short word, two in a longer one. */
    size_t most = length <= 4 ? 1 : 2, found;

    if (length > WORD_MAX || word_length > WORD_MAX || length > word_length + most ||
        word_length > length + most || length < 2)
        return;

    found =
        strcasecmp(search->text, word) == 0 ? 0 : distance(search->text, length, word, word_length);
    if (found <= most && (!search->nearest || found < search->distance)) {
        search->nearest = word;
        search->distance = found;
    }
}

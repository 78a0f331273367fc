/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is logged can be read by whoever reads the log, whatever others call their things. */

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "checks.h"
#include "daemon/log.h"

#define LINE_MAX 2048

/* What one message becomes on standard error. */
static void logged(const char *text, char line[LINE_MAX])
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    size_t n;

    ck_assert(file && saved >= 0);
    ck_assert_int_ge(dup2(fileno(file), STDERR_FILENO), 0);
    log_message(LOG_WARNING, MESSAGE_DRIFT, "%s changed the table", text);
    ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
    close(saved);
    rewind(file);
    n = fread(line, 1, LINE_MAX - 1, file);
    line[n] = '\0';
    fclose(file);
}

static const struct {
    const char *text;
    const char *shown;
} names[] = {
    {"nft", "nft"},
    {"窓口 → ウェブ", "窓口 → ウェブ"},
    {"\033[2Jnft", "\uFFFD[2Jnft"},
    {"nft\nsegd: info: all is well", "nft\uFFFDsegd: info: all is well"},
    {"nft\r", "nft"},
    {"\xc2\x9b"
     "31m",
     "\uFFFD31m"},
    {"\xff", "\uFFFD"},
};

START_TEST(message_is_one_line_that_can_be_shown)
{
    char line[LINE_MAX], expected[LINE_MAX];

    logged(names[_i].text, line);
    snprintf(expected, sizeof(expected), "segd: warning: %s changed the table\n", names[_i].shown);
    ck_assert_str_eq(line, expected);
}
END_TEST

START_TEST(long_message_ends_with_a_whole_character)
{
    char line[LINE_MAX], text[LINE_MAX] = "";
    size_t size;

    /* One byte more or less in front: the end falls on each byte of a character in turn. */
    memset(text, 'x', (size_t)_i);
    for (size_t n = (size_t)_i; n + 3 < sizeof(text); n += 3)
        memcpy(text + n, "市", 4);
    logged(text, line);
    size = strlen(line);
    ck_assert_uint_gt(size, 1000);
    ck_assert_uint_lt(size, 1100);
    ck_assert_uint_eq(utf8_invalid_offset(line, size), size);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, message_is_one_line_that_can_be_shown, 0, (int)ELEMENTS_OF(names));
    tcase_add_loop_test(tests, long_message_ends_with_a_whole_character, 0, 3);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/* UTF-8, the width of characters, and tables: lib/base/text.h. */

#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/text.h"
#include "checks.h"

struct utf8_case {
    const char *bytes;
    size_t size;
    int result;
    uint32_t character;
};

static const struct utf8_case utf8_cases[] = {
    {"a", 1, 1, 'a'},
    {"\0", 1, 1, 0},
    {"\x7f", 1, 1, 0x7f},
    {"\xc2\x80", 2, 2, 0x80},
    {"\xdf\xbf", 2, 2, 0x7ff},
    {"\xe0\xa0\x80", 3, 3, 0x800},
    {"\xe5\xb8\x82", 3, 3, 0x5e02},
    {"\xed\x9f\xbf", 3, 3, 0xd7ff},
    {"\xee\x80\x80", 3, 3, 0xe000},
    {"\xef\xbf\xbf", 3, 3, 0xffff},
    {"\xf0\x90\x80\x80", 4, 4, 0x10000},
    {"\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff},
    {"\xe5\xb8\x82xyz", 6, 3, 0x5e02},
    {"\x80", 1, -EILSEQ, 0},
    {"\xbf\x80", 2, -EILSEQ, 0},
    {"\xc0\x80", 2, -EILSEQ, 0},
    {"\xc1\xbf", 2, -EILSEQ, 0},
    {"\xe0\x9f\xbf", 3, -EILSEQ, 0},
    {"\xf0\x8f\xbf\xbf", 4, -EILSEQ, 0},
    {"\xed\xa0\x80", 3, -EILSEQ, 0},
    {"\xed\xbf\xbf", 3, -EILSEQ, 0},
    {"\xf4\x90\x80\x80", 4, -EILSEQ, 0},
    {"\xf5\x80\x80\x80", 4, -EILSEQ, 0},
    {"\xff", 1, -EILSEQ, 0},
    {"\xc2", 1, -EILSEQ, 0},
    {"\xe5\xb8", 2, -EILSEQ, 0},
    {"\xf0\x90\x80", 3, -EILSEQ, 0},
    {"\xe5\xb8z", 3, -EILSEQ, 0},
    {"\xc2z", 2, -EILSEQ, 0},
};

START_TEST(utf8_is_decoded_or_refused)
{
    const struct utf8_case *c = &utf8_cases[_i];
    /* On the heap, where the sanitizer sees a read past the end. */
    cleanup_(freep) char *bytes = malloc(c->size);
    uint32_t character = 0;

    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, c->bytes, c->size);
    ck_assert_int_eq(utf8_decode(bytes, c->size, &character), c->result);
    ck_assert_uint_eq(character, c->character);
}
END_TEST

START_TEST(the_first_invalid_byte_is_found)
{
    ck_assert_uint_eq(utf8_invalid_offset("", 0), 0);
    ck_assert_uint_eq(utf8_invalid_offset("a市\0b", 6), 6);
    ck_assert_uint_eq(utf8_invalid_offset("a市\xff", 5), 4);
    ck_assert_uint_eq(utf8_invalid_offset("\xe5\xb8", 2), 0);
    ck_assert_uint_eq(utf8_invalid_offset("市\xe5\xb8", 5), 3);
}
END_TEST

START_TEST(only_bytes_that_are_no_utf8_are_repaired)
{
    cleanup_(freep) char *broken = utf8_repair("\xff\t市\033\r\xe5\xb8");
    cleanup_(freep) char *whole = utf8_repair("LGWAN接続系\n");

    ck_assert_str_eq(broken, "\xef\xbf\xbd\t市\033\r\xef\xbf\xbd\xef\xbf\xbd");
    ck_assert_str_eq(whole, "LGWAN接続系\n");
}
END_TEST

struct width_case {
    uint32_t character;
    unsigned width;
};

static const struct width_case width_cases[] = {
    {'\0', 0},    {'\033', 0},   {' ', 1},        {'~', 1},     {0x7f, 0},    {0x9f, 0},
    {0xa0, 1},    {0xad, 1},     {0xe9, 1},       {0x2ff, 1},   {0x300, 0},   {0x36f, 0},
    {0x370, 1},   {0x10ff, 1},   {0x1100, 2},     {0x1160, 0},  {0x200b, 0},  {0x2014, 1},
    {0x2026, 1},  {0x203b, 1},   {0x2192, 1},     {0x2460, 1},  {0x2757, 2},  {0x3000, 2},
    {0x3001, 2},  {0x302a, 0},   {0x303f, 1},     {0x3042, 2},  {0x3099, 0},  {0x309a, 0},
    {0x30a2, 2},  {0x3400, 2},   {0x4e00, 2},     {0x5e02, 2},  {0xac00, 2},  {0xd7a3, 2},
    {0xfa11, 2},  {0xfe0f, 0},   {0xfeff, 0},     {0xff01, 2},  {0xff10, 2},  {0xff60, 2},
    {0xff61, 1},  {0xff71, 1},   {0xff9e, 1},     {0xffe5, 2},  {0xfffd, 1},  {0x1d400, 1},
    {0x1f3eb, 2}, {0x1f600, 2},  {0x20bb7, 2},    {0x2a6d6, 2}, {0xe0100, 0}, {0xe01ef, 0},
    {0xe01f0, 1}, {0x10ffff, 1}, {0xffffffff, 1},
};

START_TEST(a_character_has_its_width_on_a_terminal)
{
    const struct width_case *c = &width_cases[_i];

    ck_assert_uint_eq(character_width(c->character), c->width);
}
END_TEST

static unsigned shown_width(const char *text)
{
    return text_shown_width(text, strlen(text));
}

/* Each test is a process of its own, so that none has loaded the locale before. */
START_TEST(japanese_is_wide_where_no_utf8_locale_can_be_loaded)
{
    struct rlimit before, none;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_uint_eq(shown_width("LGWAN接続系"), 11);
    ck_assert_uint_eq(shown_width("→"), 1);
    /* The fallback knows no combining characters. */
    ck_assert_uint_eq(shown_width("か\xe3\x82\x99"), 4);
    /* The sanitizers open files at the end. */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

START_TEST(a_text_is_as_wide_as_its_characters)
{
    ck_assert_uint_eq(shown_width(""), 0);
    ck_assert_uint_eq(shown_width("LGWAN接続系"), 11);
    ck_assert_uint_eq(shown_width("マイナンバー利用事務系（基幹系）"), 32);
    ck_assert_uint_eq(shown_width("ﾏｲﾅﾝﾊﾞｰ"), 7);
    /* The kana with its voiced mark as a character of its own, and a kanji with its variant. */
    ck_assert_uint_eq(shown_width("か\xe3\x82\x99"), 2);
    ck_assert_uint_eq(shown_width("葛\xf3\xa0\x84\x80"), 2);
    ck_assert_uint_eq(shown_width("a\xff\xe5\xb8"), 4);
}
END_TEST

static char *shown(const char *text)
{
    char *memory = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&memory, &size);

    ck_assert_ptr_nonnull(stream);
    text_show(stream, text, strlen(text));
    fclose(stream);
    return memory;
}

START_TEST(what_steers_a_terminal_is_not_shown)
{
    static const char text[] = "市\t\033]0;x\007\r\n\xff\xc2\x9b\xe2\x80\xae\xe2\x80\x8b.";
    cleanup_(freep) char *result = shown(text);

    ck_assert_str_eq(result, "市 �]0;x������.");
    ck_assert_uint_eq(shown_width(text), shown_width(result));
}
END_TEST

static char *table_text(const struct table *table, bool colour)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(table_print(table, stream, colour), 0);
    fclose(stream);
    return text;
}

START_TEST(columns_stand_under_each_other)
{
    static const char *const titles[] = {"ZONE", "LABEL", "FLOWS", "NOTE"};
    static const enum table_align aligns[] = {TABLE_LEFT, TABLE_LEFT, TABLE_RIGHT, TABLE_LEFT};
    static const char *const rows[][4] = {
        {"mynumber", "基幹系", "12", "x"},
        {"lgwan", "LGWAN接続系", "1234567", NULL},
        {"edu", NULL, NULL, "y\033"},
        {"", "が\xe3\x82\x99", "1", ""},
        {"z", "", "", ""},
    };
    cleanup_(table_freep) struct table *table = NULL;
    cleanup_(freep) char *text = NULL, *coloured = NULL;

    ck_assert_int_eq(table_new(4, titles, aligns, &table), 0);
    for (size_t i = 0; i < ELEMENTS_OF(rows); i++)
        ck_assert_int_eq(table_add(table, rows[i]), 0);

    text = table_text(table, false);
    ck_assert_str_eq(text, "ZONE      LABEL          FLOWS  NOTE\n"
                           "mynumber  基幹系            12  x\n"
                           "lgwan     LGWAN接続系  1234567\n"
                           "edu                             y�\n"
                           "          が\xe3\x82\x99                 1\n"
                           "z\n");

    coloured = table_text(table, true);
    ck_assert_int_eq(strncmp(coloured, "\033[1mZONE      LABEL", 19), 0);
    ck_assert_ptr_nonnull(strstr(coloured, "  NOTE\033[0m\nmynumber"));
}
END_TEST

static char *cut(const char *text, unsigned width, unsigned *ret_used)
{
    char *memory = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&memory, &size);

    ck_assert_ptr_nonnull(stream);
    *ret_used = text_show_cut(stream, text, strlen(text), width);
    fclose(stream);
    return memory;
}

static const struct {
    const char *text;
    unsigned width;
    const char *shown;
} cuts[] = {
    {"基幹系", 6, "基幹系"}, {"基幹系", 5, "基幹…"}, {"基幹系", 4, "基…"}, {"基幹系", 1, "…"},
    {"基幹系", 0, ""},       {"abc", 3, "abc"},      {"abc", 2, "a…"},     {"", 0, ""},
    {"a\033b", 2, "a…"},
};

START_TEST(what_does_not_fit_is_cut_between_characters)
{
    unsigned used;
    cleanup_(freep) char *text = cut(cuts[_i].text, cuts[_i].width, &used);

    ck_assert_str_eq(text, cuts[_i].shown);
    ck_assert_uint_eq(used, shown_width(cuts[_i].shown));
    ck_assert_uint_le(used, cuts[_i].width);
}
END_TEST

static const char *const fitted_titles[] = {"ZONE", "LABEL", "FLOWS"};
static const uint8_t fitted_drops[] = {2, 0, TABLE_END};
static const struct {
    unsigned width;
    const uint8_t *drops;
    const char *text;
} fits[] = {
    {0, fitted_drops, "ZONE   LABEL          FLOWS\nlgwan  LGWAN接続系  1234567\n"},
    {27, fitted_drops, "ZONE   LABEL          FLOWS\nlgwan  LGWAN接続系  1234567\n"},
    {26, fitted_drops, "ZONE   LABEL\nlgwan  LGWAN接続系\n"},
    {17, fitted_drops, "LABEL\nLGWAN接続系\n"},
    {9, fitted_drops, "LABEL\nLGWAN接…\n"},
    {26, NULL, "ZONE   LABEL         FLOWS\nlgwan  LGWAN接続…  1234567\n"},
    {1, fitted_drops, "LAB…\nLGW…\n"},
};

START_TEST(a_table_fits_its_width)
{
    static const enum table_align aligns[] = {TABLE_LEFT, TABLE_LEFT, TABLE_RIGHT};
    cleanup_(table_freep) struct table *table = NULL;
    cleanup_(freep) char *text = NULL;

    ck_assert_int_eq(table_new(3, fitted_titles, aligns, &table), 0);
    ck_assert_int_eq(table_add(table, (const char *[]){"lgwan", "LGWAN接続系", "1234567"}), 0);
    table_fit(table, fits[_i].width, fits[_i].drops);
    text = table_text(table, false);
    ck_assert_str_eq(text, fits[_i].text);
}
END_TEST

START_TEST(a_table_copies_what_it_is_given)
{
    char cell[] = "before";
    const char *row[] = {cell};
    cleanup_(table_freep) struct table *table = NULL;
    cleanup_(freep) char *text = NULL;

    ck_assert_int_eq(table_new(1, row, NULL, &table), 0);
    memcpy(cell, "after", sizeof("after"));
    ck_assert_int_eq(table_add(table, row), 0);
    cell[0] = '\0';

    text = table_text(table, false);
    ck_assert_str_eq(text, "before\nafter\n");
}
END_TEST

START_TEST(a_full_device_is_an_error)
{
    static const char *const titles[] = {"A"};
    cleanup_(table_freep) struct table *table = NULL;
    FILE *stream = fopen("/dev/full", "w");

    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(table_new(1, titles, NULL, &table), 0);
    ck_assert_int_eq(table_print(table, stream, false), -EIO);
    fclose(stream);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, utf8_is_decoded_or_refused, 0, (int)ELEMENTS_OF(utf8_cases));
    tcase_add_test(tests, the_first_invalid_byte_is_found);
    tcase_add_test(tests, only_bytes_that_are_no_utf8_are_repaired);
    tcase_add_loop_test(tests, a_character_has_its_width_on_a_terminal, 0,
                        (int)ELEMENTS_OF(width_cases));
    tcase_add_test(tests, japanese_is_wide_where_no_utf8_locale_can_be_loaded);
    tcase_add_test(tests, a_text_is_as_wide_as_its_characters);
    tcase_add_test(tests, what_steers_a_terminal_is_not_shown);
    tcase_add_test(tests, columns_stand_under_each_other);
    tcase_add_loop_test(tests, what_does_not_fit_is_cut_between_characters, 0,
                        (int)ELEMENTS_OF(cuts));
    tcase_add_loop_test(tests, a_table_fits_its_width, 0, (int)ELEMENTS_OF(fits));
    tcase_add_test(tests, a_table_copies_what_it_is_given);
    tcase_add_test(tests, a_full_device_is_an_error);
}

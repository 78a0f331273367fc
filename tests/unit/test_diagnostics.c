/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Diagnostics, the sources they show, and how both are printed: lib/base/diagnostics.h. */

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/diagnostics.h"
#include "checks.h"

static struct sources *sources;
static struct diagnostics *diagnostics;

static void set_up(void)
{
    ck_assert_int_eq(sources_new(&sources), 0);
    ck_assert_int_eq(diagnostics_new(&diagnostics), 0);
}

static void tear_down(void)
{
    sources = sources_free(sources);
    diagnostics = diagnostics_free(diagnostics);
}

static uint32_t add_source(const char *name, const char *text)
{
    uint32_t source;

    ck_assert_int_eq(sources_add(sources, name, text, strlen(text), &source), 0);
    return source;
}

static void add(enum severity severity, uint32_t line, uint32_t column, const char *message)
{
    ck_assert_int_eq(diagnostics_add(diagnostics, severity, "code",
                                     (struct location){0, line, column}, NULL, "%s", message),
                     0);
}

/* What diagnostics_print() prints; the caller frees it. */
static char *printed(bool colour)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(diagnostics_print(diagnostics, sources, stream, colour), 0);
    fclose(stream);
    return text;
}

START_TEST(a_conflict_prints_both_places_and_the_remedy)
{
    cleanup_(freep) char *text = NULL;

    add_source("policy.yaml",
               "segd: 1\nzones:\n  lgwan:\n    class: lgwan\n  lgwan:\n    foo: 1\n");
    ck_assert_int_eq(diagnostics_add(diagnostics, SEVERITY_ERROR, "duplicate-zone",
                                     (struct location){0, 5, 3}, "remove one of them",
                                     "zone `%s` is defined twice", "lgwan"),
                     0);
    ck_assert_int_eq(
        diagnostics_relate(diagnostics, (struct location){0, 3, 3}, "first %s here", "defined"), 0);

    text = printed(false);
    ck_assert_str_eq(text, "policy.yaml:5:3: error: zone `lgwan` is defined twice "
                           "[duplicate-zone]\n"
                           "    5 |   lgwan:\n"
                           "      |   ^\n"
                           "policy.yaml:3:3: note: first defined here\n"
                           "    3 |   lgwan:\n"
                           "      |   ^\n"
                           "   = help: remove one of them\n");
}
END_TEST

START_TEST(colours_mark_severity_note_and_caret)
{
    cleanup_(freep) char *text = NULL;

    add_source("a", "x\ny\n");
    add(SEVERITY_ERROR, 1, 1, "one");
    add(SEVERITY_WARNING, 2, 1, "two");
    ck_assert_int_eq(diagnostics_relate(diagnostics, (struct location){0}, "three"), 0);

    text = printed(true);
    ck_assert_str_eq(text, "a:1:1: \033[1;31merror:\033[0m one [code]\n"
                           "    1 | x\n"
                           "      | \033[32m^\033[0m\n"
                           "a:2:1: \033[1;33mwarning:\033[0m two [code]\n"
                           "    2 | y\n"
                           "      | \033[32m^\033[0m\n"
                           "\033[36mnote:\033[0m three\n");
}
END_TEST

struct line_case {
    const char *line;
    uint32_t column;
    const char *shown; /* as expected after the gutter */
    const char *caret;
};

static const struct line_case line_cases[] = {
    {"label: x", 8, " label: x", "        ^"},
    {"安中市: x", 5, " 安中市: x", "        ^"},
    {"ｱｲｳ x", 5, " ｱｲｳ x", "     ^"},
    {"か\xe3\x82\x99 x", 4, " か\xe3\x82\x99 x", "    ^"},
    {"🏫 x", 3, " 🏫 x", "    ^"},
    {"\tx", 2, "  x", "  ^"},
    {"x: y\r", 4, " x: y", "    ^"},
    {"x: y\r", 5, " x: y", "     ^"},
    {"x: \033[31my", 9, " x: �[31my", "         ^"},
    {"x: \xe3\x81y", 6, " x: ��y", "      ^"},
    {"x\xc2\x85y\xe2\x80\xaez", 5, " x�y�z", "     ^"},
    {"\xef\xbb\xbfsegd: 1", 1, " �segd: 1", " ^"},
    {"x", 40, " x", "  ^"},
    {"", 1, "", " ^"},
};

START_TEST(the_caret_stands_under_its_character)
{
    const struct line_case *c = &line_cases[_i];
    cleanup_(freep) char *text = NULL, *source = NULL, *expected = NULL;

    ck_assert_int_gt(asprintf(&source, "first\n%s\nlast\n", c->line), 0);
    add_source("f", source);
    add(SEVERITY_ERROR, 2, c->column, "m");

    text = printed(false);
    ck_assert_int_gt(asprintf(&expected, "f:2:%u: error: m [code]\n    2 |%s\n      |%s\n",
                              c->column, c->shown, c->caret),
                     0);
    ck_assert_str_eq(text, expected);
}
END_TEST

/* `n` times `piece`. */
static char *repeat(const char *piece, size_t n)
{
    size_t length = strlen(piece);
    char *text = malloc(n * length + 1);

    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * length, piece, length);
    text[n * length] = '\0';
    return text;
}

struct window_case {
    const char *piece;
    size_t before;
    size_t after;
    /* Pieces expected on either side of the `!` under the caret; fewer than above means a cut. */
    size_t shown_before;
    size_t shown_after;
    int caret;
};

static const struct window_case window_cases[] = {
    {"a", 10, 89, 10, 89, 10},
    {"a", 10, 90, 10, 89, 10},
    {"a", 99, 0, 99, 0, 99},
    {"a", 100, 0, 99, 0, 100},
    {"a", 1000, 1000, 60, 39, 61},
    {"a", 1000, 0, 99, 0, 100},
    {"a", 0, 1000, 0, 99, 0},
    {"市", 1000, 1000, 30, 19, 61},
    {"\xcc\x81", 100000, 100000, 60, 39, 1},
};

START_TEST(a_long_line_shows_a_window_around_the_caret)
{
    const struct window_case *c = &window_cases[_i];
    cleanup_(freep) char *before = repeat(c->piece, c->before);
    cleanup_(freep) char *after = repeat(c->piece, c->after);
    cleanup_(freep) char *shown_before = repeat(c->piece, c->shown_before);
    cleanup_(freep) char *shown_after = repeat(c->piece, c->shown_after);
    cleanup_(freep) char *source = NULL, *expected = NULL, *text = NULL;

    ck_assert_int_gt(asprintf(&source, "x\n%s!%s\nx\n", before, after), 0);
    ck_assert_int_gt(asprintf(&expected,
                              "f:2:%zu: error: m [code]\n"
                              "    2 | %s%s!%s%s\n"
                              "      | %*s^\n",
                              c->before + 1, c->before > c->shown_before ? "…" : "", shown_before,
                              shown_after, c->after > c->shown_after ? "…" : "", c->caret, ""),
                     0);

    add_source("f", source);
    add(SEVERITY_ERROR, 2, (uint32_t)c->before + 1, "m");
    text = printed(false);
    ck_assert_str_eq(text, expected);
}
END_TEST

START_TEST(the_gutter_grows_with_the_line_number)
{
    cleanup_(freep) char *lines = repeat("\n", 123455), *text = NULL;

    add_source("f", lines);
    add(SEVERITY_ERROR, 123456, 1, "m");
    text = printed(false);
    ck_assert_str_eq(text, "f:123456:1: error: m [code]\n"
                           "123456 |\n"
                           "       | ^\n");
}
END_TEST

START_TEST(text_of_the_policy_does_not_steer_the_terminal)
{
    cleanup_(freep) char *text = NULL;

    add_source("a\033[2J", "x\n");
    ck_assert_int_eq(diagnostics_add(diagnostics, SEVERITY_ERROR, "code",
                                     (struct location){0, 1, 1}, "r\033[0m", "m\n\xff"),
                     0);
    text = printed(false);
    ck_assert_str_eq(text, "a�[2J:1:1: error: m�� [code]\n"
                           "    1 | x\n"
                           "      | ^\n"
                           "   = help: r�[0m\n");
}
END_TEST

START_TEST(what_has_no_place_prints_last_and_without_a_line)
{
    cleanup_(freep) char *text = NULL;

    add_source("f", "x\n");
    add(SEVERITY_ERROR, 0, 0, "nowhere");
    add(SEVERITY_WARNING, 1, 1, "somewhere");
    add(SEVERITY_ERROR, 9, 1, "behind the end");

    text = printed(false);
    ck_assert_str_eq(text, "f:1:1: warning: somewhere [code]\n"
                           "    1 | x\n"
                           "      | ^\n"
                           "f:9:1: error: behind the end [code]\n"
                           "error: nowhere [code]\n");
}
END_TEST

START_TEST(diagnostics_are_sorted_by_place_then_by_adding)
{
    static const struct location places[] = {
        {1, 1, 1}, {0, 0, 0}, {0, 7, 2}, {0, 7, 1}, {0, 7, 2}, {0, 10, 1}, {0, 0, 0}, {0, 7, 2},
    };
    static const unsigned expected[] = {3, 2, 4, 7, 5, 0, 1, 6};
    const struct diagnostic *list;

    for (unsigned i = 0; i < ELEMENTS_OF(places); i++)
        ck_assert_int_eq(
            diagnostics_add(diagnostics, SEVERITY_ERROR, "code", places[i], NULL, "%u", i), 0);

    ck_assert_uint_eq(diagnostics_list(diagnostics, &list), ELEMENTS_OF(expected));
    for (unsigned i = 0; i < ELEMENTS_OF(expected); i++)
        ck_assert_uint_eq(strtoul(list[i].message, NULL, 10), expected[i]);
}
END_TEST

START_TEST(the_second_place_goes_to_the_one_added_last)
{
    const struct diagnostic *list;

    add(SEVERITY_ERROR, 5, 1, "first");
    add(SEVERITY_ERROR, 2, 1, "second");
    ck_assert_int_eq(diagnostics_relate(diagnostics, (struct location){0, 1, 1}, "draft"), 0);
    ck_assert_int_eq(diagnostics_relate(diagnostics, (struct location){0, 1, 2}, "here"), 0);

    ck_assert_uint_eq(diagnostics_list(diagnostics, &list), 2);
    ck_assert_str_eq(list[0].related_message, "here");
    ck_assert_uint_eq(list[0].related.column, 2);
    ck_assert_ptr_null(list[1].related_message);
}
END_TEST

START_TEST(errors_are_not_lost_to_a_flood_of_warnings)
{
    cleanup_(freep) char *text = NULL;
    const struct diagnostic *list;
    size_t n_list, n_errors = 0;

    add_source("f", "x\n");
    for (uint32_t i = 1; i <= 1500; i++)
        add(SEVERITY_WARNING, 1, i, "w");
    ck_assert_int_eq(diagnostics_relate(diagnostics, (struct location){0, 1, 1}, "lost"), 0);

    /* The first thousand are kept, and the last of them did not get the place of the 1,500th. */
    ck_assert_uint_eq(diagnostics_list(diagnostics, &list), 1000);
    ck_assert_uint_eq(list[999].location.column, 1000);
    ck_assert(!diagnostics_keeps(diagnostics, SEVERITY_WARNING));
    ck_assert(diagnostics_keeps(diagnostics, SEVERITY_ERROR));
    ck_assert_ptr_null(list[999].related_message);

    add(SEVERITY_ERROR, 1, 3000, "e");
    add(SEVERITY_ERROR, 1, 1, "e");

    n_list = diagnostics_list(diagnostics, &list);
    ck_assert_uint_eq(n_list, 1000);
    for (size_t i = 0; i < n_list; i++) {
        n_errors += list[i].severity == SEVERITY_ERROR;
        if (i > 0)
            ck_assert_uint_le(list[i - 1].location.column, list[i].location.column);
    }
    ck_assert_uint_eq(n_errors, 2);
    ck_assert_uint_eq(diagnostics_count(diagnostics, SEVERITY_WARNING), 1500);
    ck_assert_uint_eq(diagnostics_count(diagnostics, SEVERITY_ERROR), 2);

    for (uint32_t i = 0; i < 1500; i++)
        add(SEVERITY_ERROR, 1, 2, "e");
    ck_assert_uint_eq(diagnostics_list(diagnostics, &list), 1000);
    text = printed(false);
    ck_assert_ptr_nonnull(strstr(text, "\n2002 more are not shown\n"));
}
END_TEST

START_TEST(beyond_the_bound_errors_are_only_counted)
{
    const struct diagnostic *list;

    add_source("f", "x\n");
    for (uint32_t i = 1; i <= 1000; i++) {
        ck_assert(diagnostics_keeps(diagnostics, SEVERITY_ERROR));
        ck_assert(diagnostics_keeps(diagnostics, SEVERITY_WARNING));
        add(SEVERITY_ERROR, 1, i, "e");
    }
    ck_assert(!diagnostics_keeps(diagnostics, SEVERITY_ERROR));
    ck_assert(!diagnostics_keeps(diagnostics, SEVERITY_WARNING));
    add(SEVERITY_ERROR, 1, 1, "e");
    ck_assert_uint_eq(diagnostics_list(diagnostics, &list), 1000);
    ck_assert_uint_eq(diagnostics_count(diagnostics, SEVERITY_ERROR), 1001);
}
END_TEST

START_TEST(a_full_device_is_an_error)
{
    FILE *stream = fopen("/dev/full", "w");

    ck_assert_ptr_nonnull(stream);
    add(SEVERITY_ERROR, 0, 0, "m");
    ck_assert_int_eq(diagnostics_print(diagnostics, sources, stream, false), -EIO);
    fclose(stream);
}
END_TEST

START_TEST(sources_keep_their_bytes)
{
    static const char bytes[] = {'a', '\0', '\xff', '\n'};
    const char *text;
    uint32_t source;
    size_t size;

    ck_assert_uint_eq(add_source("first", ""), 0);
    ck_assert_int_eq(sources_add(sources, "second", bytes, sizeof(bytes), &source), 0);
    ck_assert_uint_eq(source, 1);
    ck_assert_uint_eq(sources_count(sources), 2);
    ck_assert_str_eq(sources_name(sources, 1), "second");

    text = sources_text(sources, 1, &size);
    ck_assert_uint_eq(size, sizeof(bytes));
    ck_assert_mem_eq(text, bytes, sizeof(bytes));
}
END_TEST

START_TEST(places_are_found_without_an_index_as_with_one)
{
    /* Several checkpoints in one line, many lines between two, characters across their borders. */
    cleanup_(freep) char *wide = repeat("市\xff", 5000), *lines = repeat("a\né\n", 5000);
    cleanup_(freep) char *text = NULL;
    struct location place = {0, 1, 1};
    size_t size, found;

    ck_assert_int_gt(asprintf(&text, "%s\n%s%s", wide, lines, wide), 0);
    add_source("f", text);

    size = strlen(text);
    for (size_t offset = 0; offset < size;) {
        unsigned char byte = (unsigned char)text[offset];

        ck_assert_int_eq(sources_find(sources, place, &found), 0);
        ck_assert_uint_eq(found, offset);

        offset += byte == 0xc3 ? 2 : byte == 0xe5 ? 3 : 1;
        place.column++;
        if (byte == '\n')
            place = (struct location){0, place.line + 1, 1};
    }

    ck_assert_int_eq(sources_find(sources, place, &found), 0);
    ck_assert_uint_eq(found, size);
    place.line++;
    ck_assert_int_eq(sources_find(sources, place, &found), -ENOENT);
    ck_assert_int_eq(sources_find(sources, (struct location){0, 0, 1}, &found), -ENOENT);
    ck_assert_int_eq(sources_find(sources, (struct location){1, 1, 1}, &found), -ENOENT);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_conflict_prints_both_places_and_the_remedy);
    tcase_add_test(tests, colours_mark_severity_note_and_caret);
    tcase_add_loop_test(tests, the_caret_stands_under_its_character, 0,
                        (int)ELEMENTS_OF(line_cases));
    tcase_add_loop_test(tests, a_long_line_shows_a_window_around_the_caret, 0,
                        (int)ELEMENTS_OF(window_cases));
    tcase_add_test(tests, the_gutter_grows_with_the_line_number);
    tcase_add_test(tests, text_of_the_policy_does_not_steer_the_terminal);
    tcase_add_test(tests, what_has_no_place_prints_last_and_without_a_line);
    tcase_add_test(tests, diagnostics_are_sorted_by_place_then_by_adding);
    tcase_add_test(tests, the_second_place_goes_to_the_one_added_last);
    tcase_add_test(tests, errors_are_not_lost_to_a_flood_of_warnings);
    tcase_add_test(tests, beyond_the_bound_errors_are_only_counted);
    tcase_add_test(tests, a_full_device_is_an_error);
    tcase_add_test(tests, sources_keep_their_bytes);
    tcase_add_test(tests, places_are_found_without_an_index_as_with_one);
}

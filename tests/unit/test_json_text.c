/* SPDX-License-Identifier: GPL-2.0-or-later */

/* JSON that segctl prints without reading it is what it prints of its values. */

#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "checks.h"
#include "json_text.h"

static char *print(const char *text, size_t size)
{
    cleanup_(freep) char *printed = NULL;
    size_t n;
    FILE *stream = open_memstream(&printed, &n);
    int r = json_text_print(text, size, stream);

    ck_assert_int_eq(fclose(stream), 0);
    return r == 0 ? TAKE_PTR(printed) : NULL;
}

static char *print_values(const char *text)
{
    cleanup_(json_decrefp) json_t *values = json_loads(text, JSON_DECODE_ANY, NULL);
    char *printed = NULL;
    size_t n;
    FILE *stream = open_memstream(&printed, &n);

    ck_assert_ptr_nonnull(values);
    ck_assert_int_eq(write_json(stream, values, JSON_INDENT(2) | JSON_ENCODE_ANY), 0);
    ck_assert_int_eq(fclose(stream), 0);
    return printed;
}

static const char *const same[] = {
    "{}",
    "[]",
    "{\"a\":{},\"b\":[],\"c\":[[],{}]}",
    "{\"flows\":[{\"name\":\"f\",\"from\":[\"a\",\"b\"],\"until\":null,\"live\":true}]}",
    "[0,-1,42,999999999999999999,true,false,null]",
    "[\"\",\"業務\",\"\\\"\\\\\\b\\f\\n\\r\\t\",\"\\u001B\"]",
    "[\"a\x7f z\",\"\xc2\x9b[31m\",\"\xc2\xa0\"]",
    "{\"\\\"\":\":,[{\"}",
};

START_TEST(what_it_prints_is_what_jansson_prints)
{
    const char *text = same[_i];
    cleanup_(freep) char *expected = print_values(text);
    cleanup_(freep) char *printed = print(text, strlen(text));

    ck_assert_int_eq(json_text_print(text, strlen(text), NULL), 0);
    ck_assert_ptr_nonnull(printed);
    ck_assert_str_eq(printed, expected);
}
END_TEST

/* Each text cut anywhere is no JSON. */
START_TEST(a_text_that_is_cut_is_refused)
{
    for (size_t size = 0; size < strlen(same[_i]); size++)
        ck_assert_int_eq(json_text_print(same[_i], size, NULL), -EBADMSG);
}
END_TEST

/* What is no JSON, and what jansson reads as something else. */
static const char *const refused[] = {
    "{\"a\":1,}", "[1,]",          "[,1]",       "{\"a\"}",
    "{a:1}",      "{1:1}",         "[1 ]",       "[1]]",
    "[1}",        "[\"\n\"]",      "[\"\\x\"]",  "[\"\\u3042\"]",
    "[\"\\u\"]",  "[\"\\u0000\"]", "[\"\xff\"]", "[\"\xed\xa0\x80\"]",
    "[01]",       "[-]",           "[-0]",       "[1.5]",
    "[1e3]",      "[nul]",         "[tru]",      "[1000000000000000000000]",
};

START_TEST(what_jansson_would_print_in_another_way_is_refused)
{
    ck_assert_int_eq(json_text_print(refused[_i], strlen(refused[_i]), NULL), -EBADMSG);
}
END_TEST

START_TEST(depth_is_bounded)
{
    char text[300];

    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    ck_assert_int_eq(json_text_print(text, 128, NULL), 0);
    memset(text, '[', 150);
    memset(text + 150, ']', 150);
    ck_assert_int_eq(json_text_print(text, 300, NULL), -EBADMSG);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, what_it_prints_is_what_jansson_prints, 0, (int)ELEMENTS_OF(same));
    tcase_add_loop_test(tests, a_text_that_is_cut_is_refused, 0, (int)ELEMENTS_OF(same));
    tcase_add_loop_test(tests, what_jansson_would_print_in_another_way_is_refused, 0,
                        (int)ELEMENTS_OF(refused));
    tcase_add_test(tests, depth_is_bounded);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Framing: however the bytes arrive, the same messages come out; and nothing else does. */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "checks.h"
#include "control/varlink.h"

/* The two ends of a stream: what is written to one is read from the other. */
struct wire {
    int ends[2];
    struct varlink_input input;
};

static void wire_open(struct wire *wire, size_t limit)
{
    *wire = (struct wire){.input.limit = limit};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wire->ends), 0);
}

static void wire_close(struct wire *wire)
{
    varlink_input_clear(&wire->input);
    close(wire->ends[0]);
    close(wire->ends[1]);
}

static void put(const struct wire *wire, const char *bytes, size_t size)
{
    ck_assert_int_eq(send(wire->ends[0], bytes, size, MSG_DONTWAIT), (ssize_t)size);
}

/* Reads until there is a message, or the stream has no more. */
static int next(struct wire *wire, json_t **ret_message)
{
    for (;;) {
        int r = varlink_input_next(&wire->input, ret_message);

        if (r != 0)
            return r;
        r = varlink_input_read(&wire->input, wire->ends[1]);
        if (r <= 0)
            return r;
    }
}

static void expect(struct wire *wire, json_int_t number)
{
    cleanup_(json_decrefp) json_t *message = NULL;

    ck_assert_int_eq(next(wire, &message), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(message, "n")), number);
}

static const char three[] = "{\"n\":1}\0{\"n\": 2, \"text\": \"\xe5\xae\x89\"}\0{\"n\":3}";

START_TEST(messages_are_the_same_however_they_are_split)
{
    for (size_t at = 0; at <= sizeof(three); at++) {
        struct wire wire;
        json_t *message = NULL;

        wire_open(&wire, 100);
        put(&wire, three, at);
        /* Takes what is there, so that the rest comes in another piece. */
        while (varlink_input_read(&wire.input, wire.ends[1]) == 1)
            ;
        put(&wire, three + at, sizeof(three) - at);
        for (int i = 1; i <= 3; i++)
            expect(&wire, i);
        ck_assert_int_eq(next(&wire, &message), -EAGAIN);
        wire_close(&wire);
    }
}
END_TEST

START_TEST(messages_come_out_of_single_bytes)
{
    struct wire wire;
    json_t *message = NULL;
    json_int_t n = 0;

    wire_open(&wire, 100);
    for (size_t i = 0; i < sizeof(three); i++) {
        int r;

        put(&wire, three + i, 1);
        r = next(&wire, &message);
        ck_assert_int_eq(r, three[i] == '\0' ? 1 : -EAGAIN);
        if (r == 1) {
            ck_assert_int_eq(json_integer_value(json_object_get(message, "n")), ++n);
            json_decref(message);
        }
    }
    ck_assert_int_eq(n, 3);
    wire_close(&wire);
}
END_TEST

START_TEST(end_of_the_stream_is_told)
{
    struct wire wire;
    json_t *message = NULL;

    wire_open(&wire, 100);
    put(&wire, three, 10);
    ck_assert_int_eq(shutdown(wire.ends[0], SHUT_WR), 0);
    expect(&wire, 1);
    ck_assert_int_eq(next(&wire, &message), 0);
    wire_close(&wire);
}
END_TEST

/* An object of so many bytes. */
static char *object_of(size_t size)
{
    char *text = malloc(size + 1);

    ck_assert_ptr_nonnull(text);
    memset(text, ' ', size);
    memcpy(text, "{\"n\":7", 6);
    text[size - 1] = '}';
    text[size] = '\0';
    return text;
}

static const size_t sizes[] = {7, 100, 4095, 4096, 65536, 100000};

START_TEST(message_is_as_large_as_the_limit_and_no_larger)
{
    size_t size = sizes[_i];
    cleanup_(freep) char *text = object_of(size), *large = object_of(size + 1);
    struct wire wire;
    json_t *message = NULL;

    wire_open(&wire, size);
    put(&wire, text, size + 1);
    expect(&wire, 7);
    put(&wire, text, size + 1);
    expect(&wire, 7);
    put(&wire, large, size + 2);
    ck_assert_int_eq(next(&wire, &message), -EMSGSIZE);
    wire_close(&wire);
}
END_TEST

START_TEST(bytes_without_end_are_bounded)
{
    struct wire wire;
    char bytes[4096];
    int r = 1;

    wire_open(&wire, 10000);
    memset(bytes, ' ', sizeof(bytes));
    for (int i = 0; i < 100 && r == 1; i++) {
        json_t *message = NULL;

        put(&wire, bytes, sizeof(bytes));
        r = varlink_input_read(&wire.input, wire.ends[1]);
        ck_assert_int_eq(varlink_input_next(&wire.input, &message), 0);
    }
    ck_assert_int_eq(r, -EMSGSIZE);
    ck_assert_uint_le(wire.input.capacity, 10000 + 3 * 65536);
    wire_close(&wire);
}
END_TEST

START_TEST(memory_of_a_large_message_is_given_back)
{
    cleanup_(freep) char *text = object_of(150000);
    struct wire wire;

    wire_open(&wire, 1000000);
    put(&wire, text, 150001);
    expect(&wire, 7);
    ck_assert_uint_le(wire.input.capacity, 65536);
    put(&wire, three, sizeof(three));
    expect(&wire, 1);
    wire_close(&wire);
}
END_TEST

/* Behind it, a NUL. */
#define TEXT(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text)                                                                         \
    }
static const struct {
    const char *bytes;
    size_t size;
} garbage[] = {
    TEXT(""),
    TEXT(" "),
    TEXT("{"),
    TEXT("}"),
    TEXT("[]"),
    TEXT("[{\"n\":1}]"),
    TEXT("7"),
    TEXT("null"),
    TEXT("\"text\""),
    TEXT("{\"n\":1} x"),
    TEXT("{\"n\":1}{\"n\":2}"),
    TEXT("{\"n\":1,}"),
    TEXT("{\"n\":1,\"n\":2}"),
    TEXT("{\"a\":{\"n\":1,\"n\":1}}"),
    TEXT("{\"n\":\"a\\u0000b\"}"),
    TEXT("{\"a\\u0000b\":1}"),
    TEXT("{\"n\":\"\xff\"}"),
    TEXT("{\"n\":\"\xed\xa0\x80\"}"),
    TEXT("{\"n\":\"\\ud800\"}"),
    TEXT("{\"n\":99999999999999999999}"),
    TEXT("{\"n\":1e999}"),
    TEXT("{\"n\":NaN}"),
    TEXT("\xef\xbb\xbf{\"n\":1}"),
    TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
};

START_TEST(what_is_no_object_is_refused)
{
    struct wire wire;
    json_t *message = NULL;

    wire_open(&wire, 1000);
    put(&wire, garbage[_i].bytes, garbage[_i].size);
    ck_assert_int_eq(next(&wire, &message), -EBADMSG);
    ck_assert_ptr_null(message);
    wire_close(&wire);
}
END_TEST

static char *nested(size_t depth, char open, char close)
{
    size_t size = 0;
    char *text = NULL;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    fputs("{\"n\":7,\"a\":", stream);
    for (size_t i = 0; i < depth; i++)
        fputs(open == '[' ? "[" : i + 1 < depth ? "{\"a\":" : "{", stream);
    for (size_t i = 0; i < depth; i++)
        fputc(close, stream);
    fputc('}', stream);
    ck_assert_int_eq(fclose(stream), 0);
    return text;
}

START_TEST(depth_is_bounded)
{
    static const size_t depths[] = {VARLINK_DEPTH_MAX, VARLINK_DEPTH_MAX + 1, 5000};
    char open = _i == 0 ? '[' : '{', end = _i == 0 ? ']' : '}';

    for (size_t i = 0; i < ELEMENTS_OF(depths); i++) {
        cleanup_(freep) char *text = nested(depths[i], open, end);
        struct wire wire;
        json_t *message = NULL;

        wire_open(&wire, 100000);
        put(&wire, text, strlen(text) + 1);
        ck_assert_int_eq(next(&wire, &message), i == 0 ? 1 : -EBADMSG);
        json_decref(message);
        wire_close(&wire);
    }
}
END_TEST

static const struct {
    const char *text;
    size_t values; /* that it needs */
} counted[] = {
    {"{}", 1},
    {"{\"n\":1}", 1},
    {"{\"a\":1,\"b\":2}", 2},
    {"{\"a\":[1,2,3]}", 4},
    {"{\"a\":[[],[],{}]}", 7},
    {"{\"a\":\",,[[{{\"}", 1},
    {"{\"a\":\"\\\",,,\",\"b\":\"\\\\\",\"c\":1}", 3},
};

START_TEST(number_of_values_is_bounded)
{
    for (size_t more = 0; more < 2; more++) {
        struct wire wire;
        json_t *message = NULL;

        if (counted[_i].values - 1 + more == 0)
            continue; /* that is no limit */
        wire_open(&wire, 1000);
        wire.input.values = counted[_i].values - 1 + more;
        put(&wire, counted[_i].text, strlen(counted[_i].text) + 1);
        ck_assert_int_eq(next(&wire, &message), more ? 1 : -EMSGSIZE);
        json_decref(message);
        varlink_input_clear(&wire.input);
        ck_assert_uint_eq(wire.input.limit, 1000);
        ck_assert_uint_gt(wire.input.values + 1, 1);
        wire_close(&wire);
    }
}
END_TEST

START_TEST(what_is_encoded_is_read_again)
{
    struct wire wire;
    cleanup_(json_decrefp) json_t *message =
        json_pack("{s:i, s:s}", "n", 9, "text", "\n\xe5\xae\x89\x01");
    cleanup_(json_decrefp) json_t *again = NULL;
    size_t size = 0;
    cleanup_(freep) char *text = varlink_encode(message, &size);

    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(size, strlen(text) + 1);
    wire_open(&wire, 1000);
    put(&wire, text, size);
    ck_assert_int_eq(next(&wire, &again), 1);
    ck_assert(json_equal(message, again));
    wire_close(&wire);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_test(tests, messages_are_the_same_however_they_are_split);
    tcase_add_test(tests, messages_come_out_of_single_bytes);
    tcase_add_test(tests, end_of_the_stream_is_told);
    tcase_add_loop_test(tests, message_is_as_large_as_the_limit_and_no_larger, 0,
                        (int)ELEMENTS_OF(sizes));
    tcase_add_test(tests, bytes_without_end_are_bounded);
    tcase_add_test(tests, memory_of_a_large_message_is_given_back);
    tcase_add_loop_test(tests, what_is_no_object_is_refused, 0, (int)ELEMENTS_OF(garbage));
    tcase_add_loop_test(tests, depth_is_bounded, 0, 2);
    tcase_add_loop_test(tests, number_of_values_is_bounded, 0, (int)ELEMENTS_OF(counted));
    tcase_add_test(tests, what_is_encoded_is_read_again);
}

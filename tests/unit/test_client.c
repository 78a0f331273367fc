/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The client of the control socket, against a child that plays the daemon: what it sends, and what
 * it makes of answers that are whole, torn, wrong or none.
 */

#include "checks.h"
#include "control/client.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CALL_MAX ((size_t)1 << 20)
#define LARGE ((size_t)4 << 20)

enum play {
    PLAY_ANSWER, /* reads the call, answers, closes */
    PLAY_DRIP,   /* the same byte for byte */
    PLAY_ECHO,   /* answers with the call */
    PLAY_DEAF,   /* answers at once, reads nothing */
};

struct stage {
    char folder[32];
    char path[64];
    pid_t daemon;
};

static void stage_clear(struct stage *stage)
{
    unlink(stage->path);
    rmdir(stage->folder);
    if (stage->daemon > 0)
        waitpid(stage->daemon, NULL, 0);
}

static int open_socket(struct stage *stage)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(stage->folder, "/tmp/test-client-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(stage->folder));
    snprintf(stage->path, sizeof(stage->path), "%s/control", stage->folder);
    strcpy(address.sun_path, stage->path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Reads one call with its NUL. */
static size_t read_call(int fd, char *call)
{
    size_t size = 0;

    while (size == 0 || call[size - 1] != '\0') {
        ssize_t n = recv(fd, call + size, CALL_MAX - size, 0);

        if (n <= 0)
            _exit(1);
        size += (size_t)n;
    }
    return size;
}

static _Noreturn void play(int listener, enum play kind, const char *bytes, size_t size)
{
    static char call[CALL_MAX];
    int fd = accept(listener, NULL, NULL);

    if (kind != PLAY_DEAF)
        read_call(fd, call);
    if (kind == PLAY_ECHO) {
        dprintf(fd, "{\"parameters\": {\"call\": %s}}", call);
        bytes = "";
        size = 1;
    }
    for (size_t step = kind == PLAY_DRIP ? 1 : size; size > 0; size -= step, bytes += step) {
        if (send(fd, bytes, step, MSG_NOSIGNAL) < 0)
            _exit(1);
    }
    _exit(0);
}

static void start(struct stage *stage, enum play kind, const char *bytes, size_t size)
{
    int listener = open_socket(stage);

    ck_assert_int_eq(listen(listener, 1), 0);
    stage->daemon = fork();
    ck_assert_int_ge(stage->daemon, 0);
    if (stage->daemon == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        play(listener, kind, bytes, size);
    }
    close(listener);
}

/* One answer, and what client_call() makes of it. */
static const struct {
    const char *bytes;
    size_t size;
    int result;
    const char *reply; /* or NULL */
} answers[] = {
#define ANSWER(text, ...)                                                                          \
    {                                                                                              \
        text, sizeof(text), __VA_ARGS__                                                            \
    }
#define TORN(text, ...)                                                                            \
    {                                                                                              \
        text, sizeof(text) - 1, __VA_ARGS__                                                        \
    }
    ANSWER("{\"parameters\": {\"a\": \"市\"}}", 0, "{\"a\": \"市\"}"),
    ANSWER("{}", 0, "{}"),
    ANSWER("{\"parameters\": null, \"error\": null}", -EPROTO, NULL),
    ANSWER("{\"parameters\": null}", 0, "{}"),
    ANSWER("{\"error\": \"x.Y\", \"parameters\": {\"m\": 1}}", -EREMOTEIO, "{\"m\": 1}"),
    ANSWER("{\"error\": \"x.Y\"}", -EREMOTEIO, "{}"),
    ANSWER("{\"error\": 1}", -EPROTO, NULL),
    ANSWER("{\"error\": \"x.Y\", \"continues\": true}", -EPROTO, NULL),
    ANSWER("{\"parameters\": {}, \"continues\": true}", -EPROTO, NULL),
    ANSWER("{\"parameters\": []}", -EPROTO, NULL),
    ANSWER("[]", -EPROTO, NULL),
    ANSWER("what?", -EPROTO, NULL),
    ANSWER("", -EPROTO, NULL),
    TORN("{\"parameters\": {}}", -ECONNRESET, NULL),
    TORN("", -ECONNRESET, NULL),
};

static void check_answer(enum play kind, size_t i)
{
    cleanup_(stage_clear) struct stage stage = {0};
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL, *expected = NULL;
    cleanup_(freep) char *error = NULL;

    start(&stage, kind, answers[i].bytes, answers[i].size);
    ck_assert_int_eq(client_connect(stage.path, &client), 0);
    ck_assert_int_eq(client_call(client, "GetStatus", NULL, &reply, &error), answers[i].result);
    ck_assert_int_eq(reply != NULL, answers[i].reply != NULL);
    if (answers[i].reply) {
        expected = json_loads(answers[i].reply, 0, NULL);
        ck_assert(json_equal(reply, expected));
    }
    ck_assert_int_eq(error != NULL, answers[i].result == -EREMOTEIO);
    if (error)
        ck_assert_str_eq(error, "x.Y");
}

START_TEST(answer_is_taken_for_what_it_is)
{
    check_answer(PLAY_ANSWER, (size_t)_i);
}
END_TEST

START_TEST(answer_may_come_in_pieces)
{
    check_answer(PLAY_DRIP, (size_t)_i);
}
END_TEST

START_TEST(call_names_the_interface_and_has_parameters)
{
    cleanup_(stage_clear) struct stage stage = {0};
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL, *expected = NULL;
    cleanup_(freep) char *error = NULL;

    start(&stage, PLAY_ECHO, NULL, 0);
    ck_assert_int_eq(client_connect(stage.path, &client), 0);
    ck_assert_int_eq(client_call(client, "Isolate",
                                 _i == 0 ? NULL : json_pack("{s:s}", "zone", "庁内"), &reply,
                                 &error),
                     0);
    expected =
        json_loads(_i == 0 ? "{\"method\": \"io.segd.Control.Isolate\", \"parameters\": {}}"
                           : "{\"method\": \"io.segd.Control.Isolate\", \"parameters\": {\"zone\": "
                             "\"庁内\"}}",
                   0, NULL);
    ck_assert(json_equal(json_object_get(reply, "call"), expected));
}
END_TEST

/* A daemon that does not take a call may say why without reading all of it. */
START_TEST(refusal_arrives_though_the_call_did_not)
{
    static const char refusal[] = "{\"error\": \"x.Y\"}";
    cleanup_(stage_clear) struct stage stage = {0};
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL, *large = malloc(LARGE);

    ck_assert_ptr_nonnull(large);
    memset(large, 'x', LARGE);
    start(&stage, PLAY_DEAF, refusal, sizeof(refusal));
    ck_assert_int_eq(client_connect(stage.path, &client), 0);
    ck_assert_int_eq(
        client_call(client, "Apply", json_pack("{s:s%}", "text", large, LARGE), &reply, &error),
        -EREMOTEIO);
    ck_assert_str_eq(error, "x.Y");
}
END_TEST

/* Small on the wire, large in memory. */
START_TEST(reply_of_too_many_values_is_no_reply)
{
    cleanup_(stage_clear) struct stage stage = {0};
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL, *bomb = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bomb, &size);

    ck_assert_ptr_nonnull(stream);
    fputs("{\"parameters\": {\"list\": [0", stream);
    for (size_t i = 0; i < (size_t)16 * 1024 * 1024; i++)
        fputs(",0", stream);
    fputs("]}}", stream);
    ck_assert_int_eq(fclose(stream), 0);
    start(&stage, PLAY_ANSWER, bomb, size + 1);
    ck_assert_int_eq(client_connect(stage.path, &client), 0);
    ck_assert_int_eq(client_call(client, "GetStatus", NULL, &reply, &error), -EPROTO);
}
END_TEST

struct followed {
    int n;
    int enough; /* replies after which the handler ends it */
};

static int follow(json_t *parameters, void *userdata)
{
    struct followed *followed = userdata;

    followed->n++;
    ck_assert_int_eq(json_integer_value(json_object_get(parameters, "n")), followed->n);
    return followed->n == followed->enough ? -ECANCELED : 0;
}

#define MORE(n) "{\"parameters\": {\"n\": " #n "}, \"continues\": true}\0"

static const struct {
    const char *bytes;
    size_t size;
    int enough;
    int result;
    int n;
} streams[] = {
#define STREAM(text, ...)                                                                          \
    {                                                                                              \
        text, sizeof(text), __VA_ARGS__                                                            \
    }
    STREAM(MORE(1) MORE(2) "{\"parameters\": {\"n\": 3}}", 0, 0, 3),
    STREAM("{\"parameters\": {\"n\": 1}}", 0, 0, 1),
    STREAM(MORE(1) MORE(2) MORE(3), 2, -ECANCELED, 2),
    STREAM(MORE(1) "{\"error\": \"x.Y\"}", 0, -EREMOTEIO, 1),
    STREAM(MORE(1) "what?", 0, -EPROTO, 1),
    {MORE(1), sizeof(MORE(1)) - 1, 0, -ECONNRESET, 1},
};

START_TEST(replies_are_followed_until_the_last)
{
    cleanup_(stage_clear) struct stage stage = {0};
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL;
    struct followed followed = {0, streams[_i].enough};

    start(&stage, PLAY_ANSWER, streams[_i].bytes, streams[_i].size);
    ck_assert_int_eq(client_connect(stage.path, &client), 0);
    ck_assert_int_eq(client_follow(client, "ShowAudit", NULL, follow, &followed, &reply, &error),
                     streams[_i].result);
    ck_assert_int_eq(followed.n, streams[_i].n);
    ck_assert_int_eq(reply != NULL, streams[_i].result == -EREMOTEIO);
}
END_TEST

START_TEST(no_daemon_is_told_from_no_socket)
{
    cleanup_(stage_clear) struct stage stage = {0};
    struct client *client = NULL;
    char path[256] = {0};

    /* There, and nobody listens. */
    close(open_socket(&stage));
    ck_assert_int_eq(client_connect(stage.path, &client), -ECONNREFUSED);
    unlink(stage.path);
    ck_assert_int_eq(client_connect(stage.path, &client), -ENOENT);
    memset(path, 'x', sizeof(path) - 1);
    ck_assert_int_eq(client_connect(path, &client), -ENAMETOOLONG);
    ck_assert_ptr_null(client);
}
END_TEST

START_TEST(who_cannot_wait_is_told_when_time_is_up)
{
    cleanup_(stage_clear) struct stage stage = {0};
    cleanup_(client_closep) struct client *first = NULL;
    cleanup_(freep) char *error = NULL;
    struct client *second = NULL;
    json_t *reply = NULL;
    const int listener = open_socket(&stage);

    /* Nobody accepts: one connection has room, the next one waits. */
    ck_assert_int_eq(listen(listener, 0), 0);
    ck_assert_int_eq(client_connect_within(stage.path, 50000, &first), 0);
    ck_assert_int_eq(client_connect_within(stage.path, 50000, &second), -ETIMEDOUT);
    ck_assert_ptr_null(second);
    ck_assert_int_eq(client_call(first, "GetStatus", NULL, &reply, &error), -ETIMEDOUT);
    ck_assert_ptr_null(reply);
    close(listener);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, answer_is_taken_for_what_it_is, 0, ELEMENTS_OF(answers));
    tcase_add_loop_test(tests, answer_may_come_in_pieces, 0, ELEMENTS_OF(answers));
    tcase_add_loop_test(tests, call_names_the_interface_and_has_parameters, 0, 2);
    tcase_add_test(tests, refusal_arrives_though_the_call_did_not);
    tcase_add_test(tests, reply_of_too_many_values_is_no_reply);
    tcase_add_loop_test(tests, replies_are_followed_until_the_last, 0, ELEMENTS_OF(streams));
    tcase_add_test(tests, no_daemon_is_told_from_no_socket);
    tcase_add_test(tests, who_cannot_wait_is_told_when_time_is_up);
}

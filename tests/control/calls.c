/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Calls with their assertions, and listings that can be compared: the kernel keeps elements of a
 * hash in an order of its own, and numbers its objects as they come.
 */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "calls.h"
#include "sandbox.h"

#define PARTS_MAX 4096
#define ANSWER_MAX 65536
/* Where one object of the table ends and another begins. */
#define END '\x01'

/* Returns what client_call() returns; the error's full name is owned by the caller. */
static int call(const struct gateway *gateway, const char *method, json_t *parameters,
                json_t **ret_reply, char **ret_error)
{
    cleanup_(client_closep) struct client *client = NULL;
    int r = client_connect(gateway_socket_path(gateway), &client);

    ck_assert_msg(r == 0, "no daemon at %s: %s", gateway_socket_path(gateway), strerror(-r));
    return client_call(client, method, parameters, ret_reply, ret_error);
}

json_t *calls_do(const struct gateway *gateway, const char *method, json_t *parameters)
{
    cleanup_(freep) char *error = NULL;
    cleanup_(freep) char *text = NULL;
    json_t *reply = NULL;
    int r = call(gateway, method, parameters, &reply, &error);

    if (r != 0)
        text = reply ? json_dumps(reply, 0) : NULL;
    ck_assert_msg(r == 0, "%s: %s %s %s", method, strerror(-r), error ? error : "",
                  text ? text : "");
    return reply;
}

json_t *calls_refused(const struct gateway *gateway, const char *method, json_t *parameters,
                      const char *error)
{
    cleanup_(freep) char *answer = NULL;
    json_t *reply = NULL;
    int r = call(gateway, method, parameters, &reply, &answer);

    ck_assert_msg(r == -EREMOTEIO, "%s: %s", method, strerror(-r));
    ck_assert_ptr_nonnull(answer);
    ck_assert_str_eq(strrchr(answer, '.') + 1, error);
    return reply;
}

void calls_kill(const struct gateway *gateway, const char *method, json_t *parameters)
{
    cleanup_(freep) char *error = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL;
    int r = call(gateway, method, parameters, &reply, &error);

    ck_assert_msg(r == -ECONNRESET, "%s: %s", method, strerror(-r));
}

int calls_send(const struct gateway *gateway, const char *method, const json_t *parameters)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_(json_decrefp) json_t *message =
        json_pack("{s:s+, s:O}", "method", "io.segd.Control.", method, "parameters", parameters);
    cleanup_(freep) char *text = json_dumps(message, JSON_COMPACT);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_ptr_nonnull(text);
    strncpy(address.sun_path, gateway_socket_path(gateway), sizeof(address.sun_path) - 1);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(send(fd, text, strlen(text) + 1, MSG_NOSIGNAL), (ssize_t)strlen(text) + 1);
    return fd;
}

/* It ends with a NUL; until then it stays in the socket. */
char *calls_answer(int connection)
{
    cleanup_(freep) char *bytes = calloc(1, ANSWER_MAX);
    ssize_t n;

    ck_assert_ptr_nonnull(bytes);
    n = recv(connection, bytes, ANSWER_MAX, MSG_PEEK | MSG_DONTWAIT);
    ck_assert_msg(n != 0, "the daemon closed the connection");
    ck_assert(n > 0 || errno == EAGAIN);
    return n > 0 && memchr(bytes, '\0', (size_t)n) ? TAKE_PTR(bytes) : NULL;
}

json_t *calls_policy(const char *text, int confirm)
{
    json_t *parameters = json_pack("{s:[{s:s, s:s}], s:s}", "texts", "name", "policy.yaml", "text",
                                   text, "reason", "test");

    ck_assert_ptr_nonnull(parameters);
    if (confirm > 0)
        ck_assert_int_eq(json_object_set_new(parameters, "confirm", json_integer(confirm)), 0);
    return parameters;
}

static void assert_ok(const struct gateway *gateway, const char *method)
{
    cleanup_(json_decrefp) json_t *reply = calls_do(gateway, method, NULL);
    cleanup_(freep) char *text = json_dumps(reply, JSON_INDENT(1));

    ck_assert_msg(json_is_true(json_object_get(reply, "ok")), "%s: %s", method, text);
}

void calls_verify(const struct gateway *gateway)
{
    assert_ok(gateway, "Verify");
    assert_ok(gateway, "VerifyAudit");
}

/* Takes away each occurrence of the word and what stands behind it up to one of these bytes. */
static void cut(char *text, const char *word, const char *end)
{
    while ((text = strstr(text, word))) {
        size_t length = strlen(word) + strcspn(text + strlen(word), end);

        memmove(text, text + length, strlen(text + length) + 1);
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Writes the parts of the text in order. */
static void write_sorted(FILE *stream, char *text, const char *separators)
{
    char *list[PARTS_MAX], *part;
    size_t n = 0;

    while ((part = strsep(&text, separators))) {
        part += strspn(part, "\n\t ");
        if (!*part)
            continue;
        ck_assert_uint_lt(n, PARTS_MAX);
        list[n++] = part;
    }
    qsort(list, n, sizeof(*list), compare_texts);
    for (size_t i = 0; i < n; i++)
        fprintf(stream, "%s\n", list[i]);
}

/* Sorts what stands between the braces of elements, and makes each object end with END. */
static char *sort_elements(char *text)
{
    static const char start[] = "elements = {";
    char *sorted = NULL, *rest, *elements, *end;
    size_t size;
    FILE *stream = open_memstream(&sorted, &size);

    ck_assert_ptr_nonnull(stream);
    for (rest = text; (elements = strstr(rest, start)); rest = end + 1) {
        *elements = '\0';
        fputs(rest, stream);
        elements += strlen(start);
        end = strchr(elements, '}');
        ck_assert_ptr_nonnull(end);
        *end = '\0';
        write_sorted(stream, elements, ",\n");
    }
    fputs(rest, stream);
    ck_assert_int_eq(fclose(stream), 0);
    for (char *close = sorted; (close = strstr(close, "\n\t}"));)
        close[2] = END;
    return sorted;
}

char *calls_listing(void)
{
    static const char *const arguments[] = {"nft", "list", "table", "inet", "segd", NULL};
    cleanup_(freep) char *text = NULL;
    cleanup_(freep) char *sorted = NULL;
    char *listing = NULL;
    size_t size;
    FILE *stream = open_memstream(&listing, &size);

    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(sandbox_run(arguments, NULL, &text), 0);
    cut(text, "table inet segd {", "\n");
    cut(text, "\n\tflags ", "\n");
    cut(text, "chain generation/", " ");
    cut(text, "comment \"grant-", "\"");
    cut(text, " expires ", " \n,");
    cut(text, "timeout ", " \n,");
    cut(text, "packets ", " \n,");
    cut(text, "bytes ", " \n,");
    sorted = sort_elements(text);
    write_sorted(stream, sorted, (const char[]){END, '\0'});
    ck_assert_int_eq(fclose(stream), 0);
    return listing;
}

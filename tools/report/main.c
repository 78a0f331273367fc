/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segd-report: answers systemd, which asks for the metrics of a machine at every socket in
 * /run/systemd/report. systemd starts one for each connection, which is its standard input and
 * output, so that who reads slowly keeps nobody waiting.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "control/client.h"
#include "metrics/metrics.h"

#define INTERFACE "io.systemd.Metrics"
#define CALL_MAX 65536
#define CALL_VALUES_MAX 1000
/* systemd waits for 30 s. */
#define LIMIT (8 * USEC_PER_SEC)

/* Made from io.systemd.Metrics.varlink. */
extern const char varlink_metrics_description[];

/* Asks segd; where it does not tell there are no metrics of its status. Returns 0 or -ENOMEM. */
static int ask(const char *socket, struct metrics *metrics)
{
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL;
    int r = client_connect_within(socket, LIMIT, &client);

    if (r == 0)
        r = client_call(client, metrics_methods[METRICS_STATUS], NULL, &reply, &error);
    if (r < 0)
        fprintf(stderr, "segd-report: %s: %s\n", socket, error ? error : strerror(-r));
    return r < 0 ? 0 : metrics_add(metrics, METRICS_STATUS, reply);
}

static int send_list(const char *socket)
{
    cleanup_(metrics_clear) struct metrics metrics = {0};
    cleanup_(freep) char *text = NULL;
    size_t size = 0;
    int r = ask(socket, &metrics);

    if (r == 0)
        r = metrics_report(&metrics, &text, &size);
    return r < 0 ? r : file_write_all(STDOUT_FILENO, text, size);
}

static int send_families(void)
{
    cleanup_(freep) char *text = NULL;
    size_t size = 0;
    int r = metrics_report_families(&text, &size);

    return r < 0 ? r : file_write_all(STDOUT_FILENO, text, size);
}

/* Takes the message; NULL: there was no memory for it. */
static int send_message(json_t *message)
{
    size_t size = 0;
    cleanup_(freep) char *text = message ? varlink_encode(message, &size) : NULL;

    json_decref(message);
    return text ? file_write_all(STDOUT_FILENO, text, size) : -ENOMEM;
}

static int send_error(const char *name, const char *parameter, const char *value)
{
    json_t *parameters = parameter ? json_pack("{s:s}", parameter, value) : json_object();

    return send_message(json_pack("{s:o, s:o}", "error", json_sprintf(VARLINK_SERVICE ".%s", name),
                                  "parameters", parameters));
}

static int send_info(void)
{
    return send_message(json_pack("{s:{s:s, s:s, s:s, s:s, s:[s, s]}}", "parameters", "vendor",
                                  "segd", "product", "segd-report", "version", SEGD_VERSION, "url",
                                  "", "interfaces", INTERFACE, VARLINK_SERVICE));
}

static int send_description(const json_t *parameters)
{
    const char *name = json_string_value(json_object_get(parameters, "interface"));
    const char *text = NULL;

    if (name && strcmp(name, INTERFACE) == 0)
        text = varlink_metrics_description;
    else if (name && strcmp(name, VARLINK_SERVICE) == 0)
        text = varlink_service_description;
    if (!text)
        return send_error("InterfaceNotFound", "interface", name ? name : "");
    return send_message(json_pack("{s:{s:s}}", "parameters", "description", text));
}

/* Returns 1, or -errno where the connection is of no more use. */
static int answer(const json_t *call, const char *socket)
{
    const char *method = json_string_value(json_object_get(call, "method"));
    const bool is_list = method && strcmp(method, INTERFACE ".List") == 0;
    const bool is_families = method && strcmp(method, INTERFACE ".Describe") == 0;
    int r;

    if (!method || json_is_true(json_object_get(call, "oneway")))
        return -EPROTO;
    if ((is_list || is_families) && !json_is_true(json_object_get(call, "more")))
        r = send_error("ExpectedMore", NULL, NULL);
    else if (is_list)
        r = send_list(socket);
    else if (is_families)
        r = send_families();
    else if (strcmp(method, VARLINK_SERVICE ".GetInfo") == 0)
        r = send_info();
    else if (strcmp(method, VARLINK_SERVICE ".GetInterfaceDescription") == 0)
        r = send_description(json_object_get(call, "parameters"));
    else
        r = send_error("MethodNotFound", "method", method);
    return r < 0 ? r : 1;
}

/* Waits for more of a call. Returns 1, 0 where the client has gone, or -errno. */
static int read_more(struct varlink_input *input)
{
    struct pollfd input_fd = {.fd = STDIN_FILENO, .events = POLLIN};
    int r;

    do {
        if (poll(&input_fd, 1, -1) < 0 && errno != EINTR)
            return -errno;
        r = varlink_input_read(input, STDIN_FILENO);
    } while (r == -EAGAIN);
    return r;
}

/* Answers until the client goes. Returns 0 or -errno. */
static int serve(const char *socket)
{
    cleanup_(varlink_input_clear) struct varlink_input input = {.limit = CALL_MAX,
                                                                .values = CALL_VALUES_MAX};
    int r = 1;

    while (r > 0) {
        cleanup_(json_decrefp) json_t *call = NULL;

        r = varlink_input_next(&input, &call);
        if (r == 0)
            r = read_more(&input);
        else if (r > 0)
            r = answer(call, socket);
    }
    return r;
}

int main(int argc, char **argv)
{
    int r;

    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fputs(
            "Usage: segd-report [SOCKET]\n\n"
            "Answers io.systemd.Metrics on standard input and output with what segd tells at its\n"
            "control socket (default " CONTROL_SOCKET_DEFAULT "). systemd runs it.\n",
            strcmp(argv[1], "--help") == 0 ? stdout : stderr);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    r = serve(argc == 2 ? argv[1] : CONTROL_SOCKET_DEFAULT);
    if (r < 0)
        fprintf(stderr, "segd-report: %s\n", strerror(-r));
    return r < 0;
}

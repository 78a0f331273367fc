/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segd-exporter: serves what segd tells a viewer to scrapers. It is not part of segd, so that no
 * web server runs with segd's rights: it has none but to connect to the control socket.
 */

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "base/instant.h"
#include "control/client.h"
#include "http.h"

#define LISTEN_DEFAULT "127.0.0.1:9976"
#define VERIFY_DEFAULT "10m"
#define HOST_MAX 64
/* When segd is asked again that did not tell. */
#define RETRY_VERIFY (30 * USEC_PER_SEC)

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_WRONG_USAGE = 2,
};

struct options {
    const char *listen;
    const char *socket;
    usec_t verify; /* between two; USEC_NEVER */
};

static void print_help(void)
{
    fputs("Usage: segd-exporter [OPTION]...\n\n"
          "Serves the metrics of segd at http://ADDRESS:PORT/metrics, for Prometheus and its "
          "like.\n\n"
          "  --listen ADDRESS:PORT  where (default " LISTEN_DEFAULT "; [::1]:9976)\n"
          "  --verify TIME          have segd compare the kernel with what was applied this often\n"
          "                         (default " VERIFY_DEFAULT "), or `never`\n"
          "  --socket PATH          where segd answers (default " CONTROL_SOCKET_DEFAULT ")\n"
          "  --help                 show this help\n"
          "  --version              show the version\n",
          stdout);
}

static bool read_verify(const char *text, usec_t *ret_span)
{
    if (strcmp(text, "never") == 0) {
        *ret_span = USEC_NEVER;
        return true;
    }
    if (span_parse(text, ret_span) == 0)
        return true;
    fprintf(stderr, "segd-exporter: `%s` is not a time such as 10m, and not `never`\n", text);
    return false;
}

/* Returns true to go on; false where the program ends with `*ret_exit_code`. */
static bool read_options(int argc, char **argv, struct options *options, int *ret_exit_code)
{
    static const struct option known[] = {
        {"listen", required_argument, NULL, 'l'}, {"verify", required_argument, NULL, 'v'},
        {"socket", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},      {0},
    };
    bool is_right = read_verify(VERIFY_DEFAULT, &options->verify);
    int option;

    while (is_right && (option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        *ret_exit_code = EXIT_DONE;
        switch (option) {
        case 'l':
            options->listen = optarg;
            break;
        case 's':
            options->socket = optarg;
            break;
        case 'v':
            is_right = read_verify(optarg, &options->verify);
            break;
        case 'h':
            print_help();
            return false;
        case 'V':
            puts("segd-exporter " SEGD_VERSION);
            return false;
        default:
            is_right = false;
        }
    }
    if (is_right && optind < argc)
        fprintf(stderr, "segd-exporter: unexpected argument `%s`\n", argv[optind]);
    *ret_exit_code = EXIT_WRONG_USAGE;
    return is_right && optind == argc;
}

/* Splits `127.0.0.1:9976` or `[::1]:9976` and finds the address. Returns what getaddrinfo() does.
 */
static int find_address(const char *text, struct addrinfo **ret_address)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_socktype = SOCK_STREAM};
    const char *colon = strrchr(text, ':');
    const bool is_bracketed = text[0] == '[' && colon && colon > text && colon[-1] == ']';
    const size_t length = colon ? (size_t)(colon - text) : 0;
    char host[HOST_MAX];

    if (length < (is_bracketed ? 3 : 1) || length >= sizeof(host))
        return EAI_NONAME;
    snprintf(host, sizeof(host), "%.*s", (int)length - 2 * is_bracketed, text + is_bracketed);
    return getaddrinfo(host, colon + 1, &hints, ret_address);
}

static int listen_at(const struct addrinfo *address, int *ret_fd)
{
    cleanup_(closep) int fd =
        socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Says where it listens: a port of 0 is any that is free. */
static void print_address(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    char host[HOST_MAX], port[8];

    if (getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
        getnameinfo((const struct sockaddr *)&address, length, host, sizeof(host), port,
                    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        printf(address.ss_family == AF_INET6 ? "listening on [%s]:%s\n" : "listening on %s:%s\n",
               host, port);
    fflush(stdout);
}

static int start_listening(const char *text, int *ret_fd)
{
    struct addrinfo *address = NULL;
    int r = find_address(text, &address), fd = -1;

    if (r != 0) {
        fprintf(stderr,
                "segd-exporter: `%s` is not an address and a port such as " LISTEN_DEFAULT "\n",
                text);
        return -EINVAL;
    }
    r = listen_at(address, &fd);
    freeaddrinfo(address);
    if (r < 0) {
        fprintf(stderr, "segd-exporter: cannot listen on %s: %s\n", text, strerror(-r));
        return r;
    }
    print_address(fd);
    *ret_fd = fd;
    return 0;
}

/* Milliseconds until the next thing to do; -1: nothing. */
static int time_left(struct MHD_Daemon *http, usec_t next_verify)
{
    MHD_UNSIGNED_LONG_LONG connections;
    usec_t left = USEC_NEVER;

    if (next_verify != USEC_NEVER)
        left = (next_verify - calendar_clock(CLOCK_MONOTONIC)) / 1000 + 1;
    if (MHD_get_timeout(http, &connections) == MHD_YES && (usec_t)connections < left)
        left = (usec_t)connections;
    if (left == USEC_NEVER)
        return -1;
    return left < 0 ? 0 : left < INT32_MAX ? (int)left : INT32_MAX;
}

/* Serves until a signal ends it. Returns 0 or -errno. */
static int serve(struct MHD_Daemon *http, struct scraper *scraper, usec_t interval, int signals)
{
    struct pollfd fds[] = {{http_fd(http), POLLIN, 0}, {signals, POLLIN, 0}};
    usec_t next = interval == USEC_NEVER ? USEC_NEVER : calendar_clock(CLOCK_MONOTONIC);

    for (;;) {
        int n = poll(fds, ELEMENTS_OF(fds), time_left(http, next));

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0 && fds[1].revents)
            return 0;
        if (MHD_run(http) != MHD_YES)
            return -EIO;
        if (next != USEC_NEVER && calendar_clock(CLOCK_MONOTONIC) >= next) {
            usec_t wait =
                scrape_verify(scraper) || interval < RETRY_VERIFY ? interval : RETRY_VERIFY;

            next = calendar_clock(CLOCK_MONOTONIC) + wait;
        }
    }
}

/* A descriptor for the signals that end the program. Returns it, or -errno. */
static int catch_signals(void)
{
    sigset_t signals;
    int fd;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -errno;
    fd = signalfd(-1, &signals, SFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int main(int argc, char **argv)
{
    struct options options = {LISTEN_DEFAULT, CONTROL_SOCKET_DEFAULT, 0};
    struct scraper scraper = {.exporter.start_time = calendar_now()};
    cleanup_(MHD_stop_daemonp) struct MHD_Daemon *http = NULL;
    cleanup_(closep) int signals = -1;
    int exit_code, fd, r;

    if (!read_options(argc, argv, &options, &exit_code))
        return exit_code;
    scraper.socket = options.socket;
    signals = catch_signals();
    r = signals < 0 ? signals : start_listening(options.listen, &fd);
    if (r < 0)
        return r == -EINVAL ? EXIT_WRONG_USAGE : EXIT_FAILED;
    http = http_start(fd, &scraper);
    if (!http) {
        fputs("segd-exporter: cannot serve\n", stderr);
        close(fd);
        return EXIT_FAILED;
    }

    r = serve(http, &scraper, options.verify, signals);
    if (r < 0)
        fprintf(stderr, "segd-exporter: cannot go on: %s\n", strerror(-r));
    return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

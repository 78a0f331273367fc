/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl top: which flows carry most, now. It samples the counters every other second and shows the
 * difference, over any terminal of at least a few lines, also over ssh. Where segd does not answer
 * for a while, it says so and goes on.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "loaded.h"
#include "rates.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

#define INTERVAL_LEAST 1
#define INTERVAL_DEFAULT 2
#define INTERVAL_MOST 60
/* Lines besides those of flows. */
#define OTHER_LINES 5

/* The alternate screen without a cursor, and back. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

struct sample {
    struct counters_reply counters;
    usec_t at; /* by CLOCK_MONOTONIC; 0: none yet */
};

struct top {
    struct remote *remote;
    struct flows_reply flows; /* for labels; of the generation of `sample` */
    struct sample sample, earlier;
    struct rates rates;
    enum rate_order order;
    int interval; /* seconds */
    bool paused;
    bool lost;    /* segd did not answer */
    size_t first; /* line of flows that is shown first */
    struct screen screen;
    int signals;
};

static void sample_clear(struct sample *sample)
{
    record_clear(&counters_reply_type, &sample->counters);
    sample->at = 0;
}

static void top_clear(struct top *top)
{
    sample_clear(&top->sample);
    sample_clear(&top->earlier);
    rates_clear(&top->rates);
    record_clear(&flows_reply_type, &top->flows);
    closep(&top->signals);
}

/* A reply as its structure. Returns 0, 1 where segd does not answer, or -ENOMEM. */
static int call(const struct top *top, const char *method, const struct record_type *type,
                void *record)
{
    cleanup_(json_decrefp) json_t *reply = NULL;

    if (!remote_try(top->remote, method, NULL, &reply))
        return 1;
    return record_decode_reply(type, reply, record);
}

static bool is_new_policy(const struct top *top)
{
    return top->earlier.at == 0 ||
           top->sample.counters.generation != top->earlier.counters.generation ||
           top->sample.counters.n_names != top->earlier.counters.n_names;
}

/* Labels of the flows change with the generation only. Returns as call(). */
static int learn_flows(struct top *top)
{
    if (!is_new_policy(top))
        return 0;
    record_clear(&flows_reply_type, &top->flows);
    return call(top, "GetFlows", &flows_reply_type, &top->flows);
}

/* Returns 0 or -ENOMEM. */
static int take_sample(struct top *top)
{
    struct sample next = {0};
    const struct counters_reply *earlier;
    int r = call(top, "GetCounters", &counters_reply_type, &next.counters);

    if (r < 0)
        return r;
    top->lost = r > 0;
    if (r > 0)
        return 0;
    next.at = calendar_clock(CLOCK_MONOTONIC);
    sample_clear(&top->earlier);
    top->earlier = top->sample;
    top->sample = next;

    rates_clear(&top->rates);
    earlier = top->earlier.at > 0 ? &top->earlier.counters : NULL;
    r = rates_of(earlier, &top->sample.counters, top->sample.at - top->earlier.at, &top->rates);
    return r == 0 && learn_flows(top) < 0 ? -ENOMEM : r;
}

static const char *label_of(const struct top *top, const char *name)
{
    for (size_t i = 0; i < top->flows.n_flows; i++) {
        if (strcmp(top->flows.flows[i].name, name) == 0)
            return reply_label(name, top->flows.flows[i].label);
    }
    return "";
}

static const char *format_amount(double amount, char buffer[16])
{
    static const char units[] = " kMGTP";
    size_t unit = 0;

    for (; amount >= 999.5 && unit + 2 < sizeof(units); unit++)
        amount /= 1000;
    snprintf(buffer, 16, "%.*f%.*s", amount < 9.95 && unit > 0 ? 1 : 0, amount, unit > 0,
             units + unit);
    return buffer;
}

/* One line of the screen; what was there before is cleared. */
static void put_line(const struct top *top, const char *sgr, const char *text)
{
    if (top->screen.colour && sgr)
        printf("\033[%sm", sgr);
    text_show_cut(stdout, text, strlen(text), top->screen.width);
    fputs(top->screen.colour && sgr ? "\033[0m\033[K\r\n" : "\033[K\r\n", stdout);
}

static void put_head(const struct top *top)
{
    static const char *const orders[] = {[RATE_BYTES] = "bytes",
                                         [RATE_PACKETS] = "packets",
                                         [RATE_TOTAL] = "total",
                                         [RATE_NAME] = "name"};
    const struct rate *sum = &top->rates.sum;
    char there[16], back[16], packets[16], line[256];
    time_t now = time(NULL);
    struct tm tm = {0};

    localtime_r(&now, &tm);
    snprintf(line, sizeof(line),
             "%02d:%02d:%02d  every %d s, by %s%s; generation %" PRIu64 ", %zu flows live",
             tm.tm_hour, tm.tm_min, tm.tm_sec, top->interval, orders[top->order],
             top->paused ? ", PAUSED" : "", top->sample.counters.generation, top->rates.n_rates);
    put_line(top, "1", line);
    if (top->lost) {
        put_line(top, "1;31", "SEGD DOES NOT ANSWER; what follows is older. Trying again");
        return;
    }
    snprintf(line, sizeof(line), "all flows: %sB/s there, %sB/s back, %s packets/s",
             format_amount(sum->original_bytes, there), format_amount(sum->reply_bytes, back),
             format_amount(sum->original_packets + sum->reply_packets, packets));
    put_line(top, NULL, line);
}

static void put_flow(const struct top *top, const struct rate *rate)
{
    char there[16], back[16], packets[16], total[16];
    const char *label = label_of(top, rate->name);
    cleanup_(freep) char *line = NULL;

    if (asprintf(&line, "%8s %8s %8s %8s  %s%s%s", format_amount(rate->original_bytes, there),
                 format_amount(rate->reply_bytes, back),
                 format_amount(rate->original_packets + rate->reply_packets, packets),
                 format_amount((double)rate->bytes, total), rate->name, *label ? "  " : "",
                 label) < 0) {
        line = NULL;
        return;
    }
    put_line(top, rate->original_packets + rate->reply_packets > 0 ? "1" : NULL, line);
}

static size_t page(const struct top *top)
{
    return top->screen.height > OTHER_LINES ? top->screen.height - OTHER_LINES : 1;
}

static void draw(struct top *top)
{
    const size_t n = top->rates.n_rates;

    top->screen = screen_get(false);
    top->screen.width = top->screen.width > 0 ? top->screen.width : 80;
    top->screen.height = top->screen.height > 0 ? top->screen.height : 24;
    rates_sort(&top->rates, top->order);
    top->first = top->first < n ? top->first : 0;

    fputs("\033[H", stdout);
    put_head(top);
    put_line(top, "7", " THERE/s   BACK/s   PKTS/s    BYTES  FLOW");
    for (size_t i = top->first; i < n && i < top->first + page(top); i++)
        put_flow(top, &top->rates.rates[i]);
    fputs("\033[J", stdout);
    printf("\033[%u;1H", top->screen.height);
    text_show_cut(stdout, "q quit  b bytes  p packets  t total  n name  +/- interval  space pause",
                  70, top->screen.width - 1);
    fflush(stdout);
}

/* Returns false to end. */
static bool obey(struct top *top, char key)
{
    switch (key) {
    case 'q':
    case 3: /* the terminal gives no signals */
        return false;
    case 'b':
        top->order = RATE_BYTES;
        break;
    case 'p':
        top->order = RATE_PACKETS;
        break;
    case 't':
        top->order = RATE_TOTAL;
        break;
    case 'n':
        top->order = RATE_NAME;
        break;
    case '+':
        top->interval += top->interval < INTERVAL_MOST;
        break;
    case '-':
        top->interval -= top->interval > INTERVAL_LEAST;
        break;
    case ' ':
        top->paused = !top->paused;
        break;
    case 'j':
        top->first += top->first + 1 < top->rates.n_rates;
        break;
    case 'k':
        top->first -= top->first > 0;
        break;
    default:
        break;
    }
    return true;
}

/* Waits for the next sample, a key or another size. Returns 1 to go on, 0 to end, or -errno. */
static int wait_for_event(struct top *top)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = top->signals, .events = POLLIN}};
    const usec_t next = top->sample.at + top->interval * USEC_PER_SEC;
    const usec_t now = calendar_clock(CLOCK_MONOTONIC);
    struct signalfd_siginfo told;
    char key;
    int r, timeout = next > now ? (int)((next - now) / 1000) + 1 : top->lost ? 1000 : 0;

    r = poll(fds, ELEMENTS_OF(fds), top->paused ? -1 : timeout);
    if (r < 0)
        return errno == EINTR ? 1 : -errno;
    if (fds[1].revents && read(top->signals, &told, sizeof(told)) == sizeof(told) &&
        told.ssi_signo != SIGWINCH)
        return 0;
    if (fds[0].revents)
        return read(STDIN_FILENO, &key, 1) == 1 && obey(top, key);
    if (r == 0)
        return take_sample(top) < 0 ? -ENOMEM : 1;
    return 1;
}

static int run_until_quit(struct top *top)
{
    int r = take_sample(top);

    r = r < 0 ? r : 1;
    while (r > 0) {
        draw(top);
        r = wait_for_event(top);
    }
    return r;
}

/* Signals become events, so that the terminal is left as it was. */
static int catch_signals(struct top *top)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    top->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return top->signals < 0 ? -errno : 0;
}

static int run_on_terminal(struct top *top)
{
    struct termios before, raw;
    int r;

    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return -errno;
    raw = before;
    cfmakeraw(&raw);
    r = catch_signals(top);
    if (r < 0)
        return r;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) < 0)
        return -errno;
    fputs(ENTER, stdout);
    r = run_until_quit(top);
    fputs(LEAVE, stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    return r;
}

int run_top(const struct command *command, int argc, char **argv)
{
    static const struct remote_method method = {"GetCounters", .fields = {{0}}};
    cleanup_(remote_clear) struct remote remote = {0};
    cleanup_(top_clear) struct top top = {
        .remote = &remote, .interval = INTERVAL_DEFAULT, .signals = -1};
    cleanup_(json_decrefp) json_t *reply = NULL;
    int exit_code, r;

    if (!remote_begin(&remote, command, argc, argv, &method, &exit_code))
        return exit_code;
    if (remote.json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return command_usage(command, "it needs a terminal; for programs: segctl flows --json");
    /* What is wrong from the beginning is an error as of other commands. */
    exit_code = remote_call(&remote, method.name, &reply);
    if (exit_code != EXIT_YES)
        return exit_code;
    r = run_on_terminal(&top);
    if (r == -ENOMEM)
        return command_no_memory();
    return r < 0 ? remote_fail(&remote, EXIT_FAILED, "failed", NULL, "the terminal failed: %s",
                               strerror(-r))
                 : EXIT_YES;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Programs with a clock and a scale. Each run has a helper process that enters a new namespace and
 * is nothing but a small parent there: a large one would count in its child's memory until the
 * child has become the program.
 */

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lab/lab.h"

/* What a call takes of the daemon before it goes over to a process of its own. */
#define BUSY_MSEC 2

/* What is run, and by the helper filled with what it cost. */
struct run {
    const char *const *program;
    bool daemon;
    struct process_cost cost;
    struct process_command commands[PROCESS_COMMANDS_MAX];
    size_t n_commands;
    bool restarts;
    struct process_cost again;
};

struct answer {
    int result;
    struct run run;
};

static double clock_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double msec_of(struct timeval span)
{
    return (double)span.tv_sec * 1e3 + (double)span.tv_usec / 1e3;
}

static pid_t spawn(const char *const *arguments, int output)
{
    pid_t child = fork();

    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    if (dup2(output, STDOUT_FILENO) >= 0) {
        /* execvp() takes its arguments as not const and leaves them alone. */
        /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
        execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    }
    _exit(127);
}

static int wait_for(pid_t child, struct rusage *usage)
{
    int status;

    while (wait4(child, &status, 0, usage) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

static int run_to_end(const char *const *arguments, int output, struct process_cost *ret_cost)
{
    double start = clock_msec();
    struct rusage usage = {0};
    pid_t child = spawn(arguments, output);
    int r = child < 0 ? -errno : wait_for(child, &usage);

    if (r < 0)
        return r;
    ret_cost->msec = clock_msec() - start;
    ret_cost->cpu_msec = msec_of(usage.ru_utime) + msec_of(usage.ru_stime);
    ret_cost->peak_kib = (double)usage.ru_maxrss;
    return 0;
}

/* A socket for notifications by an address the kernel chooses, which goes into the environment. */
static int open_notifications(void)
{
    cleanup_(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof(sa_family_t);
    char text[sizeof(address.sun_path) + 1] = "@";

    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, size) < 0)
        return -errno;
    size = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    memcpy(text + 1, address.sun_path + 1, size - offsetof(struct sockaddr_un, sun_path) - 1);
    if (setenv("NOTIFY_SOCKET", text, 1) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* Waits for the line `READY=1`, or the end of the daemon. */
static int wait_ready(int notifications, pid_t child)
{
    char message[4096];

    for (;;) {
        struct timeval second = {.tv_sec = 1};
        ssize_t n;

        if (setsockopt(notifications, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)) < 0)
            return -errno;
        n = recv(notifications, message, sizeof(message) - 1, 0);
        if (n >= 0) {
            message[n] = '\0';
            if (strncmp(message, "READY=1", 7) == 0 || strstr(message, "\nREADY=1"))
                return 0;
        } else if (errno != EAGAIN && errno != EINTR) {
            return -errno;
        } else {
            siginfo_t end = {0};

            if (waitid(P_PID, (id_t)child, &end, WEXITED | WNOHANG | WNOWAIT) < 0 || end.si_pid)
                return -ECHILD;
        }
    }
}

static int read_memory(pid_t child, struct process_cost *cost)
{
    char path[64], line[256];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", child);
    file = fopen(path, "re");
    if (!file)
        return -errno;
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, "VmHWM:", 6) == 0)
            cost->peak_kib = strtod(line + 6, NULL);
        if (strncmp(line, "VmRSS:", 6) == 0)
            cost->resident_kib = strtod(line + 6, NULL);
    }
    fclose(file);
    return cost->peak_kib > 0 ? 0 : -EIO;
}

/* The first number is nanoseconds spent on a processor, see proc(5) on /proc/PID/schedstat. */
static int read_cpu(pid_t child, double *ret_msec)
{
    char path[64];
    uint64_t nsec;
    FILE *file;
    int n;

    snprintf(path, sizeof(path), "/proc/%d/schedstat", child);
    file = fopen(path, "re");
    if (!file)
        return -errno;
    n = fscanf(file, "%" SCNu64, &nsec);
    fclose(file);
    if (n != 1)
        return -EIO;
    *ret_msec = (double)nsec / 1e6;
    return 0;
}

/* Time of the process and of the children that it has waited for: numbers 14 to 17 of proc(5) on
 * /proc/PID/stat, after a name without blanks. */
static int read_cpu_all(pid_t child, double *ret_msec)
{
    unsigned long ticks[4];
    char path[64];
    FILE *file;
    int n;

    snprintf(path, sizeof(path), "/proc/%d/stat", child);
    file = fopen(path, "re");
    if (!file)
        return -errno;
    n = fscanf(file, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu %lu %lu",
               &ticks[0], &ticks[1], &ticks[2], &ticks[3]);
    fclose(file);
    if (n != 4)
        return -EIO;
    *ret_msec =
        (double)(ticks[0] + ticks[1] + ticks[2] + ticks[3]) * 1e3 / (double)sysconf(_SC_CLK_TCK);
    return 0;
}

/* Waits until the daemon has waited for its children; one of those that it forks for answers ends
 * after its client has the answer. */
static int wait_idle(pid_t daemon)
{
    char path[64];
    int found;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", daemon, daemon);
    do {
        FILE *file = fopen(path, "re");

        if (!file)
            return -errno;
        found = fgetc(file);
        fclose(file);
    } while (found != EOF);
    return 0;
}

/* Lets the peak of memory begin anew: 5 is what proc(5) says for it. */
static int reset_peak(pid_t child)
{
    char path[64];
    FILE *file;
    bool written;

    snprintf(path, sizeof(path), "/proc/%d/clear_refs", child);
    file = fopen(path, "we");
    if (!file)
        return -errno;
    written = fputs("5\n", file) >= 0;
    return fclose(file) == 0 && written ? 0 : -EIO;
}

/* Waits until the daemon has spent time on what it was asked for, or the asking has ended. */
static int wait_busy(pid_t daemon, pid_t asking)
{
    siginfo_t end = {0};
    double before = 0, now = 0;
    int r = read_cpu(daemon, &before);

    while (r == 0 && end.si_pid == 0 && now < before + BUSY_MSEC) {
        r = read_cpu(daemon, &now);
        if (r == 0 && waitid(P_PID, (id_t)asking, &end, WEXITED | WNOHANG | WNOWAIT) < 0)
            r = -errno;
    }
    return r;
}

/* The command alone, or while the daemon works on the other one. */
static int run_two(pid_t daemon, const struct process_command *command, int output,
                   struct process_cost *ret_cost)
{
    struct rusage usage;
    pid_t other;
    int r, ended;

    if (!command->beside)
        return run_to_end(command->arguments, output, ret_cost);
    other = spawn(command->beside, output);
    if (other < 0)
        return -errno;
    r = wait_busy(daemon, other);
    if (r == 0)
        r = run_to_end(command->arguments, output, ret_cost);
    ended = wait_for(other, &usage);
    return r < 0 ? r : ended;
}

static int run_beside(pid_t daemon, struct process_command *command)
{
    cleanup_(closep) int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct process_cost cost = {0};
    double before = 0, after = 0;
    int r = nowhere < 0 ? -errno : reset_peak(daemon);

    if (r == 0)
        r = read_cpu_all(daemon, &before);
    if (r == 0)
        r = run_two(daemon, command, nowhere, &cost);
    if (r == 0)
        r = read_memory(daemon, &command->cost);
    if (r == 0)
        r = wait_idle(daemon);
    if (r == 0)
        r = read_cpu_all(daemon, &after);
    command->cost.msec = cost.msec;
    command->cost.cpu_msec = cost.cpu_msec + after - before;
    return r;
}

static int run_once(const char *const *program, struct process_cost *ret_cost,
                    struct process_command *commands, size_t n_commands)
{
    cleanup_(closep) int notifications = open_notifications();
    double start = clock_msec();
    struct rusage usage;
    pid_t child;
    int r;

    if (notifications < 0)
        return notifications;
    child = spawn(program, STDERR_FILENO);
    if (child < 0)
        return -errno;

    r = wait_ready(notifications, child);
    ret_cost->msec = clock_msec() - start;
    if (r == 0)
        r = read_cpu_all(child, &ret_cost->cpu_msec);
    if (r == 0)
        r = read_memory(child, ret_cost);
    for (size_t i = 0; r == 0 && i < n_commands; i++)
        r = run_beside(child, &commands[i]);
    kill(child, SIGTERM);
    wait_for(child, &usage);
    return r;
}

static int run_daemon(struct run *run)
{
    int r = run_once(run->program, &run->cost, run->commands, run->n_commands);

    return r == 0 && run->restarts ? run_once(run->program, &run->again, NULL, 0) : r;
}

static void help(const struct run *run, int to)
{
    struct answer answer = {.run = *run};
    bool told;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    answer.result = lab_enter();
    if (answer.result == 0)
        answer.result = run->daemon ? run_daemon(&answer.run)
                                    : run_to_end(run->program, STDERR_FILENO, &answer.run.cost);
    told = write(to, &answer, sizeof(answer)) == sizeof(answer);
    _exit(told ? EXIT_SUCCESS : EXIT_FAILURE);
}

static int run_helped(struct run *run)
{
    cleanup_(closep) int from = -1, to = -1;
    struct answer answer = {.result = -ECHILD};
    int ends[2];
    pid_t helper;
    ssize_t n;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    from = ends[0];
    to = ends[1];

    helper = fork();
    if (helper < 0)
        return -errno;
    if (helper == 0)
        help(run, to);

    close(TAKE_FD(to));
    n = read(from, &answer, sizeof(answer));
    while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (n != sizeof(answer))
        return -ECHILD;
    if (answer.result == 0)
        *run = answer.run;
    return answer.result;
}

int process_run(const char *const *arguments, struct process_cost *ret_cost)
{
    struct run run = {.program = arguments};
    int r = run_helped(&run);

    if (r == 0)
        *ret_cost = run.cost;
    return r;
}

int process_start(const char *const *arguments, struct process_cost *ret_cost)
{
    return process_session(arguments, ret_cost, NULL, 0, NULL);
}

int process_session(const char *const *daemon, struct process_cost *ret_cost,
                    struct process_command *commands, size_t n_commands,
                    struct process_cost *ret_again)
{
    struct run run = {
        .program = daemon, .daemon = true, .n_commands = n_commands, .restarts = ret_again};
    int r;

    for (size_t i = 0; i < n_commands; i++)
        run.commands[i] = commands[i];
    r = run_helped(&run);
    if (r < 0)
        return r;

    for (size_t i = 0; i < n_commands; i++)
        commands[i] = run.commands[i];
    *ret_cost = run.cost;
    if (ret_again)
        *ret_again = run.again;
    return 0;
}

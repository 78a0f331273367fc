/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Programs with a clock and a scale. Each run has a helper process that enters a new namespace and
 * is nothing but a small parent there: a large one would count in its child's memory until the
 * child has become the program.
 */

#include "process.h"

#include <errno.h>
#include <fcntl.h>
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

struct answer {
    int result;
    struct process_cost cost;
};

typedef int (*runner)(const char *const *arguments, struct process_cost *ret_cost);

static double clock_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static pid_t spawn(const char *const *arguments)
{
    pid_t child = fork();

    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    if (dup2(STDERR_FILENO, STDOUT_FILENO) >= 0) {
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

static int run_to_end(const char *const *arguments, struct process_cost *ret_cost)
{
    double start = clock_msec();
    struct rusage usage = {0};
    pid_t child = spawn(arguments);
    int r = child < 0 ? -errno : wait_for(child, &usage);

    if (r < 0)
        return r;
    ret_cost->msec = clock_msec() - start;
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

static int run_until_ready(const char *const *arguments, struct process_cost *ret_cost)
{
    cleanup_(closep) int notifications = open_notifications();
    double start = clock_msec();
    struct rusage usage;
    pid_t child;
    int r;

    if (notifications < 0)
        return notifications;
    child = spawn(arguments);
    if (child < 0)
        return -errno;

    r = wait_ready(notifications, child);
    ret_cost->msec = clock_msec() - start;
    if (r == 0)
        r = read_memory(child, ret_cost);
    kill(child, SIGTERM);
    wait_for(child, &usage);
    return r;
}

static int run_helped(runner run, const char *const *arguments, struct process_cost *ret_cost)
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
    if (helper == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        answer.result = lab_enter();
        if (answer.result == 0)
            answer.result = run(arguments, &answer.cost);
        _exit(write(to, &answer, sizeof(answer)) == sizeof(answer) ? EXIT_SUCCESS : EXIT_FAILURE);
    }

    close(TAKE_FD(to));
    n = read(from, &answer, sizeof(answer));
    while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (n != sizeof(answer))
        return -ECHILD;
    if (answer.result == 0)
        *ret_cost = answer.cost;
    return answer.result;
}

int process_run(const char *const *arguments, struct process_cost *ret_cost)
{
    return run_helped(run_to_end, arguments, ret_cost);
}

int process_start(const char *const *arguments, struct process_cost *ret_cost)
{
    return run_helped(run_until_ready, arguments, ret_cost);
}

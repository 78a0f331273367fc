/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What children of segd have in common, whatever they are forked for: their costs are bounded, and
 * they do not outlive segd. */

#include "daemon/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Bytes of the process that RLIMIT_DATA counts. */
static rlim_t data_size(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    int n = file ? fscanf(file, "%*s %*s %*s %*s %*s %lu", &pages) : 0;

    if (file)
        fclose(file);
    return n == 1 ? (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) : 0;
}

int child_follow(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    return getppid() == parent ? 0 : -ESRCH;
}

int child_enter(pid_t daemon, size_t memory, unsigned cpu)
{
    const struct rlimit data = {data_size() + memory, data_size() + memory};
    const struct rlimit processor = {cpu, cpu + 1};
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    /* Where it cannot be written, the limit of memory holds. */
    if (fd >= 0) {
        if (write(fd, "1000", 4) < 0)
            errno = 0;
        close(fd);
    }
    if (setrlimit(RLIMIT_DATA, &data) < 0 || setrlimit(RLIMIT_CPU, &processor) < 0)
        return -errno;
    return child_follow(daemon);
}

bool child_has_ended(pid_t child, bool wait, int *ret_status)
{
    int status = 0;
    pid_t r;

    do {
        r = waitpid(child, &status, wait ? 0 : WNOHANG);
    } while (r < 0 && errno == EINTR);
    if (r == 0)
        return false;
    *ret_status = r < 0 ? -1 : status;
    return true;
}

bool child_succeeds(pid_t child)
{
    int status = 0;

    return child_has_ended(child, true, &status) && status == 0;
}

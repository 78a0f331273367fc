/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Runs segd for the tests of enforcement. Nothing waits for time to pass: what segd says over the
 * notification socket is the event, and its end, seen by a descriptor of the process, is the only
 * other thing that can happen. A test that fails takes its segd with it, by a death signal.
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "segd.h"
#include "lab/lab.h"
#include "policy/policy.h"
#include "sandbox.h"

#define NOTIFICATION_MAX 512
#define PATH_LENGTH_MAX 100
#define FIRST_HANDED 3
#define FIRST_HELD 100

struct segd {
    const char *policy;
    char folder[PATH_LENGTH_MAX];
    char file[PATH_LENGTH_MAX + 16]; /* of a policy that the test writes */
    char log[PATH_LENGTH_MAX + 16];
    char notify[PATH_LENGTH_MAX + 16];
    char state[PATH_LENGTH_MAX + 16];
    char socket[PATH_LENGTH_MAX + 16];
    int notify_socket;
    pid_t process; /* 0: not running */
    int process_fd;
    int held; /* of a pipe whose other end segd has, and its children with the sockets */
    bool has_store;
    int stored; /* what segd gave to the file-descriptor store, or -1 */
    char notification[NOTIFICATION_MAX];
};

/* systemd reads what it is told; a test that does not must not hold up segd. The limit is that of
 * this network namespace, for sockets that are made after it was set. */
static void lengthen_queues(void)
{
    FILE *file = fopen("/proc/sys/net/unix/max_dgram_qlen", "we");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_gt(fputs("100000", file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static int open_notify_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    lengthen_queues();
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_uint_lt(strlen(path), sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* As systemd hands over what its file-descriptor store holds: from descriptor 3 on. */
static bool hand_over(int stored)
{
    char process[16];

    if (stored < 0)
        return true;
    snprintf(process, sizeof(process), "%d", (int)getpid());
    setenv("LISTEN_PID", process, 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_FDNAMES", "nftables", 1);
    if (stored == FIRST_HANDED)
        return fcntl(stored, F_SETFD, 0) == 0;
    return dup2(stored, FIRST_HANDED) >= 0;
}

/* The end of the pipe, at a number that nobody else uses. */
static bool hold(int end)
{
    return fcntl(end, F_DUPFD, FIRST_HELD) >= 0;
}

/* `held` is the other end of the pipe. */
static _Noreturn void run_segd(const struct segd *segd, int held)
{
    const char *program = getenv("SEGD");
    int log = open(segd->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    cpu_set_t all;

    /* The lab keeps the test on one CPU; segd shall be as free as it is in life. */
    memset(&all, 0xff, sizeof(all));
    sched_setaffinity(0, sizeof(all), &all);
    if (program && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() != 1 && log >= 0 &&
        dup2(log, STDERR_FILENO) >= 0 && hold(held) && hand_over(segd->stored)) {
        unsetenv("JOURNAL_STREAM");
        setenv("NOTIFY_SOCKET", segd->notify, 1);
        execl(program, "segd", "--policy", segd->policy, "--state-dir", segd->state, "--socket",
              segd->socket, NULL);
    }
    _exit(127);
}

static struct segd *gateway_new(void)
{
    const char *temporary = getenv("TMPDIR");
    struct segd *segd = calloc(1, sizeof(*segd));

    ck_assert_msg(getenv("SEGD"), "SEGD must name the daemon to test");
    ck_assert_ptr_nonnull(segd);
    snprintf(segd->folder, sizeof(segd->folder), "%s/segd-test-XXXXXX",
             temporary ? temporary : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(segd->folder));
    snprintf(segd->file, sizeof(segd->file), "%s/policy.yaml", segd->folder);
    snprintf(segd->log, sizeof(segd->log), "%s/log", segd->folder);
    snprintf(segd->state, sizeof(segd->state), "%s/state", segd->folder);
    snprintf(segd->socket, sizeof(segd->socket), "%s/control", segd->folder);
    snprintf(segd->notify, sizeof(segd->notify), "%s/notify", segd->folder);
    segd->notify_socket = open_notify_socket(segd->notify);
    segd->stored = -1;
    return segd;
}

struct segd *segd_start(const char *policy)
{
    struct segd *segd = gateway_new();

    segd->policy = segd->file;
    if (policy)
        segd_write_policy(segd, policy);
    segd_start_again(segd);
    return segd;
}

struct segd *segd_enter(const char *policy)
{
    sandbox_enter();
    return segd_start(policy);
}

struct segd *segd_start_stored(const char *policy)
{
    struct segd *segd = gateway_new();

    segd->has_store = true;
    segd->policy = segd->file;
    segd_write_policy(segd, policy);
    segd_start_again(segd);
    return segd;
}

int segd_stored(const struct segd *segd)
{
    return segd->stored;
}

void segd_empty_store(struct segd *segd)
{
    closep(&segd->stored);
    segd->stored = -1;
}

struct segd *segd_start_at(const char *path)
{
    struct segd *segd = gateway_new();

    segd->policy = path;
    segd_start_again(segd);
    return segd;
}

void segd_spawn(struct segd *segd)
{
    int ends[2];

    ck_assert(!lab_in_root_namespace());
    ck_assert_int_eq(segd->process, 0);
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    segd->process = fork();
    ck_assert_int_ge(segd->process, 0);
    if (segd->process == 0)
        run_segd(segd, ends[1]);
    close(ends[1]);
    segd->held = ends[0];
    segd->process_fd = (int)syscall(SYS_pidfd_open, segd->process, 0);
    ck_assert_int_ge(segd->process_fd, 0);
}

void segd_start_again(struct segd *segd)
{
    segd_spawn(segd);
    segd_wait_ready(segd);
}

/* Of segd, and of what it shared with a child that it made just before: who owns the table may not
 * have ended with it yet. */
static int wait_for_end(struct segd *segd)
{
    int status;
    char byte;

    ck_assert_int_eq(waitpid(segd->process, &status, 0), segd->process);
    ck_assert_int_eq(read(segd->held, &byte, 1), 0);
    close(segd->held);
    close(segd->process_fd);
    segd->process = 0;
    return status;
}

void segd_stop(struct segd *segd)
{
    int status;

    ck_assert_int_gt(segd->process, 0);
    ck_assert_int_eq(kill(segd->process, SIGTERM), 0);
    status = wait_for_end(segd);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "segd left with status %x",
                  (unsigned)status);
    while (segd_notification(segd, false))
        ; /* STOPPING */
}

void segd_kill(struct segd *segd)
{
    ck_assert_int_gt(segd->process, 0);
    ck_assert_int_eq(kill(segd->process, SIGKILL), 0);
    wait_for_end(segd);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

struct segd *segd_free(struct segd *segd)
{
    if (!segd)
        return NULL;
    if (segd->process > 0)
        segd_kill(segd);
    close(segd->notify_socket);
    closep(&segd->stored);
    nftw(segd->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(segd);
    return NULL;
}

void segd_write_policy(struct segd *segd, const char *policy)
{
    FILE *file = fopen(segd->file, "we");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(policy, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

void segd_signal_reload(struct segd *segd)
{
    ck_assert_int_gt(segd->process, 0);
    ck_assert_int_eq(kill(segd->process, SIGHUP), 0);
}

/* Keeps the descriptor that came with a message, where there is a store; else it is closed. */
static void take_descriptor(struct segd *segd, struct msghdr *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    int fd;

    if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
        return;
    memcpy(&fd, CMSG_DATA(control), sizeof(fd));
    if (!segd->has_store || !strstr(segd->notification, "FDSTORE=1")) {
        close(fd);
        return;
    }
    closep(&segd->stored);
    segd->stored = fd;
}

static void receive(struct segd *segd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control;
    struct iovec text = {segd->notification, NOTIFICATION_MAX - 1};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(segd->notify_socket, &message, MSG_CMSG_CLOEXEC);

    ck_assert_int_ge(n, 0);
    segd->notification[n] = '\0';
    take_descriptor(segd, &message);
}

const char *segd_notification(struct segd *segd, bool wait)
{
    struct pollfd events[] = {
        {.fd = segd->notify_socket, .events = POLLIN},
        {.fd = segd->process_fd, .events = POLLIN},
    };
    cleanup_(freep) char *log = NULL;
    int r;

    do
        r = poll(events, segd->process > 0 ? 2 : 1, wait ? -1 : 0);
    while (r < 0 && errno == EINTR);
    ck_assert_int_ge(r, 0);
    if (!(events[0].revents & POLLIN)) {
        log = events[1].revents ? segd_log(segd) : NULL;
        ck_assert_msg(!log, "segd has ended; it wrote:\n%s", log);
        return NULL;
    }
    receive(segd);
    return segd->notification;
}

const char *segd_wait_ready(struct segd *segd)
{
    const char *text;

    do
        text = segd_notification(segd, true);
    while (!strstr(text, "READY=1"));
    return text;
}

static const char *reload(struct segd *segd, const char *policy)
{
    segd_write_policy(segd, policy);
    segd_signal_reload(segd);
    return segd_wait_ready(segd);
}

void segd_reload(struct segd *segd, const char *policy)
{
    const char *answer = reload(segd, policy);
    cleanup_(freep) char *log = segd_log(segd);

    ck_assert_msg(!strstr(answer, "refused") && strstr(answer, "STATUS=Enforcing"),
                  "%s\nsegd wrote:\n%s", answer, log);
}

void segd_reload_refused(struct segd *segd, const char *policy)
{
    const char *answer = reload(segd, policy);

    ck_assert_msg(strstr(answer, "refused"), "%s", answer);
}

const char *segd_state_path(const struct segd *segd)
{
    return segd->state;
}

const char *segd_socket_path(const struct segd *segd)
{
    return segd->socket;
}

const char *segd_policy_path(const struct segd *segd)
{
    return segd->policy;
}

char *segd_log(const struct segd *segd)
{
    cleanup_(closep) int fd = open(segd->log, O_RDONLY | O_CLOEXEC);
    struct stat status;
    char *text;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &status), 0);
    text = calloc(1, (size_t)status.st_size + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_ge(read(fd, text, (size_t)status.st_size), 0);
    return text;
}

pid_t segd_process(const struct segd *segd)
{
    return segd->process;
}

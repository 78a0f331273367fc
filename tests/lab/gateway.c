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

#include "gateway.h"
#include "lab/lab.h"
#include "policy/policy.h"
#include "sandbox.h"

#define NOTIFICATION_MAX 512
#define PATH_LENGTH_MAX 100
#define FIRST_HANDED 3

struct gateway {
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
    bool has_store;
    int stored; /* what segd gave to the file-descriptor store, or -1 */
    char notification[NOTIFICATION_MAX];
};

static int open_notify_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

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

static _Noreturn void run_segd(const struct gateway *gateway)
{
    const char *program = getenv("SEGD");
    int log = open(gateway->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    cpu_set_t all;

    /* The lab keeps the test on one CPU; segd shall be as free as it is in life. */
    memset(&all, 0xff, sizeof(all));
    sched_setaffinity(0, sizeof(all), &all);
    if (program && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() != 1 && log >= 0 &&
        dup2(log, STDERR_FILENO) >= 0 && hand_over(gateway->stored)) {
        unsetenv("JOURNAL_STREAM");
        setenv("NOTIFY_SOCKET", gateway->notify, 1);
        execl(program, "segd", "--policy", gateway->policy, "--state-dir", gateway->state,
              "--socket", gateway->socket, NULL);
    }
    _exit(127);
}

static struct gateway *gateway_new(void)
{
    const char *temporary = getenv("TMPDIR");
    struct gateway *gateway = calloc(1, sizeof(*gateway));

    ck_assert_msg(getenv("SEGD"), "SEGD must name the daemon to test");
    ck_assert_ptr_nonnull(gateway);
    snprintf(gateway->folder, sizeof(gateway->folder), "%s/segd-test-XXXXXX",
             temporary ? temporary : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(gateway->folder));
    snprintf(gateway->file, sizeof(gateway->file), "%s/policy.yaml", gateway->folder);
    snprintf(gateway->log, sizeof(gateway->log), "%s/log", gateway->folder);
    snprintf(gateway->state, sizeof(gateway->state), "%s/state", gateway->folder);
    snprintf(gateway->socket, sizeof(gateway->socket), "%s/control", gateway->folder);
    snprintf(gateway->notify, sizeof(gateway->notify), "%s/notify", gateway->folder);
    gateway->notify_socket = open_notify_socket(gateway->notify);
    gateway->stored = -1;
    return gateway;
}

struct gateway *gateway_start(const char *policy)
{
    struct gateway *gateway = gateway_new();

    gateway->policy = gateway->file;
    if (policy)
        gateway_write_policy(gateway, policy);
    gateway_start_again(gateway);
    return gateway;
}

struct gateway *gateway_enter(const char *policy)
{
    sandbox_enter();
    return gateway_start(policy);
}

struct gateway *gateway_start_stored(const char *policy)
{
    struct gateway *gateway = gateway_new();

    gateway->has_store = true;
    gateway->policy = gateway->file;
    gateway_write_policy(gateway, policy);
    gateway_start_again(gateway);
    return gateway;
}

int gateway_stored(const struct gateway *gateway)
{
    return gateway->stored;
}

void gateway_empty_store(struct gateway *gateway)
{
    closep(&gateway->stored);
    gateway->stored = -1;
}

struct gateway *gateway_start_at(const char *path)
{
    struct gateway *gateway = gateway_new();

    gateway->policy = path;
    gateway_start_again(gateway);
    return gateway;
}

void gateway_spawn(struct gateway *gateway)
{
    ck_assert(!lab_in_root_namespace());
    ck_assert_int_eq(gateway->process, 0);
    gateway->process = fork();
    ck_assert_int_ge(gateway->process, 0);
    if (gateway->process == 0)
        run_segd(gateway);
    gateway->process_fd = (int)syscall(SYS_pidfd_open, gateway->process, 0);
    ck_assert_int_ge(gateway->process_fd, 0);
}

void gateway_start_again(struct gateway *gateway)
{
    gateway_spawn(gateway);
    gateway_wait_ready(gateway);
}

static int wait_for_end(struct gateway *gateway)
{
    int status;

    ck_assert_int_eq(waitpid(gateway->process, &status, 0), gateway->process);
    close(gateway->process_fd);
    gateway->process = 0;
    return status;
}

void gateway_stop(struct gateway *gateway)
{
    int status;

    ck_assert_int_gt(gateway->process, 0);
    ck_assert_int_eq(kill(gateway->process, SIGTERM), 0);
    status = wait_for_end(gateway);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "segd left with status %x",
                  (unsigned)status);
    while (gateway_notification(gateway, false))
        ; /* STOPPING */
}

void gateway_kill(struct gateway *gateway)
{
    ck_assert_int_gt(gateway->process, 0);
    ck_assert_int_eq(kill(gateway->process, SIGKILL), 0);
    wait_for_end(gateway);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

struct gateway *gateway_free(struct gateway *gateway)
{
    if (!gateway)
        return NULL;
    if (gateway->process > 0)
        gateway_kill(gateway);
    close(gateway->notify_socket);
    closep(&gateway->stored);
    nftw(gateway->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(gateway);
    return NULL;
}

void gateway_write_policy(struct gateway *gateway, const char *policy)
{
    FILE *file = fopen(gateway->file, "we");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(policy, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

void gateway_signal_reload(struct gateway *gateway)
{
    ck_assert_int_gt(gateway->process, 0);
    ck_assert_int_eq(kill(gateway->process, SIGHUP), 0);
}

/* Keeps the descriptor that came with a message, where there is a store; else it is closed. */
static void take_descriptor(struct gateway *gateway, struct msghdr *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    int fd;

    if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
        return;
    memcpy(&fd, CMSG_DATA(control), sizeof(fd));
    if (!gateway->has_store || !strstr(gateway->notification, "FDSTORE=1")) {
        close(fd);
        return;
    }
    closep(&gateway->stored);
    gateway->stored = fd;
}

static void receive(struct gateway *gateway)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control;
    struct iovec text = {gateway->notification, NOTIFICATION_MAX - 1};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(gateway->notify_socket, &message, MSG_CMSG_CLOEXEC);

    ck_assert_int_ge(n, 0);
    gateway->notification[n] = '\0';
    take_descriptor(gateway, &message);
}

const char *gateway_notification(struct gateway *gateway, bool wait)
{
    struct pollfd events[] = {
        {.fd = gateway->notify_socket, .events = POLLIN},
        {.fd = gateway->process_fd, .events = POLLIN},
    };
    cleanup_(freep) char *log = NULL;
    int r;

    do
        r = poll(events, gateway->process > 0 ? 2 : 1, wait ? -1 : 0);
    while (r < 0 && errno == EINTR);
    ck_assert_int_ge(r, 0);
    if (!(events[0].revents & POLLIN)) {
        log = events[1].revents ? gateway_log(gateway) : NULL;
        ck_assert_msg(!log, "segd has ended; it wrote:\n%s", log);
        return NULL;
    }
    receive(gateway);
    return gateway->notification;
}

const char *gateway_wait_ready(struct gateway *gateway)
{
    const char *text;

    do
        text = gateway_notification(gateway, true);
    while (!strstr(text, "READY=1"));
    return text;
}

static const char *reload(struct gateway *gateway, const char *policy)
{
    gateway_write_policy(gateway, policy);
    gateway_signal_reload(gateway);
    return gateway_wait_ready(gateway);
}

void gateway_reload(struct gateway *gateway, const char *policy)
{
    const char *answer = reload(gateway, policy);
    cleanup_(freep) char *log = gateway_log(gateway);

    ck_assert_msg(!strstr(answer, "refused") && strstr(answer, "STATUS=Enforcing"),
                  "%s\nsegd wrote:\n%s", answer, log);
}

void gateway_reload_refused(struct gateway *gateway, const char *policy)
{
    const char *answer = reload(gateway, policy);

    ck_assert_msg(strstr(answer, "refused"), "%s", answer);
}

const char *gateway_state_path(const struct gateway *gateway)
{
    return gateway->state;
}

const char *gateway_socket_path(const struct gateway *gateway)
{
    return gateway->socket;
}

const char *gateway_policy_path(const struct gateway *gateway)
{
    return gateway->policy;
}

char *gateway_log(const struct gateway *gateway)
{
    cleanup_(closep) int fd = open(gateway->log, O_RDONLY | O_CLOEXEC);
    struct stat status;
    char *text;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &status), 0);
    text = calloc(1, (size_t)status.st_size + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_ge(read(fd, text, (size_t)status.st_size), 0);
    return text;
}

pid_t gateway_process(const struct gateway *gateway)
{
    return gateway->process;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Networks for tests to break. The one promise of this file: what a test loads or changes never
 * reaches the machine it runs on, and a test that was not run has a reason that is true.
 */

#include <check.h>
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lab/lab.h"
#include "sandbox.h"

#define SKIPPED 77
#define ORDINARY_USER 65534
#define NAMESPACE "/proc/self/ns/net"

static int wait_for(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void sandbox_require(void)
{
    pid_t child = fork();
    int status;

    if (child < 0) {
        perror("sandbox: fork");
        exit(EXIT_FAILURE);
    }
    if (child == 0)
        _exit(-lab_enter());

    status = wait_for(child);
    if (status == 0)
        return;
    if (status == EPERM) {
        printf("SKIP: this machine allows this user no network namespace "
               "(neither CAP_SYS_ADMIN nor user namespaces)\n");
        exit(SKIPPED);
    }
    fprintf(stderr, "sandbox: no network namespace: %s\n", strerror(status));
    exit(EXIT_FAILURE);
}

void sandbox_enter(void)
{
    struct stat before, after;

    ck_assert_int_eq(stat(NAMESPACE, &before), 0);
    ck_assert_int_eq(lab_enter(), 0);
    ck_assert_int_eq(stat(NAMESPACE, &after), 0);
    ck_assert(before.st_dev != after.st_dev || before.st_ino != after.st_ino);
    ck_assert(!lab_in_root_namespace());
}

void sandbox_become_user(void)
{
    if (geteuid() == 0) {
        ck_assert_int_eq(setgroups(0, NULL), 0);
        ck_assert_int_eq(setresgid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER), 0);
        ck_assert_int_eq(setresuid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER), 0);
        /* A process that changed its user may not write its own id maps until it says so. */
        ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
    }
    ck_assert_int_ne(geteuid(), 0);
}

/* A file in memory with the text, to be read from its start. */
static int memory_file(const char *text)
{
    int fd = memfd_create("sandbox", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    if (text && *text) {
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    }
    return fd;
}

static char *read_whole(int fd)
{
    struct stat status;
    char *text;

    ck_assert_int_eq(fstat(fd, &status), 0);
    text = calloc(1, (size_t)status.st_size + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(pread(fd, text, (size_t)status.st_size, 0), status.st_size);
    return text;
}

static _Noreturn void run_child(const char *const *arguments, int input, int output)
{
    /* An ordinary user's PATH often lacks the folders of nft and ip. */
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    if (dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
        dup2(output, STDERR_FILENO) >= 0)
        execvp(arguments[0], (char *const *)arguments);
    fprintf(stderr, "sandbox: %s: %s\n", arguments[0], strerror(errno));
    _exit(127);
}

int sandbox_run(const char *const *arguments, const char *input, char **ret_output)
{
    cleanup_(closep) int input_fd = memory_file(input);
    cleanup_(closep) int output_fd = memory_file(NULL);
    pid_t child;
    int status;

    ck_assert(!lab_in_root_namespace());
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        run_child(arguments, input_fd, output_fd);
    status = wait_for(child);
    if (ret_output)
        *ret_output = read_whole(output_fd);
    return status;
}

void sandbox_enter_mounts(void)
{
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
}

int sandbox_nft_try(const char *text, char **ret_output)
{
    static const char *const arguments[] = {"nft", "-f", "-", NULL};

    return sandbox_run(arguments, text, ret_output);
}

void sandbox_nft(const char *text)
{
    cleanup_(freep) char *output = NULL;
    int status = sandbox_nft_try(text, &output);

    ck_assert_msg(status == 0, "nft: exit status %d\n%s", status, output);
}

void sandbox_nft_check(const char *text)
{
    static const char *const arguments[] = {"unshare", "-n", "nft", "-c", "-f", "-", NULL};
    cleanup_(freep) char *output = NULL;
    int status = sandbox_run(arguments, text, &output);

    ck_assert_msg(status == 0, "nft -c: exit status %d\n%s\n%s", status, output, text);
}

char *sandbox_nft_list(const char *object)
{
    char command[64];
    const char *const arguments[] = {"nft", command, NULL};
    char *output = NULL;
    int status;

    snprintf(command, sizeof(command), "list %s", object);
    status = sandbox_run(arguments, NULL, &output);
    ck_assert_msg(status == 0, "nft list: exit status %d\n%s", status, output);
    return output;
}

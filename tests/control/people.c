/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Each user that a test needs, real to the kernel and to the daemon's own look into /etc. */

#include "people.h"

#include <check.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "sandbox.h"

#define PASSWD                                                                                     \
    "root:x:0:0::/:/bin/sh\n"                                                                      \
    "nobody-here:x:60001:60001::/:/bin/sh\n"                                                       \
    "sees:x:60002:60002::/:/bin/sh\n"                                                              \
    "operates:x:60003:60003::/:/bin/sh\n"                                                          \
    "rules:x:60004:60103::/:/bin/sh\n"
#define GROUP                                                                                      \
    "root:x:0:\n"                                                                                  \
    "segd-view:x:60101:sees\n"                                                                     \
    "segd-operate:x:60102:operates\n"                                                              \
    "segd-admin:x:60103:\n"                                                                        \
    "others:x:60104:\n"

const struct person people[N_PEOPLE] = {
    {60001, 60001, {60104}, 1, "nobody-here", ROLE_NONE},
    {60002, 60002, {60104, 60101}, 2, "sees", ROLE_VIEWER},
    {60003, 60003, {60101, 60102, 60104}, 3, "operates", ROLE_OPERATOR},
    {60004, 60103, {0}, 0, "rules", ROLE_ADMIN},
    {60005, 60005, {60103}, 1, "60005", ROLE_ADMIN},
    {0, 0, {0}, 0, "root", ROLE_ADMIN},
};

static void put_file(const char *path, const char *text)
{
    char own[] = "/tmp/segd-test-XXXXXX";
    int fd = mkstemp(own);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(fchmod(fd, 0644), 0);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(mount(own, path, NULL, MS_BIND, NULL), 0);
    ck_assert_int_eq(unlink(own), 0);
}

void people_enter(void)
{
    sandbox_enter_mounts();
    put_file("/etc/passwd", PASSWD);
    put_file("/etc/group", GROUP);
}

void people_let_in(const struct segd *segd)
{
    char folder[256];

    snprintf(folder, sizeof(folder), "%s", segd_socket_path(segd));
    ck_assert_int_eq(chmod(dirname(folder), 0755), 0);
}

static bool is_error(const char *error, const char *name)
{
    return strcmp(strrchr(error, '.') + 1, name) == 0;
}

static enum answer call(const struct segd *segd, const char *method, json_t *parameters)
{
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL;
    int r = calls_try(segd, method, parameters, &reply, &error);

    if (r == 0)
        return DONE;
    if (r != -EREMOTEIO)
        return NO_ANSWER;
    return is_error(error, "NotPermitted")       ? REFUSED_BY_ROLE
           : is_error(error, "Refused")          ? REFUSED
           : is_error(error, "InvalidParameter") ? INVALID_PARAMETER
                                                 : OTHER_ERROR;
}

enum answer people_call(const struct segd *segd, const struct person *person, const char *method,
                        json_t *parameters, pid_t *ret_pid)
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (syscall(SYS_setgroups, person->n_groups, person->groups) < 0 ||
            setresgid(person->gid, person->gid, person->gid) < 0 ||
            setresuid(person->uid, person->uid, person->uid) < 0)
            _exit(NO_ANSWER);
        _exit((int)call(segd, method, parameters));
    }
    json_decref(parameters);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    if (ret_pid)
        *ret_pid = child;
    return (enum answer)WEXITSTATUS(status);
}

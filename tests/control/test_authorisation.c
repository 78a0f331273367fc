/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who may do what: every method of the table, called by every kind of user over the socket of a
 * real daemon. Users and groups are real ones, of an /etc of the test's own; each call is made by a
 * process of its user, so that nothing but the kernel tells who it is.
 */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "calls.h"
#include "checks.h"
#include "daemon/control/methods.h"
#include "sandbox.h"

static const char policy[] = "segd: 1\n"
                             "timezone: Asia/Tokyo\n"
                             "zones:\n"
                             "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/24] }\n"
                             "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/24] }\n"
                             "flows:\n"
                             "  main: { from: a, to: b, services: [tcp/7001] }\n";

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

/* The group of the role is the last, one in between, or the user's own. */
static const struct user {
    uid_t uid;
    gid_t gid;
    gid_t groups[3];
    size_t n_groups;
    const char *name;
    enum role role;
} users[] = {
    {60001, 60001, {60104}, 1, "nobody-here", ROLE_NONE},
    {60002, 60002, {60104, 60101}, 2, "sees", ROLE_VIEWER},
    {60003, 60003, {60101, 60102, 60104}, 3, "operates", ROLE_OPERATOR},
    {60004, 60103, {0}, 0, "rules", ROLE_ADMIN},
    {60005, 60005, {60103}, 1, "60005", ROLE_ADMIN},
    {0, 0, {0}, 0, "root", ROLE_ADMIN},
};
enum { NOBODY, VIEWER, OPERATOR, ADMIN, OTHER_ADMIN, ROOT };

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

/* A daemon among these users, whom the folder of its socket lets in. */
static struct segd *start(void)
{
    struct segd *segd;
    char folder[256];

    sandbox_enter();
    sandbox_enter_mounts();
    put_file("/etc/passwd", PASSWD);
    put_file("/etc/group", GROUP);
    segd = segd_start(policy);
    snprintf(folder, sizeof(folder), "%s", segd_socket_path(segd));
    ck_assert_int_eq(chmod(dirname(folder), 0755), 0);
    return segd;
}

/* How a call of another process ends. */
enum answer {
    DONE,
    REFUSED_BY_ROLE,
    REFUSED,
    INVALID_PARAMETER,
    OTHER_ERROR,
    NO_ANSWER,
};

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

/* `parameters` is stolen. */
static enum answer call_as(const struct segd *segd, const struct user *user, const char *method,
                           json_t *parameters, pid_t *ret_pid)
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (syscall(SYS_setgroups, user->n_groups, user->groups) < 0 ||
            setresgid(user->gid, user->gid, user->gid) < 0 ||
            setresuid(user->uid, user->uid, user->uid) < 0)
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

/* The entry of the audit log that tells of a refusal. */
static const json_t *find_refusal(const json_t *entries, pid_t pid, const char *method)
{
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        const char *object = json_string_value(json_object_get(entry, "object"));

        if (json_integer_value(json_object_get(entry, "pid")) == pid && object &&
            strcmp(strrchr(object, '.') + 1, method) == 0)
            return entry;
    }
    return NULL;
}

static void is_audited(const struct segd *segd, const struct user *user, pid_t pid,
                       const char *method)
{
    cleanup_(json_decrefp) json_t *reply = calls_get(segd, "ShowAudit", NULL);
    const json_t *entry = find_refusal(json_object_get(reply, "entries"), pid, method);

    ck_assert_msg(entry, "%s by %s is not in the audit log", method, user->name);
    ck_assert_int_eq(json_integer_value(json_object_get(entry, "uid")), user->uid);
    ck_assert_str_eq(json_string_value(json_object_get(entry, "who")), user->name);
    ck_assert_str_eq(json_string_value(json_object_get(entry, "action")), "refuse");
    ck_assert_str_eq(json_string_value(json_object_get(entry, "outcome")), "refused");
}

/* With no parameters: what may be called is done, or asks for some. */
START_TEST(method_is_for_its_role_and_those_above)
{
    cleanup_(segd_freep) struct segd *segd = start();
    const struct user *user = &users[_i];

    for (size_t i = 0; i < control_n_methods; i++) {
        const struct method *method = &control_methods[i];
        json_int_t before = calls_generation(segd);
        pid_t pid;
        enum answer answer = call_as(segd, user, method->name, json_object(), &pid);

        ck_assert_msg(answer != NO_ANSWER, "%s by %s", method->name, user->name);
        ck_assert_msg((answer == REFUSED_BY_ROLE) == (user->role < method->role),
                      "%s by %s: answer %d", method->name, user->name, answer);
        if (answer == REFUSED_BY_ROLE) {
            ck_assert_int_eq(calls_generation(segd), before);
            is_audited(segd, user, pid, method->name);
        }
    }
}
END_TEST

/* Parameters that would do something do nothing for who may not. */
START_TEST(operator_operates_and_a_viewer_does_not)
{
    cleanup_(segd_freep) struct segd *segd = start();
    cleanup_(json_decrefp) json_t *status = NULL;

    for (int i = NOBODY; i <= VIEWER; i++)
        ck_assert_int_eq(call_as(segd, &users[i], "Suspend",
                                 json_pack("{s:s, s:s}", "flow", "main", "reason", "r"), NULL),
                         REFUSED_BY_ROLE);
    status = calls_get(segd, "GetStatus", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(status, "overrides")), 0);
    ck_assert_int_eq(call_as(segd, &users[OPERATOR], "Suspend",
                             json_pack("{s:s, s:s}", "flow", "main", "reason", "r"), NULL),
                     DONE);
}
END_TEST

static enum answer isolate(const struct segd *segd, int user)
{
    return call_as(segd, &users[user], "Isolate",
                   json_pack("{s:s, s:s}", "zone", "a", "reason", "r"), NULL);
}

static enum answer release(const struct segd *segd, int user, bool alone, const char *reason)
{
    return call_as(segd, &users[user], "Release",
                   json_pack("{s:s, s:b, s:s?}", "zone", "a", "alone", alone, "reason", reason),
                   NULL);
}

START_TEST(release_needs_a_second_person)
{
    cleanup_(segd_freep) struct segd *segd = start();

    ck_assert_int_eq(isolate(segd, OPERATOR), DONE);
    ck_assert_int_eq(release(segd, OPERATOR, false, "r"), REFUSED_BY_ROLE);
    ck_assert_int_eq(release(segd, ADMIN, false, NULL), DONE);

    ck_assert_int_eq(isolate(segd, ADMIN), DONE);
    ck_assert_int_eq(release(segd, ADMIN, false, "r"), REFUSED);
    ck_assert_int_eq(release(segd, ADMIN, true, "r"), REFUSED);
    ck_assert_int_eq(release(segd, OTHER_ADMIN, true, "r"), REFUSED);
    ck_assert_int_eq(release(segd, OTHER_ADMIN, false, NULL), DONE);

    ck_assert_int_eq(isolate(segd, ADMIN), DONE);
    ck_assert_int_eq(release(segd, ROOT, false, NULL), DONE);
}
END_TEST

START_TEST(root_releases_alone_with_a_reason)
{
    cleanup_(segd_freep) struct segd *segd = start();
    cleanup_(json_decrefp) json_t *reply = NULL;
    const json_t *entry;

    ck_assert_int_eq(isolate(segd, ROOT), DONE);
    ck_assert_int_eq(release(segd, ROOT, false, "r"), REFUSED);
    ck_assert_int_eq(release(segd, ROOT, true, NULL), REFUSED);
    ck_assert_int_eq(release(segd, ROOT, true, ""), REFUSED);
    ck_assert_int_eq(release(segd, ROOT, true, "nobody else is here"), DONE);

    reply = calls_get(segd, "ShowAudit", NULL);
    entry = find_text(json_object_get(reply, "entries"), "action", "release-alone");
    ck_assert_ptr_nonnull(entry);
    ck_assert_str_eq(json_string_value(json_object_get(entry, "reason")), "nobody else is here");
}
END_TEST

void checks_add(TCase *tests)
{
    if (geteuid() != 0)
        checks_skip("only root can call as other users");
    sandbox_require();
    tcase_add_loop_test(tests, method_is_for_its_role_and_those_above, 0, (int)ELEMENTS_OF(users));
    tcase_add_test(tests, operator_operates_and_a_viewer_does_not);
    tcase_add_test(tests, release_needs_a_second_person);
    tcase_add_test(tests, root_releases_alone_with_a_reason);
}

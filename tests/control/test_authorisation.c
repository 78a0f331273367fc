/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who may do what: every method of the table, called by every kind of user over the socket of a
 * real daemon.
 */

#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "checks.h"
#include "daemon/control/audit_limit.h"
#include "people.h"
#include "sandbox.h"

static const char policy[] = "segd: 1\n"
                             "timezone: Asia/Tokyo\n"
                             "zones:\n"
                             "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/24] }\n"
                             "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/24] }\n"
                             "flows:\n"
                             "  main: { from: a, to: b, services: [tcp/7001] }\n";

/* A daemon among these users, whom the folder of its socket lets in. */
static struct segd *start(void)
{
    struct segd *segd;

    sandbox_enter();
    people_enter();
    segd = segd_start(policy);
    people_let_in(segd);
    return segd;
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

static void is_audited(const struct segd *segd, const struct person *user, pid_t pid,
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
    const struct person *user = &people[_i];
    unsigned n_refused = 0;

    for (size_t i = 0; i < control_n_methods; i++) {
        const struct method *method = &control_methods[i];
        json_int_t before = calls_generation(segd);
        pid_t pid;
        enum answer answer = people_call(segd, user, method->name, json_object(), &pid);

        ck_assert_msg(answer != NO_ANSWER, "%s by %s", method->name, user->name);
        ck_assert_msg((answer == REFUSED_BY_ROLE) == (user->role < method->role),
                      "%s by %s: answer %d", method->name, user->name, answer);
        if (answer == REFUSED_BY_ROLE) {
            ck_assert_int_eq(calls_generation(segd), before);
            /* The rest of a minute is only counted. */
            if (n_refused++ < AUDIT_LIMIT_PER_MINUTE)
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
        ck_assert_int_eq(people_call(segd, &people[i], "Suspend",
                                     json_pack("{s:s, s:s}", "flow", "main", "reason", "r"), NULL),
                         REFUSED_BY_ROLE);
    status = calls_get(segd, "GetStatus", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(status, "overrides")), 0);
    ck_assert_int_eq(people_call(segd, &people[OPERATOR], "Suspend",
                                 json_pack("{s:s, s:s}", "flow", "main", "reason", "r"), NULL),
                     DONE);
}
END_TEST

static enum answer isolate(const struct segd *segd, int user)
{
    return people_call(segd, &people[user], "Isolate",
                       json_pack("{s:s, s:s}", "zone", "a", "reason", "r"), NULL);
}

static enum answer release(const struct segd *segd, int user, bool alone, const char *reason)
{
    return people_call(segd, &people[user], "Release",
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
    tcase_add_loop_test(tests, method_is_for_its_role_and_those_above, 0, N_PEOPLE);
    tcase_add_test(tests, operator_operates_and_a_viewer_does_not);
    tcase_add_test(tests, release_needs_a_second_person);
    tcase_add_test(tests, root_releases_alone_with_a_reason);
}

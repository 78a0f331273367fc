/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Refused attempts must be written down, and must not fill the disk. */

#include <check.h>

#include "checks.h"
#include "daemon/control/audit_limit.h"

#define SECOND USEC_PER_SEC

static uint64_t omitted;

static unsigned count_written(struct audit_limit *limit, int64_t uid, usec_t now, unsigned n)
{
    unsigned written = 0;

    for (unsigned i = 0; i < n; i++)
        written += audit_limit_allows(limit, uid, now, &omitted);
    return written;
}

START_TEST(so_many_a_minute_are_written)
{
    struct audit_limit limit = {0};

    ck_assert_uint_eq(count_written(&limit, 1000, SECOND, 500), AUDIT_LIMIT_PER_MINUTE);
    ck_assert_uint_eq(count_written(&limit, 1000, 60 * SECOND, 500), 0);
    ck_assert_uint_eq(count_written(&limit, 1000, 61 * SECOND, 1), 1);
    ck_assert_uint_eq(omitted, 1000 - AUDIT_LIMIT_PER_MINUTE);
    ck_assert_uint_eq(count_written(&limit, 1000, 61 * SECOND, 1), 1);
    ck_assert_uint_eq(omitted, 0);
}
END_TEST

START_TEST(one_user_does_not_speak_for_another)
{
    struct audit_limit limit = {0};

    count_written(&limit, 1000, SECOND, 500);
    ck_assert_uint_eq(count_written(&limit, 0, SECOND, 1), 1);
    ck_assert_uint_eq(count_written(&limit, 1001, SECOND, 1), 1);
}
END_TEST

START_TEST(of_too_many_users_the_quietest_is_forgotten)
{
    struct audit_limit limit = {0};

    for (int64_t uid = 1; uid <= AUDIT_LIMIT_USERS; uid++)
        count_written(&limit, uid, uid * SECOND, 100);
    ck_assert_uint_eq(count_written(&limit, 5000, 65 * SECOND, 1), 1);
    /* The second is still there and has had its share; the first begins anew. */
    ck_assert_uint_eq(count_written(&limit, 2, 61 * SECOND, 1), 0);
    ck_assert_uint_eq(count_written(&limit, 1, 66 * SECOND, 1), 1);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_test(tests, so_many_a_minute_are_written);
    tcase_add_test(tests, one_user_does_not_speak_for_another);
    tcase_add_test(tests, of_too_many_users_the_quietest_is_forgotten);
}

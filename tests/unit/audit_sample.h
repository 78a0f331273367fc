/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/record/audit.h"
#include "folder.h"

/* What the tests of the audit log share. */

static inline struct audit *sample_open(int directory, size_t limit, enum audit_condition expected)
{
    struct audit *audit = NULL;
    enum audit_condition condition;

    ck_assert_int_eq(audit_open(directory, limit, NULL, &audit, &condition), 0);
    ck_assert_int_eq(condition, expected);
    ck_assert_int_eq(audit_condition(audit), expected);
    return audit;
}

static inline int sample_try(struct audit *audit)
{
    struct audit_event event = {
        .actor = {.uid = 0, .pid = 1, .name = "root"}, .action = "apply", .outcome = "done"};

    return audit_append(audit, &event);
}

static inline void sample_append(struct audit *audit, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        ck_assert_int_eq(sample_try(audit), 0);
}

static inline void sample_assert_verified(struct audit *audit, uint64_t expected)
{
    char *problem = NULL;
    uint64_t entries;

    ck_assert_int_eq(audit_verify(audit, &entries, &problem), 0);
    ck_assert_msg(!problem, "%s", problem);
    ck_assert_uint_eq(entries, expected);
}

/* Something is wrong with the log, and there is a sentence for it. */
static inline void sample_assert_broken(struct audit *audit)
{
    char *problem = NULL;
    uint64_t entries;

    ck_assert_int_eq(audit_verify(audit, &entries, &problem), 0);
    ck_assert_ptr_nonnull(problem);
    free(problem);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * For tests that hold a part of the daemon in their hands: its clock, its memory, its view of the
 * kernel. Everything else is as the program does it.
 */

#include "subject.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "sandbox.h"

static void start(struct subject *subject)
{
    struct manager_options options = {subject->file, subject->state, subject->socket};

    ck_assert_int_eq(manager_new(&options, &subject->manager), 0);
    ck_assert_int_eq(manager_start(subject->manager), 0);
}

void subject_start(struct subject *subject, const char *policy)
{
    const char *temporary = getenv("TMPDIR");
    FILE *file;

    snprintf(subject->folder, sizeof(subject->folder), "%.40s/segd-subject-XXXXXX",
             temporary ? temporary : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(subject->folder));
    snprintf(subject->file, sizeof(subject->file), "%s/policy.yaml", subject->folder);
    snprintf(subject->state, sizeof(subject->state), "%s/state", subject->folder);
    snprintf(subject->socket, sizeof(subject->socket), "%s/control", subject->folder);
    file = fopen(subject->file, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(policy, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    start(subject);
}

void subject_start_again(struct subject *subject)
{
    subject->manager = manager_free(subject->manager);
    start(subject);
}

void subject_clear(struct subject *subject)
{
    const char *const arguments[] = {"rm", "-r", subject->folder, NULL};

    manager_free(subject->manager);
    ck_assert_int_eq(sandbox_run(arguments, NULL, NULL), 0);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * For tests that hold a part of the daemon in their hands: its clock, its memory, its view of the
 * kernel. Everything else is as the program does it.
 */

#include "subject.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/change/incident.h"
#include "daemon/change/start.h"
#include "sandbox.h"

static void start(struct subject *subject)
{
    const struct gateway_options options = {subject->file, subject->state};

    ck_assert_int_eq(gateway_new(&options, -1, &subject->gateway), 0);
    ck_assert_int_eq(gateway_start(subject->gateway), 0);
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
    file = fopen(subject->file, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(policy, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    start(subject);
}

void subject_stop(struct subject *subject)
{
    /* Nobody writes in the folder any more. */
    if (subject->gateway)
        incidents_reap(subject->gateway, true);
    subject->gateway = gateway_free(subject->gateway);
}

void subject_start_again(struct subject *subject)
{
    subject_stop(subject);
    start(subject);
}

void subject_clear(struct subject *subject)
{
    const char *const arguments[] = {"rm", "-r", subject->folder, NULL};

    subject_stop(subject);
    ck_assert_int_eq(sandbox_run(arguments, NULL, NULL), 0);
}

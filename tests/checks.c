/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The main() of every program of tests. The environment decides how Check runs them (CK_FORK,
 * CK_VERBOSITY, CK_RUN_CASE). What is printed last, "N%: Checks: N, Failures: N, Errors: N", is
 * read by tools/run-tests.
 */

#include "checks.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SKIPPED 77

_Noreturn void checks_skip(const char *reason, ...)
{
    va_list arguments;

    va_start(arguments, reason);
    fputs("SKIP: ", stdout);
    vprintf(reason, arguments);
    putchar('\n');
    va_end(arguments);
    exit(SKIPPED);
}

int main(void)
{
    Suite *suite = suite_create(program_invocation_short_name);
    TCase *tests = tcase_create(program_invocation_short_name);
    SRunner *runner;
    int failed;

    checks_add(tests);
    tcase_set_timeout(tests, 0);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

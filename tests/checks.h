/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <check.h>

/* A program of tests that Check runs. main() is in checks.c and the same for all. */

/*
 * Each program defines this function, which adds its tests. main() calls it once, before any test
 * runs and in the process that starts them all, so it may also end the program: by
 * sandbox_require() or by checks_skip(). No test has a time limit: a slow machine is no failure.
 */
void checks_add(TCase *tests);

/* Says on standard output why the program runs no test, and ends it with 77: "skipped" for Meson.
 */
_Noreturn __attribute__((format(printf, 1, 2))) void checks_skip(const char *reason, ...);

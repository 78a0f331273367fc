/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * No memory at every point where a policy is read: the error comes back, nothing leaks, nothing is
 * touched that is not there. The linker hands our allocations to the functions below; those of
 * libraries are their own matter.
 */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "tests/reading.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t size);

/* Allocations that still succeed; negative: all do. A test program may have this one variable. */
static long allocations_left = -1;

static bool may_allocate(void)
{
    if (allocations_left == 0)
        return false;
    if (allocations_left > 0)
        allocations_left--;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
    return may_allocate() ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *memory, size_t size)
{
    return may_allocate() ? __real_realloc(memory, size) : NULL;
}

static const char *const texts[] = {
    ZONES HOSTS "flows:\n"
                "  a: { from: [pc, printer], to: [web, gateway], services: [https, icmp/8],\n"
                "       approval: { number: 第1号 }, expires: 2099-03-31,\n"
                "       schedule: { days: mon-fri, hours: ['08:30-12:00', '13:00-17:15'] } }\n"
                "  b: { from: offices, to: world, services: any, log: new }\n"
                "expect:\n"
                "  - { from: pc, to: web, service: tcp/443, verdict: allow }\n",
    ZONES HOSTS "flows:\n"
                "  a: { from: [pd, pc, pc], to: wbe, services: [htps, tcp/0], colour: red }\n"
                "  A: { form: pc, to: gateway, expires: [], services: &x any }\n"
                "  c: { from: pc, schedule: { days: [mo, 月], hours: 1 }, limit: { new: x } }\n"
                "hosts: {}\n",
    "segd: 1\nzones: [",
};

/* One allocation more each time, until there are enough. */
START_TEST(no_memory_comes_back_as_an_error)
{
    const char *text = texts[_i];
    unsigned failures = 0;
    int r;

    do {
        cleanup_(reading_clear) struct reading reading = {0};

        ck_assert_int_eq(sources_new(&reading.sources), 0);
        ck_assert_int_eq(diagnostics_new(&reading.diagnostics), 0);

        allocations_left = failures;
        r = policy_parse("test.yaml", text, strlen(text), reading.sources, reading.diagnostics,
                         &reading.policy);
        allocations_left = -1;

        ck_assert_int_eq(r == 0, reading.policy != NULL);
        if (r == -ENOMEM)
            failures++;
    } while (r == -ENOMEM);

    ck_assert_int_eq(r, _i == 0 ? 0 : -EBADMSG);
    ck_assert_uint_ge(failures, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy_memory");
    TCase *tests = tcase_create("policy_memory");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tests, no_memory_comes_back_as_an_error, 0, (int)ELEMENTS_OF(texts));
    tcase_set_timeout(tests, 0);
    suite_add_tcase(suite, tests);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * No memory at every point where state, generations and the audit log are written or read: the
 * error comes back, nothing leaks, and what is on the disk is the old or the new.
 */

#include <jansson.h>
#include <stdio.h>

#include "audit_sample.h"
#include "base/cleanup.h"
#include "checks.h"
#include "daemon/record/generation.h"
#include "daemon/record/state.h"
#include "failing_memory.h"

#define NOW (INT64_C(1806505200) * USEC_PER_SEC)

/* Each entry of the tables does one thing, once; whatever it opened is closed again. */
typedef int (*deed)(int directory);

static int sample_state(uint64_t generation, struct state *state)
{
    static char *keep[] = {(char *)"backup", (char *)"dns"};
    struct override isolation = {.kind = OVERRIDE_ISOLATION,
                                 .name = (char *)"lgwan",
                                 .reason = (char *)"感染",
                                 .since = NOW,
                                 .until = USEC_NEVER,
                                 .keep = keep,
                                 .n_keep = 2};

    *state = (struct state){
        .generation = generation,
        .next_generation = 50,
        .confirmation = {
            .pending = true, .generation = generation, .actor = {.name = "a\xff"}, .boot_id = "b"}};
    return overrides_add(&state->overrides, &isolation);
}

static int write_state(int directory)
{
    cleanup_(state_clear) struct state state = {0};
    int r = sample_state(7, &state);

    return r < 0 ? r : state_write(directory, &state);
}

static int read_state(int directory)
{
    cleanup_(state_clear) struct state state = {0};

    return state_read(directory, &state, NULL);
}

static const struct policy_text texts[] = {
    {.name = "10-site.yaml", .text = "segd: 1\n", .size = 8},
    {.name = "20-zones.yaml", .text = "zones: {}\n", .size = 10},
};

static int write_generation(int directory)
{
    cleanup_(generations_closep) struct generations *generations = NULL;
    cleanup_(state_clear) struct state state = {0};
    struct generation generation = {.number = 7, .reason = (char *)"new"};
    int r = sample_state(1, &state);

    policy_texts_fingerprint(texts, ELEMENTS_OF(texts), generation.fingerprint);
    generation.overrides = state.overrides;
    if (r >= 0)
        r = generations_open(directory, &generations);
    if (r == 0)
        r = generations_stage(generations, 1, generation.fingerprint, texts, ELEMENTS_OF(texts),
                              NULL);
    return r < 0 ? r : generations_write(generations, &generation, 1, NULL, 0);
}

static int read_generation(int directory)
{
    cleanup_(generations_closep) struct generations *generations = NULL;
    cleanup_(generation_clear) struct generation generation = {0};
    cleanup_(policy_texts_clear) struct policy_texts read = {0};
    int r;

    r = generations_open(directory, &generations);
    if (r >= 0)
        r = generations_read(generations, 7, &generation, NULL);
    return r < 0 ? r : generations_read_texts(generations, &generation, &read, NULL);
}

static int append_entry(int directory)
{
    cleanup_(audit_closep) struct audit *audit = NULL;
    enum audit_condition condition;
    int r;

    r = audit_open(directory, 1, NULL, &audit, &condition);
    return r < 0 ? r : sample_try(audit);
}

static int verify_log(int directory)
{
    cleanup_(audit_closep) struct audit *audit = NULL;
    cleanup_(freep) char *problem = NULL;
    enum audit_condition condition;
    uint64_t entries;
    int r;

    r = audit_open(directory, 1, NULL, &audit, &condition);
    if (r >= 0)
        r = audit_verify(audit, &entries, &problem);
    return problem ? -EBADMSG : r;
}

static int read_log(int directory)
{
    cleanup_(audit_closep) struct audit *audit = NULL;
    cleanup_(json_decrefp) json_t *entries = NULL;
    enum audit_condition condition;
    int r;

    r = audit_open(directory, 1, NULL, &audit, &condition);
    return r < 0 ? r : audit_read(audit, 0, 100, &entries);
}

/* A deed that fails without memory leaves what `before` did as `after` wants to find it. */
static const struct {
    deed before, tried, after;
    unsigned least_failures;
} cases[] = {
    {write_state, write_state, read_state, 20},
    {write_state, read_state, read_state, 20},
    {NULL, write_generation, read_generation, 30},
    {write_generation, read_generation, read_generation, 30},
    {append_entry, append_entry, verify_log, 20},
    {append_entry, verify_log, verify_log, 10},
    {append_entry, read_log, verify_log, 10},
};

START_TEST(no_memory_comes_back_as_an_error)
{
    int directory = folder_enter("4m"), r;
    unsigned failures = 0;

    json_set_alloc_funcs(malloc, free);
    if (cases[_i].before)
        ck_assert_int_eq(cases[_i].before(directory), 0);

    for (;;) {
        failing_memory_start(failures);
        r = cases[_i].tried(directory);
        if (!failing_memory_stop(r, &failures))
            break;
        if (cases[_i].before)
            ck_assert_int_eq(cases[_i].after(directory), 0);
        else
            ck_assert_uint_eq(folder_count(directory), 0);
    }

    ck_assert_int_eq(r, 0);
    ck_assert_uint_ge(failures, cases[_i].least_failures);
    ck_assert_int_eq(cases[_i].after(directory), 0);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, no_memory_comes_back_as_an_error, 0, (int)ELEMENTS_OF(cases));
}

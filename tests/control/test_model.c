/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What operators, admins and time do, in any order, with restarts, boots and damage between: after
 * each operation packets are compared with the model (world.h). A run is a process with a gateway
 * of its own and a seed, which is told with a failure; the same seed does the same.
 *
 *   MODEL_SEED=7 MODEL_RUNS=1    that run alone
 *   MODEL_OPERATIONS=1000        longer runs
 *   MODEL_TRACE=1                each operation to standard error
 */

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checks.h"
#include "sandbox.h"
#include "tests/random.h"
#include "world.h"

#define RUNS 20
#define OPERATIONS 100
#define WAIT 19800 /* seconds: it is up when the sixth hour has passed */
#define WAIT_HOURS 6
#define START_HOUR 33 /* of the second day */
#define ZONES 6
#define FLOWS 8
#define NAMES 10 /* of each kind, so that names come again */
/* Closings and what one of them holds, after which it is opened. */
#define CLOSINGS 6
#define HELD 30

static const char *const zone_names[NAMES] = {"z0", "z1", "z2", "z3", "z4",
                                              "z5", "z6", "z7", "z8", "z9"};
static const char *const flow_names[NAMES] = {"f0", "f1", "f2", "f3", "f4",
                                              "f5", "f6", "f7", "f8", "f9"};

struct run {
    struct world world;
    struct random random;
    struct policy_model next; /* a policy that is about to come */
    char label[256];
    unsigned number;
    bool trace;
};

static unsigned below(struct run *run, size_t n)
{
    return random_below(&run->random, (unsigned)n);
}

static bool chance(struct run *run, unsigned percent)
{
    return random_chance(&run->random, percent);
}

static __attribute__((format(printf, 2, 3))) void tell(struct run *run, const char *format, ...)
{
    int n = (int)strcspn(run->label, ":");
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(run->label + n, sizeof(run->label) - (size_t)n, format, arguments);
    va_end(arguments);
}

static unsigned long value(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);

    return text ? strtoul(text, NULL, 10) : otherwise;
}

/* A name that the policy does not have; mostly one that it had before. */
static const char *free_zone_name(struct run *run)
{
    for (;;) {
        const char *name = zone_names[below(run, NAMES)];
        bool taken = false;

        for (size_t i = 0; i < run->next.n_zones; i++)
            taken = taken || strcmp(run->next.zones[i].name, name) == 0;
        if (!taken)
            return name;
    }
}

static const char *free_flow_name(struct run *run)
{
    for (;;) {
        const char *name = flow_names[below(run, NAMES)];
        bool taken = false;

        for (size_t i = 0; i < run->next.n_flows; i++)
            taken = taken || strcmp(run->next.flows[i].name, name) == 0;
        if (!taken)
            return name;
    }
}

static struct zone_model *any_zone(struct run *run)
{
    return &run->next.zones[below(run, run->next.n_zones)];
}

static struct flow_model *any_flow(struct run *run)
{
    return run->next.n_flows ? &run->next.flows[below(run, run->next.n_flows)] : NULL;
}

/* The blocks of a zone, or some of them. */
static unsigned any_end(struct run *run, const struct zone_model *zone)
{
    unsigned some = zone->blocks & below(run, BIT(WORLD_BLOCKS));

    return chance(run, 30) && some ? some : zone->blocks;
}

static void set_any_time(struct run *run, struct flow_model *flow)
{
    flow->last_day = chance(run, 50) ? run->world.hour / WORLD_DAY + below(run, 4) : 0;
    flow->opens = flow->closes = 0;
    if (chance(run, 50)) {
        flow->opens = (int)below(run, WORLD_DAY);
        flow->closes = (int)below(run, WORLD_DAY);
    }
}

static void add_any_flow(struct run *run)
{
    const struct zone_model *from = any_zone(run), *to = any_zone(run);
    unsigned first = below(run, WORLD_PORTS), last = first;

    if (from == to || run->next.n_flows >= FLOWS)
        return;
    if (chance(run, 25))
        last += below(run, WORLD_PORTS - first);
    world_add_flow(&run->next, free_flow_name(run), any_end(run, from), any_end(run, to), first,
                   last);
    if (chance(run, 15))
        run->next.flows[run->next.n_flows - 1].life = LIFE_EXPIRED;
    else if (chance(run, 35))
        set_any_time(run, &run->next.flows[run->next.n_flows - 1]);
}

/* A zone without addresses has the network that nobody can send from, or is gone. */
static void take_blocks(struct run *run, unsigned blocks)
{
    bool nowhere = false;

    for (size_t i = run->next.n_zones; i-- > 0;) {
        struct zone_model *zone = &run->next.zones[i];

        nowhere = nowhere || zone->blocks & BIT(WORLD_NOWHERE);
        zone->blocks &= ~blocks;
        if (zone->blocks)
            continue;
        if (nowhere || chance(run, 50)) {
            world_drop_zone(&run->next, zone->name);
        } else {
            zone->blocks = BIT(WORLD_NOWHERE);
            nowhere = true;
        }
    }
}

/* One block or the networks of one wire, with their wire. */
static unsigned any_networks(struct run *run, unsigned *ret_wire)
{
    unsigned block = below(run, WORLD_BLOCKS);

    *ret_wire = BIT(block / 2);
    return chance(run, 50) ? BIT(block) : 3U << (block & ~1U);
}

static void move_any_networks(struct run *run, bool to_new)
{
    unsigned wire, blocks = any_networks(run, &wire);
    struct zone_model *zone;

    if (to_new && run->next.n_zones >= ZONES)
        return;
    take_blocks(run, blocks);
    if (to_new || run->next.n_zones == 0) {
        world_add_zone(&run->next, free_zone_name(run), wire, blocks);
        return;
    }
    zone = any_zone(run);
    zone->blocks |= blocks;
    zone->wires |= wire;
}

static void change_any_flow(struct run *run)
{
    struct flow_model *flow = any_flow(run);

    if (!flow)
        return;
    if (chance(run, 40)) {
        flow->life = (enum life)below(run, LIFE_DISABLED + 1);
        return;
    }
    if (chance(run, 40)) {
        set_any_time(run, flow);
        return;
    }
    flow->first = below(run, WORLD_PORTS);
    flow->last = flow->first + (chance(run, 40) ? below(run, WORLD_PORTS - flow->first) : 0);
}

static void split_any_flow(struct run *run)
{
    struct flow_model *flow = any_flow(run), half;

    if (!flow || run->next.n_flows >= FLOWS)
        return;
    half = *flow;
    half.to = flow->to & (flow->to - 1);
    if (!half.to)
        return;
    flow->to &= ~half.to;
    world_add_flow(&run->next, free_flow_name(run), half.from, half.to, half.first, half.last);
}

static void change_names(struct run *run)
{
    struct flow_model *flow = any_flow(run);

    switch (below(run, 4)) {
    case 0:
        world_rename(any_zone(run)->name, free_zone_name(run));
        break;
    case 1:
        world_swap_names(any_zone(run)->name, any_zone(run)->name);
        break;
    case 2:
        if (flow)
            world_rename(flow->name, free_flow_name(run));
        break;
    case 3:
        if (flow)
            world_swap_names(flow->name, any_flow(run)->name);
        break;
    }
}

static void change_policy_once(struct run *run)
{
    switch (below(run, 10)) {
    case 0:
    case 1:
    case 2:
    case 3:
        change_names(run);
        break;
    case 4:
        move_any_networks(run, true);
        break;
    case 5:
        move_any_networks(run, false);
        break;
    case 6:
        change_any_flow(run);
        break;
    case 7:
        split_any_flow(run);
        break;
    case 8:
        if (any_flow(run))
            world_drop_flow(&run->next, any_flow(run)->name);
        break;
    case 9:
        if (run->next.n_zones > 2 && chance(run, 30))
            world_drop_zone(&run->next, any_zone(run)->name);
        break;
    }
}

static void make_next(struct run *run)
{
    run->next = run->world.policy;
    for (unsigned n = 1 + below(run, 3); n > 0; n--)
        change_policy_once(run);
    model_clean(&run->next);
    while (run->next.n_zones < 2)
        move_any_networks(run, true);
    for (unsigned n = below(run, 3); n > 0; n--)
        add_any_flow(run);
}

static void operate_time(struct run *run)
{
    int64_t hours = 1 + (int64_t)below(run, 30);

    if (chance(run, 70)) {
        tell(run, ": %lld h pass", (long long)hours);
        world_pass(&run->world, hours);
        return;
    }
    if (chance(run, 50) && hours < run->world.hour)
        hours = -hours;
    tell(run, ": the clock is set by %lld h", (long long)hours);
    world_set_clock(&run->world, hours);
}

/* The next policy: some changes of what is enforced. Those of chance may be invalid, such as by a
 * flow that others cover. */
static const struct policy_model *change_policy(struct run *run)
{
    do
        make_next(run);
    while (run->next.n_flows < 2 || !world_is_valid(&run->world, &run->next));
    return &run->next;
}

static int anybody(struct run *run)
{
    static const int who[] = {OPERATOR, ADMIN, OTHER_ADMIN, ROOT};

    return who[below(run, ELEMENTS_OF(who))];
}

static void apply(struct run *run, int confirm)
{
    const struct policy_model *policy = change_policy(run);
    bool files = chance(run, 40);

    tell(run, ": apply%s%s", files ? " of files" : "", confirm ? " --confirm" : "");
    if (files)
        world_apply_files(&run->world, policy, confirm);
    else
        world_apply(&run->world, policy, confirm);
}

static void operate_apply(struct run *run)
{
    if (!run->world.pending) {
        apply(run, chance(run, 30) ? WAIT : 0);
        return;
    }
    tell(run, ": confirm");
    world_confirm(&run->world);
}

static void operate_rollback(struct run *run)
{
    json_int_t number = run->world.number - 1 - (json_int_t)below(run, 8);

    if (run->world.pending || number < 1 || !run->world.known[number])
        return;
    tell(run, ": rollback to %lld", (long long)number);
    world_rollback(&run->world, number);
}

static void operate_files(struct run *run)
{
    tell(run, ": files are written");
    world_write_files(&run->world, change_policy(run));
}

/* Flows of the enforced policy that go on, at most two. */
static size_t choose_keep(struct run *run, const char *keep[2])
{
    const struct policy_model *policy = &run->world.policy;
    size_t n = policy->n_flows ? below(run, 3) : 0;

    for (size_t i = 0; i < n; i++) {
        const struct flow_model *flow = &policy->flows[below(run, policy->n_flows)];

        keep[i] = flow->name;
        if (flow->life == LIFE_DISABLED)
            return 0;
    }
    return n == 2 && strcmp(keep[0], keep[1]) == 0 ? 1 : n;
}

/* 0: without an end. */
static int any_hours(struct run *run)
{
    return chance(run, 50) ? 1 + (int)below(run, 30) : 0;
}

static void operate_isolate(struct run *run)
{
    struct policy_model *policy = &run->world.policy;
    const char *zone = policy->zones[below(run, policy->n_zones)].name, *keep[2];
    size_t n_keep = choose_keep(run, keep);
    int hours = any_hours(run);

    tell(run, ": isolate %s keep %s %s for %d h", zone, n_keep > 0 ? keep[0] : "-",
         n_keep > 1 ? keep[1] : "-", hours);
    world_isolate(&run->world, anybody(run), zone, keep, n_keep, hours);
}

/* Somebody makes it stricter who has not made it. */
static void operate_stricter(struct run *run)
{
    for (size_t i = 0; i < run->world.n_closings; i++) {
        const struct closing *closing = &run->world.closings[i];

        if (closing->kind != CLOSING_ISOLATION)
            continue;
        for (size_t j = 0; j < run->world.policy.n_zones; j++)
            if (strcmp(run->world.policy.zones[j].name, model_name(closing)) == 0) {
                int hours = any_hours(run);

                tell(run, ": isolate %s again for %d h", model_name(closing), hours);
                world_isolate(&run->world, anybody(run), run->world.policy.zones[j].name, NULL, 0,
                              hours);
                return;
            }
    }
}

static void operate_suspend(struct run *run)
{
    struct policy_model *policy = &run->world.policy;
    const struct flow_model *flow;

    if (policy->n_flows == 0)
        return;
    flow = &policy->flows[below(run, policy->n_flows)];
    if (flow->life == LIFE_DISABLED || model_may_be_suspended(&run->world, flow))
        return;
    tell(run, ": suspend %s", flow->name);
    world_suspend(&run->world, anybody(run), flow->name);
}

/* What was closed meanwhile is closed in the policy to which it goes back, too. */
static void operate_back(struct run *run)
{
    if (!run->world.pending)
        apply(run, WAIT);
    if (!run->world.pending)
        return;
    if (chance(run, 50)) {
        world_check(&run->world, "it");
        if (chance(run, 60))
            operate_isolate(run);
        else
            operate_suspend(run);
        world_check(&run->world, "it, meanwhile");
    }
    tell(run, ": goes back by time");
    world_pass(&run->world, WAIT_HOURS);
    ck_assert(!run->world.pending);
}

static void operate_grant(struct run *run)
{
    unsigned from = below(run, WORLD_BLOCKS), to = below(run, WORLD_BLOCKS);
    unsigned port = below(run, WORLD_PORTS);
    int hours = 1 + (int)below(run, 40);

    if (from / 2 == to / 2)
        return;
    tell(run, ": grant from k%u to k%u port %u for %d h", from, to, port, hours);
    world_grant(&run->world, anybody(run), from, to, port, hours);
}

static void open_one(struct run *run, struct closing *closing)
{
    switch (closing->kind) {
    case CLOSING_ISOLATION:
        tell(run, ": release %s", model_name(closing));
        world_release(&run->world, closing);
        break;
    case CLOSING_SUSPENSION:
        tell(run, ": resume what was %s", model_name(closing));
        world_resume(&run->world, closing);
        break;
    case CLOSING_GRANT:
        tell(run, ": revoke");
        world_revoke(&run->world, closing);
        break;
    }
}

static void operate_open(struct run *run)
{
    if (run->world.n_closings > 0)
        open_one(run, &run->world.closings[below(run, run->world.n_closings)]);
}

/* One file is damaged, where what that means is sure. A damaged generation is replaced at once, for
 * the next damage would be the second. */
static void operate_restart(struct run *run)
{
    struct world *world = &run->world;
    enum restart restart = (enum restart)(RESTART_STOP + below(run, N_RESTARTS - RESTART_STOP));
    bool generation = restart == RESTART_KILL_POLICY || restart == RESTART_KILL_RECORD ||
                      restart == RESTART_BOOT_POLICY || restart == RESTART_BOOT_RECORD;
    json_int_t damaged;
    int64_t hours = 0;
    bool plain = restart == RESTART_STOP || restart == RESTART_KILL || restart == RESTART_BOOT;

    if (!plain && (world->pending || !world_files_are_noted(world)))
        restart = RESTART_KILL;
    /* Whether a boot that takes back a policy also looks at files is not said anywhere. */
    if (world->pending && !world_files_are_noted(world))
        restart = RESTART_KILL;
    if (chance(run, 25))
        hours = 1 + (int64_t)below(run, 30);
    tell(run, ": %s after %lld h", restart_names[restart], (long long)hours);
    world_restart(world, restart, change_policy(run), below(run, 1 << 16), hours);
    if (!generation || restart == RESTART_KILL || restart == RESTART_BOOT)
        return;
    world_check(world, "damage");
    damaged = world->number;
    do
        apply(run, 0);
    while (world->number == damaged);
    world->known[damaged] = false;
}

static const struct {
    unsigned weight;
    void (*operate)(struct run *run);
} operations[] = {
    {24, operate_apply},  {3, operate_back},     {4, operate_rollback}, {3, operate_files},
    {9, operate_isolate}, {3, operate_stricter}, {9, operate_suspend},  {6, operate_grant},
    {10, operate_open},   {14, operate_restart}, {14, operate_time},
};

static void operate(struct run *run)
{
    unsigned total = 0, chosen;

    for (size_t i = 0; i < ELEMENTS_OF(operations); i++)
        total += operations[i].weight;
    chosen = below(run, total);
    for (size_t i = 0; i < ELEMENTS_OF(operations); i++) {
        if (chosen < operations[i].weight) {
            operations[i].operate(run);
            return;
        }
        chosen -= operations[i].weight;
    }
}

/* The oldest where there are many, and one that holds much. */
static void open_what_is_much(struct run *run)
{
    struct world *world = &run->world;

    if (world->n_closings > CLOSINGS)
        open_one(run, &world->closings[0]);
    for (size_t i = world->n_closings; i-- > 0;)
        if (world->closings[i].n_contents > HELD || world->closings[i].n_extents > HELD)
            open_one(run, &world->closings[i]);
}

static void make_first(struct policy_model *policy)
{
    *policy = (struct policy_model){0};
    world_add_zone(policy, "z0", BIT(WIRE_A), BIT(0) | BIT(1));
    world_add_zone(policy, "z1", BIT(WIRE_A_OTHER), BIT(2));
    world_add_zone(policy, "z2", BIT(WIRE_A_OTHER), BIT(3));
    world_add_zone(policy, "z3", BIT(WIRE_B), BIT(4) | BIT(5));
    world_add_zone(policy, "z4", BIT(WIRE_C), BIT(6) | BIT(7));
    world_add_flow(policy, "f0", BIT(0) | BIT(1), BIT(4) | BIT(5), 0, 0);
    world_add_flow(policy, "f1", BIT(0) | BIT(1), BIT(4) | BIT(5), 1, 2);
    world_add_flow(policy, "f2", BIT(2), BIT(6) | BIT(7), 3, 3);
    world_add_flow(policy, "f3", BIT(6) | BIT(7), BIT(0), 4, 4);
}

START_TEST(what_must_pass_passes_and_nothing_else_does)
{
    static struct run run;
    unsigned long seed = value("MODEL_SEED", 1) + (unsigned long)_i;
    unsigned long n = value("MODEL_OPERATIONS", OPERATIONS);

    run.random = random_from_seed(seed);
    if (seed % 2 != 0)
        setenv("SEGD_APART", "1", 1);
    run.trace = getenv("MODEL_TRACE") != NULL;
    run.world.label = run.label;
    make_first(&run.next);
    run.world.hour = START_HOUR;
    world_start(&run.world, &run.next, true);
    for (run.number = 1; run.number <= n; run.number++) {
        snprintf(run.label, sizeof(run.label), "seed %lu, operation %u:", seed, run.number);
        operate(&run);
        if (run.trace)
            fprintf(stderr, "%s\n", run.label);
        world_check(&run.world, "it");
        open_what_is_much(&run);
    }
    world_open_all(&run.world);
    world_check(&run.world, "all was opened");
    /* Neither of the two is all that was seen. */
    printf("seed %lu: %lu operations, %lu packets that must pass, %lu that must not\n", seed, n,
           run.world.n_open, run.world.n_closed);
    ck_assert_uint_gt(run.world.n_open, n);
    ck_assert_uint_gt(run.world.n_closed, n);
    world_clear(&run.world);
}
END_TEST

void checks_add(TCase *tests)
{
    if (geteuid() != 0)
        checks_skip("only root can call as other users");
    sandbox_require();
    tcase_add_loop_test(tests, what_must_pass_passes_and_nothing_else_does, 0,
                        (int)value("MODEL_RUNS", RUNS));
}

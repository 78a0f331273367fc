/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is closed stays closed: each closing, then each way by which policies come, then each way by
 * which a daemon ends, with packets after every step. At last it is opened by who may, and passes.
 * What must pass and what must not is the model's to say (world.h).
 *
 *   CLOSINGS_FIRST=73 CLOSINGS_CELLS=1    that cell alone
 *   CLOSINGS_CELLS=21000                  nearly all
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checks.h"
#include "sandbox.h"
#include "world.h"

#define WAIT 3600 /* seconds that no cell lasts */
#define NETWORKS(wire) (BIT(2 * (wire)) | BIT(2 * (wire) + 1))

/* What a cell closes, and by whose name. Zone `a` has a wire to itself, `m` shares one with `n`. */
struct target {
    const char *zone;
    const char *other; /* a zone beside it */
    const char *flow;
    const char *second; /* another flow of the zone, to the same end */
};
static const struct target zone_a = {"a", "c", "af", "ag"};
static const struct target zone_m = {"m", "n", "mf", "mg"};

static void make_base(struct policy_model *policy)
{
    *policy = (struct policy_model){0};
    world_add_zone(policy, "a", BIT(WIRE_A), NETWORKS(WIRE_A));
    world_add_zone(policy, "m", BIT(WIRE_A_OTHER), BIT(2));
    world_add_zone(policy, "n", BIT(WIRE_A_OTHER), BIT(3));
    world_add_zone(policy, "b", BIT(WIRE_B), NETWORKS(WIRE_B));
    world_add_zone(policy, "c", BIT(WIRE_C), NETWORKS(WIRE_C));
    world_add_flow(policy, "af", NETWORKS(WIRE_A), NETWORKS(WIRE_B), 0, 0);
    world_add_flow(policy, "ag", NETWORKS(WIRE_A), NETWORKS(WIRE_B), 1, 1);
    world_add_flow(policy, "ba", NETWORKS(WIRE_B), NETWORKS(WIRE_A), 2, 2);
    world_add_flow(policy, "mf", BIT(2), NETWORKS(WIRE_B), 0, 0);
    world_add_flow(policy, "mg", BIT(2), NETWORKS(WIRE_B), 1, 1);
    world_add_flow(policy, "bm", NETWORKS(WIRE_B), BIT(2), 2, 2);
    world_add_flow(policy, "nf", BIT(3), NETWORKS(WIRE_B), 0, 0);
    world_add_flow(policy, "cb", NETWORKS(WIRE_C), NETWORKS(WIRE_B), 4, 4);
    world_add_flow(policy, "nc", BIT(3), NETWORKS(WIRE_C), 4, 4);
}

static void isolate(struct world *world, const struct target *target)
{
    world_isolate(world, OPERATOR, target->zone, NULL, 0, 0);
}

static void isolate_and_keep(struct world *world, const struct target *target)
{
    const char *const keep[] = {target->second};

    world_isolate(world, ADMIN, target->zone, keep, 1, 0);
}

static void make_stricter(struct world *world, const struct target *target)
{
    const char *const keep[] = {target->flow, target->second};

    world_isolate(world, ADMIN, target->zone, keep, 2, 0);
    world_check(world, "isolate with keep");
    world_isolate(world, OPERATOR, target->zone, keep, 1, 0);
    world_check(world, "isolate made stricter");
    world_isolate(world, OTHER_ADMIN, target->zone, NULL, 0, 0);
    /* Neither is there a way back. */
    world_isolate(world, OTHER_ADMIN, target->zone, keep, 2, 0);
}

static void suspend(struct world *world, const struct target *target)
{
    world_suspend(world, OPERATOR, target->flow);
}

static void suspend_both(struct world *world, const struct target *target)
{
    world_suspend(world, OPERATOR, target->flow);
    world_suspend(world, ADMIN, target->second);
}

static void suspend_and_isolate_other(struct world *world, const struct target *target)
{
    world_suspend(world, OPERATOR, target->second);
    world_isolate(world, ADMIN, target->other, NULL, 0, 0);
}

static const struct {
    const char *name;
    const struct target *target;
    void (*make)(struct world *world, const struct target *target);
} closings[] = {
    {"isolate a", &zone_a, isolate},
    {"isolate a, keep", &zone_a, isolate_and_keep},
    {"isolate a, stricter", &zone_a, make_stricter},
    {"isolate m", &zone_m, isolate},
    {"isolate m, keep", &zone_m, isolate_and_keep},
    {"suspend af", &zone_a, suspend},
    {"suspend af and ag", &zone_a, suspend_both},
    {"suspend mg, isolate n", &zone_m, suspend_and_isolate_other},
};

/*
 * What a policy does about the closing: step 0, 1, … changes the policy; false: no such step. What
 * would be open again is always approved by some flow of the last step.
 */
static bool leave(struct policy_model *policy, const struct target *target, int step)
{
    (void)target;
    if (step > 0)
        return false;
    world_add_flow(policy, "more", NETWORKS(WIRE_C), NETWORKS(WIRE_A), 3, 3);
    return true;
}

static bool rename_zone(struct policy_model *policy, const struct target *target, int step)
{
    if (step == 0)
        world_rename(world_zone(policy, target->zone)->name, "x");
    return step == 0;
}

static bool rename_flow(struct policy_model *policy, const struct target *target, int step)
{
    if (step == 0)
        world_rename(world_flow(policy, target->flow)->name, "y");
    return step == 0;
}

static bool rename_both(struct policy_model *policy, const struct target *target, int step)
{
    return rename_zone(policy, target, step) && rename_flow(policy, target, step);
}

static bool rename_twice(struct policy_model *policy, const struct target *target, int step)
{
    if (step == 0)
        return rename_both(policy, target, 0);
    if (step == 1) {
        world_rename(world_zone(policy, "x")->name, "xx");
        world_rename(world_flow(policy, "y")->name, "yy");
    }
    return step == 1;
}

static bool swap_zones(struct policy_model *policy, const struct target *target, int step)
{
    if (step == 0)
        world_swap_names(world_zone(policy, target->zone)->name,
                         world_zone(policy, target->other)->name);
    return step == 0;
}

/* One isolation holds both zones by then: they are cut off from each other too. */
static bool swap_and_join_zones(struct policy_model *policy, const struct target *target, int step)
{
    unsigned one, other;

    if (step == 0)
        return swap_zones(policy, target, step);
    if (step > 1)
        return false;
    one = world_zone(policy, target->zone)->blocks;
    other = world_zone(policy, target->other)->blocks;
    if (target == &zone_m) {
        one = BIT(2) | NETWORKS(WIRE_A);
        other = BIT(3) | NETWORKS(WIRE_C);
    }
    world_add_flow(policy, "j1", one, other, 3, 3);
    world_add_flow(policy, "j2", other, one, 3, 3);
    return true;
}

static bool swap_flows(struct policy_model *policy, const struct target *target, int step)
{
    if (step == 0)
        world_swap_names(world_flow(policy, target->flow)->name,
                         world_flow(policy, target->second)->name);
    return step == 0;
}

/* The names are swapped by way of a third, one apply each. */
static bool swap_flows_slowly(struct policy_model *policy, const struct target *target, int step)
{
    switch (step) {
    case 0:
        world_rename(world_flow(policy, target->flow)->name, "y");
        return true;
    case 1:
        world_rename(world_flow(policy, target->second)->name, target->flow);
        return true;
    case 2:
        world_rename(world_flow(policy, "y")->name, target->second);
        return true;
    default:
        return false;
    }
}

/* Also the flows of the zone go and come with its addresses. */
static void add_flows_again(struct policy_model *policy, const struct target *target,
                            unsigned blocks)
{
    (void)target;
    world_add_flow(policy, "xf", blocks, NETWORKS(WIRE_B), 0, 0);
    world_add_flow(policy, "xg", blocks, NETWORKS(WIRE_B), 1, 3);
    world_add_flow(policy, "bx", NETWORKS(WIRE_B), blocks, 1, 2);
}

static void move_away(struct policy_model *policy, const struct target *target)
{
    world_zone(policy, target->zone)->blocks = BIT(WORLD_NOWHERE);
    model_clean(policy);
}

static unsigned home(const struct target *target, unsigned *ret_wire)
{
    *ret_wire = target == &zone_a ? BIT(WIRE_A) : BIT(WIRE_A_OTHER);
    return target == &zone_a ? NETWORKS(WIRE_A) : BIT(2);
}

static bool move_networks(struct policy_model *policy, const struct target *target, int step)
{
    unsigned wire, blocks = home(target, &wire);

    if (step == 0)
        move_away(policy, target);
    if (step == 1) {
        world_add_zone(policy, "x", wire, blocks);
        add_flows_again(policy, target, blocks);
    }
    return step <= 1;
}

static bool give_to_new_zone(struct policy_model *policy, const struct target *target, int step)
{
    unsigned wire, blocks = home(target, &wire);

    if (step == 0) {
        move_away(policy, target);
        world_add_zone(policy, "x", wire, blocks);
        add_flows_again(policy, target, blocks);
    }
    return step == 0;
}

static bool remove_and_bring_back(struct policy_model *policy, const struct target *target,
                                  int step)
{
    unsigned wire, blocks = home(target, &wire);

    if (step == 0)
        world_drop_zone(policy, target->zone);
    if (step == 1) {
        world_add_zone(policy, "x", wire, blocks);
        add_flows_again(policy, target, blocks);
    }
    return step <= 1;
}

/* The first policy is back, after one that had neither the zone nor its flows. */
static bool remove_and_return(struct policy_model *policy, const struct target *target, int step)
{
    if (step == 0)
        world_drop_zone(policy, target->zone);
    if (step == 1)
        make_base(policy);
    return step <= 1;
}

static bool give_to_other_zone(struct policy_model *policy, const struct target *target, int step)
{
    unsigned wire, blocks = home(target, &wire);

    if (step == 0) {
        world_drop_zone(policy, target->zone);
        world_zone(policy, target->other)->wires |= wire;
        world_zone(policy, target->other)->blocks |= blocks;
        add_flows_again(policy, target, blocks);
    }
    return step == 0;
}

/* The zone's name stays with half of what it was or with nothing, a new zone has the rest. */
static bool divide_zone(struct policy_model *policy, const struct target *target, int step)
{
    unsigned wire, blocks = home(target, &wire);
    struct zone_model *zone = world_zone(policy, target->zone);

    if (step > 0)
        return false;
    zone->blocks = (blocks & (blocks - 1)) ? blocks & (blocks - 1) : BIT(WORLD_NOWHERE);
    blocks &= ~zone->blocks;
    model_clean(policy);
    world_add_zone(policy, "x", wire, blocks);
    add_flows_again(policy, target, blocks);
    return true;
}

static bool widen_name(struct policy_model *policy, const char *keep, const char *drop)
{
    struct flow_model *flow;

    world_drop_flow(policy, drop);
    flow = world_flow(policy, keep);
    flow->first = 0;
    flow->last = WORLD_ANY;
    return true;
}

static bool widen_flow(struct policy_model *policy, const struct target *target, int step)
{
    return step == 0 && widen_name(policy, target->flow, target->second);
}

static bool widen_second(struct policy_model *policy, const struct target *target, int step)
{
    return step == 0 && widen_name(policy, target->second, target->flow);
}

/* The content under a new name, the name for more. */
static bool part_name_and_content(struct policy_model *policy, const struct target *target,
                                  int step)
{
    const struct flow_model *flow;

    if (step > 0)
        return false;
    flow = world_flow(policy, target->flow);
    world_add_flow(policy, "y", flow->from, flow->to, flow->first, flow->last);
    world_flow(policy, target->flow)->first = 3;
    world_flow(policy, target->flow)->last = 3;
    return true;
}

/* By its other end: one half keeps the name. */
static bool split_flow(struct policy_model *policy, const struct target *target, int step)
{
    struct flow_model *flow;

    if (step > 0)
        return false;
    flow = world_flow(policy, target->flow);
    flow->to = BIT(4);
    world_add_flow(policy, "y", flow->from, BIT(5), 0, 0);
    return true;
}

/* Its content is changed under its name first, and then has another name. */
static bool change_and_rename(struct policy_model *policy, const struct target *target, int step)
{
    if (step == 0)
        world_flow(policy, target->flow)->to = BIT(4);
    if (step == 1)
        world_rename(world_flow(policy, target->flow)->name, "y");
    return step <= 1;
}

/* What has no content is no flow's. */
static bool disable_and_rename(struct policy_model *policy, const struct target *target, int step)
{
    switch (step) {
    case 0:
        world_flow(policy, target->flow)->life = LIFE_DISABLED;
        world_flow(policy, "nf")->life = LIFE_DISABLED;
        return true;
    case 1:
        world_rename(world_flow(policy, target->flow)->name, "y");
        return true;
    case 2:
        world_flow(policy, "y")->life = LIFE_LIVE;
        world_flow(policy, "nf")->life = LIFE_LIVE;
        return true;
    default:
        return false;
    }
}

/* The network comes by another wire, of another zone. */
static bool change_wire(struct policy_model *policy, const struct target *target, int step)
{
    unsigned wire, blocks = home(target, &wire);

    if (step == 0) {
        world_drop_zone(policy, target->zone);
        world_add_zone(policy, "x", wire | BIT(WIRE_C), blocks);
        add_flows_again(policy, target, blocks);
    }
    return step == 0;
}

/* Wide flows to another end. */
static bool cover(struct policy_model *policy, const struct target *target, int step)
{
    unsigned wire, blocks = home(target, &wire);

    (void)wire;
    if (step > 0)
        return false;
    world_add_flow(policy, "w1", blocks, NETWORKS(WIRE_C), 0, WORLD_ANY);
    world_add_flow(policy, "w2", NETWORKS(WIRE_C), blocks, 0, WORLD_ANY);
    return true;
}

static const struct {
    const char *name;
    bool (*change)(struct policy_model *policy, const struct target *target, int step);
} variants[] = {
    {"another flow", leave},
    {"zone renamed", rename_zone},
    {"flow renamed", rename_flow},
    {"zone and flow renamed", rename_both},
    {"renamed twice", rename_twice},
    {"zones swapped", swap_zones},
    {"zones swapped and joined", swap_and_join_zones},
    {"flows swapped", swap_flows},
    {"flows swapped by a third name", swap_flows_slowly},
    {"networks moved away, then a new zone", move_networks},
    {"networks to a new zone at once", give_to_new_zone},
    {"zone removed, then a new zone", remove_and_bring_back},
    {"zone removed, then back", remove_and_return},
    {"zone merged into another", give_to_other_zone},
    {"zone divided", divide_zone},
    {"flow's name for more", widen_flow},
    {"second flow's name for more", widen_second},
    {"flow's name and content parted", part_name_and_content},
    {"flow split", split_flow},
    {"flow changed, then renamed", change_and_rename},
    {"flow disabled, renamed, enabled", disable_and_rename},
    {"network on another wire", change_wire},
    {"wide flows", cover},
};

/* How policies come. */
static void by_apply(struct world *world, const struct policy_model *policy)
{
    world_apply(world, policy, 0);
}

static void by_files(struct world *world, const struct policy_model *policy)
{
    world_apply_files(world, policy, 0);
}

static void by_confirm(struct world *world, const struct policy_model *policy)
{
    world_apply(world, policy, WAIT);
    world_check(world, "apply --confirm");
    if (world->pending)
        world_confirm(world);
}

static void by_confirm_and_restart(struct world *world, const struct policy_model *policy)
{
    world_apply(world, policy, WAIT);
    world_restart(world, RESTART_KILL, NULL, 0, 0);
    world_check(world, "restart before it is confirmed");
    if (world->pending)
        world_confirm(world);
}

/* It goes back at the next boot. */
static void back_by_boot(struct world *world, const struct policy_model *policy)
{
    world_apply(world, policy, WAIT);
    world_check(world, "apply --confirm");
    world_restart(world, RESTART_BOOT, NULL, 0, 0);
}

static void back_by_time(struct world *world, const struct policy_model *policy)
{
    world_apply(world, policy, 1);
    if (world->pending)
        world_go_back(world);
}

static void by_boot(struct world *world, const struct policy_model *policy)
{
    world_restart(world, RESTART_BOOT_FILES, policy, 0, 0);
}

static void and_rollback(struct world *world, const struct policy_model *policy)
{
    json_int_t before = world->number;

    by_apply(world, policy);
    world_check(world, "apply");
    world_rollback(world, before);
}

static void beside_others(struct world *world, const struct policy_model *policy)
{
    bool granted = world_grant(world, OPERATOR, 6, 4, 3, 2);

    world_suspend(world, OPERATOR, "cb");
    world_check(world, "grant, suspend cb");
    by_apply(world, policy);
    world_check(world, "apply beside others");
    world_resume(world, &world->closings[world->n_closings - 1]);
    if (granted)
        world_revoke(world, &world->closings[world->n_closings - 1]);
}

static const struct {
    const char *name;
    void (*change)(struct world *world, const struct policy_model *policy);
} ways[] = {
    {"apply", by_apply},
    {"apply of files", by_files},
    {"apply, rollback", and_rollback},
    {"apply --confirm, confirm", by_confirm},
    {"apply --confirm, restart, confirm", by_confirm_and_restart},
    {"apply --confirm, boot", back_by_boot},
    {"apply --confirm, back by time", back_by_time},
    {"files, boot", by_boot},
    {"apply beside others", beside_others},
};

#define N_CLOSINGS ((int)ELEMENTS_OF(closings))
#define N_VARIANTS ((int)ELEMENTS_OF(variants))
#define N_WAYS ((int)ELEMENTS_OF(ways))
#define N_COMBINATIONS (N_WAYS * N_RESTARTS)
/* So many cells are tried by default. Two numbers that were found to lead to all pairs but few. */
#define CELLS 240
#define STRIDE 103
#define SHIFT 41

static int value(const char *name, int otherwise)
{
    const char *text = getenv(name);
    int most = N_CLOSINGS * N_VARIANTS * N_COMBINATIONS, n = text ? atoi(text) : otherwise;

    return n < 0 ? 0 : n > most ? most : n;
}

struct cell {
    int closing;
    int variant;
    int way;
    enum restart restart;
    char label[160];
};

static void find_cell(int number, struct cell *cell)
{
    int combination;

    cell->closing = number % N_CLOSINGS;
    cell->variant = number / N_CLOSINGS % N_VARIANTS;
    combination = (number * STRIDE + number / N_CLOSINGS * SHIFT) % N_COMBINATIONS;
    cell->way = combination % N_WAYS;
    cell->restart = (enum restart)(combination / N_WAYS);
    snprintf(cell->label, sizeof(cell->label), "cell %d: %s; %s; %s; %s", number,
             closings[cell->closing].name, variants[cell->variant].name, ways[cell->way].name,
             restart_names[cell->restart]);
}

/* Each cell is a process with a gateway of its own. */
START_TEST(closed_stays_closed)
{
    static struct world world;
    struct policy_model policy, files;
    const struct target *target;
    struct cell cell;

    find_cell(_i, &cell);
    target = closings[cell.closing].target;
    world.label = cell.label;
    world.by_any_wire = true;
    make_base(&policy);
    world_start(&world, &policy, false);
    world_check(&world, "start");
    closings[cell.closing].make(&world, target);
    world_check(&world, "closing");

    for (int step = 0; variants[cell.variant].change(&policy, target, step); step++) {
        ways[cell.way].change(&world, &policy);
        world_check(&world, "a policy");
    }
    /* The files that come by a boot are the first ones, with one flow less. */
    make_base(&files);
    world_drop_flow(&files, "nf");
    world_restart(&world, cell.restart, &files, (unsigned)_i * 7919, 0);
    world_check(&world, "the restart");

    world_open_all(&world);
    world_check(&world, "all is opened");
    world_clear(&world);
}
END_TEST

void checks_add(TCase *tests)
{
    int first = value("CLOSINGS_FIRST", 0);

    if (geteuid() != 0)
        checks_skip("only root can call as other users");
    sandbox_require();
    tcase_add_loop_test(tests, closed_stays_closed, first, first + value("CLOSINGS_CELLS", CELLS));
}

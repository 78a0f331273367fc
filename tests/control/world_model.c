/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The model: what closings hold, and what that means for a packet. It knows nothing of the product
 * but what its manuals say, and where they leave room it is not sure.
 */

#include <check.h>
#include <string.h>

#include "world.h"

static struct zone_model *find_zone(const struct policy_model *policy, const char *name)
{
    for (size_t i = 0; i < policy->n_zones; i++)
        if (strcmp(policy->zones[i].name, name) == 0)
            return (struct zone_model *)&policy->zones[i];
    return NULL;
}

static struct flow_model *find_flow(const struct policy_model *policy, const char *name)
{
    for (size_t i = 0; i < policy->n_flows; i++)
        if (strcmp(policy->flows[i].name, name) == 0)
            return (struct flow_model *)&policy->flows[i];
    return NULL;
}

struct zone_model *world_zone(struct policy_model *policy, const char *name)
{
    struct zone_model *zone = find_zone(policy, name);

    ck_assert_msg(zone, "no zone %s", name);
    return zone;
}

struct flow_model *world_flow(struct policy_model *policy, const char *name)
{
    struct flow_model *flow = find_flow(policy, name);

    ck_assert_msg(flow, "no flow %s", name);
    return flow;
}

void world_rename(char *name, const char *to)
{
    ck_assert_uint_lt(strlen(to), WORLD_NAME_SIZE);
    strcpy(name, to);
}

void world_swap_names(char *one, char *other)
{
    char name[WORLD_NAME_SIZE];

    if (one == other)
        return;
    strcpy(name, one);
    strcpy(one, other);
    strcpy(other, name);
}

struct zone_model *world_add_zone(struct policy_model *policy, const char *name, unsigned wires,
                                  unsigned blocks)
{
    struct zone_model *zone = &policy->zones[policy->n_zones];

    ck_assert_uint_lt(policy->n_zones, WORLD_ZONES_MAX);
    *zone = (struct zone_model){.wires = wires, .blocks = blocks};
    world_rename(zone->name, name);
    policy->n_zones++;
    return zone;
}

struct flow_model *world_add_flow(struct policy_model *policy, const char *name, unsigned from,
                                  unsigned to, unsigned first, unsigned last)
{
    struct flow_model *flow = &policy->flows[policy->n_flows];

    ck_assert_uint_lt(policy->n_flows, WORLD_FLOWS_MAX);
    *flow = (struct flow_model){.from = from, .to = to, .first = first, .last = last};
    world_rename(flow->name, name);
    policy->n_flows++;
    return flow;
}

void world_drop_zone(struct policy_model *policy, const char *name)
{
    struct zone_model *zone = world_zone(policy, name);
    size_t after = (size_t)(policy->zones + policy->n_zones - zone) - 1;

    memmove(zone, zone + 1, after * sizeof(*zone));
    policy->n_zones--;
    model_clean(policy);
}

void world_drop_flow(struct policy_model *policy, const char *name)
{
    struct flow_model *flow = world_flow(policy, name);
    size_t after = (size_t)(policy->flows + policy->n_flows - flow) - 1;

    memmove(flow, flow + 1, after * sizeof(*flow));
    policy->n_flows--;
}

/* Flows have no ends outside zones, and those without ends are gone. */
void model_clean(struct policy_model *policy)
{
    unsigned blocks = 0;
    size_t n = 0;

    for (size_t i = 0; i < policy->n_zones; i++)
        blocks |= policy->zones[i].blocks;
    for (size_t i = 0; i < policy->n_flows; i++) {
        struct flow_model flow = policy->flows[i];

        flow.from &= blocks;
        flow.to &= blocks;
        if (flow.from && flow.to)
            policy->flows[n++] = flow;
    }
    policy->n_flows = n;
}

static struct content content_of(const struct flow_model *flow)
{
    return (struct content){flow->life == LIFE_DISABLED, flow->from, flow->to, flow->first,
                            flow->last};
}

static bool are_equal(const struct content *one, const struct content *other)
{
    return !one->none && !other->none && one->from == other->from && one->to == other->to &&
           one->first == other->first && one->last == other->last;
}

static bool holds(const struct held_content *list, size_t n, const struct content *content,
                  enum hold hold)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].hold >= hold && are_equal(&list[i].content, content))
            return true;
    }
    return false;
}

static bool has_name(const struct closing *closing, const char *name, enum hold hold)
{
    for (size_t i = 0; i < closing->n_names; i++)
        if (closing->names[i].hold >= hold && strcmp(closing->names[i].name, name) == 0)
            return true;
    return false;
}

const char *model_name(const struct closing *closing)
{
    for (size_t i = closing->n_names; i-- > 0;)
        if (closing->names[i].hold > HOLD_PERHAPS)
            return closing->names[i].name;
    return closing->names[closing->n_names - 1].name;
}

static void add_name(struct closing *closing, const char *name, enum hold hold)
{
    for (size_t i = 0; i < closing->n_names; i++) {
        struct held_name held = closing->names[i];

        if (strcmp(held.name, name) != 0)
            continue;
        /* To the end: the last sure one is the name. */
        if (held.hold < hold)
            held.hold = hold;
        memmove(&closing->names[i], &closing->names[i + 1],
                (closing->n_names - i - 1) * sizeof(held));
        closing->names[closing->n_names - 1] = held;
        return;
    }
    ck_assert_uint_lt(closing->n_names, WORLD_HELD_MAX);
    closing->names[closing->n_names].hold = hold;
    world_rename(closing->names[closing->n_names++].name, name);
}

static void forget_name(struct closing *closing, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < closing->n_names; i++)
        if (strcmp(closing->names[i].name, name) != 0)
            closing->names[n++] = closing->names[i];
    closing->n_names = n;
}

static void add_content(struct closing *closing, const struct content *content, enum hold hold)
{
    for (size_t i = 0; i < closing->n_contents; i++)
        if (are_equal(&closing->contents[i].content, content)) {
            if (closing->contents[i].hold < hold)
                closing->contents[i].hold = hold;
            return;
        }
    if (content->none)
        return;
    ck_assert_uint_lt(closing->n_contents, WORLD_HELD_MAX);
    closing->contents[closing->n_contents++] = (struct held_content){*content, hold};
}

static bool is_suspended(const struct world *world, const struct flow_model *flow, enum hold hold)
{
    struct content content = content_of(flow);

    for (size_t i = 0; i < world->n_closings; i++) {
        const struct closing *closing = &world->closings[i];

        if (closing->kind == CLOSING_SUSPENSION &&
            (has_name(closing, flow->name, hold) ||
             holds(closing->contents, closing->n_contents, &content, hold)))
            return true;
    }
    return false;
}

bool model_may_be_suspended(const struct world *world, const struct flow_model *flow)
{
    return is_suspended(world, flow, HOLD_PERHAPS);
}

static unsigned alone_on(const struct policy_model *policy, const struct zone_model *zone)
{
    unsigned wires = zone->wires;

    for (size_t i = 0; i < policy->n_zones; i++)
        if (strcmp(policy->zones[i].name, zone->name) != 0)
            wires &= ~policy->zones[i].wires;
    return wires;
}

static void add_extent(struct closing *closing, const struct zone_model *zone, unsigned whole,
                       enum hold hold)
{
    for (size_t i = 0; i < closing->n_extents; i++) {
        struct span *extent = &closing->extents[i];

        if (extent->wires != zone->wires || extent->blocks != zone->blocks ||
            extent->whole != whole)
            continue;
        if (extent->hold < hold)
            extent->hold = hold;
        return;
    }
    ck_assert_uint_lt(closing->n_extents, WORLD_HELD_MAX);
    closing->extents[closing->n_extents++] = (struct span){zone->wires, whole, zone->blocks, hold};
}

static void carry_isolation(struct closing *closing, const struct policy_model *after,
                            enum hold hold)
{
    const struct zone_model *zone = find_zone(after, model_name(closing));

    if (!zone)
        return;
    add_extent(closing, zone, 0, hold);
    add_extent(closing, zone, alone_on(after, zone), HOLD_PERHAPS);
}

/* Whether this content passed under another name in the policy before, as surely as this. */
static bool stood_elsewhere(const struct world *world, const struct content *content,
                            const char *name, enum hold not_suspended)
{
    for (size_t i = 0; i < world->policy.n_flows; i++) {
        const struct flow_model *flow = &world->policy.flows[i];
        struct content other = content_of(flow);

        if (strcmp(flow->name, name) != 0 && are_equal(&other, content) &&
            !is_suspended(world, flow, not_suspended))
            return true;
    }
    return false;
}

/* How surely the policy has what the suspension held under some name. A disabled flow has a content
 * too, which the model does not know. */
static bool is_carried(const struct closing *was, const struct policy_model *after, enum hold hold)
{
    for (size_t i = 0; i < after->n_flows; i++) {
        struct content content = content_of(&after->flows[i]);

        if (holds(was->contents, was->n_contents, &content, hold) ||
            (content.none && hold == HOLD_PERHAPS))
            return true;
    }
    return false;
}

static bool is_alone(const struct world *world)
{
    size_t n = 0;

    for (size_t i = 0; i < world->n_closings; i++)
        n += world->closings[i].kind == CLOSING_SUSPENSION;
    return n == 1;
}

static enum hold weaker(enum hold one, enum hold other)
{
    return one < other ? one : other;
}

/* A flow that has a name of the suspension: it stays closed with another content too, unless names
 * were swapped. Of two suspensions one may have the name that the other would take. */
static void carry_name(const struct world *world, struct closing *closing,
                       const struct closing *was, const struct held_name *held,
                       const struct policy_model *after, enum hold hold)
{
    const struct flow_model *flow = find_flow(after, held->name);
    struct content content;

    if (!flow)
        return;
    content = content_of(flow);
    if (content.none || holds(was->contents, was->n_contents, &content, HOLD_PENDING))
        return;
    if (is_carried(was, after, HOLD_PENDING) && is_alone(world) &&
        stood_elsewhere(world, &content, held->name, HOLD_PERHAPS)) {
        forget_name(closing, held->name);
    } else if (is_carried(was, after, HOLD_PERHAPS) &&
               stood_elsewhere(world, &content, held->name, HOLD_PENDING)) {
        forget_name(closing, held->name);
        add_name(closing, held->name, HOLD_PERHAPS);
        add_content(closing, &content, HOLD_PERHAPS);
    } else {
        add_content(closing, &content, weaker(held->hold, hold));
    }
}

/* The names that what is held has in this policy. */
static void carry_contents(struct closing *closing, const struct policy_model *after,
                           enum hold most)
{
    for (enum hold hold = HOLD_PERHAPS; hold <= most; hold++)
        for (size_t i = 0; i < after->n_flows; i++) {
            struct content content = content_of(&after->flows[i]);

            if (holds(closing->contents, closing->n_contents, &content, hold))
                add_name(closing, after->flows[i].name, hold);
        }
}

static void carry_suspension(const struct world *world, struct closing *closing,
                             const struct policy_model *after, enum hold hold)
{
    const struct closing was = *closing;

    for (size_t i = 0; i < was.n_names; i++)
        carry_name(world, closing, &was, &was.names[i], after, hold);
    carry_contents(closing, after, hold);
}

/* A grant surely goes on where both of its zones are what they were. */
static bool same_zone(const struct policy_model *one, const struct policy_model *other,
                      unsigned block)
{
    for (size_t i = 0; i < one->n_zones; i++) {
        const struct zone_model *zone = &one->zones[i];
        const struct zone_model *same = find_zone(other, zone->name);

        if (zone->blocks & block)
            return same && same->blocks == zone->blocks && same->wires == zone->wires;
    }
    return false;
}

void model_carry(struct world *world, const struct policy_model *after, enum hold hold)
{
    for (size_t i = 0; i < world->n_closings; i++) {
        struct closing *closing = &world->closings[i];

        switch (closing->kind) {
        case CLOSING_ISOLATION:
            carry_isolation(closing, after, hold);
            break;
        case CLOSING_SUSPENSION:
            carry_suspension(world, closing, after, hold);
            break;
        case CLOSING_GRANT:
            closing->sure = closing->sure &&
                            same_zone(&world->policy, after, closing->granted.from) &&
                            same_zone(&world->policy, after, closing->granted.to);
            break;
        }
    }
    world->policy = *after;
}

static void move_holds(struct world *world, enum hold to)
{
    for (size_t i = 0; i < world->n_closings; i++) {
        struct closing *closing = &world->closings[i];

        for (size_t j = 0; j < closing->n_extents; j++)
            if (closing->extents[j].hold == HOLD_PENDING)
                closing->extents[j].hold = to;
        for (size_t j = 0; j < closing->n_names; j++)
            if (closing->names[j].hold == HOLD_PENDING)
                closing->names[j].hold = to;
        for (size_t j = 0; j < closing->n_contents; j++)
            if (closing->contents[j].hold == HOLD_PENDING)
                closing->contents[j].hold = to;
    }
}

void model_confirm(struct world *world)
{
    move_holds(world, HOLD_FIRM);
    world->pending = false;
}

/* What the pending policy brought in may stay; the name is that which the suspension had. */
void model_forget_pending(struct world *world)
{
    model_carry(world, &world->before, HOLD_FIRM);
    move_holds(world, HOLD_PERHAPS);
    world->pending = false;
}

void model_doubt(struct world *world, const struct policy_model *older)
{
    for (size_t i = 0; i < world->n_closings; i++) {
        struct closing *closing = &world->closings[i];

        closing->sure = false;
        if (closing->kind == CLOSING_ISOLATION) {
            carry_isolation(closing, older, HOLD_PERHAPS);
            continue;
        }
        for (size_t j = 0; j < older->n_flows; j++) {
            struct content content = content_of(&older->flows[j]);

            if (closing->kind == CLOSING_SUSPENSION &&
                has_name(closing, older->flows[j].name, HOLD_PERHAPS))
                add_content(closing, &content, HOLD_PERHAPS);
        }
        if (closing->kind == CLOSING_SUSPENSION)
            carry_contents(closing, older, HOLD_PERHAPS);
    }
}

static struct closing *add_closing(struct world *world, enum closing_kind kind, const char *reason)
{
    struct closing *closing = &world->closings[world->n_closings];

    ck_assert_uint_lt(world->n_closings, WORLD_CLOSINGS_MAX);
    *closing = (struct closing){.kind = kind, .end = WORLD_FOR_EVER};
    world_rename(closing->reason, reason);
    world->n_closings++;
    return closing;
}

struct closing *model_find_isolation(struct world *world, const char *zone)
{
    for (size_t i = 0; i < world->n_closings; i++)
        if (world->closings[i].kind == CLOSING_ISOLATION &&
            has_name(&world->closings[i], zone, HOLD_FIRM))
            return &world->closings[i];
    return NULL;
}

/* What goes on goes on by both. */
static void intersect_keep(struct closing *closing, const struct held_content *keep, size_t n_keep)
{
    size_t n = 0;

    for (size_t i = 0; i < closing->n_keep; i++) {
        struct held_content *held = &closing->keep[i];

        if (!holds(keep, n_keep, &held->content, HOLD_PERHAPS))
            continue;
        if (!holds(keep, n_keep, &held->content, HOLD_FIRM))
            held->hold = HOLD_PERHAPS;
        closing->keep[n++] = *held;
    }
    closing->n_keep = n;
}

static bool lies_in(const struct content *content, const struct content *other)
{
    return !content->none && !other->none && !(content->from & ~other->from) &&
           !(content->to & ~other->to) && content->first >= other->first &&
           content->last <= other->last;
}

/* The contents of these flows and of those that they cover. */
static size_t find_kept(const struct policy_model *policy, const char *const *keep, size_t n_keep,
                        struct held_content kept[WORLD_FLOWS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < policy->n_flows; i++) {
        struct content content = content_of(&policy->flows[i]);
        bool is_kept = false;

        for (size_t j = 0; j < n_keep; j++) {
            struct content named = content_of(world_flow((struct policy_model *)policy, keep[j]));

            is_kept |= strcmp(policy->flows[i].name, keep[j]) == 0 || lies_in(&content, &named);
        }
        if (is_kept)
            kept[n++] = (struct held_content){content, HOLD_FIRM};
    }
    return n;
}

void model_isolate(struct world *world, int person, const char *zone, const char *const *keep,
                   size_t n_keep, int64_t end, const char *reason)
{
    struct closing *closing = model_find_isolation(world, zone);
    const struct zone_model *cut = world_zone(&world->policy, zone);
    struct held_content kept[WORLD_FLOWS_MAX];
    size_t n_kept = find_kept(&world->policy, keep, n_keep, kept);

    if (closing) {
        intersect_keep(closing, kept, n_kept);
        if (closing->end < end)
            closing->end = end;
    } else {
        closing = add_closing(world, CLOSING_ISOLATION, reason);
        add_name(closing, zone, HOLD_FIRM);
        memcpy(closing->keep, kept, n_kept * sizeof(kept[0]));
        closing->n_keep = n_kept;
        closing->end = end;
    }
    closing->makers |= BIT(person);
    add_extent(closing, cut, alone_on(&world->policy, cut), HOLD_FIRM);
}

void model_suspend(struct world *world, const char *flow, const char *reason)
{
    struct content content = content_of(world_flow(&world->policy, flow));
    struct closing *closing = add_closing(world, CLOSING_SUSPENSION, reason);

    add_name(closing, flow, HOLD_FIRM);
    add_content(closing, &content, HOLD_FIRM);
}

void model_grant(struct world *world, const struct flow_model *granted, int64_t end,
                 const char *reason)
{
    struct closing *closing = add_closing(world, CLOSING_GRANT, reason);

    closing->end = end;
    closing->granted = *granted;
    closing->sure = true;
}

void model_drop(struct world *world, struct closing *closing)
{
    size_t after = (size_t)(world->closings + world->n_closings - closing) - 1;

    memmove(closing, closing + 1, after * sizeof(*closing));
    world->n_closings--;
}

void model_end(struct world *world)
{
    for (size_t i = world->n_closings; i-- > 0;)
        if (world->closings[i].end <= world->hour)
            model_drop(world, &world->closings[i]);
}

bool model_is_open(const struct world *world, const struct flow_model *flow)
{
    int64_t now = world->hour % WORLD_DAY;

    if (flow->last_day > 0 && world->hour >= (flow->last_day + 1) * WORLD_DAY)
        return false;
    if (flow->opens < flow->closes)
        return flow->opens <= now && now < flow->closes;
    return flow->opens == flow->closes || now >= flow->opens || now < flow->closes;
}

static const struct zone_model *zone_at(const struct policy_model *policy, unsigned wire,
                                        unsigned block)
{
    for (size_t i = 0; i < policy->n_zones; i++)
        if (policy->zones[i].blocks & BIT(block) && policy->zones[i].wires & BIT(wire))
            return &policy->zones[i];
    return NULL;
}

static bool covers(const struct flow_model *flow, const struct packet *packet)
{
    return flow->from & BIT(packet->from) && flow->to & BIT(packet->to) &&
           flow->first <= packet->port && flow->last >= packet->port;
}

static bool is_in(const struct world *world, const struct span *extent, unsigned wire,
                  unsigned block)
{
    return extent->whole & BIT(wire) ||
           (extent->blocks & BIT(block) && (world->by_any_wire || extent->wires & BIT(wire)));
}

static bool is_cut(const struct world *world, const struct closing *closing, enum hold hold,
                   const struct packet *packet)
{
    for (size_t i = 0; i < closing->n_extents; i++)
        if (closing->extents[i].hold >= hold &&
            (is_in(world, &closing->extents[i], packet->wire, packet->from) ||
             is_in(world, &closing->extents[i], packet->to / 2, packet->to)))
            return true;
    return false;
}

/* A zone is cut off from others, and nothing is said of what was in it together. */
static bool stays_within(const struct world *world, const struct closing *closing,
                         const struct packet *packet)
{
    for (size_t i = 0; i < closing->n_extents; i++)
        if (is_in(world, &closing->extents[i], packet->wire, packet->from) &&
            is_in(world, &closing->extents[i], packet->to / 2, packet->to))
            return true;
    return false;
}

/* What one flow or grant that approves the packet makes of it, whatever the others do. */
static enum expectation judge_by(const struct world *world, const struct content *content,
                                 const struct packet *packet)
{
    enum expectation verdict = MUST_PASS;

    for (size_t i = 0; i < world->n_closings; i++) {
        const struct closing *closing = &world->closings[i];
        bool kept, surely_kept;

        if (closing->kind != CLOSING_ISOLATION)
            continue;
        kept = content && holds(closing->keep, closing->n_keep, content, HOLD_PERHAPS);
        surely_kept = content && holds(closing->keep, closing->n_keep, content, HOLD_FIRM);
        if (!kept && is_cut(world, closing, HOLD_PENDING, packet) &&
            !stays_within(world, closing, packet))
            return MUST_NOT_PASS;
        if (!surely_kept && is_cut(world, closing, HOLD_PERHAPS, packet))
            verdict = MAY_PASS;
    }
    return verdict;
}

struct tally {
    bool all; /* whoever may own the packet lets it pass */
    bool any;
    bool one; /* there is one */
};

static void count(struct tally *tally, enum expectation verdict)
{
    tally->one = true;
    tally->all = tally->all && verdict == MUST_PASS;
    tally->any = tally->any || verdict != MUST_NOT_PASS;
}

static void count_flows(const struct world *world, const struct packet *packet, struct tally *tally)
{
    const struct policy_model *policy = &world->policy;

    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow_model *flow = &policy->flows[i];
        struct content content = content_of(flow);
        enum expectation verdict;

        if (flow->life != LIFE_LIVE || !model_is_open(world, flow) || !covers(flow, packet) ||
            is_suspended(world, flow, HOLD_PENDING))
            continue;
        verdict = judge_by(world, &content, packet);
        if (verdict == MUST_PASS && is_suspended(world, flow, HOLD_PERHAPS))
            verdict = MAY_PASS;
        count(tally, verdict);
    }
}

/* A grant that a flow covers is not needed and left out, and a suspension of that flow stops it
 * too.
 */
static bool may_lapse(const struct world *world, const struct packet *packet)
{
    for (size_t i = 0; i < world->policy.n_flows; i++) {
        const struct flow_model *flow = &world->policy.flows[i];

        if (covers(flow, packet) && is_suspended(world, flow, HOLD_PERHAPS))
            return true;
    }
    return false;
}

static void count_grants(const struct world *world, const struct packet *packet,
                         struct tally *tally)
{
    for (size_t i = 0; i < world->n_closings; i++) {
        const struct closing *closing = &world->closings[i];
        enum expectation verdict;

        if (closing->kind != CLOSING_GRANT || !covers(&closing->granted, packet))
            continue;
        verdict = judge_by(world, NULL, packet);
        if (verdict == MUST_PASS && (!closing->sure || may_lapse(world, packet)))
            verdict = MAY_PASS;
        count(tally, verdict);
    }
}

bool world_approves(const struct world *world, const struct packet *packet)
{
    for (size_t i = 0; i < world->policy.n_flows; i++)
        if (covers(&world->policy.flows[i], packet))
            return true;
    for (size_t i = 0; i < world->n_closings; i++)
        if (world->closings[i].kind == CLOSING_GRANT && covers(&world->closings[i].granted, packet))
            return true;
    return false;
}

enum expectation world_judge(const struct world *world, const struct packet *packet)
{
    const struct zone_model *from = zone_at(&world->policy, packet->wire, packet->from);
    const struct zone_model *to = zone_at(&world->policy, packet->to / 2, packet->to);
    struct tally tally = {.all = true};

    if (!from || !to)
        return MUST_NOT_PASS;
    count_flows(world, packet, &tally);
    count_grants(world, packet, &tally);
    if (!tally.any)
        return MUST_NOT_PASS;
    /* Nor is it sure between two interfaces of one zone. */
    if (world->less || from == to || packet->wire != packet->from / 2)
        return MAY_PASS;
    return tally.one && tally.all ? MUST_PASS : MAY_PASS;
}

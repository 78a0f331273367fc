/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The rulesets that were committed are kept in memory, so that only the difference to the next ones
 * is sent. If the kernel's generation id shows that somebody else changed something since, the
 * table is dumped and the difference is taken from that, which repairs it. The commit is the last
 * step that can fail; only after it the new rulesets replace the old ones in memory.
 *
 * The table has two rulesets: that of the policy, and that of the isolations, which can be replaced
 * by itself.
 */

#include "daemon/enforcement.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "daemon/counting.h"
#include "daemon/log.h"
#include "daemon/step.h"
#include "observe/live.h"
#include "ruleset/compile.h"
#include "ruleset/describe.h"
#include "ruleset/difference.h"
#include "ruleset/isolation.h"

#define COMMIT_TRIES_MAX 3

/* The rulesets of the table. */
struct content {
    struct ruleset *ruleset;
    struct ruleset *isolation;
    struct ruleset *joined; /* both; borrows from them */
    struct arena *arena;    /* what they and the outline lie in; NULL: each owns itself */
};

struct enforcement {
    struct nftables *nftables;
    struct nftables_features features;
    struct content committed; /* empty until the first commit of this process */
    struct policy *outline;   /* NULL in lockdown */
    /* The kernel's generation id after that commit; not known if somebody else committed meanwhile.
     */
    uint32_t generation;
    bool generation_known;
    struct totals *totals; /* borrowed, or NULL */
    /* What the kernel held at a generation id, from a comparison before a commit; or NULL. */
    struct ruleset *compared;
    uint32_t compared_at;
};

static void content_clear(struct content *content)
{
    ruleset_free(content->joined);
    ruleset_free(content->isolation);
    ruleset_free(content->ruleset);
    arena_free(content->arena);
    *content = (struct content){0};
}

/* A stored descriptor that is no socket, or of another network namespace, does not prevent a start.
 */
static int open_nftables(int fd, struct nftables **ret_nftables)
{
    int r = fd >= 0 ? nftables_adopt_fd(fd, ret_nftables) : -EBADF;

    if (r == 0 || r == -ENOMEM)
        return r;
    if (fd >= 0)
        close(fd);
    return nftables_open(ret_nftables);
}

/* `*ret_missing` is what the kernel lacks, with -EOPNOTSUPP. */
static int enforcement_new(int fd, struct enforcement **ret_enforcement, const char **ret_missing)
{
    cleanup_(enforcement_freep) struct enforcement *enforcement = calloc(1, sizeof(*enforcement));
    int r;

    if (!enforcement)
        return -ENOMEM;

    r = open_nftables(fd, &enforcement->nftables);
    if (r < 0)
        return r;

    r = nftables_probe(enforcement->nftables, &enforcement->features);
    if (r < 0)
        return r;
    *ret_missing = nftables_features_missing(&enforcement->features);
    if (*ret_missing)
        return -EOPNOTSUPP;

    r = nftables_own(enforcement->nftables, !step_without_owner());
    if (r < 0)
        return r;

    *ret_enforcement = TAKE_PTR(enforcement);
    return 0;
}

int enforcement_open(int fd, struct enforcement **ret_enforcement)
{
    const char *missing = NULL;
    int r = enforcement_new(fd, ret_enforcement, &missing);

    if (r < 0)
        log_message(LOG_ERR, MESSAGE_STOPPED, "cannot use nftables: %s",
                    missing       ? missing
                    : r == -EPERM ? "segd needs CAP_NET_ADMIN in this network namespace"
                                  : strerror(-r));
    return r;
}

struct enforcement *enforcement_free(struct enforcement *enforcement)
{
    if (!enforcement)
        return NULL;

    ruleset_free(enforcement->compared);
    policy_free(enforcement->outline);
    content_clear(&enforcement->committed);
    nftables_close(enforcement->nftables);
    free(enforcement);
    return NULL;
}

const struct nftables_features *enforcement_features(const struct enforcement *enforcement)
{
    return &enforcement->features;
}

struct nftables *enforcement_nftables(struct enforcement *enforcement)
{
    return enforcement->nftables;
}

int enforcement_fd(const struct enforcement *enforcement)
{
    return nftables_fd(enforcement->nftables);
}

int enforcement_enter_child(struct enforcement *enforcement, bool reads)
{
    return nftables_enter_child(enforcement->nftables, reads);
}

static void note_gone(const char *set, const uint8_t *key, struct nftables_count count,
                      void *userdata)
{
    const struct enforcement *enforcement = userdata;

    counting_note_gone(enforcement->totals, enforcement->committed.ruleset, set, key, count);
}

void enforcement_count(struct enforcement *enforcement, struct totals *totals)
{
    enforcement->totals = totals;
    nftables_follow_gone(enforcement->nftables, note_gone, enforcement);
}

bool enforcement_owns(const struct enforcement *enforcement)
{
    return nftables_owns(enforcement->nftables);
}

const struct policy *enforcement_outline(const struct enforcement *enforcement)
{
    return enforcement->outline;
}

const struct ruleset *enforcement_ruleset(const struct enforcement *enforcement)
{
    return enforcement->committed.ruleset;
}

bool enforcement_has_live(const struct ruleset *ruleset, const char *flow)
{
    const struct live_sets live = live_sets_of(ruleset);
    uint32_t mark;

    return live_find_named(&live, flow, &mark);
}

int enforcement_read_held(struct enforcement *enforcement, struct held *ret_held)
{
    cleanup_(held_clear) struct held held = {0};
    int r = nftables_dump(enforcement->nftables, RULESET_TABLE, NULL, &held.ruleset);

    if (r < 0 && r != -ENOENT)
        return r;
    held.enforced = held.ruleset && !held.ruleset->dormant;
    r = held.enforced ? held_find_closings(held.ruleset, &held.closings) : 0;
    if (r < 0)
        return r;
    if (held.enforced) {
        held.generation = ruleset_generation(held.ruleset);
        held.is_ours = held.ruleset->ours;
    }

    *ret_held = held;
    held = (struct held){0};
    return 0;
}

bool enforcement_content_of(const struct enforcement *enforcement, const char *flow,
                            char content[FLOW_CONTENT_TEXT_MAX])
{
    const struct policy *outline = enforcement->outline;
    const struct live_sets live = live_sets_of(enforcement->committed.ruleset);
    uint32_t mark;

    if (!outline || !live_find_named(&live, flow, &mark))
        return false;
    for (size_t i = 0; i < outline->n_marks; i++) {
        if (outline->marks[i].id == mark) {
            flow_content_format(outline->marks[i].digest, content);
            return true;
        }
    }
    return false;
}

/*
 * Commits the difference from `held`, which is NULL if the kernel holds nothing. Timeouts count
 * from now, not from the instant of the compilation: after it texts may have been written to a slow
 * disk.
 */
static int commit_from(struct enforcement *enforcement, const struct ruleset *held,
                       const struct ruleset *wanted, struct nftables_refusal *refusal,
                       struct nftables_cost *cost)
{
    cleanup_(difference_freep) struct difference *difference = NULL;
    int r = difference_new(held, wanted, &difference);

    if (r < 0)
        return r;
    return nftables_apply(enforcement->nftables, wanted, difference, calendar_now(), refusal, cost);
}

/* What the kernel holds at this generation id, without a dump where it was just compared. */
static int observe(struct enforcement *enforcement, uint32_t generation,
                   const struct ruleset *wanted, struct ruleset **ret_observed)
{
    struct ruleset *compared = TAKE_PTR(enforcement->compared);

    if (compared && enforcement->compared_at == generation) {
        *ret_observed = compared;
        return 0;
    }
    ruleset_free(compared);
    return nftables_dump(enforcement->nftables, RULESET_TABLE, wanted, ret_observed);
}

/*
 * Between the dump and the commit an element may expire or somebody else may change the table: then
 * the kernel refuses to add what exists or to delete what does not. So it is tried again, a limited
 * number of times.
 */
static int commit_from_kernel(struct enforcement *enforcement, const struct ruleset *wanted,
                              struct nftables_refusal *refusal, struct nftables_cost *cost)
{
    bool outdated = true;
    int r = 0;

    for (unsigned tries = 0; outdated && tries < COMMIT_TRIES_MAX; tries++) {
        cleanup_(ruleset_freep) struct ruleset *observed = NULL;
        uint32_t before = 0, after = 0;

        r = nftables_generation(enforcement->nftables, &before);
        if (r < 0)
            return r;
        r = observe(enforcement, before, wanted, &observed);
        if (r < 0 && r != -ENOENT)
            return r;
        r = commit_from(enforcement, observed, wanted, refusal, cost);
        outdated = r == -EREMOTEIO &&
                   (refusal->error == -EEXIST || refusal->error == -ENOENT ||
                    (nftables_generation(enforcement->nftables, &after) == 0 && after != before));
    }
    return r;
}

static bool is_unchanged(const struct enforcement *enforcement, uint32_t generation)
{
    return enforcement->committed.joined && enforcement->generation_known &&
           enforcement->generation == generation;
}

void enforcement_distrust(struct enforcement *enforcement)
{
    enforcement->generation_known = false;
}

void enforcement_skip(struct enforcement *enforcement, uint32_t generation)
{
    if (enforcement->generation_known && generation == enforcement->generation + 1)
        enforcement->generation = generation;
}

bool enforcement_is_unchanged(struct enforcement *enforcement)
{
    uint32_t generation;

    return nftables_generation(enforcement->nftables, &generation) == 0 &&
           is_unchanged(enforcement, generation);
}

/*
 * Remembers the kernel's generation id after a commit. If it grew by the number of our
 * transactions, nobody else committed meanwhile.
 */
static void remember_generation(struct enforcement *enforcement, uint32_t before,
                                size_t transactions)
{
    int r = nftables_generation(enforcement->nftables, &enforcement->generation);

    enforcement->compared = ruleset_free(enforcement->compared);
    enforcement->generation_known =
        r == 0 && enforcement->generation == before + (uint32_t)transactions;
}

/*
 * The last step that can fail: commits the difference from `held`, the committed version of
 * `wanted`, or if the kernel may hold something else, from what it holds to `all`.
 */
static int commit(struct enforcement *enforcement, const struct ruleset *held,
                  const struct ruleset *wanted, const struct ruleset *all,
                  struct nftables_refusal *refusal, struct nftables_cost *cost)
{
    uint32_t generation;
    int r = nftables_generation(enforcement->nftables, &generation);

    if (r < 0)
        return r;
    if (enforcement->totals)
        totals_begin_change(enforcement->totals);

    r = -EREMOTEIO;
    if (held && is_unchanged(enforcement, generation))
        r = commit_from(enforcement, held, wanted, refusal, cost);
    if (r == -EREMOTEIO)
        r = commit_from_kernel(enforcement, all, refusal, cost);
    if (r < 0)
        return r;

    remember_generation(enforcement, generation, cost->transactions);
    return 0;
}

/* Whether packets are counted for other zones by the one ruleset than by the other. */
static bool counts_for_others(const struct ruleset *before, const struct ruleset *after)
{
    const struct set *a = ruleset_find_set(before, RULESET_INTERFACES);
    const struct set *b = ruleset_find_set(after, RULESET_INTERFACES);

    if (!a || !b || a->n_elements != b->n_elements)
        return a || b;
    for (size_t i = 0; i < a->n_elements; i++) {
        const struct element *x = &a->elements[i], *y = &b->elements[i];

        if (memcmp(x->key, y->key, a->key_length) != 0 || !x->comment || !y->comment ||
            strcmp(x->comment, y->comment) != 0)
            return true;
    }
    return false;
}

/* What is counted between the two readings is counted for the zones of after. */
static int commit_counted(struct enforcement *enforcement, struct content *content,
                          struct nftables_refusal *refusal, struct nftables_cost *cost)
{
    const struct content *committed = &enforcement->committed;
    bool moves = enforcement->totals && committed->ruleset &&
                 counts_for_others(committed->ruleset, content->ruleset);
    int r;

    if (moves)
        counting_read_drops(enforcement->totals, enforcement->nftables, committed->ruleset);
    r = commit(enforcement, committed->joined, content->joined, content->joined, refusal, cost);
    if (r == 0 && moves)
        counting_move_drops(enforcement->totals, enforcement->nftables, content->ruleset);
    return r;
}

/* Commits both rulesets and keeps them in place of those before and of their outline. */
static int commit_content(struct enforcement *enforcement, struct content *content,
                          struct nftables_refusal *refusal, struct nftables_cost *cost)
{
    int r = ruleset_join(content->ruleset, content->isolation, &content->joined);

    if (r == 0)
        r = commit_counted(enforcement, content, refusal, cost);
    if (r < 0)
        return r;

    enforcement->outline = policy_free(enforcement->outline);
    content_clear(&enforcement->committed);
    enforcement->committed = *content;
    *content = (struct content){0};
    return 0;
}

int enforcement_commit(struct enforcement *enforcement, struct compiled *compiled,
                       struct nftables_refusal *ret_refusal, struct nftables_cost *ret_cost)
{
    struct content content = {
        .ruleset = compiled->ruleset,
        .isolation = compiled->isolation,
        .arena = compiled->arena,
    };
    int r = commit_content(enforcement, &content, ret_refusal, ret_cost);

    if (r < 0) {
        ruleset_free(content.joined);
        return r;
    }
    compiled->ruleset = compiled->isolation = NULL;
    compiled->arena = NULL;
    enforcement->outline = TAKE_PTR(compiled->outline);
    return 0;
}

/* Removes what the other ruleset has too, by name. */
static void leave_out(struct ruleset *ruleset, const struct ruleset *other)
{
    size_t n_sets = 0, n_chains = 0, n_counters = 0;

    for (size_t i = 0; i < ruleset->n_sets; i++) {
        if (ruleset_find_set(other, ruleset->sets[i].name))
            free(ruleset->sets[i].elements);
        else
            ruleset->sets[n_sets++] = ruleset->sets[i];
    }
    for (size_t i = 0; i < ruleset->n_chains; i++) {
        if (!ruleset_find_chain(other, ruleset->chains[i].name))
            ruleset->chains[n_chains++] = ruleset->chains[i];
    }
    for (size_t i = 0; i < ruleset->n_counters; i++) {
        if (!ruleset_has_counter(other, ruleset->counters[i].name))
            ruleset->counters[n_counters++] = ruleset->counters[i];
    }
    ruleset->n_sets = n_sets;
    ruleset->n_chains = n_chains;
    ruleset->n_counters = n_counters;
}

int enforcement_hold(struct enforcement *enforcement, struct policy *outline,
                     const struct overrides *overrides)
{
    cleanup_(content_clear) struct content content = {0};
    int r = isolation_compile(outline, overrides, &content.isolation);

    /* Its own rules are known again by what they are compared with. */
    if (r == 0)
        r = nftables_dump(enforcement->nftables, RULESET_TABLE, content.isolation,
                          &content.ruleset);
    if (r < 0)
        return r;
    leave_out(content.ruleset, content.isolation);
    r = ruleset_join(content.ruleset, content.isolation, &content.joined);
    if (r < 0)
        return r;

    policy_free(enforcement->outline);
    enforcement->outline = outline;
    content_clear(&enforcement->committed);
    enforcement->committed = content;
    content = (struct content){0};
    enforcement_distrust(enforcement);
    return 0;
}

int enforcement_isolate(struct enforcement *enforcement, const struct overrides *overrides,
                        struct nftables_refusal *ret_refusal)
{
    struct content *committed = &enforcement->committed;
    cleanup_(ruleset_freep) struct ruleset *isolation = NULL;
    cleanup_(ruleset_freep) struct ruleset *joined = NULL;
    struct nftables_cost cost = {0};
    int r;

    if (!enforcement->outline)
        return -ENODATA;

    r = isolation_compile(enforcement->outline, overrides, &isolation);
    if (r == 0)
        r = ruleset_join(committed->ruleset, isolation, &joined);
    if (r == 0)
        r = commit(enforcement, committed->isolation, isolation, joined, ret_refusal, &cost);
    if (r < 0)
        return r;

    ruleset_free(committed->joined);
    ruleset_free(committed->isolation);
    committed->joined = TAKE_PTR(joined);
    committed->isolation = TAKE_PTR(isolation);
    return 0;
}

/* The elements of each set that are about to end. */
struct ending {
    struct change changes[RULESET_LIVE_SETS];
    size_t n_changes;
};

static void ending_clear(struct ending *ending)
{
    for (size_t i = 0; i < ending->n_changes; i++)
        free(ending->changes[i].elements);
}

static int find_ending(const struct live_sets *live, usec_t until, struct ending *ending)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < live->n_sets; i++) {
        const struct set *set = live->sets[i];
        struct change *change = &ending->changes[ending->n_changes];
        size_t capacity = 0;

        *change = (struct change){.kind = CHANGE_DELETE_ELEMENTS, .set = set};
        for (size_t j = 0; r == 0 && j < set->n_elements; j++) {
            const struct element *element = &set->elements[j];

            if (element->expires != 0 && element->expires <= until)
                r = array_append(&change->elements, &change->n_elements, &capacity, &element,
                                 sizeof(struct element *));
        }
        ending->n_changes += change->n_elements > 0;
    }
    return r;
}

int enforcement_end_by(struct enforcement *enforcement, usec_t until)
{
    cleanup_(ending_clear) struct ending ending = {0};
    const struct live_sets live = live_sets_of(enforcement->committed.ruleset);
    struct difference difference = {.changes = ending.changes};
    struct nftables_refusal refusal = {0};
    struct nftables_cost cost = {0};
    uint32_t generation;
    bool unchanged;
    int r = find_ending(&live, until, &ending);

    if (r < 0 || ending.n_changes == 0)
        return r;
    difference.n_changes = difference.n_phase[PHASE_IDS] = ending.n_changes;
    r = nftables_generation(enforcement->nftables, &generation);
    if (r < 0)
        return r;
    unchanged = is_unchanged(enforcement, generation);
    totals_begin_change(enforcement->totals);
    r = nftables_apply(enforcement->nftables, enforcement->committed.joined, &difference,
                       calendar_now(), &refusal, &cost);
    if (r == 0 && unchanged)
        remember_generation(enforcement, generation, cost.transactions);
    return r;
}

int enforcement_lock_down(struct enforcement *enforcement, struct nftables_refusal *ret_refusal)
{
    cleanup_(content_clear) struct content content = {0};
    struct nftables_cost cost = {0};
    int r = ruleset_lockdown(&content.ruleset);

    if (r == 0)
        r = ruleset_new(RULESET_TABLE, &content.isolation);
    if (r == 0)
        r = commit_content(enforcement, &content, ret_refusal, &cost);
    return r;
}

/* Removes elements that have ended since they were committed, by themselves or just before: their
 * absence is no difference. */
static void leave_out_expired(struct change *change, usec_t now)
{
    size_t n = 0;

    if (change->kind != CHANGE_ADD_ELEMENTS && change->kind != CHANGE_RENEW_ELEMENTS)
        return;
    for (size_t i = 0; i < change->n_elements; i++) {
        const struct element *element = change->elements[i];

        if (element->expires == 0 || element->expires > now)
            change->elements[n++] = element;
    }
    change->n_elements = n;
}

static bool is_of_elements(const struct change *change)
{
    return change->kind == CHANGE_ADD_ELEMENTS || change->kind == CHANGE_RENEW_ELEMENTS ||
           change->kind == CHANGE_DELETE_ELEMENTS;
}

/* Calls the handler with each line that describes the change. */
static int report_change(const struct change *change, enforcement_handler handler, void *userdata)
{
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    const char *name;
    char *rest;
    int r;

    if (!stream)
        return -ENOMEM;
    r = difference_describe(change, stream);
    if (fclose(stream) != 0 || r < 0)
        return -ENOMEM;

    change_object(change, &name);
    rest = text;
    for (char *line; r == 0 && (line = strsep(&rest, "\n"));) {
        if (*line)
            r = handler(name ? name : RULESET_TABLE, line, userdata);
    }
    return r;
}

/* Calls the handler for all that differs, but for what expired. */
static int report_difference(const struct difference *difference, usec_t now,
                             enforcement_handler handler, void *userdata, size_t *ret_n)
{
    *ret_n = 0;
    for (size_t i = 0; i < difference->n_changes; i++) {
        struct change *change = &difference->changes[i];
        int r;

        leave_out_expired(change, now);
        if (is_of_elements(change) && change->n_elements == 0)
            continue;
        /* A table without an owner, which segd adopts unchanged. */
        if (change->kind == CHANGE_ADD_TABLE && change->held)
            continue;
        *ret_n += is_of_elements(change) ? change->n_elements : 1;
        r = handler ? report_change(change, handler, userdata) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

/* Compares what the kernel holds with what it should hold. `*ret_observed` is NULL if there is no
 * table. */
static int compare_with(struct enforcement *enforcement, const struct ruleset *wanted,
                        enforcement_handler handler, void *userdata, size_t *ret_n,
                        struct ruleset **ret_observed)
{
    cleanup_(difference_freep) struct difference *difference = NULL;
    int r = nftables_dump(enforcement->nftables, RULESET_TABLE, wanted, ret_observed);

    if (r < 0 && r != -ENOENT)
        return r;
    r = difference_new(*ret_observed, wanted, &difference);
    return r < 0 ? r
                 : report_difference(difference, calendar_now() + ENFORCEMENT_LEAD, handler,
                                     userdata, ret_n);
}

/* Compares, and repairs if `repair`. */
static int compare(struct enforcement *enforcement, bool repair, enforcement_handler handler,
                   void *userdata, size_t *ret_n)
{
    const struct ruleset *wanted = enforcement->committed.joined;
    cleanup_(ruleset_freep) struct ruleset *observed = NULL;
    uint32_t generation;
    size_t n = 0;
    int r;

    *ret_n = 0;
    if (!wanted)
        return 0;

    r = nftables_generation(enforcement->nftables, &generation);
    if (r == 0)
        r = compare_with(enforcement, wanted, handler, userdata, &n, &observed);
    if (r < 0)
        return r;

    if (repair && n > 0) {
        struct nftables_refusal refusal = {0};
        struct nftables_cost cost = {0};

        r = commit(enforcement, NULL, NULL, wanted, &refusal, &cost);
        if (r < 0)
            return r;
    } else if (n == 0) {
        enforcement->generation = generation;
        enforcement->generation_known = true;
    }
    *ret_n = n;
    return 0;
}

int enforcement_compare(struct enforcement *enforcement, const struct compiled *compiled,
                        enforcement_handler handler, void *userdata, size_t *ret_n)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    int r = ruleset_join(compiled->ruleset, compiled->isolation, &wanted);

    *ret_n = 0;
    enforcement->compared = ruleset_free(enforcement->compared);
    if (r == 0)
        r = nftables_generation(enforcement->nftables, &enforcement->compared_at);
    return r < 0 ? r
                 : compare_with(enforcement, wanted, handler, userdata, ret_n,
                                &enforcement->compared);
}

int enforcement_verify(struct enforcement *enforcement, enforcement_handler handler, void *userdata,
                       size_t *ret_n)
{
    return compare(enforcement, false, handler, userdata, ret_n);
}

int enforcement_repair(struct enforcement *enforcement, enforcement_handler handler, void *userdata,
                       size_t *ret_n)
{
    return compare(enforcement, true, handler, userdata, ret_n);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Two policies side by side. Objects are matched by name; flows that are left on both sides with
 * one content were renamed, which matters to people only: the connections of a renamed flow go on.
 */

#include "answer/policy_changes.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"
#include "base/name_index.h"

const char *policy_change_kind_to_string(enum policy_change_kind kind)
{
    static const char *const words[] = {"added", "removed", "changed", "renamed"};

    return words[kind];
}

/* Where the objects of a kind are in a policy. The first member of each is its name. */
static const struct object_kind {
    enum policy_subject subject;
    size_t objects, n_objects;
    size_t size, location; /* of one object */
} kinds[] = {
#define KIND(subject, type, array)                                                                 \
    {                                                                                              \
        subject, offsetof(struct policy, array), offsetof(struct policy, n_##array),               \
            sizeof(struct type), offsetof(struct type, location)                                   \
    }
    KIND(SUBJECT_FLOW, flow, flows),          KIND(SUBJECT_ZONE, zone, zones),
    KIND(SUBJECT_HOST, host, hosts),          KIND(SUBJECT_GROUP, group, groups),
    KIND(SUBJECT_SERVICE, service, services),
};
_Static_assert(offsetof(struct flow, name) == 0 && offsetof(struct zone, name) == 0 &&
                   offsetof(struct host, name) == 0 && offsetof(struct group, name) == 0 &&
                   offsetof(struct service, name) == 0,
               "the first member of an object is its name");

/* The objects of one policy, and for each its partner in the other one. */
struct side {
    const struct object_kind *kind;
    const struct policy *policy;
    size_t n;
    const void **partners;
    uint32_t end; /* of the sources that are the policy's own */
};

static void side_clear(struct side *side)
{
    free(side->partners);
}

/* The first source of a grant: those of the policy stand before it. */
static uint32_t own_sources(const struct policy *policy)
{
    uint32_t end = UINT32_MAX;

    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];

        if (flow->expires != USEC_NEVER && !flow->has_expires && flow->location.source < end)
            end = flow->location.source;
    }
    return end;
}

static int side_init(struct side *side, const struct object_kind *kind, const struct policy *policy)
{
    side->kind = kind;
    side->policy = policy;
    if (policy) {
        side->n = *(const size_t *)((const char *)policy + kind->n_objects);
        side->end = own_sources(policy);
    }
    side->partners = calloc(side->n + 1, sizeof(*side->partners));
    return side->partners ? 0 : -ENOMEM;
}

static const void *object_at(const struct side *side, size_t i)
{
    const char *objects = *(const char *const *)((const char *)side->policy + side->kind->objects);

    return objects + i * side->kind->size;
}

static const char *object_name(const void *object)
{
    return *(const char *const *)object;
}

static bool is_left_out(const struct side *side, size_t i)
{
    const char *object = object_at(side, i);
    const struct location *location = (const struct location *)(object + side->kind->location);

    return location->source >= side->end ||
           (side->kind->subject == SUBJECT_SERVICE &&
            ((const struct service *)(const void *)object)->literal);
}

static void join(struct side *old, size_t i, struct side *new, size_t j)
{
    old->partners[i] = object_at(new, j);
    new->partners[j] = object_at(old, i);
}

static int match_names(struct side *old, struct side *new)
{
    struct name_index index = {0};
    int r = 0;

    for (size_t j = 0; r == 0 && j < new->n; j++) {
        if (!is_left_out(new, j))
            r = name_index_add(&index, object_name(object_at(new, j)), (uint32_t)j);
    }
    for (size_t i = 0; r == 0 && i < old->n; i++) {
        uint32_t j;

        if (!is_left_out(old, i) && name_index_find(&index, object_name(object_at(old, i)), &j))
            join(old, i, new, j);
    }
    name_index_clear(&index);
    return r;
}

struct loose {
    const struct flow *flow;
    size_t index;
};

static int compare_loose(const void *a, const void *b)
{
    const struct loose *x = a, *y = b;

    return memcmp(x->flow->digest, y->flow->digest, sizeof(x->flow->digest))
               ?: COMPARE(x->index, y->index);
}

/* Flows of a side that have no partner, by content, which a disabled one has none of. */
static int find_loose(const struct side *side, struct loose **ret_loose, size_t *ret_n)
{
    struct loose *loose = calloc(side->n + 1, sizeof(*loose));
    size_t n = 0;

    if (!loose)
        return -ENOMEM;
    for (size_t i = 0; i < side->n; i++) {
        const struct flow *flow = object_at(side, i);

        if (!side->partners[i] && !is_left_out(side, i) && flow->enabled)
            loose[n++] = (struct loose){flow, i};
    }
    qsort(loose, n, sizeof(*loose), compare_loose);
    *ret_loose = loose;
    *ret_n = n;
    return 0;
}

static int match_content(struct side *old, struct side *new)
{
    cleanup_(freep) struct loose *a = NULL;
    cleanup_(freep) struct loose *b = NULL;
    size_t n_a = 0, n_b = 0;
    int r = find_loose(old, &a, &n_a);

    if (r == 0)
        r = find_loose(new, &b, &n_b);
    for (size_t i = 0, j = 0; r == 0 && i < n_a && j < n_b;) {
        int order = memcmp(a[i].flow->digest, b[j].flow->digest, sizeof(a[i].flow->digest));

        if (order == 0)
            join(old, a[i].index, new, b[j].index);
        i += order <= 0;
        j += order >= 0;
    }
    return r;
}

/* As many items as there still is room for. */
static size_t items_max(const struct policy_changes *changes)
{
    return changes->n_items < CHANGE_ITEMS_ALL ? CHANGE_ITEMS_MAX : CHANGE_ITEMS_FEW;
}

/* Adds a copy; `fields` are in the arena as far as they point elsewhere. */
static int add_change(struct policy_changes *changes, const struct policy_change *change,
                      const struct field_change *fields, size_t n_fields)
{
    struct policy_change kept = *change;
    const char **texts[] = {&kept.name, &kept.before, &kept.label, &kept.approval};

    for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
        if (arena_keep_string(changes->arena, texts[i]) < 0)
            return -ENOMEM;
    }
    for (size_t i = 0; i < n_fields; i++)
        changes->n_items += fields[i].added.n + fields[i].removed.n;
    kept.fields = arena_copy(changes->arena, fields, n_fields * sizeof(*fields));
    kept.n_fields = n_fields;
    if (n_fields > 0)
        kept.detail = field_changes_describe(changes->arena, fields, n_fields);
    if (!kept.fields || (n_fields > 0 && !kept.detail))
        return -ENOMEM;
    return array_append(&changes->changes, &changes->n_changes, &changes->capacity, &kept,
                        sizeof(kept));
}

/* What packets see of a change: as much as passed before, and as much as passes then. */
static void sum_up(struct policy_change *change, const struct field_change *fields, size_t n_fields,
                   bool before, bool after)
{
    for (size_t i = 0; i < n_fields; i++) {
        change->packets |= fields[i].packets && (before || after);
        change->widens |= fields[i].widens && after;
        change->narrows |= fields[i].narrows && before;
    }
}

/* What every change says of its object, as it is in one of the policies. */
static struct policy_change change_of(const struct side *side, enum policy_change_kind kind,
                                      const void *object)
{
    struct policy_change change = {
        .subject = side->kind->subject, .kind = kind, .name = object_name(object)};

    if (side->kind->subject == SUBJECT_FLOW) {
        change.label = ((const struct flow *)object)->label;
        change.approval = ((const struct flow *)object)->approval.number;
    }
    return change;
}

/* Objects other than flows are not disabled. */
static bool is_enabled(const struct side *side, const void *object)
{
    return side->kind->subject != SUBJECT_FLOW || ((const struct flow *)object)->enabled;
}

/* Objects that only one of the policies has. Hosts, groups and services mean nothing until a flow
 * names them, but that packets of a host with a hardware address must come from it. */
static int add_lone(struct policy_changes *changes, const struct side *side,
                    enum policy_change_kind kind)
{
    enum policy_subject subject = side->kind->subject;
    int r = 0;

    for (size_t i = 0; r == 0 && i < side->n; i++) {
        const void *object = object_at(side, i);
        struct policy_change change = change_of(side, kind, object);
        bool passes = subject == SUBJECT_FLOW && is_enabled(side, object);

        if (side->partners[i] || is_left_out(side, i))
            continue;
        change.packets = passes || subject == SUBJECT_ZONE ||
                         (subject == SUBJECT_HOST && ((const struct host *)object)->n_macs > 0);
        change.widens = passes && kind == POLICY_ADDED;
        change.narrows = passes && kind == POLICY_REMOVED;
        r = add_change(changes, &change, NULL, 0);
    }
    return r;
}

static int add_kept(struct policy_changes *changes, const struct side *old, const struct side *new)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < new->n; i++) {
        const void *object = object_at(new, i), *before = new->partners[i];
        struct policy_change change = change_of(new, POLICY_CHANGED, object);
        struct field_change fields[FIELD_CHANGES_MAX];
        size_t n_fields = 0;

        if (!before)
            continue;
        r = field_changes_find(changes->arena, change.subject, old->policy, before, new->policy,
                               object, items_max(changes), fields, &n_fields);
        if (strcmp(object_name(before), change.name) != 0) {
            change.kind = POLICY_RENAMED;
            change.before = object_name(before);
        }
        sum_up(&change, fields, n_fields, is_enabled(old, before), is_enabled(new, object));
        if (r == 0 && (n_fields > 0 || change.before))
            r = add_change(changes, &change, fields, n_fields);
    }
    return r;
}

/* The first two flows that changed places: a packet that both cover belongs to the first of them.
 * Writes a field and returns 1 where there are any, 0, or -ENOMEM. */
static int compare_order(struct policy_changes *changes, const struct side *new,
                         struct field_change *ret_field)
{
    const char *last = NULL, *last_name = NULL;

    for (size_t i = 0; i < new->n; i++) {
        const char *partner = new->partners[i], *name = object_name(object_at(new, i));

        if (partner && last && partner < last) {
            *ret_field = (struct field_change){
                .field = "order",
                .before = arena_printf(changes->arena, "%s, %s", name, last_name),
                .after = arena_printf(changes->arena, "%s, %s", last_name, name),
                .packets = true,
            };
            return ret_field->before && ret_field->after ? 1 : -ENOMEM;
        }
        if (partner) {
            last = partner;
            last_name = name;
        }
    }
    return 0;
}

/* Of the gateway and of the policy itself there is one. A field may be known. */
static int compare_single(struct policy_changes *changes, enum policy_subject subject,
                          const struct policy *old, const struct policy *new,
                          const struct field_change *known)
{
    struct policy_change change = {
        .subject = subject, .kind = POLICY_CHANGED, .name = policy_subject_to_string(subject)};
    struct field_change fields[FIELD_CHANGES_MAX];
    size_t n_fields = 0;
    int r = field_changes_find(changes->arena, subject, old, old, new, new, items_max(changes),
                               fields, &n_fields);

    if (known)
        fields[n_fields++] = *known;
    sum_up(&change, fields, n_fields, true, true);
    return r == 0 && n_fields > 0 ? add_change(changes, &change, fields, n_fields) : r;
}

/* Returns 0, 1 with `*ret_order` written where flows changed places, or -ENOMEM. */
static int compare_kind(struct policy_changes *changes, const struct object_kind *kind,
                        const struct policy *old_policy, const struct policy *new_policy,
                        struct field_change *ret_order)
{
    cleanup_(side_clear) struct side old = {0};
    cleanup_(side_clear) struct side new = {0};
    int r = side_init(&old, kind, old_policy);

    if (r == 0)
        r = side_init(&new, kind, new_policy);
    if (r == 0)
        r = match_names(&old, &new);
    if (r == 0 && kind->subject == SUBJECT_FLOW)
        r = match_content(&old, &new);
    if (r == 0)
        r = add_lone(changes, &old, POLICY_REMOVED);
    if (r == 0)
        r = add_kept(changes, &old, &new);
    if (r == 0)
        r = add_lone(changes, &new, POLICY_ADDED);
    if (r == 0 && kind->subject == SUBJECT_FLOW)
        r = compare_order(changes, &new, ret_order);
    return r;
}

int policy_changes_new(const struct policy *old, const struct policy *new,
                       struct policy_changes **ret_changes)
{
    cleanup_(policy_changes_freep) struct policy_changes *changes = calloc(1, sizeof(*changes));
    struct field_change order;
    bool reordered = false;
    int r = changes ? arena_new(&changes->arena) : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < ELEMENTS_OF(kinds); i++) {
        if (!old && kinds[i].subject > SUBJECT_ZONE)
            continue;
        r = compare_kind(changes, &kinds[i], old, new, &order);
        reordered |= r == 1;
    }
    if (r >= 0 && old)
        r = compare_single(changes, SUBJECT_GATEWAY, old, new, NULL);
    if (r >= 0 && old)
        r = compare_single(changes, SUBJECT_POLICY, old, new, reordered ? &order : NULL);
    if (r < 0)
        return r;

    *ret_changes = TAKE_PTR(changes);
    return 0;
}

struct policy_changes *policy_changes_free(struct policy_changes *changes)
{
    if (!changes)
        return NULL;

    arena_free(changes->arena);
    free(changes->changes);
    free(changes);
    return NULL;
}

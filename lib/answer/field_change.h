/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "policy/policy.h"

/*
 * What differs between two objects of two policies, key by key of the language. Each kind of object
 * has a table of its keys.
 */
enum policy_subject {
    SUBJECT_FLOW,
    SUBJECT_ZONE,
    SUBJECT_HOST,
    SUBJECT_GROUP,
    SUBJECT_SERVICE,
    SUBJECT_GATEWAY, /* this and the next: the object is the policy itself */
    SUBJECT_POLICY,
};
#define SUBJECTS 7
/* `flow`, `zone` and so on, a static string. */
const char *policy_subject_to_string(enum policy_subject subject);

/* The first items of a list, and how many more there are. */
struct field_items {
    const char **items;
    size_t n;
    size_t n_left_out;
};

struct field_change {
    const char *field; /* as the language calls it: `expires`, `approval.number`; static */
    /* Of a key with one value: the two, NULL where the policy does not give it. */
    const char *before;
    const char *after;
    /*
     * Of a key with a list what comes and what goes. Of `from` and `to` these are addresses (ranges
     * in their shortest text), and by its name the gateway or a zone that is new to the flow as a
     * whole; and names, where the addresses stay and only what they are called changes. Of
     * `services` they are literals.
     */
    struct field_items added;
    struct field_items removed;
    bool packets; /* what happens to packets can change; else only the papers do */
    bool widens;  /* more can pass */
    bool narrows; /* less can pass */
};

/* More than any kind of object has keys. */
#define FIELD_CHANGES_MAX 24

/*
 * Compares two objects of a kind, the old and the new, each in its policy. Lists have at most
 * `items_max` items. Texts are in memory of the arena. Returns 0 with the fields that differ, in
 * order of the language, or -ENOMEM.
 */
int field_changes_find(struct arena *arena, enum policy_subject subject,
                       const struct policy *old_policy, const void *old,
                       const struct policy *new_policy, const void *new, size_t items_max,
                       struct field_change ret_fields[FIELD_CHANGES_MAX], size_t *ret_n_fields);

/* One line for people: `expires 2027-03-31 → 2028-03-31; services +tcp/8443 -tcp/443`. In memory of
 * the arena; NULL without memory. */
const char *field_changes_describe(struct arena *arena, const struct field_change *fields,
                                   size_t n_fields);

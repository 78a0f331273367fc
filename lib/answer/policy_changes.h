/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "answer/field_change.h"
#include "base/cleanup.h"

/*
 * What changes from one policy to another, object by object. Objects are the same where their name
 * is. A flow whose name is new and whose content (its digest) is that of one that goes was renamed.
 */
enum policy_change_kind {
    POLICY_ADDED,
    POLICY_REMOVED,
    POLICY_CHANGED,
    POLICY_RENAMED, /* flows only */
};
/* `added` and so on, a static string. */
const char *policy_change_kind_to_string(enum policy_change_kind kind);

struct policy_change {
    enum policy_subject subject;
    enum policy_change_kind kind;
    const char *name;                  /* in the new policy; of what was removed in the old */
    const char *before;                /* of a renamed flow its old name; else NULL */
    const char *label;                 /* of a flow; else NULL */
    const char *approval;              /* number of the approval of a flow, or NULL */
    const char *detail;                /* for people, one line, or NULL: field_changes_describe() */
    const struct field_change *fields; /* of what was changed or renamed */
    size_t n_fields;
    /* As those of its fields; a flow that is disabled in both policies changes nothing for packets,
     * whatever its fields. */
    bool packets;
    bool widens;
    bool narrows;
};

/* Items of a list that a change names. A group that many flows name can change in each of them:
 * after so many items of all lists together, each list names only a few. */
#define CHANGE_ITEMS_MAX 256
#define CHANGE_ITEMS_ALL 65536
#define CHANGE_ITEMS_FEW 4

struct policy_changes {
    /* By subject; of each what was removed, then what was changed or renamed, then what was added,
     * each in order of its policy. None: the two policies mean the same. */
    struct policy_change *changes;
    size_t n_changes;
    size_t capacity;
    size_t n_items;      /* of all lists */
    struct arena *arena; /* all texts */
};

/*
 * Compares two policies; `old` NULL: there is none, and flows and zones are told as added. What an
 * operator granted (flows that end at an instant without a date, and what came in their texts) is
 * left out of both. Returns 0 and changes that the caller owns and that borrow nothing, or -ENOMEM.
 */
int policy_changes_new(const struct policy *old, const struct policy *new,
                       struct policy_changes **ret_changes);
struct policy_changes *policy_changes_free(struct policy_changes *changes);
DEFINE_CLEANUP(struct policy_changes, policy_changes_free)

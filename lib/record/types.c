/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The descriptions of what is kept and shown, and the checks between fields of what is read from a
 * file: the file may be damaged, and a grant opens something.
 */

#include "record/types.h"

#include <string.h>

#include "base/address.h"

#define GENERATION_VERSION 1

RECORD_WORDS(override_kinds, "isolation", "suspension", "grant");
RECORD_WORDS(generation_outcomes, "prepared", "applied", "refused", "unconfirmed");
RECORD_WORDS(finding_severities, "notice", "warning", "critical");

static const struct record_field actor_fields[] = {
    RECORD_FIELD(NUMBER, struct actor, uid, .least = -1, .most = UINT32_MAX),
    RECORD_FIELD(NUMBER, struct actor, pid, .most = INT32_MAX),
    RECORD_FIELD(BUFFER, struct actor, name),
    RECORD_FIELD(NUMBER, struct actor, connection, .form = RECORD_DISK),
};
RECORD_TYPE(actor, struct actor, "Actor");

#define ANYWHERE (RECORD_WIRE | RECORD_DISK)

static const struct record_field extent_fields[] = {
    RECORD_LIST(TEXTS, struct extent, interfaces, .least = 1),
    RECORD_LIST(TEXTS, struct extent, whole, .least = 1),
    RECORD_LIST(TEXTS, struct extent, networks, .least = 1),
    RECORD_FIELD(BOOL, struct extent, any),
    RECORD_FIELD(BOOL, struct extent, apart, .optional = true),
};

static const char *check_extent(const void *record)
{
    const struct extent *extent = record;
    enum family family;
    struct range range;

    for (size_t i = 0; i < extent->n_networks; i++) {
        if (address_parse_range(extent->networks[i], &family, &range) < 0)
            return "has a network that is none";
    }
    return NULL;
}

RECORD_TYPE(extent, struct extent, "Extent", .check = check_extent);

static const struct record_field maker_fields[] = {
    RECORD_FIELD(NUMBER, struct maker, uid, .least = -1, .most = UINT32_MAX),
    RECORD_FIELD(TEXT, struct maker, who, .null = RECORD_DISK),
    RECORD_FIELD(INSTANT, struct maker, since),
    RECORD_FIELD(TEXT, struct maker, reason, .null = RECORD_DISK),
};
RECORD_TYPE(maker, struct maker, "Maker");

#define ADDED .null = ANYWHERE, .optional = true

static const struct record_field override_fields[] = {
    RECORD_FIELD(WORD, struct override, kind, .words = &override_kinds),
    RECORD_FIELD(TEXT, struct override, name, .least = 1),
    RECORD_FIELD(TEXT, struct override, reason, .null = RECORD_DISK),
    RECORD_FIELD(NUMBER, struct override, uid, .least = -1, .most = UINT32_MAX),
    RECORD_FIELD(TEXT, struct override, who, .null = RECORD_DISK),
    RECORD_FIELD(INSTANT, struct override, since),
    RECORD_FIELD(NUMBER, struct override, age, .form = RECORD_WIRE),
    RECORD_FIELD(END, struct override, until, .null = ANYWHERE),
    RECORD_LIST(TEXTS, struct override, keep, .least = 1),
    RECORD_LIST(TEXTS, struct override, keep_ids, ADDED, .least = 1),
    RECORD_LIST(MANY, struct override, extents, ADDED, .type = &extent_type),
    RECORD_LIST(MANY, struct override, makers, ADDED, .type = &maker_type),
    RECORD_LIST(TEXTS, struct override, ids, ADDED, .least = 1),
    RECORD_LIST(TEXTS, struct override, names, ADDED, .least = 1),
    RECORD_FIELD(TEXT, struct override, text, .null = ANYWHERE),
    RECORD_LIST(TEXTS, struct override, from, ADDED, .least = 1),
    RECORD_LIST(TEXTS, struct override, to, ADDED, .least = 1),
    RECORD_LIST(TEXTS, struct override, services, ADDED, .least = 1),
};

bool flow_content_is_text(const char *text)
{
    return strlen(text) == FLOW_CONTENT_TEXT_MAX - 1 &&
           strspn(text, "0123456789abcdef") == FLOW_CONTENT_TEXT_MAX - 1;
}

static bool are_contents(char *const *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!flow_content_is_text(ids[i]))
            return false;
    }
    return true;
}

static const char *check_override(const void *record)
{
    const struct override *override = record;
    bool is_grant = override->kind == OVERRIDE_GRANT;

    if (override->until < override->since)
        return "ends before it begins";
    if (override->n_keep > 0 && override->kind != OVERRIDE_ISOLATION)
        return "keeps flows but is not an isolation";
    if (override->n_extents + override->n_makers > 0 && override->kind != OVERRIDE_ISOLATION)
        return "cuts off interfaces but is not an isolation";
    if (override->n_ids + override->n_names > 0 && override->kind != OVERRIDE_SUSPENSION)
        return "stops contents but is not a suspension";
    if (override->n_keep_ids > 0 && override->n_keep_ids != override->n_keep)
        return "keeps flows without their contents";
    if (!are_contents(override->ids, override->n_ids) ||
        !are_contents(override->keep_ids, override->n_keep_ids))
        return "has a content that is none";
    if (is_grant != (override->text != NULL))
        return is_grant ? "is a grant without a text" : "has a text but is not a grant";
    if (is_grant && override->until == USEC_NEVER)
        return "is a grant without an end";
    return NULL;
}

RECORD_TYPE(override, struct override, "Override", .check = check_override);

static const struct record_field overrides_fields[] = {
    RECORD_FIELD(NUMBER, struct overrides, next_grant),
    RECORD_LIST(TEXTS, struct overrides, only, .optional = true, .null = RECORD_DISK, .least = 1),
    RECORD_LIST(MANY, struct overrides, overrides, .type = &override_type),
};

static const char *check_overrides(const void *record)
{
    const struct overrides *all = record;

    for (size_t i = 0; i < all->n_overrides; i++) {
        for (size_t j = 0; j < i; j++) {
            if (all->overrides[i].kind == all->overrides[j].kind &&
                strcmp(all->overrides[i].name, all->overrides[j].name) == 0)
                return "has the same override twice";
        }
    }
    return NULL;
}

RECORD_TYPE(overrides, struct overrides, NULL, .check = check_overrides);

static const struct record_field generation_fields[] = {
    {.name = "version", .kind = RECORD_VERSION, .form = RECORD_DISK, .most = GENERATION_VERSION},
    RECORD_FIELD(NUMBER, struct generation, number, .least = 1),
    RECORD_FIELD(NUMBER, struct generation, previous, .null = RECORD_WIRE),
    RECORD_FIELD(NUMBER, struct generation, source, .null = RECORD_WIRE),
    RECORD_FIELD(DIGEST, struct generation, fingerprint, .least = 1),
    RECORD_FIELD(ONE, struct generation, actor, .type = &actor_type),
    RECORD_FIELD(INSTANT, struct generation, when),
    RECORD_FIELD(TEXT, struct generation, reason, .null = ANYWHERE),
    RECORD_FIELD(WORD, struct generation, outcome, .words = &generation_outcomes),
    RECORD_FIELD(ONE, struct generation, overrides, .form = RECORD_DISK, .type = &overrides_type),
    RECORD_FIELD(BOOL, struct generation, current, .form = RECORD_WIRE),
};

static const char *check_generation(const void *record)
{
    const struct generation *generation = record;

    if (generation->previous >= generation->number || generation->source >= generation->number)
        return "comes from a later generation";
    return NULL;
}

RECORD_TYPE(generation, struct generation, "Generation", .check = check_generation);

static const struct record_field confirmation_fields[] = {
    RECORD_FIELD(NUMBER, struct confirmation, generation, .least = 1),
    RECORD_FIELD(NUMBER, struct confirmation, previous),
    RECORD_FIELD(NUMBER, struct confirmation, deadline, .form = RECORD_DISK),
    RECORD_FIELD(INSTANT, struct confirmation, deadline_wall, .form = RECORD_DISK),
    RECORD_FIELD(BUFFER, struct confirmation, boot_id, .form = RECORD_DISK, .least = 1),
    RECORD_FIELD(ONE, struct confirmation, actor, .type = &actor_type),
    RECORD_NAMED(INSTANT, struct confirmation, "deadline", deadline_wall, .form = RECORD_WIRE),
    RECORD_FIELD(NUMBER, struct confirmation, seconds, .form = RECORD_WIRE),
};

static const char *check_confirmation(const void *record)
{
    const struct confirmation *confirmation = record;

    return confirmation->generation == confirmation->previous
               ? "would go back to the same generation"
               : NULL;
}

RECORD_TYPE(confirmation, struct confirmation, "Confirmation",
            .present = offsetof(struct confirmation, pending), .check = check_confirmation);

static const struct record_field finding_fields[] = {
    RECORD_FIELD(TEXT, struct finding, code),
    RECORD_FIELD(WORD, struct finding, severity, .words = &finding_severities),
    RECORD_FIELD(TEXT, struct finding, object, .null = RECORD_WIRE),
    RECORD_FIELD(TEXT, struct finding, message),
    RECORD_FIELD(INSTANT, struct finding, since),
};
RECORD_TYPE(finding, struct finding, "Finding");

static const struct record_field drift_fields[] = {
    RECORD_FIELD(NUMBER, struct drift, repairs),
    RECORD_FIELD(INSTANT, struct drift, last, .null = RECORD_WIRE),
    RECORD_FIELD(BUFFER, struct drift, by, .null = RECORD_WIRE),
    RECORD_FIELD(BUFFER, struct drift, what, .null = RECORD_WIRE),
};
RECORD_TYPE(drift, struct drift, "Drift");

static const struct record_field expiring_fields[] = {
    RECORD_FIELD(TEXT, struct expiring, name),
    RECORD_FIELD(TEXT, struct expiring, label),
    RECORD_FIELD(INSTANT, struct expiring, expires),
    RECORD_FIELD(NUMBER, struct expiring, days, .least = INT64_MIN),
    RECORD_FIELD(NUMBER, struct expiring, warning),
};
RECORD_TYPE(expiring, struct expiring, "Expiring");

static const struct record_field policy_text_fields[] = {
    RECORD_FIELD(TEXT, struct policy_text, name),
    RECORD_FIELD(BYTES, struct policy_text, text, .count = offsetof(struct policy_text, size)),
};
RECORD_TYPE(policy_text, struct policy_text, "Text");

static const struct record_field audit_entry_fields[] = {
    RECORD_FIELD(NUMBER, struct audit_entry, sequence, .least = 1, .most = AUDIT_SEQUENCE_MAX),
    RECORD_FIELD(INSTANT, struct audit_entry, time),
    RECORD_FIELD(DIGEST, struct audit_entry, previous, .least = 1),
    RECORD_FIELD(NUMBER, struct audit_entry, uid, .least = -1, .most = UINT32_MAX),
    RECORD_FIELD(NUMBER, struct audit_entry, pid, .most = INT32_MAX),
    RECORD_FIELD(TEXT, struct audit_entry, who),
    RECORD_FIELD(TEXT, struct audit_entry, action, .least = 1),
    RECORD_FIELD(TEXT, struct audit_entry, object, .null = ANYWHERE),
    RECORD_FIELD(TEXT, struct audit_entry, reason, .null = ANYWHERE),
    RECORD_FIELD(NUMBER, struct audit_entry, from),
    RECORD_FIELD(NUMBER, struct audit_entry, to),
    RECORD_FIELD(TEXT, struct audit_entry, outcome, .least = 1),
    RECORD_FIELD(OBJECT, struct audit_entry, detail, .null = ANYWHERE),
};
RECORD_TYPE(audit_entry, struct audit_entry, NULL);

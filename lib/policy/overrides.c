/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The list of what operators changed for a while. There are few at a time, so it is an array in the
 * order in which they came, and whoever looks for one reads it. Of one kind and name there is one
 * at most; each owns all of its texts, so that a copy can be changed, written and thrown away while
 * the one in force stays what it is.
 */

#include "policy/overrides.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/string_table.h"

static void override_clear(struct override *override)
{
    free(override->name);
    free(override->reason);
    free(override->who);
    for (size_t i = 0; i < override->n_keep; i++)
        free(override->keep[i]);
    free(override->keep);
    free(override->text);
    *override = (struct override){0};
}

void overrides_clear(struct overrides *overrides)
{
    for (size_t i = 0; i < overrides->n_overrides; i++)
        override_clear(&overrides->overrides[i]);
    free(overrides->overrides);
    *overrides = (struct overrides){0};
}

/* NULL stays NULL. Returns 0 or -ENOMEM. */
static int copy_text(const char *text, char **ret_copy)
{
    char *copy = NULL;

    if (text) {
        copy = strdup(text);
        if (!copy)
            return -ENOMEM;
    }

    *ret_copy = copy;
    return 0;
}

static int override_copy(const struct override *override, struct override *ret_copy)
{
    cleanup_(override_clear) struct override copy = {
        .kind = override->kind,
        .uid = override->uid,
        .since = override->since,
        .until = override->until,
    };

    if (copy_text(override->name, &copy.name) < 0 ||
        copy_text(override->reason, &copy.reason) < 0 || copy_text(override->who, &copy.who) < 0 ||
        copy_text(override->text, &copy.text) < 0)
        return -ENOMEM;

    if (override->n_keep > 0) {
        copy.keep = calloc(override->n_keep, sizeof(*copy.keep));
        if (!copy.keep)
            return -ENOMEM;
    }
    for (; copy.n_keep < override->n_keep; copy.n_keep++) {
        if (copy_text(override->keep[copy.n_keep], &copy.keep[copy.n_keep]) < 0)
            return -ENOMEM;
    }

    *ret_copy = copy;
    copy = (struct override){0};
    return 0;
}

int overrides_copy(const struct overrides *overrides, struct overrides *ret_copy)
{
    cleanup_(overrides_clear) struct overrides copy = {.next_grant = overrides->next_grant,
                                                       .over = overrides->over};
    int r;

    r = array_reserve(&copy.overrides, &copy.capacity, overrides->n_overrides,
                      sizeof(*copy.overrides));
    if (r < 0)
        return r;

    for (; copy.n_overrides < overrides->n_overrides; copy.n_overrides++) {
        r = override_copy(&overrides->overrides[copy.n_overrides],
                          &copy.overrides[copy.n_overrides]);
        if (r < 0)
            return r;
    }

    *ret_copy = copy;
    copy = (struct overrides){0};
    return 0;
}

const struct override *overrides_find(const struct overrides *overrides, enum override_kind kind,
                                      const char *name)
{
    for (size_t i = 0; i < overrides->n_overrides; i++) {
        const struct override *override = &overrides->overrides[i];

        if (override->kind == kind && strcmp(override->name, name) == 0)
            return override;
    }
    return NULL;
}

int overrides_add(struct overrides *overrides, const struct override *override)
{
    int r;

    if (overrides_find(overrides, override->kind, override->name))
        return -EEXIST;

    r = array_reserve(&overrides->overrides, &overrides->capacity, overrides->n_overrides + 1,
                      sizeof(*overrides->overrides));
    if (r == 0)
        r = override_copy(override, &overrides->overrides[overrides->n_overrides]);
    if (r < 0)
        return r;

    overrides->n_overrides++;
    return 0;
}

int overrides_remove(struct overrides *overrides, enum override_kind kind, const char *name)
{
    const struct override *found = overrides_find(overrides, kind, name);
    size_t place;

    if (!found)
        return -ENOENT;

    place = (size_t)(found - overrides->overrides);
    override_clear(&overrides->overrides[place]);
    overrides->n_overrides--;
    memmove(&overrides->overrides[place], &overrides->overrides[place + 1],
            (overrides->n_overrides - place) * sizeof(*overrides->overrides));
    return 0;
}

static const char *const override_kind_words[] = {
    [OVERRIDE_ISOLATION] = "isolation",
    [OVERRIDE_SUSPENSION] = "suspension",
    [OVERRIDE_GRANT] = "grant",
};
DEFINE_STRING_TABLE(override_kind, enum override_kind)

static bool keeps(const struct override *isolation, const char *flow)
{
    for (size_t i = 0; i < isolation->n_keep; i++) {
        if (strcmp(isolation->keep[i], flow) == 0)
            return true;
    }
    return false;
}

bool overrides_isolate(const struct overrides *overrides, const struct policy *policy,
                       const struct flow *flow, size_t from_zone, size_t to_zone)
{
    /* What stays within a zone is not cut off from anything. */
    if (!overrides || from_zone == to_zone)
        return false;

    for (size_t i = 0; i < overrides->n_overrides; i++) {
        const struct override *override = &overrides->overrides[i];
        bool concerned = false;

        if (override->kind != OVERRIDE_ISOLATION)
            continue;
        if (from_zone != ZONE_GATEWAY)
            concerned |= strcmp(override->name, policy->zones[from_zone].name) == 0;
        if (to_zone != ZONE_GATEWAY)
            concerned |= strcmp(override->name, policy->zones[to_zone].name) == 0;
        if (concerned && !keeps(override, flow->name))
            return true;
    }
    return false;
}

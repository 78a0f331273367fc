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
#include "base/text_list.h"

void overrides_clear(struct overrides *overrides)
{
    record_clear(&overrides_type, overrides);
}

int overrides_copy(const struct overrides *overrides, struct overrides *ret_copy)
{
    int r = record_copy(&overrides_type, overrides, ret_copy);

    if (r == 0)
        ret_copy->capacity = ret_copy->n_overrides;
    return r;
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
        r = record_copy(&override_type, override, &overrides->overrides[overrides->n_overrides]);
    if (r < 0)
        return r;

    overrides->n_overrides++;
    return 0;
}

int overrides_set_only(struct overrides *overrides, char *const *names, size_t n_names)
{
    const struct overrides wanted = {.only = (char **)names, .n_only = n_names};
    struct overrides old = {.only = overrides->only, .n_only = overrides->n_only}, copy = {0};
    int r = overrides_copy(&wanted, &copy);

    if (r < 0)
        return r;
    overrides->only = copy.only;
    overrides->n_only = copy.n_only;
    overrides_clear(&old);
    return 0;
}

int overrides_remove(struct overrides *overrides, enum override_kind kind, const char *name)
{
    const struct override *found = overrides_find(overrides, kind, name);
    size_t place;

    if (!found)
        return -ENOENT;

    place = (size_t)(found - overrides->overrides);
    record_clear(&override_type, &overrides->overrides[place]);
    overrides->n_overrides--;
    memmove(&overrides->overrides[place], &overrides->overrides[place + 1],
            (overrides->n_overrides - place) * sizeof(*overrides->overrides));
    return 0;
}

bool suspension_holds(const struct override *suspension, const char *content)
{
    return text_list_has(suspension->ids, suspension->n_ids, content);
}

bool suspension_holds_name(const struct override *suspension, const char *name)
{
    return strcmp(suspension->name, name) == 0 ||
           text_list_has(suspension->names, suspension->n_names, name);
}

bool suspension_stops(const struct override *suspension, const struct flow *flow)
{
    char content[FLOW_CONTENT_TEXT_MAX];

    return suspension_holds_name(suspension, flow->name) ||
           suspension_holds(suspension, flow_content_format(flow->digest, content));
}

const struct override *overrides_suspension_of(const struct overrides *overrides,
                                               const struct flow *flow)
{
    for (size_t i = 0; i < overrides->n_overrides; i++) {
        const struct override *override = &overrides->overrides[i];

        if (override->kind == OVERRIDE_SUSPENSION && suspension_stops(override, flow))
            return override;
    }
    return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Lists of addresses: they are known by the names of their files, and groups take members from
 * them. A group names a list as a file in the one folder for them, so that no policy has segd read
 * anything else.
 */

#include <errno.h>
#include <string.h>

#include "policy/resolver.h"
#include "policy/spelling.h"
#include "policy/texts.h"

/* That each text is an address; whose zone it is in depends on the group. */
static int check_list(struct resolver *resolver, struct draft_addresses *list)
{
    int result = 0;

    for (const struct draft_text *text = list->texts; text; text = text->next)
        gather(&result, resolve_range(resolver, text, &(enum family){0}, &(struct range){0}));
    list->object.broken |= result == REPORTED;
    return result < 0 ? result : 0;
}

/* Whoever sends texts can give two of one name, and names of files differ in case. */
static int report_twice(struct resolver *resolver, const struct draft_addresses *list)
{
    uint32_t first = 0;
    int r;

    name_index_find(&resolver->list_names, list->object.name->text, &first);
    resolver->lists[first]->object.broken = true;
    r = report_error(&resolver->report, "duplicate-name", list->object.name->location,
                     "remove or rename one of the two",
                     "there are two lists `%s`, or their names differ only in case",
                     list->object.name->text);
    return report_related(&resolver->report, r, resolver->lists[first]->object.name->location,
                          "the first one");
}

int resolve_lists(struct resolver *resolver)
{
    struct draft_list *lists = &resolver->draft->addresses;
    size_t n = 0;

    resolver->policy->n_lists = lists->n_objects;
    resolver->lists =
        arena_allocate(resolver->draft->arena, lists->n_objects * sizeof(*resolver->lists));
    if (!resolver->lists)
        return -ENOMEM;

    for (struct draft_object *object = lists->first; object; object = object->next) {
        struct draft_addresses *list = (struct draft_addresses *)object;
        int r = check_list(resolver, list);

        resolver->lists[n] = list;
        if (r == 0)
            r = name_index_add(&resolver->list_names, object->name->text, (uint32_t)n++);
        if (r == -EEXIST)
            r = report_twice(resolver, list);
        if (r < 0)
            return r;
    }
    return 0;
}

int resolve_list_name(struct resolver *resolver, const struct draft_text *text,
                      const struct draft_addresses **ret_list)
{
    const char *found;
    const struct draft_addresses *list;
    uint32_t index;

    if (policy_list_name(text->text) != text->text)
        return report_text(&resolver->report, text, "the name of a list", "invalid-name",
                           "write `lists/NAME.txt`, a file in the folder `lists` beside the policy "
                           "files; NAME is of letters, digits, `-`, `_` and `.`, all ASCII",
                           "`%s` is not the name of a list", text->text);

    found = name_index_find(&resolver->list_names, text->text, &index);
    list = found ? resolver->lists[index] : NULL;
    if (list && list->object.broken)
        return REPORTED;
    if (!list || strcmp(found, text->text) != 0)
        return report_error(&resolver->report, "unknown-list", text->location,
                            found ? remedy_printf(&resolver->report, "did you mean `%s`?", found)
                                  : "lists are files in the folder `lists` beside the policy files",
                            "there is no list `%s`", text->text);

    resolver->n_listed += list->n_texts;
    if (resolver->n_listed > POLICY_LISTED_MAX)
        return report_error(&resolver->report, "too-many", text->location,
                            "have flows name one group of the list instead of many",
                            "groups have more than %d addresses from lists", POLICY_LISTED_MAX);
    *ret_list = list;
    return 0;
}

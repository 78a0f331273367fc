/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who has which name. Zones, hosts and groups share one set of names, since `from` and `to` may
 * name any of them; services and flows have their own. All names of a set are registered before one
 * of them is looked up, so that the order of files and sections has no meaning.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/resolver.h"
#include "policy/spelling.h"

/* Unknown names are compared with all names only so often: each costs a walk over the policy. */
#define SUGGESTIONS_MAX 50

static const char *const nouns[] = {
    [KNOWN_GATEWAY] = "gateway", [KNOWN_ZONE] = "zone",       [KNOWN_HOST] = "host",
    [KNOWN_GROUP] = "group",     [KNOWN_SERVICE] = "service", [KNOWN_FLOW] = "flow",
};

int names_new(struct names *names, size_t n)
{
    names->known = calloc(n + 1, sizeof(*names->known));
    return names->known ? 0 : -ENOMEM;
}

void names_clear(struct names *names)
{
    free(names->known);
    name_index_clear(&names->index);
    *names = (struct names){0};
}

struct known *names_find(const struct names *names, const char *name)
{
    uint32_t found;
    const char *spelling = name_index_find(&names->index, name, &found);

    return spelling && strcmp(spelling, name) == 0 ? &names->known[found] : NULL;
}

/* Says that a name is taken, and by what. */
static int report_taken(struct resolver *resolver, const struct draft_text *name,
                        enum known_kind kind, const struct known *first)
{
    bool same = strcmp(name->text, first->name) == 0;
    int r;

    r = report_error(&resolver->report, same ? "duplicate-name" : "similar-name", name->location,
                     same ? "give one of the two another name"
                          : "give one of the two a name that nobody takes for the other",
                     same ? "the name of %s `%s` is taken"
                          : "the name of %s `%s` differs from another only in case or width",
                     nouns[kind], name->text);
    return report_related(&resolver->report, r, first->location, "%s `%s` is defined here",
                          nouns[first->kind], first->name);
}

/* What is asked of a name of this kind. */
static int check_name(struct resolver *resolver, const struct draft_text *name,
                      enum known_kind kind)
{
    struct report *report = &resolver->report;
    enum family family;
    struct range range;
    int r;

    r = spelling_check_name(report, name->location, nouns[kind], name->text);
    if (r != 0)
        return r;

    if (address_parse_range(name->text, &family, &range) == 0)
        return report_error(report, "invalid-name", name->location, "begin the name with a letter",
                            "`%s` cannot be the name of a %s because it is an address", name->text,
                            nouns[kind]);
    if (kind == KNOWN_ZONE && strchr(name->text, '.'))
        return report_error(report, "invalid-name", name->location,
                            "use `-` or `_`; `.` joins the names of zones that share an interface",
                            "the name of zone `%s` has a `.`", name->text);
    if ((KIND(kind) & KINDS_OF_ENDS) && strcasecmp(name->text, "gateway") == 0)
        return report_error(report, "reserved-name", name->location, "choose another name",
                            "`gateway` is the machine itself and not a name for a %s", nouns[kind]);
    if (kind == KNOWN_SERVICE && service_literal_is_word(name->text))
        return report_error(report, "reserved-name", name->location, "choose another name",
                            "`%s` is a protocol and not a name for a service", name->text);
    return 0;
}

int names_register(struct resolver *resolver, struct names *names, enum known_kind kind,
                   const struct draft_object *object, struct known **ret_known)
{
    struct known *known = &names->known[names->n_known];
    char narrow[POLICY_TEXT_MAX + 1];
    const char *spelling;
    uint32_t taken;
    int r;

    /* Known by the ASCII spelling, so that a name in full-width letters meets the one it looks
     * like. */
    spelling_narrow(object->name->text, narrow);
    spelling = arena_string(resolver->arena, narrow);
    if (!spelling)
        return -ENOMEM;
    if (name_index_find(&names->index, spelling, &taken))
        return report_taken(resolver, object->name, kind, &names->known[taken]);

    r = check_name(resolver, object->name, kind);
    if (r < 0)
        return r;

    *known = (struct known){
        .name = spelling,
        .location = object->name->location,
        .object = object,
        .index = NOT_VALID,
        .kind = kind,
        .broken = object->broken || r == REPORTED,
    };
    r = name_index_add(&names->index, spelling, (uint32_t)names->n_known);
    if (r < 0)
        return r;

    names->n_known++;
    *ret_known = known;
    return 0;
}

static int register_list(struct resolver *resolver, enum known_kind kind,
                         const struct draft_list *list)
{
    for (const struct draft_object *object = list->first; object; object = object->next) {
        struct known *known;
        int r = names_register(resolver, &resolver->ends, kind, object, &known);

        if (r < 0)
            return r;
    }
    return 0;
}

int resolve_names(struct resolver *resolver)
{
    const struct draft *draft = resolver->draft;
    int r;

    r = names_new(&resolver->ends,
                  draft->zones.n_objects + draft->hosts.n_objects + draft->groups.n_objects);
    if (r == 0)
        r = register_list(resolver, KNOWN_ZONE, &draft->zones);
    if (r == 0)
        r = register_list(resolver, KNOWN_HOST, &draft->hosts);
    if (r == 0)
        r = register_list(resolver, KNOWN_GROUP, &draft->groups);
    return r;
}

int resolve_each(struct resolver *resolver, enum known_kind kind,
                 int (*resolve_one)(struct resolver *resolver, struct known *known))
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < resolver->ends.n_known; i++) {
        if (resolver->ends.known[i].kind == kind)
            r = resolve_one(resolver, &resolver->ends.known[i]);
    }
    return r;
}

const char *names_suggest(struct resolver *resolver, const struct names *names, unsigned kinds,
                          const char *text)
{
    struct spelling_search search = {.text = text};

    assert(names->known);

    if (kinds & KIND(KNOWN_GATEWAY))
        spelling_try(&search, "gateway");
    if (resolver->report.n_suggestions++ < SUGGESTIONS_MAX) {
        for (size_t i = 0; i < names->n_known; i++) {
            if (kinds & KIND(names->known[i].kind))
                spelling_try(&search, names->known[i].name);
        }
    }
    return search.nearest ? remedy_printf(&resolver->report, "did you mean `%s`?", search.nearest)
                          : NULL;
}

/* `a zone, host or group` */
static const char *describe_kinds(unsigned kinds)
{
    if ((kinds & ~KIND(KNOWN_GATEWAY)) == KIND(KNOWN_ZONE))
        return "a zone";
    if (kinds == KIND(KNOWN_HOST))
        return "a host";
    return "a zone, host or group";
}

static int report_unknown_name(struct resolver *resolver, const struct draft_text *text,
                               unsigned kinds)
{
    const char *remedy;

    if (looks_like_address(text->text))
        remedy = "give the address a name under `hosts` or `groups` and use that";
    else
        remedy = names_suggest(resolver, &resolver->ends, kinds, text->text);
    return report_error(&resolver->report, "unknown-name", text->location,
                        remedy ? remedy : "define it, or correct the name",
                        "`%s` is not the name of %s", text->text, describe_kinds(kinds));
}

int resolve_name(struct resolver *resolver, const struct draft_text *text, unsigned kinds,
                 struct known **ret_known)
{
    struct known *known;
    int r;

    if ((kinds & KIND(KNOWN_GATEWAY)) && strcmp(text->text, "gateway") == 0) {
        *ret_known = &resolver->gateway;
        return 0;
    }

    r = spelling_check_width(&resolver->report, text->location, "a name", text->text);
    if (r != 0)
        return r;

    known = names_find(&resolver->ends, text->text);
    if (!known)
        return report_unknown_name(resolver, text, kinds);
    if (!(kinds & KIND(known->kind))) {
        r = report_error(&resolver->report, "wrong-name", text->location, NULL,
                         "`%s` is a %s, not %s", text->text, nouns[known->kind],
                         describe_kinds(kinds));
        return report_related(&resolver->report, r, known->location, "%s `%s` is defined here",
                              nouns[known->kind], text->text);
    }
    if (known->index == NOT_VALID)
        return REPORTED;

    *ret_known = known;
    return 0;
}

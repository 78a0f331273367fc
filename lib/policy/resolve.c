/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From draft to policy: the order of the steps, the keys of a whole policy, and who has which name.
 * Names are registered before anything is resolved, so that the order of files and sections has no
 * meaning.
 */

#include <errno.h>
#include <string.h>

#include "policy/resolver.h"
#include "policy/spelling.h"
#include "policy/store.h"

/* Unknown names are compared with all names only so often: each costs a walk over the policy. */
#define SUGGESTIONS_MAX 50

static const char *const kind_nouns[] = {
    [END_GATEWAY] = "gateway", [END_ZONE] = "zone", [END_HOST] = "host", [END_GROUP] = "group"};

static int resolve_version(struct resolver *resolver)
{
    const struct draft_text *version = resolver->draft->version;

    if (!version)
        return report_error(&resolver->report, "missing-key", (struct location){0, 1, 1},
                            "begin the file with `segd: " LANGUAGE_VERSION "`",
                            "the policy does not say its version");
    return 0;
}

static int resolve_rules(struct resolver *resolver)
{
    const char **rules;
    size_t n_rules = 0;
    int r, result = 0;

    for (const struct draft_text *text = resolver->draft->rules; text; text = text->next)
        n_rules++;
    rules = arena_allocate(resolver->arena, n_rules * sizeof(*rules));
    if (!rules)
        return -ENOMEM;

    n_rules = 0;
    for (const struct draft_text *text = resolver->draft->rules; text; text = text->next) {
        r = spelling_check_width(&resolver->report, text->location, "name of a rule pack",
                                 text->text);
        if (r == 0 && text->text[strspn(text->text, "abcdefghijklmnopqrstuvwxyz0123456789-")])
            r = report_error(&resolver->report, "invalid-name", text->location,
                             "names of rule packs are made of a-z, 0-9 and `-`",
                             "`%s` is not the name of a rule pack", text->text);
        if (r == 0)
            r = report_warning(&resolver->report, "rules-not-checked", text->location, NULL,
                               "this version does not check rule packs: `%s` is not checked",
                               text->text);
        if (r == 0)
            r = keep_text(resolver, text, &rules[n_rules++]);
        if (r < 0)
            return r;
        if (r == REPORTED)
            result = REPORTED;
    }

    resolver->policy->rules = rules;
    resolver->policy->n_rules = n_rules;
    return result;
}

static int resolve_timezone(struct resolver *resolver)
{
    const struct draft_text *text = resolver->draft->timezone;
    int r;

    resolver->policy->timezone = "UTC";
    if (!text)
        return 0;

    r = spelling_check_width(&resolver->report, text->location, "a time zone", text->text);
    if (r != 0)
        return r;

    r = timezone_check(text->text);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return report_error(&resolver->report, "unknown-timezone", text->location,
                            "write a name of the time-zone database, such as `Asia/Tokyo`",
                            "`%s` is not a time zone that this system knows", text->text);
    return keep_text(resolver, text, &resolver->policy->timezone);
}

static int resolve_model(struct resolver *resolver)
{
    static const char *const models[] = {
        [MODEL_ALPHA - 1] = "alpha",
        [MODEL_ALPHA_PRIME - 1] = "alpha-prime",
        [MODEL_BETA - 1] = "beta",
        [MODEL_BETA_PRIME - 1] = "beta-prime",
    };
    size_t model;
    int r;

    if (!resolver->draft->model)
        return 0;

    r = resolve_word(resolver, resolver->draft->model, "model", models, ELEMENTS_OF(models),
                     &model);
    if (r == 0)
        resolver->policy->model = (enum policy_model)(model + 1);
    return r;
}

int resolve_head(struct resolver *resolver)
{
    const struct draft *draft = resolver->draft;
    int (*const steps[])(struct resolver *) = {resolve_version, resolve_timezone, resolve_rules,
                                               resolve_model};
    int r;

    for (size_t i = 0; i < ELEMENTS_OF(steps); i++) {
        r = steps[i](resolver);
        if (r < 0)
            return r;
    }
    if (draft->gateway && draft->gateway->protect) {
        r = resolve_boolean(resolver, draft->gateway->protect, "protect",
                            &resolver->policy->gateway_protect);
        if (r < 0)
            return r;
    }
    return keep_text(resolver, draft->site, &resolver->policy->site);
}

/* Says that a name is taken, and by what. */
int report_taken(struct resolver *resolver, const struct draft_object *object, const char *noun,
                 const struct draft_object *first, const char *first_noun)
{
    bool same = strcmp(object->name->text, first->name->text) == 0;
    int r;

    r = report_error(&resolver->report, same ? "duplicate-name" : "similar-name",
                     object->name->location,
                     same ? "give one of the two another name"
                          : "give one of the two a name that nobody takes for the other",
                     same ? "the name of %s `%s` is taken"
                          : "the name of %s `%s` differs from another only in case or width",
                     noun, object->name->text);
    return report_related(&resolver->report, r, first->name->location, "%s `%s` is defined here",
                          first_noun, first->name->text);
}

int keep_spelling(struct resolver *resolver, const struct draft_text *name,
                  const char **ret_spelling)
{
    char narrow[POLICY_TEXT_MAX + 1];

    *ret_spelling = name->text;
    if (spelling_narrow(name->text, narrow))
        *ret_spelling = arena_string(resolver->draft->arena, narrow);
    return *ret_spelling ? 0 : -ENOMEM;
}

int check_name(struct resolver *resolver, const struct draft_text *name, const char *noun)
{
    enum family family;
    struct range range;
    int r;

    r = spelling_check_name(&resolver->report, name->location, noun, name->text);
    if (r == 0 && address_parse_range(name->text, &family, &range) == 0)
        r = report_error(
            &resolver->report, "invalid-name", name->location, "begin the name with a letter",
            "`%s` cannot be the name of a %s because it is an address", name->text, noun);
    return r;
}

/* What is asked of the names of zones, hosts and groups beyond what is asked of all names. */
static int check_end_name(struct resolver *resolver, enum end_kind kind,
                          const struct draft_text *name)
{
    int r = check_name(resolver, name, kind_nouns[kind]);

    if (r != 0)
        return r;
    if (kind == END_ZONE && strchr(name->text, '.'))
        return report_error(&resolver->report, "invalid-name", name->location,
                            "use `-` or `_`; `.` joins the names of zones that share an interface",
                            "the name of zone `%s` has a `.`", name->text);
    if (strcasecmp(name->text, "gateway") == 0)
        return report_error(
            &resolver->report, "reserved-name", name->location, "choose another name",
            "`gateway` is the machine itself and not a name for a %s", kind_nouns[kind]);
    return 0;
}

static int register_object(struct resolver *resolver, enum end_kind kind,
                           const struct draft_object *object)
{
    struct known *known = &resolver->known[resolver->n_known];
    const char *spelling;
    uint32_t taken = 0;
    int r;

    r = keep_spelling(resolver, object->name, &spelling);
    if (r < 0)
        return r;

    if (name_index_find(&resolver->names, spelling, &taken)) {
        const struct known *first = &resolver->known[taken];

        r = report_taken(resolver, object, kind_nouns[kind], first->object,
                         kind_nouns[first->kind]);
        return r < 0 ? r : 0;
    }

    r = check_end_name(resolver, kind, object->name);
    if (r < 0)
        return r;

    *known = (struct known){
        .kind = kind,
        .object = object,
        .broken = object->broken || r == REPORTED,
        .index = NOT_VALID,
    };
    return name_index_add(&resolver->names, spelling, (uint32_t)resolver->n_known++);
}

static int register_objects(struct resolver *resolver, enum end_kind kind,
                            const struct draft_list *list)
{
    for (const struct draft_object *object = list->first; object; object = object->next) {
        int r = register_object(resolver, kind, object);

        if (r < 0)
            return r;
    }
    return 0;
}

int resolve_names(struct resolver *resolver)
{
    const struct draft *draft = resolver->draft;
    size_t n = draft->zones.n_objects + draft->hosts.n_objects + draft->groups.n_objects;
    int r;

    resolver->known = calloc(n + 1, sizeof(*resolver->known));
    if (!resolver->known)
        return -ENOMEM;

    r = register_objects(resolver, END_ZONE, &draft->zones);
    if (r == 0)
        r = register_objects(resolver, END_HOST, &draft->hosts);
    if (r == 0)
        r = register_objects(resolver, END_GROUP, &draft->groups);
    return r;
}

bool may_suggest(struct resolver *resolver)
{
    return resolver->report.n_suggestions++ < SUGGESTIONS_MAX;
}

/* `a zone, host or group` */
static const char *describe_kinds(unsigned kinds)
{
    if (kinds == KIND(END_ZONE))
        return "a zone";
    if (kinds == KIND(END_HOST))
        return "a host";
    return "a zone, host or group";
}

static int report_unknown_name(struct resolver *resolver, const struct draft_text *text,
                               unsigned kinds)
{
    struct spelling_search search = {.text = text->text};
    const char *remedy = "define it, or correct the name";

    if (looks_like_address(text->text))
        return report_error(&resolver->report, "unknown-name", text->location,
                            "give the address a name under `hosts` or `groups` and use that",
                            "`%s` is not the name of %s", text->text, describe_kinds(kinds));

    if (may_suggest(resolver)) {
        for (size_t i = 0; i < resolver->n_known; i++) {
            if (kinds & KIND(resolver->known[i].kind))
                spelling_try(&search, resolver->known[i].object->name->text);
        }
    }
    if (kinds & KIND(END_GATEWAY))
        spelling_try(&search, "gateway");
    if (search.nearest)
        remedy = remedy_printf(&resolver->report, "did you mean `%s`?", search.nearest);
    return report_error(&resolver->report, "unknown-name", text->location, remedy,
                        "`%s` is not the name of %s", text->text, describe_kinds(kinds));
}

int resolve_name(struct resolver *resolver, const struct draft_text *text, unsigned kinds,
                 struct known **ret_known)
{
    struct known *known;
    const char *spelling;
    uint32_t found = 0;
    int r;

    if ((kinds & KIND(END_GATEWAY)) && strcmp(text->text, "gateway") == 0) {
        *ret_known = &resolver->gateway;
        return 0;
    }

    r = spelling_check_width(&resolver->report, text->location, "a name", text->text);
    if (r != 0)
        return r;

    spelling = name_index_find(&resolver->names, text->text, &found);
    if (!spelling || strcmp(spelling, text->text) != 0)
        return report_unknown_name(resolver, text, kinds);

    known = &resolver->known[found];
    if (!(kinds & KIND(known->kind))) {
        r = report_error(&resolver->report, "wrong-name", text->location, NULL,
                         "`%s` is a %s, not %s", text->text, kind_nouns[known->kind],
                         describe_kinds(kinds));
        return report_related(&resolver->report, r, known->object->name->location,
                              "%s `%s` is defined here", kind_nouns[known->kind], text->text);
    }
    if (known->index == NOT_VALID)
        return REPORTED;

    *ret_known = known;
    return 0;
}

static void resolver_clear(struct resolver *resolver)
{
    free(resolver->known);
    free(resolver->known_services);
    free(resolver->networks);
    free(resolver->services);
    name_index_clear(&resolver->names);
    name_index_clear(&resolver->service_names);
    name_index_clear(&resolver->literals);
}

/* The steps that find mistakes. Each does what it can with what the ones before it left. */
static int resolve_all(struct resolver *resolver)
{
    static int (*const steps[])(struct resolver *) = {
        resolve_head,   resolve_names,    resolve_zones, resolve_owners,       resolve_hosts,
        resolve_groups, resolve_services, resolve_flows, resolve_expectations,
    };

    for (size_t i = 0; i < ELEMENTS_OF(steps); i++) {
        int r = steps[i](resolver);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Hands the arrays over to the policy, which sees them const from here on. */
static int finish(struct resolver *resolver)
{
    struct policy *policy = resolver->policy;
    int r;

    policy->services = arena_copy(resolver->arena, resolver->services,
                                  resolver->n_services * sizeof(*resolver->services));
    if (!policy->services)
        return -ENOMEM;

    policy->n_services = resolver->n_services;
    policy->zones = resolver->zones;
    policy->n_zones = resolver->n_zones;
    policy->hosts = resolver->hosts;
    policy->n_hosts = resolver->n_hosts;
    policy->groups = resolver->groups;
    policy->n_groups = resolver->n_groups;
    policy->flows = resolver->flows;
    policy->n_flows = resolver->n_flows;
    policy->expectations = resolver->expectations;
    policy->n_expectations = resolver->n_expectations;

    r = resolve_flow_ids(resolver);
    if (r < 0)
        return r;

    return resolve_segments(resolver);
}

int resolve(const struct draft *draft, struct diagnostics *diagnostics, struct policy **ret_policy)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    cleanup_(resolver_clear) struct resolver resolver = {
        .report = {.diagnostics = diagnostics, .arena = draft->arena},
        .draft = draft,
        .gateway = {.kind = END_GATEWAY, .index = 0},
    };
    struct policy_store *store;
    int r;

    if (draft->incomplete)
        return -EBADMSG;

    r = arena_new(&arena);
    if (r < 0)
        return r;

    store = arena_allocate(arena, sizeof(*store));
    if (!store)
        return -ENOMEM;

    resolver.arena = arena;
    resolver.policy = &store->policy;
    r = resolve_all(&resolver);
    if (r < 0)
        return r;
    if (diagnostics_count(diagnostics, SEVERITY_ERROR) > 0)
        return -EBADMSG;

    r = finish(&resolver);
    if (r < 0)
        return r;

    store->arena = TAKE_PTR(arena);
    *ret_policy = &store->policy;
    return 0;
}

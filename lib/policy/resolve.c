/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From draft to policy: the order of the steps, and the keys of a whole policy.
 */

#include <errno.h>
#include <string.h>

#include "policy/resolver.h"
#include "policy/spelling.h"
#include "policy/store.h"

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
    const char **rules =
        arena_allocate(resolver->arena, count_texts(resolver->draft->rules) * sizeof(*rules));
    size_t n_rules = 0;
    int r, result = 0;

    if (!rules)
        return -ENOMEM;
    for (const struct draft_text *text = resolver->draft->rules; text; text = text->next) {
        if (text->text[strspn(text->text, "abcdefghijklmnopqrstuvwxyz0123456789-")])
            r = report_text(&resolver->report, text, "name of a rule pack", "invalid-name",
                            "names of rule packs are made of a-z, 0-9 and `-`",
                            "`%s` is not the name of a rule pack", text->text);
        else
            r = report_warning(&resolver->report, "rules-not-checked", text->location, NULL,
                               "this version does not check rule packs: `%s` is not checked",
                               text->text);
        if (r == 0)
            r = keep_text(resolver, text, &rules[n_rules++]);
        gather(&result, r);
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

    r = timezone_check(text->text);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return report_text(&resolver->report, text, "a time zone", "unknown-timezone",
                           "write a name of the time-zone database, such as `Asia/Tokyo`",
                           "`%s` is not a time zone that this system knows", text->text);
    return keep_text(resolver, text, &resolver->policy->timezone);
}

static int resolve_model(struct resolver *resolver)
{
    size_t model;
    int r;

    if (!resolver->draft->model)
        return 0;

    /* The first word is for where there is no key. */
    r = resolve_word(resolver, resolver->draft->model, "model", policy_model_words + 1,
                     ELEMENTS_OF(policy_model_words) - 1, &model);
    if (r == 0)
        resolver->policy->model = (enum policy_model)(model + 1);
    return r;
}

/* `0x00ffff00`: no other spelling, so that it looks like the rule of the program that it is shared
 * with. */
static int resolve_mark_mask(struct resolver *resolver, const struct draft_text *text,
                             uint32_t *ret_mask)
{
    unsigned long mask;
    char *end;
    int r;

    if (!text)
        return 0;
    r = spelling_check_width(&resolver->report, text->location, "a mask", text->text);
    if (r != 0)
        return r;
    errno = 0;
    mask = strtoul(text->text, &end, 16);
    if (strncmp(text->text, "0x", 2) != 0 ||
        strspn(text->text + 2, "0123456789abcdefABCDEF") == 0 || *end || errno != 0 ||
        mask > UINT32_MAX)
        return report_error(&resolver->report, "invalid-mask", text->location,
                            "write the bits that flows may use, such as 0x00ffff00",
                            "`%s` is not a mask of 32 bits", text->text);
    if (__builtin_popcountl(mask) < POLICY_MARK_BITS_MIN)
        return report_error(&resolver->report, "invalid-mask", text->location,
                            "leave more bits to segd", "`%s` has fewer than %d bits", text->text,
                            POLICY_MARK_BITS_MIN);
    /* All bits are what it is without the key. */
    *ret_mask = mask == UINT32_MAX ? 0 : (uint32_t)mask;
    return 0;
}

static int resolve_gateway(struct resolver *resolver)
{
    const struct draft_gateway *gateway = resolver->draft->gateway;
    struct policy *policy = resolver->policy;
    int r;

    if (!gateway)
        return 0;
    /* What is said of protection and cannot be read is not a reason to call it missing. */
    policy->gateway_protect = gateway->protect || (!gateway->forwarding && !gateway->mark_mask);
    r = resolve_boolean(resolver, gateway->protect, "protect", &policy->gateway_protect);
    if (r == 0)
        r = resolve_boolean(resolver, gateway->forwarding, "forwarding",
                            &policy->gateway_forwarding);
    if (r == 0)
        r = resolve_mark_mask(resolver, gateway->mark_mask, &policy->mark_mask);
    return r;
}

static int resolve_site(struct resolver *resolver)
{
    return keep_text(resolver, resolver->draft->site, &resolver->policy->site);
}

static void resolver_clear(struct resolver *resolver)
{
    names_clear(&resolver->ends);
    names_clear(&resolver->service_names);
    names_clear(&resolver->flow_names);
    name_index_clear(&resolver->literals);
    name_index_clear(&resolver->list_names);
    free(resolver->networks);
    free(resolver->services);
}

/* The steps that find mistakes. Each does what it can with what the ones before it left. */
static int resolve_all(struct resolver *resolver)
{
    static int (*const steps[])(struct resolver *) = {
        resolve_version, resolve_timezone, resolve_rules, resolve_model,   resolve_gateway,
        resolve_site,    resolve_names,    resolve_zones, resolve_hosts,   resolve_lists,
        resolve_groups,  resolve_services, resolve_flows, resolve_rejects, resolve_expectations,
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
    policy->schedules = resolver->schedules;
    policy->n_schedules = resolver->n_schedules;
    policy->flows = resolver->flows;
    policy->n_flows = resolver->n_flows;
    policy->rejects = resolver->rejects;
    policy->n_rejects = resolver->n_rejects;
    policy->expectations = resolver->expectations;
    policy->n_expectations = resolver->n_expectations;

    r = resolve_flow_ids(resolver);
    return r != 0 ? r : resolve_segments(resolver);
}

int resolve(struct draft *draft, struct arena *arena, struct diagnostics *diagnostics,
            struct policy **ret_policy)
{
    cleanup_(arena_freep) struct arena *own = NULL;
    cleanup_(resolver_clear) struct resolver resolver = {
        .report = {.diagnostics = diagnostics, .arena = draft->arena},
        .draft = draft,
        .gateway = {.kind = KNOWN_GATEWAY, .index = 0},
    };
    struct policy_store *store;
    int r;

    if (draft->incomplete)
        return -EBADMSG;

    if (!arena) {
        r = arena_new(&own);
        if (r < 0)
            return r;
        arena = own;
    }

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
    if (r != 0)
        return r < 0 ? r : -EBADMSG;

    store->arena = TAKE_PTR(own);
    *ret_policy = &store->policy;
    return 0;
}

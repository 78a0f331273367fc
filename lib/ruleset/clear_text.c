/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Zones that require IPsec: a packet from one of their addresses passes only if it came through
 * IPsec, and one to them only if it will leave through it. This is asked before everything else in
 * the chain, for packets of open connections too: an address that others may forge on the same wire
 * proves nothing.
 */

#include "ruleset/compile.h"
#include "ruleset/compiler.h"

static void name_set(const struct zone *zone, enum family family, char name[CHAIN_NAME_MAX])
{
    snprintf(name, CHAIN_NAME_MAX, "ipsec/%s/%s", zone->name, family_word(family));
}

/* Refuses what is of the zone and in clear text. */
static void refuse_clear_text(struct compiler *compiler, const struct zone *zone, bool comes)
{
    char set[CHAIN_NAME_MAX], counter[CHAIN_NAME_MAX];

    snprintf(counter, sizeof(counter), "%s/%s", reason_to_string(REASON_CLEAR_TEXT), zone->name);
    for (enum family family = 0; family < FAMILIES; family++) {
        if (zone->addresses.by_family[family].n_ranges == 0)
            continue;
        name_set(zone, family, set);
        compiler_rule(
            compiler,
            statement_lookup(FIELDS(comes ? source_field(family) : destination_field(family)),
                             false, set),
            statement_match_byte(comes ? FIELD_META_IPSEC : FIELD_RT_IPSEC, false, 0),
            statement_counter(counter), compiler_refuse(REASON_CLEAR_TEXT));
    }
}

void compiler_refuse_clear_ingress(struct compiler *compiler, size_t segment)
{
    const struct segment *carried = &compiler->policy->segments[segment];

    for (size_t i = 0; i < carried->n_zones; i++) {
        const struct zone *zone = &compiler->policy->zones[carried->zones[i]];

        if (zone->ipsec)
            refuse_clear_text(compiler, zone, true);
    }
}

void compiler_refuse_clear_exit(struct compiler *compiler)
{
    for (size_t i = 0; i < compiler->policy->n_zones; i++)
        if (compiler->policy->zones[i].ipsec)
            refuse_clear_text(compiler, &compiler->policy->zones[i], false);
}

void compile_clear_text(struct compiler *compiler)
{
    char name[CHAIN_NAME_MAX];

    if (!policy_zone_with_ipsec(compiler->policy))
        return;
    compile_drop(compiler, REASON_CLEAR_TEXT);
    for (size_t i = 0; i < compiler->policy->n_zones; i++) {
        const struct zone *zone = &compiler->policy->zones[i];

        if (!zone->ipsec)
            continue;
        snprintf(name, sizeof(name), "%s/%s", reason_to_string(REASON_CLEAR_TEXT), zone->name);
        compiler_counter(compiler, name);
        for (enum family family = 0; family < FAMILIES; family++) {
            const enum datatype key = address_type(family);
            struct set *set;

            if (zone->addresses.by_family[family].n_ranges == 0)
                continue;
            name_set(zone, family, name);
            set = compiler_set(compiler, name, &key, 1, SET_DATA_NONE);
            if (set)
                set->interval = true;
            compiler_add_ranges(compiler, set, NULL, family, &zone->addresses.by_family[family]);
        }
    }
}

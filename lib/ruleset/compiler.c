/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Names and keys. Whoever changes a name here changes what operators type and what survives an
 * update by difference: names come from zones and addresses, never from numbers that move.
 */

#include "ruleset/compiler.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

const char *family_word(enum family family)
{
    return family == FAMILY_IPV4 ? "ip" : "ip6";
}

enum datatype address_type(enum family family)
{
    return family == FAMILY_IPV4 ? DATATYPE_IPV4_ADDR : DATATYPE_IPV6_ADDR;
}

size_t compiler_segment_at(const struct compiler *compiler, size_t i)
{
    return i < compiler->policy->n_segments ? i : ZONE_GATEWAY;
}

const char *compiler_segment(const struct compiler *compiler, size_t segment,
                             char buffer[SEGMENT_TEXT_MAX])
{
    const char *name;

    if (segment == ZONE_GATEWAY)
        return "gateway";

    name = compiler->policy->segments[segment].name;
    if (strlen(name) < SEGMENT_TEXT_MAX)
        return name;

    snprintf(buffer, SEGMENT_TEXT_MAX, "%.40s.%zu", name, segment);
    return buffer;
}

int compiler_segment_addresses(const struct compiler *compiler, size_t segment, enum family family,
                               struct range_set *addresses)
{
    const struct segment *carried = &compiler->policy->segments[segment];

    for (size_t i = 0; i < carried->n_zones; i++) {
        const struct zone *zone = &compiler->policy->zones[carried->zones[i]];
        int r = range_set_add_set(addresses, &zone->addresses.by_family[family]);

        if (r < 0)
            return r;
    }
    return 0;
}

int compiler_chain(struct compiler *compiler, const char *format, ...)
{
    char name[CHAIN_NAME_MAX];
    struct chain *chain;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(name, sizeof(name), format, arguments);
    va_end(arguments);
    return ruleset_add_chain(compiler->ruleset, name, &chain);
}

int compiler_base_chain(struct compiler *compiler, const char *name, enum hook hook,
                        int32_t priority)
{
    struct ruleset *ruleset = compiler->ruleset;
    int r = compiler_chain(compiler, "%s", name);

    if (r < 0)
        return r;

    ruleset->chains[ruleset->n_chains - 1].hook = hook;
    ruleset->chains[ruleset->n_chains - 1].priority = priority;
    ruleset->chains[ruleset->n_chains - 1].policy_drop = true;
    return 0;
}

int compiler_rule_list(struct compiler *compiler, const struct statement *statements,
                       size_t n_statements)
{
    struct ruleset *ruleset = compiler->ruleset;

    return ruleset_add_rule(ruleset, &ruleset->chains[ruleset->n_chains - 1], statements,
                            n_statements);
}

void key_put(struct key *key, const void *bytes, size_t length)
{
    size_t padded = (length + 3) & ~(size_t)3;

    memset(key->bytes + key->length, 0, padded);
    memcpy(key->bytes + key->length, bytes, length);
    key->length += padded;
}

void key_put_address(struct key *key, enum family family, ip_number address)
{
    uint8_t bytes[16];

    address_to_bytes(family, address, bytes);
    key_put(key, bytes, family_bits(family) / 8);
}

void key_put_name(struct key *key, const char *interface)
{
    char name[16] = {0};

    memcpy(name, interface, strnlen(interface, sizeof(name) - 1));
    key_put(key, name, sizeof(name));
}

void key_put_service(struct key *key, service_number service)
{
    uint8_t protocol = SERVICE_PROTOCOL(service);
    uint8_t port[2] = {(uint8_t)(SERVICE_PORT(service) >> 8), (uint8_t)SERVICE_PORT(service)};

    key_put(key, &protocol, sizeof(protocol));
    key_put(key, port, sizeof(port));
}

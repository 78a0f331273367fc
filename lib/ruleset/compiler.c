/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Names and keys. Whoever changes a name here changes what operators type and what survives an
 * update by difference: names come from zones and addresses, never from numbers that move.
 */

#include "ruleset/compiler.h"

#include <assert.h>
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

enum field source_field(enum family family)
{
    return family == FAMILY_IPV4 ? FIELD_IP_SADDR : FIELD_IP6_SADDR;
}

enum field destination_field(enum family family)
{
    return family == FAMILY_IPV4 ? FIELD_IP_DADDR : FIELD_IP6_DADDR;
}

void compiler_counter(struct compiler *compiler, const char *name)
{
    if (compiler->error == 0)
        compiler->error = ruleset_add_counter(compiler->ruleset, name);
}

struct set *compiler_set(struct compiler *compiler, const char *name, const enum datatype *key,
                         size_t n_key, enum set_data data)
{
    struct set *set = NULL;

    if (compiler->error == 0)
        compiler->error = ruleset_add_set(compiler->ruleset, name, key, n_key, data, &set);
    return set;
}

void compiler_element(struct compiler *compiler, struct set *set, const struct element *element)
{
    if (compiler->error == 0)
        compiler->error = ruleset_add_element(compiler->ruleset, set, element);
}

void compiler_add_name(struct compiler *compiler, struct set *set, const char *interface,
                       struct element element)
{
    struct key key = {0};

    key_put_name(&key, interface);
    element.key = key.bytes;
    compiler_element(compiler, set, &element);
}

void compiler_add_mark(struct compiler *compiler, struct set *set, const struct flow *flow,
                       struct element element)
{
    struct key key = {0};

    key_put(&key, &flow->id, sizeof(flow->id));
    element.key = key.bytes;
    element.comment = flow->name;
    element.location = flow->location;
    compiler_element(compiler, set, &element);
}

void compiler_add_ranges(struct compiler *compiler, struct set *set, const char *interface,
                         enum family family, const struct range_set *addresses)
{
    for (size_t i = 0; i < addresses->n_ranges; i++) {
        struct key first = {0}, last = {0};

        if (interface) {
            key_put_name(&first, interface);
            key_put_name(&last, interface);
        }
        key_put_address(&first, family, addresses->ranges[i].first);
        key_put_address(&last, family, addresses->ranges[i].last);
        compiler_element(compiler, set,
                         &(struct element){.key = first.bytes, .key_end = last.bytes});
    }
}

void compiler_chain(struct compiler *compiler, const char *format, ...)
{
    char name[CHAIN_NAME_MAX];
    struct chain *chain;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(name, sizeof(name), format, arguments);
    va_end(arguments);
    if (compiler->error == 0)
        compiler->error = ruleset_add_chain(compiler->ruleset, name, &chain);
}

void compiler_base_chain(struct compiler *compiler, const char *name, enum hook hook,
                         int32_t priority, bool policy_drop)
{
    struct chain *chain = NULL;

    if (compiler->error == 0)
        compiler->error = ruleset_add_chain(compiler->ruleset, name, &chain);
    if (compiler->error != 0)
        return;
    chain->hook = hook;
    chain->priority = priority;
    chain->policy_drop = policy_drop;
}

void compiler_rule_list(struct compiler *compiler, const struct statement *statements,
                        size_t n_statements)
{
    struct ruleset *ruleset = compiler->ruleset;
    uint32_t mask = compiler->policy ? compiler->policy->mark_mask : 0;
    struct statement masked[STATEMENTS_MAX];

    assert(n_statements <= STATEMENTS_MAX);
    memcpy(masked, statements, n_statements * sizeof(*masked));
    for (size_t i = 0; i < n_statements; i++)
        for (size_t j = 0; j < masked[i].n_fields; j++)
            if (masked[i].fields[j] == FIELD_CT_MARK)
                masked[i].mark_mask = mask;
    if (compiler->error == 0)
        compiler->error = ruleset_add_rule(ruleset, &ruleset->chains[ruleset->n_chains - 1], masked,
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

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A grant in the language of the policy, so that it is parsed, checked, compiled and explained like
 * any other flow. What people typed goes into the text between double quotes, where nothing can end
 * the text but the quote that is written here: quotes and backslashes are escaped, and so are the
 * characters that could begin a line, which the parser then refuses with a word to that effect.
 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/compare.h"
#include "policy/overrides.h"

/* An address, prefix or range that somebody typed goes into a group of its zone. */
#define NO_ZONE ((size_t)-1)

struct grant_end {
    const char *name; /* what the flow names, or what is a member of the zone's group */
    size_t zone;      /* NO_ZONE where the flow names it */
};

/* One of `from` and `to`. */
struct grant_side {
    const char *word;
    struct grant_end *ends;
    size_t n_ends;
    const char **groups; /* of each zone the name of its group; NULL: it has none */
    size_t n_groups;
};

/* A host of one address: to name it is to name the address. */
struct owner {
    enum family family;
    ip_number address;
    const char *host;
};

struct owners {
    struct owner *owners;
    size_t n_owners;
};

static int compare_owners(const void *a, const void *b)
{
    const struct owner *left = a, *right = b;

    return COMPARE(left->family, right->family) ?: COMPARE(left->address, right->address);
}

static int owners_init(struct owners *owners, const struct policy *policy, struct arena *arena)
{
    owners->owners = arena_allocate(arena, policy->n_hosts * sizeof(*owners->owners));
    if (!owners->owners)
        return -ENOMEM;

    for (size_t i = 0; i < policy->n_hosts; i++) {
        const struct host *host = &policy->hosts[i];

        if (host->n_addresses == 1)
            owners->owners[owners->n_owners++] =
                (struct owner){host->addresses[0].family, host->addresses[0].address, host->name};
    }
    if (owners->n_owners > 1)
        qsort(owners->owners, owners->n_owners, sizeof(*owners->owners), compare_owners);
    return 0;
}

static const char *owners_find(const struct owners *owners, enum family family, ip_number address)
{
    const struct owner wanted = {.family = family, .address = address}, *found;

    if (owners->n_owners == 0)
        return NULL;

    found =
        bsearch(&wanted, owners->owners, owners->n_owners, sizeof(*owners->owners), compare_owners);
    return found ? found->host : NULL;
}

/* Returns 0, or -ENOENT for an address of no zone. */
static int find_end(const struct policy *policy, const struct owners *owners, const char *text,
                    struct grant_end *ret_end)
{
    struct grant_end end = {text, NO_ZONE};
    const char *host = NULL;
    enum family family;
    struct range range;

    if (address_parse_range(text, &family, &range) == 0) {
        if (range.first == range.last)
            host = owners_find(owners, family, range.first);
        if (host)
            end.name = host;
        else if (!policy_zone_of_address(policy, family, range.first, &end.zone))
            return -ENOENT;
    }

    *ret_end = end;
    return 0;
}

static bool is_taken(const struct policy *policy, const char *name)
{
    const size_t counts[] = {
        [END_ZONE] = policy->n_zones,
        [END_HOST] = policy->n_hosts,
        [END_GROUP] = policy->n_groups,
    };

    for (enum end_kind kind = END_ZONE; kind < ELEMENTS_OF(counts); kind++) {
        for (size_t i = 0; i < counts[kind]; i++) {
            if (strcasecmp(policy_end_name(policy, &(struct end_name){kind, i}), name) == 0)
                return true;
        }
    }
    return false;
}

/* Names the groups of the zones that need one (`grant-3-from-1`), leaving out names that the policy
 * has. */
static int name_groups(const struct policy *policy, struct arena *arena, const char *grant,
                       struct grant_side *side)
{
    size_t number = 0;

    for (size_t i = 0; i < side->n_ends; i++) {
        size_t zone = side->ends[i].zone;

        if (zone == NO_ZONE || side->groups[zone])
            continue;

        side->n_groups++;
        do {
            side->groups[zone] = arena_printf(arena, "%s-%s-%zu", grant, side->word, ++number);
            if (!side->groups[zone])
                return -ENOMEM;
        } while (is_taken(policy, side->groups[zone]));
    }
    return 0;
}

static int side_init(struct grant_side *side, const struct policy *policy, struct arena *arena,
                     const struct owners *owners, const char *grant, const char *const *texts,
                     size_t n_texts)
{
    int r;

    side->ends = arena_allocate(arena, n_texts * sizeof(*side->ends));
    side->groups = arena_allocate(arena, policy->n_zones * sizeof(*side->groups));
    if (!side->ends || !side->groups)
        return -ENOMEM;

    for (; side->n_ends < n_texts; side->n_ends++) {
        r = find_end(policy, owners, texts[side->n_ends], &side->ends[side->n_ends]);
        if (r < 0)
            return r;
    }
    return name_groups(policy, arena, grant, side);
}

/*
 * The text in double quotes. Line ends and other control characters of ASCII are escaped, so that
 * the parser sees them in the text, and not as part of the file, and says that it refuses them.
 */
static void write_quoted(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte == '"' || byte == '\\')
            fprintf(stream, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            fprintf(stream, "\\x%02x", byte);
        else
            fputc(byte, stream);
    }
    fputc('"', stream);
}

static void write_item(FILE *stream, const char *text)
{
    fputs("      - ", stream);
    write_quoted(stream, text);
    fputc('\n', stream);
}

static void write_groups(FILE *stream, const struct policy *policy, const struct grant_side *side)
{
    assert(side->groups);
    for (size_t zone = 0; zone < policy->n_zones; zone++) {
        if (!side->groups[zone])
            continue;

        fputs("  ", stream);
        write_quoted(stream, side->groups[zone]);
        fputs(":\n    zone: ", stream);
        write_quoted(stream, policy->zones[zone].name);
        fputs("\n    members:\n", stream);
        for (size_t i = 0; i < side->n_ends; i++) {
            if (side->ends[i].zone == zone)
                write_item(stream, side->ends[i].name);
        }
    }
}

static void write_side(FILE *stream, const struct policy *policy, const struct grant_side *side)
{
    assert(side->groups);
    fprintf(stream, "    %s:\n", side->word);
    for (size_t i = 0; i < side->n_ends; i++) {
        if (side->ends[i].zone == NO_ZONE)
            write_item(stream, side->ends[i].name);
    }
    for (size_t zone = 0; zone < policy->n_zones; zone++) {
        if (side->groups[zone])
            write_item(stream, side->groups[zone]);
    }
}

static void write_text(FILE *stream, const struct policy *policy, const struct grant_wish *wish,
                       const struct grant_side *from, const struct grant_side *to)
{
    fputs("segd: 1\n", stream);
    if (from->n_groups + to->n_groups > 0)
        fputs("groups:\n", stream);
    write_groups(stream, policy, from);
    write_groups(stream, policy, to);

    fputs("flows:\n  ", stream);
    write_quoted(stream, wish->name);
    fputs(":\n    label: temporary grant\n", stream);
    write_side(stream, policy, from);
    write_side(stream, policy, to);
    fputs("    services:\n", stream);
    for (size_t i = 0; i < wish->n_services; i++)
        write_item(stream, wish->services[i]);
    if (wish->reason) {
        fputs("    purpose: ", stream);
        write_quoted(stream, wish->reason);
        fputc('\n', stream);
    }
    fputs("    log: new\n", stream);
}

int grant_write(const struct policy *policy, const struct grant_wish *wish, char **ret_text)
{
    struct grant_side from = {.word = "from"}, to = {.word = "to"};
    cleanup_(arena_freep) struct arena *arena = NULL;
    cleanup_(freep) char *text = NULL;
    struct owners owners = {0};
    FILE *stream;
    size_t size;
    int r;

    if (wish->n_from == 0 || wish->n_to == 0 || wish->n_services == 0)
        return -EINVAL;

    r = arena_new(&arena);
    if (r == 0)
        r = owners_init(&owners, policy, arena);
    if (r == 0)
        r = side_init(&from, policy, arena, &owners, wish->name, wish->from, wish->n_from);
    if (r == 0)
        r = side_init(&to, policy, arena, &owners, wish->name, wish->to, wish->n_to);
    if (r < 0)
        return r;

    stream = open_memstream(&text, &size);
    if (!stream)
        return -ENOMEM;

    write_text(stream, policy, wish, &from, &to);
    if (fclose(stream) != 0)
        return -ENOMEM;

    *ret_text = TAKE_PTR(text);
    return 0;
}

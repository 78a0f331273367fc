/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Addresses as numbers, and sets of them as sorted disjoint ranges. Text conversion is left to
 * inet_pton() and inet_ntop(); everything else is arithmetic that serves both families.
 */

#include "base/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

unsigned family_bits(enum family family)
{
    return family == FAMILY_IPV4 ? 32 : 128;
}

ip_number family_last(enum family family)
{
    return family == FAMILY_IPV4 ? 0xffffffff : ~(ip_number)0;
}

struct range family_all(enum family family)
{
    return (struct range){0, family_last(family)};
}

static ip_number bits_last(unsigned bits)
{
    return bits == 128 ? ~(ip_number)0 : ((ip_number)1 << bits) - 1;
}

void address_to_bytes(enum family family, ip_number address, uint8_t *bytes)
{
    unsigned length = family_bits(family) / 8;

    for (unsigned i = 0; i < length; i++)
        bytes[i] = (uint8_t)(address >> (8 * (length - 1 - i)));
}

ip_number address_from_bytes(enum family family, const uint8_t *bytes)
{
    unsigned length = family_bits(family) / 8;
    ip_number address = 0;

    for (unsigned i = 0; i < length; i++)
        address = address << 8 | bytes[i];
    return address;
}

int address_parse(const char *text, enum family *ret_family, ip_number *ret_address)
{
    enum family family = strchr(text, ':') ? FAMILY_IPV6 : FAMILY_IPV4;
    uint8_t bytes[16];

    if (inet_pton(family == FAMILY_IPV4 ? AF_INET : AF_INET6, text, bytes) != 1)
        return -EINVAL;

    *ret_family = family;
    *ret_address = address_from_bytes(family, bytes);
    return 0;
}

static int parse_prefix_length(const char *text, enum family family, uint8_t *ret_length)
{
    size_t digits = strlen(text);
    unsigned length;

    if (digits < 1 || digits > 3 || (digits > 1 && text[0] == '0') ||
        strspn(text, "0123456789") != digits)
        return -EINVAL;

    length = (unsigned)atoi(text);
    if (length > family_bits(family))
        return -ERANGE;

    *ret_length = (uint8_t)length;
    return 0;
}

static int parse_prefix(const char *address_text, const char *length_text, enum family *ret_family,
                        struct range *ret_range)
{
    struct prefix prefix;
    struct range range;
    enum family family;
    int r;

    r = address_parse(address_text, &family, &prefix.address);
    if (r < 0)
        return r;

    r = parse_prefix_length(length_text, family, &prefix.length);
    if (r < 0)
        return r;

    range = prefix_range(prefix, family_bits(family));
    if (range.first != prefix.address)
        return -EDOM;

    *ret_family = family;
    *ret_range = range;
    return 0;
}

static int parse_span(const char *first_text, const char *last_text, enum family *ret_family,
                      struct range *ret_range)
{
    enum family family, last_family;
    struct range range;
    int r;

    r = address_parse(first_text, &family, &range.first);
    if (r < 0)
        return r;

    r = address_parse(last_text, &last_family, &range.last);
    if (r < 0)
        return r;
    if (family != last_family)
        return -EAFNOSUPPORT;
    if (range.last < range.first)
        return -ERANGE;

    *ret_family = family;
    *ret_range = range;
    return 0;
}

int address_parse_range(const char *text, enum family *ret_family, struct range *ret_range)
{
    char copy[ADDRESS_TEXT_MAX];
    char *separator;
    int r;

    if (strlen(text) >= sizeof(copy))
        return -EINVAL;
    memcpy(copy, text, strlen(text) + 1);

    separator = strpbrk(copy, "/-");
    if (separator) {
        char kind = *separator;

        *separator = '\0';
        return kind == '/' ? parse_prefix(copy, separator + 1, ret_family, ret_range)
                           : parse_span(copy, separator + 1, ret_family, ret_range);
    }

    r = address_parse(copy, ret_family, &ret_range->first);
    if (r < 0)
        return r;

    ret_range->last = ret_range->first;
    return 0;
}

const char *address_format(enum family family, ip_number address, char buffer[ADDRESS_TEXT_MAX])
{
    uint8_t bytes[16];

    address_to_bytes(family, address, bytes);
    inet_ntop(family == FAMILY_IPV4 ? AF_INET : AF_INET6, bytes, buffer, ADDRESS_TEXT_MAX);
    return buffer;
}

const char *range_format(enum family family, struct range range, char buffer[ADDRESS_TEXT_MAX])
{
    struct prefix prefix;
    size_t length;

    address_format(family, range.first, buffer);
    if (range.first == range.last)
        return buffer;

    length = strlen(buffer);
    if (range_is_prefix(range, family_bits(family), &prefix)) {
        snprintf(buffer + length, ADDRESS_TEXT_MAX - length, "/%u", prefix.length);
    } else {
        char last[ADDRESS_TEXT_MAX];

        address_format(family, range.last, last);
        snprintf(buffer + length, ADDRESS_TEXT_MAX - length, "-%.45s", last);
    }
    return buffer;
}

struct range prefix_range(struct prefix prefix, unsigned bits)
{
    ip_number host = bits_last(bits - prefix.length);

    return (struct range){prefix.address & ~host, prefix.address | host};
}

static unsigned trailing_zeros(ip_number number)
{
    uint64_t low = (uint64_t)number;

    if (low)
        return (unsigned)__builtin_ctzll(low);
    return 64 + (unsigned)__builtin_ctzll((uint64_t)(number >> 64));
}

bool range_take_prefix(struct range *range, unsigned bits, struct prefix *ret_prefix)
{
    unsigned host_bits = range->first ? trailing_zeros(range->first) : bits;
    ip_number last;

    if (host_bits > bits)
        host_bits = bits;
    while (range->first + bits_last(host_bits) > range->last ||
           range->first + bits_last(host_bits) < range->first)
        host_bits--;

    last = range->first + bits_last(host_bits);
    *ret_prefix = (struct prefix){range->first, (uint8_t)(bits - host_bits)};
    if (last == range->last)
        return false;

    range->first = last + 1;
    return true;
}

bool range_is_prefix(struct range range, unsigned bits, struct prefix *ret_prefix)
{
    return !range_take_prefix(&range, bits, ret_prefix);
}

size_t ranges_find(const void *items, size_t n, size_t size, ip_number address)
{
    const char *bytes = items;

    return BISECT(n, i, ((const struct range *)(const void *)(bytes + i * size))->last < address);
}

static size_t range_set_find(const struct range_set *set, ip_number address)
{
    return ranges_find(set->ranges, set->n_ranges, sizeof(*set->ranges), address);
}

int range_set_add(struct range_set *set, struct range range)
{
    /* Ranges from `first` to before `end` touch the new one and are merged with it. */
    size_t first = range_set_find(set, range.first ? range.first - 1 : 0);
    size_t end = first;
    int r;

    while (end < set->n_ranges &&
           (range.last == ~(ip_number)0 || set->ranges[end].first <= range.last + 1)) {
        if (set->ranges[end].first < range.first)
            range.first = set->ranges[end].first;
        if (set->ranges[end].last > range.last)
            range.last = set->ranges[end].last;
        end++;
    }

    r = array_reserve(&set->ranges, &set->capacity, set->n_ranges + 1, sizeof(*set->ranges));
    if (r < 0)
        return r;

    memmove(set->ranges + first + 1, set->ranges + end,
            (set->n_ranges - end) * sizeof(*set->ranges));
    set->n_ranges = set->n_ranges - (end - first) + 1;
    set->ranges[first] = range;
    return 0;
}

int range_set_add_set(struct range_set *set, const struct range_set *other)
{
    for (size_t i = 0; i < other->n_ranges; i++) {
        int r = range_set_add(set, other->ranges[i]);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Appends after all others, to which the range must not be adjacent. */
static int range_set_append(struct range_set *set, ip_number first, ip_number last)
{
    return array_append(&set->ranges, &set->n_ranges, &set->capacity, &(struct range){first, last},
                        sizeof(struct range));
}

static void range_set_replace(struct range_set *set, struct range_set *with)
{
    range_set_clear(set);
    *set = *with;
    *with = (struct range_set){0};
}

int range_set_subtract(struct range_set *set, const struct range_set *other)
{
    cleanup_(range_set_clear) struct range_set rest = {0};
    size_t j = 0;

    for (size_t i = 0; i < set->n_ranges; i++) {
        struct range range = set->ranges[i];
        bool left = true;

        while (j < other->n_ranges && other->ranges[j].last < range.first)
            j++;

        for (size_t k = j; k < other->n_ranges && other->ranges[k].first <= range.last; k++) {
            if (other->ranges[k].first > range.first &&
                range_set_append(&rest, range.first, other->ranges[k].first - 1) < 0)
                return -ENOMEM;
            if (other->ranges[k].last >= range.last) {
                left = false;
                break;
            }
            range.first = other->ranges[k].last + 1;
        }
        if (left && range_set_append(&rest, range.first, range.last) < 0)
            return -ENOMEM;
    }

    range_set_replace(set, &rest);
    return 0;
}

bool range_set_contains(const struct range_set *set, ip_number address)
{
    size_t i = range_set_find(set, address);

    return i < set->n_ranges && set->ranges[i].first <= address;
}

bool range_set_includes(const struct range_set *set, const struct range_set *other)
{
    for (size_t i = 0; i < other->n_ranges; i++) {
        size_t j = range_set_find(set, other->ranges[i].first);

        if (j == set->n_ranges || set->ranges[j].first > other->ranges[i].first ||
            set->ranges[j].last < other->ranges[i].last)
            return false;
    }
    return true;
}

bool range_set_overlaps(const struct range_set *set, const struct range_set *other)
{
    size_t i = 0, j = 0;

    while (i < set->n_ranges && j < other->n_ranges) {
        if (set->ranges[i].last < other->ranges[j].first)
            i++;
        else if (other->ranges[j].last < set->ranges[i].first)
            j++;
        else
            return true;
    }
    return false;
}

bool range_set_equal(const struct range_set *a, const struct range_set *b)
{
    if (a->n_ranges != b->n_ranges)
        return false;

    for (size_t i = 0; i < a->n_ranges; i++) {
        if (a->ranges[i].first != b->ranges[i].first || a->ranges[i].last != b->ranges[i].last)
            return false;
    }
    return true;
}

ip_number range_set_size(const struct range_set *set)
{
    ip_number size = 0;

    for (size_t i = 0; i < set->n_ranges; i++) {
        ip_number length = set->ranges[i].last - set->ranges[i].first;

        if (length > ~(ip_number)0 - size - 1)
            return ~(ip_number)0;
        size += length + 1;
    }
    return size;
}

void range_set_clear(struct range_set *set)
{
    free(set->ranges);
    *set = (struct range_set){0};
}

bool address_set_contains(const struct address_set *set, enum family family, ip_number address)
{
    return range_set_contains(&set->by_family[family], address);
}

const char *mac_format(const uint8_t bytes[sizeof(struct mac)], char buffer[MAC_TEXT_MAX])
{
    snprintf(buffer, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2],
             bytes[3], bytes[4], bytes[5]);
    return buffer;
}

int mac_parse(const char *text, struct mac *ret_mac)
{
    struct mac mac;

    if (strlen(text) != 17)
        return -EINVAL;

    for (size_t i = 0; i < sizeof(mac.bytes); i++) {
        const char *digits = text + 3 * i;

        if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]) ||
            digits[2] != (i < 5 ? ':' : '\0'))
            return -EINVAL;
        mac.bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }

    *ret_mac = mac;
    return 0;
}

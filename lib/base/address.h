/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum family {
    FAMILY_IPV4,
    FAMILY_IPV6,
};
#define FAMILIES 2

/*
 * An address of either family as a number: 192.0.2.1 is 0xc0000201. Ranges, sets and the decision
 * diagram do plain arithmetic on it; the family is always known from the context.
 */
typedef unsigned __int128 ip_number;

/* The longest text of an address, prefix or range, with its final NUL. */
#define ADDRESS_TEXT_MAX 96

/* All addresses from `first` to `last`, both included; `first` <= `last`. */
struct range {
    ip_number first;
    ip_number last;
};

/* A prefix: `length` leading bits of `address`; the bits after them are zero. */
struct prefix {
    ip_number address;
    uint8_t length;
};

/*
 * Addresses of one family. The ranges are sorted, disjoint and not adjacent, so that equal sets
 * have equal ranges. A zeroed structure is the empty set; range_set_clear() frees what it holds.
 */
struct range_set {
    struct range *ranges;
    size_t n_ranges;
    size_t capacity;
};

/* Addresses of both families, indexed by `enum family`. A zeroed structure is the empty set. */
struct address_set {
    struct range_set by_family[FAMILIES];
};

struct mac {
    uint8_t bytes[6];
};

/* 32 or 128. */
unsigned family_bits(enum family family);
/* The highest address: 255.255.255.255 or ffff:…:ffff. */
ip_number family_last(enum family family);
/* Every address of the family. */
struct range family_all(enum family family);

/*
 * Parses an address (`192.0.2.1`, `2001:db8::1`), a prefix (`192.0.2.0/24`) or a range
 * (`192.0.2.5-192.0.2.9`). No names, no zone ids, no spaces, no leading zeros in IPv4.
 *
 * Returns 0, or
 * -EINVAL       the text is none of these
 * -EDOM         a prefix with bits set beyond its length (`192.0.2.1/24`)
 * -ERANGE       a prefix length beyond the family's bits, or a range whose end lies before its
 * start -EAFNOSUPPORT the two ends of a range are of different families
 */
int address_parse_range(const char *text, enum family *ret_family, struct range *ret_range);
/* The same for an address alone; -EINVAL for anything else. */
int address_parse(const char *text, enum family *ret_family, ip_number *ret_address);

/* Write the shortest usual text, `192.0.2.0/24` where a range is a prefix. Return `buffer`. */
const char *address_format(enum family family, ip_number address, char buffer[ADDRESS_TEXT_MAX]);
const char *range_format(enum family family, struct range range, char buffer[ADDRESS_TEXT_MAX]);

/* The address in network byte order, 4 or 16 bytes; and back. */
void address_to_bytes(enum family family, ip_number address, uint8_t *bytes);
ip_number address_from_bytes(enum family family, const uint8_t *bytes);

/*
 * Of items of `size` bytes that begin with a `struct range`, sorted and disjoint or equal: the
 * first that ends at or after `address`, or `n` where none does.
 */
size_t ranges_find(const void *items, size_t n, size_t size, ip_number address);

/* True and `*ret_prefix` written where the range is exactly one prefix of `bits` bits. */
bool range_is_prefix(struct range range, unsigned bits, struct prefix *ret_prefix);
/*
 * Takes the largest prefix off the front of `*range`, into `*ret_prefix`. Returns false when that
 * was the last, else true with `*range` shortened. Works for any field of `bits` bits, 1 to 128.
 */
bool range_take_prefix(struct range *range, unsigned bits, struct prefix *ret_prefix);
/* The range that a prefix of a field of `bits` bits covers. */
struct range prefix_range(struct prefix prefix, unsigned bits);

/* Set operations return 0 or -ENOMEM; on -ENOMEM `set` is still valid, its content unspecified. */
int range_set_add(struct range_set *set, struct range range);
int range_set_add_set(struct range_set *set, const struct range_set *other);
int range_set_subtract(struct range_set *set, const struct range_set *other);
bool range_set_contains(const struct range_set *set, ip_number address);
/* True where every address of `other` is in `set`. */
bool range_set_includes(const struct range_set *set, const struct range_set *other);
bool range_set_overlaps(const struct range_set *set, const struct range_set *other);
bool range_set_equal(const struct range_set *a, const struct range_set *b);
/* The number of addresses; saturates at the largest ip_number (all of IPv6). */
ip_number range_set_size(const struct range_set *set);
void range_set_clear(struct range_set *set);

bool address_set_contains(const struct address_set *set, enum family family, ip_number address);

/* Parses `00:00:5e:00:53:11` (hex digits of either case). Returns 0 or -EINVAL. */
int mac_parse(const char *text, struct mac *ret_mac);
/* The same the other way, in lower case. Returns `buffer`. */
#define MAC_TEXT_MAX sizeof("00:00:5e:00:53:11")
const char *mac_format(const uint8_t bytes[sizeof(struct mac)], char buffer[MAC_TEXT_MAX]);

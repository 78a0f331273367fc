/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Addresses, ranges and sets of them: lib/base/address.h. */

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/address.h"
#include "checks.h"

struct parse_case {
    const char *text;
    int result;
    const char *formatted;
};

static const struct parse_case parse_cases[] = {
    {"192.0.2.1", 0, "192.0.2.1"},
    {"192.0.2.0/24", 0, "192.0.2.0/24"},
    {"0.0.0.0/0", 0, "0.0.0.0/0"},
    {"::/0", 0, "::/0"},
    {"192.0.2.5-192.0.2.9", 0, "192.0.2.5-192.0.2.9"},
    {"192.0.2.0-192.0.2.255", 0, "192.0.2.0/24"},
    {"2001:DB8:0::1", 0, "2001:db8::1"},
    {"fd00:10::/48", 0, "fd00:10::/48"},
    {"fd00::1-fd00::ffff", 0, "fd00::1-fd00::ffff"},
    {"192.0.2.1/24", -EDOM, NULL},
    {"192.0.2.0/33", -ERANGE, NULL},
    {"::/129", -ERANGE, NULL},
    {"192.0.2.9-192.0.2.5", -ERANGE, NULL},
    {"192.0.2.1-fd00::1", -EAFNOSUPPORT, NULL},
    {"192.0.2", -EINVAL, NULL},
    {"192.0.2.01", -EINVAL, NULL},
    {"192.0.2.1/", -EINVAL, NULL},
    {"192.0.2.0/024", -EINVAL, NULL},
    {"192.0.2.0/+4", -EINVAL, NULL},
    {" 192.0.2.1", -EINVAL, NULL},
    {"fe80::1%eth0", -EINVAL, NULL},
    {"", -EINVAL, NULL},
};

START_TEST(address_text_is_parsed_or_refused)
{
    const struct parse_case *c = &parse_cases[_i];
    char text[ADDRESS_TEXT_MAX];
    enum family family;
    struct range range;

    ck_assert_int_eq(address_parse_range(c->text, &family, &range), c->result);
    if (c->result == 0)
        ck_assert_str_eq(range_format(family, range, text), c->formatted);
}
END_TEST

START_TEST(a_range_splits_into_prefixes_that_cover_it)
{
    struct range range = {1, 0xfffffffe}, covered;
    struct prefix prefix;
    ip_number next = 1;
    unsigned n = 0;
    bool more;

    do {
        more = range_take_prefix(&range, 32, &prefix);
        covered = prefix_range(prefix, 32);
        ck_assert(covered.first == next);
        next = covered.last + 1;
        n++;
    } while (more);

    ck_assert(next == 0xffffffff);
    ck_assert_uint_eq(n, 62);
}
END_TEST

/* A small universe in which sets are compared with plain bit masks. */
static uint64_t to_bits(const struct range_set *set)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < 64; i++)
        bits |= (uint64_t)range_set_contains(set, i) << i;
    return bits;
}

static uint64_t random_state = 88172645463325252ULL;

/* xorshift64, G. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003). */
static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint64_t fill(struct range_set *set)
{
    uint64_t bits = 0;

    for (unsigned n = (unsigned)(next_random() % 6); n > 0; n--) {
        unsigned first = (unsigned)(next_random() % 64);
        unsigned last = first + (unsigned)(next_random() % (64 - first));

        ck_assert_int_eq(range_set_add(set, (struct range){first, last}), 0);
        for (unsigned i = first; i <= last; i++)
            bits |= (uint64_t)1 << i;
    }
    return bits;
}

static void assert_normal(const struct range_set *set)
{
    for (size_t i = 0; i < set->n_ranges; i++) {
        ck_assert(set->ranges[i].first <= set->ranges[i].last);
        ck_assert(i == 0 || set->ranges[i - 1].last + 1 < set->ranges[i].first);
    }
}

START_TEST(set_operations_agree_with_bit_masks)
{
    for (unsigned round = 0; round < 20000; round++) {
        struct range_set a = {0}, b = {0}, copy = {0};
        uint64_t bits_a = fill(&a), bits_b = fill(&b);

        ck_assert_uint_eq(to_bits(&a), bits_a);
        ck_assert_int_eq(range_set_includes(&a, &b), (bits_a & bits_b) == bits_b);
        ck_assert_int_eq(range_set_overlaps(&a, &b), (bits_a & bits_b) != 0);
        ck_assert_int_eq(range_set_equal(&a, &b), bits_a == bits_b);
        ck_assert_uint_eq((uint64_t)range_set_size(&a), (uint64_t)__builtin_popcountll(bits_a));

        ck_assert_int_eq(range_set_add_set(&copy, &a), 0);
        ck_assert_int_eq(range_set_add_set(&copy, &b), 0);
        ck_assert_uint_eq(to_bits(&copy), bits_a | bits_b);
        assert_normal(&copy);

        ck_assert_int_eq(range_set_subtract(&a, &b), 0);
        ck_assert_uint_eq(to_bits(&a), bits_a & ~bits_b);
        assert_normal(&a);

        range_set_clear(&a);
        range_set_clear(&b);
        range_set_clear(&copy);
    }
}
END_TEST

START_TEST(sets_hold_the_last_address_of_a_family)
{
    struct range_set set = {0}, all = {0};

    ck_assert_int_eq(range_set_add(&all, family_all(FAMILY_IPV6)), 0);
    ck_assert_int_eq(range_set_add(&set, (struct range){~(ip_number)0, ~(ip_number)0}), 0);
    ck_assert_int_eq(range_set_add(&set, (struct range){0, 5}), 0);
    ck_assert_uint_eq(set.n_ranges, 2);
    ck_assert(range_set_includes(&all, &set));
    ck_assert(range_set_size(&all) == ~(ip_number)0);

    ck_assert_int_eq(range_set_subtract(&all, &set), 0);
    ck_assert_uint_eq(all.n_ranges, 1);
    ck_assert(all.ranges[0].first == 6 && all.ranges[0].last == ~(ip_number)0 - 1);

    range_set_clear(&set);
    range_set_clear(&all);
}
END_TEST

START_TEST(hardware_addresses_are_six_hex_pairs)
{
    static const uint8_t bytes[6] = {0x00, 0x00, 0x5e, 0x00, 0x53, 0xfa};
    struct mac mac;

    ck_assert_int_eq(mac_parse("00:00:5e:00:53:Fa", &mac), 0);
    ck_assert_mem_eq(mac.bytes, bytes, 6);
    ck_assert_int_eq(mac_parse("00:00:5e:00:53", &mac), -EINVAL);
    ck_assert_int_eq(mac_parse("00-00-5e-00-53-fa", &mac), -EINVAL);
    ck_assert_int_eq(mac_parse("00:00:5e:00:53:fg", &mac), -EINVAL);
    ck_assert_int_eq(mac_parse("00:00:5e:00:53:fa0", &mac), -EINVAL);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, address_text_is_parsed_or_refused, 0, (int)ELEMENTS_OF(parse_cases));
    tcase_add_test(tests, a_range_splits_into_prefixes_that_cover_it);
    tcase_add_test(tests, set_operations_agree_with_bit_masks);
    tcase_add_test(tests, sets_hold_the_last_address_of_a_family);
    tcase_add_test(tests, hardware_addresses_are_six_hex_pairs);
}

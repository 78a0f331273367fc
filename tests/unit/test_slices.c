/* SPDX-License-Identifier: GPL-2.0-or-later */

/* How large tables are cut: lib/ruleset/slices.h. Rows are counted, as what a packet costs. */

#include <check.h>

#include "base/cleanup.h"
#include "checks.h"
#include "ruleset/slices.h"

#define ROWS 1000

static struct range_row rows[ROWS];
static struct slices slices;

static void tear_down(void)
{
    slices_clear(&slices);
}

static struct service_span ports(unsigned first, unsigned last)
{
    return (struct service_span){SERVICE_NUMBER(17, first), SERVICE_NUMBER(17, last)};
}

static void cut(bool has_source)
{
    ck_assert_int_eq(slices_make(rows, ROWS, FAMILY_IPV4, has_source, &slices), 0);
}

/* Each row is in each slice that it reaches into, and in no other. */
static void assert_complete(enum cut by, size_t most)
{
    size_t n_rows = 0;

    ck_assert_uint_ge(slices.n_slices, 2);
    ck_assert_int_eq(slices.cut, by);
    for (size_t i = 0; i < slices.n_slices; i++) {
        const struct slice *slice = &slices.slices[i];
        size_t n = 0;

        ck_assert(i == 0 || slices.slices[i - 1].values.last < slice->values.first);
        ck_assert_uint_le(slice->n_rows, most);
        for (uint32_t j = 0; j < ROWS; j++) {
            struct range values = cut_values(by, &rows[j]);

            if (values.last < slice->values.first || values.first > slice->values.last)
                continue;
            ck_assert_uint_lt(n, slice->n_rows);
            ck_assert_uint_eq(slice->rows[n++], j);
        }
        ck_assert_uint_eq(n, slice->n_rows);
        n_rows += n;
    }
    ck_assert_uint_ge(n_rows, ROWS);
    ck_assert_uint_le(n_rows, 2 * ROWS);
}

START_TEST(ports_that_differ_are_cut_by_port)
{
    for (unsigned i = 0; i < ROWS; i++)
        rows[i] = (struct range_row){.destination = {0, 0xffff},
                                     .services = ports(1000 + 6 * i, 1005 + 6 * i)};
    cut(false);
    assert_complete(CUT_PORT, 34); /* two reach into the next slice */
}
END_TEST

START_TEST(networks_that_differ_are_cut_by_destination)
{
    for (unsigned i = 0; i < ROWS; i++)
        rows[i] = (struct range_row){.destination = {128 * i, 128 * i + 127},
                                     .services = ports(1000, 2000)};
    cut(false);
    assert_complete(CUT_DESTINATION, 128);
}
END_TEST

START_TEST(sources_that_differ_are_cut_by_source)
{
    for (unsigned i = 0; i < ROWS; i++)
        rows[i] = (struct range_row){.source = {128 * i, 128 * i + 127},
                                     .destination = {0, 0xffff},
                                     .services = ports(1000, 2000)};
    cut(true);
    assert_complete(CUT_SOURCE, 128);
}
END_TEST

/* A few rows that are over all others are in every slice. */
START_TEST(wide_rows_are_copied)
{
    for (unsigned i = 0; i < ROWS; i++)
        rows[i] = (struct range_row){.destination = {128 * i, 128 * i + 127},
                                     .services = ports(1000, 2000)};
    for (unsigned i = 0; i < 20; i++)
        rows[i] = (struct range_row){.destination = {0, 128 * ROWS}, .services = ports(i, i)};
    cut(false);
    assert_complete(CUT_DESTINATION, 128 + 20);
}
END_TEST

/* Each row lies over half of the others in every field. */
START_TEST(rows_that_overlap_everywhere_stay_one_table)
{
    for (unsigned i = 0; i < ROWS; i++)
        rows[i] = (struct range_row){.source = {97 * i, 97 * (i + ROWS / 2)},
                                     .destination = {97 * i, 97 * (i + ROWS / 2)},
                                     .services = ports(1000 + 10 * i, 1000 + 10 * (i + ROWS / 2))};
    cut(true);
    ck_assert_uint_eq(slices.n_slices, 0);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, NULL, tear_down);
    tcase_add_test(tests, ports_that_differ_are_cut_by_port);
    tcase_add_test(tests, networks_that_differ_are_cut_by_destination);
    tcase_add_test(tests, sources_that_differ_are_cut_by_source);
    tcase_add_test(tests, wide_rows_are_copied);
    tcase_add_test(tests, rows_that_overlap_everywhere_stay_one_table);
}

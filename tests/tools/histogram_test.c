/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/histogram.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

static struct histogram h, other;

static void clear(void)
{
    memset(&h, 0, sizeof h);
    memset(&other, 0, sizeof other);
}

TestSuite(histogram, .init = clear);

Test(histogram, has_nothing_to_tell_at_first)
{
    cr_assert_eq(histogram_percentile(&h, 0), 0);
    cr_assert_eq(histogram_percentile(&h, 99.9), 0);
    cr_assert_eq(histogram_percentile(&h, 100), 0);
}

Test(histogram, one_sample_is_every_percentile)
{
    histogram_add(&h, 123456789);
    for (double p = 0; p <= 100; p += 12.5)
        cr_assert_eq(histogram_percentile(&h, p), 123456789);
    cr_assert_eq(h.min, 123456789);
}

/* 1 to 1000 have buckets of their own, so the ranks must be exact. */
Test(histogram, a_percentile_is_the_value_of_its_rank)
{
    for (uint64_t v = 1000; v >= 1; v--)
        histogram_add(&h, v);
    cr_assert_eq(h.total, 1000);
    cr_assert_eq(histogram_percentile(&h, 0), 1);
    cr_assert_eq(histogram_percentile(&h, 0.1), 1);
    cr_assert_eq(histogram_percentile(&h, 0.11), 2);
    cr_assert_eq(histogram_percentile(&h, 50), 500);
    cr_assert_eq(histogram_percentile(&h, 90), 900);
    cr_assert_eq(histogram_percentile(&h, 99), 990);
    cr_assert_eq(histogram_percentile(&h, 99.9), 999);
    cr_assert_eq(histogram_percentile(&h, 99.99), 1000);
    cr_assert_eq(histogram_percentile(&h, 100), 1000);
}

Test(histogram, a_value_comes_back_within_a_thousandth)
{
    uint64_t last = 0;

    for (uint64_t v = 1; v < (uint64_t)1 << 37; v += 1 + v / 7) {
        uint64_t seen;

        memset(&h, 0, sizeof h);
        histogram_add(&h, v);
        histogram_add(&h, UINT64_MAX); /* so that the maximum does not cut it */
        seen = histogram_percentile(&h, 50);
        cr_assert(seen >= v && seen - v <= v / 1024, "%lu came back as %lu", v, seen);
        cr_assert_geq(seen, last);
        last = seen;
    }
}

Test(histogram, the_edges_of_a_power_of_two_are_neighbours)
{
    for (unsigned bit = 1; bit <= HISTOGRAM_TOP_BIT; bit++) {
        uint64_t edge = (uint64_t)1 << bit;

        memset(&h, 0, sizeof h);
        histogram_add(&h, edge - 1);
        histogram_add(&h, edge);
        cr_assert_eq(histogram_percentile(&h, 50), edge - 1);
        cr_assert_eq(histogram_percentile(&h, 51), edge);
    }
}

Test(histogram, what_is_too_large_is_counted_and_kept_as_maximum)
{
    histogram_add(&h, 5);
    histogram_add(&h, UINT64_MAX);
    cr_assert_eq(h.total, 2);
    cr_assert_eq(h.max, UINT64_MAX);
    cr_assert_eq(histogram_percentile(&h, 100), ((uint64_t)2 << HISTOGRAM_TOP_BIT) - 1);
}

Test(histogram, two_merged_are_as_if_they_were_one)
{
    for (uint64_t v = 1; v <= 100; v++)
        histogram_add(v % 3 ? &h : &other, v * 1000);
    histogram_merge(&h, &other);
    cr_assert_eq(h.total, 100);
    cr_assert_eq(h.min, 1000);
    cr_assert_eq(h.max, 100000);
    cr_assert_eq(histogram_percentile(&h, 100), 100000);
    cr_assert(histogram_percentile(&h, 50) >= 50000 && histogram_percentile(&h, 50) < 50100);
}

Test(histogram, an_empty_one_merged_changes_nothing)
{
    histogram_add(&h, 7);
    histogram_merge(&h, &other);
    cr_assert_eq(h.min, 7);
    cr_assert_eq(h.total, 1);
    histogram_merge(&other, &h);
    cr_assert_eq(other.min, 7);
    cr_assert_eq(other.max, 7);
}

Test(histogram, slices_hold_all_samples_once)
{
    uint64_t sum = 0;

    for (uint64_t v = 1; v < 100000000; v += 1 + v / 3)
        histogram_add(&h, v);
    for (uint64_t low = 0; low < 200000000; low = low ? low * 10 : 1)
        sum += histogram_between(&h, low, low ? low * 10 : 1);
    cr_assert_eq(sum, h.total);
    cr_assert_eq(histogram_between(&h, 1, 2), 1);
    cr_assert_eq(histogram_between(&h, 10, 10), 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value's highest eleven bits say its place within its power of two, and how far they had to be
 * moved says which power that is. Up to 2047 every value has a bucket of its own.
 */
#include "tools/histogram.h"

#define FINE    ((uint64_t)1 << HISTOGRAM_FINE_BITS)
#define LARGEST (((uint64_t)2 << HISTOGRAM_TOP_BIT) - 1)

static unsigned bucket_of(uint64_t value)
{
    unsigned shift = 0;

    if (value > LARGEST)
        value = LARGEST;
    if (value >= FINE)
        shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_FINE_BITS;
    return (shift << HISTOGRAM_FINE_BITS) + (unsigned)(value >> shift);
}

/* The largest value that lies in the bucket. */
static uint64_t top_of(unsigned bucket)
{
    unsigned shift = bucket < 2 * FINE ? 0 : (bucket >> HISTOGRAM_FINE_BITS) - 1;

    return (((uint64_t)bucket - ((uint64_t)shift << HISTOGRAM_FINE_BITS) + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    if (!h->total || value < h->min)
        h->min = value;
    if (value > h->max)
        h->max = value;
    h->total++;
    h->counts[bucket_of(value)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    if (!from->total)
        return;
    if (!into->total || from->min < into->min)
        into->min = from->min;
    if (from->max > into->max)
        into->max = from->max;
    into->total += from->total;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->counts[i] += from->counts[i];
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
    /* 99.9 is a little less than it looks: what misses a whole number by a hair is that number. */
    double place = percent / 100 * (double)h->total - 1e-6;
    uint64_t rank = place < 0 ? 1 : (uint64_t)place + 1, seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= rank)
            return top_of(i) < h->max ? top_of(i) : h->max;
    }
    return h->max;
}

uint64_t histogram_between(const struct histogram *h, uint64_t low, uint64_t high)
{
    uint64_t sum = 0;

    if (high > low)
        for (unsigned i = bucket_of(low), end = bucket_of(high); i < end; i++)
            sum += h->counts[i];
    return sum;
}

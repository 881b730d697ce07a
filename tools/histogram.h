/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram: how often each latency was seen. Values lie in buckets that are a thousandth of the
 * value wide, from 1 ns to two minutes, so that a fixed amount of memory holds any number of
 * samples, three digits of each.
 *
 * It has no pointers: it may be copied, and sent to another process.
 * Thread: the owner's.
 */
#ifndef ZU_TOOLS_HISTOGRAM_H
#define ZU_TOOLS_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_FINE_BITS = 10, /* each power of two is cut into 2^10 buckets */
    HISTOGRAM_TOP_BIT = 36,   /* of the largest value that has a bucket of its own */
    HISTOGRAM_BUCKETS = (HISTOGRAM_TOP_BIT - HISTOGRAM_FINE_BITS + 2) << HISTOGRAM_FINE_BITS,
};

struct histogram { /* begins as zeros */
    uint64_t total;
    uint64_t min, max; /* as they came */
    uint64_t counts[HISTOGRAM_BUCKETS];
};

/* Larger values than the largest are counted as that, but `max` keeps them. */
void histogram_add(struct histogram *h, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);

/*
 * The value that `percent` of the samples do not exceed: the largest of its bucket, though never
 * more than the maximum. 0 when there are none.
 */
uint64_t histogram_percentile(const struct histogram *h, double percent);

/* How many samples lie in [low, high). What shares a bucket with a bound counts with the bucket. */
uint64_t histogram_between(const struct histogram *h, uint64_t low, uint64_t high);

#endif

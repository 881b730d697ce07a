/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLOCK_MONOTONIC and no other for what has passed: the kernel's time-outs run by it.
 */
#include "engine/base/clock.h"

#include <time.h>

uint64_t zu_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail: the clock exists and &t is ours */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t zu_now_ms(void)
{
    return zu_now_ns() / 1000000u;
}

uint64_t zu_thread_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asked so that it never waits, not even right after boot: nothing made of these bytes is a secret
 * key. Where a sandbox forbids the call, the clocks and where our stack lies are mixed instead:
 * two calls differ by their time, two threads by their stacks, two processes by all of it.
 */
#include "engine/base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#ifndef GRND_INSECURE
#define GRND_INSECURE 0x0004
#endif

/* The finishing steps of splitmix64: every bit of x moves about half of the result's. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t clock_bits(clockid_t id)
{
    struct timespec t = {0};

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec << 30 ^ (uint64_t)t.tv_nsec;
}

static uint32_t from_the_clock(void)
{
    uint64_t here = 0;

    here = mix(clock_bits(CLOCK_MONOTONIC)) ^ (uint64_t)(uintptr_t)&here;
    here = mix(here) ^ clock_bits(CLOCK_REALTIME);
    return (uint32_t)mix(here ^ (uint64_t)getpid() << 32);
}

uint32_t zu_random_u32(void)
{
    uint32_t v;

    zu_random_fill(&v, sizeof v);
    return v;
}

void zu_random_fill(void *out, size_t size)
{
    uint8_t *at = out;
    int saved = errno;

    if (getrandom(out, size, GRND_INSECURE | GRND_NONBLOCK) == (ssize_t)size)
        return;
    errno = saved;
    while (size > 0) {
        uint32_t v = from_the_clock();
        size_t n = size < sizeof v ? size : sizeof v;

        memcpy(at, &v, n);
        at += n;
        size -= n;
    }
}

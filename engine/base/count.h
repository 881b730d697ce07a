/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count: a number that one thread writes and anyone may read, a little late.
 * Thread: the writer's, and any that reads. Owner: whoever it is in.
 */
#ifndef ZU_BASE_COUNT_H
#define ZU_BASE_COUNT_H

#include <stdint.h>

/* Writer. */
static inline void zu_count_set(uint64_t *counter, uint64_t value)
{
    /* Relaxed: a number that nothing else is inferred from. */
    __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

static inline void zu_count(uint64_t *counter, uint64_t more)
{
    zu_count_set(counter, *counter + more);
}

/* The same where each instruction counts: one addition to memory, which the compiler makes of the
 * plain form alone. It is whole on every processor there is: 8 bytes on a multiple of 8. */
static inline void zu_count_lightly(uint64_t *counter, uint64_t more)
{
#ifdef __SANITIZE_THREAD__
    zu_count(counter, more);
#else
    *counter += more;
#endif
}

/* Anyone. */
static inline uint64_t zu_count_read(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif

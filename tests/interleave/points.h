/* SPDX-License-Identifier: Apache-2.0 */
/*
 * points: where a thread may be stopped. This is included ahead of everything where the engine is
 * compiled to be interleaved, and makes each atomic access a point, right before the access; a
 * store is one after it, too.
 */
#ifndef ZU_TESTS_INTERLEAVE_POINTS_H
#define ZU_TESTS_INTERLEAVE_POINTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A place in the sources, as static data there. */
struct site {
    const char *file, *what;
    int line;
    bool writes;
    uint8_t shared; /* schedule.c's: see there */
    uint32_t play;
};

/* `word`: what is accessed; NULL: something that all share. */
void point(struct site *at, const volatile void *word);

#define ZU_POINT(name, does_write, word)                                                           \
    ({                                                                                             \
        static struct site zu_site = {                                                             \
            .file = __FILE__, .line = __LINE__, .what = name, .writes = does_write};               \
        point(&zu_site, word);                                                                     \
    })

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit

#define atomic_load_explicit(p, order) (ZU_POINT("load", false, p), __atomic_load_n(p, order))
/* Often that gives something away: who touches it after all is found in the act. */
#define atomic_store_explicit(p, v, order)                                                         \
    (ZU_POINT("store", true, p), __atomic_store_n(p, v, order), ZU_POINT("stored", true, p))
#define atomic_exchange_explicit(p, v, order)                                                      \
    (ZU_POINT("exchange", true, p), __atomic_exchange_n(p, v, order))
#define atomic_compare_exchange_strong_explicit(p, was, v, order, otherwise)                       \
    (ZU_POINT("compare", true, p), __atomic_compare_exchange_n(p, was, v, 0, order, otherwise))
#define atomic_compare_exchange_weak_explicit atomic_compare_exchange_strong_explicit
#define atomic_fetch_add_explicit(p, v, order)                                                     \
    (ZU_POINT("add", true, p), __atomic_fetch_add(p, v, order))
#define atomic_fetch_sub_explicit(p, v, order)                                                     \
    (ZU_POINT("subtract", true, p), __atomic_fetch_sub(p, v, order))

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/barrier.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

enum { ROUNDS = 100000 };

static _Atomic uint32_t fast, slow, round_of_fast;
static uint32_t seen_by_fast[ROUNDS + 1];

/* In each round either side says so, and looks at the other: this one without a barrier. */
static void *be_fast(void *arg)
{
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        while (atomic_load_explicit(&round_of_fast, memory_order_acquire) != i)
            sched_yield();
        atomic_store_explicit(&fast, i, memory_order_relaxed);
        zu_barrier_compiler();
        seen_by_fast[i] = atomic_load_explicit(&slow, memory_order_relaxed);
        atomic_store_explicit(&round_of_fast, 0, memory_order_release);
    }
    return arg;
}

Test(barrier, one_of_two_sees_the_other)
{
    pthread_t t;
    uint32_t missed = 0;

    if (!zu_barrier_ready())
        cr_skip_test("the kernel has no membarrier");
    cr_assert_eq(pthread_create(&t, NULL, be_fast, NULL), 0);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        uint32_t seen;

        atomic_store_explicit(&round_of_fast, i, memory_order_release);
        atomic_store_explicit(&slow, i, memory_order_relaxed);
        zu_barrier_all();
        seen = atomic_load_explicit(&fast, memory_order_relaxed);
        while (atomic_load_explicit(&round_of_fast, memory_order_acquire))
            sched_yield();
        missed += seen != i && seen_by_fast[i] != i;
    }
    pthread_join(t, NULL);
    cr_assert_eq(missed, 0);
}

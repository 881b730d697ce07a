/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/clock.h"

#include <criterion/criterion.h>
#include <time.h>

Test(clock, never_goes_back)
{
    uint64_t before = zu_now_ns();

    for (int i = 0; i < 100000; i++) {
        uint64_t now = zu_now_ns();

        cr_assert(now >= before);
        before = now;
    }
}

Test(clock, is_the_one_that_the_kernel_times_out_by)
{
    uint64_t before = zu_now_ns(), between, after;
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    after = zu_now_ns();
    between = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    cr_assert(before <= between && between <= after);
}

Test(clock, counts_milliseconds_from_the_same_moment)
{
    uint64_t before = zu_now_ns(), ms = zu_now_ms(), after = zu_now_ns();

    cr_assert(before / 1000000 <= ms && ms <= after / 1000000);
}

Test(clock, a_thread_that_does_nothing_has_no_time)
{
    struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
    uint64_t before = zu_thread_ns();

    nanosleep(&nap, NULL);
    cr_assert_lt(zu_thread_ns() - before, 10u * 1000 * 1000);
    for (uint64_t end = zu_thread_ns() + 1000000; zu_thread_ns() < end;)
        ; /* ends, so it counts */
}

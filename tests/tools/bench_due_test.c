/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_due.h"

#include <criterion/criterion.h>
#include <string.h>

#define US ((uint64_t)1000)
#define MS ((uint64_t)1000000)

static const uint64_t begun = 77 * MS; /* any time will do */

static struct histogram h, naive; /* what is told; and what would be, without due times */
static uint64_t over;             /* when the run was */

/*
 * A run with a clock of its own: each answer takes `trip`, but that of request `stalled` takes
 * `stall`; what is not due yet is sent `oversleep` too late. Answers how many were sent.
 */
static uint64_t run(enum bench_load load, unsigned value, double seconds, uint64_t trip,
                    uint64_t stalled, uint64_t stall, uint64_t oversleep)
{
    struct bench_case c = {.latency = true, .load = load, .load_value = value};
    uint64_t now = begun, due, last = 0, n = 0;
    struct bench_due d;

    memset(&h, 0, sizeof h);
    memset(&naive, 0, sizeof naive);
    bench_due_begin(&d, &c, seconds, now);
    while (bench_due_next(&d, now, &due)) {
        uint64_t sent = due > now ? due + oversleep : now;

        cr_assert(due >= last);
        last = due;
        now = sent + (++n == stalled ? stall : trip);
        histogram_add(&h, bench_due_latency(&d, due, sent, now));
        histogram_add(&naive, (now - sent) / 2);
    }
    over = now;
    return n;
}

Test(bench_due, at_full_rate_a_request_follows_the_answer)
{
    cr_assert_eq(run(BENCH_FULL, 0, 1, 20 * US, 0, 0, 0), 50000);
    cr_assert_eq(h.min, 10 * US);
    cr_assert_eq(h.max, 10 * US);
    cr_assert_eq(over, begun + 1000 * MS);
}

Test(bench_due, at_full_rate_a_stall_counts_once)
{
    run(BENCH_FULL, 0, 1, 20 * US, 500, 100 * MS, 0);
    cr_assert_eq(h.max, 50 * MS);
    cr_assert_eq(histogram_between(&h, 20 * US, 200 * MS), 1);
}

Test(bench_due, at_full_rate_there_are_some_however_slow)
{
    cr_assert_eq(run(BENCH_FULL, 0, 0.01, 50 * MS, 0, 0, 0), 100);
}

Test(bench_due, at_a_rate_times_are_fixed_and_do_not_drift)
{
    struct bench_case c = {.load = BENCH_RATE, .load_value = 3};
    struct bench_due d;
    uint64_t due = 0;

    bench_due_begin(&d, &c, 60, begun);
    for (int i = 1; i <= 180; i++) { /* whatever the answers do */
        cr_assert(bench_due_next(&d, begun, &due));
        if (i % 3 == 0)
            cr_assert_eq(due, begun + (uint64_t)i / 3 * 1000 * MS);
    }
    cr_assert(!bench_due_next(&d, begun, &due));
}

/*
 * A thousand a second, and one answer takes 100 ms: of the hundred requests that were due meanwhile
 * the first waits for 99 ms, the next for nearly one less, for it is sent 20 us later.
 */
Test(bench_due, at_a_rate_a_stall_counts_for_all_that_it_delays)
{
    uint64_t sum = 0, delayed;

    cr_assert_eq(run(BENCH_RATE, 1000, 1, 20 * US, 500, 100 * MS, 0), 1000);
    cr_assert_eq(histogram_between(&naive, 1 * MS, 200 * MS), 1);
    cr_assert_eq(naive.max, 50 * MS);

    cr_assert_eq(h.min, 10 * US);
    cr_assert_eq(h.max, 99 * MS + 10 * US);
    for (uint64_t caught_up = 0; caught_up < 99 * MS; caught_up += 980 * US)
        sum++;
    delayed = histogram_between(&h, 20 * US, 200 * MS);
    cr_assert_eq(delayed, sum + 1, "%lu, not %lu", delayed, sum + 1); /* and the stalled one */
    cr_assert(histogram_percentile(&h, 95) > 40 * MS);
    cr_assert(histogram_percentile(&naive, 95) < 11 * US);
}

Test(bench_due, at_a_rate_a_late_awakening_counts)
{
    run(BENCH_RATE, 100, 1, 20 * US, 0, 0, 300 * US);
    cr_assert_eq(h.min, 310 * US);
    cr_assert_eq(h.max, 310 * US);
}

Test(bench_due, a_rate_that_cannot_be_held_ends_after_three_times_its_time)
{
    uint64_t n = run(BENCH_RATE, 1000, 1, 4 * MS, 0, 0, 0);

    cr_assert(n < 1000);
    cr_assert(over >= begun + 3000 * MS && over < begun + 3005 * MS);
    cr_assert(h.max > 2200 * MS); /* three quarters of the time were a queue */
}

Test(bench_due, a_low_rate_is_asked_five_times)
{
    cr_assert_eq(run(BENCH_RATE, 1, 0.05, 20 * US, 0, 0, 0), 5);
    cr_assert_eq(over, begun + 5000 * MS + 20 * US);
}

Test(bench_due, a_gap_begins_with_the_answer_and_its_end_is_no_due_time)
{
    cr_assert_eq(run(BENCH_GAP, 10, 1, 40 * US, 20, 300 * MS, 500 * US), 67);
    cr_assert_eq(h.min, 20 * US);
    cr_assert_eq(h.max, 150 * MS);
    cr_assert_eq(histogram_between(&h, 30 * US, 200 * MS), 1);
}

Test(bench_due, a_long_gap_is_waited_for_five_times)
{
    cr_assert_eq(run(BENCH_GAP, 1000, 0.1, 40 * US, 0, 0, 0), 5);
}

Test(bench_due, what_a_run_takes_is_known_before)
{
    static const struct {
        enum bench_load load;
        unsigned value;
        double seconds;
    } runs[] = {{BENCH_FULL, 0, 0.5}, {BENCH_RATE, 1000, 0.5}, {BENCH_RATE, 1, 0.5},
                {BENCH_GAP, 1, 0.5},  {BENCH_GAP, 1000, 0.5},  {BENCH_RATE, 1000000, 0.5}};

    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        struct bench_case c = {.load = runs[i].load, .load_value = runs[i].value};
        double most = bench_due_seconds(&c, runs[i].seconds);

        run(runs[i].load, runs[i].value, runs[i].seconds, 20 * US, 0, 0, 0);
        cr_assert((double)(over - begun) / 1e9 < most + 0.002, "run %zu", i);
    }
}

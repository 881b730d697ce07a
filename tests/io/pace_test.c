/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/io/pace.h"

#include <criterion/criterion.h>

static struct zu_pace pace;

static void begin(void)
{
    zu_pace_init(&pace, true, 1000);
}

TestSuite(pace, .init = begin);

/* What a millisecond brings: parts, and wake-ups from a CPU while the loop slept on CPU 1. */
static int pass(uint64_t now_ms, size_t parts, int wakes, int from, uint32_t load)
{
    zu_pace_sleeps(&pace, 1);
    for (int i = 0; i < wakes; i++)
        zu_pace_woken(&pace, from);
    zu_pace_count(&pace, parts);
    return zu_pace_round(&pace, now_ms, true, load);
}

Test(pace, yields_while_much_comes_by_on_a_shared_core)
{
    cr_assert_not(zu_pace_yields(&pace));
    pass(1001, 200, 5, 1, 10);
    cr_assert(zu_pace_yields(&pace));
    pass(1002, 199, 5, 1, 10); /* not much any more */
    cr_assert_not(zu_pace_yields(&pace));
    pass(1003, 200, 4, 1, 10); /* much, and hardly woken */
    cr_assert_not(zu_pace_yields(&pace));
    pass(1004, 200, 50, 0, 10); /* the waker has a core of its own */
    cr_assert_not(zu_pace_yields(&pace));
    pass(1014, 2000, 50, 1, 10); /* the same in ten milliseconds */
    cr_assert(zu_pace_yields(&pace));
    pass(1024, 1999, 50, 1, 10);
    cr_assert_not(zu_pace_yields(&pace));
}

/* A loop that yields is not woken: it must not take that for a core of its own, nor for ever. */
Test(pace, goes_on_to_yield_for_some_milliseconds)
{
    pass(1001, 500, 5, 1, 10);
    for (uint64_t ms = 1002; ms < 1009; ms++) {
        pass(ms, 500, 0, 0, 10);
        cr_assert(zu_pace_yields(&pace), "%d", (int)ms);
    }
    pass(1009, 500, 0, 0, 10);
    cr_assert_not(zu_pace_yields(&pace));
}

Test(pace, sleeps_when_yielding_brought_nothing)
{
    pass(1001, 500, 5, 1, 10);
    for (int i = 0; i < 3; i++) {
        cr_assert(zu_pace_yields(&pace));
        zu_pace_round(&pace, 1001, false, 10);
        cr_assert_not(zu_pace_yields(&pace), "it is to sleep now");
        zu_pace_round(&pace, 1001, true, 10);
    }
    cr_assert(zu_pace_yields(&pace));
    zu_pace_round(&pace, 1001, true, 10);
    cr_assert(zu_pace_yields(&pace), "it brought something");
}

Test(pace, follows_a_stream)
{
    cr_assert_eq(pass(1001, 1999, 5, 3, 1), ZU_PACE_STAY);
    cr_assert_eq(pass(1002, 2000, 4, 3, 1), ZU_PACE_STAY); /* hardly woken */
    cr_assert_eq(pass(1003, 2000, 5, 1, 1), ZU_PACE_STAY); /* is there already */
    cr_assert_eq(pass(1004, 2000, 5, 3, 1), 3);
    cr_assert_eq(pass(1005, 2000, 5, 2, 1), ZU_PACE_STAY); /* not so soon again */
    cr_assert_eq(pass(1014, 2000 * 9, 5 * 9, 2, 1), 2);
    cr_assert_eq(pass(1024, 2000 * 10 - 1, 100, 3, 1), ZU_PACE_STAY);
}

Test(pace, stays_where_most_wake_it)
{
    zu_pace_sleeps(&pace, 1);
    for (int i = 0; i < 10; i++)
        zu_pace_woken(&pace, 1);
    cr_assert_eq(pass(1001, 5000, 10, 3, 1), ZU_PACE_STAY);
}

Test(pace, follows_nobody_when_there_are_many)
{
    cr_assert_eq(pass(1001, 9000, 9, 3, 5), ZU_PACE_STAY);
    cr_assert_eq(pass(1002, 9000, 9, 3, 4), 3);
}

/* As pass, some of it out. */
static int answer_from(uint64_t now_ms, size_t parts, size_t sent, uint32_t load, int from)
{
    zu_pace_count_sent(&pace, sent);
    return pass(now_ms, parts - sent, 9, from, load);
}

static int answer(uint64_t now_ms, size_t parts, size_t sent, uint32_t load)
{
    return answer_from(now_ms, parts, sent, load, 3);
}

Test(pace, lets_who_answers_several_on_a_shared_core_go_on)
{
    cr_assert_not(zu_pace_lets_on(&pace, 1004));
    answer_from(1001, 99, 50, 10, 1);
    cr_assert_not(zu_pace_lets_on(&pace, 1004), "few come by");
    answer_from(1002, 100, 25, 10, 1);
    cr_assert_not(zu_pace_lets_on(&pace, 1004), "that is no answering");
    answer_from(1003, 100, 50, 10, 3);
    cr_assert_not(zu_pace_lets_on(&pace, 1004), "the application has another core");
    answer_from(1004, 100, 50, 10, 1);
    cr_assert(zu_pace_lets_on(&pace, 1004));
    cr_assert(zu_pace_lets_on(&pace, 1011));
    cr_assert_not(zu_pace_lets_on(&pace, 1012), "that was long ago");
}

Test(pace, follows_who_answers_many_where_there_are_few_cores)
{
    cr_assert_eq(answer(1001, 9000, 4500, 5), ZU_PACE_STAY);
    pace.few_cpus = true;
    cr_assert_eq(answer(1002, 499, 250, 5), ZU_PACE_STAY);
    cr_assert_eq(answer(1003, 9000, 2250, 5), ZU_PACE_STAY); /* more comes than goes */
    cr_assert_eq(answer(1004, 9000, 6750, 5), ZU_PACE_STAY);
    cr_assert_eq(answer(1005, 500, 250, 5), 3);
    cr_assert_eq(answer(1015, 5000, 1251, 5), ZU_PACE_STAY); /* hardly woken in ten */
    cr_assert_eq(answer(1016, 1000, 251, 5), 3);
    answer(1026, 0, 0, 5);
    pace.may_follow = false;
    cr_assert_eq(answer(1027, 9000, 4500, 5), ZU_PACE_STAY);
}

Test(pace, follows_nobody_where_it_was_told_where_to_run)
{
    zu_pace_init(&pace, false, 1000);
    cr_assert_eq(pass(1001, 9000, 9, 3, 1), ZU_PACE_STAY);
    cr_assert_eq(pass(1002, 9000, 9, 1, 1), ZU_PACE_STAY);
    cr_assert(zu_pace_yields(&pace));
}

Test(pace, goes_by_nobody_who_does_not_know_where_he_is)
{
    for (int i = 0; i < 10; i++)
        zu_pace_woken(&pace, -1); /* nor does the loop know yet where it sleeps */
    zu_pace_count(&pace, 9000);
    cr_assert_eq(zu_pace_round(&pace, 1001, true, 1), ZU_PACE_STAY);
    cr_assert_not(zu_pace_yields(&pace));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_timers: periodic handlers that the program itself runs.
 */
#include "tests/support/pair.h"

TestSuite(timers, .timeout = 600);

static char ran[64];
static void *timers;
static int victim;

static void note(int id, void *arg)
{
    (void)id;
    strncat(ran, arg, sizeof ran - strlen(ran) - 1);
}

static void cancel_victim(int id, void *arg)
{
    note(id, arg);
    zmq_timers_cancel(timers, victim);
}

static void cancel_itself(int id, void *arg)
{
    note(id, arg);
    zmq_timers_cancel(timers, id);
}

static void add_another(int id, void *arg)
{
    note(id, arg);
    zmq_timers_cancel(timers, id);
    zmq_timers_add(timers, 0, note, (void *)"+");
}

static void destroy_all(int id, void *arg)
{
    note(id, arg);
    zmq_timers_destroy(&timers);
}

static void begin(void)
{
    timers = zmq_timers_new();
    cr_assert_not_null(timers);
}

/* Executes what is due until handlers have written `text`. */
static void run_until(const char *text)
{
    WAIT(zmq_timers_execute(timers) == 0 && strlen(ran) >= strlen(text));
    cr_expect_str_eq(ran, text);
}

static int add(size_t ms, zmq_timer_fn *handler, const char *letter)
{
    int id = zmq_timers_add(timers, ms, handler, (void *)(uintptr_t)letter);

    cr_assert_geq(id, 1);
    return id;
}

Test(timers, none_is_no_time_out)
{
    begin();
    cr_expect_eq(zmq_timers_timeout(timers), -1);
    OK(zmq_timers_execute(timers));
    OK(zmq_timers_destroy(&timers));
    cr_expect_null(timers);
}

Test(timers, wrong_handles_are_efault)
{
    char no_timers[256] = "no timers";
    void *wrong = no_timers, *null = NULL;

    FAILS(EFAULT, zmq_timers_add(wrong, 1, note, NULL));
    FAILS(EFAULT, zmq_timers_cancel(wrong, 1));
    FAILS(EFAULT, zmq_timers_set_interval(wrong, 1, 1));
    FAILS(EFAULT, zmq_timers_reset(wrong, 1));
    FAILS(EFAULT, zmq_timers_timeout(wrong));
    FAILS(EFAULT, zmq_timers_execute(wrong));
    FAILS(EFAULT, zmq_timers_destroy(&wrong));
    FAILS(EFAULT, zmq_timers_destroy(&null));
    FAILS(EFAULT, zmq_timers_execute(NULL));
    begin();
    FAILS(EFAULT, zmq_timers_add(timers, 1, NULL, NULL));
    OK(zmq_timers_destroy(&timers));
}

Test(timers, unknown_numbers_are_einval)
{
    int id;

    begin();
    FAILS(EINVAL, zmq_timers_cancel(timers, 1));
    id = add(1000, note, "a");
    FAILS(EINVAL, zmq_timers_reset(timers, id + 1));
    FAILS(EINVAL, zmq_timers_set_interval(timers, id + 1, 5));
    OK(zmq_timers_cancel(timers, id));
    FAILS(EINVAL, zmq_timers_cancel(timers, id));
    if (test_newer()) /* 4.3.4 forgets cancelled timers later */
        FAILS(EINVAL, zmq_timers_reset(timers, id));
    cr_expect_eq(zmq_timers_timeout(timers), -1);
    OK(zmq_timers_destroy(&timers));
}

Test(timers, run_when_they_are_due_and_not_before)
{
    int64_t start_ms;
    long left;

    begin();
    start_ms = test_now_ms();
    add(60, note, "a");
    left = zmq_timers_timeout(timers);
    cr_expect(left >= 0 && left <= 60);
    if (test_now_ms() < start_ms + 59)
        cr_expect_gt(left, 0);
    OK(zmq_timers_execute(timers));
    if (test_now_ms() < start_ms + 59)
        cr_expect_str_eq(ran, "");
    run_until("a");
    cr_expect_geq(test_now_ms(), start_ms + 59);
    run_until("aa");
    cr_expect_geq(test_now_ms(), start_ms + 119, "again and again");
    OK(zmq_timers_destroy(&timers));
}

Test(timers, that_are_due_have_no_time_left)
{
    begin();
    add(0, note, "a");
    cr_expect_eq(zmq_timers_timeout(timers), 0);
    OK(zmq_timers_destroy(&timers));
}

Test(timers, run_in_the_order_in_which_they_are_due)
{
    int64_t start_ms;

    for (;;) {
        begin();
        start_ms = test_now_ms();
        add(40, note, "c");
        add(20, note, "b");
        add(1, note, "a");
        if (test_now_ms() < start_ms + 15)
            break;
        OK(zmq_timers_destroy(&timers)); /* held up meanwhile: they may be due in another order */
    }
    WAIT(test_now_ms() > start_ms + 60);
    OK(zmq_timers_execute(timers));
    cr_expect_str_eq(ran, "abc", "once each, however late");
    OK(zmq_timers_destroy(&timers));
}

Test(timers, begin_anew_when_they_are_reset_or_changed)
{
    int a, b;

    begin();
    a = add(1000000, note, "a");
    b = add(1, note, "b");
    WAIT(zmq_timers_timeout(timers) == 0);
    OK(zmq_timers_set_interval(timers, b, 2000000));
    cr_expect_gt(zmq_timers_timeout(timers), 900000);
    OK(zmq_timers_set_interval(timers, a, 1));
    run_until("a");
    OK(zmq_timers_set_interval(timers, a, 3000000));
    OK(zmq_timers_reset(timers, a));
    cr_expect_gt(zmq_timers_timeout(timers), 1900000);
    OK(zmq_timers_execute(timers));
    cr_expect_str_eq(ran, "a");
    OK(zmq_timers_destroy(&timers));
}

Test(timers, may_cancel_each_other_and_themselves)
{
    begin();
    add(1, cancel_itself, "a");
    add(2, cancel_victim, "b");
    victim = add(1000000, note, "v");
    run_until("ab");
    FAILS(EINVAL, zmq_timers_cancel(timers, victim));
    OK(zmq_timers_destroy(&timers));
}

Test(timers, may_add_others)
{
    if (!test_newer())
        cr_skip_test("4.3.4 runs one of interval 0 for ever");
    begin();
    add(1, add_another, "a");
    WAIT(zmq_timers_execute(timers) == 0 && strlen(ran) >= 3);
    cr_expect_eq(strncmp(ran, "a++", 3), 0, "%s", ran);
    OK(zmq_timers_destroy(&timers));
}

Test(timers, may_destroy_all_of_them)
{
    void *alias;

    if (!test_newer())
        cr_skip_test("4.3.4 goes on with freed memory");
    begin();
    alias = timers;
    add(0, destroy_all, "d");
    add(0, note, "n");
    WAIT(zmq_timers_timeout(alias) == 0);
    OK(zmq_timers_execute(alias));
    cr_expect_str_eq(ran, "d");
    cr_expect_null(timers);
}

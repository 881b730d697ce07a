/* SPDX-License-Identifier: Apache-2.0 */
/* The loop step by step, without a kernel and with a clock of our own. */
#include "engine/io/loop.h"
#include "tests/io/drive.h"
#include "tests/support/scripted.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct zu_loop loop;
static unsigned order[64], fired;

static void stepping(void)
{
    cr_assert_eq(zu_loop_init(&loop, &zu_kernel_scripted, scripted_clock), 0);
}

static void stepped(void)
{
    zu_loop_fini(&loop);
}

TestSuite(step, .init = stepping, .fini = stepped);

struct alarm {
    struct zu_timer timer;
    unsigned number;
    unsigned again; /* how often it sets itself */
    uint64_t again_ms;
};

static void ring_alarm(struct zu_timer *t)
{
    struct alarm *a = zu_container_of(t, struct alarm, timer);

    cr_assert_not(zu_timer_is_set(t));
    order[fired++ % 64] = a->number;
    if (a->again > 0) {
        a->again--;
        zu_timer_set(&loop, t, a->again_ms);
    }
}

static void step(uint64_t ms)
{
    scripted_pass(ms);
    cr_assert_eq(zu_loop_round(&loop, true), 0);
}

Test(step, timers_fire_in_the_order_of_their_deadlines)
{
    struct alarm a[5] = {0};
    const uint64_t after[5] = {30, 10, 20, 10, 0};

    for (unsigned i = 0; i < 5; i++) {
        a[i].timer.fire = ring_alarm;
        a[i].number = i;
        zu_timer_set(&loop, &a[i].timer, after[i]);
        cr_assert(zu_timer_is_set(&a[i].timer));
    }
    step(100);
    cr_assert_eq(fired, 5);
    cr_assert_arr_eq(order, ((unsigned[]){4, 1, 3, 2, 0}), 5 * sizeof(unsigned));
}

Test(step, a_timer_is_never_early)
{
    struct alarm a = {.timer.fire = ring_alarm};

    zu_timer_set(&loop, &a.timer, 10);
    step(0);
    step(10); /* the clock rounds down: it may have been only nine and a bit */
    cr_assert_eq(fired, 0);
    step(1);
    cr_assert_eq(fired, 1);
    step(100);
    cr_assert_eq(fired, 1);
}

Test(step, a_timer_can_be_moved_and_cleared)
{
    struct alarm a = {.timer.fire = ring_alarm}, b = {.timer.fire = ring_alarm, .number = 1};

    zu_timer_set(&loop, &a.timer, 10);
    zu_timer_set(&loop, &b.timer, 10);
    zu_timer_set(&loop, &a.timer, 50);
    zu_timer_clear(&loop, &b.timer);
    zu_timer_clear(&loop, &b.timer);
    cr_assert_not(zu_timer_is_set(&b.timer));
    step(20);
    cr_assert_eq(fired, 0);
    step(40);
    cr_assert_eq(fired, 1);
    cr_assert_eq(order[0], 0);
}

Test(step, a_timer_that_sets_itself_to_now_waits_for_the_next_round)
{
    struct alarm a = {.timer.fire = ring_alarm, .again = 3};

    zu_timer_set(&loop, &a.timer, 0);
    for (unsigned round = 1; round <= 4; round++) {
        step(0);
        cr_assert_eq(fired, round);
    }
    step(0);
    cr_assert_eq(fired, 4);
}

Test(step, a_deadline_past_the_end_of_time_is_never)
{
    struct alarm a = {.timer.fire = ring_alarm};

    zu_timer_set(&loop, &a.timer, UINT64_MAX);
    step(UINT32_MAX);
    cr_assert_eq(fired, 0);
    zu_timer_clear(&loop, &a.timer);
}

Test(step, the_kernel_may_wait_until_the_earliest_timer)
{
    struct alarm a = {.timer.fire = ring_alarm};

    step(0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), -1);
    zu_timer_set(&loop, &a.timer, 500);
    step(0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), 501000);
    step(400);
    cr_assert_eq(scripted_last_timeout(loop.kernel), 101000);
    zu_timer_set(&loop, &a.timer, (uint64_t)1 << 40);
    step(0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), INT32_MAX * INT64_C(1000));
    zu_timer_clear(&loop, &a.timer);
}

struct errand {
    struct zu_cmd cmd;
    struct zu_later later;
    unsigned number, again, bytes;
};

static void run_errand(struct zu_cmd *cmd)
{
    order[fired++ % 64] = zu_container_of(cmd, struct errand, cmd)->number;
}

/* Posts itself again first, if it is to. */
static void run_errand_again(struct zu_cmd *cmd)
{
    struct errand *e = zu_container_of(cmd, struct errand, cmd);

    if (e->again > 0) {
        e->again--;
        zu_loop_post(&loop, cmd);
    }
    run_errand(cmd);
}

static void run_late(struct zu_later *l)
{
    struct errand *e = zu_container_of(l, struct errand, later);

    loop.written += e->bytes;
    order[fired++ % 64] = e->number;
    if (e->again > 0) {
        e->again--;
        zu_loop_later(&loop, l);
    }
}

static struct errand *errand(struct errand *e, unsigned number)
{
    *e = (struct errand){.cmd.run = run_errand, .later.run = run_late, .number = number};
    zu_list_init(&e->later.link);
    return e;
}

Test(step, naps_end_together_and_in_time)
{
    struct errand e[2];

    zu_loop_nap(&loop, &errand(&e[0], 0)->later);
    zu_loop_nap(&loop, &e[0].later); /* asked for twice, it runs once */
    scripted_pass_us(ZU_LOOP_NAP_US - 10);
    zu_loop_nap(&loop, &errand(&e[1], 1)->later);
    step(0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), 10);
    cr_assert_eq(fired, 0);
    scripted_pass_us(10);
    step(0);
    cr_assert_eq(fired, 2);
    cr_assert_arr_eq(order, ((unsigned[]){0, 1}), 2 * sizeof(unsigned));
    step(1);
    cr_assert_eq(fired, 2);
    cr_assert_eq(scripted_last_timeout(loop.kernel), -1);
}

/* A core is taken away between two instructions: every look at the clock says another time. */
static uint64_t hasty_clock(void)
{
    scripted_pass_us(3);
    return scripted_clock();
}

Test(step, a_nap_that_ends_while_its_rest_is_worked_out_is_no_sleep_without_end)
{
    struct errand e;

    zu_loop_fini(&loop);
    cr_assert_eq(zu_loop_init(&loop, &zu_kernel_scripted, hasty_clock), 0);
    for (unsigned left = 0; left < 20; left++) {
        fired = 0;
        zu_loop_nap(&loop, &errand(&e, 0)->later);
        scripted_pass_us(ZU_LOOP_NAP_US - left);
        while (!fired) {
            step(0);
            cr_assert_geq(scripted_last_timeout(loop.kernel), 0, "%u us left", left);
        }
    }
}

Test(step, a_timer_ends_the_wait_of_a_nap)
{
    struct alarm a = {.timer.fire = ring_alarm};
    struct errand e;

    zu_timer_set(&loop, &a.timer, 0);
    zu_loop_nap(&loop, &errand(&e, 9)->later);
    step(1);
    cr_assert_eq(scripted_last_timeout(loop.kernel), 0);
    cr_assert_arr_eq(order, ((unsigned[]){0, 9}), 2 * sizeof(unsigned));
}

Test(step, a_nap_that_is_taken_back_does_not_run)
{
    struct errand e;

    zu_loop_nap(&loop, &errand(&e, 0)->later);
    zu_list_remove(&e.later.link);
    step(1);
    cr_assert_eq(fired, 0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), -1);
}

Test(step, a_round_that_may_not_sleep_has_no_time_for_naps)
{
    struct errand e;

    zu_loop_nap(&loop, &errand(&e, 0)->later);
    cr_assert_eq(zu_loop_round(&loop, false), 0);
    cr_assert_eq(fired, 1);
}

static cpu_set_t cpus_now(void)
{
    cpu_set_t set;

    cr_assert_eq(sched_getaffinity(0, sizeof set, &set), 0);
    return set;
}

/* Another CPU than the one we are on; -1: there is none. */
static int another_cpu(const cpu_set_t *set)
{
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, set) && i != sched_getcpu())
            return i;
    return -1;
}

/* A millisecond of a stream that is fed from that CPU. */
static void stream_from(int cpu)
{
    for (int i = 0; i < 1000; i++)
        zu_pace_woken(&loop.pace, cpu);
    zu_pace_count(&loop.pace, 1000000);
    step(20);
}

/*
 * The scheduler may move us back at once, so not every time is seen, and on a busy machine few are.
 * Nor would many be without the move: a turn is over in no time.
 */
Test(step, a_loop_goes_where_its_stream_comes_from_and_is_bound_nowhere)
{
    enum { TURNS_MAX = 5000, TURNS_MIN = 100, SEEN_MIN = 20 };
    cpu_set_t before = cpus_now(), now;
    int seen = 0;

    if (another_cpu(&before) < 0)
        cr_skip_test("there is one CPU only");
    loop.pace.may_follow = true;
    for (int i = 0; i < TURNS_MAX && (i < TURNS_MIN || seen < SEEN_MIN); i++) {
        int cpu = another_cpu(&before);

        stream_from(cpu);
        seen += sched_getcpu() == cpu;
        now = cpus_now();
        cr_assert(CPU_EQUAL(&now, &before));
    }
    cr_assert_geq(seen, SEEN_MIN);
    stream_from(CPU_SETSIZE - 1); /* where it may not be */
    stream_from(CPU_SETSIZE);     /* what is no CPU at all */
    now = cpus_now();
    cr_assert(CPU_EQUAL(&now, &before));
}

Test(step, a_loop_that_shares_its_core_with_a_busy_application_looks_twice)
{
    for (int i = 0; i < 100; i++) {
        zu_pace_woken(&loop.pace, 0);
        zu_pace_sleeps(&loop.pace, 0);
    }
    zu_pace_count(&loop.pace, 10000);
    step(1);
    step(0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), 0);
    step(0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), -1);
}

static unsigned yields;

/* Of this program alone, and found before libc's. */
int sched_yield(void)
{
    yields++;
    return 0;
}

/* Slept, and was woken by a post. */
static void be_woken(void)
{
    struct errand e;

    loop.marked = zu_mailbox_sleep(&loop.box);
    cr_assert(loop.marked);
    zu_loop_post(&loop, &errand(&e, 0)->cmd);
    loop.kernel->waited(loop.kernel);
}

Test(step, a_loop_that_is_woken_by_the_first_of_several_answers_lets_the_others_come)
{
    be_woken();
    cr_assert_eq(yields, 0);
    for (int i = 0; i < 10; i++) {
        zu_pace_sleeps(&loop.pace, 0);
        zu_pace_woken(&loop.pace, 0);
    }
    zu_pace_count(&loop.pace, 100);
    zu_pace_count_sent(&loop.pace, 100);
    step(1);
    yields = 0;
    be_woken();
    cr_assert_eq(yields, 1);
    loop.kernel->waited(loop.kernel); /* nothing was posted */
    cr_assert_eq(yields, 1);
    scripted_pass(3600000); /* asleep, without a round */
    be_woken();
    cr_assert_eq(yields, 1, "that was long ago");
}

/* ---- that never sleeps ---- */

static unsigned incoming_napi,
    polled; /* by what the socket heard last; what the kernel is to poll */
static bool grants;

/* Of this program alone, and found before libc's. */
int getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
    if (level == SOL_SOCKET && option == SO_INCOMING_NAPI_ID) {
        memcpy(value, &incoming_napi, sizeof incoming_napi);
        return 0;
    }
    return (int)syscall(SYS_getsockopt, fd, level, option, value, size);
}

static bool poll_device(struct zu_kernel *k, unsigned napi)
{
    (void)k;
    polled = napi;
    return grants;
}

static void step_awake(unsigned napi)
{
    static struct zu_kernel_table table;

    table = zu_kernel_scripted;
    table.poll_device = poll_device;
    loop.kernel->table = &table;
    incoming_napi = napi;
    polled = 0;
    zu_loop_meet(&loop, 0);
    step(0);
}

Test(step, a_loop_that_never_sleeps_has_devices_polled_and_no_other_loop_has)
{
    grants = true;
    step_awake(700);
    cr_assert_eq(polled, 0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), -1);
    loop.awake = true;
    step_awake(0); /* not by a device */
    cr_assert_eq(polled, 0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), 0);
    step_awake(700);
    cr_assert_eq(polled, 700);
    cr_assert_eq(scripted_last_timeout(loop.kernel), ZU_KERNEL_POLL_US);
}

Test(step, what_is_posted_and_timers_do_not_wait_for_devices)
{
    struct alarm a = {.timer.fire = ring_alarm};
    struct errand e;

    grants = loop.awake = true;
    step_awake(700);
    zu_timer_set(&loop, &a.timer, 3);
    step(0);
    cr_assert_gt(scripted_last_timeout(loop.kernel), 0);
    cr_assert_leq(scripted_last_timeout(loop.kernel), 4000);
    zu_loop_post(&loop, &errand(&e, 7)->cmd);
    step(0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), 0);
    step(5);
    cr_assert_arr_eq(order, ((unsigned[]){7, 0}), 2 * sizeof(unsigned));
}

Test(step, a_kernel_that_polls_no_devices_leaves_a_loop_awake)
{
    loop.awake = true;
    step_awake(700);
    cr_assert_eq(polled, 700);
    cr_assert_eq(scripted_last_timeout(loop.kernel), 0);
    loop.kernel->table = &zu_kernel_scripted; /* or has no word for it */
    zu_loop_meet(&loop, 0);
    step(0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), 0);
}

Test(step, commands_run_in_the_order_in_which_they_were_posted)
{
    struct errand e[3];

    for (unsigned i = 0; i < 3; i++)
        zu_loop_post(&loop, &errand(&e[i], i)->cmd);
    cr_assert_eq(fired, 0);
    step(0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), 0); /* no sleep over a full mailbox */
    cr_assert_arr_eq(order, ((unsigned[]){0, 1, 2}), 3 * sizeof(unsigned));
    cr_assert_eq(scripted_wakes(loop.kernel), 0); /* who is awake needs no bell */
}

/* An unbind reaches the sessions by two commands, and what is sent after it comes from what was put
 * off: the kernel must not be asked between the two commands. */
Test(step, what_commands_post_runs_before_what_was_put_off)
{
    struct errand e[2];

    zu_loop_later(&loop, &errand(&e[1], 9)->later);
    errand(&e[0], 0)->again = 2;
    e[0].cmd.run = run_errand_again;
    zu_loop_post(&loop, &e[0].cmd);
    step(0);
    cr_assert_eq(fired, 4);
    cr_assert_arr_eq(order, ((unsigned[]){0, 0, 0, 9}), 4 * sizeof(unsigned));
}

Test(step, who_posts_without_a_pause_does_not_keep_the_loop)
{
    struct errand e[2];

    zu_loop_later(&loop, &errand(&e[1], 9)->later);
    errand(&e[0], 0)->again = 1000;
    e[0].cmd.run = run_errand_again;
    zu_loop_post(&loop, &e[0].cmd);
    step(0);
    cr_assert_lt(fired, 60);
    cr_assert_eq(order[fired - 1], 9);
    for (int i = 0; i < 1000 && e[0].again > 0; i++)
        step(0);
    step(0);
    cr_assert_eq(fired, 1002);
}

/* All that was posted, and of what writes a part: the kernel is asked in between. */
Test(step, gives_the_kernel_its_turn_amid_much_to_send)
{
    enum { ERRANDS = 40, PART = 16, ROUNDS_MAX = 10 };
    struct errand posted[ERRANDS], late[ERRANDS];
    unsigned rounds = 0;

    for (unsigned i = 0; i < ERRANDS; i++) {
        zu_loop_post(&loop, &errand(&posted[i], i)->cmd);
        zu_loop_later(&loop, &errand(&late[i], 100 + i)->later);
        late[i].bytes = 16 * 1024;
    }
    step(0);
    cr_assert_eq(fired, ERRANDS + PART);
    for (; fired < 2 * ERRANDS && rounds < ROUNDS_MAX; rounds++) {
        step(0);
        cr_assert_eq(scripted_last_timeout(loop.kernel), 0, "it does not sleep over the rest");
    }
    cr_assert_eq(fired, 2 * ERRANDS);
    cr_assert_eq(rounds, 2);
    step(0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), -1);
}

Test(step, what_writes_nothing_runs_in_one_round)
{
    enum { ERRANDS = 50 };
    struct errand late[ERRANDS];

    for (unsigned i = 0; i < ERRANDS; i++)
        zu_loop_later(&loop, &errand(&late[i], i)->later);
    step(0);
    cr_assert_eq(fired, ERRANDS);
}

/* What a late errand puts off anew comes behind those that wait. */
Test(step, what_is_put_off_again_comes_last)
{
    enum { ERRANDS = 20 };
    struct errand late[ERRANDS];

    for (unsigned i = 0; i < ERRANDS; i++) {
        zu_loop_later(&loop, &errand(&late[i], i)->later);
        late[i].bytes = 16 * 1024;
    }
    late[0].again = 1;
    for (int i = 0; i < 4; i++)
        step(0);
    cr_assert_eq(fired, ERRANDS + 1);
    for (unsigned i = 0; i < ERRANDS; i++)
        cr_assert_eq(order[i], i);
    cr_assert_eq(order[ERRANDS], 0);
}

Test(step, what_is_put_off_runs_once_at_the_end_of_the_round)
{
    struct errand e[2];
    struct alarm a = {.timer.fire = ring_alarm, .number = 9};

    zu_loop_later(&loop, &errand(&e[0], 0)->later);
    zu_loop_later(&loop, &errand(&e[1], 1)->later);
    zu_loop_later(&loop, &e[0].later);
    zu_timer_set(&loop, &a.timer, 0);
    step(0);
    cr_assert_eq(fired, 3);
    cr_assert_arr_eq(order, ((unsigned[]){9, 0, 1}), 3 * sizeof(unsigned));
}

Test(step, what_is_put_off_by_what_was_put_off_runs_next_round_without_a_sleep)
{
    struct errand e;

    errand(&e, 0)->again = 1;
    zu_loop_later(&loop, &e.later);
    step(0);
    cr_assert_eq(fired, 1);
    step(0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), 0);
    cr_assert_eq(fired, 2);
    step(0);
    cr_assert_eq(scripted_last_timeout(loop.kernel), -1);
}

static struct errand from_within;

static void post_within(struct zu_op *op, int res, uint32_t flags)
{
    (void)op;
    (void)res;
    (void)flags;
    zu_loop_post(&loop, &errand(&from_within, 5)->cmd);
}

Test(step, a_completion_that_posts_rings_no_bell)
{
    struct zu_op op = {.done = post_within};

    loop.kernel->table->poll(loop.kernel, &op, 3, POLLIN);
    scripted_complete(loop.kernel, &op, POLLIN, 0);
    step(0);
    cr_assert_eq(fired, 1); /* in the same round */
    cr_assert_eq(scripted_wakes(loop.kernel), 0);
}

Test(step, a_broken_kernel_boundary_does_not_stop_the_mailbox)
{
    struct errand e;

    scripted_break(loop.kernel, -EBADF);
    zu_loop_post(&loop, &errand(&e, 0)->cmd);
    cr_assert_eq(zu_loop_round(&loop, true), -EBADF);
    cr_assert_eq(fired, 1);
}

/* The script itself */

Test(step, the_script_plays_short_writes_and_reads_refusals_and_races)
{
    struct zu_kernel *k = loop.kernel;
    struct request a, b;
    struct iovec iov[] = {{"ab", 2}, {"cdef", 4}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    char buf[4], out[8] = "";

    k->table->sendmsg(k, &fresh(&a)->op, 7, &msg);
    cr_assert_eq(scripted_send_size(&a.op), 6);
    cr_assert_eq(scripted_take(k, &a.op, out, 5), 5);
    cr_assert_str_eq(out, "abcde");
    k->table->recv(k, &fresh(&b)->op, 7, buf, sizeof(buf));
    cr_assert_eq(scripted_find(k, ZU_OP_RECV, 7), &b.op);
    cr_assert_eq(scripted_feed(k, &b.op, "0123456", 7), 4);
    cr_assert_eq(scripted_pending(k, ZU_OP_IDLE, -1), 0);
    cr_assert_eq(a.heard + b.heard, 0);
    step(0);
    cr_assert_eq(a.res, 5);
    cr_assert_eq(b.res, 4);
    cr_assert_eq(k->stats.short_sends, 1);

    scripted_refuse(k, ZU_OP_SEND, ENOMEM, 1);
    k->table->send(k, &fresh(&a)->op, 7, "x", 1);
    k->table->recv_block(k, &fresh(&b)->op, 7);
    scripted_on_cancel(k, SCRIPTED_CANCEL_NOTED);
    k->table->cancel(k, &b.op);
    step(0);
    cr_assert_eq(a.res, -ENOMEM);
    cr_assert_eq(b.heard, 0);
    cr_assert(scripted_cancelled(k, &b.op));
    scripted_feed(k, &b.op, "all the same", 12); /* the bytes were faster */
    step(0);
    cr_assert_eq(b.res, 12);
    cr_assert_eq(memcmp(b.block->data, "all the same", 12), 0);
    cr_assert_eq(scripted_blocks_out(k), 1);
    zu_kernel_give_block(k, b.block);
    cr_assert_eq(scripted_blocks_out(k), 0);
    k->table->forget(k, 7);
    cr_assert(scripted_forgotten(k, 7));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_proxy, zmq_proxy_steerable, zmq_device: what goes through, what is counted, what is obeyed.
 * The proxy runs in a thread of its own; its outer peers and its control belong to the test.
 */
#include "tests/support/pair.h"

#include <pthread.h>
#include <time.h>

static struct {
    void *front, *back, *capture, *control; /* the proxy's */
    void *in, *out, *captured, *steer;      /* the test's */
    void *thread;
    int rc, error;
    clockid_t cpu; /* the thread's */
} p;

static void run(void *arg)
{
    (void)arg;
    pthread_getcpuclockid(pthread_self(), &p.cpu);
    if (p.control)
        p.rc = zmq_proxy_steerable(p.front, p.back, p.capture, p.control);
    else
        p.rc = zmq_proxy(p.front, p.back, p.capture);
    p.error = errno;
}

/* How long the proxy's thread has worked. It has begun, and has not ended. */
static int64_t work_ms(void)
{
    struct timespec cpu;

    cr_assert_eq(clock_gettime(p.cpu, &cpu), 0);
    return cpu.tv_sec * INT64_C(1000) + cpu.tv_nsec / 1000000;
}

/* The proxy's own calls are without time-outs, as its users' are. */
static void *proxys(int type, const char *endpoint)
{
    void *socket = test_bound(type, endpoint);

    SET(socket, ZMQ_RCVTIMEO, -1);
    SET(socket, ZMQ_SNDTIMEO, -1);
    return socket;
}

static void *link_to(void **inner, int inner_type, int type)
{
    const char *at = test_endpoint(TEST_INPROC);

    *inner = proxys(inner_type, at);
    return test_connected(type, at);
}

static void start(void)
{
    p.thread = zmq_threadstart(run, NULL);
    cr_assert_not_null(p.thread);
}

static void end(void)
{
    if (p.thread) {
        zmq_ctx_shutdown(test_ctx());
        zmq_threadclose(p.thread);
    }
    test_end();
}

TestSuite(proxy, .fini = end, .timeout = 600);

static void finish(void)
{
    zmq_threadclose(p.thread);
    p.thread = NULL;
}

static void expect_statistics(uint64_t front_in, uint64_t front_in_bytes, uint64_t front_out,
                              uint64_t front_out_bytes, uint64_t back_in, uint64_t back_in_bytes,
                              uint64_t back_out, uint64_t back_out_bytes)
{
    const uint64_t expected[8] = {front_in, front_in_bytes, front_out, front_out_bytes,
                                  back_in,  back_in_bytes,  back_out,  back_out_bytes};
    uint64_t seen[8];

    SEND(p.steer, "STATISTICS");
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(zmq_recv(p.steer, &seen[i], sizeof seen[i], 0), (int)sizeof seen[i]);
        cr_assert_eq(test_get(p.steer, ZMQ_RCVMORE), i < 7);
        cr_expect_eq(seen[i], expected[i], "number %d is %llu", i, (unsigned long long)seen[i]);
    }
}

Test(proxy, needs_two_sockets)
{
    void *pull = test_socket(ZMQ_PULL);

    FAILS(EFAULT, zmq_proxy(NULL, pull, NULL));
    FAILS(EFAULT, zmq_proxy(pull, NULL, NULL));
    FAILS(EFAULT, zmq_proxy_steerable(NULL, NULL, NULL, NULL));
    if (test_newer()) /* 4.3.4 never returns */
        FAILS(EFAULT, zmq_device(ZMQ_QUEUE, NULL, pull));
}

Test(proxy, carries_questions_and_answers)
{
    p.in = link_to(&p.front, ZMQ_ROUTER, ZMQ_REQ);
    p.out = link_to(&p.back, ZMQ_DEALER, ZMQ_REP);
    start();
    for (int i = 0; i < 100; i++) {
        SEND(p.in, "question|%d", i);
        RECV(p.out, "question|%d", i);
        SEND(p.out, "answer|%d|", i);
        RECV(p.in, "answer|%d|", i);
    }
}

Test(proxy, ends_with_the_context)
{
    p.in = link_to(&p.front, ZMQ_PULL, ZMQ_PUSH);
    p.out = link_to(&p.back, ZMQ_PUSH, ZMQ_PULL);
    start();
    SEND(p.in, "it runs");
    RECV(p.out, "it runs");
    OK(zmq_ctx_shutdown(test_ctx()));
    finish();
    cr_expect_eq(p.rc, -1);
    cr_expect_eq(p.error, ETERM);
}

Test(proxy, carries_subscriptions_and_news)
{
    p.in = link_to(&p.front, ZMQ_XSUB, ZMQ_PUB);
    p.out = link_to(&p.back, ZMQ_XPUB, ZMQ_SUB);
    start();
    SUBSCRIBE(p.out, "");
    test_meet(p.in, &p.out, 1);
    SEND(p.in, "news|of the day");
    RECV(p.out, "news|of the day");
}

Test(proxy, shows_every_part_of_both_ways_to_the_capture)
{
    p.in = link_to(&p.front, ZMQ_PAIR, ZMQ_PAIR);
    p.out = link_to(&p.back, ZMQ_PAIR, ZMQ_PAIR);
    p.captured = link_to(&p.capture, ZMQ_PUSH, ZMQ_PULL);
    start();
    SEND(p.in, "there|%0100d|", 7);
    RECV(p.out, "there|%0100d|", 7);
    RECV(p.captured, "there|%0100d|", 7);
    SEND(p.out, "back");
    RECV(p.in, "back");
    RECV(p.captured, "back");
}

static void steerable(int inner_control, int control)
{
    p.in = link_to(&p.front, ZMQ_PULL, ZMQ_PUSH);
    p.out = link_to(&p.back, ZMQ_PUSH, ZMQ_PULL);
    p.steer = link_to(&p.control, inner_control, control);
    start();
}

Test(proxy, ends_well_when_told_to_terminate)
{
    steerable(ZMQ_PAIR, ZMQ_PAIR);
    SEND(p.steer, "TERMINATE");
    finish();
    cr_expect_eq(p.rc, 0);
}

Test(proxy, counts_messages_and_bytes)
{
    steerable(ZMQ_PAIR, ZMQ_PAIR);
    expect_statistics(0, 0, 0, 0, 0, 0, 0, 0);
    SEND(p.in, "ab|cde");
    SEND(p.in, "f");
    RECV(p.out, "ab|cde");
    RECV(p.out, "f");
    expect_statistics(2, 6, 0, 0, 0, 0, 2, 6);
    SEND(p.steer, "TERMINATE");
    finish();
}

Test(proxy, carries_nothing_while_it_pauses)
{
    steerable(ZMQ_PAIR, ZMQ_PAIR);
    SEND(p.steer, "PAUSE");
    expect_statistics(0, 0, 0, 0, 0, 0, 0, 0); /* answered, so it has paused */
    SEND(p.in, "kept");
    SET(p.out, ZMQ_RCVTIMEO, 50);
    cr_expect_str_eq(test_recv(p.out, 0), "!EAGAIN");
    SEND(p.steer, "RESUME");
    SET(p.out, ZMQ_RCVTIMEO, TEST_DEADLINE_MS);
    RECV(p.out, "kept");
    SEND(p.steer, "TERMINATE");
    finish();
    cr_expect_eq(p.rc, 0);
}

Test(proxy, a_rep_control_answers_every_command)
{
    if (!test_newer())
        cr_skip_test("4.3.4 hears one command only");
    steerable(ZMQ_REP, ZMQ_REQ);
    SEND(p.steer, "PAUSE");
    RECV(p.steer, "%s", "");
    SEND(p.steer, "no command");
    RECV(p.steer, "%s", "");
    expect_statistics(0, 0, 0, 0, 0, 0, 0, 0);
    SEND(p.steer, "TERMINATE");
    RECV(p.steer, "%s", "");
    finish();
    cr_expect_eq(p.rc, 0);
}

Test(proxy, ignores_words_that_are_no_command)
{
    if (!test_newer())
        cr_skip_test("4.3.4 aborts");
    steerable(ZMQ_PAIR, ZMQ_PAIR);
    SEND(p.steer, "%s", "");
    SEND(p.steer, "TERMINATE|not");
    SEND(p.steer, "terminate");
    SEND(p.steer, "TERMINATED");
    SEND(p.steer, "%0100d", 7);
    expect_statistics(0, 0, 0, 0, 0, 0, 0, 0);
    SEND(p.steer, "TERMINATE");
    finish();
    cr_expect_eq(p.rc, 0);
}

static uint64_t carried(void)
{
    uint64_t number, received = 0;

    SEND(p.steer, "STATISTICS");
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(zmq_recv(p.steer, &number, sizeof number, 0), (int)sizeof number);
        received = i == 0 ? number : received;
    }
    return received;
}

Test(proxy, sleeps_and_hears_commands_while_one_side_is_full)
{
    int count = 0;
    uint64_t before;
    int64_t from_ms, worked_ms, passed_ms;

    steerable(ZMQ_PAIR, ZMQ_PAIR);
    WAIT((count += test_fill(p.in)) > 2000 && carried() >= 2000);
    before = carried();
    cr_expect_geq(before, 2000, "all that the way out has room for");
    from_ms = test_now_ms();
    worked_ms = work_ms();
    for (int i = 0; i < 200; i++) /* a proxy that asks in vain burns the time between these */
        test_pause();
    worked_ms = work_ms() - worked_ms;
    passed_ms = test_now_ms() - from_ms;
    cr_expect_eq(carried(), before, "it still hears, and took nothing that has no room");
    SEND(p.steer, "TERMINATE");
    finish();
    cr_expect_eq(p.rc, 0);
    if (test_newer()) /* 4.3.4 spins */
        cr_expect_lt(worked_ms, passed_ms / 4, "%d ms of work in %d", (int)worked_ms,
                     (int)passed_ms);
}

Test(proxy, goes_on_when_a_full_side_has_room_again)
{
    int sent = 0, received = 0;

    steerable(ZMQ_PAIR, ZMQ_PAIR);
    WAIT((sent += test_fill(p.in)) > 2000 && carried() >= 2000);
    while (received < sent) {
        test_recv(p.out, 0);
        received++;
    }
    RECV_GIVES(EAGAIN, p.out);
    SEND(p.in, "and on");
    RECV(p.out, "and on");
    SEND(p.steer, "TERMINATE");
    finish();
}

Test(proxy, loops_a_socket_that_is_both_sides)
{
    p.in = link_to(&p.front, ZMQ_DEALER, ZMQ_DEALER);
    p.back = p.front;
    p.steer = link_to(&p.control, ZMQ_PAIR, ZMQ_PAIR);
    start();
    for (int i = 0; i < 100; i++)
        SEND(p.in, "echo|%d", i);
    for (int i = 0; i < 100; i++)
        RECV(p.in, "echo|%d", i);
    SEND(p.steer, "TERMINATE");
    finish();
    cr_expect_eq(p.rc, 0);
}

static void run_device(void *arg)
{
    (void)arg;
    p.rc = zmq_device(ZMQ_STREAMER, p.front, p.back);
    p.error = errno;
}

Test(proxy, a_device_is_one)
{
    p.in = link_to(&p.front, ZMQ_PULL, ZMQ_PUSH);
    p.out = link_to(&p.back, ZMQ_PUSH, ZMQ_PULL);
    p.thread = zmq_threadstart(run_device, NULL);
    SEND(p.in, "through");
    RECV(p.out, "through");
    OK(zmq_ctx_shutdown(test_ctx()));
    finish();
    cr_expect_eq(p.error, ETERM);
}

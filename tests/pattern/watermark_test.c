/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many messages fit between two sockets, and when a full pipe has room again.
 */
#include "tests/support/pair.h"

#include <criterion/parameterized.h>

TEST_SUITE(watermark);

struct capacity {
    int send_mark, receive_mark, fits; /* 0: more than anyone tries */
    bool connect_first;
};

static void open_pipe(const struct capacity *c, void **push, void **pull)
{
    const char *at = test_endpoint(TEST_INPROC);

    *push = test_socket(ZMQ_PUSH);
    *pull = test_socket(ZMQ_PULL);
    SET(*push, ZMQ_SNDHWM, c->send_mark);
    SET(*pull, ZMQ_RCVHWM, c->receive_mark);
    if (c->connect_first)
        test_connect(*push, at);
    test_bind(*pull, at);
    if (!c->connect_first)
        test_connect(*push, at);
    test_catch_up(*pull);
    test_catch_up(*push);
}

ParameterizedTestParameters(watermark, of_an_inproc_pipe_is_the_sum_of_both_sides)
{
    static struct capacity all[] = {{1, 1, 2, false}, {5, 3, 8, false}, {1000, 1000, 2000, false},
                                    {0, 5, 0, false}, {5, 0, 0, false}, {0, 0, 0, false},
                                    {1, 1, 2, true},  {5, 3, 8, true},  {1000, 1000, 2000, true},
                                    {0, 5, 0, true},  {5, 0, 0, true}};

    return cr_make_param_array(struct capacity, all, sizeof all / sizeof *all);
}

ParameterizedTest(struct capacity *c, watermark, of_an_inproc_pipe_is_the_sum_of_both_sides)
{
    void *push, *pull;

    open_pipe(c, &push, &pull);
    if (c->fits) {
        cr_assert_eq(test_fill(push), c->fits);
        for (int i = 0; i < c->fits; i++)
            RECV(pull, "%d", i);
        RECV_GIVES(EAGAIN, pull);
        test_catch_up(push);
        cr_assert_eq(test_fill(push), c->fits); /* all of it is free again */
        return;
    }
    for (int i = 0; i < 20000; i++)
        SEND_GIVES(0, push, "%d", i);
    for (int i = 0; i < 20000; i++)
        RECV(pull, "%d", i);
}

Test(watermark, before_the_bind_the_connecters_own_counts)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *push = test_socket(ZMQ_PUSH), *pull = test_socket(ZMQ_PULL);

    SET(push, ZMQ_SNDHWM, 4);
    SET(pull, ZMQ_RCVHWM, 3);
    test_connect(push, at);
    cr_assert_eq(test_fill(push), 4);
    test_bind(pull, at);
    test_catch_up(push);
    cr_assert_eq(test_fill(push), 3);
    cr_assert_eq(test_drain(pull), 7);
}

EACH_STREAM(watermark, of_an_unconnected_endpoint_is_the_senders)
{
    void *push = test_socket(ZMQ_PUSH);

    SET(push, ZMQ_SNDHWM, 17);
    test_connect(push, test_endpoint(transport));
    cr_assert_eq(test_fill(push), 17);
    cr_assert_eq(test_events(push), 0);
}

Test(watermark, room_comes_back_in_halves)
{
    const struct capacity twenty = {10, 10, 20, false};
    void *push, *pull;

    open_pipe(&twenty, &push, &pull);
    cr_assert_eq(test_fill(push), 20);
    for (int i = 0; i < 9; i++) {
        RECV(pull, "%d", i);
        cr_assert_eq(test_events(push), 0, "after %d", i + 1);
    }
    RECV(pull, "9");
    cr_assert_eq(test_events(push), ZMQ_POLLOUT);
    cr_assert_eq(test_fill(push), 10);
}

Test(watermark, a_mark_of_one_lets_one_in_for_one_out)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *push = test_socket(ZMQ_PUSH), *pull = test_socket(ZMQ_PULL);

    SET(push, ZMQ_SNDHWM, 1);
    SET(pull, ZMQ_RCVHWM, 1);
    test_bind(pull, at);
    test_connect(push, at);
    cr_assert_eq(test_fill(push), 2);
    for (int i = 0; i < 10; i++) {
        cr_assert_neq(test_recv(pull, 0)[0], '!');
        test_catch_up(push);
        SEND_GIVES(0, push, "x");
        SEND_GIVES(EAGAIN, push, "x");
    }
}

Test(watermark, counts_messages_not_parts)
{
    const struct capacity four = {2, 2, 4, false};
    void *push, *pull;

    open_pipe(&four, &push, &pull);
    for (int i = 0; i < 4; i++)
        SEND_GIVES(0, push, "%d|b|c|d|e|f|g|h|i|j|k|l|m", i);
    SEND_GIVES(EAGAIN, push, "x");
    for (int i = 0; i < 4; i++)
        RECV(pull, "%d|b|c|d|e|f|g|h|i|j|k|l|m", i);
}

Test(watermark, a_message_once_begun_is_not_cut)
{
    const struct capacity two = {1, 1, 2, false};
    void *push, *pull;

    open_pipe(&two, &push, &pull);
    SEND_GIVES(0, push, "first");
    for (int i = 0; i < 100; i++)
        cr_assert_eq(zmq_send(push, "p", 1, ZMQ_DONTWAIT | ZMQ_SNDMORE), 1);
    cr_assert_eq(zmq_send(push, "p", 1, ZMQ_DONTWAIT), 1);
    SEND_GIVES(EAGAIN, push, "third");
    RECV(pull, "first");
    for (int i = 0; i < 101; i++) {
        cr_assert_eq(zmq_recv(pull, NULL, 0, ZMQ_DONTWAIT), 1);
        cr_assert_eq(test_get(pull, ZMQ_RCVMORE), i < 100);
    }
}

Test(watermark, can_be_raised_while_the_pipe_is_there)
{
    const struct capacity two = {1, 1, 2, false};
    void *push, *pull;

    open_pipe(&two, &push, &pull);
    SET(push, ZMQ_SNDHWM, 5);
    cr_assert_eq(test_fill(push), 6);
    cr_assert_eq(test_drain(pull), 6);
}

Test(watermark, can_be_raised_while_the_pipe_is_full)
{
    const struct capacity twenty = {10, 10, 20, false};
    void *push, *pull;
    int count;

    open_pipe(&twenty, &push, &pull);
    cr_assert_eq(test_fill(push), 20);
    SET(push, ZMQ_SNDHWM, 20);
    cr_assert_eq(test_drain(pull), 20);
    test_catch_up(push);
    count = test_fill(push); /* of 30; what was read since the last half may not be told yet */
    cr_assert(count >= 25 && count <= 30, "%d", count);
    cr_assert_eq(test_drain(pull), count);
}

Test(watermark, can_be_raised_by_the_receiver)
{
    const struct capacity two = {1, 1, 2, false};
    void *push, *pull;

    open_pipe(&two, &push, &pull);
    SET(pull, ZMQ_RCVHWM, 6);
    test_catch_up(push);
    cr_assert_eq(test_fill(push), 7);
    cr_assert_eq(test_drain(pull), 7);
}

Test(watermark, lowered_while_full_loses_nothing)
{
    const struct capacity many = {50, 50, 100, false};
    void *push, *pull;

    open_pipe(&many, &push, &pull);
    cr_assert_eq(test_fill(push), 100);
    SET(push, ZMQ_SNDHWM, 1);
    SEND_GIVES(EAGAIN, push, "x");
    for (int i = 0; i < 100; i++)
        RECV(pull, "%d", i);
}

EACH_STREAM(watermark, holds_back_a_sender_whose_receiver_does_not_read)
{
    const char *at = test_endpoint(transport);
    void *push = test_socket(ZMQ_PUSH), *pull = test_socket(ZMQ_PULL);
    static char body[65536];
    int sent = 0, received = 0;

    SET(push, ZMQ_SNDHWM, 1);
    SET(push, ZMQ_SNDBUF, 65536);
    SET(pull, ZMQ_RCVHWM, 1);
    SET(pull, ZMQ_RCVBUF, 65536);
    test_bind(pull, at);
    test_connect(push, at);
    SET(push, ZMQ_SNDTIMEO, 200);
    /* In vain twice: the loop may have been held up when it was in vain once. */
    while (zmq_send(push, body, sizeof body, 0) >= 0 ||
           zmq_send(push, body, sizeof body, ZMQ_DONTWAIT) >= 0)
        cr_assert_lt(++sent, 40, "nothing holds it back");
    cr_assert_eq(errno, EAGAIN);
    SET(push, ZMQ_SNDTIMEO, TEST_DEADLINE_MS);
    while (received < sent) {
        cr_assert_eq(zmq_recv(pull, NULL, 0, 0), (int)sizeof body);
        received++;
    }
    SEND(push, "end");
    RECV(pull, "end");
}

EACH_STREAM(watermark, zero_is_no_limit)
{
    enum { MANY = 30000 };
    const char *at = test_endpoint(transport);
    void *push = test_socket(ZMQ_PUSH), *pull;

    SET(push, ZMQ_SNDHWM, 0);
    test_connect(push, at);
    for (int i = 0; i < MANY; i++)
        SEND_GIVES(0, push, "%d", i);
    pull = test_bound(ZMQ_PULL, at);
    for (int i = 0; i < MANY; i++)
        RECV(pull, "%d", i);
}

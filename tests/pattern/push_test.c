/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PUSH: hands each message to the next peer with room, in the order in which the peers came.
 */
#include "tests/support/pair.h"

TEST_SUITE(push);

EACH_TRANSPORT(push, delivers_in_order)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

    for (int i = 0; i < 500; i++)
        SEND(push, "%d|of|500", i);
    for (int i = 0; i < 500; i++)
        RECV(pull, "%d|of|500", i);
}

EACH_TRANSPORT(push, may_be_the_side_that_binds)
{
    const char *at = test_endpoint(transport);
    void *push = test_bound(ZMQ_PUSH, at), *pull = test_connected(ZMQ_PULL, at);

    SEND(push, "first"); /* waits for the peer */
    SEND(push, "second");
    RECV(pull, "first");
    RECV(pull, "second");
}

Test(push, waits_while_no_peer_has_room)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *push = test_socket(ZMQ_PUSH), *pull = test_socket(ZMQ_PULL);

    SET(push, ZMQ_SNDHWM, 1);
    SET(pull, ZMQ_RCVHWM, 1);
    SEND_GIVES(EAGAIN, push, "no peer");
    test_bind(pull, at);
    test_connect(push, at);
    cr_assert_eq(test_fill(push), 2);
    cr_assert_eq(test_events(push), 0);
    RECV(pull, "0");
    RECV(pull, "1");
    cr_assert_eq(test_events(push), ZMQ_POLLOUT);
    SEND_GIVES(0, push, "room");
}

Test(push, gives_up_waiting_when_the_send_timeout_is_over)
{
    void *push = test_socket(ZMQ_PUSH);
    int64_t began_ms;

    SET(push, ZMQ_SNDTIMEO, 120);
    began_ms = test_now_ms();
    cr_assert_eq(test_send(push, 0, "nobody"), EAGAIN);
    cr_assert_geq(test_now_ms() - began_ms, 119);
}

EACH_TRANSPORT(push, shares_work_in_the_order_in_which_peers_came)
{
    void *pulls[3], *push = test_socket(ZMQ_PUSH);

    for (int i = 0; i < 3; i++) {
        const char *at = test_endpoint(transport);

        pulls[i] = test_bound(ZMQ_PULL, at);
        test_connect(push, at);
    }
    for (int i = 0; i < 9; i++)
        SEND(push, "%d|whole", i);
    for (int i = 0; i < 9; i++)
        RECV(pulls[i % 3], "%d|whole", i);
}

Test(push, passes_over_a_full_peer_until_it_has_room_again)
{
    const char *slow_at = test_endpoint(TEST_INPROC), *fast_at = test_endpoint(TEST_INPROC);
    void *slow = test_socket(ZMQ_PULL), *fast = test_socket(ZMQ_PULL);
    void *push = test_socket(ZMQ_PUSH);

    SET(push, ZMQ_SNDHWM, 1);
    SET(slow, ZMQ_RCVHWM, 1); /* room for 2 */
    SET(fast, ZMQ_RCVHWM, 99);
    test_bind(slow, slow_at);
    test_bind(fast, fast_at);
    test_connect(push, slow_at);
    test_connect(push, fast_at);
    for (int i = 0; i < 10; i++)
        SEND_GIVES(0, push, "%d", i);
    cr_assert_eq(test_drain(slow), 2);
    cr_assert_eq(test_drain(fast), 8);
    cr_assert_eq(test_events(push), ZMQ_POLLOUT); /* hears of the room */
    for (int i = 0; i < 4; i++)
        SEND_GIVES(0, push, "%d", i);
    cr_assert_eq(test_drain(slow), 2);
    cr_assert_eq(test_drain(fast), 2);
}

EACH_TRANSPORT(push, queues_for_an_endpoint_that_nobody_has_bound_yet)
{
    const char *at = test_endpoint(transport);
    void *push = test_connected(ZMQ_PUSH, at), *pull;

    SEND_GIVES(0, push, "early");
    SEND_GIVES(0, push, "bird");
    pull = test_bound(ZMQ_PULL, at);
    RECV(pull, "early");
    RECV(pull, "bird");
}

EACH_STREAM(push, immediate_leaves_out_endpoints_without_a_connection)
{
    const char *live_at = test_endpoint(transport), *dead_at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, live_at), *push = test_socket(ZMQ_PUSH);

    SET(push, ZMQ_IMMEDIATE, 1);
    test_connect(push, dead_at);
    SEND_GIVES(EAGAIN, push, "nobody");
    test_connect(push, live_at);
    for (int i = 0; i < 10; i++)
        SEND(push, "%d", i);
    for (int i = 0; i < 10; i++)
        RECV(pull, "%d", i);
}

EACH_STREAM(push, without_immediate_a_dead_endpoint_gets_its_share)
{
    const char *live_at = test_endpoint(transport), *dead_at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, live_at), *push = test_socket(ZMQ_PUSH), *late;

    test_connect(push, dead_at);
    test_connect(push, live_at);
    for (int i = 0; i < 10; i++)
        SEND_GIVES(0, push, "%d", i);
    for (int i = 1; i < 10; i += 2)
        RECV(pull, "%d", i);
    late = test_bound(ZMQ_PULL, dead_at);
    for (int i = 0; i < 10; i += 2)
        RECV(late, "%d", i);
}

EACH_STREAM(push, connecting_twice_to_one_endpoint_makes_two_connections)
{
    const char *at = test_endpoint(transport);
    void *push = test_socket(ZMQ_PUSH), *pull = test_socket(ZMQ_PULL);

    SET(push, ZMQ_SNDHWM, 3);
    test_connect(push, at);
    test_connect(push, at);
    cr_assert_eq(test_fill(push), 6);
    test_bind(pull, at);
    for (int i = 0; i < 6; i++)
        cr_assert_neq(test_recv(pull, 0)[0], '!');
}

Test(push, swallows_the_rest_of_a_message_whose_peer_went_in_the_middle)
{
    const char *at = test_endpoint(TEST_INPROC), *other_at = test_endpoint(TEST_INPROC);
    void *push = test_socket(ZMQ_PUSH), *first = test_bound(ZMQ_PULL, at);
    void *other = test_bound(ZMQ_PULL, other_at);

    test_connect(push, at);
    test_connect(push, other_at);
    cr_assert_eq(zmq_send(push, "head", 4, ZMQ_SNDMORE), 4);
    test_close(first);
    /* The end of the peer has been noticed once a non-blocking call says so, or just swallows. */
    WAIT(zmq_send(push, "middle", 6, ZMQ_DONTWAIT | ZMQ_SNDMORE) == 6);
    cr_assert_eq(zmq_send(push, "tail", 4, 0), 4);
    SEND(push, "next");
    RECV(other, "next");
}

Test(push, cannot_receive)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *push = test_connected(ZMQ_PUSH, at);
    char octet;

    FAILS(ENOTSUP, zmq_recv(push, &octet, 1, ZMQ_DONTWAIT));
    FAILS(ENOTSUP, zmq_recv(push, &octet, 1, 0));
    cr_assert_eq(test_events(push), ZMQ_POLLOUT);
}

Test(push, conflate_keeps_the_newest_message_only)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *push = test_socket(ZMQ_PUSH), *pull = test_socket(ZMQ_PULL);

    SET(push, ZMQ_CONFLATE, 1);
    SET(pull, ZMQ_CONFLATE, 1);
    test_bind(pull, at);
    test_connect(push, at);
    for (int i = 0; i < 100; i++)
        SEND_GIVES(0, push, "%d", i);
    RECV(pull, "99");
    RECV_GIVES(EAGAIN, pull);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of messages when sockets close, disconnect, unbind or lose their connection.
 */
#include "tests/support/pair.h"
#include "tests/support/plain.h"

#include <unistd.h>

TEST_SUITE(closing);

EACH_TRANSPORT(closing, delivers_everything_that_was_accepted)
{
    enum { MANY = 5000 };
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_socket(ZMQ_PUSH);

    if (!test_newer() && transport == TEST_IPC)
        cr_skip_test("4.3.4 loses the tail now and then");
    SET(push, ZMQ_SNDHWM, 0);
    test_connect(push, at);
    for (int i = 0; i < MANY; i++)
        SEND_GIVES(0, push, "%d|of many", i);
    test_close(push);
    for (int i = 0; i < MANY; i++)
        RECV(pull, "%d|of many", i);
}

EACH_TRANSPORT(closing, the_binding_side_delivers_as_well)
{
    enum { MANY = 3000 };
    const char *at = test_endpoint(transport);
    void *push = test_socket(ZMQ_PUSH), *pull;

    if (!test_newer() && transport == TEST_IPC)
        cr_skip_test("4.3.4 loses the tail now and then");
    SET(push, ZMQ_SNDHWM, 0);
    test_bind(push, at);
    pull = test_connected(ZMQ_PULL, at);
    for (int i = 0; i < MANY; i++)
        SEND(push, "%d", i);
    test_close(push);
    for (int i = 0; i < MANY; i++)
        RECV(pull, "%d", i);
}

EACH_TRANSPORT(closing, delivers_though_the_bind_came_after_the_close)
{
    const char *at = test_endpoint(transport);
    void *push = test_connected(ZMQ_PUSH, at), *pull;

    for (int i = 0; i < 100; i++)
        SEND_GIVES(0, push, "%d", i);
    test_close(push);
    pull = test_bound(ZMQ_PULL, at);
    for (int i = 0; i < 100; i++)
        RECV(pull, "%d", i);
}

EACH_STREAM(closing, with_linger_0_term_waits_for_nothing)
{
    void *ctx = zmq_ctx_new(), *push = zmq_socket(ctx, ZMQ_PUSH);
    int64_t began_ms = test_now_ms();

    test_connect(push, test_endpoint(transport));
    SET(push, ZMQ_LINGER, 0);
    SEND_GIVES(0, push, "undeliverable");
    OK(zmq_close(push));
    OK(zmq_ctx_term(ctx));
    cr_assert_lt(test_now_ms() - began_ms, TEST_DEADLINE_MS);
}

EACH_STREAM(closing, with_linger_term_waits_that_long)
{
    void *ctx = zmq_ctx_new(), *push = zmq_socket(ctx, ZMQ_PUSH);
    int64_t began_ms;

    SET(push, ZMQ_LINGER, 150);
    test_connect(push, test_endpoint(transport));
    SEND_GIVES(0, push, "undeliverable");
    began_ms = test_now_ms();
    OK(zmq_close(push));
    OK(zmq_ctx_term(ctx));
    cr_assert_geq(test_now_ms() - began_ms, 149);
    cr_assert_lt(test_now_ms() - began_ms, TEST_DEADLINE_MS);
}

EACH_STREAM(closing, with_linger_but_nothing_to_send_term_waits_for_nothing)
{
    void *ctx = zmq_ctx_new(), *push = zmq_socket(ctx, ZMQ_PUSH);
    int64_t began_ms = test_now_ms();

    SET(push, ZMQ_LINGER, 2 * TEST_DEADLINE_MS);
    test_connect(push, test_endpoint(transport));
    OK(zmq_close(push));
    OK(zmq_ctx_term(ctx));
    cr_assert_lt(test_now_ms() - began_ms, TEST_DEADLINE_MS);
}

EACH_STREAM(closing, disconnecting_sends_what_is_queued)
{
    const char *at = test_endpoint(transport);
    void *push = test_connected(ZMQ_PUSH, at), *pull;

    for (int i = 0; i < 500; i++)
        SEND_GIVES(0, push, "%d", i);
    pull = test_bound(ZMQ_PULL, at);
    RECV(pull, "0");
    OK(zmq_disconnect(push, at));
    SEND_GIVES(EAGAIN, push, "no peer any more");
    for (int i = 1; i < 500; i++)
        RECV(pull, "%d", i);
    FAILS(ENOENT, zmq_disconnect(push, at));
}

EACH_STREAM(closing, disconnecting_discards_what_is_unread)
{
    const char *at = test_endpoint(transport);
    void *push = test_bound(ZMQ_PUSH, at), *pull = test_connected(ZMQ_PULL, at);

    for (int i = 0; i < 10; i++)
        SEND(push, "%d", i);
    RECV(pull, "0");
    OK(zmq_disconnect(pull, at));
    RECV_GIVES(EAGAIN, pull);
    WAIT(test_events(pull) >= 0 && test_events(push) == 0); /* the connection has ended */
    test_connect(pull, at);
    SEND(push, "fresh");
    RECV(pull, "fresh");
}

EACH_STREAM(closing, disconnecting_and_connecting_again_gives_a_fresh_pipe)
{
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at), *dealer = test_connected(ZMQ_DEALER, at);
    char ids[2][8];

    for (int i = 0; i < 2; i++) {
        SEND(dealer, "x");
        cr_assert_eq(zmq_recv(router, ids[i], sizeof ids[i], 0), 5);
        cr_assert_eq(zmq_recv(router, NULL, 0, 0), 1);
        OK(zmq_disconnect(dealer, at));
        test_connect(dealer, at);
    }
    cr_assert_neq(memcmp(ids[0], ids[1], 5), 0);
}

EACH_STREAM(closing, unbinding_ends_the_connections_that_came_in)
{
    const char *at = test_endpoint(transport);
    void *push = test_bound(ZMQ_PUSH, at), *pull = test_socket(ZMQ_PULL);

    SET(pull, ZMQ_RECONNECT_IVL, -1);
    test_connect(pull, at);
    SEND(push, "x");
    RECV(pull, "x");
    OK(zmq_unbind(push, at));
    WAIT(test_events(push) == 0);
    SEND_GIVES(EAGAIN, push, "nobody");
    FAILS(ENOENT, zmq_unbind(push, at));
}

EACH_STREAM(closing, unbinding_leaves_what_came_in_readable)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

    for (int i = 0; i < 10; i++)
        SEND(push, "%d", i);
    RECV(pull, "0");
    for (int i = 1; i < 9; i++) /* all that is unread is known to have come */
        RECV(pull, "%d", i);
    WAIT(test_events(pull) == ZMQ_POLLIN);
    OK(zmq_unbind(pull, at));
    RECV(pull, "9");
}

EACH_STREAM(closing, unbinding_frees_the_endpoint)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *other = test_socket(ZMQ_PULL), *push;

    OK(zmq_unbind(pull, at));
    WAIT(zmq_bind(other, at) == 0);
    push = test_connected(ZMQ_PUSH, at);
    SEND(push, "to the other");
    RECV(other, "to the other");
}

EACH_STREAM(closing, a_reconnection_keeps_what_is_queued)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_socket(ZMQ_PUSH);
    int listener, fd;

    SET(push, ZMQ_RECONNECT_IVL, 10);
    test_connect(push, at);
    SEND(push, "before");
    RECV(pull, "before");
    OK(zmq_unbind(pull, at));
    test_close(pull);
    listener = test_plain_listen(at);
    fd = test_plain_accept(listener); /* so it has noticed the loss */
    for (int i = 0; i < 200; i++)
        SEND_GIVES(0, push, "%d", i);
    close(listener);
    close(fd);
    pull = test_socket(ZMQ_PULL);
    WAIT(zmq_bind(pull, at) == 0);
    for (int i = 0; i < 200; i++)
        RECV(pull, "%d", i);
    RECV_GIVES(EAGAIN, pull);
}

EACH_STREAM(closing, with_immediate_a_lost_peer_gets_nothing)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_socket(ZMQ_PUSH);

    SET(push, ZMQ_IMMEDIATE, 1);
    SET(push, ZMQ_RECONNECT_IVL, 10);
    test_connect(push, at);
    SEND(push, "x");
    RECV(pull, "x");
    test_close(pull);
    WAIT(test_events(push) == 0);
    SEND_GIVES(EAGAIN, push, "nobody");
    pull = test_socket(ZMQ_PULL);
    WAIT(zmq_bind(pull, at) == 0);
    SEND(push, "somebody");
    RECV(pull, "somebody");
}

EACH_STREAM(closing, without_reconnection_a_lost_endpoint_stays_lost)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_socket(ZMQ_PUSH);

    SET(push, ZMQ_RECONNECT_IVL, -1);
    test_connect(push, at);
    SEND(push, "x");
    RECV(pull, "x");
    test_close(pull);
    WAIT(test_events(push) == 0);
    FAILS(ENOENT, zmq_disconnect(push, at));
    pull = test_socket(ZMQ_PULL);
    WAIT(zmq_bind(pull, at) == 0);
    SEND_GIVES(EAGAIN, push, "nobody");
    test_connect(push, at); /* a second connect makes a new one */
    SEND(push, "again");
    RECV(pull, "again");
}

EACH_STREAM(closing, messages_for_a_lost_accepted_peer_go_with_it)
{
    const char *at = test_endpoint(transport);
    void *push = test_bound(ZMQ_PUSH, at), *pull = test_connected(ZMQ_PULL, at);

    SEND(push, "x");
    RECV(pull, "x");
    test_close(pull);
    WAIT(test_events(push) == 0);
    SEND_GIVES(EAGAIN, push, "nobody");
    pull = test_connected(ZMQ_PULL, at);
    SEND(push, "new");
    RECV(pull, "new");
}

Test(closing, inproc_messages_stay_readable)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

    SET(push, ZMQ_LINGER, 0);
    for (int i = 0; i < 100; i++)
        SEND(push, "%d", i);
    test_close(push);
    for (int i = 0; i < 100; i++)
        RECV(pull, "%d", i);
    RECV_GIVES(EAGAIN, pull);
}

Test(closing, endpoints_that_are_not_there_cannot_be_taken_away)
{
    void *push = test_socket(ZMQ_PUSH);

    FAILS(ENOENT, zmq_disconnect(push, "tcp://127.0.0.1:1"));
    FAILS(ENOENT, zmq_unbind(push, "tcp://127.0.0.1:1"));
    FAILS(ENOENT, zmq_disconnect(push, "inproc://nowhere"));
    FAILS(EINVAL, zmq_disconnect(push, "no scheme"));
    FAILS(EINVAL, zmq_unbind(push, NULL));
    FAILS(EINVAL, zmq_disconnect(push, NULL));
    FAILS(EPROTONOSUPPORT, zmq_disconnect(push, "carrier://pigeon"));
}

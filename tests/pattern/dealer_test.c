/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DEALER: shares out what it sends, takes turns in what it receives, adds nothing.
 */
#include "tests/support/pair.h"

TEST_SUITE(dealer);

EACH_TRANSPORT(dealer, sends_and_receives_at_any_time)
{
    const char *at = test_endpoint(transport);
    void *a = test_bound(ZMQ_DEALER, at), *b = test_connected(ZMQ_DEALER, at);

    for (int i = 0; i < 50; i++) {
        SEND(b, "to a|%d|", i);
        if (i == 0)
            RECV(a, "to a|0|");
        SEND(a, "%d", i);
    }
    for (int i = 0; i < 50; i++) {
        if (i > 0)
            RECV(a, "to a|%d|", i);
        RECV(b, "%d", i);
    }
}

EACH_TRANSPORT(dealer, shares_out_in_the_order_in_which_peers_came)
{
    void *peers[3], *dealer = test_socket(ZMQ_DEALER);

    for (int i = 0; i < 3; i++) {
        const char *at = test_endpoint(transport);

        peers[i] = test_bound(ZMQ_DEALER, at);
        test_connect(dealer, at);
    }
    for (int i = 0; i < 9; i++)
        SEND(dealer, "%d|x", i);
    for (int i = 0; i < 9; i++)
        RECV(peers[i % 3], "%d|x", i);
}

Test(dealer, takes_turns_in_receiving)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *dealer = test_bound(ZMQ_DEALER, at), *peers[3];

    for (int i = 0; i < 3; i++)
        peers[i] = test_connected(ZMQ_DEALER, at);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            SEND(peers[i], "%d|%c", k, 'a' + i);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 3; i++)
            RECV(dealer, "%d|%c", k, 'a' + i);
}

Test(dealer, waits_while_no_peer_has_room)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *a = test_socket(ZMQ_DEALER), *b = test_socket(ZMQ_DEALER);

    SET(a, ZMQ_SNDHWM, 5);
    SET(b, ZMQ_RCVHWM, 3);
    test_bind(a, at);
    SEND_GIVES(EAGAIN, a, "nobody");
    test_connect(b, at);
    test_catch_up(a);
    cr_assert_eq(test_fill(a), 8);
    cr_assert_eq(test_events(a), 0);
    cr_assert_eq(test_drain(b), 8);
    cr_assert_eq(test_events(a), ZMQ_POLLOUT);
}

EACH_STREAM(dealer, connecting_twice_to_one_endpoint_makes_one_connection)
{
    const char *at = test_endpoint(transport);
    void *dealer = test_socket(ZMQ_DEALER), *peer;

    SET(dealer, ZMQ_SNDHWM, 3);
    test_connect(dealer, at);
    test_connect(dealer, at);
    cr_assert_eq(test_fill(dealer), 3);
    peer = test_bound(ZMQ_DEALER, at);
    for (int i = 0; i < 3; i++)
        RECV(peer, "%d", i);
}

EACH_TRANSPORT(dealer, probes_a_router)
{
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at), *dealer = test_socket(ZMQ_DEALER);

    SET(dealer, ZMQ_PROBE_ROUTER, 1);
    SET_TEXT(dealer, ZMQ_ROUTING_ID, "D");
    test_connect(dealer, at);
    RECV(router, "D|");
    SEND(router, "D|hello");
    RECV(dealer, "hello");
    SEND(dealer, "x");
    RECV(router, "D|x");
}

EACH_STREAM(dealer, conflate_keeps_the_newest_message_each_way)
{
    const char *at = test_endpoint(transport);
    void *a = test_socket(ZMQ_DEALER), *b = test_socket(ZMQ_DEALER);
    const char *text;

    SET(a, ZMQ_CONFLATE, 1);
    SET(b, ZMQ_CONFLATE, 1);
    test_bind(a, at);
    test_connect(b, at);
    for (int i = 0; i < 300; i++)
        SEND(b, "%d", i);
    while (strcmp(text = test_recv(a, 0), "299") != 0)
        cr_assert_neq(text[0], '!', "%s", text);
    RECV_GIVES(EAGAIN, a);
    for (int i = 0; i < 300; i++)
        SEND(a, "%d", i);
    while (strcmp(text = test_recv(b, 0), "299") != 0)
        cr_assert_neq(text[0], '!', "%s", text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PAIR: one peer, the first that comes.
 */
#include "tests/support/pair.h"

#include <stdio.h>

TEST_SUITE(pair);

EACH_TRANSPORT(pair, talks_both_ways)
{
    const char *at = test_endpoint(transport);
    void *a = test_bound(ZMQ_PAIR, at), *b = test_connected(ZMQ_PAIR, at);

    SEND(b, "to a|part");
    RECV(a, "to a|part");
    SEND(a, "to b");
    SEND(a, "|");
    RECV(b, "to b");
    RECV(b, "|");
}

EACH_TRANSPORT(pair, needs_a_peer_to_send)
{
    const char *at = test_endpoint(transport);
    void *a = test_socket(ZMQ_PAIR), *b;

    SEND_GIVES(EAGAIN, a, "nobody");
    test_bind(a, at);
    SEND_GIVES(EAGAIN, a, "nobody");
    b = test_connected(ZMQ_PAIR, at);
    SEND(a, "somebody");
    RECV(b, "somebody");
}

Test(pair, has_no_ear_for_a_second_peer)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *a = test_bound(ZMQ_PAIR, at), *first = test_connected(ZMQ_PAIR, at), *second;

    SEND(first, "1");
    RECV(a, "1");
    second = test_connected(ZMQ_PAIR, at);
    WAIT(test_events(a) == ZMQ_POLLOUT && test_events(second) == 0);
    SEND_GIVES(EAGAIN, second, "mute");
    SEND(a, "for the first");
    RECV(first, "for the first");
    RECV_GIVES(EAGAIN, second);
}

EACH_STREAM(pair, a_second_peer_on_a_stream_is_mute_even_when_the_first_leaves)
{
    const char *at = test_endpoint(transport);
    void *a = test_bound(ZMQ_PAIR, at), *first = test_connected(ZMQ_PAIR, at), *second, *third;

    SEND(first, "1");
    RECV(a, "1");
    second = test_socket(ZMQ_PAIR);
    SET(second, ZMQ_IMMEDIATE, 1);
    test_connect(second, at);
    SEND(second, "unheard"); /* its connection stands */
    SEND(first, "2");
    RECV(a, "2");
    test_close(first);
    WAIT(test_events(a) == 0);
    /* The fence: a third peer is heard and it is all that is heard. */
    third = test_connected(ZMQ_PAIR, at);
    SEND(third, "3");
    RECV(a, "3");
    SEND(a, "answer");
    RECV(third, "answer");
}

/*
 * A new peer; NULL when the old one's place is not free yet, and the new one thus not heard. Or not
 * heard in time: what is heard of one that was given up is passed over.
 */
static void *heard_by(void *pair, const char *at)
{
    static int times;
    zmq_pollitem_t item = {.socket = pair, .events = ZMQ_POLLIN};
    void *peer = test_connected(ZMQ_PAIR, at);
    char hello[32];

    snprintf(hello, sizeof hello, "new %d", ++times);
    test_send(peer, ZMQ_DONTWAIT, "%s", hello);
    while (zmq_poll(&item, 1, 200 * times) == 1)
        if (strcmp(test_recv(pair, 0), hello) == 0)
            return peer;
    test_set(peer, ZMQ_LINGER, 0);
    test_close(peer);
    return NULL;
}

EACH_TRANSPORT(pair, takes_a_new_peer_when_the_old_one_has_gone)
{
    const char *at = test_endpoint(transport);
    void *a = test_bound(ZMQ_PAIR, at), *b = test_connected(ZMQ_PAIR, at);

    SEND(b, "old");
    RECV(a, "old");
    test_close(b);
    WAIT(test_events(a) == 0);
    SEND_GIVES(EAGAIN, a, "nobody");
    WAIT((b = heard_by(a, at)));
    SEND(a, "hello new");
    RECV(b, "hello new");
}

EACH_TRANSPORT(pair, delivers_what_was_sent_before_closing)
{
    const char *at = test_endpoint(transport);
    void *a = test_bound(ZMQ_PAIR, at), *b = test_connected(ZMQ_PAIR, at);

    for (int i = 0; i < 100; i++)
        SEND(b, "%d|x", i);
    test_close(b);
    for (int i = 0; i < 100; i++)
        RECV(a, "%d|x", i);
}

Test(pair, is_full_at_the_sum_of_both_water_marks)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *a = test_socket(ZMQ_PAIR), *b = test_socket(ZMQ_PAIR);

    SET(a, ZMQ_SNDHWM, 2);
    SET(a, ZMQ_RCVHWM, 4);
    SET(b, ZMQ_SNDHWM, 3);
    SET(b, ZMQ_RCVHWM, 5);
    test_bind(a, at);
    test_connect(b, at);
    cr_assert_eq(test_fill(a), 7);
    cr_assert_eq(test_fill(b), 7);
    cr_assert_eq(test_drain(a), 7);
    cr_assert_eq(test_drain(b), 7);
}

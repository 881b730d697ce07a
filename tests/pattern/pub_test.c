/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PUB: each message to every subscriber that wants it, and to none that has no room.
 */
#include "tests/support/pair.h"

TEST_SUITE(pub);

EACH_TRANSPORT(pub, sends_what_matches_a_prefix)
{
    const char *at = test_endpoint(transport);
    void *pub = test_bound(ZMQ_XPUB, at), *sub = test_connected(ZMQ_SUB, at);

    SUBSCRIBE(sub, "news.");
    SUBSCRIBE(sub, "x");
    RECV(pub, "+news.");
    RECV(pub, "+x");
    SEND(pub, "news");
    SEND(pub, "news.1");
    SEND(pub, "old");
    SEND(pub, "%s", "");
    SEND(pub, "xyz|part|-");
    SEND(pub, "Xyz");
    SEND(pub, "x");
    RECV(sub, "news.1");
    RECV(sub, "xyz|part|-");
    RECV(sub, "x");
}

EACH_TRANSPORT(pub, sends_one_copy_though_several_prefixes_match)
{
    const char *at = test_endpoint(transport);
    void *pub = test_bound(ZMQ_XPUB, at), *sub = test_connected(ZMQ_SUB, at);

    SUBSCRIBE(sub, "");
    SUBSCRIBE(sub, "a");
    SUBSCRIBE(sub, "ab");
    RECV(pub, "+");
    RECV(pub, "+a");
    RECV(pub, "+ab");
    SEND(pub, "abc");
    SEND(pub, "end");
    RECV(sub, "abc");
    RECV(sub, "end");
}

Test(pub, decides_by_the_first_part_for_all_parts)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_bound(ZMQ_PUB, at), *sub = test_connected(ZMQ_SUB, at);

    SUBSCRIBE(sub, "A");
    test_catch_up(pub);
    SEND(pub, "B|A|A");
    SEND(pub, "A|B|C");
    RECV(sub, "A|B|C");
    RECV_GIVES(EAGAIN, sub);
}

EACH_TRANSPORT(pub, gives_every_subscriber_a_copy)
{
    enum { SUBS = 5 };
    const char *at = test_endpoint(transport);
    void *pub = test_bound(ZMQ_PUB, at), *subs[SUBS];

    for (int i = 0; i < SUBS; i++) {
        subs[i] = test_connected(ZMQ_SUB, at);
        SUBSCRIBE(subs[i], "");
    }
    test_meet(pub, subs, SUBS);
    for (int k = 0; k < 50; k++)
        SEND(pub, "%d|a body that does not fit into the message itself, so that it is shared", k);
    for (int i = 0; i < SUBS; i++)
        for (int k = 0; k < 50; k++)
            RECV(subs[i],
                 "%d|a body that does not fit into the message itself, so that it is shared", k);
}

EACH_TRANSPORT(pub, may_connect_to_a_bound_subscriber)
{
    const char *at = test_endpoint(transport);
    void *sub = test_bound(ZMQ_SUB, at), *pub = test_connected(ZMQ_PUB, at);

    SUBSCRIBE(sub, "");
    test_meet(pub, &sub, 1);
    SEND(pub, "there");
    RECV(sub, "there");
}

Test(pub, drops_without_subscribers)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_bound(ZMQ_PUB, at), *sub;

    SEND_GIVES(0, pub, "lost");
    sub = test_connected(ZMQ_SUB, at);
    SEND_GIVES(0, pub, "lost");
    SUBSCRIBE(sub, "");
    test_catch_up(pub);
    SEND_GIVES(0, pub, "kept");
    RECV(sub, "kept");
    RECV_GIVES(EAGAIN, sub);
}

Test(pub, loses_nothing_of_a_burst_up_to_the_water_marks)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_socket(ZMQ_PUB), *sub = test_socket(ZMQ_SUB);

    SET(pub, ZMQ_SNDHWM, 7);
    SET(sub, ZMQ_RCVHWM, 3);
    SUBSCRIBE(sub, "");
    test_bind(pub, at);
    test_connect(sub, at);
    test_catch_up(pub);
    for (int i = 0; i < 25; i++) {
        SEND_GIVES(0, pub, "%d", i);
        cr_assert_eq(test_events(pub), ZMQ_POLLOUT);
    }
    for (int i = 0; i < 10; i++)
        RECV(sub, "%d", i);
    RECV_GIVES(EAGAIN, sub);
    test_catch_up(pub);
    SEND_GIVES(0, pub, "again");
    RECV(sub, "again");
}

Test(pub, drops_for_the_full_subscriber_only)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_socket(ZMQ_PUB), *slow = test_socket(ZMQ_SUB), *fast = test_socket(ZMQ_SUB);

    SET(pub, ZMQ_SNDHWM, 1);
    SET(slow, ZMQ_RCVHWM, 1);
    test_bind(pub, at);
    SUBSCRIBE(slow, "");
    SUBSCRIBE(fast, "");
    test_connect(slow, at);
    test_connect(fast, at);
    test_catch_up(pub);
    for (int i = 0; i < 100; i++)
        SEND_GIVES(0, pub, "%d|%d", i, i);
    cr_assert_eq(test_drain(slow), 2);
    cr_assert_eq(test_drain(fast), 100);
}

EACH_STREAM(pub, delivers_a_burst_of_its_water_mark)
{
    enum { BURST = 1000 };
    const char *at = test_endpoint(transport);
    void *pub = test_socket(ZMQ_XPUB), *sub = test_socket(ZMQ_SUB);

    SET(pub, ZMQ_SNDHWM, BURST);
    SET(sub, ZMQ_RCVHWM, BURST);
    test_bind(pub, at);
    SUBSCRIBE(sub, "");
    test_connect(sub, at);
    RECV(pub, "+"); /* nothing else has been sent, so there is room for all of it */
    for (int i = 0; i < BURST; i++)
        SEND(pub, "%d", i);
    for (int i = 0; i < BURST; i++)
        RECV(sub, "%d", i);
}

Test(pub, a_subscriber_that_comes_amid_a_message_starts_with_the_next)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_bound(ZMQ_PUB, at), *old = test_connected(ZMQ_SUB, at), *late;

    SUBSCRIBE(old, "");
    test_catch_up(pub);
    cr_assert_eq(zmq_send(pub, "head", 4, ZMQ_SNDMORE), 4);
    late = test_connected(ZMQ_SUB, at);
    SUBSCRIBE(late, "");
    test_catch_up(pub);
    cr_assert_eq(zmq_send(pub, "tail", 4, 0), 4);
    SEND(pub, "next");
    RECV(old, "head|tail");
    RECV(late, "next");
}

Test(pub, cannot_receive)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_bound(ZMQ_PUB, at), *xsub = test_connected(ZMQ_XSUB, at);
    char octet;

    FAILS(ENOTSUP, zmq_recv(pub, &octet, 1, ZMQ_DONTWAIT));
    SEND(xsub, "to nobody"); /* what XSUB sends up is dropped */
    SEND(xsub, "+");
    test_catch_up(pub);
    SEND(pub, "down");
    RECV(xsub, "down");
    FAILS(ENOTSUP, zmq_recv(pub, &octet, 1, ZMQ_DONTWAIT));
    cr_assert_eq(test_events(pub), ZMQ_POLLOUT);
}

Test(pub, takes_the_options_of_xpub)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_socket(ZMQ_PUB), *sub = test_socket(ZMQ_SUB);

    SET(pub, ZMQ_XPUB_NODROP, 1);
    SET_TEXT(pub, ZMQ_XPUB_WELCOME_MSG, "welcome");
    SET(pub, ZMQ_SNDHWM, 1);
    SET(sub, ZMQ_RCVHWM, 2);
    SUBSCRIBE(sub, "");
    test_bind(pub, at);
    test_connect(sub, at);
    test_catch_up(pub);
    cr_assert_eq(test_fill(pub), 2);
    RECV(sub, "welcome");
    RECV(sub, "0");
    RECV(sub, "1");
}

EACH_TRANSPORT(pub, inverted_matching_sends_what_matches_no_prefix)
{
    const char *at = test_endpoint(transport);
    void *pub = test_socket(ZMQ_XPUB), *a = test_socket(ZMQ_SUB), *b = test_socket(ZMQ_SUB);

    SET(pub, ZMQ_INVERT_MATCHING, 1);
    SET(a, ZMQ_INVERT_MATCHING, 1);
    SET(b, ZMQ_INVERT_MATCHING, 1);
    test_bind(pub, at);
    SUBSCRIBE(a, "A");
    SUBSCRIBE(b, "B");
    test_connect(a, at);
    test_connect(b, at);
    cr_assert_neq(test_recv(pub, 0)[0], '!');
    cr_assert_neq(test_recv(pub, 0)[0], '!');
    SEND(pub, "A1");
    SEND(pub, "B1");
    SEND(pub, "C1");
    RECV(a, "B1");
    RECV(a, "C1");
    RECV(b, "A1");
    RECV(b, "C1");
}

/* ---- a peer that never pauses ---- */

enum { TELLINGS = 1000 };

static void *teller;
static int tellings;

static void tell_again(void *data, void *hint);

static void tell(void)
{
    zmq_msg_t m;

    cr_assert_eq(zmq_msg_init_data(&m, "x", 1, tell_again, NULL), 0);
    cr_assert_eq(zmq_msg_send(&m, teller, 0), 1);
}

/* The publisher is done with a message: by then the next one is there. */
static void tell_again(void *data, void *hint)
{
    (void)data, (void)hint;
    if (teller && ++tellings < TELLINGS)
        tell();
}

Test(pub, is_not_kept_in_a_call_by_a_peer_that_never_pauses)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_bound(ZMQ_PUB, at);

    teller = test_connected(ZMQ_XSUB, at);
    test_catch_up(pub);
    tell();
    test_catch_up(pub);
    cr_assert_lt(tellings, 10);
    WAIT((test_catch_up(pub), tellings == TELLINGS)); /* and yet none is forgotten */
    teller = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where peers go, come or are refused in the middle of something: what a message was begun with is
 * what it ends with. Most of it is undefined or wrong in libzmq 4.3.4, and left out there.
 */
#include "tests/support/pair.h"

TEST_SUITE(edges);

/* Against 4.3.4 there is nothing to find out here. */
#define OURS_ONLY()                                                                                \
    do {                                                                                           \
        if (!test_newer())                                                                         \
            cr_skip_test("not defined in 4.3.4");                                                  \
    } while (0)

static void *named(const char *name, const char *at)
{
    void *s = test_socket(ZMQ_DEALER);

    SET_TEXT(s, ZMQ_ROUTING_ID, name);
    test_connect(s, at);
    return s;
}

/* "a", then "b", as the first of several parts. */
static void begin(void *s, const char *part)
{
    OK(zmq_send(s, part, strlen(part), ZMQ_SNDMORE));
}

static void hear(void *s, const char *part, int more)
{
    char seen[64];
    int size = zmq_recv(s, seen, sizeof seen, 0);

    cr_assert_eq(size, (int)strlen(part), "part \"%s\": %d", part, size);
    cr_assert_arr_eq(seen, part, (size_t)size);
    cr_assert_eq(test_get(s, ZMQ_RCVMORE), more, "after \"%s\"", part);
}

EACH_TRANSPORT(edges, a_cancel_kept_back_ends_the_message_it_was_in)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_bound(ZMQ_XPUB, at), *xsub = test_connected(ZMQ_XSUB, at);

    OURS_ONLY();
    SEND(xsub, "+A");
    RECV(xpub, "+A");
    SEND(xsub, "+A");
    SEND(xsub, "user|-A"); /* the first +A still needs it */
    RECV(xpub, "user");
    SEND(xsub, "-nothing");
    SEND(xsub, "next");
    RECV(xpub, "next");
}

EACH_TRANSPORT(edges, subscriptions_among_user_parts_leave_one_message)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_bound(ZMQ_XPUB, at), *xsub = test_connected(ZMQ_XSUB, at);

    OURS_ONLY();
    SEND(xsub, "u1|+A|u2|+B|u3|-A");
    RECV(xpub, "+A");
    RECV(xpub, "+B");
    RECV(xpub, "-A");
    RECV(xpub, "u1|u2|u3");
    SEND(xpub, "A");
    SEND(xpub, "B|b");
    RECV(xsub, "B|b");
}

Test(edges, a_handover_lets_a_message_be_read_to_its_end)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *router = test_socket(ZMQ_ROUTER), *old, *new;

    OURS_ONLY();
    SET(router, ZMQ_ROUTER_HANDOVER, 1);
    test_bind(router, at);
    old = named("ID", at);
    SEND(old, "1|2|3");
    SEND(old, "never read");
    hear(router, "ID", 1);
    hear(router, "1", 1);
    new = named("ID", at);
    SEND(new, "new");
    test_catch_up(router);
    hear(router, "2", 1);
    hear(router, "3", 0);
    RECV(router, "ID|new");
    RECV_GIVES(EAGAIN, router);
    SEND(router, "ID|back");
    RECV(new, "back");
    RECV_GIVES(EAGAIN, old);
}

Test(edges, an_id_is_followed_by_a_part_whatever_becomes_of_the_pipe)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *dealer = test_socket(ZMQ_DEALER), *router = test_socket(ZMQ_ROUTER);

    OURS_ONLY();
    SET_TEXT(dealer, ZMQ_ROUTING_ID, "ID");
    test_bind(dealer, at);
    test_connect(router, at);
    SEND(dealer, "1|2");
    hear(router, "ID", 1);
    OK(zmq_disconnect(router, at));
    hear(router, "1", 0); /* and what stood behind it went with the pipe */
    RECV_GIVES(EAGAIN, router);
    test_connect(router, at);
    SEND(dealer, "3|4");
    RECV(router, "ID|3|4");
}

EACH_STREAM(edges, peers_that_are_refused_their_id_leave_nothing_behind)
{
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at), *first = named("ID", at);

    OURS_ONLY();
    SEND(first, "1");
    RECV(router, "ID|1");
    for (int i = 0; i < 20; i++) {
        void *other = test_socket(ZMQ_DEALER);

        SET_TEXT(other, ZMQ_ROUTING_ID, "ID");
        SET(other, ZMQ_IMMEDIATE, 1);
        test_connect(other, at);
        SEND(other, "unheard"); /* its connection stands */
        test_catch_up(router);
        test_close(other);
    }
    SEND(first, "2");
    RECV(router, "ID|2");
    RECV_GIVES(EAGAIN, router);
    SEND(router, "ID|3");
    RECV(first, "3");
}

Test(edges, a_pair_whose_peer_left_messages_takes_another)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pair = test_bound(ZMQ_PAIR, at), *first = test_connected(ZMQ_PAIR, at), *second;

    OURS_ONLY();
    SEND(first, "left");
    test_close(first);
    test_catch_up(pair);
    second = test_connected(ZMQ_PAIR, at);
    SEND(second, "taken");
    RECV(pair, "left");
    RECV(pair, "taken");
    SEND(pair, "you");
    RECV(second, "you");
}

Test(edges, what_was_begun_for_a_peer_that_went_reaches_nobody)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *push = test_bound(ZMQ_PUSH, at), *first = test_connected(ZMQ_PULL, at), *second;

    begin(push, "1");
    test_close(first);
    second = test_connected(ZMQ_PULL, at);
    begin(push, "2");
    SEND(push, "3");
    SEND(push, "whole|message");
    RECV(second, "whole|message");
    RECV_GIVES(EAGAIN, second);
}

Test(edges, a_request_goes_on_after_its_asker_has_gone)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *rep = test_bound(ZMQ_REP, at), *first = test_connected(ZMQ_REQ, at), *second;

    SEND(first, "1|2");
    hear(rep, "1", 1);
    test_close(first);
    hear(rep, "2", 0);
    SEND(rep, "to|nobody");
    SEND_GIVES(EFSM, rep, "again");
    second = test_connected(ZMQ_REQ, at);
    SEND(second, "3");
    RECV(rep, "3");
    SEND(rep, "4|5");
    hear(second, "4", 1);
    test_close(rep);
    hear(second, "5", 0);
}

Test(edges, nodrop_asks_the_matching_subscribers_only)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_socket(ZMQ_PUB), *all = test_socket(ZMQ_SUB), *some = test_socket(ZMQ_SUB);

    SET(pub, ZMQ_XPUB_NODROP, 1);
    SET(pub, ZMQ_SNDHWM, 2);
    test_bind(pub, at);
    SET(all, ZMQ_RCVHWM, 2);
    SET(some, ZMQ_RCVHWM, 2);
    SUBSCRIBE(all, "");
    SUBSCRIBE(some, "A");
    test_connect(all, at);
    test_connect(some, at);
    for (int i = 0; i < 4; i++)
        SEND_GIVES(0, pub, "A");
    SEND_GIVES(EAGAIN, pub, "A");
    cr_assert_eq(test_drain(all), 4);
    SEND_GIVES(EAGAIN, pub, "A"); /* the other one is full still */
    RECV_GIVES(EAGAIN, all);
    SEND_GIVES(0, pub, "B");
    RECV(all, "B");
    test_close(some);
    SEND_GIVES(0, pub, "A");
    RECV(all, "A");
}

EACH_STREAM(edges, more_subscriptions_than_the_water_mark_all_arrive)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_bound(ZMQ_XPUB, at), *sub = test_socket(ZMQ_SUB);
    enum { MANY = 5000 };

    OURS_ONLY();
    SET(sub, ZMQ_SNDHWM, 10);
    for (int i = 0; i < MANY; i++)
        SUBSCRIBE(sub, test_text("topic %d.", i));
    test_connect(sub, at);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(test_recv(xpub, 0)[0], '+');
    SEND(xpub, "topic %d.", MANY - 1);
    RECV(sub, "topic %d.", MANY - 1);
    test_close(sub);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(test_recv(xpub, 0)[0], '-');
}

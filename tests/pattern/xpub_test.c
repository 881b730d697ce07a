/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XPUB: publishes, and hears who subscribes to what.
 */
#include "tests/support/pair.h"

/* Draft and later numbers that libraries accept whether or not their headers name them. */
enum { TOPICS_COUNT = 116, MANUAL_LAST_VALUE = 98, ONLY_FIRST_SUBSCRIBE = 108 };

TEST_SUITE(xpub);

EACH_TRANSPORT(xpub, tells_the_first_subscription_and_the_last_cancel)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_bound(ZMQ_XPUB, at), *a = test_connected(ZMQ_SUB, at);
    void *b = test_connected(ZMQ_SUB, at);

    SUBSCRIBE(a, "A");
    RECV(xpub, "+A");
    SUBSCRIBE(b, "A");
    SUBSCRIBE(b, "B");
    RECV(xpub, "+B");
    UNSUBSCRIBE(a, "A");
    SUBSCRIBE(a, "fence");
    RECV(xpub, "+fence");
    SEND(xpub, "A for b");
    RECV(b, "A for b");
    test_close(b);
    for (int i = 0; i < 2; i++) {
        const char *text = test_recv(xpub, 0);

        cr_assert(!strcmp(text, "-A") || !strcmp(text, "-B"), "%s", text);
    }
}

EACH_TRANSPORT(xpub, verbose_tells_every_subscription)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_socket(ZMQ_XPUB), *a = test_socket(ZMQ_SUB), *b = test_socket(ZMQ_SUB);

    SET(xpub, ZMQ_XPUB_VERBOSE, 1);
    test_bind(xpub, at);
    test_connect(a, at);
    test_connect(b, at);
    SUBSCRIBE(a, "A");
    RECV(xpub, "+A");
    SUBSCRIBE(a, "A");
    RECV(xpub, "+A");
    SUBSCRIBE(b, "A");
    RECV(xpub, "+A");
    UNSUBSCRIBE(a, "A"); /* counted by the subscriber */
    UNSUBSCRIBE(a, "A"); /* b still has it */
    SUBSCRIBE(a, "fence");
    RECV(xpub, "+fence");
    UNSUBSCRIBE(b, "A");
    RECV(xpub, "-A");
}

EACH_TRANSPORT(xpub, verboser_tells_every_cancel_too)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_socket(ZMQ_XPUB), *a = test_socket(ZMQ_SUB), *b = test_socket(ZMQ_SUB);

    SET(xpub, ZMQ_XPUB_VERBOSER, 1);
    test_bind(xpub, at);
    test_connect(a, at);
    test_connect(b, at);
    SUBSCRIBE(a, "A");
    RECV(xpub, "+A");
    SUBSCRIBE(b, "A");
    RECV(xpub, "+A");
    UNSUBSCRIBE(a, "A");
    RECV(xpub, "-A");
    UNSUBSCRIBE(b, "A");
    RECV(xpub, "-A");
    SUBSCRIBE(a, "B");
    SUBSCRIBE(b, "B");
    RECV(xpub, "+B");
    RECV(xpub, "+B");
    test_close(b);
    RECV(xpub, "-B"); /* though a still has it */
}

Test(xpub, the_last_of_verbose_and_verboser_wins)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *xpub = test_socket(ZMQ_XPUB), *a = test_socket(ZMQ_XSUB), *b = test_socket(ZMQ_XSUB);

    SET(xpub, ZMQ_XPUB_VERBOSER, 1);
    SET(xpub, ZMQ_XPUB_VERBOSE, 1); /* takes the cancels back */
    test_bind(xpub, at);
    test_connect(a, at);
    test_connect(b, at);
    SEND(a, "+A");
    SEND(b, "+A");
    RECV(xpub, "+A");
    RECV(xpub, "+A");
    SEND(a, "-A");
    RECV_GIVES(EAGAIN, xpub);
    SEND(b, "-A");
    RECV(xpub, "-A");
    SET(xpub, ZMQ_XPUB_VERBOSER, 1);
    SET(xpub, ZMQ_XPUB_VERBOSER, 0); /* takes both back */
    SEND(a, "+A");
    SEND(b, "+A");
    RECV(xpub, "+A");
    RECV_GIVES(EAGAIN, xpub);
}

EACH_TRANSPORT(xpub, passes_on_what_xsub_sends_up)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_bound(ZMQ_XPUB, at), *xsub = test_connected(ZMQ_XSUB, at);

    SEND(xsub, "user data");
    RECV(xpub, "user data");
    SEND(xsub, "%s", "");
    RECV(xpub, "%s", "");
    SEND(xsub, "two|parts");
    RECV(xpub, "two|parts");
    SEND(xsub, "+topic");
    RECV(xpub, "+topic");
}

Test(xpub, takes_each_part_that_looks_like_one_for_a_subscription)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *xpub = test_bound(ZMQ_XPUB, at), *xsub = test_connected(ZMQ_XSUB, at);

    SEND(xsub, "+m1|+m2|u");
    RECV(xpub, "+m1");
    RECV(xpub, "+m2");
    RECV(xpub, "u");
    SEND(xpub, "m1");
    SEND(xpub, "m2");
    RECV(xsub, "m1");
    RECV(xsub, "m2");
}

Test(xpub, only_first_subscribe_takes_later_parts_for_data)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *xpub = test_socket(ZMQ_XPUB), *xsub = test_socket(ZMQ_XSUB);

    if (test_set(xpub, ONLY_FIRST_SUBSCRIBE, 1) < 0) /* draft */
        cr_skip_test("not there");
    SET(xsub, ONLY_FIRST_SUBSCRIBE, 1);
    test_bind(xpub, at);
    test_connect(xsub, at);
    SEND(xsub, "user|+not a topic");
    RECV(xpub, "user|+not a topic");
    SEND(xsub, "+topic");
    RECV(xpub, "+topic");
    SEND(xpub, "not a topic");
    SEND(xpub, "topic");
    RECV(xsub, "topic");
}

EACH_TRANSPORT(xpub, manual_enters_what_the_application_says)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_socket(ZMQ_XPUB), *xsub = test_socket(ZMQ_XSUB);

    SET(xpub, ZMQ_XPUB_MANUAL, 1);
    test_bind(xpub, at);
    test_connect(xsub, at);
    SEND(xsub, "+A");
    RECV(xpub, "+A");
    SUBSCRIBE(xpub, "XA"); /* not what was asked for */
    SEND(xpub, "A");
    SEND(xpub, "XA1");
    RECV(xsub, "XA1");
    SEND(xsub, "-A");
    RECV(xpub, "-A");
    UNSUBSCRIBE(xpub, "XA");
    SEND(xsub, "+B");
    RECV(xpub, "+B");
    SUBSCRIBE(xpub, "B");
    SEND(xpub, "XA2");
    SEND(xpub, "B");
    RECV(xsub, "B");
    test_close(xsub);
    RECV(xpub, "-B");
    UNSUBSCRIBE(xpub, "B"); /* its peer is gone: nothing happens */
}

Test(xpub, manual_serves_the_peer_of_the_last_notice)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *xpub = test_socket(ZMQ_XPUB), *a = test_socket(ZMQ_XSUB), *b = test_socket(ZMQ_XSUB);

    SET(xpub, ZMQ_XPUB_MANUAL, 1);
    test_bind(xpub, at);
    test_connect(a, at);
    test_connect(b, at);
    SEND(a, "+T");
    SEND(b, "+T");
    RECV(xpub, "+T");
    SUBSCRIBE(xpub, "for a");
    RECV(xpub, "+T"); /* manual: every one is told */
    SUBSCRIBE(xpub, "for b");
    SEND(xpub, "for a");
    SEND(xpub, "for b");
    RECV(a, "for a");
    RECV_GIVES(EAGAIN, a);
    RECV(b, "for b");
    RECV_GIVES(EAGAIN, b);
}

Test(xpub, manual_tells_what_a_lost_peer_had_asked_for)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *xpub = test_socket(ZMQ_XPUB), *a = test_socket(ZMQ_SUB), *b = test_socket(ZMQ_SUB);

    SET(xpub, ZMQ_XPUB_MANUAL, 1);
    test_bind(xpub, at);
    test_connect(a, at);
    test_connect(b, at);
    SUBSCRIBE(a, "A");
    RECV(xpub, "+A");
    SUBSCRIBE(xpub, "XA");
    SUBSCRIBE(b, "A");
    RECV(xpub, "+A");
    SUBSCRIBE(xpub, "XA");
    test_close(a);
    RECV(xpub, "-A");
    test_close(b);
    RECV(xpub, "-A");
}

Test(xpub, subscribing_for_peers_needs_manual)
{
    void *xpub = test_socket(ZMQ_XPUB);

    FAILS(EINVAL, test_set_text(xpub, ZMQ_SUBSCRIBE, "A"));
    FAILS(EINVAL, test_set_text(xpub, ZMQ_UNSUBSCRIBE, "A"));
    SET(xpub, ZMQ_XPUB_MANUAL, 1);
    SUBSCRIBE(xpub, "A"); /* for no peer */
    UNSUBSCRIBE(xpub, "A");
}

Test(xpub, manual_last_value_answers_the_newcomer_only)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *xpub = test_socket(ZMQ_XPUB), *old = test_socket(ZMQ_SUB), *late = test_socket(ZMQ_SUB);

    if (test_set(xpub, MANUAL_LAST_VALUE, 1) < 0) /* draft */
        cr_skip_test("not there");
    test_bind(xpub, at);
    SUBSCRIBE(old, "A");
    test_connect(old, at);
    RECV(xpub, "+A");
    SUBSCRIBE(xpub, "A");
    SEND(xpub, "A1");
    RECV(old, "A1");
    SUBSCRIBE(late, "A");
    test_connect(late, at);
    RECV(xpub, "+A");
    SUBSCRIBE(xpub, "A");
    SEND(xpub, "A cached");
    SEND(xpub, "A2");
    RECV(late, "A cached");
    RECV(late, "A2");
    RECV(old, "A2");
}

EACH_TRANSPORT(xpub, welcomes_every_subscriber)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_socket(ZMQ_XPUB), *all = test_socket(ZMQ_SUB), *some = test_socket(ZMQ_SUB);

    SET_TEXT(xpub, ZMQ_XPUB_WELCOME_MSG, "W");
    test_bind(xpub, at);
    SUBSCRIBE(all, "");
    test_connect(all, at);
    RECV(xpub, "+");
    RECV(all, "W");
    SUBSCRIBE(some, "S");
    test_connect(some, at);
    RECV(xpub, "+S");
    SEND(xpub, "S1");
    RECV(some, "S1"); /* its own filter let no W through */
    RECV(all, "S1");
    OK(zmq_setsockopt(xpub, ZMQ_XPUB_WELCOME_MSG, NULL, 0));
    test_close(some);
    RECV(xpub, "-S");
}

Test(xpub, nodrop_waits_for_the_slowest)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *xpub = test_socket(ZMQ_XPUB), *slow = test_socket(ZMQ_SUB), *fast = test_socket(ZMQ_SUB);

    SET(xpub, ZMQ_XPUB_NODROP, 1);
    SET(xpub, ZMQ_SNDHWM, 1);
    SET(slow, ZMQ_RCVHWM, 1);
    SUBSCRIBE(slow, "A");
    SUBSCRIBE(fast, "");
    test_bind(xpub, at);
    test_connect(slow, at);
    test_connect(fast, at);
    test_catch_up(xpub);
    SEND_GIVES(0, xpub, "A1");
    SEND_GIVES(0, xpub, "A2");
    SEND_GIVES(EAGAIN, xpub, "A3");
    cr_assert_eq(test_events(xpub) & ZMQ_POLLOUT, ZMQ_POLLOUT);
    SEND_GIVES(0, xpub, "B"); /* not for the slow one */
    SET(xpub, ZMQ_SNDTIMEO, 50);
    cr_assert_eq(test_send(xpub, 0, "A3"), EAGAIN);
    RECV(fast, "A1");
    RECV(fast, "A2");
    RECV(fast, "B");
    RECV_GIVES(EAGAIN, fast); /* nobody got A3 */
    RECV(slow, "A1");
    RECV(slow, "A2");
    test_catch_up(xpub);
    SEND_GIVES(0, xpub, "A4");
    RECV(slow, "A4");
    RECV(fast, "A4");
}

Test(xpub, queues_notices_beyond_its_receive_mark)
{
    enum { TOPICS = 3000 };
    const char *at = test_endpoint(TEST_INPROC);
    void *xpub = test_socket(ZMQ_XPUB), *sub = test_socket(ZMQ_SUB);

    SET(xpub, ZMQ_RCVHWM, 2);
    test_bind(xpub, at);
    test_connect(sub, at);
    for (int i = 0; i < TOPICS; i++) {
        SUBSCRIBE(sub, test_text("%d", i));
        test_catch_up(xpub);
        test_catch_up(sub);
    }
    for (int i = 0; i < TOPICS; i++)
        RECV(xpub, "+%d", i);
    RECV_GIVES(EAGAIN, xpub);
}

Test(xpub, a_peer_that_subscribes_twice_is_cancelled_once)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *xpub = test_bound(ZMQ_XPUB, at), *a = test_connected(ZMQ_SUB, at);

    SUBSCRIBE(a, "A");
    SUBSCRIBE(a, "A");
    RECV(xpub, "+A");
    RECV_GIVES(EAGAIN, xpub);
    UNSUBSCRIBE(a, "A");
    RECV_GIVES(EAGAIN, xpub);
    UNSUBSCRIBE(a, "A");
    RECV(xpub, "-A");
    SEND(xpub, "A");
    RECV_GIVES(EAGAIN, a);
}

Test(xpub, counts_its_topics)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *xpub = test_bound(ZMQ_XPUB, at), *a = test_connected(ZMQ_SUB, at);
    void *b = test_connected(ZMQ_SUB, at);

    if (!test_newer())
        cr_skip_test("4.3.5 brought it");
    SUBSCRIBE(a, "A");
    SUBSCRIBE(b, "A");
    SUBSCRIBE(b, "B");
    cr_assert_eq(test_events(xpub), ZMQ_POLLIN | ZMQ_POLLOUT);
    cr_assert_eq(test_get(xpub, TOPICS_COUNT), 2);
    cr_assert_eq(test_get(b, TOPICS_COUNT), 2);
    UNSUBSCRIBE(b, "A");
    UNSUBSCRIBE(b, "B");
    test_drain(xpub);
    cr_assert_eq(test_get(xpub, TOPICS_COUNT), 1);
    cr_assert_eq(test_get(b, TOPICS_COUNT), 0);
}

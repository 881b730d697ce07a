/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SUB: hears what it subscribed to, counts its subscriptions, and says them again to every new
 * connection.
 */
#include "tests/support/pair.h"

#include <stdio.h>

TEST_SUITE(sub);

EACH_TRANSPORT(sub, hears_nothing_before_it_subscribes)
{
    const char *at = test_endpoint(transport);
    void *pub = test_bound(ZMQ_XPUB, at), *sub = test_connected(ZMQ_SUB, at);
    void *other = test_connected(ZMQ_SUB, at);

    SUBSCRIBE(other, "");
    RECV(pub, "+");
    SEND(pub, "unheard");
    RECV(other, "unheard");
    SUBSCRIBE(sub, "s");
    RECV(pub, "+s");
    SEND(pub, "s1");
    RECV(sub, "s1");
}

EACH_TRANSPORT(sub, counts_equal_subscriptions)
{
    const char *at = test_endpoint(transport);
    void *pub = test_bound(ZMQ_XPUB, at), *sub = test_connected(ZMQ_SUB, at);

    SUBSCRIBE(sub, "A");
    SUBSCRIBE(sub, "A");
    SUBSCRIBE(sub, "A");
    RECV(pub, "+A");
    UNSUBSCRIBE(sub, "A");
    UNSUBSCRIBE(sub, "A");
    SUBSCRIBE(sub, "fence1");
    RECV(pub, "+fence1"); /* no cancel came before it */
    SEND(pub, "A1");
    RECV(sub, "A1");
    UNSUBSCRIBE(sub, "A");
    RECV(pub, "-A");
    UNSUBSCRIBE(sub, "A"); /* one too many: nothing is sent */
    UNSUBSCRIBE(sub, "never there");
    SUBSCRIBE(sub, "fence2");
    RECV(pub, "+fence2");
    SEND(pub, "A2");
    SEND(pub, "fence");
    SEND(pub, "fence2");
    RECV(sub, "fence2");
}

Test(sub, unsubscribing_leaves_longer_and_shorter_prefixes_alone)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_bound(ZMQ_PUB, at), *sub = test_connected(ZMQ_SUB, at);

    SUBSCRIBE(sub, "a");
    SUBSCRIBE(sub, "abc");
    SUBSCRIBE(sub, "abcde");
    UNSUBSCRIBE(sub, "a");
    UNSUBSCRIBE(sub, "abcde");
    UNSUBSCRIBE(sub, "ab");
    test_catch_up(pub);
    SEND(pub, "abd");
    SEND(pub, "abcx");
    RECV(sub, "abcx");
    RECV_GIVES(EAGAIN, sub);
}

Test(sub, takes_topics_of_any_octets_and_length)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_bound(ZMQ_XPUB, at), *sub = test_connected(ZMQ_SUB, at);
    static char topic[5000];

    OK(zmq_setsockopt(sub, ZMQ_SUBSCRIBE, "\0\1\377", 3));
    RECV(pub, "+-+\\xff");
    cr_assert_eq(zmq_send(pub, "\0\1\376", 3, 0), 3);
    cr_assert_eq(zmq_send(pub, "\0\1\377tail", 7, 0), 7);
    RECV(sub, "-+\\xfftail");
    memset(topic, 'T', sizeof topic);
    OK(zmq_setsockopt(sub, ZMQ_SUBSCRIBE, topic, sizeof topic));
    cr_assert_eq(zmq_recv(pub, NULL, 0, 0), (int)sizeof topic + 1);
    cr_assert_eq(zmq_send(pub, topic, sizeof topic - 1, 0), (int)sizeof topic - 1);
    cr_assert_eq(zmq_send(pub, topic, sizeof topic, 0), (int)sizeof topic);
    cr_assert_eq(zmq_recv(sub, NULL, 0, 0), (int)sizeof topic);
    OK(zmq_setsockopt(sub, ZMQ_SUBSCRIBE, NULL, 0));
    RECV(pub, "+");
    SEND(pub, "anything");
    RECV(sub, "anything");
}

EACH_STREAM(sub, says_its_subscriptions_to_a_publisher_that_comes_later)
{
    const char *at = test_endpoint(transport);
    void *sub = test_connected(ZMQ_SUB, at), *pub;
    bool present[3] = {false, false, false};

    SUBSCRIBE(sub, "A");
    SUBSCRIBE(sub, "B");
    SUBSCRIBE(sub, "C");
    UNSUBSCRIBE(sub, "B");
    pub = test_bound(ZMQ_XPUB, at);
    SUBSCRIBE(sub, "fence");
    for (const char *text; strcmp(text = test_recv(pub, 0), "+fence") != 0;) {
        /* The cancelled one may have been on its way: then its cancel is, too. */
        cr_assert(strchr("+-", text[0]) && strchr("ABC", text[1]), "%s", text);
        present[text[1] - 'A'] = text[0] == '+';
    }
    cr_assert(present[0] && !present[1] && present[2]);
    SEND(pub, "B");
    SEND(pub, "C");
    RECV(sub, "C");
}

EACH_STREAM(sub, subscribes_again_after_a_reconnection)
{
    const char *at = test_endpoint(transport);
    void *pub = test_bound(ZMQ_XPUB, at), *sub = test_socket(ZMQ_SUB);

    SET(sub, ZMQ_RECONNECT_IVL, 10);
    SUBSCRIBE(sub, "A");
    SUBSCRIBE(sub, "A");
    test_connect(sub, at);
    RECV(pub, "+A");
    SEND(pub, "A unread");
    WAIT(test_events(sub) == ZMQ_POLLIN);
    test_close(pub);
    pub = test_socket(ZMQ_XPUB);
    SET(pub, ZMQ_XPUB_VERBOSE, 1); /* would show a repetition */
    WAIT(zmq_bind(pub, at) == 0);
    WAIT(test_events(sub) >= 0 && test_events(pub) & ZMQ_POLLIN);
    RECV(pub, "+A");
    SUBSCRIBE(sub, "fence");
    RECV(pub, "+fence");
    SEND(pub, "A again");
    RECV(sub, "A unread");
    RECV(sub, "A again");
}

Test(sub, loses_no_subscription_to_its_water_mark)
{
    enum { TOPICS = 3000 };
    const char *at = test_endpoint(TEST_TCP);
    void *sub = test_socket(ZMQ_SUB), *pub;
    char topic[16];

    if (!test_newer()) /* 4.3.4 loses all beyond SNDHWM */
        SET(sub, ZMQ_SNDHWM, 0);
    for (int i = 0; i < TOPICS; i++) {
        snprintf(topic, sizeof topic, "%05d", i);
        SUBSCRIBE(sub, topic);
    }
    test_connect(sub, at);
    for (int i = TOPICS; i < 2 * TOPICS; i++) {
        snprintf(topic, sizeof topic, "%05d", i);
        SUBSCRIBE(sub, topic);
    }
    pub = test_bound(ZMQ_XPUB, at);
    for (int i = 0; i < 2 * TOPICS; i++)
        cr_assert_eq(test_recv(pub, 0)[0], '+', "only %d", i);
    SEND(pub, "00000");
    SEND(pub, "05999");
    RECV(sub, "00000");
    RECV(sub, "05999");
}

Test(sub, filters_once_more_by_its_own_set)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_socket(ZMQ_XPUB), *sub = test_socket(ZMQ_SUB);

    SET(pub, ZMQ_XPUB_MANUAL, 1);
    test_bind(pub, at);
    SUBSCRIBE(sub, "A");
    test_connect(sub, at);
    RECV(pub, "+A");
    SUBSCRIBE(pub, ""); /* the publisher sends it everything */
    SEND(pub, "B|A");
    SEND(pub, "A|B");
    RECV(sub, "A|B");
    RECV_GIVES(EAGAIN, sub);
    UNSUBSCRIBE(sub, "A");
    SEND(pub, "A|C");
    RECV_GIVES(EAGAIN, sub);
}

Test(sub, cannot_send)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_bound(ZMQ_PUB, at), *sub = test_connected(ZMQ_SUB, at);

    (void)pub;
    SUBSCRIBE(sub, "");
    FAILS(ENOTSUP, zmq_send(sub, "x", 1, ZMQ_DONTWAIT));
    FAILS(ENOTSUP, zmq_send(sub, "x", 1, ZMQ_SNDMORE));
    cr_assert_eq(test_events(sub), 0);
}

Test(sub, unsubscribed_and_inverted_hears_everything)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pub = test_socket(ZMQ_PUB), *sub = test_socket(ZMQ_SUB);

    SET(pub, ZMQ_INVERT_MATCHING, 1);
    SET(sub, ZMQ_INVERT_MATCHING, 1);
    test_bind(pub, at);
    test_connect(sub, at);
    test_catch_up(pub);
    SEND(pub, "all");
    RECV(sub, "all");
    SUBSCRIBE(sub, "al");
    test_catch_up(pub);
    SEND(pub, "all");
    SEND(pub, "a");
    RECV(sub, "a");
}

Test(sub, hears_several_publishers_in_turn)
{
    const char *at[2] = {test_endpoint(TEST_INPROC), test_endpoint(TEST_INPROC)};
    void *pubs[2] = {test_bound(ZMQ_PUB, at[0]), test_bound(ZMQ_PUB, at[1])};
    void *sub = test_socket(ZMQ_SUB);

    SUBSCRIBE(sub, "");
    test_connect(sub, at[0]);
    test_connect(sub, at[1]);
    test_catch_up(pubs[0]);
    test_catch_up(pubs[1]);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 3; k++)
            SEND(pubs[i], "%d%c", k, 'a' + i);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 2; i++)
            RECV(sub, "%d%c", k, 'a' + i);
}

EACH_STREAM(sub, connecting_twice_to_one_endpoint_makes_one_connection)
{
    const char *at = test_endpoint(transport);
    void *pub = test_socket(ZMQ_XPUB), *sub = test_socket(ZMQ_SUB);

    SET(pub, ZMQ_XPUB_VERBOSE, 1);
    test_bind(pub, at);
    SUBSCRIBE(sub, "A");
    test_connect(sub, at);
    test_connect(sub, at);
    RECV(pub, "+A");
    SUBSCRIBE(sub, "fence");
    RECV(pub, "+fence");
    SEND(pub, "A1");
    SEND(pub, "A2");
    RECV(sub, "A1");
    RECV(sub, "A2");
}

EACH_STREAM(sub, conflate_keeps_the_newest_message_only)
{
    const char *at = test_endpoint(transport);
    void *pub = test_bound(ZMQ_PUB, at), *sub = test_socket(ZMQ_SUB);
    const char *text;
    int times = 0;

    SET(sub, ZMQ_CONFLATE, 1);
    SUBSCRIBE(sub, "");
    test_connect(sub, at);
    do { /* the last number that arrives is the last that was sent after the first arrived */
        SEND(pub, "early");
        test_pause_longer(times++);
    } while (!(test_events(sub) & ZMQ_POLLIN));
    for (int i = 0; i < 500; i++)
        SEND(pub, "%d", i);
    while (strcmp(text = test_recv(sub, 0), "499") != 0)
        cr_assert_neq(text[0], '!', "%s", text);
    RECV_GIVES(EAGAIN, sub);
}

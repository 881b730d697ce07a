/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subscribing and unsubscribing across the two libraries, both ways round.
 */
#include "tests/support/peer.h"

#include <stdio.h>

INTEROP_SUITE(interop_subscriptions);

EACH_STREAM(interop_subscriptions, of_theirs_reach_our_publisher)
{
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *xpub = test_bound(ZMQ_XPUB, at);

    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_SUB);
    PEER(&peer, "connect 0 %s", at);
    PEER(&peer, "text 0 %d A", ZMQ_SUBSCRIBE);
    PEER(&peer, "text 0 %d B", ZMQ_SUBSCRIBE);
    RECV(xpub, "+A");
    RECV(xpub, "+B");
    SEND(xpub, "A1|x");
    SEND(xpub, "C1");
    SEND(xpub, "B1");
    PEER_RECV(&peer, "A1|x");
    PEER_RECV(&peer, "B1");
    PEER(&peer, "text 0 %d A", ZMQ_UNSUBSCRIBE);
    RECV(xpub, "-A");
    SEND(xpub, "A2");
    SEND(xpub, "B2");
    PEER_RECV(&peer, "B2");
    test_peer_kill(&peer);
    RECV(xpub, "-B");
}

EACH_STREAM(interop_subscriptions, of_ours_reach_their_publisher)
{
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *sub = test_socket(ZMQ_SUB);

    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_XPUB);
    PEER(&peer, "bind 0 %s", at);
    test_connect(sub, at);
    SUBSCRIBE(sub, "A");
    SUBSCRIBE(sub, "A");
    SUBSCRIBE(sub, "");
    PEER_RECV(&peer, "+A");
    PEER_RECV(&peer, "+");
    UNSUBSCRIBE(sub, "");
    PEER_RECV(&peer, "-");
    UNSUBSCRIBE(sub, "A");
    PEER(&peer, "send 0 B1");
    PEER(&peer, "send 0 A1");
    RECV(sub, "A1");
    UNSUBSCRIBE(sub, "A");
    PEER_RECV(&peer, "-A");
    SUBSCRIBE(sub, "C");
    PEER_RECV(&peer, "+C");
    PEER(&peer, "send 0 A2");
    PEER(&peer, "send 0 C|2");
    RECV(sub, "C|2");
}

EACH_STREAM(interop_subscriptions, thousands_reach_both_sides)
{
    enum { TOPICS = 900 };
    static struct test_peer peer;
    const char *at[2] = {test_endpoint(transport), test_endpoint(transport)};
    void *xpub = test_bound(ZMQ_XPUB, at[0]), *sub = test_socket(ZMQ_SUB);
    char topic[16];

    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_XPUB);
    PEER(&peer, "bind 0 %s", at[1]);
    PEER(&peer, "open 1 %d", ZMQ_SUB);
    PEER(&peer, "connect 1 %s", at[0]);
    test_connect(sub, at[1]);
    for (int i = 0; i < TOPICS; i++) {
        snprintf(topic, sizeof topic, "t%d.", i);
        SUBSCRIBE(sub, topic);
        PEER(&peer, "text 1 %d %s", ZMQ_SUBSCRIBE, topic);
    }
    for (int i = 0; i < TOPICS; i++) {
        PEER_RECV(&peer, "+t%d.", i);
        RECV(xpub, "+t%d.", i);
    }
    for (int i = 0; i < TOPICS; i += 7) {
        SEND(xpub, "t%d", i);
        SEND(xpub, "t%d.x", i);
        PEER(&peer, "send 0 t%d.y", i);
    }
    for (int i = 0; i < TOPICS; i += 7) {
        PEER_SAYS(&peer, test_text("ok t%d.x", i), "recv 1");
        RECV(sub, "t%d.y", i);
    }
}

EACH_STREAM(interop_subscriptions, are_said_again_when_their_publisher_restarts)
{
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *sub = test_socket(ZMQ_SUB);

    SET(sub, ZMQ_RECONNECT_IVL, 20);
    SUBSCRIBE(sub, "A");
    test_connect(sub, at);
    for (int i = 0; i < 3; i++) {
        test_peer_start(&peer);
        PEER(&peer, "open 0 %d", ZMQ_XPUB);
        PEER(&peer, "bind 0 %s", at);
        test_peer_tell(&peer, "poll 0 %d", TEST_DEADLINE_MS);
        /* Our socket says them again in its own thread. */
        WAIT(test_events(sub) == 0 && test_peer_has_answered(&peer));
        cr_assert_str_eq(test_peer_answer(&peer), "ok 1");
        PEER_RECV(&peer, "+A");
        PEER(&peer, "send 0 A%d", i);
        RECV(sub, "A%d", i);
        test_peer_kill(&peer);
    }
}

EACH_STREAM(interop_subscriptions, their_xsub_talks_up_to_our_xpub)
{
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *xpub = test_bound(ZMQ_XPUB, at);

    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_XSUB);
    PEER(&peer, "connect 0 %s", at);
    PEER(&peer, "send 0 upstream");
    PEER(&peer, "send 0 +topic");
    PEER(&peer, "send 0 two|parts");
    RECV(xpub, "upstream");
    RECV(xpub, "+topic");
    RECV(xpub, "two|parts");
    SEND(xpub, "topic|x");
    PEER_RECV(&peer, "topic|x");
    PEER(&peer, "send 0 -topic");
    RECV(xpub, "-topic");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Either side dies, is stopped or comes back: connections, heartbeats, routing ids, many peers.
 */
#include "tests/support/peer.h"
#include "tests/support/plain.h"

#include <criterion/parameterized.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

INTEROP_SUITE(interop_restart);

enum { TTL_MS = 1500 }; /* for which no side that is well is held up, however busy the machine */

EACH_STREAM(interop_restart, of_the_peer_that_binds_is_survived)
{
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *push = test_socket(ZMQ_PUSH);

    SET(push, ZMQ_RECONNECT_IVL, 10);
    SET(push, ZMQ_IMMEDIATE, 1); /* so a send that succeeds has a peer */
    test_connect(push, at);
    for (int i = 0; i < 4; i++) {
        test_peer_start(&peer);
        PEER(&peer, "open 0 %d", ZMQ_PULL);
        PEER(&peer, "bind 0 %s", at);
        for (int k = 0; k < 20; k++)
            SEND(push, "%d|%d", i, k);
        for (int k = 0; k < 20; k++)
            PEER_RECV(&peer, "%d|%d", i, k);
        test_peer_kill(&peer);
        WAIT(test_events(push) == 0);
    }
}

EACH_STREAM(interop_restart, of_the_peer_that_connects_is_survived)
{
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at);

    SET(router, ZMQ_ROUTER_MANDATORY, 1);
    for (int i = 0; i < 4; i++) {
        test_peer_start(&peer);
        PEER(&peer, "open 0 %d", ZMQ_DEALER);
        PEER(&peer, "text 0 %d D", ZMQ_ROUTING_ID);
        PEER(&peer, "connect 0 %s", at);
        PEER(&peer, "send 0 hello|%d", i);
        RECV(router, "D|hello|%d", i);
        SEND(router, "D|welcome|%d", i);
        PEER_RECV(&peer, "welcome|%d", i);
        test_peer_kill(&peer);
        WAIT(test_send(router, ZMQ_DONTWAIT, "D|gone?") == EHOSTUNREACH);
        RECV_GIVES(EAGAIN, router);
    }
}

EACH_STREAM(interop_restart, of_our_binding_socket_is_survived_by_the_peer)
{
    static struct test_peer peer;
    const char *at = test_endpoint(transport);

    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_REQ);
    PEER(&peer, "set 0 %d 10", ZMQ_RECONNECT_IVL);
    PEER(&peer, "connect 0 %s", at);
    for (int i = 0; i < 4; i++) {
        void *rep = test_socket(ZMQ_REP);

        WAIT(zmq_bind(rep, at) == 0);
        PEER(&peer, "send 0 %d?", i);
        RECV(rep, "%d?", i);
        SEND(rep, "%d!", i);
        PEER_RECV(&peer, "%d!", i);
        test_close(rep);
        /* The next request must not go into the old connection. */
        if (i < 3) {
            int listener = test_plain_listen(at), fd = test_plain_accept(listener);

            close(listener);
            close(fd);
        }
    }
}

EACH_STREAM(interop_restart, of_the_peer_keeps_what_waits_for_it)
{
    enum { MANY = 500 };
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *push = test_socket(ZMQ_PUSH);
    int listener, fd;

    SET(push, ZMQ_RECONNECT_IVL, 10);
    test_connect(push, at);
    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_PULL);
    PEER(&peer, "bind 0 %s", at);
    SEND(push, "first");
    PEER_RECV(&peer, "first");
    test_peer_kill(&peer);
    listener = test_plain_listen(at);
    fd = test_plain_accept(listener); /* so the loss was noticed */
    for (int i = 0; i < MANY; i++)
        SEND_GIVES(0, push, "%d", i);
    close(listener);
    close(fd);
    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_PULL);
    PEER(&peer, "bind 0 %s", at);
    for (int i = 0; i < MANY; i++)
        PEER_RECV(&peer, "%d", i);
}

static void beat(void *socket, struct test_peer *peer, int interval_ms, int timeout_ms, int ttl_ms)
{
    if (socket) {
        SET(socket, ZMQ_HEARTBEAT_IVL, interval_ms);
        SET(socket, ZMQ_HEARTBEAT_TIMEOUT, timeout_ms);
        SET(socket, ZMQ_HEARTBEAT_TTL, ttl_ms);
        return;
    }
    PEER(peer, "set 0 %d %d", ZMQ_HEARTBEAT_IVL, interval_ms);
    PEER(peer, "set 0 %d %d", ZMQ_HEARTBEAT_TIMEOUT, timeout_ms);
    PEER(peer, "set 0 %d %d", ZMQ_HEARTBEAT_TTL, ttl_ms);
}

EACH_STREAM(interop_restart, heartbeats_notice_a_stopped_peer)
{
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *push = test_socket(ZMQ_PUSH);

    beat(push, NULL, 50, 2000, 0);
    test_bind(push, at);
    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_PULL);
    PEER(&peer, "set 0 %d 10", ZMQ_RECONNECT_IVL);
    PEER(&peer, "connect 0 %s", at);
    SEND(push, "before");
    PEER_RECV(&peer, "before");
    cr_assert_eq(kill(peer.pid, SIGSTOP), 0);
    WAIT(test_events(push) == 0); /* given up for dead */
    cr_assert_eq(kill(peer.pid, SIGCONT), 0);
    SEND(push, "after"); /* it comes back by itself */
    PEER_RECV(&peer, "after");
}

static bool is_lost_in(void *push, int ms)
{
    int64_t until_ms = test_now_ms() + ms;

    while (test_events(push) != 0) {
        if (test_now_ms() > until_ms)
            return false;
        test_pause();
    }
    return true;
}

EACH_STREAM(interop_restart, a_ttl_tells_us_when_to_give_the_peer_up)
{
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *push = test_bound(ZMQ_PUSH, at); /* has no heartbeats of its own */
    bool is_lost;
    int stops = 0;

    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_PULL);
    PEER(&peer, "set 0 %d 10", ZMQ_RECONNECT_IVL);
    beat(NULL, &peer, 50, TEST_DEADLINE_MS, TTL_MS);
    PEER(&peer, "connect 0 %s", at);
    SEND(push, "before");
    PEER_RECV(&peer, "before");
    /* The first PING, which brings the TTL, has come by now, or before one of the next stops. */
    do {
        cr_assert_lt(stops++, 10, "it is never given up");
        PEER_SAYS(&peer, "ok 0", "poll 0 150");
        cr_assert_eq(kill(peer.pid, SIGSTOP), 0);
        is_lost = is_lost_in(push, 3 * TTL_MS);
        cr_assert_eq(kill(peer.pid, SIGCONT), 0);
    } while (!is_lost);
    SEND(push, "after");
    PEER_RECV(&peer, "after");
}

EACH_STREAM(interop_restart, heartbeats_keep_an_idle_connection)
{
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *dealer = test_socket(ZMQ_DEALER);

    beat(dealer, NULL, 20, TTL_MS, TTL_MS);
    SET(dealer, ZMQ_RECONNECT_IVL, -1); /* would not come back */
    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_DEALER);
    beat(NULL, &peer, 20, TTL_MS, TTL_MS);
    PEER(&peer, "bind 0 %s", at);
    test_connect(dealer, at);
    SEND(dealer, "1");
    PEER_RECV(&peer, "1");
    PEER_SAYS(&peer, "ok 0", test_text("poll 0 %d", 5 * TTL_MS / 2)); /* several time-outs long */
    SEND(dealer, "2");
    PEER_RECV(&peer, "2");
    PEER(&peer, "send 0 3");
    RECV(dealer, "3");
}

EACH_STREAM(interop_restart, connect_routing_id_and_probe_work_across)
{
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *router = test_socket(ZMQ_ROUTER);

    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_ROUTER);
    PEER(&peer, "text 0 %d theirs", ZMQ_ROUTING_ID);
    PEER(&peer, "bind 0 %s", at);
    SET_TEXT(router, ZMQ_ROUTING_ID, "ours");
    SET(router, ZMQ_PROBE_ROUTER, 1);
    SET_TEXT(router, ZMQ_CONNECT_ROUTING_ID, "X");
    test_connect(router, at);
    PEER_RECV(&peer, "ours|");
    SEND(router, "X|hello");
    PEER_RECV(&peer, "ours|hello");
    PEER(&peer, "send 0 ours|answer");
    RECV(router, "X|answer");
}

EACH_STREAM(interop_restart, our_router_serves_two_hundred_peers)
{
    enum { PEERS = 200 };
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at);
    static char ids[PEERS][8];
    int heard = 0;

    test_peer_start(&peer);
    PEER(&peer, "crowd 0 %d %d %s", PEERS, ZMQ_DEALER, at);
    PEER(&peer, "each 0 %d n", PEERS);
    while (heard < PEERS) {
        char id[8], text[16] = "";
        int number, size = zmq_recv(router, id, sizeof id, 0);

        cr_assert_eq(size, 5, "after %d: %s", heard, test_error(errno));
        cr_assert_gt(zmq_recv(router, text, sizeof text - 1, 0), 0);
        number = atoi(text + 1);
        cr_assert(text[0] == 'n' && number >= 0 && number < PEERS && !ids[number][5]);
        memcpy(ids[number], id, 5);
        ids[number][5] = 1;
        heard++;
    }
    for (int i = PEERS - 1; i >= 0; i--) {
        cr_assert_eq(zmq_send(router, ids[i], 5, ZMQ_SNDMORE), 5);
        SEND(router, "you are %d", i);
    }
    for (int i = 0; i < PEERS; i += 13)
        PEER_SAYS(&peer, test_text("ok you are %d", i), "recv %d", i);
}

EACH_STREAM(interop_restart, two_hundred_sockets_of_ours_reach_their_router)
{
    enum { PEERS = 200 };
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *dealers[PEERS];

    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_ROUTER);
    PEER(&peer, "bind 0 %s", at);
    for (int i = 0; i < PEERS; i++) {
        dealers[i] = test_socket(ZMQ_DEALER);
        SET_TEXT(dealers[i], ZMQ_ROUTING_ID, test_text("d%d", i));
        test_connect(dealers[i], at);
        SEND(dealers[i], "from %d", i);
    }
    for (int i = 0; i < PEERS; i++) {
        int number;

        test_peer_tell(&peer, "recv 0");
        number = atoi(test_peer_answer(&peer) + 4);
        PEER(&peer, "send 0 d%d|to %d", number, number);
    }
    for (int i = 0; i < PEERS; i++)
        RECV(dealers[i], "to %d", i);
}

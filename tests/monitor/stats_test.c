/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of sockets and connections are exact: what was sent was received, or dropped for a
 * reason that is told.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/monitor/numbers.h"
#include "tests/monitor/watch.h"
#include "tests/support/plain.h"

#include <unistd.h>

TEST_SUITE(stats);

enum { MANY = 20000 };

/* Sends and receives in turns, so that nobody waits. */
static void pass(void *from, void *to, int count)
{
    char got[16];
    int sent = 0, received = 0;

    while (received < count) {
        while (sent < count && zmq_send(from, "0123456789", 10, ZMQ_DONTWAIT) == 10)
            sent++;
        while (zmq_recv(to, got, sizeof got, ZMQ_DONTWAIT) >= 0)
            received++;
    }
}

EACH_TRANSPORT(stats, counts_what_a_pipeline_passes)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    struct zuring_socket_stats out, in;
    struct zuring_connection_stats one;
    /* A body of ten bytes, and a header of two; a WebSocket's has a mask and a byte of its own. */
    uint64_t each = transport == TEST_WS ? 17 : 12;

    pass(push, pull, MANY);
    out = of(push);
    in = of(pull);
    cr_assert_eq(out.type, ZMQ_PUSH);
    cr_assert_eq(out.sent, MANY);
    cr_assert_eq(in.received, MANY);
    cr_assert_eq(out.received + in.sent, 0);
    cr_assert_eq(out.out_waiting + in.in_waiting, 0);
    cr_assert_gt(in.in_most, 0);
    cr_assert_leq(in.in_most, 2 * 1000 + 1);
    cr_assert_eq(out.connections, 1);
    cr_assert_neq(out.socket, in.socket);
    one = only_connection(pull);
    cr_assert_eq(one.socket, in.socket);
    cr_assert_eq(one.received, MANY);
    cr_assert_eq(one.local_process, transport == TEST_INPROC);
    if (transport == TEST_INPROC) {
        cr_assert_eq(in.bytes_in, 0);
        return;
    }
    cr_assert_gt(in.bytes_in, MANY * each - 1);
    cr_assert_lt(in.bytes_in, MANY * each + 1000, "%llu", (unsigned long long)in.bytes_in);
    WAIT(of(push).bytes_out >= MANY * each); /* the completion may come behind the peer's receive */
    cr_assert_neq(one.connection, 0);
    cr_assert_gt(one.active_ms, 0);
    cr_assert_str_eq(one.local, at);
}

/* What lies between two of them, neither of whose queues takes much, is little, too. */
static void narrow(void *s)
{
    SET(s, ZMQ_SNDHWM, 10);
    SET(s, ZMQ_RCVHWM, 10);
    SET(s, ZMQ_SNDBUF, 8192);
    SET(s, ZMQ_RCVBUF, 8192);
}

static void expect_a_drop_by(int64_t until_ms, void *s, uint64_t said)
{
    struct zuring_socket_stats is;

    if (test_now_ms() < until_ms)
        return;
    is = of(s);
    cr_assert_fail("nothing is ever dropped: %llu said to %llu, %llu sent, %llu waiting, "
                   "%llu filtered, %llu to nobody, %llu lost",
                   (unsigned long long)said, (unsigned long long)is.connections,
                   (unsigned long long)is.sent, (unsigned long long)is.out_waiting,
                   (unsigned long long)is.dropped_filtered, (unsigned long long)is.dropped_no_route,
                   (unsigned long long)is.dropped_lost);
}

/* What is sent has been received, or was dropped, by reason. */
EACH_TRANSPORT(stats, accounts_for_every_message_of_a_publisher)
{
    enum { SUBS = 3 };
    const char *at = test_endpoint(transport), *topics[SUBS] = {"", "a", "b"};
    void *pub = test_socket(ZMQ_XPUB), *subs[SUBS];
    struct zuring_socket_stats p, all = {0};
    char got[16];
    uint64_t published = 0;
    int64_t until_ms = test_now_ms() + TEST_DEADLINE_MS;

    narrow(pub);
    test_bind(pub, at);
    cr_assert_eq(zmq_send(pub, "a", 1, 0), 1); /* nobody is there */
    cr_assert_eq(of(pub).dropped_no_route, 1);
    for (int i = 0; i < SUBS; i++) {
        subs[i] = test_socket(ZMQ_SUB);
        narrow(subs[i]);
        SUBSCRIBE(subs[i], topics[i]);
        test_connect(subs[i], at);
    }
    for (int i = 0; i < SUBS; i++) /* all have subscribed */
        cr_assert_neq(test_recv(pub, 0)[0], '!');
    cr_assert_eq(of(pub).connections, SUBS);
    for (; published < MANY || of(pub).dropped_water_mark == 0; published++) {
        cr_assert_eq(zmq_send(pub, published % 2 ? "a" : "b", 1, 0), 1);
        expect_a_drop_by(until_ms, pub, published);
        if (published % 1000 == 0) /* now and then somebody reads */
            zmq_recv(subs[published / 1000 % SUBS], got, sizeof got, ZMQ_DONTWAIT);
    }
    p = of(pub);
    cr_assert_eq(p.sent + p.dropped_water_mark + p.dropped_filtered, published * SUBS);
    WAIT(({
        all = (struct zuring_socket_stats){0};
        for (int i = 0; i < SUBS; i++) {
            while (zmq_recv(subs[i], got, sizeof got, ZMQ_DONTWAIT) >= 0)
                continue;
            all.received += of(subs[i]).received;
        }
        all.received >= p.sent;
    }));
    cr_assert_eq(all.received, p.sent);
}

Test(stats, counts_what_a_subscriber_throws_away)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *xpub = test_bound(ZMQ_XPUB, at), *sub = test_socket(ZMQ_SUB);
    char got[16];

    SET(xpub, ZMQ_XPUB_MANUAL, 1); /* it sends what was not asked for */
    SUBSCRIBE(sub, "wanted");
    test_connect(sub, at);
    cr_assert_eq(zmq_recv(xpub, got, sizeof got, 0), 7);
    OK(zmq_setsockopt(xpub, ZMQ_SUBSCRIBE, "", 0));
    for (int i = 0; i < 10; i++)
        SEND(xpub, i % 2 ? "wanted" : "other");
    for (int i = 0; i < 5; i++)
        RECV(sub, "wanted");
    RECV_GIVES(EAGAIN, sub);
    cr_assert_eq(of(sub).dropped_filtered, 5);
    cr_assert_eq(of(xpub).sent, 10);
}

EACH_TRANSPORT(stats, accounts_for_every_message_of_a_router)
{
    const char *at = test_endpoint(transport);
    void *router = test_socket(ZMQ_ROUTER), *dealer = test_socket(ZMQ_DEALER);
    struct zuring_socket_stats r;
    char got[16];
    uint64_t said = 0, received = 0;
    int64_t until_ms = test_now_ms() + TEST_DEADLINE_MS;

    narrow(router);
    narrow(dealer);
    SET_TEXT(dealer, ZMQ_ROUTING_ID, "me");
    test_bind(router, at);
    test_connect(dealer, at);
    SEND(dealer, "here");
    RECV(router, "me|here");
    for (; said < MANY || of(router).dropped_water_mark == 0; said++) {
        const char *to = said % 4 == 3 ? "no" : "me";

        cr_assert_eq(zmq_send(router, to, 2, ZMQ_SNDMORE), 2);
        cr_assert_eq(zmq_send(router, "x", 1, 0), 1);
        expect_a_drop_by(until_ms, router, said);
    }
    r = of(router);
    cr_assert_eq(r.dropped_no_route, said / 4);
    cr_assert_eq(r.sent + r.dropped_water_mark + r.dropped_no_route, said);
    WAIT({
        while (zmq_recv(dealer, got, sizeof got, ZMQ_DONTWAIT) >= 0)
            received++;
        received >= r.sent;
    });
    cr_assert_eq(received, r.sent);
    cr_assert_eq(of(dealer).received, r.sent);
}

Test(stats, accounts_for_what_is_conflated)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_socket(ZMQ_PULL), *push = test_socket(ZMQ_PUSH);
    struct zuring_socket_stats out;

    SET(pull, ZMQ_CONFLATE, 1);
    SET(push, ZMQ_CONFLATE, 1);
    test_bind(pull, at);
    test_connect(push, at);
    for (int i = 0; i < 100; i++)
        SEND(push, "%d", i);
    RECV(pull, "99");
    out = of(push);
    cr_assert_eq(out.sent, 100);
    cr_assert_eq(out.dropped_conflated, 99);
    cr_assert_eq(of(pull).received, 1);
    cr_assert_eq(out.out_waiting, 0);
}

EACH_TRANSPORT(stats, counts_requests_and_replies)
{
    const char *at = test_endpoint(transport);
    void *rep = test_bound(ZMQ_REP, at), *req = test_connected(ZMQ_REQ, at);

    for (int i = 0; i < 100; i++) {
        SEND(req, "ask");
        RECV(rep, "ask");
        SEND(rep, "answer");
        RECV(req, "answer");
    }
    cr_assert_eq(of(req).sent, 100);
    cr_assert_eq(of(req).received, 100);
    cr_assert_eq(of(rep).sent, 100);
    cr_assert_eq(of(rep).received, 100);
}

EACH_STREAM(stats, tells_what_waits_and_for_whom)
{
    const char *at = test_endpoint(transport);
    void *push = test_connected(ZMQ_PUSH, at), *pull;

    for (int i = 0; i < 7; i++) /* nobody listens yet */
        SEND(push, "%d", i);
    cr_assert_eq(of(push).out_waiting, 7);
    cr_assert_eq(only_connection(push).out_waiting, 7);
    cr_assert_eq(only_connection(push).connection, 0);
    cr_assert(only_connection(push).dialed);
    pull = test_bound(ZMQ_PULL, at);
    RECV(pull, "0");
    WAIT(of(pull).in_waiting == 6);
    cr_assert_eq(of(push).out_waiting, 0);
}

EACH_STREAM(stats, keeps_the_sums_of_connections_that_have_gone)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at);

    for (int i = 0; i < 5; i++) {
        void *push = test_connected(ZMQ_PUSH, at);

        SEND(push, "one");
        RECV(pull, "one");
        test_close(push);
        WAIT((test_catch_up(pull), of(pull).connections == 0));
    }
    cr_assert_eq(of(pull).received, 5);
    cr_assert_gt(of(pull).bytes_in, 25);
    cr_assert_eq(of(pull).in_most, 1);
}

EACH_STREAM(stats, counts_reconnects_of_one_who_dials)
{
    const char *at = test_endpoint(transport);
    void *push = test_socket(ZMQ_PUSH), *pull = test_bound(ZMQ_PULL, at);
    uint64_t first;

    SET(push, ZMQ_RECONNECT_IVL, 10);
    test_connect(push, at);
    SEND(push, "one");
    RECV(pull, "one");
    first = only_connection(push).connection;
    test_close(pull);
    WAIT(only_connection(push).connection == 0);
    pull = test_socket(ZMQ_PULL);
    WAIT(zmq_bind(pull, at) == 0); /* the listener goes a moment after the connections */
    SEND(push, "two");
    RECV(pull, "two");
    cr_assert_eq(of(push).reconnects, 1);
    cr_assert_gt(only_connection(push).connection, first);
    cr_assert_eq(only_connection(push).sent, 2);
}

/* With ZMQ_IMMEDIATE each connection has a pipe of its own: none of them counts for another. */
EACH_STREAM(stats, counts_each_connection_once_with_immediate)
{
    enum { TIMES = 4 };
    const char *at = test_endpoint(transport);
    void *push = test_socket(ZMQ_PUSH), *pull = test_bound(ZMQ_PULL, at);

    SET(push, ZMQ_IMMEDIATE, 1);
    SET(push, ZMQ_RECONNECT_IVL, 10);
    test_connect(push, at);
    for (uint64_t i = 1; i <= TIMES; i++) {
        SEND(push, "one");
        RECV(pull, "one");
        OK(zuring_disconnect_connection(pull, only_connection(pull).connection));
        WAIT((test_catch_up(pull), of(pull).connections == 0));
        WAIT((test_catch_up(push), of(push).reconnects == i));
    }
    cr_assert_eq(of(push).sent, TIMES);
    WAIT((test_catch_up(pull), of(pull).bytes_in == of(push).bytes_out));
    WAIT((test_catch_up(pull), of(pull).bytes_out == of(push).bytes_in));
}

Test(stats, counts_the_events_that_its_monitor_lost)
{
    const char *at = test_endpoint(TEST_IPC);
    void *s = test_socket(ZMQ_PULL);

    OK(zmq_socket_monitor(s, watch_name(), ZMQ_EVENT_LISTENING));
    for (int i = 0; i < 600; i++) {
        WAIT(zmq_bind(s, at) == 0); /* descriptors of the last ones may be closing yet */
        OK(zmq_unbind(s, at));
    }
    cr_assert_eq(of(s).events_lost, 600 - 512);
}

Test(stats, fits_whatever_header_the_caller_has)
{
    void *s = test_socket(ZMQ_PULL);
    uint64_t large[64];

    FAILS(ENOTSOCK, zuring_stats_socket(NULL, (void *)large, 8));
    FAILS(EFAULT, zuring_stats_socket(s, NULL, 8));
    FAILS(EINVAL, zuring_stats_socket(s, (void *)large, 9));
    memset(large, 0xff, sizeof large);
    OK(zuring_stats_socket(s, (void *)large, 16));
    cr_assert_eq(large[1], ZMQ_PULL);
    cr_assert_eq(large[2], UINT64_MAX, "no more than it has room for");
    OK(zuring_stats_socket(s, (void *)large, sizeof large));
    cr_assert_eq(large[63], 0);
    cr_assert_eq(zuring_stats_connections(s, NULL, 8, 0), 0);
    FAILS(EFAULT, zuring_stats_connections(s, NULL, 8, 1));
}

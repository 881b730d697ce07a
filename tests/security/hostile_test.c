/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strangers in numbers, and peers that the application has had enough of.
 */
#define ZMQ_BUILD_DRAFT_API /* zmq_socket_monitor_versioned */
#include "tests/monitor/watch.h"
#include "tests/support/plain.h"
#include "tests/support/rawpeer.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zuring.h>

TEST_SUITE(hostile);

enum { RETRY_MS = 20 };

#define MOST_EVENTS                                                                                \
    (ZMQ_EVENT_ALL & ~(ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED |      \
                       ZMQ_EVENT_CONNECTED))

/* ---- strangers ---- */

EACH_STREAM(hostile, the_oldest_stranger_makes_room_for_the_next)
{
    const char *at = test_endpoint(transport);
    void *server = test_socket(ZMQ_PULL), *reader = watch(server, MOST_EVENTS);
    int peers[4];

    SET(server, ZURING_HANDSHAKES_MAX, 3);
    test_bind(server, at);
    for (int i = 0; i < 4; i++) {
        peers[i] = raw_dial(at);
        raw_expect(peers[i], RAW_SIGNATURE); /* it has come in */
    }
    raw_expect_close(peers[0]);
    EVENTS(reader, "HANDSHAKE_FAILED_NO_DETAIL=%d@%s DISCONNECTED", ECONNABORTED, at);
    for (int i = 1; i < 4; i++)
        raw_expect_quiet(peers[i], 10);
    for (int i = 0; i < 4; i++)
        raw_close(&peers[i]);
}

/* Who is through is no stranger, and makes no room. */
Test(hostile, who_has_come_in_stays)
{
    const char *at = test_endpoint(TEST_TCP);
    void *server = test_socket(ZMQ_PULL), *client, *reader;
    int peers[3];

    SET(server, ZURING_HANDSHAKES_MAX, 1);
    test_bind(server, at);
    client = test_connected(ZMQ_PUSH, at);
    SEND(client, "in");
    RECV(server, "in");
    reader = watch(server, MOST_EVENTS);
    for (int i = 0; i < 3; i++) {
        peers[i] = raw_dial(at);
        raw_expect(peers[i], RAW_SIGNATURE);
        if (i > 0)
            raw_expect_close(peers[i - 1]);
    }
    SEND(client, "still");
    RECV(server, "still");
    EVENTS(reader, "HANDSHAKE_FAILED_NO_DETAIL DISCONNECTED HANDSHAKE_FAILED_NO_DETAIL");
    for (int i = 0; i < 3; i++)
        raw_close(&peers[i]);
}

/* However many are at the door and say nothing, an honest peer comes in. */
Test(hostile, an_honest_peer_comes_in_through_a_crowd)
{
    enum { CROWD = 60, HONEST = 20 };
    const char *at = test_endpoint(TEST_TCP);
    void *server = test_socket(ZMQ_PULL);
    int crowd[CROWD];

    SET(server, ZURING_HANDSHAKES_MAX, 10);
    test_bind(server, at);
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = raw_dial(at);
        if (i % (CROWD / HONEST) == 0) {
            void *client = test_connected(ZMQ_PUSH, at);

            SEND(client, "honest %d", i);
            RECV(server, "honest %d", i);
            test_close(client);
        }
    }
    for (int i = 0; i < CROWD; i++)
        raw_close(&crowd[i]);
}

/* Several loops: the listener's and the sessions' are others. */
Test(hostile, strangers_are_counted_over_all_loops)
{
    const char *at = test_endpoint(TEST_TCP);
    void *server;
    int peers[6];

    OK(zmq_ctx_set(test_ctx(), ZMQ_IO_THREADS, 3));
    server = test_socket(ZMQ_PULL);
    SET(server, ZURING_HANDSHAKES_MAX, 2);
    test_bind(server, at);
    for (int i = 0; i < 6; i++) {
        peers[i] = raw_dial(at);
        raw_expect(peers[i], RAW_SIGNATURE);
    }
    for (int i = 0; i < 4; i++)
        raw_expect_close(peers[i]);
    for (int i = 4; i < 6; i++) {
        raw_send(peers[i], RAW_SIGNATURE RAW_NULL(01));
        raw_expect(peers[i], RAW_NULL(01) "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'PULL'");
    }
    for (int i = 0; i < 6; i++)
        raw_close(&peers[i]);
}

/* One who is asked about is a stranger still. */
Test(hostile, whoever_the_handler_thinks_about_is_a_stranger)
{
    const char *at = test_endpoint(TEST_TCP);
    void *handler = test_bound(ZMQ_REP, "inproc://zeromq.zap.01");
    void *server = test_socket(ZMQ_PULL);
    int first, second;

    SET_TEXT(server, ZMQ_ZAP_DOMAIN, "TEST");
    SET(server, ZURING_HANDSHAKES_MAX, 1);
    test_bind(server, at);
    first = raw_dial(at);
    raw_greet(first, 1);
    test_recv(handler, 0);
    second = raw_dial(at);
    raw_expect_close(first);
    SEND(handler, "1.0|1|200|OK||"); /* to nobody */
    raw_greet(second, 1);
    test_recv(handler, 0);
    raw_close(&first);
    raw_close(&second);
}

/* Each is looked for among all before it. */
static size_t write_properties(uint8_t *at, int count)
{
    size_t size = 6 + 20;

    memcpy(at, "\5READY\13Socket-Type\0\0\0\4PUSH", size);
    for (int i = 1; i < count; i++, size += 7)
        memcpy(at + size, (uint8_t[]){2, (uint8_t)(i >> 8), (uint8_t)i, 0, 0, 0, 0}, 7);
    return size;
}

Test(hostile, a_peer_may_have_so_many_properties_and_no_more)
{
    enum { MAX = 256 };
    const char *at = test_endpoint(TEST_TCP);
    void *server = test_bound(ZMQ_PULL, at);

    for (int count = MAX; count <= MAX + 1; count++) {
        uint8_t body[32 + 7 * MAX];
        size_t size = write_properties(body, count);
        uint8_t head[9] = {6, [7] = (uint8_t)(size >> 8), [8] = (uint8_t)size};
        int peer = raw_dial(at);

        raw_greet(peer, 1);
        raw_expect_ready(peer, "PULL", NULL);
        raw_send_bytes(peer, head, sizeof head);
        raw_send_bytes(peer, body, size);
        if (count == MAX) {
            raw_send_part(peer, true, "in", 2);
            RECV(server, "in");
        } else {
            raw_expect_close(peer);
        }
        raw_close(&peer);
    }
}

/* What he has not read stays his; the context ends all the same: see test_end. */
EACH_STREAM(hostile, a_peer_who_does_not_read_does_not_hold_up_the_end)
{
    const char *at = test_endpoint(transport);
    void *server = test_bound(ZMQ_DEALER, at);
    int peer = raw_dial(at);

    raw_greet(peer, 1);
    raw_send_ready(peer, "DEALER", NULL);
    raw_send_part(peer, true, "in", 2);
    RECV(server, "in");
    SET(server, ZMQ_LINGER, -1);
    SEND(server, "unread");
    test_close(server);
    test_end();
    raw_expect_ready(peer, "DEALER", "");
    raw_expect_part(peer, true, "unread", 6);
    raw_expect_close(peer);
    raw_close(&peer);
}

/* ---- addresses ---- */

/* The server speaks first; or it has closed. */
static bool has_come_in(int fd)
{
    char byte;

    return raw_readable(fd, RAW_DEADLINE_MS) && recv(fd, &byte, 1, MSG_PEEK) == 1;
}

Test(hostile, an_address_has_as_many_connections_as_it_may)
{
    const char *at = test_endpoint(TEST_TCP);
    void *server = test_socket(ZMQ_PULL), *reader = watch(server, ZMQ_EVENT_ACCEPT_FAILED);
    int peers[3];

    SET(server, ZURING_CONNECTIONS_PER_ADDRESS, 2);
    test_bind(server, at);
    for (int i = 0; i < 2; i++) {
        peers[i] = raw_dial(at);
        raw_expect(peers[i], RAW_SIGNATURE);
    }
    peers[2] = raw_dial(at);
    raw_expect_close(peers[2]);
    EVENTS(reader, "ACCEPT_FAILED=%d", EUSERS);
    raw_close(&peers[2]);
    raw_close(&peers[0]);
    do { /* until the server has seen that one go */
        raw_close(&peers[2]);
        peers[2] = raw_dial(at);
    } while (!has_come_in(peers[2]));
    raw_expect(peers[2], RAW_SIGNATURE);
    raw_close(&peers[1]);
    raw_close(&peers[2]);
}

/* Over ipc a process has its own. */
Test(hostile, a_process_has_as_many_connections_as_it_may)
{
    const char *at = test_endpoint(TEST_IPC);
    void *server = test_socket(ZMQ_PULL), *reader = watch(server, ZMQ_EVENT_ACCEPT_FAILED);
    int first, second;

    SET(server, ZURING_CONNECTIONS_PER_ADDRESS, 1);
    test_bind(server, at);
    first = raw_dial(at);
    raw_expect(first, RAW_SIGNATURE);
    second = raw_dial(at);
    raw_expect_close(second);
    EVENTS(reader, "ACCEPT_FAILED=%d", EUSERS);
    raw_close(&first);
    raw_close(&second);
}

Test(hostile, the_bounds_have_a_default_and_no_sign)
{
    void *s = test_socket(ZMQ_PULL);

    cr_assert_eq(test_get(s, ZURING_HANDSHAKES_MAX), 16384);
    cr_assert_eq(test_get(s, ZURING_CONNECTIONS_PER_ADDRESS), 0);
    FAILS(EINVAL, test_set(s, ZURING_HANDSHAKES_MAX, -1));
    FAILS(EINVAL, test_set(s, ZURING_CONNECTIONS_PER_ADDRESS, -1));
    SET(s, ZURING_HANDSHAKES_MAX, 0);
    cr_assert_eq(test_get(s, ZURING_HANDSHAKES_MAX), 0);
}

/* ---- who is sent away ---- */

/* What is sent into a connection that has just ended is lost with it. */
static void send_until_heard(void *from, void *to, const char *text)
{
    int times = 0;

    do {
        SEND(from, "%s", text);
        test_pause_longer(times++);
    } while (!(test_events(to) & ZMQ_POLLIN));
}

EACH_TRANSPORT(hostile, a_router_sends_a_peer_away)
{
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at), *bad = test_socket(ZMQ_DEALER);
    void *good = test_socket(ZMQ_DEALER);

    SET(bad, ZMQ_RECONNECT_IVL, -1);
    SET_TEXT(bad, ZMQ_ROUTING_ID, "bad");
    SET_TEXT(good, ZMQ_ROUTING_ID, "good");
    SET(router, ZMQ_ROUTER_MANDATORY, 1);
    test_connect(bad, at);
    test_connect(good, at);
    SEND(bad, "1");
    RECV(router, "bad|1");
    SEND(good, "1");
    RECV(router, "good|1");
    OK(zuring_disconnect_peer(router, "bad", 3));
    SEND_GIVES(EHOSTUNREACH, router, "bad|you");
    FAILS(EHOSTUNREACH, zuring_disconnect_peer(router, "bad", 3));
    SEND(router, "good|you");
    RECV(good, "you");
    SEND(good, "2");
    RECV(router, "good|2");
}

/* Who dials again comes in again; to keep him out is the ZAP handler's affair. */
Test(hostile, who_was_sent_away_may_come_back)
{
    const char *at = test_endpoint(TEST_TCP);
    void *router = test_bound(ZMQ_ROUTER, at), *client = test_socket(ZMQ_DEALER);

    SET(client, ZMQ_RECONNECT_IVL, RETRY_MS);
    SET_TEXT(client, ZMQ_ROUTING_ID, "peer");
    test_connect(client, at);
    SEND(client, "1");
    RECV(router, "peer|1");
    OK(zuring_disconnect_peer(router, "peer", 4));
    send_until_heard(client, router, "2");
    RECV(router, "peer|2");
}

Test(hostile, a_rep_and_a_stream_do_too)
{
    const char *at[] = {test_endpoint(TEST_TCP), test_endpoint(TEST_TCP)};
    void *rep = test_bound(ZMQ_REP, at[0]), *req = test_socket(ZMQ_REQ);
    void *stream = test_bound(ZMQ_STREAM, at[1]);
    unsigned char id[5];
    int peer;

    SET(req, ZMQ_RECONNECT_IVL, -1);
    SET_TEXT(req, ZMQ_ROUTING_ID, "asker");
    test_connect(req, at[0]);
    SEND(req, "question");
    RECV(rep, "question");
    OK(zuring_disconnect_peer(rep, "asker", 5));
    SEND(rep, "to nobody");
    FAILS(EHOSTUNREACH, zuring_disconnect_peer(rep, "asker", 5));
    peer = test_plain_connect(at[1]);
    test_recv_from(stream, id, "");
    OK(zuring_disconnect_peer(stream, id, sizeof id));
    WAIT(test_plain_has_ended(peer));
    close(peer);
}

/* Any type, by the number that events give. */
Test(hostile, a_connection_is_ended_by_its_number)
{
    const char *at = test_endpoint(TEST_TCP), *name = watch_name();
    void *pull = test_socket(ZMQ_PULL), *reader, *push = test_socket(ZMQ_PUSH);
    struct zuring_event e;

    OK(zmq_socket_monitor_versioned(pull, name, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, ZURING_EVENT_VERSION,
                                    ZMQ_PAIR));
    reader = watch_reader(ZMQ_PAIR, name);
    test_bind(pull, at);
    SET(push, ZMQ_RECONNECT_IVL, RETRY_MS);
    test_connect(push, at);
    SEND(push, "1");
    RECV(pull, "1");
    cr_assert_eq(zmq_recv(reader, &e, sizeof e, 0), (int)sizeof e);
    cr_assert_neq(e.connection, 0);
    FAILS(EHOSTUNREACH, zuring_disconnect_connection(pull, 0));
    FAILS(EHOSTUNREACH, zuring_disconnect_connection(pull, e.connection + 1000));
    OK(zuring_disconnect_connection(pull, e.connection));
    FAILS(EHOSTUNREACH, zuring_disconnect_connection(pull, e.connection));
    cr_assert_eq(zmq_recv(reader, &e, sizeof e, 0), (int)sizeof e); /* it has come back */
    SEND(push, "2");
    RECV(pull, "2");
}

/* One that we have dialed is dialed again. */
Test(hostile, whom_we_have_dialed_comes_back)
{
    const char *at = test_endpoint(TEST_TCP);
    void *peer = test_socket(ZMQ_DEALER), *router = test_socket(ZMQ_ROUTER);

    SET(router, ZMQ_RECONNECT_IVL, RETRY_MS);
    SET_TEXT(peer, ZMQ_ROUTING_ID, "peer");
    test_bind(peer, at);
    test_connect(router, at);
    SEND(peer, "1");
    RECV(router, "peer|1");
    OK(zuring_disconnect_peer(router, "peer", 4));
    send_until_heard(peer, router, "2");
    RECV(router, "peer|2");
}

Test(hostile, who_cannot_be_named_is_not_sent_away)
{
    void *pull = test_socket(ZMQ_PULL), *router = test_socket(ZMQ_ROUTER);

    FAILS(ENOTSUP, zuring_disconnect_peer(pull, "x", 1));
    FAILS(EHOSTUNREACH, zuring_disconnect_peer(router, "x", 1));
    FAILS(EHOSTUNREACH, zuring_disconnect_peer(router, "", 0));
    FAILS(EFAULT, zuring_disconnect_peer(router, NULL, 1));
    FAILS(ENOTSOCK, zuring_disconnect_peer(NULL, "x", 1));
    FAILS(ENOTSOCK, zuring_disconnect_connection(NULL, 1));
}

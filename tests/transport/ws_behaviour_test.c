/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws: endpoints and paths, bodies of every form of a frame's size, every mechanism, who joins whom,
 * the beginning and the end of connections. What strangers may say is in scripted_web.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/monitor/watch.h"
#include "tests/support/body.h"

#include <stdlib.h>

TEST_SUITE(ws);

enum { RETRY_MS = 20 };

static const char *bound_at(void *socket, const char *pattern)
{
    static char at[256];
    size_t size = sizeof at;

    test_bind(socket, pattern);
    OK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, at, &size));
    return at;
}

Test(ws, is_there)
{
    cr_assert_eq(zmq_has("WS"), 1);
    cr_assert_eq(zmq_has("ws"), 0);
}

Test(ws, endpoints_have_a_path)
{
    static const struct {
        const char *pattern, *before, *path;
    } all[] = {
        {"ws://127.0.0.1:*", "ws://127.0.0.1:", "/"},
        {"ws://*:*/", "ws://0.0.0.0:", "/"},
        {"ws://lo:0/a/b?c=d", "ws://127.0.0.1:", "/a/b?c=d"},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        void *pull = test_socket(ZMQ_PULL);
        const char *at = bound_at(pull, all[i].pattern);
        int port = atoi(strrchr(at, ':') + 1);
        void *push = test_connected(ZMQ_PUSH, test_text("ws://localhost:%d/other", port));

        cr_assert_eq(strncmp(at, all[i].before, strlen(all[i].before)), 0, "%s", at);
        cr_assert_str_eq(strchr(at + 5, '/'), all[i].path);
        SEND(push, "there|it is");
        RECV(pull, "there|it is");
        FAILS(ENOENT, zmq_unbind(pull, test_text("ws://127.0.0.1:%d/wrong", port)));
        OK(zmq_unbind(pull, at));
    }
}

Test(ws, an_endpoint_is_found_by_another_spelling)
{
    void *pull = test_socket(ZMQ_PULL);
    int port = test_free_port();

    test_bind(pull, test_text("ws://127.0.0.1:%d", port));
    OK(zmq_unbind(pull, test_text("ws://localhost:%d/", port)));
}

Test(ws, refuses_texts_that_are_no_endpoints)
{
    static const char *const wrong[] = {"ws:///path",
                                        "ws://127.0.0.1",
                                        "ws://127.0.0.1/path:80",
                                        "ws://127.0.0.1:80/a b",
                                        "ws://127.0.0.1:80/\r\nHost: x",
                                        "ws://127.0.0.1:80/#x"};
    void *pull = test_socket(ZMQ_PULL);

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FAILS(EINVAL, zmq_bind(pull, wrong[i]));
        FAILS(EINVAL, zmq_connect(pull, wrong[i]));
    }
    FAILS(EINVAL, zmq_connect(pull, "ws://*:80/"));
}

Test(ws, is_not_for_bytes_without_frames)
{
    void *stream = test_socket(ZMQ_STREAM), *router = test_socket(ZMQ_ROUTER);

    FAILS(ENOCOMPATPROTO, zmq_bind(stream, "ws://127.0.0.1:*"));
    FAILS(ENOCOMPATPROTO, zmq_connect(stream, "ws://127.0.0.1:80"));
    SET(router, ZMQ_ROUTER_RAW, 1);
    FAILS(ENOCOMPATPROTO, zmq_bind(router, "ws://127.0.0.1:*"));
}

/* ---- bodies ---- */

/* Around the sizes where a frame's header, or the way of a body, changes. */
static const size_t sizes[] = {0,     1,     33,    34,    123,    124,     125,          126,
                               255,   2048,  4096,  4097,  8191,   8192,    32768,        65533,
                               65534, 65535, 65536, 70000, 131072, 1 << 20, (8 << 20) + 1};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void say_all(void *socket)
{
    unsigned char *body = malloc(sizes[SIZES - 1]);

    cr_assert_not_null(body);
    for (int i = 0; i < SIZES; i++) {
        test_body_fill(body, sizes[i], (uint64_t)i);
        OK(zmq_send(socket, body, sizes[i], i + 1 < SIZES ? ZMQ_SNDMORE : 0));
    }
    free(body);
}

static void hear_all(void *socket)
{
    unsigned char *body = malloc(sizes[SIZES - 1]);

    cr_assert_not_null(body);
    for (int i = 0; i < SIZES; i++) {
        zmq_msg_t m;

        zmq_msg_init(&m);
        cr_assert_eq(zmq_msg_recv(&m, socket, 0), (int)sizes[i], "%zu: %s", sizes[i],
                     test_error(errno));
        cr_assert_eq(zmq_msg_more(&m), i + 1 < SIZES);
        test_body_fill(body, sizes[i], (uint64_t)i);
        cr_assert_eq(memcmp(zmq_msg_data(&m), body, sizes[i]), 0, "%zu bytes", sizes[i]);
        zmq_msg_close(&m);
    }
    free(body);
}

/* As parts of one message. */
static void carries_all(void *here, void *there)
{
    say_all(there);
    hear_all(here);
    say_all(here);
    hear_all(there);
}

Test(ws, carries_bodies_of_every_size_both_ways)
{
    const char *at = test_endpoint(TEST_WS);
    void *here = test_bound(ZMQ_PAIR, at);

    carries_all(here, test_connected(ZMQ_PAIR, at));
}

Test(ws, carries_a_stream_of_small_messages)
{
    enum { COUNT = 20000 };
    const char *at = test_endpoint(TEST_WS);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    int sent = 0, got = 0, number;

    while (got < COUNT) {
        if (sent < COUNT && zmq_send(push, &sent, sizeof sent, ZMQ_DONTWAIT) >= 0)
            sent++;
        while (got < COUNT &&
               zmq_recv(pull, &number, sizeof number, sent < COUNT ? ZMQ_DONTWAIT : 0) >= 0)
            cr_assert_eq(number, got++);
        cr_assert(sent < COUNT || got == COUNT, "%d of %d", got, COUNT);
    }
}

/* ---- mechanisms ---- */

static void give_keys(void *server, void *client)
{
    char server_public[41], server_secret[41], client_public[41], client_secret[41];

    OK(zmq_curve_keypair(server_public, server_secret));
    OK(zmq_curve_keypair(client_public, client_secret));
    SET(server, ZMQ_CURVE_SERVER, 1);
    SET_TEXT(server, ZMQ_CURVE_SECRETKEY, server_secret);
    SET_TEXT(client, ZMQ_CURVE_SERVERKEY, server_public);
    SET_TEXT(client, ZMQ_CURVE_PUBLICKEY, client_public);
    SET_TEXT(client, ZMQ_CURVE_SECRETKEY, client_secret);
}

Test(ws, carries_what_curve_seals)
{
    const char *at = test_endpoint(TEST_WS);
    void *here = test_socket(ZMQ_PAIR), *there = test_socket(ZMQ_PAIR);

    give_keys(here, there);
    test_bind(here, at);
    test_connect(there, at);
    carries_all(here, there);
}

Test(ws, the_bound_side_may_be_the_client_of_curve)
{
    const char *at = test_endpoint(TEST_WS);
    void *here = test_socket(ZMQ_PAIR), *there = test_socket(ZMQ_PAIR);

    give_keys(there, here);
    test_bind(here, at);
    test_connect(there, at);
    carries_all(here, there);
}

Test(ws, sealed_subscriptions_arrive)
{
    const char *at = test_endpoint(TEST_WS);
    void *pub = test_socket(ZMQ_XPUB), *sub = test_socket(ZMQ_SUB);

    give_keys(pub, sub);
    test_bind(pub, at);
    test_connect(sub, at);
    SUBSCRIBE(sub, "A");
    RECV(pub, "+A");
    SEND(pub, "B");
    SEND(pub, "A1");
    RECV(sub, "A1");
    UNSUBSCRIBE(sub, "A");
    RECV(pub, "-A");
}

Test(ws, the_handler_is_asked_about_a_plain_client)
{
    const char *at = test_endpoint(TEST_WS);
    void *handler = test_bound(ZMQ_REP, "inproc://zeromq.zap.01");
    void *server = test_socket(ZMQ_PAIR), *client = test_socket(ZMQ_PAIR);

    SET(server, ZMQ_PLAIN_SERVER, 1);
    SET_TEXT(client, ZMQ_PLAIN_USERNAME, "joe");
    SET_TEXT(client, ZMQ_PLAIN_PASSWORD, "pw");
    test_bind(server, at);
    test_connect(client, at);
    RECV(handler, "1.0|1||127.0.0.1||PLAIN|joe|pw");
    SEND(handler, "1.0|1|200|OK|joe|");
    carries_all(server, client);
}

/* ---- beginnings and ends ---- */

enum { TOLD = ZMQ_EVENT_ALL & ~(ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_CLOSED) };

static void *watched(int type, void **reader)
{
    void *socket = test_socket(type);

    SET(socket, ZMQ_RECONNECT_IVL, RETRY_MS);
    SET(socket, ZMQ_LINGER, 0);
    *reader = watch(socket, TOLD);
    return socket;
}

Test(ws, both_handshakes_are_told)
{
    void *server_reader, *client_reader;
    void *server = watched(ZMQ_PAIR, &server_reader), *client = watched(ZMQ_PAIR, &client_reader);
    const char *at = bound_at(server, "ws://127.0.0.1:*/x");

    EVENTS(server_reader, "LISTENING=*@%s", at);
    test_connect(client, at);
    EVENTS(client_reader, "CONNECTED=*@%s HANDSHAKE_SUCCEEDED HANDSHAKE_SUCCEEDED", at);
    EVENTS(server_reader, "ACCEPTED HANDSHAKE_SUCCEEDED HANDSHAKE_SUCCEEDED");
    test_close(client);
    EVENTS(server_reader, "DISCONNECTED");
}

Test(ws, mechanisms_that_differ_are_told)
{
    void *server_reader, *client_reader;
    void *server = watched(ZMQ_PAIR, &server_reader), *client = watched(ZMQ_PAIR, &client_reader);
    const char *at = bound_at(server, "ws://127.0.0.1:*");

    SET_TEXT(client, ZMQ_PLAIN_USERNAME, "joe");
    SET_TEXT(client, ZMQ_PLAIN_PASSWORD, "pw");
    test_connect(client, at);
    EVENTS(client_reader, "CONNECTED HANDSHAKE_FAILED_PROTOCOL=%d DISCONNECTED",
           ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED);
    EVENTS(server_reader, "LISTENING ACCEPTED HANDSHAKE_FAILED_PROTOCOL=%d DISCONNECTED",
           ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED);
}

static bool gets_through(void *push, void *pull)
{
    char text[16];

    zmq_send(push, "again", 5, ZMQ_DONTWAIT);
    return zmq_recv(pull, text, sizeof text, ZMQ_DONTWAIT) == 5;
}

Test(ws, comes_back_when_the_peer_does)
{
    const char *at = test_endpoint(TEST_WS);
    void *push = test_socket(ZMQ_PUSH), *pull;

    SET(push, ZMQ_RECONNECT_IVL, RETRY_MS);
    test_connect(push, at); /* before anybody listens */
    for (int i = 0; i < 3; i++) {
        pull = test_socket(ZMQ_PULL);
        WAIT(zmq_bind(pull, at) == 0);
        WAIT(gets_through(push, pull));
        test_close(pull);
    }
    SET(push, ZMQ_LINGER, 0);
}

Test(ws, what_was_sent_before_the_close_arrives)
{
    enum { COUNT = 500 };
    const char *at = test_endpoint(TEST_WS);
    void *pull = test_socket(ZMQ_PULL), *push;
    char body[1000] = "";

    SET(pull, ZMQ_RCVHWM, 0);
    test_bind(pull, at);
    push = test_socket(ZMQ_PUSH);
    SET(push, ZMQ_SNDHWM, 0);
    test_connect(push, at);
    for (int i = 0; i < COUNT; i++)
        OK(zmq_send(push, body, sizeof body, 0));
    test_close(push);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(zmq_recv(pull, body, sizeof body, 0), (int)sizeof body, "%d: %s", i,
                     test_error(errno));
}

Test(ws, peers_that_beat_stay)
{
    enum { BEAT_MS = 20 };
    const char *at = test_endpoint(TEST_WS);
    void *reader, *server = watched(ZMQ_PAIR, &reader), *client = test_socket(ZMQ_PAIR);
    int64_t until;

    SET(server, ZMQ_HEARTBEAT_IVL, BEAT_MS);
    SET(server, ZMQ_HEARTBEAT_TIMEOUT, TEST_DEADLINE_MS);
    SET(client, ZMQ_HEARTBEAT_IVL, BEAT_MS);
    SET(client, ZMQ_HEARTBEAT_TIMEOUT, TEST_DEADLINE_MS);
    test_bind(server, at);
    test_connect(client, at);
    EVENTS(reader, "LISTENING ACCEPTED HANDSHAKE_SUCCEEDED HANDSHAKE_SUCCEEDED");
    until = test_now_ms() + 10 * BEAT_MS; /* some beats of both */
    while (test_now_ms() < until)
        test_pause();
    NO_EVENT(reader);
    SEND(client, "still|here");
    RECV(server, "still|here");
}

Test(ws, a_message_that_is_too_long_ends_the_connection)
{
    void *reader, *server = watched(ZMQ_PULL, &reader), *client = test_socket(ZMQ_PUSH);
    int64_t most = 1000;
    char body[1001] = "";

    OK(zmq_setsockopt(server, ZMQ_MAXMSGSIZE, &most, sizeof most));
    test_connect(client, bound_at(server, "ws://127.0.0.1:*"));
    SET(client, ZMQ_LINGER, 0);
    OK(zmq_send(client, body, 1000, 0));
    cr_assert_eq(zmq_recv(server, body, sizeof body, 0), 1000);
    OK(zmq_send(client, body, 1001, 0));
    EVENTS(reader, "LISTENING ACCEPTED HANDSHAKE_SUCCEEDED HANDSHAKE_SUCCEEDED DISCONNECTED");
}

Test(ws, peers_are_dialed_by_number)
{
    const char *at = test_endpoint(TEST_WS);
    void *there = test_bound(ZMQ_PEER, at), *here = test_socket(ZMQ_PEER);
    uint32_t peer = zmq_connect_peer(here, at), from;
    zmq_msg_t m;

    cr_assert_neq(peer, 0, "%s", test_error(errno));
    OK(zmq_msg_init_buffer(&m, "hi", 2));
    OK(zmq_msg_set_routing_id(&m, peer));
    cr_assert_eq(zmq_msg_send(&m, here, 0), 2);
    OK(zmq_msg_init(&m));
    cr_assert_eq(zmq_msg_recv(&m, there, 0), 2);
    from = zmq_msg_routing_id(&m);
    OK(zmq_msg_set_routing_id(&m, from));
    cr_assert_eq(zmq_msg_send(&m, there, 0), 2);
    OK(zmq_msg_init(&m));
    cr_assert_eq(zmq_msg_recv(&m, here, 0), 2);
    cr_assert_eq(zmq_msg_routing_id(&m), peer);
    OK(zmq_msg_close(&m));
    OK(zmq_disconnect_peer(here, peer));
}

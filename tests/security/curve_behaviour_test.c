/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CURVE through the interface: every socket type, every size, what is told and who is let in. The
 * test's thread is the ZAP handler where there is one.
 */
#define ZMQ_BUILD_DRAFT_API /* ZMQ_ZAP_ENFORCE_DOMAIN, ZMQ_RADIO */
#include "tests/monitor/watch.h"
#include "tests/support/body.h"
#include "tests/support/rawpeer.h"

#include <stdio.h>
#include <stdlib.h>

TEST_SUITE(curve_behaviour);

#define HANDLER "inproc://zeromq.zap.01"

enum { RETRY_MS = 20 };

static char server_public[41], server_secret[41], client_public[41], client_secret[41];

static void make_keys(void)
{
    OK(zmq_curve_keypair(server_public, server_secret));
    OK(zmq_curve_keypair(client_public, client_secret));
}

static void serve(void *socket)
{
    SET(socket, ZMQ_CURVE_SERVER, 1);
    SET_TEXT(socket, ZMQ_CURVE_SECRETKEY, server_secret);
}

static void be_client(void *socket)
{
    SET_TEXT(socket, ZMQ_CURVE_SERVERKEY, server_public);
    SET_TEXT(socket, ZMQ_CURVE_PUBLICKEY, client_public);
    SET_TEXT(socket, ZMQ_CURVE_SECRETKEY, client_secret);
}

struct talk {
    void *server, *client, *server_reader, *client_reader;
    const char *at;
};

static struct talk begin(enum test_transport transport, int server, int client)
{
    struct talk t = {.at = test_endpoint(transport)};
    int events = ZMQ_EVENT_ALL & ~(ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_LISTENING |
                                   ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED);

    make_keys();
    t.server = test_socket(server);
    t.client = test_socket(client);
    SET(t.client, ZMQ_RECONNECT_IVL, RETRY_MS);
    t.server_reader = watch(t.server, events);
    t.client_reader = watch(t.client, events);
    serve(t.server);
    be_client(t.client);
    return t;
}

static void meet(struct talk *t)
{
    test_bind(t->server, t->at);
    test_connect(t->client, t->at);
}

Test(curve_behaviour, is_there)
{
    cr_assert_eq(zmq_has("curve"), 1);
}

EACH_STREAM(curve_behaviour, lets_in_whoever_knows_the_server_when_nobody_handles_zap)
{
    struct talk t = begin(transport, ZMQ_DEALER, ZMQ_DEALER);

    meet(&t);
    SEND(t.client, "to|you");
    RECV(t.server, "to|you");
    SEND(t.server, "to|me");
    RECV(t.client, "to|me");
    EVENTS(t.server_reader, "HANDSHAKE_SUCCEEDED");
    EVENTS(t.client_reader, "HANDSHAKE_SUCCEEDED");
}

Test(curve_behaviour, the_server_may_dial)
{
    struct talk t = begin(TEST_TCP, ZMQ_DEALER, ZMQ_DEALER);

    test_bind(t.client, t.at);
    test_connect(t.server, t.at);
    SEND(t.client, "hello");
    RECV(t.server, "hello");
}

/* A READY that says who the client is, with the key as it was asked for. */
Test(curve_behaviour, the_handler_is_asked_about_the_clients_key)
{
    void *handler = test_bound(ZMQ_ROUTER, HANDLER);
    struct talk t = begin(TEST_TCP, ZMQ_DEALER, ZMQ_DEALER);
    uint8_t id[16], key[64], expected[32];
    int size;
    zmq_msg_t m;

    SET_TEXT(t.server, ZMQ_ZAP_DOMAIN, "TEST");
    meet(&t);
    size = zmq_recv(handler, id, sizeof id, 0);
    for (int i = 0; i < 7; i++)
        cr_assert_geq(zmq_recv(handler, key, sizeof key, 0), 0);
    cr_assert_eq(zmq_recv(handler, key, sizeof key, 0), 32);
    zmq_z85_decode(expected, client_public);
    cr_assert_eq(memcmp(key, expected, 32), 0);
    zmq_send(handler, id, (size_t)size, ZMQ_SNDMORE);
    SEND(handler, "|1.0|1|200|OK|alice|");
    SEND(t.client, "hello");
    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, t.server, 0));
    cr_assert_str_eq(zmq_msg_gets(&m, "User-Id"), "alice");
    cr_assert_str_eq(zmq_msg_gets(&m, "Socket-Type"), "DEALER");
    zmq_msg_close(&m);
}

Test(curve_behaviour, whom_the_handler_refuses_does_not_come_back)
{
    void *handler = test_bound(ZMQ_REP, HANDLER);
    struct talk t = begin(TEST_TCP, ZMQ_DEALER, ZMQ_DEALER);

    meet(&t);
    test_recv(handler, 0);
    SEND(handler, "1.0|1|400|no||");
    EVENTS(t.server_reader, "HANDSHAKE_FAILED_AUTH=400 DISCONNECTED");
    EVENTS(t.client_reader, "HANDSHAKE_FAILED_AUTH=400 DISCONNECTED");
    NO_EVENT(t.client_reader);
}

Test(curve_behaviour, an_enforced_domain_needs_a_handler)
{
    struct talk t = begin(TEST_TCP, ZMQ_DEALER, ZMQ_DEALER);

    SET_TEXT(t.server, ZMQ_ZAP_DOMAIN, "TEST");
    SET(t.server, ZMQ_ZAP_ENFORCE_DOMAIN, 1);
    meet(&t);
    EVENTS(t.server_reader, "HANDSHAKE_FAILED_NO_DETAIL=14 DISCONNECTED");
    EVENTS(t.client_reader, "HANDSHAKE_FAILED_NO_DETAIL=32 DISCONNECTED CONNECT_RETRIED");
}

Test(curve_behaviour, a_wrong_server_key_is_told_at_the_server)
{
    struct talk t = begin(TEST_TCP, ZMQ_DEALER, ZMQ_DEALER);

    SET_TEXT(t.client, ZMQ_CURVE_SERVERKEY, client_public);
    meet(&t);
    EVENTS(t.server_reader, "HANDSHAKE_FAILED_PROTOCOL=%u DISCONNECTED",
           ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
    EVENTS(t.client_reader, "HANDSHAKE_FAILED_NO_DETAIL DISCONNECTED CONNECT_RETRIED");
}

Test(curve_behaviour, without_a_server_key_the_client_is_told)
{
    struct talk t = begin(TEST_TCP, ZMQ_DEALER, ZMQ_DEALER);
    uint8_t zeros[32] = {0};

    OK(zmq_setsockopt(t.client, ZMQ_CURVE_SERVERKEY, zeros, sizeof zeros));
    meet(&t);
    EVENTS(t.client_reader, "HANDSHAKE_FAILED_PROTOCOL=%u DISCONNECTED",
           ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
    NO_EVENT(t.client_reader);
}

/* ---- traffic ---- */

static void send_body(void *socket, size_t size, uint64_t seed, int flags)
{
    zmq_msg_t m;

    OK(zmq_msg_init_size(&m, size));
    test_body_fill(zmq_msg_data(&m), size, seed);
    OK(zmq_msg_send(&m, socket, flags));
}

static void expect_body(void *socket, size_t size, uint64_t seed)
{
    zmq_msg_t m;
    void *data = malloc(size + 1);

    cr_assert_not_null(data);
    test_body_fill(data, size, seed);
    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, socket, 0));
    cr_assert_eq(zmq_msg_size(&m), size);
    cr_assert_eq(memcmp(zmq_msg_data(&m), data, size), 0, "%zu", size);
    zmq_msg_close(&m);
    free(data);
}

/* Sizes around every border that a body, or one that is 33 bytes longer, may cross. */
static const size_t sizes[] = {0,     1,     32,     33,     34,     66,      222,    223,
                               255,   1999,  2015,   2048,   4063,   4096,    4097,   8158,
                               8159,  8192,  30000,  32700,  32735,  32768,   64000,  65500,
                               65536, 70000, 131072, 200000, 300000, 1000000, 3000000};

enum { SIZES = sizeof sizes / sizeof *sizes };

EACH_STREAM(curve_behaviour, bodies_of_all_sizes_arrive_whole)
{
    struct talk t = begin(transport, ZMQ_DEALER, ZMQ_DEALER);

    meet(&t);
    for (int i = 0; i < SIZES; i++) {
        send_body(t.client, sizes[i], (uint64_t)i, 0);
        expect_body(t.server, sizes[i], (uint64_t)i);
        send_body(t.server, sizes[i], (uint64_t)i, 0);
        expect_body(t.client, sizes[i], (uint64_t)i);
    }
}

EACH_STREAM(curve_behaviour, bodies_of_all_sizes_stream_one_behind_the_other)
{
    struct talk t = begin(transport, ZMQ_PUSH, ZMQ_PULL);

    SET(t.server, ZMQ_SNDHWM, 0);
    meet(&t);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < SIZES; i++)
            send_body(t.server, sizes[(i * 7) % SIZES], (uint64_t)i,
                      i + 1 < SIZES ? ZMQ_SNDMORE : 0);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < SIZES; i++)
            expect_body(t.client, sizes[(i * 7) % SIZES], (uint64_t)i);
}

Test(curve_behaviour, many_small_messages_arrive_in_order)
{
    enum { MANY = 20000 };
    struct talk t = begin(TEST_TCP, ZMQ_PULL, ZMQ_PUSH);
    uint32_t seen;

    SET(t.client, ZMQ_SNDHWM, 0);
    meet(&t);
    for (uint32_t i = 0; i < MANY; i++)
        OK(zmq_send(t.client, &i, sizeof i, 0));
    for (uint32_t i = 0; i < MANY; i++) {
        cr_assert_eq(zmq_recv(t.server, &seen, sizeof seen, 0), (int)sizeof seen);
        cr_assert_eq(seen, i);
    }
}

Test(curve_behaviour, a_publisher_seals_for_each_of_its_subscribers)
{
    enum { SUBS = 3 };
    struct talk t = begin(TEST_TCP, ZMQ_PUB, ZMQ_SUB);
    void *subs[SUBS] = {t.client, test_socket(ZMQ_SUB), test_socket(ZMQ_SUB)};

    test_bind(t.server, t.at);
    for (int i = 0; i < SUBS; i++) {
        be_client(subs[i]);
        SUBSCRIBE(subs[i], "");
        test_connect(subs[i], t.at);
    }
    test_meet(t.server, subs, SUBS);
    for (int i = 0; i < 5; i++)
        send_body(t.server, sizes[i * 5], (uint64_t)i, 0);
    for (int k = 0; k < SUBS; k++)
        for (int i = 0; i < 5; i++)
            expect_body(subs[k], sizes[i * 5], (uint64_t)i);
}

/* Subscriptions and their end go sealed. */
Test(curve_behaviour, a_subscriber_may_change_its_mind)
{
    struct talk t = begin(TEST_TCP, ZMQ_XPUB, ZMQ_SUB);

    SUBSCRIBE(t.client, "topic");
    meet(&t);
    RECV(t.server, "+topic");
    SEND(t.server, "topic 1");
    RECV(t.client, "topic 1");
    UNSUBSCRIBE(t.client, "topic");
    RECV(t.server, "-topic");
}

/* Groups are joined by sealed commands. */
Test(curve_behaviour, a_dish_hears_the_groups_that_it_has_joined)
{
    struct talk t = begin(TEST_TCP, ZMQ_RADIO, ZMQ_DISH);
    zmq_msg_t m;
    int times = 0;

    OK(zmq_join(t.client, "movies"));
    meet(&t);
    do {
        zmq_msg_init_size(&m, 5);
        memcpy(zmq_msg_data(&m), "hello", 5);
        OK(zmq_msg_set_group(&m, "movies"));
        OK(zmq_msg_send(&m, t.server, 0));
        test_pause_longer(times++);
    } while (!(test_events(t.client) & ZMQ_POLLIN));
    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, t.client, 0));
    cr_assert_eq(zmq_msg_size(&m), 5);
    cr_assert_str_eq(zmq_msg_group(&m), "movies");
    zmq_msg_close(&m);
}

/* ZMQ_HELLO_MSG is the first thing that goes sealed. */
Test(curve_behaviour, a_hello_message_comes_first)
{
    struct talk t = begin(TEST_TCP, ZMQ_ROUTER, ZMQ_DEALER);

    SET_TEXT(t.server, ZMQ_HELLO_MSG, "welcome");
    meet(&t);
    RECV(t.client, "welcome");
}

Test(curve_behaviour, requests_are_answered)
{
    struct talk t = begin(TEST_TCP, ZMQ_ROUTER, ZMQ_REQ);

    SET_TEXT(t.client, ZMQ_ROUTING_ID, "alice");
    meet(&t);
    for (int i = 0; i < 10; i++) {
        SEND(t.client, "ask %d", i);
        RECV(t.server, "alice||ask %d", i);
        SEND(t.server, "alice||answer %d", i);
        RECV(t.client, "answer %d", i);
    }
}

Test(curve_behaviour, heartbeats_go_sealed)
{
    struct talk t = begin(TEST_TCP, ZMQ_DEALER, ZMQ_DEALER);

    SET(t.server, ZMQ_HEARTBEAT_IVL, 10);
    SET(t.server, ZMQ_HEARTBEAT_TIMEOUT, TEST_DEADLINE_MS);
    SET(t.client, ZMQ_HEARTBEAT_IVL, 10);
    SET(t.client, ZMQ_HEARTBEAT_TTL, TEST_DEADLINE_MS);
    meet(&t);
    EVENTS(t.server_reader, "HANDSHAKE_SUCCEEDED");
    EVENTS(t.client_reader, "HANDSHAKE_SUCCEEDED");
    NO_EVENT(t.server_reader); /* some of them have passed meanwhile */
    SEND(t.client, "alive");
    RECV(t.server, "alive");
    NO_EVENT(t.client_reader);
}

Test(curve_behaviour, a_client_comes_back_with_new_keys_of_its_connection)
{
    struct talk t = begin(TEST_TCP, ZMQ_PULL, ZMQ_PUSH);
    void *again;

    meet(&t);
    SEND(t.client, "one");
    RECV(t.server, "one");
    test_close(t.server);
    /* What is sent before goes down with the old connection. */
    EVENTS(t.client_reader, "HANDSHAKE_SUCCEEDED DISCONNECTED");
    again = test_socket(ZMQ_PULL);
    serve(again);
    WAIT(zmq_bind(again, t.at) == 0); /* the place is free a little later */
    SEND(t.client, "two");
    RECV(again, "two");
}

Test(curve_behaviour, a_slow_reader_slows_the_sender_down)
{
    struct talk t = begin(TEST_TCP, ZMQ_PULL, ZMQ_PUSH);
    int sent = 0, size = 20000;
    char *body = calloc(1, (size_t)size);

    SET(t.client, ZMQ_SNDHWM, 10);
    SET(t.server, ZMQ_RCVHWM, 10);
    meet(&t);
    SEND(t.client, "met");
    RECV(t.server, "met");
    while (zmq_send(t.client, body, (size_t)size, ZMQ_DONTWAIT) == size)
        sent++;
    cr_assert_gt(sent, 0);
    SET(t.client, ZMQ_SNDTIMEO, 200);
    while (zmq_send(t.client, body, (size_t)size, 0) == size)
        sent++;
    for (int i = 0; i < sent; i++)
        cr_assert_eq(zmq_recv(t.server, body, (size_t)size, 0), size);
    RECV_GIVES(EAGAIN, t.server);
    free(body);
}

Test(curve_behaviour, what_was_sent_outlives_the_close)
{
    struct talk t = begin(TEST_TCP, ZMQ_PULL, ZMQ_PUSH);

    SET(t.client, ZMQ_LINGER, -1);
    meet(&t);
    for (int i = 0; i < 500; i++)
        SEND(t.client, "message %d", i);
    test_close(t.client);
    for (int i = 0; i < 500; i++)
        RECV(t.server, "message %d", i);
}

/* A box counts with its 33 bytes. */
Test(curve_behaviour, a_message_too_large_ends_the_connection)
{
    struct talk t = begin(TEST_TCP, ZMQ_PULL, ZMQ_PUSH);
    int64_t max = 1000;

    OK(zmq_setsockopt(t.server, ZMQ_MAXMSGSIZE, &max, sizeof max));
    meet(&t);
    EVENTS(t.server_reader, "HANDSHAKE_SUCCEEDED");
    send_body(t.client, 967, 1, 0);
    expect_body(t.server, 967, 1);
    send_body(t.client, 968, 1, 0);
    EVENTS(t.server_reader, "DISCONNECTED");
}

/* ---- strangers ---- */

Test(curve_behaviour, a_stranger_of_an_older_version_is_not_heard)
{
    struct talk t = begin(TEST_TCP, ZMQ_DEALER, ZMQ_DEALER);
    int fd;

    test_bind(t.server, t.at);
    fd = raw_dial(t.at);
    raw_send(fd, "01 00 08 00 'sneaky' 00");
    raw_expect_end(fd);
    RECV_GIVES(EAGAIN, t.server);
    raw_close(&fd);
}

/* A stranger announces a frame that nobody would say before he has shown who he is. */
Test(curve_behaviour, a_stranger_gets_no_memory_of_ours)
{
    struct talk t = begin(TEST_TCP, ZMQ_DEALER, ZMQ_DEALER);
    int fd;

    test_bind(t.server, t.at);
    fd = raw_dial(t.at);
    raw_send(fd, RAW_SIGNATURE "03 01 'CURVE' 00*15 00*32 06 00 00 00 00 40 00 00 00 05 'HELLO'");
    raw_expect_end(fd);
    EVENTS(t.server_reader, "DISCONNECTED");
    raw_close(&fd);
}

/* ---- keys ---- */

Test(curve_behaviour, keys_are_bytes_or_text)
{
    static const int options[] = {ZMQ_CURVE_PUBLICKEY, ZMQ_CURVE_SECRETKEY, ZMQ_CURVE_SERVERKEY};
    void *s = test_socket(ZMQ_DEALER);
    uint8_t bytes[32], seen[32];
    char text[42];
    size_t size;

    make_keys();
    zmq_z85_decode(bytes, client_public);
    for (int i = 0; i < 3; i++) {
        OK(zmq_setsockopt(s, options[i], bytes, 32));
        size = 41;
        OK(zmq_getsockopt(s, options[i], text, &size));
        cr_assert_str_eq(text, client_public);
        OK(zmq_setsockopt(s, options[i], server_public, 40));
        OK(zmq_setsockopt(s, options[i], client_public, 41));
        size = 32;
        OK(zmq_getsockopt(s, options[i], seen, &size));
        cr_assert_eq(memcmp(seen, bytes, 32), 0);
        for (size = 0; size <= 42; size++)
            if (size != 32 && size != 40 && size != 41)
                FAILS(EINVAL, zmq_setsockopt(s, options[i], server_public, size));
        for (size = 0; size <= 42; size++)
            if (size != 32 && size != 41)
                FAILS(EINVAL, zmq_getsockopt(s, options[i], text, &(size_t){size}));
        FAILS(EINVAL,
              zmq_setsockopt(s, options[i], "0123456789012345678901234567890123456 89", 40));
        FAILS(EINVAL, zmq_setsockopt(s, options[i], NULL, 32));
    }
}

Test(curve_behaviour, what_was_set_last_says_what_a_socket_is)
{
    void *s = test_socket(ZMQ_DEALER);

    make_keys();
    cr_assert_eq(test_get(s, ZMQ_CURVE_SERVER), 0);
    serve(s);
    cr_assert_eq(test_get(s, ZMQ_MECHANISM), ZMQ_CURVE);
    cr_assert_eq(test_get(s, ZMQ_CURVE_SERVER), 1);
    SET_TEXT(s, ZMQ_CURVE_SERVERKEY, server_public);
    cr_assert_eq(test_get(s, ZMQ_CURVE_SERVER), 0);
    SET(s, ZMQ_CURVE_SERVER, 0);
    cr_assert_eq(test_get(s, ZMQ_MECHANISM), ZMQ_NULL);
    FAILS(EINVAL, test_set(s, ZMQ_CURVE_SERVER, 2));
}

Test(curve_behaviour, a_public_key_follows_from_its_secret_one)
{
    char text[41] = "";

    make_keys();
    OK(zmq_curve_public(text, client_secret));
    cr_assert_str_eq(text, client_public);
    text[0] = '\0';
    FAILS(EINVAL, zmq_curve_public(text, "12345"));
    FAILS(EINVAL, zmq_curve_public(text, "0123456789012345678901234567890123456 89"));
    cr_assert_str_eq(text, "");
    FAILS(EFAULT, zmq_curve_public(NULL, client_secret));
    FAILS(EFAULT, zmq_curve_keypair(text, NULL));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers on WebSockets, written as scripts of bytes, against real sockets. What is wrong ends its
 * own connection, is told as what it is, and harms nobody else: after each a good peer is served.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/monitor/watch.h"
#include "tests/support/hex.h"
#include "tests/support/rawpeer.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

TEST_SUITE(web_peer);

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define HEADERS                                                                                    \
    "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
#define KEYED "Sec-WebSocket-Key: " KEY "\r\n"
#define ASK(protocol)                                                                              \
    "GET / HTTP/1.1\r\n" HEADERS KEYED "Sec-WebSocket-Protocol: " protocol "\r\n\r\n"
#define ANSWER(protocol)                                                                           \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: " protocol "\r\n\r\n"

#define READY(size, type) "05 'READY' 0b 'Socket-Type' 00*3 " size type
#define MASK              "01 02 03 04"

/* A socket of ours that is bound or dials, and the script's end of a connection. */
struct web {
    void *socket, *reader;
    int listener, fd;
    char at[160];
    char key[32]; /* of our request */
};

static void say(int fd, const char *text)
{
    raw_send_bytes(fd, text, strlen(text));
}

/* A frame as a client has to send it. */
static void say_masked(int fd, uint8_t first, const void *body, size_t size)
{
    static const uint8_t mask[] = {1, 2, 3, 4};
    uint8_t *frame = malloc(size + 14);
    size_t n = 0;

    cr_assert_not_null(frame);
    frame[n++] = first;
    if (size < 126) {
        frame[n++] = (uint8_t)(0x80 | size);
    } else {
        frame[n++] = 0x80 | 126;
        frame[n++] = (uint8_t)(size >> 8);
        frame[n++] = (uint8_t)size;
        cr_assert_leq(size, 65535);
    }
    memcpy(frame + n, mask, sizeof mask);
    n += sizeof mask;
    for (size_t i = 0; i < size; i++)
        frame[n + i] = ((const uint8_t *)body)[i] ^ mask[i % 4];
    raw_send_bytes(fd, frame, n + size);
    free(frame);
}

static void say_masked_hex(int fd, uint8_t first, const char *hex)
{
    uint8_t body[512];

    say_masked(fd, first, body, hex_read(body, sizeof body, hex));
}

static struct web web_bound(int type)
{
    struct web w = {.listener = -1, .fd = -1};
    size_t size = sizeof w.at;

    w.socket = test_socket(type);
    SET(w.socket, ZMQ_LINGER, 0);
    w.reader = watch(w.socket, ZMQ_EVENT_ALL & ~(ZMQ_EVENT_LISTENING | ZMQ_EVENT_CLOSED));
    test_bind(w.socket, "ws://127.0.0.1:*/");
    OK(zmq_getsockopt(w.socket, ZMQ_LAST_ENDPOINT, w.at, &size));
    return w;
}

static void web_dial(struct web *w)
{
    raw_close(&w->fd);
    w->fd = raw_dial(test_text("tcp%.*s", (int)(strlen(w->at) - 3), w->at + 2));
}

/* Through the upgrade, without a mechanism, as jszmq comes. */
static void web_enter_bare(struct web *w)
{
    web_dial(w);
    say(w->fd, ASK("ZWS2.0"));
    raw_expect_bytes(w->fd, ANSWER("ZWS2.0"), strlen(ANSWER("ZWS2.0")));
    say_masked_hex(w->fd, 0x82, "00");
    raw_expect(w->fd, "82 01 00");
}

/* The same with NULL. */
static void web_enter(struct web *w, const char *ours, const char *theirs)
{
    uint8_t ready[128];
    size_t size = hex_read(ready, sizeof ready, ours);

    web_dial(w);
    say(w->fd, ASK("ZWS2.0/NULL,ZWS2.0"));
    raw_expect_bytes(w->fd, ANSWER("ZWS2.0/NULL"), strlen(ANSWER("ZWS2.0/NULL")));
    raw_expect_bytes(w->fd, ready, size);
    say_masked_hex(w->fd, 0x82, theirs);
}

#define READY_PULL "82 1b 02 " READY("04", "'PULL'")
#define READY_PUSH "02 " READY("04", "'PUSH'")

static void web_end(struct web *w)
{
    raw_close(&w->fd);
    raw_close(&w->listener);
}

Test(web_peer, comes_in_with_null)
{
    struct web w = web_bound(ZMQ_PULL);

    web_enter(&w, READY_PULL, READY_PUSH);
    say_masked_hex(w.fd, 0x82, "01 'one'");
    say_masked_hex(w.fd, 0x82, "00 'two'");
    RECV(w.socket, "one|two");
    EVENTS(w.reader, "ACCEPTED HANDSHAKE_SUCCEEDED HANDSHAKE_SUCCEEDED");
    web_end(&w);
}

Test(web_peer, comes_in_byte_by_byte)
{
    struct web w = web_bound(ZMQ_PULL);
    const char *ask = ASK("ZWS2.0");

    web_dial(&w);
    for (size_t i = 0; ask[i]; i++)
        raw_send_bytes(w.fd, ask + i, 1);
    raw_drip(w.fd, "82 81 01 02 03 04 01  82 84 01 02 03 04 01 63 6a 6d  89 80 01 02 03 04");
    raw_expect_bytes(w.fd, ANSWER("ZWS2.0"), strlen(ANSWER("ZWS2.0")));
    RECV(w.socket, "aii");
    web_end(&w);
}

Test(web_peer, comes_in_with_a_name_and_no_mechanism)
{
    struct web w = web_bound(ZMQ_ROUTER);

    web_dial(&w);
    say(w.fd, ASK("ZWS2.0"));
    raw_expect_bytes(w.fd, ANSWER("ZWS2.0"), strlen(ANSWER("ZWS2.0")));
    say_masked_hex(w.fd, 0x82, "00 'me'");
    raw_expect(w.fd, "82 01 00");
    say_masked_hex(w.fd, 0x82, "00 'hi'");
    RECV(w.socket, "me|hi");
    SEND(w.socket, "me|there|is");
    raw_expect(w.fd, "82 06 01 'there' 82 03 00 'is'");
    web_end(&w);
}

Test(web_peer, subscribes_by_messages)
{
    struct web w = web_bound(ZMQ_XPUB);

    web_enter_bare(&w);
    say_masked_hex(w.fd, 0x82, "00 01 'top'");
    RECV(w.socket, "+top");
    SEND(w.socket, "other");
    SEND(w.socket, "topic");
    raw_expect(w.fd, "82 06 00 'topic'");
    web_end(&w);
}

Test(web_peer, is_not_let_in_unasked_where_there_is_a_domain)
{
    struct web w = web_bound(ZMQ_PULL);

    OK(zmq_unbind(w.socket, w.at));
    SET_TEXT(w.socket, ZMQ_ZAP_DOMAIN, "TEST");
    test_bind(w.socket, "ws://127.0.0.1:*/");
    OK(zmq_getsockopt(w.socket, ZMQ_LAST_ENDPOINT, w.at, &(size_t){sizeof w.at}));
    web_dial(&w);
    say(w.fd, ASK("ZWS2.0"));
    raw_expect_bytes(w.fd, "HTTP/1.1 400 ", 13);
    raw_expect_end(w.fd);
    web_end(&w);
}

/* ---- frames ---- */

Test(web_peer, may_send_a_message_in_pieces)
{
    struct web w = web_bound(ZMQ_PULL);

    web_enter_bare(&w);
    say_masked_hex(w.fd, 0x02, "00 'be'");
    say_masked_hex(w.fd, 0x89, "'now'"); /* control frames come between */
    raw_expect(w.fd, "8a 03 'now'");
    say_masked_hex(w.fd, 0x00, "");
    say_masked_hex(w.fd, 0x00, "'gun'");
    say_masked_hex(w.fd, 0x80, "");
    RECV(w.socket, "begun");
    say_masked_hex(w.fd, 0x02, ""); /* also before the byte of flags */
    say_masked_hex(w.fd, 0x80, "01 'a'");
    say_masked_hex(w.fd, 0x02, "00");
    say_masked_hex(w.fd, 0x80, "");
    RECV(w.socket, "a|");
    web_end(&w);
}

Test(web_peer, may_send_large_messages_in_pieces)
{
    enum { PIECES = 20, PIECE = 60000 };
    struct web w = web_bound(ZMQ_PULL);
    uint8_t *piece = malloc(PIECE);
    zmq_msg_t m;

    cr_assert_not_null(piece);
    web_enter_bare(&w);
    for (int i = 0; i < PIECES; i++) {
        memset(piece, i, PIECE); /* the first byte of all is 0: flags */
        say_masked(w.fd, i == 0 ? 0x02 : i + 1 < PIECES ? 0x00 : 0x80, piece, PIECE);
    }
    zmq_msg_init(&m);
    cr_assert_eq(zmq_msg_recv(&m, w.socket, 0), PIECES * PIECE - 1);
    for (int i = 0; i < PIECES * PIECE - 1; i++)
        cr_assert_eq(((uint8_t *)zmq_msg_data(&m))[i], (i + 1) / PIECE);
    zmq_msg_close(&m);
    free(piece);
    web_end(&w);
}

Test(web_peer, hears_its_ping_back)
{
    struct web w = web_bound(ZMQ_PULL);

    web_enter_bare(&w);
    say_masked_hex(w.fd, 0x89, "");
    raw_expect(w.fd, "8a 00");
    say_masked_hex(w.fd, 0x89, "'p'*125");
    raw_expect(w.fd, "8a 7d 'p'*125");
    say_masked_hex(w.fd, 0x8a, "'unasked'");
    say_masked_hex(w.fd, 0x82, "00 'x'");
    RECV(w.socket, "x");
    web_end(&w);
}

Test(web_peer, that_does_not_answer_a_ping_is_lost)
{
    struct web w = web_bound(ZMQ_PULL);

    OK(zmq_unbind(w.socket, w.at));
    SET(w.socket, ZMQ_HEARTBEAT_IVL, 30);
    SET(w.socket, ZMQ_HEARTBEAT_TIMEOUT, 300);
    test_bind(w.socket, "ws://127.0.0.1:*/");
    OK(zmq_getsockopt(w.socket, ZMQ_LAST_ENDPOINT, w.at, &(size_t){sizeof w.at}));
    web_enter_bare(&w);
    raw_expect(w.fd, "89 00");
    raw_expect_end(w.fd);
    EVENTS(w.reader, "ACCEPTED HANDSHAKE_SUCCEEDED");
    web_end(&w);
}

/* What ends a connection that has been let in. Hex behind the header `first`, masked; or as it is
 * where `first` is 0. */
struct wrong {
    const char *what;
    uint8_t first;
    const char *hex;
};

static const struct wrong wrong[] = {
    {"no mask", 0, "82 02 00 'x'"},
    {"no mask on a ping", 0, "89 00"},
    {"a reserved bit", 0xc2, "00 'x'"},
    {"another", 0xa2, "00 'x'"},
    {"another", 0x92, "00 'x'"},
    {"text", 0x81, "'0x'"},
    {"an unknown opcode", 0x83, "00"},
    {"an unknown control frame", 0x8b, ""},
    {"nothing, not even flags", 0x82, ""},
    {"a piece of no message", 0x80, "00 'x'"},
    {"a ping in pieces", 0x09, ""},
    {"a large ping", 0, "89 fe 00 7e 00*4"},
    {"a size that has a shorter form", 0, "82 fe 00 02 00*4 00 'x'"},
    {"a negative size", 0, "82 ff ff*8 00*4"},
    {"more than there is", 0, "82 ff 7f ff*7 00*4 00"},
    {"a close of one byte", 0x88, "03"},
};

Test(web_peer, that_breaks_the_rules_of_frames_is_alone_in_it)
{
    struct web w = web_bound(ZMQ_PULL), good;

    good = w;
    web_enter_bare(&good);
    EVENTS(w.reader, "ACCEPTED HANDSHAKE_SUCCEEDED");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        web_enter_bare(&w);
        if (wrong[i].first)
            say_masked_hex(w.fd, wrong[i].first, wrong[i].hex);
        else
            raw_send(w.fd, wrong[i].hex);
        raw_expect_end(w.fd);
        EVENTS(w.reader, "ACCEPTED HANDSHAKE_SUCCEEDED DISCONNECTED");
        say_masked_hex(good.fd, 0x82, "00 'good'");
        RECV(w.socket, "good");
    }
    web_end(&good);
    web_end(&w);
}

Test(web_peer, messages_in_pieces_have_their_limits_too)
{
    struct web w = web_bound(ZMQ_PULL);
    int64_t most = 10;

    OK(zmq_unbind(w.socket, w.at));
    OK(zmq_setsockopt(w.socket, ZMQ_MAXMSGSIZE, &most, sizeof most));
    test_bind(w.socket, "ws://127.0.0.1:*/");
    OK(zmq_getsockopt(w.socket, ZMQ_LAST_ENDPOINT, w.at, &(size_t){sizeof w.at}));
    web_enter_bare(&w);
    say_masked_hex(w.fd, 0x02, "00 '12345'");
    say_masked_hex(w.fd, 0x80, "'67890'");
    RECV(w.socket, "1234567890");
    say_masked_hex(w.fd, 0x02, "00 '12345'");
    say_masked_hex(w.fd, 0x00, "'67890!'");
    raw_expect_end(w.fd);
    web_enter_bare(&w); /* a message within one that has not ended */
    say_masked_hex(w.fd, 0x02, "00 'a'");
    say_masked_hex(w.fd, 0x82, "00 'b'");
    raw_expect_end(w.fd);
    web_end(&w);
}

/* ---- the upgrade ---- */

static const struct {
    const char *text, *answer;
} requests[] = {
    {"\r\n\r\n", "HTTP/1.1 400 "},
    {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
    {"GET / HTTP/1.0\r\n" HEADERS KEYED "Sec-WebSocket-Protocol: ZWS2.0\r\n\r\n", "HTTP/1.1 400 "},
    {"POST / HTTP/1.1\r\n" HEADERS KEYED "Sec-WebSocket-Protocol: ZWS2.0\r\n\r\n", "HTTP/1.1 400 "},
    {"GET / HTTP/1.1\r\n" HEADERS KEYED "\r\n", "HTTP/1.1 400 "},
    {"GET / HTTP/1.1\r\n" HEADERS "Sec-WebSocket-Protocol: ZWS2.0\r\n\r\n", "HTTP/1.1 400 "},
    {"GET / HTTP/1.1\r\n" HEADERS "Sec-WebSocket-Key: AAAA\r\nSec-WebSocket-Protocol: ZWS2.0\r\n"
     "\r\n",
     "HTTP/1.1 400 "},
    {ASK("ZWS2.0/CURVE"), "HTTP/1.1 400 "},
    {ASK("mqtt"), "HTTP/1.1 400 "},
    {"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "
     "8\r\n" KEYED "Sec-WebSocket-Protocol: ZWS2.0\r\n\r\n",
     "HTTP/1.1 426 "},
    {"\xff\x00\x00\r\n\r\n", "HTTP/1.1 400 "},
};

Test(web_peer, that_asks_for_something_else_is_told_so)
{
    struct web w = web_bound(ZMQ_PULL);

    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        web_dial(&w);
        raw_send_bytes(w.fd, requests[i].text, strlen(requests[i].text));
        if (requests[i].text[0] == '\xff') /* the rest of it, behind the NULs */
            raw_send(w.fd, "00 0d 0a 0d 0a");
        raw_expect_bytes(w.fd, requests[i].answer, strlen(requests[i].answer));
        raw_expect_end(w.fd);
        raw_close(&w.fd);
        EVENTS(w.reader, "ACCEPTED HANDSHAKE_FAILED_PROTOCOL=%d DISCONNECTED",
               ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED);
    }
    web_enter_bare(&w);
    web_end(&w);
}

Test(web_peer, that_does_not_come_to_an_end_is_refused)
{
    struct web w = web_bound(ZMQ_PULL);
    char line[1024];

    memset(line, 'x', sizeof line);
    memcpy(line, "X: ", 3);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    web_dial(&w);
    say(w.fd, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 9; i++)
        raw_send_bytes(w.fd, line, sizeof line);
    raw_expect_bytes(w.fd, "HTTP/1.1 400 ", 13);
    raw_expect_end(w.fd);
    web_end(&w);
}

Test(web_peer, that_says_nothing_has_its_time)
{
    struct web w = web_bound(ZMQ_PULL);

    OK(zmq_unbind(w.socket, w.at));
    SET(w.socket, ZMQ_HANDSHAKE_IVL, 100);
    test_bind(w.socket, "ws://127.0.0.1:*/");
    OK(zmq_getsockopt(w.socket, ZMQ_LAST_ENDPOINT, w.at, &(size_t){sizeof w.at}));
    web_dial(&w);
    say(w.fd, "GET / HTTP/1.1\r\n");
    raw_expect_close(w.fd);
    EVENTS(w.reader, "ACCEPTED HANDSHAKE_FAILED_NO_DETAIL DISCONNECTED");
    web_end(&w);
}

/* ---- the end ---- */

Test(web_peer, that_closes_is_answered)
{
    struct web w = web_bound(ZMQ_PULL);

    web_enter_bare(&w);
    say_masked_hex(w.fd, 0x82, "00 'last'");
    say_masked_hex(w.fd, 0x88, "03 e8 'bye'");
    raw_expect(w.fd, "88 05 03 e8 'bye'");
    raw_expect_close(w.fd);
    RECV(w.socket, "last");
    EVENTS(w.reader, "ACCEPTED HANDSHAKE_SUCCEEDED DISCONNECTED");
    web_enter_bare(&w);
    say_masked_hex(w.fd, 0x88, "");
    raw_expect(w.fd, "88 00");
    raw_expect_close(w.fd);
    web_end(&w);
}

Test(web_peer, is_told_when_we_close)
{
    struct web w = web_bound(ZMQ_PUB);

    SET(w.socket, ZMQ_LINGER, RAW_DEADLINE_MS);
    web_enter_bare(&w);
    say_masked_hex(w.fd, 0x89, ""); /* the answer tells that our name has been heard */
    raw_expect(w.fd, "8a 00");
    test_close(w.reader);
    test_close(w.socket);
    raw_expect(w.fd, "88 02 03 e8");
    raw_expect_close(w.fd);
    web_end(&w);
}

/* ---- we dial ---- */

/* What we ask, of which the key differs each time. */
static void hear_request(struct web *w, const char *protocols)
{
    char text[1024] = "", expected[1024], *key;

    for (size_t n = 0; !strstr(text, "\r\n\r\n"); n++) {
        cr_assert_lt(n, sizeof text - 1);
        raw_read(w->fd, text + n, 1);
    }
    key = strstr(text, "Sec-WebSocket-Key: ");
    cr_assert_not_null(key);
    snprintf(w->key, sizeof w->key, "%.24s", key + 19);
    snprintf(expected, sizeof expected,
             "GET /a/path HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n"
             "Sec-WebSocket-Version: 13\r\n\r\n",
             w->at, w->key, protocols);
    cr_assert_str_eq(text, expected);
}

static struct web web_dialed(int type)
{
    struct web w = {.fd = -1};
    char at[160];

    w.listener = raw_listen(false, at, sizeof at);
    snprintf(w.at, sizeof w.at, "%s", at + 6);
    w.socket = test_socket(type);
    SET(w.socket, ZMQ_LINGER, 0);
    SET(w.socket, ZMQ_RECONNECT_IVL, 20);
    w.reader = watch(w.socket, ZMQ_EVENT_ALL & ~(ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_CLOSED));
    test_connect(w.socket, test_text("ws://%s/a/path", w.at));
    w.fd = raw_accept(w.listener);
    hear_request(&w, "ZWS2.0/NULL,ZWS2.0");
    return w;
}

/* The accept that a key asks for needs a digest; this gives a wrong one. */
Test(web_peer, that_did_not_read_our_key_is_not_believed)
{
    struct web w = web_dialed(ZMQ_PAIR);

    say(w.fd, ANSWER("ZWS2.0")); /* to another key */
    raw_expect_end(w.fd);
    EVENTS(w.reader, "CONNECTED HANDSHAKE_FAILED_PROTOCOL=%d DISCONNECTED",
           ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED);
    NO_EVENT(w.reader);
    web_end(&w);
}

Test(web_peer, that_is_not_ready_is_tried_again)
{
    struct web w = web_dialed(ZMQ_PAIR);

    say(w.fd, "HTTP/1.1 503 Service Unavailable\r\n\r\n");
    raw_expect_end(w.fd);
    EVENTS(w.reader, "CONNECTED HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED CONNECT_RETRIED",
           ECONNREFUSED);
    raw_close(&w.fd);
    w.fd = raw_accept(w.listener);
    hear_request(&w, "ZWS2.0/NULL,ZWS2.0");
    web_end(&w);
}

Test(web_peer, that_answers_with_a_page_is_not_tried_again)
{
    struct web w = web_dialed(ZMQ_PAIR);

    say(w.fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    raw_expect_end(w.fd);
    EVENTS(w.reader, "CONNECTED HANDSHAKE_FAILED_PROTOCOL DISCONNECTED");
    NO_EVENT(w.reader);
    web_end(&w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody sits on the line between a client and a server of CURVE, passes on what they say, and
 * says something of his own when it suits him.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/monitor/watch.h"
#include "tests/support/pair.h"
#include "tests/support/rawpeer.h"

#include <sys/socket.h>

TEST_SUITE(injected);

/* The server, its handler, the client, and the two ends that the one between has. */
struct line {
    void *server, *handler, *client;
    int listener, to_client, to_server;
};

static struct line begin(void)
{
    char server_public[41], server_secret[41], client_public[41], client_secret[41], at[160];
    struct line l = {.server = test_socket(ZMQ_PULL), .client = test_socket(ZMQ_PUSH)};
    size_t size = sizeof at;

    l.handler = test_bound(ZMQ_REP, "inproc://zeromq.zap.01");
    OK(zmq_curve_keypair(server_public, server_secret));
    OK(zmq_curve_keypair(client_public, client_secret));
    SET(l.server, ZMQ_CURVE_SERVER, 1);
    SET_TEXT(l.server, ZMQ_CURVE_SECRETKEY, server_secret);
    SET_TEXT(l.client, ZMQ_CURVE_SERVERKEY, server_public);
    SET_TEXT(l.client, ZMQ_CURVE_PUBLICKEY, client_public);
    SET_TEXT(l.client, ZMQ_CURVE_SECRETKEY, client_secret);
    SET(l.client, ZMQ_LINGER, 0);
    test_bind(l.server, "tcp://127.0.0.1:*");
    OK(zmq_getsockopt(l.server, ZMQ_LAST_ENDPOINT, at, &size));
    l.to_server = raw_dial(at);
    l.listener = raw_listen(false, at, sizeof at);
    test_connect(l.client, at);
    l.to_client = raw_accept(l.listener);
    return l;
}

static void pass_on(int from, int to)
{
    char bytes[4096];
    ssize_t n = recv(from, bytes, sizeof bytes, MSG_DONTWAIT);

    if (n > 0)
        raw_send_bytes(to, bytes, (size_t)n);
}

/* Until the server asks its handler about the client. */
static bool is_asked(struct line *l)
{
    pass_on(l->to_client, l->to_server);
    pass_on(l->to_server, l->to_client);
    return test_events(l->handler) & ZMQ_POLLIN;
}

Test(injected, a_message_begun_while_the_handler_thinks_is_not_delivered_in_the_clear)
{
    struct line l = begin();
    zmq_msg_t part;
    int more = 1;

    WAIT(is_asked(&l));
    while (more) {
        zmq_msg_init(&part);
        OK(zmq_msg_recv(&part, l.handler, 0));
        more = zmq_msg_more(&part);
        zmq_msg_close(&part);
    }
    raw_send(l.to_server, "00 05 'fa'");
    raw_expect_quiet(l.to_server, RAW_QUIET_MS); /* it is heard, and is not all there */
    SEND(l.handler, "1.0|1|200|OK||");
    cr_assert(raw_readable(l.to_server, RAW_DEADLINE_MS)); /* READY, or the end */
    raw_send(l.to_server, "'ked'");
    raw_expect_end(l.to_server);
    RECV_GIVES(EAGAIN, l.server);
    raw_close(&l.to_server);
    raw_close(&l.to_client);
    raw_close(&l.listener);
}

/* ---- what is too short to be what it says it is ---- */

enum { GREETING = 64, LONG_FRAME = 2 };

#define ENDS (ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_DISCONNECTED)

/* He greets either as the other would. */
static void greet_both(struct line *l)
{
    uint8_t greeting[GREETING];

    raw_send(l->to_server, RAW_SIGNATURE "03 01 'CURVE' 00*15 00 00*31");
    raw_send(l->to_client, RAW_SIGNATURE "03 01 'CURVE' 00*15 01 00*31");
    raw_read(l->to_server, greeting, sizeof greeting);
    raw_read(l->to_client, greeting, sizeof greeting);
}

/* One command; its bytes as they came, with those that say how long it is. */
static size_t take_command(int from, uint8_t *bytes, size_t room)
{
    size_t head = 2, size;

    raw_read(from, bytes, head);
    size = bytes[1];
    if (bytes[0] & LONG_FRAME) {
        head = 9;
        raw_read(from, bytes + 2, head - 2);
        size = (size_t)bytes[7] << 8 | bytes[8];
    }
    cr_assert_leq(head + size, room);
    raw_read(from, bytes + head, size);
    return head + size;
}

static void carry_command(int from, int to)
{
    uint8_t bytes[512];

    raw_send_bytes(to, bytes, take_command(from, bytes, sizeof bytes));
}

/* Up to the client's INITIATE, which waits to be read. */
static void carry_to_initiate(struct line *l)
{
    greet_both(l);
    carry_command(l->to_client, l->to_server); /* HELLO */
    carry_command(l->to_server, l->to_client); /* WELCOME */
}

/* The client first: its next try must not find another listener at the same port. */
static void end(struct line *l)
{
    test_close(l->client);
    raw_close(&l->to_client);
    raw_close(&l->to_server);
    raw_close(&l->listener);
}

Test(injected, an_initiate_that_is_too_short_is_told_as_one)
{
    struct line l = begin();
    void *reader = watch(l.server, ENDS);

    carry_to_initiate(&l);
    raw_send(l.to_server, "04 09 08 'INITIATE'");
    EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%u DISCONNECTED",
           ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE);
    end(&l);
}

Test(injected, a_ready_that_is_too_short_is_told_as_one)
{
    struct line l = begin();
    void *reader = watch(l.client, ENDS);
    uint8_t initiate[512];

    carry_to_initiate(&l);
    take_command(l.to_client, initiate, sizeof initiate);
    raw_send(l.to_client, "04 06 05 'READY'");
    EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%u DISCONNECTED",
           ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY);
    end(&l);
}

/* Before WELCOME nothing could open it; it is told of as libzmq tells of it. */
Test(injected, a_ready_before_its_time_is_told_as_one_that_does_not_open)
{
    static const struct {
        const char *words;
        unsigned why;
    } all[] = {{"04 06 05 'READY'", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY},
               {"04 1d 05 'READY' 00*23", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY},
               {"04 1e 05 'READY' 00*24", ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC},
               {"04 40 05 'READY' 78*58", ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC}};

    for (int i = 0; i < 4; i++) {
        struct line l = begin();
        void *reader = watch(l.client, ENDS);

        greet_both(&l);
        raw_send(l.to_client, all[i].words);
        EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%u DISCONNECTED", all[i].why);
        end(&l);
        test_close(l.handler); /* its name is the next one's */
    }
}

/* Let in, and the line is quiet: `sealed` is the client's message, as it was. */
static size_t let_in(struct line *l, uint8_t *sealed, size_t room)
{
    size_t size;

    carry_to_initiate(l);
    carry_command(l->to_client, l->to_server);
    test_recv(l->handler, 0);
    SEND(l->handler, "1.0|1|200|OK||");
    carry_command(l->to_server, l->to_client); /* READY */
    SEND(l->client, "let in");
    size = take_command(l->to_client, sealed, room);
    raw_send_bytes(l->to_server, sealed, size);
    RECV(l->server, "let in");
    return size;
}

/* Each way. */
Test(injected, a_message_that_is_too_short_is_told_as_one)
{
    for (int to_client = 0; to_client < 2; to_client++) {
        struct line l = begin();
        void *reader = watch(to_client ? l.client : l.server, ENDS);
        uint8_t sealed[512];

        let_in(&l, sealed, sizeof sealed);
        raw_send(to_client ? l.to_client : l.to_server, "00 08 07 'MESSAGE'");
        EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%u DISCONNECTED",
               ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE);
        end(&l);
        test_close(l.handler); /* its name is the next one's */
    }
}

Test(injected, a_message_said_twice_is_told_as_out_of_sequence)
{
    struct line l = begin();
    void *reader = watch(l.server, ENDS);
    uint8_t sealed[512];
    size_t size = let_in(&l, sealed, sizeof sealed);

    raw_send_bytes(l.to_server, sealed, size);
    EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%u DISCONNECTED",
           ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE);
    RECV_GIVES(EAGAIN, l.server);
    end(&l);
}

Test(injected, what_is_no_command_at_all_is_told_as_malformed)
{
    struct line l = begin();
    void *reader = watch(l.server, ENDS);
    uint8_t sealed[512];

    let_in(&l, sealed, sizeof sealed);
    raw_send(l.to_server, "00 04 07 'MES'");
    EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%u DISCONNECTED",
           ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED);
    end(&l);
}

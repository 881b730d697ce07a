/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PLAIN: who is let in and who is not, and each word out of place. The test's thread is the ZAP
 * handler.
 */
#include "tests/monitor/watch.h"
#include "tests/support/rawpeer.h"

TEST_SUITE(plain);

#define HANDLER  "inproc://zeromq.zap.01"
#define REQUEST  "1.0|1||127.0.0.1||PLAIN|" /* and name and password */
#define GREETING RAW_SIGNATURE "03 01 'PLAIN' 00*15 00*32 "
#define HELLO    "04 0d 05 'HELLO' 03 'joe' 02 'pw' "
#define INITIATE "04 2c 08 'INITIATE' 0b 'Socket-Type' 00 00 00 06 'DEALER' 08 'Identity' 00*4 "
#define READY    "04 29 05 'READY' 0b 'Socket-Type' 00 00 00 06 'DEALER' 08 'Identity' 00*4 "

enum { RETRY_MS = 20 };

static void *watched(void **reader)
{
    void *socket = test_socket(ZMQ_DEALER);

    SET(socket, ZMQ_RECONNECT_IVL, RETRY_MS);
    SET(socket, ZMQ_LINGER, 0);
    *reader = watch(socket, ZMQ_EVENT_ALL & ~(ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_LISTENING |
                                              ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED));
    return socket;
}

static void *make_server(void **reader)
{
    void *server = watched(reader);

    SET(server, ZMQ_PLAIN_SERVER, 1);
    return server;
}

static void *make_client(void **reader, const char *name, const char *password)
{
    void *client = watched(reader);

    SET_TEXT(client, ZMQ_PLAIN_USERNAME, name);
    SET_TEXT(client, ZMQ_PLAIN_PASSWORD, password);
    return client;
}

EACH_STREAM(plain, lets_in_whom_the_handler_lets_in)
{
    void *handler = test_bound(ZMQ_REP, HANDLER), *server_reader, *client_reader;
    void *server = make_server(&server_reader), *client = make_client(&client_reader, "joe", "pw");
    const char *at = test_endpoint(transport);

    test_bind(server, at);
    test_connect(client, at);
    if (transport == TEST_TCP)
        RECV(handler, REQUEST "joe|pw");
    else
        test_recv(handler, 0);
    SEND(handler, "1.0|1|200|OK|joe|");
    SEND(client, "hello");
    RECV(server, "hello");
    SEND(server, "back");
    RECV(client, "back");
    EVENTS(server_reader, "HANDSHAKE_SUCCEEDED");
    EVENTS(client_reader, "HANDSHAKE_SUCCEEDED");
}

/* Who is the server has nothing to do with who binds. */
Test(plain, the_server_may_dial)
{
    void *handler = test_bound(ZMQ_REP, HANDLER), *server_reader, *client_reader;
    void *server = make_server(&server_reader), *client = make_client(&client_reader, "joe", "pw");
    const char *at = test_endpoint(TEST_TCP);

    test_bind(client, at);
    test_connect(server, at);
    RECV(handler, REQUEST "joe|pw");
    SEND(handler, "1.0|1|200|OK|joe|");
    SEND(client, "hello");
    RECV(server, "hello");
}

Test(plain, who_is_refused_hears_it_and_does_not_come_back)
{
    void *handler = test_bound(ZMQ_REP, HANDLER), *server_reader, *client_reader;
    void *server = make_server(&server_reader), *client = make_client(&client_reader, "joe", "no");
    const char *at = test_endpoint(TEST_TCP);

    test_bind(server, at);
    test_connect(client, at);
    RECV(handler, REQUEST "joe|no");
    SEND(handler, "1.0|1|400|no||");
    EVENTS(server_reader, "HANDSHAKE_FAILED_AUTH=400 DISCONNECTED");
    EVENTS(client_reader, "HANDSHAKE_FAILED_AUTH=400 DISCONNECTED");
    NO_EVENT(client_reader);
}

Test(plain, without_a_handler_nobody_is_let_in)
{
    void *server_reader, *client_reader;
    void *server = make_server(&server_reader), *client = make_client(&client_reader, "joe", "pw");
    const char *at = test_endpoint(TEST_TCP);

    test_bind(server, at);
    test_connect(client, at);
    EVENTS(server_reader, "HANDSHAKE_FAILED_NO_DETAIL=14 DISCONNECTED "
                          "HANDSHAKE_FAILED_NO_DETAIL=14 DISCONNECTED");
    EVENTS(client_reader, "HANDSHAKE_FAILED_NO_DETAIL=32 DISCONNECTED CONNECT_RETRIED");
}

Test(plain, two_clients_wait_for_each_other_until_the_handshake_timer)
{
    void *b_reader, *c_reader;
    void *b = make_client(&b_reader, "joe", "pw"), *c = make_client(&c_reader, "jim", "pw");
    const char *at = test_endpoint(TEST_TCP);

    test_bind(b, at);
    test_connect(c, at);
    EVENTS(b_reader, "HANDSHAKE_FAILED_PROTOCOL=%u", ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
}

/* ---- the server, and a peer by hand ---- */

static int dial_raw(void *server)
{
    const char *at = test_endpoint(TEST_TCP);
    int fd;

    test_bind(server, at);
    fd = raw_dial(at);
    raw_send(fd, GREETING);
    raw_expect(fd, RAW_SIGNATURE "03 01 'PLAIN' 00*15 00*32");
    return fd;
}

Test(plain, the_server_speaks_as_libzmq_does)
{
    void *handler = test_bound(ZMQ_REP, HANDLER), *reader, *server = make_server(&reader);
    int fd = dial_raw(server);

    raw_send(fd, HELLO);
    RECV(handler, REQUEST "joe|pw");
    raw_expect_quiet(fd, RAW_QUIET_MS);
    SEND(handler, "1.0|1|200|OK|joe|");
    raw_expect(fd, "04 08 07 'WELCOME'");
    raw_send(fd, INITIATE);
    raw_expect(fd, READY);
    raw_send(fd, "00 01 'm'");
    RECV(server, "m");
    EVENTS(reader, "HANDSHAKE_SUCCEEDED");
    raw_close(&fd);
}

Test(plain, the_server_refuses_as_libzmq_does)
{
    void *handler = test_bound(ZMQ_REP, HANDLER), *reader, *server = make_server(&reader);
    int fd = dial_raw(server);

    raw_send(fd, HELLO);
    RECV(handler, REQUEST "joe|pw");
    SEND(handler, "1.0|1|400|no||");
    raw_expect(fd, "04 09 '^RROR' 03 '400'");
    raw_expect_close(fd);
    raw_close(&fd);
    EVENTS(reader, "HANDSHAKE_FAILED_AUTH=400 DISCONNECTED");
}

/* What a client says, in what the server is at that time, and what comes of it. */
struct wrong {
    char words[256];
    unsigned why; /* 0: no event of its own */
};

ParameterizedTestParameters(plain, a_client_out_of_order_is_cut_off)
{
    static struct wrong all[] = {
        {"04 06 05 'HELLO'", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO},
        {"04 0a 05 'HELLO' 03 'joe'", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO},
        {"04 0c 05 'HELLO' 03 'joe' 02 'p'", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO},
        {"04 0e 05 'HELLO' 03 'joe' 02 'pwx'", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO},
        {"04 07 05 'HELLO' ff", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO},
        {"04 0d 05 'HELLX' 03 'joe' 02 'pw'", ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND},
        {"04 00", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED},
        {"04 01 00", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED},
        {"04 01 ff", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED},
        {"04 04 05 'HEL'", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED},
        {"00 05 'hello'", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED},
        {"04 04 00 'abc'", ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND},
        {INITIATE, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND},
        {READY, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND},
        {"04 08 07 'WELCOME'", ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND},
        {HELLO HELLO, ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED},
        {HELLO INITIATE, ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED},
        {HELLO "00 05 'hello'", ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED},
    };

    return cr_make_param_array(struct wrong, all, sizeof all / sizeof *all);
}

ParameterizedTest(struct wrong *wrong, plain, a_client_out_of_order_is_cut_off)
{
    void *reader, *server = make_server(&reader);
    int fd;

    test_bound(ZMQ_REP, HANDLER);
    fd = dial_raw(server);
    raw_send(fd, wrong->words);
    raw_expect_end(fd);
    EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%u DISCONNECTED", wrong->why);
    NO_EVENT(reader);
    raw_close(&fd);
}

/* After WELCOME. */
ParameterizedTestParameters(plain, an_initiate_out_of_order_is_cut_off)
{
    static struct wrong all[] = {
        {HELLO, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND},
        {"04 00", ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND},
        {"00 05 'hello'", ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND},
        {"04 0b 08 'INITIATE' 0b 'S'", 0},
        {"04 1b 08 'INITIATE' 0b 'Socket-Type' 00 00 00 02 'XX'", 0},
        {"04 1c 08 'INITIATE' 0b 'Socket-Type' 00 00 00 03 'PUB'", 0},
        {"04 1c 08 'INITIATE' 0b 'Socket-Type' ff ff ff ff 'PUB'", 0},
    };

    return cr_make_param_array(struct wrong, all, sizeof all / sizeof *all);
}

ParameterizedTest(struct wrong *wrong, plain, an_initiate_out_of_order_is_cut_off)
{
    void *handler = test_bound(ZMQ_REP, HANDLER), *reader, *server = make_server(&reader);
    int fd = dial_raw(server);

    raw_send(fd, HELLO);
    RECV(handler, REQUEST "joe|pw");
    SEND(handler, "1.0|1|200|OK|joe|");
    raw_expect(fd, "04 08 07 'WELCOME'");
    raw_send(fd, wrong->words);
    raw_expect_end(fd);
    if (wrong->why)
        EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%u", wrong->why);
    EVENTS(reader, "DISCONNECTED");
    NO_EVENT(reader);
    RECV_GIVES(EAGAIN, server);
    raw_close(&fd);
}

/* A client that stops at any byte of its handshake. */
Test(plain, a_handshake_cut_short_leaves_nothing)
{
    void *handler = test_bound(ZMQ_REP, HANDLER), *reader, *server = make_server(&reader);
    int fd = dial_raw(server);

    raw_send(fd, "04 0d 05 'HEL'");
    raw_close(&fd);
    EVENTS(reader, "HANDSHAKE_FAILED_NO_DETAIL DISCONNECTED");
    RECV_GIVES(EAGAIN, handler);
}

/* ---- the client, and a server by hand ---- */

static int accept_raw(void **client, void **reader)
{
    char at[64];
    int listener = raw_listen(false, at, sizeof at), fd;

    *client = make_client(reader, "joe", "pw");
    test_connect(*client, at);
    fd = raw_accept(listener);
    raw_close(&listener);
    raw_send(fd, GREETING);
    raw_expect(fd, RAW_SIGNATURE "03 01 'PLAIN' 00*15 00*32 " HELLO);
    return fd;
}

Test(plain, the_client_speaks_as_libzmq_does)
{
    void *client, *reader;
    int fd = accept_raw(&client, &reader);

    raw_send(fd, "04 08 07 'WELCOME'");
    raw_expect(fd, INITIATE);
    raw_send(fd, READY);
    SEND(client, "m");
    raw_expect(fd, "00 01 'm'");
    EVENTS(reader, "HANDSHAKE_SUCCEEDED");
    raw_close(&fd);
}

ParameterizedTestParameters(plain, a_server_out_of_order_is_left)
{
    static struct wrong all[] = {
        {"04 09 07 'WELCOME' 00", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME},
        {READY, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND},
        {HELLO, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND},
        {"04 08 07 'WELCOME' 04 08 07 'WELCOME'", ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND},
        {"04 06 05 'ERROR'", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR},
        {"04 05 '^RROR'", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR},
        {"04 07 '^RROR' 05 '4'", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR},
        {"04 08 07 'WELCOME' 04 08 05 'READY' 0b 'S'", ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA},
        {"04 08 07 'WELCOME' 04 19 05 'READY' 0b 'Socket-Type' 00 00 00 03 'SUB'",
         ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA},
    };

    return cr_make_param_array(struct wrong, all, sizeof all / sizeof *all);
}

ParameterizedTest(struct wrong *wrong, plain, a_server_out_of_order_is_left)
{
    void *client, *reader;
    int fd = accept_raw(&client, &reader);

    raw_send(fd, wrong->words);
    EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%u DISCONNECTED", wrong->why);
    NO_EVENT(reader);
    raw_close(&fd);
}

/* The RFC's form and libzmq's are one word. */
Test(plain, both_forms_of_error_are_understood)
{
    static const char *const words[] = {"04 0a 05 'ERROR' 03 '400'", "04 09 '^RROR' 03 '400'"};

    for (int i = 0; i < 2; i++) {
        void *client, *reader;
        int fd = accept_raw(&client, &reader);

        raw_send(fd, words[i]);
        EVENTS(reader, "HANDSHAKE_FAILED_AUTH=400 DISCONNECTED");
        NO_EVENT(reader);
        raw_close(&fd);
    }
}

/* ---- the options ---- */

Test(plain, what_was_set_last_says_what_a_socket_is)
{
    void *s = test_socket(ZMQ_DEALER);
    char text[8] = "";
    size_t size = sizeof text;

    cr_assert_eq(test_get(s, ZMQ_PLAIN_SERVER), 0);
    SET_TEXT(s, ZMQ_PLAIN_USERNAME, "joe");
    cr_assert_eq(test_get(s, ZMQ_MECHANISM), ZMQ_PLAIN);
    OK(zmq_getsockopt(s, ZMQ_PLAIN_USERNAME, text, &size));
    cr_assert_str_eq(text, "joe");
    SET(s, ZMQ_PLAIN_SERVER, 1);
    cr_assert_eq(test_get(s, ZMQ_PLAIN_SERVER), 1);
    cr_assert_eq(test_get(s, ZMQ_MECHANISM), ZMQ_PLAIN);
    SET_TEXT(s, ZMQ_PLAIN_PASSWORD, "pw");
    cr_assert_eq(test_get(s, ZMQ_PLAIN_SERVER), 0);
    SET(s, ZMQ_PLAIN_SERVER, 0);
    cr_assert_eq(test_get(s, ZMQ_MECHANISM), ZMQ_NULL);
    SET_TEXT(s, ZMQ_PLAIN_PASSWORD, "pw");
    OK(zmq_setsockopt(s, ZMQ_PLAIN_USERNAME, NULL, 0));
    cr_assert_eq(test_get(s, ZMQ_MECHANISM), ZMQ_NULL);
    FAILS(EINVAL, zmq_setsockopt(s, ZMQ_PLAIN_USERNAME, "", 0));
    FAILS(EINVAL, test_set(s, ZMQ_PLAIN_SERVER, 2));
    FAILS(EINVAL, test_set(s, ZMQ_MECHANISM, 1));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ZAP handler, played by the test's own thread: what it is asked, and what comes of each of its
 * answers and of none, under NULL. The connection goes on by itself meanwhile.
 */
#define ZMQ_BUILD_DRAFT_API /* ZMQ_ZAP_ENFORCE_DOMAIN */
#include "tests/monitor/watch.h"
#include "tests/support/plain.h"
#include "tests/support/rawpeer.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zuring.h>

TEST_SUITE(zap);

#define HANDLER "inproc://zeromq.zap.01"
#define REQUEST "1.0|1|TEST|127.0.0.1|" /* and the identity, the mechanism, the credentials */

enum { RETRY_MS = 20 };

/* A server and a client that the handler is asked about; readers of their handshakes. */
struct talk {
    void *handler, *server, *client, *server_reader, *client_reader;
    const char *at;
};

static void *watched(int type, void **reader)
{
    void *socket = test_socket(type);

    SET(socket, ZMQ_RECONNECT_IVL, RETRY_MS);
    SET(socket, ZMQ_LINGER, 0);
    *reader = watch(socket, ZMQ_EVENT_ALL & ~(ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_LISTENING |
                                              ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED));
    return socket;
}

static struct talk begin(enum test_transport transport, int handler)
{
    struct talk t = {.at = test_endpoint(transport)};

    t.handler = handler < 0 ? NULL : test_bound(handler, HANDLER);
    t.server = watched(ZMQ_DEALER, &t.server_reader);
    t.client = watched(ZMQ_DEALER, &t.client_reader);
    SET_TEXT(t.server, ZMQ_ZAP_DOMAIN, "TEST");
    return t;
}

static void meet(struct talk *t)
{
    test_bind(t->server, t->at);
    test_connect(t->client, t->at);
}

static struct talk asked(enum test_transport transport)
{
    struct talk t = begin(transport, ZMQ_REP);

    meet(&t);
    if (transport == TEST_TCP)
        RECV(t.handler, REQUEST "|NULL");
    else
        RECV(t.handler, "1.0|1|TEST|localhost:%d:%d:%d||NULL", (int)getuid(), (int)getgid(),
             (int)getpid());
    return t;
}

static void converse(struct talk *t)
{
    SEND(t->client, "hello");
    RECV(t->server, "hello");
    SEND(t->server, "back");
    RECV(t->client, "back");
}

static const char *property(struct talk *t, const char *name)
{
    const char *value;
    zmq_msg_t m;

    SEND(t->client, "what am I?");
    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, t->server, 0));
    value = zmq_msg_gets(&m, name);
    value = value ? test_text("%s", value) : NULL;
    zmq_msg_close(&m);
    return value ? value : "none";
}

EACH_STREAM(zap, who_is_let_in_has_a_user_id_and_what_else_the_handler_says)
{
    struct talk t = asked(transport);

    SEND(t.handler, "1.0|1|200|OK|anonymous|\5Hello---\5World\4Name---\2me");
    converse(&t);
    EVENTS(t.server_reader, "HANDSHAKE_SUCCEEDED");
    EVENTS(t.client_reader, "HANDSHAKE_SUCCEEDED");
    cr_assert_str_eq(property(&t, "User-Id"), "anonymous");
    cr_assert_str_eq(property(&t, "Hello"), "World");
    cr_assert_str_eq(property(&t, "Name"), "me");
    cr_assert_str_eq(property(&t, "Socket-Type"), "DEALER");
    cr_assert_str_eq(property(&t, "Elsewhere"), "none");
    if (transport == TEST_TCP)
        cr_assert_str_eq(property(&t, "Peer-Address"), "127.0.0.1");
}

Test(zap, an_empty_user_id_is_one)
{
    struct talk t = asked(TEST_TCP);

    SEND(t.handler, "1.0|1|200|OK||");
    converse(&t);
    cr_assert_str_eq(property(&t, "User-Id"), "");
}

Test(zap, the_handler_may_be_a_router)
{
    struct talk t = begin(TEST_TCP, ZMQ_ROUTER);
    char id[16];
    int size;

    SET_TEXT(t.server, ZMQ_ROUTING_ID, "server");
    meet(&t);
    size = zmq_recv(t.handler, id, sizeof id, 0);
    cr_assert_gt(size, 0);
    RECV(t.handler, "|" REQUEST "server|NULL");
    cr_assert_eq(zmq_send(t.handler, id, (size_t)size, ZMQ_SNDMORE), size);
    SEND(t.handler, "|1.0|1|200|OK|routed|");
    converse(&t);
    cr_assert_str_eq(property(&t, "User-Id"), "routed");
}

Test(zap, without_a_domain_nobody_is_asked)
{
    void *handler = test_bound(ZMQ_REP, HANDLER);
    const char *at = test_endpoint(TEST_TCP);
    void *server = test_bound(ZMQ_PULL, at), *client = test_connected(ZMQ_PUSH, at);

    SEND(client, "hello");
    RECV(server, "hello");
    RECV_GIVES(EAGAIN, handler);
}

/* Whoever has the domain asks, be it the one who dialed. */
Test(zap, who_dialed_may_ask_too)
{
    void *handler = test_bound(ZMQ_REP, HANDLER);
    const char *at = test_endpoint(TEST_TCP);
    void *server = test_bound(ZMQ_DEALER, at), *client = test_socket(ZMQ_DEALER);

    SET_TEXT(client, ZMQ_ZAP_DOMAIN, "TEST");
    test_connect(client, at);
    RECV(handler, REQUEST "|NULL");
    SEND(handler, "1.0|1|200|OK|the server|");
    SEND(client, "hello");
    RECV(server, "hello");
}

/* ---- who is not let in ---- */

EACH_STREAM(zap, who_is_refused_hears_it_and_does_not_come_back)
{
    static const char *const statuses[] = {"400", "500"};

    for (int i = 0; i < 2; i++) {
        struct talk t = i ? begin(transport, -1) : asked(transport);

        if (i) { /* the handler of the round before serves again */
            t.handler = test_bound(ZMQ_REP, HANDLER);
            meet(&t);
            test_recv(t.handler, 0);
        }
        SEND(t.handler, "1.0|1|%s|no||", statuses[i]);
        EVENTS(t.server_reader, "HANDSHAKE_FAILED_AUTH=%s DISCONNECTED=*@%s", statuses[i], t.at);
        EVENTS(t.client_reader, "HANDSHAKE_FAILED_AUTH=%s DISCONNECTED=*@%s", statuses[i], t.at);
        NO_EVENT(t.client_reader);
        NO_EVENT(t.server_reader);
        RECV_GIVES(EAGAIN, t.handler);
        test_close(t.handler);
    }
}

EACH_STREAM(zap, who_is_to_try_again_does_so)
{
    struct talk t = asked(transport);

    SEND(t.handler, "1.0|1|300|later||");
    EVENTS(t.server_reader, "HANDSHAKE_FAILED_AUTH=300 DISCONNECTED=*@%s", t.at);
    EVENTS(t.client_reader, "HANDSHAKE_FAILED_NO_DETAIL=32 DISCONNECTED CONNECT_RETRIED");
    test_recv(t.handler, 0);
    SEND(t.handler, "1.0|1|200|OK|late|");
    converse(&t);
    EVENTS(t.server_reader, "HANDSHAKE_SUCCEEDED");
}

/* Whoever dialed and is itself the one who asks keeps what it had to send. */
Test(zap, who_dialed_and_is_told_to_try_again_loses_nothing)
{
    void *handler = test_bound(ZMQ_REP, HANDLER);
    const char *at = test_endpoint(TEST_TCP);
    void *server = test_bound(ZMQ_DEALER, at), *client = test_socket(ZMQ_DEALER);

    SET(client, ZMQ_RECONNECT_IVL, RETRY_MS);
    SET_TEXT(client, ZMQ_ZAP_DOMAIN, "TEST");
    test_connect(client, at);
    SEND(client, "kept");
    RECV(handler, REQUEST "|NULL");
    SEND(handler, "1.0|1|300|later||");
    RECV(handler, REQUEST "|NULL");
    RECV_GIVES(EAGAIN, server);
    SEND(handler, "1.0|1|200|OK||");
    RECV(server, "kept");
}

struct wrong {
    char answer[64];
    unsigned why;
};

/* What the handler says makes no sense: why, and that it is tried again. */
ParameterizedTestParameters(zap, an_answer_that_makes_no_sense_lets_nobody_in)
{
    static struct wrong all[] = {
        {"1.0|1|200|OK|me||", ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY},
        {"1.0|1|200|OK|me", ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY},
        {"", ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY},
        {"1.1|1|200|OK|me|", ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION},
        {"|1|200|OK|me|", ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION},
        {"1.0|2|200|OK|me|", ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID},
        {"1.0|1|600|OK|me|", ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE},
        {"1.0|1|201|OK|me|", ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE},
        {"1.0|1|2000|OK|me|", ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE},
        {"1.0|1||OK|me|", ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE},
        {"1.0|1|200|OK|me|\5Hello", ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA},
        {"1.0|1|200|OK|me|\1x---\1", ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA},
    };

    return cr_make_param_array(struct wrong, all, sizeof all / sizeof *all);
}

ParameterizedTest(struct wrong *wrong, zap, an_answer_that_makes_no_sense_lets_nobody_in)
{
    struct talk t = asked(TEST_TCP);

    SEND(t.handler, "%s", wrong->answer);
    EVENTS(t.server_reader, "HANDSHAKE_FAILED_PROTOCOL=%u DISCONNECTED", wrong->why);
    EVENTS(t.client_reader, "HANDSHAKE_FAILED_NO_DETAIL=32 DISCONNECTED CONNECT_RETRIED");
    test_recv(t.handler, 0);
    SEND(t.handler, "1.0|1|200|OK||");
    converse(&t);
}

/* A REP puts an empty part before its answer; a ROUTER has to do so by itself. */
Test(zap, an_answer_behind_something_else_lets_nobody_in)
{
    struct talk t = begin(TEST_TCP, ZMQ_ROUTER);

    for (int i = 0; i < 2; i++) {
        char id[16];
        int size;

        if (i == 0)
            meet(&t);
        size = zmq_recv(t.handler, id, sizeof id, 0);
        cr_assert_gt(size, 0);
        RECV(t.handler, "|" REQUEST "|NULL");
        cr_assert_eq(zmq_send(t.handler, id, (size_t)size, ZMQ_SNDMORE), size);
        SEND(t.handler, "%s|1.0|1|200|OK|me|", i ? "" : "else");
        if (i == 0)
            EVENTS(t.server_reader, "HANDSHAKE_FAILED_PROTOCOL=%u DISCONNECTED",
                   ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED);
    }
    converse(&t);
}

/* ---- nobody answers ---- */

Test(zap, without_a_handler_the_domain_means_nothing)
{
    struct talk t = begin(TEST_TCP, -1);

    meet(&t);
    converse(&t);
    cr_assert_str_eq(property(&t, "User-Id"), "none");
}

Test(zap, an_enforced_domain_needs_a_handler)
{
    struct talk t = begin(TEST_TCP, -1);

    SET(t.server, ZMQ_ZAP_ENFORCE_DOMAIN, 1);
    meet(&t);
    EVENTS(t.server_reader, "HANDSHAKE_FAILED_NO_DETAIL=14 DISCONNECTED");
    EVENTS(t.client_reader, "HANDSHAKE_FAILED_NO_DETAIL=32 DISCONNECTED CONNECT_RETRIED");
    t.handler = test_bound(ZMQ_REP, HANDLER);
    test_recv(t.handler, 0);
    SEND(t.handler, "1.0|1|200|OK||");
    converse(&t);
}

/* libzmq ends the process. */
Test(zap, a_handler_that_is_no_rep_and_no_router_is_none)
{
    struct talk t = begin(TEST_TCP, ZMQ_PULL);

    meet(&t);
    converse(&t);
}

EACH_STREAM(zap, a_peer_may_go_while_the_handler_thinks)
{
    struct talk t = asked(transport);

    test_close(t.client);
    WAIT((test_catch_up(t.server), test_events(t.server_reader) & ZMQ_POLLIN));
    EVENTS(t.server_reader, "HANDSHAKE_FAILED_NO_DETAIL=32 DISCONNECTED");
    SEND(t.handler, "1.0|1|200|OK|gone|"); /* to nobody */
    NO_EVENT(t.server_reader);
}

#define PLAIN_GREETING    RAW_SIGNATURE "03 01 'PLAIN' 00*15 00*32 "
#define PLAIN_HELLO(name) "04 10 05 'HELLO' 04 '" name "' 04 'pass'"
#define PLAIN_REQUEST     "1.0|1||127.0.0.1||PLAIN|"

/* A peer that has accepted, and says who he is. */
static void introduce(int fd, const char *hello)
{
    uint8_t greeting[64];

    raw_send(fd, PLAIN_GREETING);
    raw_send(fd, hello);
    raw_read(fd, greeting, sizeof greeting);
}

/* libzmq, having dialed, takes it for the answer about whom it finds there next. */
Test(zap, an_answer_that_comes_too_late_is_not_taken_for_another)
{
    char at[64];
    void *handler = test_bound(ZMQ_REP, HANDLER), *server = test_socket(ZMQ_DEALER);
    int listener = raw_listen(false, at, sizeof at), fd;

    SET(server, ZMQ_PLAIN_SERVER, 1);
    SET(server, ZMQ_RECONNECT_IVL, RETRY_MS);
    test_connect(server, at);
    fd = raw_accept(listener);
    introduce(fd, PLAIN_HELLO("gone"));
    RECV(handler, PLAIN_REQUEST "gone|pass");
    raw_close(&fd);
    fd = raw_accept(listener);
    introduce(fd, PLAIN_HELLO("next"));
    SEND(handler, "1.0|1|200|OK||");
    RECV(handler, PLAIN_REQUEST "next|pass");
    raw_expect_quiet(fd, RAW_QUIET_MS);
    SEND(handler, "1.0|1|200|OK||");
    raw_expect(fd, "04 08 07 'WELCOME'");
    raw_close(&fd);
    raw_close(&listener);
}

Test(zap, a_handler_that_never_answers_runs_into_the_handshake_timer)
{
    struct talk t = begin(TEST_TCP, ZMQ_REP);

    SET(t.server, ZMQ_HANDSHAKE_IVL, 50);
    meet(&t);
    RECV(t.handler, REQUEST "|NULL");
    EVENTS(t.server_reader, "HANDSHAKE_FAILED_NO_DETAIL=110 DISCONNECTED");
    SEND(t.handler, "1.0|1|200|OK||"); /* too late: nobody is there to be let in */
    RECV(t.handler, REQUEST "|NULL");  /* the client is back */
    RECV_GIVES(EAGAIN, t.server);
}

Test(zap, a_handler_that_leaves_is_as_one_that_never_answers)
{
    struct talk t = asked(TEST_TCP);

    test_close(t.handler);
    NO_EVENT(t.server_reader);
    test_close(t.client);
    WAIT((test_catch_up(t.server), test_events(t.server_reader) & ZMQ_POLLIN));
    EVENTS(t.server_reader, "HANDSHAKE_FAILED_NO_DETAIL=32");
}

/* test_end terminates the context, with the question open and the server closed. */
EACH_STREAM(zap, the_context_ends_while_the_handler_thinks)
{
    struct talk t = asked(transport);

    test_close(t.server);
    EVENTS(t.client_reader, "HANDSHAKE_FAILED_NO_DETAIL DISCONNECTED");
}

Test(zap, the_context_is_shut_down_while_the_handler_thinks)
{
    struct talk t = asked(TEST_TCP);

    OK(zmq_ctx_shutdown(test_ctx()));
    FAILS(ETERM, zmq_send(t.handler, "", 0, 0));
    FAILS(ETERM, zmq_send(t.server, "", 0, 0));
}

Test(zap, many_are_asked_about_at_once)
{
    enum { CLIENTS = 20 };
    struct talk t = begin(TEST_TCP, ZMQ_ROUTER);
    void *clients[CLIENTS];
    char ids[CLIENTS][16];
    int sizes[CLIENTS];

    meet(&t);
    for (int i = 1; i < CLIENTS; i++)
        clients[i] = test_connected(ZMQ_DEALER, t.at);
    clients[0] = t.client;
    for (int i = 0; i < CLIENTS; i++) {
        sizes[i] = zmq_recv(t.handler, ids[i], sizeof ids[i], 0);
        RECV(t.handler, "|" REQUEST "|NULL");
    }
    for (int i = CLIENTS - 1; i >= 0; i--) { /* the last first */
        zmq_send(t.handler, ids[i], (size_t)sizes[i], ZMQ_SNDMORE);
        SEND(t.handler, "|1.0|1|200|OK||");
    }
    for (int i = 0; i < CLIENTS; i++)
        SEND(clients[i], "hello");
    for (int i = 0; i < CLIENTS; i++)
        RECV(t.server, "hello");
}

/* ---- what a peer tries ---- */

static int dial_raw(struct talk *t)
{
    test_bind(t->server, t->at);
    return raw_dial(t->at);
}

/* READY before the answer is there is in order; a peer cannot say who it is to be taken for. */
Test(zap, a_peer_cannot_name_its_user)
{
    struct talk t = begin(TEST_TCP, ZMQ_REP);
    int fd = dial_raw(&t);
    zmq_msg_t m;

    raw_greet(fd, 1);
    raw_send(fd, "04 3e 05 'READY' 0b 'Socket-Type' 00 00 00 06 'DEALER' "
                 "07 'User-Id' 00 00 00 04 'root' 04 'Mood' 00 00 00 04 'good' "
                 "00 00 00 00 00 "); /* a property without a name or a value */
    test_recv(t.handler, 0);
    RECV_GIVES(EAGAIN, t.server);
    SEND(t.handler, "1.0|1|200|OK|nobody|\4Mood---\3bad");
    raw_expect_ready(fd, "DEALER", "");
    raw_send_part(fd, true, "hello", 5);
    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, t.server, 0));
    cr_assert_str_eq(zmq_msg_gets(&m, "User-Id"), "nobody");
    cr_assert_str_eq(zmq_msg_gets(&m, "Mood"), "bad");
    zmq_msg_close(&m);
    raw_close(&fd);
}

Test(zap, nor_where_nobody_is_asked)
{
    const char *at = test_endpoint(TEST_TCP);
    void *server = test_bound(ZMQ_DEALER, at);
    int fd = raw_dial(at);
    zmq_msg_t m;

    raw_greet(fd, 1);
    raw_send(fd, "04 2c 05 'READY' 0b 'Socket-Type' 00 00 00 06 'DEALER' "
                 "07 'User-Id' 00 00 00 04 'root' ");
    raw_expect_ready(fd, "DEALER", "");
    raw_send_part(fd, true, "hello", 5);
    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, server, 0));
    cr_assert_null(zmq_msg_gets(&m, "User-Id"));
    zmq_msg_close(&m);
    raw_close(&fd);
}

/*
 * A peer that says everything and has reset the connection before anybody looks: what he said is
 * there to be read, but the kernel does not know any more where he was. At an endpoint of which
 * nobody has taken connections yet.
 */
static void dial_say_and_reset(void *server, char *at, size_t at_size)
{
    struct linger at_once = {.l_onoff = 1};
    int listener = raw_listen(false, at, at_size), fd = raw_dial(at);

    raw_send(fd, RAW_SIGNATURE RAW_NULL(01));
    raw_send(fd, "04 35 05 'READY' 0b 'Socket-Type' 00 00 00 06 'DEALER' "
                 "0c 'Peer-Address' 00 00 00 08 '10.1.2.3' ");
    raw_send_part(fd, true, "hello", 5);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    SET(server, ZMQ_USE_FD, listener);
    test_bind(server, at);
}

Test(zap, a_peer_cannot_say_where_he_is)
{
    void *server = test_socket(ZMQ_DEALER);
    char at[64];
    zmq_msg_t m;

    dial_say_and_reset(server, at, sizeof at);
    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, server, 0));
    cr_assert_null(zmq_msg_gets(&m, "Peer-Address"));
    zmq_msg_close(&m);
}

Test(zap, nobody_is_asked_about_a_peer_who_is_nowhere)
{
    void *handler = test_bound(ZMQ_REP, HANDLER), *reader, *server = watched(ZMQ_DEALER, &reader);
    char at[64];

    SET_TEXT(server, ZMQ_ZAP_DOMAIN, "TEST");
    dial_say_and_reset(server, at, sizeof at);
    EVENTS(reader, "HANDSHAKE_FAILED_NO_DETAIL DISCONNECTED");
    RECV_GIVES(EAGAIN, handler);
    RECV_GIVES(EAGAIN, server);
}

Test(zap, traffic_before_the_answer_ends_the_connection)
{
    struct talk t = begin(TEST_TCP, ZMQ_REP);
    int fd = dial_raw(&t);

    raw_greet(fd, 1);
    raw_send_ready(fd, "DEALER", NULL);
    test_recv(t.handler, 0);
    raw_send(fd, "00 05 'hello'");
    raw_expect_close(fd);
    EVENTS(t.server_reader, "HANDSHAKE_FAILED_PROTOCOL=%u DISCONNECTED",
           ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
    SEND(t.handler, "1.0|1|200|OK||");
    RECV_GIVES(EAGAIN, t.server);
    raw_close(&fd);
}

static void bear_questions(int most)
{
    OK(zmq_ctx_set(test_ctx(), ZURING_ZAP_QUESTIONS_MAX, most));
}

/* A crowd that comes, is asked about and leaves: what the handler has not come to is bounded, and
 * when he does there is room again. */
Test(zap, who_leaves_does_not_leave_questions_without_end)
{
    enum { MOST = 3 };
    struct talk t = begin(TEST_TCP, ZMQ_REP);

    bear_questions(MOST);
    test_bind(t.server, t.at);
    for (int i = 0; i < MOST + 2; i++) {
        int fd = raw_dial(t.at);

        raw_greet(fd, 1);
        if (i >= MOST)
            raw_expect_close(fd);
        raw_close(&fd);
        EVENTS(t.server_reader, "HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED",
               i < MOST ? EPIPE : EBUSY);
    }
    for (int i = 0; i < MOST; i++) {
        RECV(t.handler, REQUEST "|NULL");
        SEND(t.handler, "1.0|1|200|OK||");
    }
    RECV_GIVES(EAGAIN, t.handler);
    test_connect(t.client, t.at);
    RECV(t.handler, REQUEST "|NULL");
    SEND(t.handler, "1.0|1|200|OK||");
    converse(&t);
}

/* Whoever is asked about waits for the answer; only one more does not. */
Test(zap, who_is_asked_about_keeps_his_place)
{
    struct talk t = begin(TEST_TCP, ZMQ_REP);
    int fd;

    bear_questions(1);
    meet(&t);
    RECV(t.handler, REQUEST "|NULL");
    fd = raw_dial(t.at);
    raw_greet(fd, 1);
    raw_expect_close(fd);
    raw_close(&fd);
    EVENTS(t.server_reader, "HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED", EBUSY);
    SEND(t.handler, "1.0|1|200|OK||");
    EVENTS(t.server_reader, "HANDSHAKE_SUCCEEDED");
    converse(&t);
}

Test(zap, the_bound_of_questions_is_an_option_of_the_context)
{
    cr_assert_eq(zmq_ctx_get(test_ctx(), ZURING_ZAP_QUESTIONS_MAX), 16384);
    FAILS(EINVAL, zmq_ctx_set(test_ctx(), ZURING_ZAP_QUESTIONS_MAX, -1));
    bear_questions(0);
    cr_assert_eq(zmq_ctx_get(test_ctx(), ZURING_ZAP_QUESTIONS_MAX), 0);
}

/* What follows a refusal is heard by nobody, and holds nothing open. */
Test(zap, who_was_refused_and_talks_on_is_cut_off)
{
    struct talk t = begin(TEST_TCP, ZMQ_REP);
    int fd = dial_raw(&t);

    raw_greet(fd, 1);
    test_recv(t.handler, 0);
    SEND(t.handler, "1.0|1|400|no||");
    raw_expect(fd, "04 0a 05 'ERROR' 03 '400'");
    raw_send_ready(fd, "DEALER", NULL);
    raw_send(fd, "00 05 'hello'");
    raw_expect_end(fd);
    EVENTS(t.server_reader, "HANDSHAKE_FAILED_AUTH=400 DISCONNECTED");
    RECV_GIVES(EAGAIN, t.server);
    raw_close(&fd);
}

/* Over ipc the kernel tells how much he has not read: that is no reason to wait for him. */
EACH_STREAM(zap, who_was_refused_and_does_not_listen_is_cut_off)
{
    struct talk t = begin(transport, ZMQ_REP);
    int fd;

    test_bind(t.server, t.at);
    fd = raw_dial(t.at);
    raw_greet(fd, 1);
    test_recv(t.handler, 0);
    SEND(t.handler, "1.0|1|400|no||");
    EVENTS(t.server_reader, "HANDSHAKE_FAILED_AUTH=400 DISCONNECTED");
    raw_close(&fd);
}

/* A peer of an old version cannot be asked about. */
Test(zap, old_versions_are_not_let_in)
{
    static const char *const words[] = {"01 00 06 00 'hello'", RAW_SIGNATURE "01 05 00 00",
                                        RAW_SIGNATURE "00 05 01 00"};

    for (int i = 0; i < 3; i++) {
        struct talk t = begin(TEST_TCP, -1);
        int fd = dial_raw(&t);

        raw_send(fd, words[i]);
        raw_expect_end(fd);
        EVENTS(t.server_reader, "DISCONNECTED");
        NO_EVENT(t.server_reader);
        RECV_GIVES(EAGAIN, t.server);
        raw_close(&fd);
    }
}

/* ---- the options ---- */

Test(zap, the_domain_has_1_to_255_bytes)
{
    void *s = test_socket(ZMQ_DEALER);
    char text[256];
    size_t size = sizeof text;

    memset(text, 'd', sizeof text);
    FAILS(EINVAL, zmq_setsockopt(s, ZMQ_ZAP_DOMAIN, text, 0));
    FAILS(EINVAL, zmq_setsockopt(s, ZMQ_ZAP_DOMAIN, NULL, 0));
    FAILS(EINVAL, zmq_setsockopt(s, ZMQ_ZAP_DOMAIN, text, 256));
    OK(zmq_setsockopt(s, ZMQ_ZAP_DOMAIN, text, 255));
    OK(zmq_setsockopt(s, ZMQ_ZAP_DOMAIN, "TEST", 4));
    OK(zmq_getsockopt(s, ZMQ_ZAP_DOMAIN, text, &size));
    cr_assert_eq(size, 5);
    cr_assert_str_eq(text, "TEST");
    cr_assert_eq(test_get(s, ZMQ_MECHANISM), ZMQ_NULL);
    cr_assert_eq(test_get(s, ZMQ_ZAP_ENFORCE_DOMAIN), 0);
    SET(s, ZMQ_ZAP_ENFORCE_DOMAIN, 1);
    cr_assert_eq(test_get(s, ZMQ_ZAP_ENFORCE_DOMAIN), 1);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GSSAPI between sockets, in a realm with a KDC of its own (tests/support/kdc.py runs this
 * program), or with one that never answers. The handler is the test's own thread, and so is whoever
 * talks nonsense.
 */
#define ZMQ_BUILD_DRAFT_API /* ZMQ_ZAP_ENFORCE_DOMAIN */
#include "tests/monitor/watch.h"
#include "tests/support/body.h"
#include "tests/support/lone.h"
#include "tests/support/plain.h"
#include "tests/support/proc.h"
#include "tests/support/rawpeer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

TEST_SUITE(gssapi);

#define HANDLER  "inproc://zeromq.zap.01"
#define QUESTION "1.0|1||127.0.0.1||GSSAPI|friend@ZURING.TEST"

enum { RETRY_MS = 20, PROTOCOL = 0x10000000 };

#define MOST_EVENTS                                                                                \
    (ZMQ_EVENT_ALL & ~(ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED |      \
                       ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED))

static void *make(int type)
{
    void *socket = test_socket(type);

    SET(socket, ZMQ_RECONNECT_IVL, RETRY_MS);
    SET(socket, ZMQ_LINGER, 0);
    return socket;
}

static void *server_of(int type)
{
    void *socket = make(type);

    SET(socket, ZMQ_GSSAPI_SERVER, 1);
    SET_TEXT(socket, ZMQ_GSSAPI_PRINCIPAL, "server@localhost");
    return socket;
}

static void *client_of(int type, const char *principal)
{
    void *socket = make(type);

    SET_TEXT(socket, ZMQ_GSSAPI_SERVICE_PRINCIPAL, "server@localhost");
    SET_TEXT(socket, ZMQ_GSSAPI_PRINCIPAL, principal);
    SET(socket, ZMQ_GSSAPI_PRINCIPAL_NAMETYPE, ZMQ_GSSAPI_NT_USER_NAME);
    return socket;
}

static void meet(enum test_transport transport, void *bound, void *dials)
{
    const char *at = test_endpoint(transport);

    test_bind(bound, at);
    test_connect(dials, at);
}

static void converse(void *client, void *server)
{
    SEND(client, "to|you");
    RECV(server, "to|you");
    SEND(server, "to|me");
    RECV(client, "to|me");
}

static void pass_bodies(void *from, void *to)
{
    static const size_t sizes[] = {0,     1,     32,    33,    34,    170,   200,    255,    4096,
                                   32600, 32735, 32768, 60000, 65536, 70000, 200000, 2000000};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t size = sizes[i];
        char *data = malloc(size + 1), *back = malloc(size + 1);

        cr_assert(data && back);
        test_body_fill(data, size, i);
        cr_assert_eq(zmq_send(from, data, size, 0), (int)size);
        cr_assert_eq(zmq_recv(to, back, size + 1, 0), (int)size);
        cr_assert_eq(memcmp(data, back, size), 0, "%zu", size);
        free(data);
        free(back);
    }
}

EACH_STREAM(gssapi, both_sides_know_each_other)
{
    void *server = server_of(ZMQ_DEALER), *client = client_of(ZMQ_DEALER, "friend");
    void *server_reader = watch(server, MOST_EVENTS), *client_reader = watch(client, MOST_EVENTS);

    cr_assert_eq(zmq_has("gssapi"), 1);
    meet(transport, server, client);
    converse(client, server);
    EVENTS(server_reader, "HANDSHAKE_SUCCEEDED");
    EVENTS(client_reader, "HANDSHAKE_SUCCEEDED");
    pass_bodies(client, server);
    pass_bodies(server, client);
}

EACH_STREAM(gssapi, lone_messages_need_no_io_thread)
{
    void *server = server_of(ZMQ_PAIR), *client = client_of(ZMQ_PAIR, "friend");

    meet(transport, server, client);
    test_goes_by_hand(client, server);
}

EACH_STREAM(gssapi, who_wraps_and_who_unwraps_do_not_meet)
{
    void *server = server_of(ZMQ_DEALER), *client = client_of(ZMQ_DEALER, "friend");

    meet(transport, server, client);
    test_speaks_amid_a_stream(server, client);
    test_speaks_amid_a_stream(client, server);
}

/* Who binds has nothing to do with who serves. */
EACH_STREAM(gssapi, a_server_may_dial)
{
    void *server = server_of(ZMQ_DEALER), *client = client_of(ZMQ_DEALER, "friend");

    meet(transport, client, server);
    converse(client, server);
}

EACH_STREAM(gssapi, nothing_is_wrapped_where_neither_wants_it)
{
    void *server = server_of(ZMQ_DEALER), *client = client_of(ZMQ_DEALER, "friend");

    SET(server, ZMQ_GSSAPI_PLAINTEXT, 1);
    SET(client, ZMQ_GSSAPI_PLAINTEXT, 1);
    meet(transport, server, client);
    converse(client, server);
    pass_bodies(client, server);
}

static void one_wraps(bool server_wraps)
{
    void *server = server_of(ZMQ_DEALER), *client = client_of(ZMQ_DEALER, "friend");
    void *reader = watch(client, MOST_EVENTS);

    SET(server, ZMQ_GSSAPI_PLAINTEXT, !server_wraps);
    SET(client, ZMQ_GSSAPI_PLAINTEXT, server_wraps);
    meet(TEST_TCP, server, client);
    EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%d DISCONNECTED", PROTOCOL + 1);
}

Test(gssapi, who_wraps_takes_nothing_that_is_not)
{
    one_wraps(false);
    one_wraps(true);
}

Test(gssapi, many_messages_come_in_order)
{
    enum { MANY = 5000, SIZE = 300 };
    void *server = server_of(ZMQ_PULL), *client = client_of(ZMQ_PUSH, "friend");
    char body[SIZE] = {0};

    meet(TEST_TCP, server, client);
    for (int i = 0, n = 0; i < MANY; i++) {
        memcpy(body, &i, sizeof i);
        cr_assert_eq(zmq_send(client, body, SIZE, 0), SIZE);
        if (i % 500 != 499)
            continue;
        for (; n <= i; n++) {
            cr_assert_eq(zmq_recv(server, body, SIZE, 0), SIZE);
            cr_assert_eq(memcmp(body, &n, sizeof n), 0, "at %d", n);
        }
    }
}

/* Subscriptions and their ends, and heartbeats, go wrapped, too. */
Test(gssapi, subscribers_and_heartbeats)
{
    void *pub = server_of(ZMQ_XPUB), *sub = client_of(ZMQ_SUB, "friend");

    SET(pub, ZMQ_HEARTBEAT_IVL, 20);
    SET(sub, ZMQ_HEARTBEAT_IVL, 20);
    SET(pub, ZMQ_HEARTBEAT_TIMEOUT, TEST_DEADLINE_MS);
    SET(sub, ZMQ_HEARTBEAT_TIMEOUT, TEST_DEADLINE_MS);
    meet(TEST_TCP, pub, sub);
    SUBSCRIBE(sub, "topic");
    RECV(pub, "+topic");
    for (int i = 0; i < 20; i++) {
        SEND(pub, "topic|%d", i);
        RECV(sub, "topic|%d", i);
        usleep(5000); /* nothing is expected of it: heartbeats may go meanwhile */
    }
    UNSUBSCRIBE(sub, "topic");
    RECV(pub, "-topic");
}

/* ---- the handler ---- */

static const char *property(void *client, void *server, const char *name)
{
    const char *value;
    zmq_msg_t m;

    SEND(client, "what am I?");
    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, server, 0));
    value = zmq_msg_gets(&m, name);
    value = value ? test_text("%s", value) : "none";
    zmq_msg_close(&m);
    return value;
}

Test(gssapi, the_handler_is_asked_about_the_principal)
{
    void *handler = test_bound(ZMQ_REP, HANDLER);
    void *server = server_of(ZMQ_DEALER), *client = client_of(ZMQ_DEALER, "friend");

    meet(TEST_TCP, server, client);
    RECV(handler, QUESTION);
    SEND(handler, "1.0|1|200|OK|joe|\5Hello---\5World");
    cr_assert_str_eq(property(client, server, "User-Id"), "joe");
    cr_assert_str_eq(property(client, server, "Hello"), "World");
    cr_assert_str_eq(property(client, server, "Socket-Type"), "DEALER");
    cr_assert_str_eq(property(client, server, "Peer-Address"), "127.0.0.1");
}

static void refused(int status)
{
    void *handler = test_bound(ZMQ_REP, HANDLER);
    void *server = server_of(ZMQ_DEALER), *client = client_of(ZMQ_DEALER, "friend");
    void *server_reader = watch(server, MOST_EVENTS), *client_reader = watch(client, MOST_EVENTS);

    meet(TEST_TCP, server, client);
    RECV(handler, QUESTION);
    SEND(handler, "1.0|1|%d|no||", status);
    EVENTS(server_reader, "HANDSHAKE_FAILED_AUTH=%d DISCONNECTED", status);
    EVENTS(client_reader, "HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED", EPIPE);
    RECV(handler, QUESTION); /* nobody has told it not to try again */
    RECV_GIVES(EAGAIN, server);
    test_close(client); /* or it would ask the next one's handler, too */
    test_close(server);
    test_close(handler);
}

/* (libzmq 4.3.4 lets them in.) */
Test(gssapi, who_is_refused_does_not_come_in)
{
    refused(400);
    refused(300);
    refused(500);
}

Test(gssapi, without_a_handler_whoever_has_a_ticket_comes_in_unless_a_domain_is_enforced)
{
    void *server = server_of(ZMQ_DEALER), *client = client_of(ZMQ_DEALER, "friend"), *reader;

    SET_TEXT(server, ZMQ_ZAP_DOMAIN, "TEST");
    meet(TEST_TCP, server, client);
    converse(client, server);
    test_close(server);
    test_close(client);
    server = server_of(ZMQ_DEALER);
    client = client_of(ZMQ_DEALER, "friend");
    reader = watch(server, MOST_EVENTS);
    SET_TEXT(server, ZMQ_ZAP_DOMAIN, "TEST");
    SET(server, ZMQ_ZAP_ENFORCE_DOMAIN, 1);
    meet(TEST_TCP, server, client);
    EVENTS(reader, "HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED", EFAULT);
}

/* ---- who has nothing to show ---- */

Test(gssapi, a_client_without_a_ticket_says_so_and_tries_again)
{
    void *server = server_of(ZMQ_DEALER), *client = client_of(ZMQ_DEALER, "nobody");
    void *reader = watch(client, MOST_EVENTS);

    meet(TEST_TCP, server, client);
    for (int i = 0; i < 2; i++)
        EVENTS(reader, "HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED", EACCES);
}

Test(gssapi, nor_is_there_one_for_a_service_that_nobody_knows)
{
    void *server = server_of(ZMQ_DEALER), *client = client_of(ZMQ_DEALER, "friend");
    void *reader = watch(client, MOST_EVENTS);

    SET_TEXT(client, ZMQ_GSSAPI_SERVICE_PRINCIPAL, "other@localhost");
    meet(TEST_TCP, server, client);
    EVENTS(reader, "HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED", EACCES);
}

Test(gssapi, a_server_without_its_keys_lets_nobody_in)
{
    void *server = server_of(ZMQ_DEALER), *client = client_of(ZMQ_DEALER, "friend");
    void *reader = watch(server, MOST_EVENTS);

    SET_TEXT(server, ZMQ_GSSAPI_PRINCIPAL, "other@localhost");
    meet(TEST_TCP, server, client);
    EVENTS(reader, "HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED", EACCES);
}

/* ---- who talks nonsense ---- */

#define GREETING RAW_SIGNATURE "03 01 'GSSAPI' 00*14 00*32 "
#define INITIATE "08 'INITIATE' "

static const struct nonsense {
    const char *said;
    int event; /* of HANDSHAKE_FAILED_PROTOCOL */
} all_nonsense[] = {
    {"04 00", PROTOCOL + 0x11},                                /* nothing */
    {"04 01 08", PROTOCOL + 0x11},                             /* the size of a name */
    {"04 03 08 'IN'", PROTOCOL + 0x11},                        /* half a name */
    {"04 06 05 'HELLO'", PROTOCOL + 1},                        /* another mechanism's */
    {"04 06 05 'READY'", PROTOCOL + 1},                        /* out of its order */
    {"04 08 07 'MESSAGE'", PROTOCOL + 1},                      /* the same */
    {"04 09 " INITIATE, PROTOCOL + 0x14},                      /* without a token */
    {"04 0c " INITIATE "00 00 00", PROTOCOL + 0x14},           /* or its size */
    {"04 0f " INITIATE "00 00 00 03 'ab'", PROTOCOL + 0x14},   /* too short */
    {"04 11 " INITIATE "00 00 00 03 'abcd'", PROTOCOL + 0x14}, /* too long */
    {"04 0f " INITIATE "ff ff ff ff 'ab'", PROTOCOL + 0x14},   /* far too short */
    {"04 0d " INITIATE "00 00 00 00", 0x11000001},             /* a token of nothing */
    {"04 10 " INITIATE "00 00 00 03 'abc'", 0x11000001},       /* no token */
    {"04 1a " INITIATE "00 00 00 0d 60 0b 06 09 2a 86 48 86 f7 12 01 02 02", 0x11000001},
    {"06 00*5 02 00 00 ", 0}, /* more than a stranger may say: see below */
};

enum { NONSENSE = sizeof all_nonsense / sizeof *all_nonsense };

ParameterizedTestParameters(gssapi, nonsense_ends_the_connection)
{
    static int all[NONSENSE];

    for (int i = 0; i < NONSENSE; i++)
        all[i] = i;
    return cr_make_param_array(int, all, NONSENSE);
}

ParameterizedTest(int *which, gssapi, nonsense_ends_the_connection)
{
    const struct nonsense *n = &all_nonsense[*which];
    const char *at = test_endpoint(TEST_TCP);
    void *server = server_of(ZMQ_DEALER), *reader = watch(server, MOST_EVENTS);
    int fd;

    test_bind(server, at);
    fd = raw_dial(at);
    raw_send(fd, GREETING);
    raw_expect(fd, GREETING);
    raw_send(fd, n->said);
    raw_expect_end(fd);
    if (n->event)
        EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%d DISCONNECTED", n->event);
    else
        EVENTS(reader, "DISCONNECTED");
    raw_close(&fd);
}

/* What a server says to a client that has shown its ticket. */
Test(gssapi, a_client_believes_no_server_that_talks_nonsense)
{
    static const struct nonsense all[] = {{"04 06 05 'READY'", PROTOCOL + 1},
                                          {"04 00", PROTOCOL + 0x11},
                                          {"04 0f " INITIATE "00 00 00 03 'ab'", PROTOCOL + 0x14},
                                          {"04 10 " INITIATE "00 00 00 03 'abc'", 0x11000001}};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        void *client = client_of(ZMQ_DEALER, "friend"), *reader = watch(client, MOST_EVENTS);
        char endpoint[160];
        uint8_t head[9];
        int listener = raw_listen(false, endpoint, sizeof endpoint), fd;

        test_connect(client, endpoint);
        fd = raw_accept(listener);
        raw_send(fd, GREETING);
        raw_expect(fd, GREETING);
        raw_read(fd, head, sizeof head); /* its token has come */
        raw_send(fd, all[i].said);
        EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%d DISCONNECTED", all[i].event);
        raw_close(&fd);
        raw_close(&listener);
        test_close(client);
    }
}

/* ---- who repeats what he has overheard ---- */

/* Somebody between the two, who passes on all they say, and keeps what the client said. */
struct line {
    int listener, client, server;
    uint8_t said[4096];
    size_t size;
};

/* False: nothing came for a moment, or all there was came from the server. */
static bool pass_on(struct line *l)
{
    struct pollfd items[] = {{.fd = l->client, .events = POLLIN},
                             {.fd = l->server, .events = POLLIN}};
    uint8_t bytes[1024];
    ssize_t n;

    if (poll(items, 2, 10) <= 0)
        return false;
    for (int i = 0; i < 2; i++) {
        if (!(items[i].revents & POLLIN))
            continue;
        n = recv(items[i].fd, bytes, sizeof bytes, 0);
        cr_assert_gt(n, 0, "an end has gone");
        raw_send_bytes(items[!i].fd, bytes, (size_t)n);
        if (i == 1)
            continue;
        cr_assert_leq(l->size + (size_t)n, sizeof l->said);
        memcpy(l->said + l->size, bytes, (size_t)n);
        l->size += (size_t)n;
    }
    return true;
}

/* Until the server has a message of the client, which the client has sent. */
static void listen_in(struct line *l, void *server, const char *until)
{
    int64_t deadline = test_now_ms() + TEST_DEADLINE_MS;
    char got[64];
    int n;

    while ((n = zmq_recv(server, got, sizeof got, ZMQ_DONTWAIT)) < 0) {
        cr_assert_eq(errno, EAGAIN);
        cr_assert_lt(test_now_ms(), deadline, "\"%s\" does not come", until);
        pass_on(l);
    }
    cr_assert(n == (int)strlen(until) && memcmp(got, until, (size_t)n) == 0);
}

/* A frame's whole length. */
static size_t frame_size(const uint8_t *at)
{
    size_t size = 0;

    if (!(at[0] & 2))
        return 2 + (size_t)at[1];
    for (int i = 1; i < 9; i++)
        size = size << 8 | at[i];
    return 9 + size;
}

/* A client and a server of whom somebody has overheard how they met, and a message. */
static void overhear(struct line *l, void *server, const char *at)
{
    void *client = client_of(ZMQ_DEALER, "friend");
    char endpoint[160];

    l->size = 0;
    l->listener = raw_listen(false, endpoint, sizeof endpoint);
    test_connect(client, endpoint);
    l->client = raw_accept(l->listener);
    l->server = raw_dial(at);
    SEND(client, "hello");
    listen_in(l, server, "hello");
}

static void hang_up(struct line *l)
{
    raw_close(&l->client);
    raw_close(&l->server);
    raw_close(&l->listener);
}

/* Kerberos keeps what was shown to it, and takes a ticket's proof once. */
Test(gssapi, a_token_that_was_overheard_lets_nobody_in)
{
    enum { SAID = 64 }; /* a greeting */
    const char *at = test_endpoint(TEST_TCP);
    void *server = server_of(ZMQ_DEALER), *reader;
    struct line l;
    int fd;

    test_bind(server, at);
    overhear(&l, server, at);
    reader = watch(server, MOST_EVENTS);
    fd = raw_dial(at);
    raw_send(fd, GREETING);
    raw_expect(fd, GREETING);
    raw_send_bytes(fd, l.said + SAID, frame_size(l.said + SAID));
    raw_expect_end(fd);
    EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%d DISCONNECTED", 0x11000001);
    RECV_GIVES(EAGAIN, server);
    raw_close(&fd);
    hang_up(&l);
}

/* Neither is a wrapped message taken twice: the connection ends. */
Test(gssapi, a_message_that_is_repeated_ends_the_connection)
{
    const char *at = test_endpoint(TEST_TCP);
    void *server = server_of(ZMQ_DEALER), *reader;
    size_t last = 64;
    struct line l;

    test_bind(server, at);
    overhear(&l, server, at);
    reader = watch(server, MOST_EVENTS);
    while (last + frame_size(l.said + last) < l.size)
        last += frame_size(l.said + last);
    cr_assert_eq(last + frame_size(l.said + last), l.size);
    raw_send_bytes(l.server, l.said + last, l.size - last);
    EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%d DISCONNECTED", 0x11000001);
    RECV_GIVES(EAGAIN, server);
    hang_up(&l);
}

Test(gssapi, a_peer_of_another_mechanism_or_of_none_stays_out)
{
    const char *at = test_endpoint(TEST_TCP);
    void *server = server_of(ZMQ_DEALER), *reader = watch(server, MOST_EVENTS);
    void *client = make(ZMQ_DEALER);
    int fd;

    test_bind(server, at);
    test_connect(client, at);
    EVENTS(reader, "HANDSHAKE_FAILED_PROTOCOL=%d DISCONNECTED", 0x11000002);
    fd = raw_dial(at);
    raw_send(fd, "01 00 08 00 'sneaky' 00");
    raw_expect_end(fd);
    RECV_GIVES(EAGAIN, server);
    raw_close(&fd);
}

/* ---- a KDC that never answers ---- */

/* From here on this process asks a KDC that takes connections, and is mute. */
static int mute_kdc(void)
{
    char endpoint[160], path[256];
    int listener = raw_listen(false, endpoint, sizeof endpoint);
    FILE *f;

    snprintf(path, sizeof path, "%s/krb5.conf", test_tmpdir());
    f = fopen(path, "w");
    cr_assert_not_null(f);
    fprintf(f,
            "[libdefaults]\ndefault_realm = ZURING.TEST\ndns_lookup_kdc = false\n"
            "dns_canonicalize_hostname = false\nrdns = false\nudp_preference_limit = 1\n"
            "[realms]\nZURING.TEST = {\nkdc = %s\n}\n[domain_realm]\nlocalhost = ZURING.TEST\n",
            endpoint + strlen("tcp://"));
    fclose(f);
    setenv("KRB5_CONFIG", path, 1);
    setenv("KRB5CCNAME", "MEMORY:mute", 1);
    return listener;
}

Test(gssapi, nobody_waits_for_a_kdc_but_its_client)
{
    int kdc = mute_kdc(), asked;
    const char *at = test_endpoint(TEST_TCP), *beside = test_endpoint(TEST_TCP);
    void *server = server_of(ZMQ_DEALER), *client = client_of(ZMQ_DEALER, "friend");
    void *reader = watch(client, MOST_EVENTS), *pull, *push;
    int64_t began;

    SET(client, ZMQ_HANDSHAKE_IVL, 500);
    test_bind(server, at);
    test_connect(client, at);
    asked = raw_accept(kdc);
    pull = test_bound(ZMQ_PULL, beside); /* the loop is not held up */
    push = test_connected(ZMQ_PUSH, beside);
    SEND(push, "meanwhile");
    RECV(pull, "meanwhile");
    EVENTS(reader, "HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED", ETIMEDOUT);
    began = test_now_ms();
    test_end(); /* nor is the context's end, though the thread is away still */
    cr_assert_lt(test_now_ms() - began, 5000);
    raw_close(&asked);
    raw_close(&kdc);
}

Test(gssapi, the_number_of_threads_is_bounded)
{
    enum { CLIENTS = 40, THREADS_MAX = 8 };
    int kdc = mute_kdc(), before, asked[THREADS_MAX];
    const char *at = test_endpoint(TEST_TCP);
    void *server = server_of(ZMQ_ROUTER), *client;

    test_bind(server, at);
    before = test_threads();
    for (int i = 0; i < CLIENTS; i++) {
        client = client_of(ZMQ_DEALER, "friend");
        test_connect(client, at);
    }
    for (int i = 0; i < THREADS_MAX; i++)
        asked[i] = raw_accept(kdc);                      /* as many ask it, */
    cr_assert_leq(test_threads(), before + THREADS_MAX); /* and no more */
    for (int i = 0; i < THREADS_MAX; i++)
        raw_close(&asked[i]);
    raw_close(&kdc);
}

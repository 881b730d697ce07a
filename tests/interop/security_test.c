/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each mechanism between ours and the distribution's libzmq in another process, whoever is the
 * server and whoever binds. The ZAP handler is the test's own thread, or a socket of the peer that
 * is driven from here.
 */
#include "tests/interop/guarded.h"
#include "tests/monitor/watch.h"

#include <criterion/parameterized.h>
#include <errno.h>
#include <inttypes.h>

INTEROP_SUITE(interop_security);

static struct test_peer peer;

struct combination {
    int transport, ours_serves, ours_binds;
};

static struct combination *combinations(size_t *count)
{
    static struct combination all[8];

    for (int i = 0; i < 8; i++)
        all[i] = (struct combination){i & 1 ? TEST_TCP : TEST_IPC, i >> 1 & 1, i >> 2};
    *count = 8;
    return all;
}

static void *begin(const struct combination *c, void **handler)
{
    return guarded_begin(&peer, ZMQ_DEALER, ZMQ_DEALER, c->ours_serves, handler);
}

static void meet(const struct combination *c, void *ours)
{
    guarded_meet(&peer, ours, c->transport, c->ours_binds);
}

/* The handler of whoever serves is asked, by a request with that end, and gives that answer. */
static void handle(void *handler, const char *end, const char *answer)
{
    const char *asked = guarded_question(&peer, handler);

    cr_assert_geq(strlen(asked), strlen(end), "%s", asked);
    cr_assert_str_eq(asked + strlen(asked) - strlen(end), end, "%s", asked);
    guarded_answer(&peer, handler, answer);
}

/* Neither has anybody to send to: who dialed has given up, and whoever was dialed has nobody. */
static void stay_apart(void *ours)
{
    WAIT(!(test_events(ours) & ZMQ_POLLOUT));
    PEER_SAYS(&peer, "ok 0", "poll 0 100");
    RECV_GIVES(EAGAIN, ours);
}

#define EACH_COMBINATION(name)                                                                     \
    ParameterizedTestParameters(interop_security, name)                                            \
    {                                                                                              \
        size_t count;                                                                              \
        struct combination *all = combinations(&count);                                            \
        return cr_make_param_array(struct combination, all, count);                                \
    }                                                                                              \
    ParameterizedTest(struct combination *c, interop_security, name)

static void set_domain(const struct combination *c, void *ours)
{
    if (c->ours_serves)
        SET_TEXT(ours, ZMQ_ZAP_DOMAIN, "TEST");
    else
        PEER(&peer, "text 0 %d TEST", ZMQ_ZAP_DOMAIN);
}

EACH_COMBINATION(null_with_a_domain)
{
    void *handler, *ours = begin(c, &handler);

    set_domain(c, ours);
    meet(c, ours);
    handle(handler, "||NULL", "1.0|1|200|OK|me|");
    guarded_converse(&peer, ours);
}

static void set_plain(const struct combination *c, void *ours)
{
    if (c->ours_serves) {
        SET(ours, ZMQ_PLAIN_SERVER, 1);
        PEER(&peer, "text 0 %d joe", ZMQ_PLAIN_USERNAME);
        PEER(&peer, "text 0 %d pw", ZMQ_PLAIN_PASSWORD);
    } else {
        SET_TEXT(ours, ZMQ_PLAIN_USERNAME, "joe");
        SET_TEXT(ours, ZMQ_PLAIN_PASSWORD, "pw");
        PEER(&peer, "set 0 %d 1", ZMQ_PLAIN_SERVER);
    }
}

EACH_COMBINATION(plain)
{
    void *handler, *ours = begin(c, &handler);

    set_plain(c, ours);
    meet(c, ours);
    handle(handler, "||PLAIN|joe|pw", "1.0|1|200|OK|joe|");
    guarded_converse(&peer, ours);
}

EACH_COMBINATION(null_refused)
{
    void *handler, *ours = begin(c, &handler);

    set_domain(c, ours);
    meet(c, ours);
    handle(handler, "||NULL", "1.0|1|400|no||");
    stay_apart(ours);
}

EACH_COMBINATION(plain_refused)
{
    void *handler, *ours = begin(c, &handler);

    set_plain(c, ours);
    meet(c, ours);
    handle(handler, "||PLAIN|joe|pw", "1.0|1|400|no||");
    stay_apart(ours);
}

/* ---- CURVE ---- */

static char server_public[41], server_secret[41], client_public[41], client_secret[41];

static void set_curve(const struct combination *c, void *ours)
{
    OK(zmq_curve_keypair(server_public, server_secret));
    OK(zmq_curve_keypair(client_public, client_secret));
    if (c->ours_serves) {
        SET(ours, ZMQ_CURVE_SERVER, 1);
        SET_TEXT(ours, ZMQ_CURVE_SECRETKEY, server_secret);
        PEER(&peer, "text 0 %d %s", ZMQ_CURVE_SERVERKEY, server_public);
        PEER(&peer, "text 0 %d %s", ZMQ_CURVE_PUBLICKEY, client_public);
        PEER(&peer, "text 0 %d %s", ZMQ_CURVE_SECRETKEY, client_secret);
    } else {
        PEER(&peer, "set 0 %d 1", ZMQ_CURVE_SERVER);
        PEER(&peer, "text 0 %d %s", ZMQ_CURVE_SECRETKEY, server_secret);
        SET_TEXT(ours, ZMQ_CURVE_SERVERKEY, server_public);
        SET_TEXT(ours, ZMQ_CURVE_PUBLICKEY, client_public);
        SET_TEXT(ours, ZMQ_CURVE_SECRETKEY, client_secret);
    }
}

/* The key is 32 bytes of any kind, so its text is not looked at. */
EACH_COMBINATION(curve)
{
    static const size_t sizes[] = {0,    1,    32,    33,    34,    222,   223,    2000,
                                   4096, 8159, 32735, 32768, 65536, 70000, 200000, 2000000};
    void *handler, *ours = begin(c, &handler);

    set_curve(c, ours);
    meet(c, ours);
    handle(handler, "", "1.0|1|200|OK|joe|");
    guarded_converse(&peer, ours);
    guarded_exchange(&peer, ours, sizes, sizeof sizes / sizeof *sizes);
}

EACH_COMBINATION(curve_refused)
{
    void *handler, *ours = begin(c, &handler);

    set_curve(c, ours);
    meet(c, ours);
    handle(handler, "", "1.0|1|400|no||");
    stay_apart(ours);
}

/* ---- a handler that cannot say now, talks nonsense, or says nothing ---- */

enum { PATIENCE_MS = 2000 };

#define HANDSHAKES                                                                                 \
    (ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_DISCONNECTED)

static const char *const no_verdicts[] = {"1.0|1|300|later||", "1.0|1|2000|?||", "0.9|1|200|OK||",
                                          "1.0|1|200|OK", NULL};
static const int mechanisms[] = {ZMQ_NULL, ZMQ_PLAIN, ZMQ_CURVE};

enum { NO_VERDICTS = sizeof no_verdicts / sizeof *no_verdicts, MECHANISMS = 3, WAYS = 4 };

struct no_verdict {
    struct combination c;
    int answer, mechanism;
};

static void set_mechanism(const struct combination *c, void *ours, int mechanism)
{
    if (mechanism == ZMQ_PLAIN)
        set_plain(c, ours);
    else if (mechanism == ZMQ_CURVE)
        set_curve(c, ours);
    else
        SET_TEXT(ours, ZMQ_ZAP_DOMAIN, "TEST");
}

ParameterizedTestParameters(interop_security,
                            who_gets_no_verdict_stays_out_and_is_asked_about_again)
{
    static struct no_verdict all[NO_VERDICTS * MECHANISMS * WAYS];
    size_t n = 0;

    for (int way = 0; way < WAYS; way++)
        for (int answer = 0; answer < NO_VERDICTS; answer++)
            for (int m = 0; m < MECHANISMS; m++)
                all[n++] =
                    (struct no_verdict){{way & 1 ? TEST_TCP : TEST_IPC, true, way >> 1}, answer, m};
    return cr_make_param_array(struct no_verdict, all, n);
}

/* Whatever our handler is asked is answered until somebody is in. */
static bool lets_in(void *handler, void *reader)
{
    zmq_pollitem_t item = {.socket = handler, .events = ZMQ_POLLIN};

    if (zmq_poll(&item, 1, 10) == 1)
        handle(handler, "", "1.0|1|200|OK|joe|");
    return strncmp(watch_next(reader, ZMQ_DONTWAIT), "HANDSHAKE_SUCCEEDED", 19) == 0;
}

/* Our handler keeps the question until ours has given up; then nobody is there to hear. */
static void be_silent(void *handler, void *ours, void *reader)
{
    test_recv(handler, 0);
    EVENTS(reader, "HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED", ETIMEDOUT);
    RECV_GIVES(EAGAIN, ours);
    SEND(handler, "1.0|1|200|OK|late|");
    WAIT(lets_in(handler, reader));
    guarded_converse(&peer, ours);
}

/* Ours serves; libzmq's client comes back by itself, or is called again. */
ParameterizedTest(struct no_verdict *v, interop_security,
                  who_gets_no_verdict_stays_out_and_is_asked_about_again)
{
    void *handler, *ours = begin(&v->c, &handler), *reader;

    set_mechanism(&v->c, ours, mechanisms[v->mechanism]);
    SET(ours, ZMQ_RECONNECT_IVL, 20);
    PEER(&peer, "set 0 %d 20", ZMQ_RECONNECT_IVL);
    if (!no_verdicts[v->answer]) {
        SET(ours, ZMQ_HANDSHAKE_IVL, PATIENCE_MS);
        reader = watch(ours, HANDSHAKES);
        meet(&v->c, ours);
        be_silent(handler, ours, reader);
        return;
    }
    meet(&v->c, ours);
    handle(handler, "", no_verdicts[v->answer]);
    test_recv(handler, 0); /* the next question: so it was not let in by that */
    RECV_GIVES(EAGAIN, ours);
    SEND(handler, "1.0|1|200|OK|joe|");
    guarded_converse(&peer, ours);
}

/* ---- libzmq serves, and its handler says or does not say ---- */

/* NULL: nothing in time. After the first two we are told, and do not come back. */
static const char *const verdicts[] = {"1.0|1|400|no||",    "1.0|1|500|broken||", NULL,
                                       "1.0|1|300|later||", "1.0|1|2000|?||",     "0.9|1|200|OK||",
                                       "1.0|1|200|OK"};

enum { FINAL = 2, SILENCE = 2, LATER = 3, VERDICTS = sizeof verdicts / sizeof *verdicts };

struct verdict {
    int answer, mechanism, transport;
};

ParameterizedTestParameters(interop_security, what_its_handler_says_we_hear)
{
    static struct verdict all[VERDICTS * MECHANISMS];
    size_t n = 0;

    for (int m = 0; m < MECHANISMS; m++)
        for (int i = 0; i < VERDICTS; i++, n++)
            all[n] = (struct verdict){i, m, n % 2 ? TEST_TCP : TEST_IPC};
    return cr_make_param_array(struct verdict, all, n);
}

/* The next of our events but for those of connecting is that. */
static void expect_event(void *reader, const char *start)
{
    const char *event;

    do
        event = watch_next(reader, 0);
    while (strncmp(event, "CONNECT", 7) == 0);
    cr_assert_eq(strncmp(event, start, strlen(start)), 0, "%s instead of %s", event, start);
}

/* Whatever its handler is asked is answered until we are in; what was under way may end before. */
static bool come_in(void *reader)
{
    test_peer_tell(&peer, "poll 1 10");
    if (strcmp(test_peer_answer(&peer), "ok 1") == 0) {
        PEER(&peer, "recv 1");
        PEER(&peer, "send 1 1.0|1|200|OK|joe|");
    }
    return strncmp(watch_next(reader, ZMQ_DONTWAIT), "HANDSHAKE_SUCCEEDED", 19) == 0;
}

ParameterizedTest(struct verdict *v, interop_security, what_its_handler_says_we_hear)
{
    struct combination c = {v->transport, false, false};
    void *handler, *ours = begin(&c, &handler), *reader = watch(ours, ZMQ_EVENT_ALL);
    const char *answer = verdicts[v->answer];

    if (mechanisms[v->mechanism] == ZMQ_NULL)
        PEER(&peer, "text 0 %d TEST", ZMQ_ZAP_DOMAIN);
    else
        set_mechanism(&c, ours, mechanisms[v->mechanism]);
    SET(ours, ZMQ_RECONNECT_IVL, 20);
    if (v->answer == SILENCE || v->answer == LATER) /* which libzmq makes silence of */
        SET(ours, ZMQ_HANDSHAKE_IVL, PATIENCE_MS);
    meet(&c, ours);
    if (answer)
        handle(NULL, "", answer);
    else
        PEER(&peer, "recv 1");
    if (v->answer < FINAL) {
        expect_event(reader, test_text("HANDSHAKE_FAILED_AUTH=%c00@", answer[6]));
        expect_event(reader, "DISCONNECTED=");
        NO_EVENT(reader);
        return;
    }
    expect_event(reader, "HANDSHAKE_FAILED_NO_DETAIL=");
    expect_event(reader, "DISCONNECTED=");
    if (!answer)
        PEER(&peer, "send 1 1.0|1|200|OK|late|"); /* nobody is there to hear it */
    WAIT(come_in(reader));
    guarded_converse(&peer, ours);
}

EACH_COMBINATION(curve_with_heartbeats_and_many_messages)
{
    enum { MANY = 5000, SIZE = 1024 };
    void *handler, *ours = begin(c, &handler);
    char body[SIZE] = {0};

    set_curve(c, ours);
    SET(ours, ZMQ_HEARTBEAT_IVL, 20);
    SET(ours, ZMQ_HEARTBEAT_TIMEOUT, TEST_DEADLINE_MS);
    PEER(&peer, "set 0 %d 20", ZMQ_HEARTBEAT_IVL);
    PEER(&peer, "set 0 %d %d", ZMQ_HEARTBEAT_TIMEOUT, TEST_DEADLINE_MS);
    meet(c, ours);
    handle(handler, "", "1.0|1|200|OK|joe|");
    test_peer_tell(&peer, "count 0 %d %d", MANY, SIZE);
    for (uint64_t i = 0; i < MANY; i++) {
        memcpy(body, &i, sizeof i);
        cr_assert_eq(zmq_send(ours, body, SIZE, 0), SIZE);
    }
    cr_assert_str_eq(test_peer_answer(&peer), "ok");
    test_peer_tell(&peer, "flood 0 %d %d", MANY, SIZE);
    for (uint64_t i = 0; i < MANY; i++) {
        cr_assert_eq(zmq_recv(ours, body, SIZE, 0), SIZE);
        cr_assert_eq(memcmp(body, &i, sizeof i), 0, "at %" PRIu64, i);
    }
    cr_assert_str_eq(test_peer_answer(&peer), "ok");
}

/* Subscriptions, of either form. */
EACH_COMBINATION(curve_subscriptions)
{
    void *ours = test_socket(ZMQ_XPUB);

    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_SUB);
    set_curve(c, ours);
    meet(c, ours);
    PEER(&peer, "text 0 %d topic", ZMQ_SUBSCRIBE);
    while (!(test_events(ours) & ZMQ_POLLIN)) /* libzmq hears of a peer inside calls only */
        PEER_SAYS(&peer, "ok 0", "poll 0 10");
    RECV(ours, "+topic");
    SEND(ours, "topic|one");
    PEER_RECV(&peer, "topic|one");
    PEER(&peer, "text 0 %d topic", ZMQ_UNSUBSCRIBE);
    RECV(ours, "-topic");
}

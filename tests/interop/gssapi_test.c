/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GSSAPI between ours and the distribution's libzmq in another process, whoever is the server and
 * whoever binds, wrapped and not. Run in a realm of its own (tests/support/kdc.py).
 */
#include "tests/interop/guarded.h"
#include "tests/monitor/watch.h"

#include <criterion/parameterized.h>
#include <errno.h>

INTEROP_SUITE(interop_gssapi);

#define QUESTION "GSSAPI|friend@ZURING.TEST"

static struct test_peer peer;

struct combination {
    int transport, ours_serves, ours_binds, clear;
};

static struct combination *combinations(size_t *count)
{
    static struct combination all[16];

    for (int i = 0; i < 16; i++)
        all[i] =
            (struct combination){i & 1 ? TEST_TCP : TEST_IPC, i >> 1 & 1, i >> 2 & 1, i >> 3 & 1};
    *count = 16;
    return all;
}

static void set_up(const struct combination *c, void *ours)
{
    SET(ours, ZMQ_GSSAPI_PLAINTEXT, c->clear);
    PEER(&peer, "set 0 %d %d", ZMQ_GSSAPI_PLAINTEXT, c->clear);
    if (c->ours_serves) {
        SET(ours, ZMQ_GSSAPI_SERVER, 1);
        SET_TEXT(ours, ZMQ_GSSAPI_PRINCIPAL, "server@localhost");
        PEER(&peer, "text 0 %d server@localhost", ZMQ_GSSAPI_SERVICE_PRINCIPAL);
        PEER(&peer, "text 0 %d friend", ZMQ_GSSAPI_PRINCIPAL);
        PEER(&peer, "set 0 %d %d", ZMQ_GSSAPI_PRINCIPAL_NAMETYPE, ZMQ_GSSAPI_NT_USER_NAME);
    } else {
        PEER(&peer, "set 0 %d 1", ZMQ_GSSAPI_SERVER);
        PEER(&peer, "text 0 %d server@localhost", ZMQ_GSSAPI_PRINCIPAL);
        SET_TEXT(ours, ZMQ_GSSAPI_SERVICE_PRINCIPAL, "server@localhost");
        SET_TEXT(ours, ZMQ_GSSAPI_PRINCIPAL, "friend");
        SET(ours, ZMQ_GSSAPI_PRINCIPAL_NAMETYPE, ZMQ_GSSAPI_NT_USER_NAME);
    }
}

static void meet(const struct combination *c, void *ours)
{
    guarded_meet(&peer, ours, c->transport, c->ours_binds);
}

/* The handler of whoever serves is asked about the client. */
static void ask(void *handler)
{
    const char *asked = guarded_question(&peer, handler), *end = strstr(asked, "GSSAPI");

    cr_assert(end && strcmp(end, QUESTION) == 0, "%s", asked);
}

static void handle(void *handler, const char *text)
{
    ask(handler);
    guarded_answer(&peer, handler, text);
}

static void *make(const struct combination *c, int ours_type, int their_type, void **handler)
{
    void *ours = guarded_begin(&peer, ours_type, their_type, c->ours_serves, handler);

    set_up(c, ours);
    return ours;
}

static void *begin(const struct combination *c, int ours_type, int their_type, void **handler)
{
    void *ours = make(c, ours_type, their_type, handler);

    meet(c, ours);
    return ours;
}

#define EACH_COMBINATION(name)                                                                     \
    ParameterizedTestParameters(interop_gssapi, name)                                              \
    {                                                                                              \
        size_t count;                                                                              \
        struct combination *all = combinations(&count);                                            \
        return cr_make_param_array(struct combination, all, count);                                \
    }                                                                                              \
    ParameterizedTest(struct combination *c, interop_gssapi, name)

EACH_COMBINATION(messages)
{
    static const size_t sizes[] = {0,    1,     33,    170,   195,   196,    255,
                                   4096, 32735, 32768, 65536, 70000, 200000, 2000000};
    void *handler, *ours = begin(c, ZMQ_DEALER, ZMQ_DEALER, &handler);

    handle(handler, "1.0|1|200|OK|joe|");
    guarded_converse(&peer, ours);
    guarded_exchange(&peer, ours, sizes, sizeof sizes / sizeof *sizes);
}

/* A subscriber of libzmq 4.3.4's does not tell, when it wraps, whether it subscribes. */
EACH_COMBINATION(subscriptions)
{
    void *handler, *ours;
    bool theirs_subscribes = c->ours_serves;

    if (theirs_subscribes && !c->clear)
        return;
    ours = begin(c, theirs_subscribes ? ZMQ_XPUB : ZMQ_SUB, theirs_subscribes ? ZMQ_SUB : ZMQ_XPUB,
                 &handler);
    handle(handler, "1.0|1|200|OK|joe|");
    if (theirs_subscribes) {
        PEER(&peer, "text 0 %d topic", ZMQ_SUBSCRIBE);
        while (!(test_events(ours) & ZMQ_POLLIN)) /* libzmq hears of a peer inside calls only */
            PEER_SAYS(&peer, "ok 0", "poll 0 10");
        RECV(ours, "+topic");
        SEND(ours, "topic|one");
        PEER_RECV(&peer, "topic|one");
    } else {
        SUBSCRIBE(ours, "topic");
        test_peer_tell(&peer, "recv 0");
        while (!test_peer_has_answered(&peer)) /* who was dialed hears of it inside calls only */
            test_catch_up(ours);
        cr_assert_str_eq(test_peer_answer(&peer), "ok +topic");
        PEER(&peer, "send 0 topic|one");
        RECV(ours, "topic|one");
        UNSUBSCRIBE(ours, "topic");
        PEER_RECV(&peer, "-topic");
    }
}

/* ---- what the handler says ---- */

enum { PROTOCOL = 0x20000000, RETRY_MS = 20, PATIENCE_MS = 2000 };

#define HANDSHAKES                                                                                 \
    (ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |                        \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |                       \
     ZMQ_EVENT_DISCONNECTED)

/* And what our monitor says of it if we serve; NULL: nothing is said in time. */
static const struct verdict {
    const char *answer;
    int event, value;
} verdicts[] = {
    {"1.0|1|300|later||", ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, 300},
    {"1.0|1|400|no||", ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, 400},
    {"1.0|1|500|broken||", ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, 500},
    {"1.0|1|200|OK", ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, PROTOCOL + 1},
    {"1.0|2|200|OK||", ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, PROTOCOL + 2},
    {"0.9|1|200|OK||", ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, PROTOCOL + 3},
    {"1.0|1|2000|?||", ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, PROTOCOL + 4},
    {"1.0|1|200|OK|joe|\5He", ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, PROTOCOL + 5},
    {NULL, 0, 0},
};

enum { VERDICTS = sizeof verdicts / sizeof *verdicts, WAYS = 8 };

struct trial {
    struct combination c;
    int verdict;
};

/* Each transport bears half of them, of either server's and of either binder's. */
static struct criterion_test_params trials(void)
{
    static struct trial all[VERDICTS * WAYS];
    size_t n = 0;

    for (int verdict = 0; verdict < VERDICTS; verdict++)
        for (int way = 0; way < WAYS; way++)
            all[n++] =
                (struct trial){{(verdict ^ way ^ way >> 1 ^ way >> 2) & 1 ? TEST_TCP : TEST_IPC,
                                way & 1, way >> 1 & 1, way >> 2},
                               verdict};
    return cr_make_param_array(struct trial, all, n);
}

static const char *event_text(const struct verdict *v)
{
    bool auth = v->event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

    return test_text("HANDSHAKE_FAILED_%s=%d", auth ? "AUTH" : "PROTOCOL", v->value);
}

static bool is_asked(void *handler)
{
    zmq_pollitem_t item = {.socket = handler, .events = ZMQ_POLLIN};

    if (handler)
        return zmq_poll(&item, 1, 10) == 1;
    test_peer_tell(&peer, "poll 1 10");
    return strcmp(test_peer_answer(&peer), "ok 1") == 0;
}

/* Whoever is asked about comes in, sooner or later: what was under way may run out of time. */
static bool comes_in(void *handler, void *reader)
{
    if (is_asked(handler))
        handle(handler, "1.0|1|200|OK|joe|");
    return strncmp(watch_next(reader, ZMQ_DONTWAIT), "HANDSHAKE_SUCCEEDED", 19) == 0;
}

/* Nobody has come in. (Whoever dials has somebody to send to before he is through.) */
static void stay_apart(const struct combination *c, void *ours)
{
    if (c->ours_binds)
        cr_assert_eq(test_events(ours) & ZMQ_POLLOUT, 0);
    PEER_SAYS(&peer, "ok 0", "poll 0 0");
    RECV_GIVES(EAGAIN, ours);
}

/* What who dials had to say before he was let in is not lost, and comes once. */
static void speak_early(const struct combination *c, void *ours)
{
    if (c->ours_binds)
        PEER(&peer, "send 0 early");
    else
        SEND(ours, "early");
}

static void hear_early(const struct combination *c, void *ours)
{
    if (c->ours_binds)
        RECV(ours, "early");
    else
        PEER_RECV(&peer, "early");
}

/*
 * The handler keeps the question until ours has given up; then nobody is there to hear. But a
 * server of libzmq 4.3.4's that dials takes what it hears then for the answer about its next
 * connection: it lets that one in or, while that has not come so far, dials no more.
 */
static void be_silent(const struct combination *c, void *handler, void *ours, void *reader)
{
    ask(handler);
    EVENTS(reader, "HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED", ETIMEDOUT);
    stay_apart(c, ours);
    if (!c->ours_serves && c->ours_binds)
        return;
    guarded_answer(&peer, handler, "1.0|1|200|OK|late|");
    WAIT(comes_in(handler, reader));
    guarded_converse(&peer, ours);
}

static void *begin_trial(const struct trial *t, void **handler, void **reader)
{
    void *ours = make(&t->c, ZMQ_DEALER, ZMQ_DEALER, handler);

    *reader = watch(ours, HANDSHAKES);
    SET(ours, ZMQ_RECONNECT_IVL, RETRY_MS);
    PEER(&peer, "set 0 %d %d", ZMQ_RECONNECT_IVL, RETRY_MS);
    if (!verdicts[t->verdict].answer)
        SET(ours, ZMQ_HANDSHAKE_IVL, PATIENCE_MS);
    meet(&t->c, ours);
    return ours;
}

#define EACH_TRIAL(name)                                                                           \
    ParameterizedTestParameters(interop_gssapi, name)                                              \
    {                                                                                              \
        return trials();                                                                           \
    }                                                                                              \
    ParameterizedTest(struct trial *t, interop_gssapi, name)

/*
 * GSSAPI has no word for a refusal, so a client comes again, whatever the handler said. A server
 * that dials does not: ours after a final word, libzmq's after one that makes no sense.
 */
static bool is_given_up(const struct trial *t)
{
    const struct verdict *v = &verdicts[t->verdict];

    if (t->c.ours_serves == t->c.ours_binds)
        return false;
    if (t->c.ours_serves)
        return v->event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && v->value != 300;
    return v->event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
}

EACH_TRIAL(who_is_not_let_in_stays_out_until_he_is)
{
    const struct verdict *v = &verdicts[t->verdict];
    void *handler, *reader, *ours;

    if (!t->c.ours_serves && v->event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        return; /* the next test's */
    ours = begin_trial(t, &handler, &reader);
    if (!v->answer) {
        be_silent(&t->c, handler, ours, reader);
        return;
    }
    speak_early(&t->c, ours);
    handle(handler, v->answer);
    EVENTS(reader, "%s DISCONNECTED",
           t->c.ours_serves ? event_text(v) : test_text("HANDSHAKE_FAILED_NO_DETAIL=%d", EPIPE));
    stay_apart(&t->c, ours);
    if (is_given_up(t)) {
        NO_EVENT(reader);
        cr_assert_not(is_asked(handler));
        return;
    }
    handle(handler, "1.0|1|200|OK|joe|");
    EVENTS(reader, "HANDSHAKE_SUCCEEDED=0");
    hear_early(&t->c, ours);
    guarded_converse(&peer, ours);
}

/* A server of libzmq 4.3.4's tells its monitor, and lets them in: nothing can be seen from here. */
EACH_TRIAL(whom_libzmq_refuses_it_lets_in)
{
    const struct verdict *v = &verdicts[t->verdict];
    void *handler, *reader, *ours;

    if (t->c.ours_serves || v->event != ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        return;
    ours = begin_trial(t, &handler, &reader);
    speak_early(&t->c, ours);
    handle(handler, v->answer);
    EVENTS(reader, "HANDSHAKE_SUCCEEDED=0");
    hear_early(&t->c, ours);
    guarded_converse(&peer, ours);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out: the n-th request of a whole cycle (make, connect, send, receive, close,
 * terminate) fails, for every n until a cycle has no n-th request any more; alone and several in a
 * row. Calls succeed or say ENOMEM, and then succeed when they are repeated. What fails on the loop
 * ends a connection at most, and streams come back by themselves. Nothing hangs, leaks or ends the
 * process.
 *
 * The requests of the loop's thread count too, so which one is the n-th differs a little from run
 * to run; all of them come up in the end.
 */
#include "engine/base/alloc.h"
#include "include/zuring.h"

#if ZU_HAS_TLS
#include "tests/fault/openssl_memory.h"
#include "tests/support/certs.h"
#endif

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

TestSuite(memory, .timeout = 600);

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

enum { REFUSALS_MAX = 5, PATIENCE_MS = 60000, INPROC_PATIENCE_MS = 200 };

/* ---- refusing ---- */

static _Atomic long requests;      /* since the cycle began */
static _Atomic long first, behind; /* those from first on, but not behind, are refused */

static bool refuse(size_t size)
{
    long n = atomic_fetch_add(&requests, 1) + 1;

    (void)size;
    return n >= atomic_load(&first) && n < atomic_load(&behind);
}

static void refuse_from(long n, long count)
{
    atomic_store(&requests, 0);
    atomic_store(&first, n);
    atomic_store(&behind, n + count);
}

/* ---- what is tried ---- */

struct trial {
    char name[24];
    int from, to;    /* socket types: who speaks first, and to whom */
    bool answers;    /* the other speaks, too */
    bool from_binds; /* else the other does */
    char scheme[8];
    int in_a_row;
    int mechanism;
    int step;        /* from one request that fails to the next that does; 0: each does */
    bool of_openssl; /* OpenSSL's requests count, too */
    bool late;       /* those count that are made once messages have gone through */
};

static const char *describe(const struct trial *t, long n)
{
    static char text[96];

    snprintf(text, sizeof text, "%s over %s, %s binds, %d from %ld on", t->name, t->scheme,
             t->from_binds ? "the first" : "the second", t->in_a_row, n);
    return text;
}

static const char *now_trying = "";

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* What a call may say for want of memory beside ENOMEM: a certificate that OpenSSL cannot read for
 * that is to it one that cannot be read. */
static int or_said = ENOMEM;

/* Repeats the call while it says ENOMEM, which it may as often as requests are refused. */
#define INSIST(call)                                                                               \
    do {                                                                                           \
        int left_ = REFUSALS_MAX + 1;                                                              \
        while ((call) == -1) {                                                                     \
            cr_assert(errno == ENOMEM || errno == or_said, "%s: %s: %s", now_trying, #call,        \
                      zmq_strerror(errno));                                                        \
            cr_assert_gt(left_--, 0, "%s: %s: ENOMEM for ever", now_trying, #call);                \
        }                                                                                          \
    } while (0)

#define INSIST_ON(variable, call) INSIST(((variable) = (call)) != NULL ? 0 : -1)

struct cycle {
    const struct trial *trial;
    void *ctx, *from, *to, *handler;
    char endpoint[128];
    int64_t deadline;
};

static void set(void *socket, int option, int value)
{
    INSIST(zmq_setsockopt(socket, option, &value, sizeof value));
}

static void *make_socket(struct cycle *c, int type)
{
    void *s;

    INSIST_ON(s, zmq_socket(c->ctx, type));
    set(s, ZMQ_LINGER, 0);
    set(s, ZMQ_RCVTIMEO, 5);
    set(s, ZMQ_RECONNECT_IVL, 2);
    if (type == ZMQ_SUB)
        INSIST(zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0));
    if (type == ZMQ_REQ) { /* what is lost with a connection is asked again */
        set(s, ZMQ_REQ_RELAXED, 1);
        set(s, ZMQ_REQ_CORRELATE, 1);
    }
    return s;
}

static void *binder(const struct cycle *c)
{
    return c->trial->from_binds ? c->from : c->to;
}

static void *connecter(const struct cycle *c)
{
    return c->trial->from_binds ? c->to : c->from;
}

static bool is_in_tls(const struct trial *t)
{
    return strcmp(t->scheme, "tls") == 0 || strcmp(t->scheme, "wss") == 0;
}

#if ZU_HAS_TLS
static void set_text(void *socket, int option, const char *text)
{
    INSIST(zmq_setsockopt(socket, option, text, strlen(text)));
}
#endif

static void certify(const struct cycle *c)
{
#if ZU_HAS_TLS
    set_text(binder(c), ZURING_TLS_KEY_PEM, test_key(TEST_SERVER));
    set_text(binder(c), ZURING_TLS_CERT_PEM, test_cert(TEST_SERVER));
    set_text(connecter(c), ZURING_TLS_TRUST_PEM, test_cert(TEST_CA));
#endif
    (void)c;
}

static void meet(struct cycle *c)
{
    size_t size = sizeof c->endpoint;
    char wanted[64];

    if (is_in_tls(c->trial))
        certify(c);
    if (is_in_tls(c->trial) || strcmp(c->trial->scheme, "tcp") == 0)
        snprintf(wanted, sizeof wanted, "%s://127.0.0.1:*", c->trial->scheme);
    else
        snprintf(wanted, sizeof wanted, "%s://%szuring-memory-%d", c->trial->scheme,
                 strcmp(c->trial->scheme, "ipc") ? "" : "@", (int)getpid());
    or_said = c->trial->of_openssl ? EINVAL : ENOMEM;
    INSIST(zmq_bind(binder(c), wanted));
    INSIST(zmq_getsockopt(binder(c), ZMQ_LAST_ENDPOINT, c->endpoint, &size));
    INSIST(zmq_connect(connecter(c), c->endpoint));
    or_said = ENOMEM;
}

static void secure_by_keys(struct cycle *c)
{
    char public_key[41], secret_key[41];

    cr_assert_eq(zmq_curve_keypair(public_key, secret_key), 0);
    set(binder(c), ZMQ_CURVE_SERVER, 1);
    INSIST(zmq_setsockopt(binder(c), ZMQ_CURVE_SECRETKEY, secret_key, 41));
    INSIST(zmq_setsockopt(connecter(c), ZMQ_CURVE_SERVERKEY, public_key, 41));
    INSIST(zmq_setsockopt(connecter(c), ZMQ_CURVE_PUBLICKEY, public_key, 41));
    INSIST(zmq_setsockopt(connecter(c), ZMQ_CURVE_SECRETKEY, secret_key, 41));
}

/* The binder is the server. A request or reply that a REP has no memory for is lost, and the
 * connection with it, when the handshake's time is over. */
static void secure(struct cycle *c)
{
    if (c->trial->mechanism == ZMQ_NULL)
        return;
    INSIST_ON(c->handler, zmq_socket(c->ctx, ZMQ_REP));
    set(c->handler, ZMQ_LINGER, 0);
    set(c->handler, ZMQ_RCVTIMEO, 0);
    INSIST(zmq_bind(c->handler, "inproc://zeromq.zap.01"));
    set(binder(c), ZMQ_HANDSHAKE_IVL, 400);
    if (c->trial->mechanism == ZMQ_CURVE) {
        secure_by_keys(c);
        return;
    }
    set(binder(c), ZMQ_PLAIN_SERVER, 1);
    INSIST(zmq_setsockopt(connecter(c), ZMQ_PLAIN_USERNAME, "joe", 3));
    INSIST(zmq_setsockopt(connecter(c), ZMQ_PLAIN_PASSWORD, "pw", 2));
}

/* Lets in whoever is asked about. */
static void handle(struct cycle *c)
{
    static const char *const parts[] = {"1.0", "1", "200", "OK", "joe", ""};
    char byte;
    int more;
    size_t size = sizeof more;

    if (!c->handler || zmq_recv(c->handler, &byte, 1, 0) < 0)
        return;
    for (;;) {
        cr_assert_eq(zmq_getsockopt(c->handler, ZMQ_RCVMORE, &more, &size), 0);
        if (!more)
            break;
        INSIST(zmq_recv(c->handler, &byte, 1, 0));
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        INSIST(zmq_send(c->handler, parts[i], strlen(parts[i]), i < 5 ? ZMQ_SNDMORE : 0));
}

/* ---- messages: perhaps an id, "head", and a body of one byte throughout ---- */

static bool send_part(void *s, const void *data, size_t size, int fill, bool more)
{
    zmq_msg_t m;
    int rc;

    INSIST(zmq_msg_init_size(&m, size));
    if (data)
        memcpy(zmq_msg_data(&m), data, size);
    else
        memset(zmq_msg_data(&m), fill, size);
    for (int left = REFUSALS_MAX + 1;; left--) {
        rc = zmq_msg_send(&m, s, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
        if (rc >= 0)
            return true;
        cr_assert(errno == ENOMEM || errno == EAGAIN, "%s: send: %s", now_trying,
                  zmq_strerror(errno));
        if (errno == EAGAIN)
            break;
        cr_assert_gt(left, 0, "%s: send: ENOMEM for ever", now_trying);
    }
    zmq_msg_close(&m);
    return false;
}

struct id {
    uint8_t bytes[256];
    size_t size; /* 0: none */
};

/* False: not now, or the peer has just gone. */
static bool send_message(void *s, const struct id *to, size_t size)
{
    if (to->size && !send_part(s, to->bytes, to->size, 0, true))
        return false;
    return send_part(s, "head", 4, 0, true) && send_part(s, NULL, size, 'b', false);
}

static bool receive_part(void *s, zmq_msg_t *m)
{
    for (int left = REFUSALS_MAX + 1; zmq_msg_recv(m, s, 0) < 0; left--) {
        cr_assert(errno == EAGAIN || errno == ENOMEM, "%s: receive: %s", now_trying,
                  zmq_strerror(errno));
        if (errno == EAGAIN)
            return false;
        cr_assert_gt(left, 0, "%s: receive: ENOMEM for ever", now_trying);
    }
    return true;
}

static void check_body(zmq_msg_t *m)
{
    const char *data = zmq_msg_data(m);

    for (size_t i = 0; i < zmq_msg_size(m); i++)
        cr_assert_eq(data[i], 'b', "%s: byte %zu of the body", now_trying, i);
}

/* A whole message, or none. Its body's size may be that of one that was sent before. */
static bool receive_message(void *s, struct id *from, bool has_id)
{
    zmq_msg_t m;
    int parts = 0;
    bool more = true;

    zmq_msg_init(&m);
    while (more && receive_part(s, &m)) {
        more = zmq_msg_more(&m);
        if (parts == 0 && !more && zmq_msg_size(&m) == 1) {
            more = true; /* one of go_without's, come late: not what is waited for */
            continue;
        }
        if (has_id && parts == 0) {
            from->size = zmq_msg_size(&m);
            memcpy(from->bytes, zmq_msg_data(&m), from->size);
        } else if (parts == (int)has_id) {
            cr_assert(zmq_msg_size(&m) == 4 && memcmp(zmq_msg_data(&m), "head", 4) == 0,
                      "%s: no head", now_trying);
        } else {
            check_body(&m);
        }
        parts++;
    }
    zmq_msg_close(&m);
    cr_assert(parts == 0 || parts == 2 + has_id, "%s: a message of %d parts", now_trying, parts);
    return parts > 0;
}

/* What came late, for want of memory, is answered too: else the answers would lag for ever. */
static bool exchange(struct cycle *c, size_t size)
{
    const struct trial *t = c->trial;
    struct id id = {.size = 0}, none = {.size = 0};
    bool routed = t->to == ZMQ_ROUTER, heard = false;

    handle(c);
    send_message(c->from, &none, size);
    while (receive_message(c->to, &id, routed)) {
        heard = true;
        if (t->answers)
            send_message(c->to, routed ? &id : &none, size);
    }
    return heard && (!t->answers || receive_message(c->from, &id, false));
}

/* Messages get through in the end. Over inproc there is no coming back, so connect once more. */
static void converse(struct cycle *c)
{
    static const size_t sizes[] = {10, 300, 100000};
    bool local = strcmp(c->trial->scheme, "inproc") == 0;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int64_t begun = now_ms();

        while (!exchange(c, sizes[i])) {
            int64_t waited = now_ms() - begun;

            cr_assert_lt(waited, PATIENCE_MS, "%s: nothing comes of %zu bytes", now_trying,
                         sizes[i]);
            if (local && waited > INPROC_PATIENCE_MS) {
                zmq_disconnect(connecter(c), c->endpoint);
                INSIST(zmq_connect(connecter(c), c->endpoint));
                begun = now_ms() - INPROC_PATIENCE_MS / 2;
            }
        }
    }
}

/* The n-th request is refused; none if n is 0. */
static void run_cycle(const struct trial *t, long n)
{
    struct cycle c = {.trial = t};

    refuse_from(n, n && !t->late ? t->in_a_row : 0);
    INSIST_ON(c.ctx, zmq_ctx_new());
    c.from = make_socket(&c, t->from);
    c.to = make_socket(&c, t->to);
    secure(&c);
    meet(&c);
    converse(&c);
    if (t->late) {
        refuse_from(n, n ? t->in_a_row : 0);
        converse(&c);
    }
    if (c.handler)
        cr_assert_eq(zmq_close(c.handler), 0, "%s", now_trying);
    cr_assert_eq(zmq_close(c.from), 0, "%s", now_trying);
    cr_assert_eq(zmq_close(c.to), 0, "%s", now_trying);
    cr_assert_eq(zmq_ctx_term(c.ctx), 0, "%s", now_trying);
}

static void try_every_request(const struct trial *t)
{
    long n = 0;

    zu_alloc_refuse = refuse;
    do {
        n += t->step ? t->step : 1;
        now_trying = describe(t, n);
        run_cycle(t, n);
    } while (atomic_load(&requests) >= n);
    zu_alloc_refuse = NULL;
    cr_assert_gt(n, 10, "%s: the hook was hardly ever asked", now_trying);
    if (__lsan_do_recoverable_leak_check)
        cr_assert_eq(__lsan_do_recoverable_leak_check(), 0, "%s", now_trying);
}

/* For a while there is none at all. What the application tries meanwhile may fail; afterwards all
 * is as before. */
static void go_without(struct cycle *c, int ms)
{
    int64_t begun = now_ms();
    char byte;

    refuse_from(1, 1000000000);
    while (now_ms() - begun < ms) {
        zmq_send(c->from, "x", 1, ZMQ_DONTWAIT); /* no memory of its own */
        zmq_recv(c->to, &byte, 1, 0);
    }
    refuse_from(1, 0);
}

static void lose_and_regain(const struct trial *t)
{
    struct cycle c = {.trial = t};

    zu_alloc_refuse = refuse;
    now_trying = describe(t, 0);
    refuse_from(1, 0);
    INSIST_ON(c.ctx, zmq_ctx_new());
    c.from = make_socket(&c, t->from);
    c.to = make_socket(&c, t->to);
    meet(&c);
    for (int i = 0; i < 3; i++) {
        converse(&c);
        go_without(&c, 60);
    }
    converse(&c);
    cr_assert_eq(zmq_close(c.from), 0, "%s", now_trying);
    cr_assert_eq(zmq_close(c.to), 0, "%s", now_trying);
    cr_assert_eq(zmq_ctx_term(c.ctx), 0, "%s", now_trying);
    zu_alloc_refuse = NULL;
    if (__lsan_do_recoverable_leak_check)
        cr_assert_eq(__lsan_do_recoverable_leak_check(), 0, "%s", now_trying);
}

Test(memory, all_of_it_is_gone_for_a_while)
{
    static const char *const schemes[] = {"ipc", "tcp"};

    for (int i = 0; i < 4; i++) {
        struct trial t = {.name = "without memory",
                          .from = i / 2 ? ZMQ_PUB : ZMQ_PUSH,
                          .to = i / 2 ? ZMQ_SUB : ZMQ_PULL};

        strcpy(t.scheme, schemes[i % 2]);
        lose_and_regain(&t);
    }
}

#define TRIALS(first_type, second_type, two_way)                                                   \
    static struct trial trials[12];                                                                \
    static const char *const schemes[] = {"inproc", "ipc", "tcp"};                                 \
    for (int i = 0; i < 12; i++) {                                                                 \
        trials[i] = (struct trial){.name = #first_type " " #second_type,                           \
                                   .from = ZMQ_##first_type,                                       \
                                   .to = ZMQ_##second_type,                                        \
                                   .answers = (two_way),                                           \
                                   .from_binds = i / 3 % 2,                                        \
                                   .in_a_row = i / 6 ? REFUSALS_MAX : 1};                          \
        strcpy(trials[i].scheme, schemes[i % 3]);                                                  \
    }                                                                                              \
    return cr_make_param_array(struct trial, trials, 12)

ParameterizedTestParameters(memory, push_and_pull)
{
    TRIALS(PUSH, PULL, false);
}

ParameterizedTest(struct trial *t, memory, push_and_pull)
{
    try_every_request(t);
}

ParameterizedTestParameters(memory, req_and_rep)
{
    TRIALS(REQ, REP, true);
}

ParameterizedTest(struct trial *t, memory, req_and_rep)
{
    try_every_request(t);
}

ParameterizedTestParameters(memory, pub_and_sub)
{
    TRIALS(PUB, SUB, false);
}

ParameterizedTest(struct trial *t, memory, pub_and_sub)
{
    try_every_request(t);
}

ParameterizedTestParameters(memory, dealer_and_router)
{
    TRIALS(DEALER, ROUTER, true);
}

ParameterizedTest(struct trial *t, memory, dealer_and_router)
{
    try_every_request(t);
}

/* The question to the ZAP handler, and its answer; and, under CURVE, sealed messages. */
ParameterizedTestParameters(memory, with_security)
{
    static struct trial trials[8];

    for (int i = 0; i < 8; i++) {
        trials[i] = (struct trial){.from = ZMQ_PUSH,
                                   .to = ZMQ_PULL,
                                   .from_binds = i % 2,
                                   .in_a_row = i / 2 % 2 ? REFUSALS_MAX : 1,
                                   .mechanism = i / 4 ? ZMQ_CURVE : ZMQ_PLAIN};
        strcpy(trials[i].name, i / 4 ? "CURVE" : "PLAIN");
        strcpy(trials[i].scheme, "ipc");
    }
    return cr_make_param_array(struct trial, trials, 8);
}

ParameterizedTest(struct trial *t, memory, with_security)
{
    try_every_request(t);
}

#if ZU_HAS_TLS
/* Ours, each; and all of OpenSSL's together with ours, which are thousands: every so many; but of
 * what it asks for while messages go, each, for what fails then is the connection's own. */
static void try_tls(struct trial *t)
{
    /* Certificates and what OpenSSL does once are made before anything is refused. */
    if (t->of_openssl)
        cr_assert(test_openssl_asks(refuse));
    run_cycle(t, 0);
    try_every_request(t);
    test_openssl_asks(NULL);
}

ParameterizedTestParameters(memory, within_tls)
{
    static struct trial trials[12];

    for (int i = 0; i < 12; i++) {
        trials[i] = (struct trial){.from = ZMQ_PUSH,
                                   .to = ZMQ_PULL,
                                   .from_binds = i % 2,
                                   .in_a_row = i / 2 % 2 ? REFUSALS_MAX : 1,
                                   .step = i / 4 == 1 ? 211 : 1,
                                   .of_openssl = i / 4 > 0,
                                   .late = i / 4 == 2};
        strcpy(trials[i].name, i / 4 == 2 ? "open TLS" : i / 4 ? "OpenSSL" : "TLS");
        strcpy(trials[i].scheme, i % 2 ? "wss" : "tls");
    }
    return cr_make_param_array(struct trial, trials, 12);
}

ParameterizedTest(struct trial *t, memory, within_tls)
{
    try_tls(t);
}
#endif

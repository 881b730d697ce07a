/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole engine under the thread sanitizer, through zmq.h: traffic of several patterns over each
 * transport and each kernel boundary, with as many loops as connections, small water marks, sockets
 * that come and go, and contexts that end while somebody is blocked.
 */
#include "include/zuring.h"
#include "tests/support/expect.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGES = 3000, LARGE = 100 * 1000, CLIENTS = 3, ROUNDS = 20 };

struct place {
    void *ctx;
    int mechanism; /* whoever binds is the server */
    char public_key[41], secret_key[41];
    const char *bind;
    char endpoint[256]; /* as bound */
};

static void secure(struct place *at, void *s, bool as_server)
{
    int yes = 1;

    if (at->mechanism == ZMQ_PLAIN && as_server) {
        zmq_setsockopt(s, ZMQ_PLAIN_SERVER, &yes, sizeof yes);
    } else if (at->mechanism == ZMQ_PLAIN) {
        zmq_setsockopt(s, ZMQ_PLAIN_USERNAME, "joe", 3);
        zmq_setsockopt(s, ZMQ_PLAIN_PASSWORD, "pw", 2);
    } else if (at->mechanism == ZMQ_CURVE) {
        if (as_server)
            zmq_setsockopt(s, ZMQ_CURVE_SERVER, &yes, sizeof yes);
        else
            zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, at->public_key, 41);
        zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, at->public_key, 41);
        zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, at->secret_key, 41);
    }
}

static void *socket_at(struct place *at, int type, bool binds)
{
    void *s = zmq_socket(at->ctx, type);
    int hwm = 50, timeout = 120000;
    size_t size = sizeof at->endpoint;

    zmq_setsockopt(s, ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq_setsockopt(s, ZMQ_RCVHWM, &hwm, sizeof hwm);
    zmq_setsockopt(s, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(s, ZMQ_SNDTIMEO, &timeout, sizeof timeout);
    secure(at, s, binds);
    if (!binds) {
        expect(zmq_connect(s, at->endpoint) == 0, "connect");
        return s;
    }
    expect(zmq_bind(s, at->bind) == 0, "bind");
    expect(zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, at->endpoint, &size) == 0, "last endpoint");
    return s;
}

/* Message i has a size that crosses inline, copied, sliced and in-place bodies. */
static size_t size_of(uint32_t i)
{
    static const size_t sizes[] = {4, 33, 34, 500, 5000, 9000, 40000, LARGE};

    return i % 50 == 0 ? sizes[i / 50 % 8] : 4;
}

static void *push(void *arg)
{
    struct place *at = arg;
    void *s = socket_at(at, ZMQ_PUSH, false);

    for (uint32_t i = 0; i < MESSAGES; i++) {
        zmq_msg_t m;

        zmq_msg_init_size(&m, size_of(i));
        memcpy(zmq_msg_data(&m), &i, sizeof i);
        expect(zmq_msg_send(&m, s, 0) >= 0, "push");
    }
    zmq_close(s);
    return NULL;
}

static void pipeline(struct place *at)
{
    void *pull = socket_at(at, ZMQ_PULL, true);
    pthread_t thread[CLIENTS];
    zmq_msg_t m;

    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&thread[i], NULL, push, at);
    zmq_msg_init(&m);
    for (uint32_t i = 0; i < CLIENTS * MESSAGES; i++) {
        uint32_t number;

        expect(zmq_msg_recv(&m, pull, 0) >= 0, "pull");
        memcpy(&number, zmq_msg_data(&m), sizeof number);
        expect(zmq_msg_size(&m) == size_of(number), "size");
    }
    zmq_msg_close(&m);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(thread[i], NULL);
    zmq_close(pull);
}

static void *ask(void *arg)
{
    struct place *at = arg;

    for (int round = 0; round < ROUNDS; round++) {
        void *s = socket_at(at, ZMQ_REQ, false);
        char answer[8];

        for (int i = 0; i < 5; i++) {
            expect(zmq_send(s, "question", 8, 0) == 8, "ask");
            expect(zmq_recv(s, answer, sizeof answer, 0) == 6, "answer");
        }
        zmq_close(s);
    }
    return NULL;
}

static void requests(struct place *at)
{
    void *router = socket_at(at, ZMQ_ROUTER, true);
    pthread_t thread[CLIENTS];

    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&thread[i], NULL, ask, at);
    for (int i = 0; i < CLIENTS * ROUNDS * 5; i++) {
        char id[256], body[16];
        zmq_pollitem_t item = {.socket = router, .events = ZMQ_POLLIN};

        expect(zmq_poll(&item, 1, 120000) == 1, "poll");
        int size = zmq_recv(router, id, sizeof id, 0);

        expect(zmq_recv(router, body, sizeof body, 0) == 0, "delimiter");
        expect(zmq_recv(router, body, sizeof body, 0) == 8, "request");
        zmq_send(router, id, (size_t)size, ZMQ_SNDMORE);
        zmq_send(router, "", 0, ZMQ_SNDMORE);
        zmq_send(router, "answer", 6, 0);
    }
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(thread[i], NULL);
    zmq_close(router);
}

static void *listen_until_end(void *arg)
{
    struct place *at = arg;
    void *s = socket_at(at, ZMQ_SUB, false);
    char body[64];
    int rc;

    zmq_setsockopt(s, ZMQ_SUBSCRIBE, "news", 4);
    do
        rc = zmq_recv(s, body, sizeof body, 0);
    while (rc >= 0);
    expect(zmq_errno() == ETERM, "the end of the context");
    zmq_close(s);
    return NULL;
}

/* Subscribers come, hear something, and are blocked when the context ends. */
static void publish(struct place *at)
{
    void *pub = socket_at(at, ZMQ_XPUB, true);
    pthread_t thread[CLIENTS];
    char notice[64];
    int verbose = 1;

    zmq_setsockopt(pub, ZMQ_XPUB_VERBOSE, &verbose, sizeof verbose);
    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&thread[i], NULL, listen_until_end, at);
    for (int i = 0; i < CLIENTS; i++)
        expect(zmq_recv(pub, notice, sizeof notice, 0) == 5, "subscription");
    for (int i = 0; i < MESSAGES; i++)
        expect(zmq_send(pub, i % 2 ? "news" : "else", 4, 0) == 4, "publish");
    zmq_ctx_shutdown(at->ctx);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(thread[i], NULL);
    zmq_close(pub);
}

/* The ZAP handler, a ROUTER: lets everybody in until the context ends. */
static void *handle(void *zap)
{
    static const char *const reply[] = {"", "1.0", "1", "200", "OK", "joe", ""};
    char id[256], part[256];

    for (;;) {
        int more = 1, size = zmq_recv(zap, id, sizeof id, 0);
        size_t length = sizeof more;

        if (size < 0)
            break;
        while (more && zmq_recv(zap, part, sizeof part, 0) >= 0)
            zmq_getsockopt(zap, ZMQ_RCVMORE, &more, &length);
        zmq_send(zap, id, (size_t)size, ZMQ_SNDMORE);
        for (int i = 0; i < 7; i++)
            zmq_send(zap, reply[i], strlen(reply[i]), i < 6 ? ZMQ_SNDMORE : 0);
    }
    expect(zmq_errno() == ETERM, "the handler's end");
    zmq_close(zap);
    return NULL;
}

/* Peers that come and go while a handler in a thread of its own is asked about each. */
static void authenticated(struct place *at, int mechanism)
{
    void *zap = zmq_socket(at->ctx, ZMQ_ROUTER);
    pthread_t thread;

    at->mechanism = mechanism;
    expect(zmq_curve_keypair(at->public_key, at->secret_key) == 0, "keys");
    expect(zmq_bind(zap, "inproc://zeromq.zap.01") == 0, "bind the handler");
    pthread_create(&thread, NULL, handle, zap);
    requests(at);
    zmq_ctx_shutdown(at->ctx);
    pthread_join(thread, NULL);
}

static void by_password(struct place *at)
{
    authenticated(at, ZMQ_PLAIN);
}

static void by_key(struct place *at)
{
    authenticated(at, ZMQ_CURVE);
}

static void run(const char *bind, int backend)
{
    void (*const parts[])(struct place *) = {pipeline, requests, publish, by_password, by_key};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct place at = {.ctx = zmq_ctx_new(), .bind = bind};

        zmq_ctx_set(at.ctx, ZMQ_IO_THREADS, 3);
        zmq_ctx_set(at.ctx, ZURING_BACKEND, backend);
        parts[i](&at);
        expect(zmq_ctx_term(at.ctx) == 0, "term");
    }
}

int main(void)
{
    static const char *const binds[] = {"inproc://engine", "tcp://127.0.0.1:*", "ipc://*"};

    alarm(1800);
    for (int backend = ZURING_BACKEND_IO_URING; backend <= ZURING_BACKEND_READINESS; backend++)
        for (size_t i = 0; i < 3; i++)
            run(binds[i], backend);
    return faults != 0;
}

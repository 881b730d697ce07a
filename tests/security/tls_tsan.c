/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls:// under the thread sanitizer, over each kernel boundary and several loops. Clients come,
 * talk to two servers, with bodies of a part of a record and of many records, and go, a handshake
 * or a message half done. The servers answer most messages and end the connection of some, so that
 * it is made anew; the one closes for good in the midst of it, the other asks for certificates.
 * Somebody who is not believed knocks all the time. Both are watched, and their readers have all
 * events, the last of them last.
 */
#include "include/zuring.h"
#include "tests/support/certs.h"
#include "tests/support/expect.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SERVERS = 2, CLIENTS = 3, LIVES = 4, TALKS = 12, LOOPS = 3, BODY_MAX = 100000 };
enum { CLOSES_AFTER = 20, ENDS_EACH = 9, AGAIN_MS = 50, RETRY_MS = 5, PATIENCE_MS = 600000 };

struct server {
    void *socket, *reader;
    char at[256];
    pthread_t thread;
    int answers_most; /* then it closes; 0: as many as are asked for */
    int met, lost;    /* what its reader was told */
    uint64_t answered, sent_away;
};

static void *ctx;
static struct server servers[SERVERS];
static _Atomic int guests; /* clients that have not ended */

static void set(void *s, int option, int value)
{
    expect(zmq_setsockopt(s, option, &value, sizeof value) == 0, "option");
}

/* ---- the servers ---- */

/* Answers with the number that the message begins with, or sends its sender away. */
static void answer(struct server *v, const uint8_t *id, size_t id_size)
{
    zmq_msg_t m;
    uint32_t number;

    zmq_msg_init(&m);
    expect(zmq_msg_recv(&m, v->socket, 0) >= (int)sizeof number, "a body");
    memcpy(&number, zmq_msg_data(&m), sizeof number);
    if (++v->answered % ENDS_EACH == 0) {
        v->sent_away += zuring_disconnect_peer(v->socket, id, id_size) == 0;
        zmq_msg_close(&m);
        return;
    }
    memcpy(zmq_msg_data(&m), &number, sizeof number);
    zmq_send(v->socket, id, id_size, ZMQ_SNDMORE | ZMQ_DONTWAIT); /* he may have gone */
    if (zmq_msg_send(&m, v->socket, ZMQ_DONTWAIT) < 0)
        zmq_msg_close(&m);
}

static void *serve(void *arg)
{
    struct server *v = arg;
    uint8_t id[256];

    while (guests > 0 && (v->answers_most == 0 || v->answered < (uint64_t)v->answers_most)) {
        int size = zmq_recv(v->socket, id, sizeof id, 0);

        if (size >= 0)
            answer(v, id, (size_t)size);
        else
            expect(errno == EAGAIN, "receive");
    }
    expect(zmq_close(v->socket) == 0, "close a server");
    return NULL;
}

static void *read_events(void *arg)
{
    struct server *v = arg;
    uint16_t event = 0;

    while (event != ZMQ_EVENT_MONITOR_STOPPED) {
        uint8_t head[6];
        char text[256];

        if (zmq_recv(v->reader, head, sizeof head, 0) != sizeof head ||
            zmq_recv(v->reader, text, sizeof text, 0) < 0) {
            expect(false, "an event");
            break;
        }
        memcpy(&event, head, sizeof event);
        v->met += event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        v->lost += event == ZMQ_EVENT_DISCONNECTED;
    }
    expect(zmq_close(v->reader) == 0, "close a reader");
    return NULL;
}

static void open_server(struct server *v, bool asks)
{
    char name[32];
    size_t size = sizeof v->at;

    snprintf(name, sizeof name, "inproc://events-%d", asks);
    *v = (struct server){.socket = zmq_socket(ctx, ZMQ_ROUTER),
                         .reader = zmq_socket(ctx, ZMQ_PAIR),
                         .answers_most = asks ? 0 : CLOSES_AFTER};
    test_certify(v->socket);
    set(v->socket, ZURING_TLS_CLIENT_CERTIFICATE, asks);
    set(v->socket, ZMQ_RCVTIMEO, AGAIN_MS);
    set(v->socket, ZMQ_LINGER, 0);
    set(v->reader, ZMQ_RCVTIMEO, PATIENCE_MS);
    expect(zmq_socket_monitor(v->socket, name, ZMQ_EVENT_ALL) == 0, "watch");
    expect(zmq_connect(v->reader, name) == 0, "connect to the monitor");
    expect(zmq_bind(v->socket, "tls://127.0.0.1:*") == 0, "bind");
    expect(zmq_getsockopt(v->socket, ZMQ_LAST_ENDPOINT, v->at, &size) == 0, "endpoint");
}

/* ---- who comes ---- */

/* Asks until it is answered, by whichever server has the question. */
static void talk(void *s, uint32_t number, uint8_t *body)
{
    size_t size = number % 3 ? 40 : number % 2 ? 20000 : BODY_MAX;
    bool heard = false;

    while (!heard) {
        memcpy(body, &number, sizeof number);
        if (zmq_send(s, body, size, ZMQ_DONTWAIT) < 0)
            expect(errno == EAGAIN, "send");
        while (!heard &&
               zmq_recv(s, body, BODY_MAX, 0) >= 0) /* what was asked twice is answered twice */
            heard = memcmp(body, &number, sizeof number) == 0;
    }
}

static void *come_and_go(void *arg)
{
    uint8_t *body = calloc(1, BODY_MAX);

    (void)arg;
    expect(body != NULL, "memory");
    for (int life = 0; body && life < LIVES; life++) {
        void *s = zmq_socket(ctx, ZMQ_DEALER);

        test_trust(s, TEST_CA);
        test_be(s, TEST_CLIENT);
        set(s, ZMQ_RECONNECT_IVL, RETRY_MS);
        set(s, ZMQ_RCVTIMEO, AGAIN_MS);
        set(s, ZMQ_LINGER, life % 2 ? 0 : 1000);
        for (int i = 0; i < SERVERS; i++)
            expect(zmq_connect(s, servers[i].at) == 0, "connect");
        for (uint32_t i = 0; life > 0 && i < TALKS; i++) /* the first goes as soon as it has come */
            talk(s, i, body);
        zmq_send(s, body, BODY_MAX, ZMQ_DONTWAIT);
        expect(zmq_close(s) == 0, "close a client");
    }
    free(body);
    guests--;
    return NULL;
}

/* Trusts nobody who is there, or has nothing to show. */
static void *knock(void *arg)
{
    (void)arg;
    for (int i = 0; guests > 0; i++) {
        void *s = zmq_socket(ctx, ZMQ_DEALER);

        test_trust(s, i % 2 ? TEST_CA : TEST_OTHER_CA);
        set(s, ZMQ_RECONNECT_IVL, RETRY_MS);
        set(s, ZMQ_LINGER, 0);
        expect(zmq_connect(s, servers[1].at) == 0, "connect");
        zmq_poll(NULL, 0, AGAIN_MS);
        expect(zmq_close(s) == 0, "close who was not let in");
    }
    return NULL;
}

static void run(int backend)
{
    pthread_t readers[SERVERS], clients[CLIENTS], stranger;

    ctx = zmq_ctx_new();
    expect(zmq_ctx_set(ctx, ZMQ_IO_THREADS, LOOPS) == 0, "loops");
    expect(zmq_ctx_set(ctx, ZURING_BACKEND, backend) == 0, "boundary");
    guests = CLIENTS;
    for (int i = 0; i < SERVERS; i++) {
        open_server(&servers[i], i > 0);
        pthread_create(&readers[i], NULL, read_events, &servers[i]);
        pthread_create(&servers[i].thread, NULL, serve, &servers[i]);
    }
    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&clients[i], NULL, come_and_go, NULL);
    pthread_create(&stranger, NULL, knock, NULL);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    pthread_join(stranger, NULL);
    for (int i = 0; i < SERVERS; i++)
        pthread_join(servers[i].thread, NULL);
    for (int i = 0; i < SERVERS; i++)
        pthread_join(readers[i], NULL);
    expect(zmq_ctx_term(ctx) == 0, "term");
    expect(servers[1].met > 0 && servers[1].sent_away > 0 && servers[1].lost > 0, "nobody came");
}

int main(void)
{
    static const enum test_identity all[] = {TEST_CA, TEST_OTHER_CA, TEST_SERVER, TEST_CLIENT};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) /* before there are threads */
        test_cert(all[i]);
    run(ZURING_BACKEND_IO_URING);
    run(ZURING_BACKEND_READINESS);
    return faults != 0;
}

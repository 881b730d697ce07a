/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitors under the thread sanitizer, over each kernel boundary: several loops raise events of one
 * socket while its thread has it watched, watched by another, and by nobody, and while readers
 * connect, read, stall and leave. Of each reader that stays it is checked that the events come
 * whole and that MONITOR_STOPPED is the last.
 */
#include "include/zuring.h"
#include "tests/support/expect.h"

#include <pthread.h>
#include <string.h>

enum { ROUNDS = 60, DIALERS = 2, TIMEOUT_MS = 30000 };

struct stage {
    void *ctx;
    char endpoint[256];
    _Atomic bool over;
};

struct reading {
    void *socket;
    int patience; /* how many events it reads; -1: all */
};

static void *dial(void *arg)
{
    struct stage *stage = arg;
    int linger = 0, timeout = 20;
    char reply[8];

    while (!stage->over) {
        void *s = zmq_socket(stage->ctx, ZMQ_REQ);

        zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
        zmq_setsockopt(s, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
        expect(zmq_connect(s, stage->endpoint) == 0, "connect");
        expect(zmq_send(s, "hello", 5, 0) == 5, "send");
        while (!stage->over && zmq_recv(s, reply, sizeof reply, 0) < 0)
            continue;
        expect(zmq_close(s) == 0, "close");
    }
    return NULL;
}

static void *read_events(void *arg)
{
    struct reading *r = arg;
    uint16_t event = 0;

    for (int i = 0; i != r->patience && event != ZMQ_EVENT_MONITOR_STOPPED; i++) {
        unsigned char head[6];
        char text[256];

        if (zmq_recv(r->socket, head, sizeof head, 0) != sizeof head ||
            zmq_recv(r->socket, text, sizeof text, 0) < 0) {
            expect(false, "an event");
            break;
        }
        memcpy(&event, head, sizeof event);
    }
    if (r->patience < 0)
        expect(zmq_recv(r->socket, &event, sizeof event, ZMQ_DONTWAIT) < 0,
               "nothing after the last");
    expect(zmq_close(r->socket) == 0, "close the reader");
    return NULL;
}

/* Every second reader is there before what it reads. */
static void watch(void *ctx, void *s, int round, struct reading *r)
{
    int timeout = TIMEOUT_MS, hwm = 5;
    char name[32];

    snprintf(name, sizeof name, "inproc://m%d", round);
    *r = (struct reading){.socket = zmq_socket(ctx, ZMQ_PAIR), .patience = round % 3 ? -1 : 2};
    zmq_setsockopt(r->socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(r->socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
    if (round % 2)
        expect(zmq_connect(r->socket, name) == 0, "connect to the monitor");
    expect(zmq_socket_monitor(s, name, ZMQ_EVENT_ALL) == 0, "watch");
    if (round % 2 == 0)
        expect(zmq_connect(r->socket, name) == 0, "connect to the monitor");
}

static void run(int backend)
{
    struct stage stage = {.ctx = zmq_ctx_new()};
    struct reading readings[ROUNDS];
    pthread_t dialers[DIALERS], readers[ROUNDS];
    size_t size = sizeof stage.endpoint;
    char message[8];
    void *s;

    zmq_ctx_set(stage.ctx, ZMQ_IO_THREADS, 3);
    zmq_ctx_set(stage.ctx, ZURING_BACKEND, backend);
    s = zmq_socket(stage.ctx, ZMQ_REP);
    expect(zmq_bind(s, "tcp://127.0.0.1:*") == 0, "bind");
    zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, stage.endpoint, &size);
    for (int i = 0; i < DIALERS; i++)
        pthread_create(&dialers[i], NULL, dial, &stage);
    for (int i = 0; i < ROUNDS; i++) {
        watch(stage.ctx, s, i, &readings[i]);
        pthread_create(&readers[i], NULL, read_events, &readings[i]);
        for (int n = 0; n < 10; n++) {
            expect(zmq_recv(s, message, sizeof message, 0) == 5, "receive");
            expect(zmq_send(s, message, 5, 0) == 5, "reply");
        }
        if (i % 4 == 0)
            expect(zmq_socket_monitor(s, NULL, 0) == 0, "stop");
    }
    stage.over = true;
    for (int i = 0; i < DIALERS; i++)
        pthread_join(dialers[i], NULL);
    expect(zmq_close(s) == 0, "close");
    for (int i = 0; i < ROUNDS; i++)
        pthread_join(readers[i], NULL);
    expect(zmq_ctx_term(stage.ctx) == 0, "term");
}

int main(void)
{
    run(ZURING_BACKEND_IO_URING);
    run(ZURING_BACKEND_READINESS);
    return faults != 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream for many over two loops, under the thread sanitizer: one thread publishes, now and then
 * what is not for all; another one receives from all, closes some and opens others, and a third one
 * asks for numbers. Each subscriber that stays hears everything, in order.
 */
#include "include/zuring.h"
#include "tests/support/expect.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STAY = 20, COME = 4, MESSAGES = 20000, AHEAD = 400 };

static void *ctx, *pub, *stay[STAY], *come[COME];
static char endpoint[256];
static atomic_int heard; /* by each that stays */
static atomic_bool over;

static void *subscriber(const char *topic)
{
    void *s = zmq_socket(ctx, ZMQ_SUB);
    int timeout = 120000, linger = 0;

    zmq_setsockopt(s, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(s, ZMQ_SUBSCRIBE, topic, strlen(topic));
    expect(zmq_connect(s, endpoint) == 0, "connect");
    return s;
}

static void *publish(void *arg)
{
    char text[64];

    for (int i = 0; i < MESSAGES; i++) {
        while (i - atomic_load(&heard) > AHEAD)
            sched_yield();
        int size = snprintf(text, sizeof text, "a%d", i);

        zmq_send(pub, text, (size_t)size, 0);
        if (i % 1000 == 999)
            zmq_send(pub, "b", 1, 0);
    }
    return arg;
}

static void *ask(void *arg)
{
    struct zuring_socket_stats s;
    uint64_t sent = 0;

    while (!atomic_load(&over)) {
        expect(zuring_stats_socket(pub, &s, sizeof s) == 0, "stats");
        expect(s.sent >= sent, "what was sent does not become less");
        sent = s.sent;
        sched_yield();
    }
    return arg;
}

static void hear(int number)
{
    char text[64];

    for (int i = 0; i < STAY; i++) {
        int size = zmq_recv(stay[i], text, sizeof text - 1, 0);

        expect(size > 0, "nothing comes");
        text[size] = 0;
        expect(text[0] == 'a' && atoi(text + 1) == number, "in order");
    }
    atomic_store(&heard, number);
    if (number % 500)
        return;
    zmq_close(come[number / 500 % COME]);
    come[number / 500 % COME] = subscriber(number % 1500 ? "a" : "b");
}

/* All that stay have subscribed when they hear something. */
static void meet(void)
{
    char text[8];

    for (int i = 0; i < STAY; i++)
        while (zmq_recv(stay[i], text, sizeof text, ZMQ_DONTWAIT) < 0) {
            zmq_send(pub, "a?", 2, 0);
            sched_yield();
        }
    zmq_send(pub, "a!", 2, 0);
    for (int i = 0; i < STAY; i++)
        do
            expect(zmq_recv(stay[i], text, sizeof text, 0) == 2, "met");
        while (text[1] != '!');
}

static void run(const char *backend, const char *at)
{
    int hwm = 0, linger = 0;
    size_t size = sizeof endpoint;
    pthread_t publisher, asker;

    setenv("ZURING_BACKEND", backend, 1);
    ctx = zmq_ctx_new();
    zmq_ctx_set(ctx, ZMQ_IO_THREADS, 2);
    pub = zmq_socket(ctx, ZMQ_PUB);
    zmq_setsockopt(pub, ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq_setsockopt(pub, ZMQ_LINGER, &linger, sizeof linger);
    expect(zmq_bind(pub, at) == 0, "bind");
    zmq_getsockopt(pub, ZMQ_LAST_ENDPOINT, endpoint, &size);
    for (int i = 0; i < STAY; i++)
        stay[i] = subscriber("a");
    for (int i = 0; i < COME; i++)
        come[i] = subscriber("a");
    meet();
    atomic_store(&heard, 0);
    atomic_store(&over, false);
    pthread_create(&publisher, NULL, publish, NULL);
    pthread_create(&asker, NULL, ask, NULL);
    for (int i = 0; i < MESSAGES; i++)
        hear(i);
    pthread_join(publisher, NULL);
    atomic_store(&over, true);
    pthread_join(asker, NULL);
    for (int i = 0; i < STAY; i++)
        zmq_close(stay[i]);
    for (int i = 0; i < COME; i++)
        zmq_close(come[i]);
    zmq_close(pub);
    expect(zmq_ctx_term(ctx) == 0, "term");
}

int main(void)
{
    run("io_uring", "tcp://127.0.0.1:*");
    run("readiness", "tcp://127.0.0.1:*");
    run("io_uring", "ipc://*");
    return faults > 0;
}

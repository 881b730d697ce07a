/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads raise an event at the same moment, again and again: one finds the other passing on,
 * and nothing that follows would bring up what was left. Each time both events arrive.
 */
#include "engine/core/socket.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { WRITERS = 2, ROUNDS = 60000, TIMEOUT_MS = 120000 };

static void *watched;
static pthread_barrier_t start;

static void *raise_events(void *arg)
{
    struct zu_event e = {.event = ZMQ_EVENT_ACCEPTED, .local = arg, .remote = "", .bound = true};

    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&start);
        e.value = (uint64_t)i;
        zu_socket_observe(watched, &e);
    }
    return NULL;
}

/* The events of a round, from each writer one. */
static int read_round(void *reader, int round)
{
    bool seen[WRITERS] = {false};

    for (int i = 0; i < WRITERS; i++) {
        unsigned char head[6];
        char who = 0;
        uint32_t value;

        if (zmq_recv(reader, head, sizeof head, 0) != sizeof head ||
            zmq_recv(reader, &who, 1, 0) != 1) {
            fprintf(stderr, "round %d: %d of %d came\n", round, i, WRITERS);
            return 1;
        }
        memcpy(&value, head + 2, sizeof value);
        if (value != (uint32_t)round || who < 'a' || who >= 'a' + WRITERS || seen[who - 'a'])
            return 1;
        seen[who - 'a'] = true;
    }
    return 0;
}

int main(void)
{
    static char names[WRITERS][2] = {"a", "b"};
    void *ctx = zmq_ctx_new(), *reader = zmq_socket(ctx, ZMQ_PAIR);
    pthread_t writers[WRITERS];
    int timeout = TIMEOUT_MS, faults = 0;

    watched = zmq_socket(ctx, ZMQ_PULL);
    zmq_setsockopt(reader, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    if (zmq_socket_monitor(watched, "inproc://m", ZMQ_EVENT_ALL) ||
        zmq_connect(reader, "inproc://m"))
        return 1;
    pthread_barrier_init(&start, NULL, WRITERS + 1);
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&writers[i], NULL, raise_events, names[i]);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&start);
        if (!faults)
            faults = read_round(reader, i);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    pthread_barrier_destroy(&start);
    zmq_close(watched);
    zmq_close(reader);
    zmq_ctx_term(ctx);
    return faults;
}

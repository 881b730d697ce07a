/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A poller over sockets that as many threads write to, while it registers and removes them again
 * and again: nothing is lost, and nobody wakes what is gone.
 */
#define ZMQ_BUILD_DRAFT_API
#include "include/zmq.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRITERS = 8, MESSAGES = 4000, TIMEOUT_MS = 120000, AGAIN = 16 };

static void *write_all(void *push)
{
    for (int i = 0; i < MESSAGES; i++)
        if (zmq_send(push, &i, sizeof i, 0) != sizeof i)
            return push;
    return NULL;
}

static int read_all(void *poller, void *const *pull)
{
    int next[WRITERS] = {0};

    for (int i = 0; i < WRITERS * MESSAGES; i++) {
        zmq_poller_event_t e;
        int seen, who;

        if (zmq_poller_wait(poller, &e, TIMEOUT_MS) < 0)
            return fprintf(stderr, "message %d never came\n", i);
        for (who = 0; pull[who] != e.socket;)
            who++;
        if (zmq_recv(e.socket, &seen, sizeof seen, ZMQ_DONTWAIT) != sizeof seen ||
            seen != next[who]++)
            return fprintf(stderr, "message %d is %d\n", next[who] - 1, seen);
        if (i % AGAIN == 0 && (zmq_poller_remove(poller, e.socket) < 0 ||
                               zmq_poller_add(poller, e.socket, NULL, ZMQ_POLLIN) < 0))
            return 1;
    }
    return 0;
}

int main(void)
{
    void *ctx = zmq_ctx_new(), *poller = zmq_poller_new(), *pull[WRITERS], *push[WRITERS], *rc;
    pthread_t thread[WRITERS];
    int faults = 0;

    for (int i = 0; i < WRITERS; i++) {
        char at[256];
        size_t size = sizeof at;

        pull[i] = zmq_socket(ctx, ZMQ_PULL);
        push[i] = zmq_socket(ctx, ZMQ_PUSH);
        snprintf(at, sizeof at, i % 2 ? "inproc://%d" : "tcp://127.0.0.1:*", i);
        if (zmq_bind(pull[i], at) || zmq_getsockopt(pull[i], ZMQ_LAST_ENDPOINT, at, &size) ||
            zmq_connect(push[i], at) || zmq_poller_add(poller, pull[i], NULL, ZMQ_POLLIN))
            return 1;
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&thread[i], NULL, write_all, push[i]);
    faults += read_all(poller, pull) != 0;
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(thread[i], &rc);
        faults += rc != NULL;
        zmq_close(push[i]);
    }
    zmq_poller_destroy(&poller);
    for (int i = 0; i < WRITERS; i++)
        zmq_close(pull[i]);
    zmq_ctx_term(ctx);
    return faults != 0;
}

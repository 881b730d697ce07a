/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers are read by other threads, and written to the memory file, while messages flow, sockets
 * come and go, and a function is called with the events.
 */
#include "include/zuring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 6, MESSAGES = 3000 };

static void *ctx;
static _Atomic int over;

static void check(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno()));
        exit(1);
    }
}

static void count_event(void *s, int event, zmq_event_data_t *data)
{
    (void)s, (void)data;
    check(event != 0, "event");
}

struct pair {
    void *push, *pull;
};

static void *send_all(void *self)
{
    struct pair *p = self;

    for (int i = 0; i < MESSAGES; i++)
        check(zmq_send(p->push, "some message", 12, 0) == 12, "send");
    return NULL;
}

static void *ask(void *self)
{
    struct pair *p = self;
    struct zuring_socket_stats s;
    struct zuring_connection_stats c[4];

    while (!atomic_load(&over)) {
        check(zuring_stats_socket(p->push, &s, sizeof s) == 0, "stats");
        check(s.sent <= MESSAGES, "sent");
        check(zuring_stats_socket(p->pull, &s, sizeof s) == 0, "stats");
        check(zuring_stats_connections(p->pull, c, sizeof c[0], 4) >= 0, "connections");
    }
    return NULL;
}

static void go_round(const char *at)
{
    struct pair p = {zmq_socket(ctx, ZMQ_PUSH), zmq_socket(ctx, ZMQ_PULL)};
    struct zuring_socket_stats s;
    pthread_t sender, asker;
    char got[16];

    check(zmq_setsockopt(p.pull, ZMQ_MONITOR, (void *)count_event, sizeof(void *)) == 0, "monitor");
    check(zmq_bind(p.pull, at) == 0, "bind");
    check(zmq_connect(p.push, at) == 0, "connect");
    atomic_store(&over, 0);
    pthread_create(&asker, NULL, ask, &p);
    pthread_create(&sender, NULL, send_all, &p);
    for (int i = 0; i < MESSAGES; i++)
        check(zmq_recv(p.pull, got, sizeof got, 0) == 12, "recv");
    pthread_join(sender, NULL);
    atomic_store(&over, 1);
    pthread_join(asker, NULL);
    check(zuring_stats_socket(p.pull, &s, sizeof s) == 0 && s.received == MESSAGES, "received");
    check(zmq_close(p.push) == 0 && zmq_close(p.pull) == 0, "close");
}

int main(void)
{
    char ipc[64];

    snprintf(ipc, sizeof ipc, "ipc://@zuring-stats-tsan-%d", (int)getpid());
    ctx = zmq_ctx_new();
    check(zmq_ctx_set(ctx, ZURING_STATS_FILE, 1) == 0, "file");
    for (int i = 0; i < ROUNDS; i++)
        go_round(i % 2 ? ipc : "inproc://stats");
    check(zmq_ctx_set(ctx, ZURING_STATS_FILE, 0) == 0, "no file");
    check(zmq_ctx_set(ctx, ZURING_STATS_FILE, 1) == 0, "file again");
    check(zmq_ctx_term(ctx) == 0, "term");
    return 0;
}

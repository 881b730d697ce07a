/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitored: what a monitor costs a socket under full load when its reader never reads. One PUSH
 * sends to one PULL over tcp as fast as it can, each in a thread of its own, and somebody connects
 * to the PULL and leaves, again and again, so that there are always events. In turn, unmonitored
 * and monitored (version 3, all events), as many pairs as asked for; then how the two compare, how
 * many events were raised and lost, and by how much the process grew.
 *
 *     monitored [message-size [messages [pairs]]]
 *
 * Of this library alone. Thread: see above.
 */
#define ZMQ_BUILD_DRAFT_API
#include <zmq.h>
#include <zuring.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAIRS_MAX = 101, PAUSE_NS = 1000 * 1000 };

struct load {
    void *ctx, *pull;
    char endpoint[256];
    size_t size;
    uint64_t count, visits;
    atomic_bool over;
};

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "monitored: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f && fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void *push_all(void *self)
{
    struct load *l = self;
    void *push = zmq_socket(l->ctx, ZMQ_PUSH);
    char *body = calloc(1, l->size + 1);

    check(push && body && zmq_connect(push, l->endpoint) == 0, "zmq_connect");
    for (uint64_t i = 0; i < l->count; i++)
        check(zmq_send(push, body, l->size, 0) == (int)l->size, "zmq_send");
    check(zmq_close(push) == 0, "zmq_close");
    free(body);
    return NULL;
}

static void *visit(void *self)
{
    struct load *l = self;
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    void *ctx = zmq_ctx_new();

    while (!atomic_load(&l->over)) {
        void *s = zmq_socket(ctx, ZMQ_PUSH);

        check(s && zmq_connect(s, l->endpoint) == 0, "zmq_connect");
        nanosleep(&pause, NULL);
        check(zmq_close(s) == 0, "zmq_close");
        l->visits++;
    }
    check(zmq_ctx_term(ctx) == 0, "zmq_ctx_term");
    return NULL;
}

struct result {
    double rate; /* messages a second */
    uint64_t visits, lost;
};

static struct result run(size_t size, uint64_t count, bool monitored)
{
    struct load l = {.ctx = zmq_ctx_new(), .size = size, .count = count};
    size_t room = sizeof l.endpoint;
    void *reader = NULL, *body = malloc(size + 1);
    struct zuring_socket_stats stats;
    pthread_t pusher, visitor;
    double begun;

    l.pull = zmq_socket(l.ctx, ZMQ_PULL);
    check(l.pull && body && zmq_bind(l.pull, "tcp://127.0.0.1:*") == 0 &&
              zmq_getsockopt(l.pull, ZMQ_LAST_ENDPOINT, l.endpoint, &room) == 0,
          "zmq_bind");
    if (monitored) {
        check(zmq_socket_monitor_versioned(l.pull, "inproc://events", ZURING_EVENT_ALL,
                                           ZURING_EVENT_VERSION, ZMQ_PAIR) == 0,
              "zmq_socket_monitor_versioned");
        reader = zmq_socket(l.ctx, ZMQ_PAIR);
        check(reader && zmq_connect(reader, "inproc://events") == 0, "zmq_connect");
    }
    check(pthread_create(&visitor, NULL, visit, &l) == 0, "pthread_create");
    check(pthread_create(&pusher, NULL, push_all, &l) == 0, "pthread_create");
    check(zmq_recv(l.pull, body, size, 0) == (int)size, "zmq_recv");
    begun = now_s();
    for (uint64_t i = 1; i < count; i++)
        check(zmq_recv(l.pull, body, size, 0) == (int)size, "zmq_recv");
    begun = now_s() - begun;
    atomic_store(&l.over, true);
    pthread_join(pusher, NULL);
    pthread_join(visitor, NULL);
    check(zuring_stats_socket(l.pull, &stats, sizeof stats) == 0, "zuring_stats_socket");
    check(zmq_close(l.pull) == 0 && (!reader || zmq_close(reader) == 0), "zmq_close");
    check(zmq_ctx_term(l.ctx) == 0, "zmq_ctx_term");
    free(body);
    return (struct result){(double)(count - 1) / begun, l.visits, stats.events_lost};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 16;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 10 * 1000 * 1000;
    int pairs = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 5;
    double ratio[PAIRS_MAX];
    long first_kib = 0;

    if (size == 0 || count < 2 || pairs < 1 || pairs > PAIRS_MAX) {
        fprintf(stderr, "usage: monitored [message-size [messages [pairs]]]\n");
        return 2;
    }
    run(size, count / 10 + 2, false); /* what is allocated once */
    run(size, count / 10 + 2, true);
    first_kib = resident_kib();
    for (int i = 0; i < pairs; i++) {
        bool first = i % 2; /* each is first as often as the other */
        struct result a = run(size, count, first), b = run(size, count, !first);
        struct result with = first ? a : b, without = first ? b : a;

        ratio[i] = with.rate / without.rate;
        printf("%10.0f messages a second, monitored %10.0f: %.3f; %llu and %llu visits, %llu "
               "events lost\n",
               without.rate, with.rate, ratio[i], (unsigned long long)without.visits,
               (unsigned long long)with.visits, (unsigned long long)with.lost);
    }
    qsort(ratio, (size_t)pairs, sizeof *ratio, by_value);
    printf("median %.3f; the process grew by %ld KiB\n", ratio[pairs / 2],
           resident_kib() - first_kib);
    return 0;
}

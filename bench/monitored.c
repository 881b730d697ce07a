/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitored: what a monitor costs a socket under full load when its reader never reads. One PUSH
 * sends to one PULL over tcp as fast as it can, each in a thread of its own, and somebody connects
 * to the PULL and leaves, again and again, so that there are always events. In turn, unmonitored
 * and monitored (version 3, all events), as many pairs as asked for; then how the two compare, how
 * many events were raised and lost, and by how much the process grew.
 *
 *     monitored [message-size [messages [pairs]]] [--json]
 *
 * Of this library alone. Thread: see above.
 */
#define ZMQ_BUILD_DRAFT_API
#include <zmq.h>
#include <zuring.h>

#include "bench/common.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* So many visits fill what there is for events, before the first message. */
enum { PAIRS_MAX = 101, PAUSE_NS = 1000 * 1000, VISITS_BEFORE = 800 };

struct load {
    void *ctx, *pull;
    char endpoint[256];
    size_t size;
    uint64_t count;
    atomic_ullong visits;
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

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

static void *visit(void *self)
{
    struct load *l = self;
    void *ctx = zmq_ctx_new();

    while (!atomic_load(&l->over)) {
        void *s = zmq_socket(ctx, ZMQ_PUSH);

        check(s && zmq_connect(s, l->endpoint) == 0, "zmq_connect");
        pause_shortly();
        check(zmq_close(s) == 0, "zmq_close");
        atomic_fetch_add(&l->visits, 1);
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
    while (atomic_load(&l.visits) < VISITS_BEFORE)
        pause_shortly();
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
    return (struct result){(double)(count - 1) / begun, atomic_load(&l.visits), stats.events_lost};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return (values[count / 2] + values[(count - 1) / 2]) / 2;
}

/* One of each; whether the monitored one is first alternates. */
static double run_pair(size_t size, uint64_t count, int turn, uint64_t *lost, bool silent)
{
    bool first = turn % 2;
    struct result a = run(size, count, first), b = run(size, count, !first);
    struct result with = first ? a : b, without = first ? b : a;

    *lost += with.lost;
    if (!silent)
        printf("%10.0f messages a second, monitored %10.0f: %.3f; %llu and %llu visits, %llu "
               "events lost\n",
               without.rate, with.rate, with.rate / without.rate,
               (unsigned long long)without.visits, (unsigned long long)with.visits,
               (unsigned long long)with.lost);
    return with.rate / without.rate;
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[argc - 1], "--json") == 0;
    double ratio[PAIRS_MAX];
    uint64_t count, lost = 0;
    size_t size;
    long first_kib;
    int pairs;

    argc -= json;
    size = argc > 1 ? strtoul(argv[1], NULL, 10) : 16;
    count = argc > 2 ? strtoull(argv[2], NULL, 10) : 10 * 1000 * 1000;
    pairs = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 5;
    if (size == 0 || count < 2 || pairs < 1 || pairs > PAIRS_MAX) {
        fprintf(stderr, "usage: monitored [message-size [messages [pairs]]] [--json]\n");
        return 2;
    }
    run(size, count / 10 + 2, false); /* what is allocated once */
    run(size, count / 10 + 2, true);
    first_kib = resident_kib();
    for (int i = 0; i < pairs; i++)
        ratio[i] = run_pair(size, count, i, &lost, json);
    if (json) {
        bench_json_open("monitored");
        printf(", \"pairs\": %d, \"times\": %.4f, \"events_lost\": %llu, \"grown_kib\": %ld}\n",
               pairs, median(ratio, pairs), (unsigned long long)lost, resident_kib() - first_kib);
    } else {
        printf("median %.3f; the process grew by %ld KiB\n", median(ratio, pairs),
               resident_kib() - first_kib);
    }
    return 0;
}

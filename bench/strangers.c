/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strangers: what connections cost that say a greeting and then nothing, and what an honest peer
 * notices of them. A CURVE server answers requests of a client in another process: alone, and then
 * with so many strangers at its door. And how long it takes a new client to be answered for the
 * first time, which is a handshake on either side and a round trip.
 */
#include "bench/common.h"
#include "bench/memory.h"
#include "bench/sides.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 2000, NEWCOMERS = 200, GREETING = 64 };

struct result {
    double alone_us, alone_worst_us, crowded_us, crowded_worst_us; /* median, 99 of 100 */
    double newcomer_us;
};

struct place {
    char endpoint[256], key[41];
};

static void set(void *s, int option, const void *value, size_t size)
{
    bench_check(zmq_setsockopt(s, option, value, size) == 0, "setsockopt");
}

static void *make_server(const struct bench *b, void *ctx, struct place *at)
{
    void *s = bench_socket(b, ctx, ZMQ_REP);
    char secret[41];
    size_t size = sizeof at->endpoint;

    bench_check(zmq_curve_keypair(at->key, secret) == 0, "keypair");
    set(s, ZMQ_CURVE_SERVER, &(int){1}, sizeof(int));
    set(s, ZMQ_CURVE_SECRETKEY, secret, sizeof secret);
    bench_check(zmq_bind(s, b->endpoint) == 0, "bind");
    bench_check(zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, at->endpoint, &size) == 0, "endpoint");
    return s;
}

static void *make_client(const struct bench *b, void *ctx, const struct place *at)
{
    void *s = bench_socket(b, ctx, ZMQ_REQ);
    char public[41], secret[41];

    bench_check(zmq_curve_keypair(public, secret) == 0, "keypair");
    set(s, ZMQ_CURVE_SERVERKEY, at->key, sizeof at->key);
    set(s, ZMQ_CURVE_PUBLICKEY, public, sizeof public);
    set(s, ZMQ_CURVE_SECRETKEY, secret, sizeof secret);
    bench_check(zmq_connect(s, at->endpoint) == 0, "connect");
    return s;
}

static void ask(void *s)
{
    char answer[64];

    bench_check(zmq_send(s, "what?", 5, 0) == 5, "send");
    bench_check(zmq_recv(s, answer, sizeof answer, 0) == 5, "recv");
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void measure(void *s, double *median_us, double *worst_us)
{
    static uint64_t ns[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        uint64_t start = bench_now_ns();

        ask(s);
        ns[i] = bench_now_ns() - start;
    }
    qsort(ns, ROUNDS, sizeof *ns, by_time);
    *median_us = (double)ns[ROUNDS / 2] / 1e3;
    *worst_us = (double)ns[ROUNDS * 99 / 100] / 1e3;
}

static int dial_mute(const struct place *at)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char greeting[GREETING] = {(char)0xff, [8] = 1, [9] = 0x7f, [10] = 3, [11] = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_port = htons((uint16_t)strtol(strrchr(at->endpoint, ':') + 1, NULL, 10));
    memcpy(greeting + 12, "CURVE", 5);
    bench_check(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "dial");
    bench_check(send(fd, greeting, sizeof greeting, 0) == GREETING, "greet");
    return fd;
}

/* Until the server's greeting is here it has not taken note of us. */
static void await_greeting(int fd)
{
    char greeting[GREETING];

    bench_check(recv(fd, greeting, sizeof greeting, MSG_WAITALL) == GREETING, "greeting");
}

static void visit(const struct bench *b, int fd)
{
    void *ctx = bench_context(b), *client;
    int *strangers = calloc(b->count, sizeof *strangers);
    struct place at;
    struct result r;
    uint64_t start;

    sides_hear(fd, &at, sizeof at);
    client = make_client(b, ctx, &at);
    ask(client);
    measure(client, &r.alone_us, &r.alone_worst_us);
    start = bench_now_ns();
    for (int i = 0; i < NEWCOMERS; i++) {
        void *newcomer = make_client(b, ctx, &at);

        ask(newcomer);
        zmq_close(newcomer);
    }
    r.newcomer_us = (double)(bench_now_ns() - start) / NEWCOMERS / 1e3;
    sides_signal(fd); /* the server measures its memory */
    sides_await(fd);
    for (uint64_t i = 0; i < b->count; i++)
        strangers[i] = dial_mute(&at);
    for (uint64_t i = 0; i < b->count; i++)
        await_greeting(strangers[i]);
    sides_signal(fd);
    sides_await(fd);
    measure(client, &r.crowded_us, &r.crowded_worst_us);
    sides_say(fd, &r, sizeof r);
    for (uint64_t i = 0; i < b->count; i++)
        close(strangers[i]);
    free(strangers);
    bench_end(ctx, client);
}

/* Answers until the other side speaks. */
static void serve(void *s, int fd)
{
    zmq_pollitem_t items[] = {{.socket = s, .events = ZMQ_POLLIN},
                              {.fd = fd, .events = ZMQ_POLLIN}};
    char question[64];

    for (;;) {
        bench_check(zmq_poll(items, 2, -1) > 0, "poll");
        if (items[0].revents & ZMQ_POLLIN) {
            bench_check(zmq_recv(s, question, sizeof question, 0) == 5, "recv");
            bench_check(zmq_send(s, "this.", 5, 0) == 5, "send");
        }
        if (items[1].revents & ZMQ_POLLIN)
            return;
    }
}

static void report(const struct bench *b, const struct result *r, double bytes)
{
    if (b->json) {
        bench_json_open(b->program);
        printf(", \"strangers\": %llu, \"bytes\": %.0f, \"alone_us\": %.1f, "
               "\"alone_worst_us\": %.1f, \"crowded_us\": %.1f, \"crowded_worst_us\": %.1f, "
               "\"newcomer_us\": %.1f}\n",
               (unsigned long long)b->count, bytes, r->alone_us, r->alone_worst_us, r->crowded_us,
               r->crowded_worst_us, r->newcomer_us);
        return;
    }
    printf("strangers: %llu\n", (unsigned long long)b->count);
    printf("memory of the server for each: %.0f [B]\n", bytes);
    printf("round trip, alone: %.1f [us], 99 of 100 within %.1f\n", r->alone_us, r->alone_worst_us);
    printf("round trip, with them: %.1f [us], 99 of 100 within %.1f\n", r->crowded_us,
           r->crowded_worst_us);
    printf("a new client is answered after: %.1f [us]\n", r->newcomer_us);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    struct sides sides;
    struct result r;
    struct place at;
    struct bench b;
    double before, bytes;
    void *ctx, *s;

    bench_args(&b, argc, argv, "bind-to strangers");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    sides_start(&sides, &b, visit);
    ctx = bench_context(&b);
    s = make_server(&b, ctx, &at);
    sides_say(sides.fd, &at, sizeof at);
    serve(s, sides.fd);
    sides_await(sides.fd);
    before = memory_settled_bytes();
    sides_signal(sides.fd);
    serve(s, sides.fd);
    sides_await(sides.fd);
    bytes = (memory_settled_bytes() - before) / (double)b.count;
    sides_signal(sides.fd);
    serve(s, sides.fd);
    sides_hear(sides.fd, &r, sizeof r);
    report(&b, &r, bytes);
    bench_end(ctx, s);
    sides_end(&sides);
    return 0;
}

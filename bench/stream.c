/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message is checked for its size: a library that loses or cuts something must not look fast.
 */
#include "bench/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_check_size(const struct bench *b, const zmq_msg_t *m)
{
    if (zmq_msg_size(m) != b->size) {
        fprintf(stderr, "received %zu bytes instead of %zu\n", zmq_msg_size(m), b->size);
        exit(1);
    }
}

bool bench_recv_one(const struct bench *b, void *socket, zmq_msg_t *m, int flags)
{
    if (zmq_msg_recv(m, socket, flags) < 0) {
        bench_check(flags && zmq_errno() == EAGAIN, "zmq_msg_recv");
        return false;
    }
    bench_check_size(b, m);
    return true;
}

void bench_send_all(const struct bench *b, void *socket)
{
    zmq_msg_t m;

    for (uint64_t i = 0; i < b->count; i++) {
        bench_check(zmq_msg_init_size(&m, b->size) == 0, "zmq_msg_init_size");
        bench_check(zmq_msg_send(&m, socket, 0) >= 0, "zmq_msg_send");
    }
}

uint64_t bench_recv_all(const struct bench *b, void *socket)
{
    uint64_t start;
    zmq_msg_t m;

    bench_check(zmq_msg_init(&m) == 0, "zmq_msg_init");
    bench_recv_one(b, socket, &m, 0);
    start = bench_now_ns();
    for (uint64_t i = 1; i < b->count; i++)
        bench_recv_one(b, socket, &m, 0);
    start = bench_now_ns() - start;
    zmq_msg_close(&m);
    return start;
}

void bench_echo(const struct bench *b, void *socket)
{
    zmq_msg_t m;

    bench_check(zmq_msg_init(&m) == 0, "zmq_msg_init");
    for (uint64_t i = 0; i < b->count; i++) {
        bench_recv_one(b, socket, &m, 0);
        bench_check(zmq_msg_send(&m, socket, 0) >= 0, "zmq_msg_send");
    }
    zmq_msg_close(&m);
}

void bench_ping(const struct bench *b, void *socket)
{
    uint64_t *each = calloc(b->count, sizeof *each), start, before, now;
    zmq_msg_t m;

    bench_check(each != NULL, "calloc");
    bench_check(zmq_msg_init_size(&m, b->size) == 0, "zmq_msg_init_size");
    memset(zmq_msg_data(&m), 0, b->size);
    start = before = bench_now_ns();
    for (uint64_t i = 0; i < b->count; i++) {
        bench_check(zmq_msg_send(&m, socket, 0) >= 0, "zmq_msg_send");
        bench_recv_one(b, socket, &m, 0);
        now = bench_now_ns();
        each[i] = now - before;
        before = now;
    }
    zmq_msg_close(&m);
    bench_report_latency(b, each, before - start, bench_cpu_seconds());
    free(each);
}

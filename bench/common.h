/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common: what the measuring programs share: arguments, time, errors, and results in two forms, for
 * people and (with --json) for compare.py. They use zmq.h alone and are linked dynamically, so that
 * LD_LIBRARY_PATH chooses the library that is measured.
 *
 * After a program's own arguments each takes:
 *     --json        one line of JSON in place of the text
 *     --hwm N       both water marks of every socket (default: the library's)
 *     --threads N   I/O threads of the context (default: the library's)
 *     --curve       over tcp: CURVE, the end that binds its server (*_thr, *_lat, connects,
 *                   roundtrips)
 * Thread: any.
 */
#ifndef ZU_BENCH_COMMON_H
#define ZU_BENCH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

struct bench {
    const char *program;
    const char *what;     /* which of its measurements; NULL for those that have one */
    const char *endpoint; /* or a transport; NULL for those that take none */
    int peers;            /* 0 for those that take none */
    size_t size;
    uint64_t count;
    const char *load; /* when messages are sent; NULL for those that have one way */
    unsigned interval_us;
    bool json, curve;
    int hwm, threads; /* -1: the library's own */
};

/*
 * `usage` names the places in their order: "what", "transport" or one that ends in "-to" (the
 * endpoint), "peers", "message-size", "load", "interval-us", and any other word for the count. Ends
 * the program on a mistake.
 */
void bench_args(struct bench *b, int argc, char **argv, const char *usage);

uint64_t bench_now_ns(void);

/* Each ends the program with the library's word for errno when something fails. */
void bench_check(bool ok, const char *what);
void *bench_context(const struct bench *b);
void *bench_socket(const struct bench *b, void *ctx, int type);
/* With --curve, and at tls endpoints, before it binds or connects. The server's keys are known to
 * everybody. */
void bench_be_server(const struct bench *b, void *socket);
void bench_be_client(const struct bench *b, void *socket);
void bench_end(void *ctx, void *socket);

void bench_report_throughput(const struct bench *b, uint64_t ns);
/* `ns`: one round trip each; sorted by the call. Latency is half of a round trip. */
void bench_report_latency(const struct bench *b, uint64_t *ns, uint64_t total_ns,
                          double cpu_seconds);
/* Of this process so far, user and system, all threads. */
double bench_cpu_seconds(void);

/* The start of a line of JSON: program, library file, version. */
void bench_json_open(const char *program);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connects: how long it takes until many new DEALERs have each delivered a word to one ROUTER in
 * another process, from before the first socket is made.
 */
#include "bench/crowd.h"
#include "bench/sides.h"

#include <stdio.h>

static void visit(const struct bench *b, int fd)
{
    struct crowd c;
    uint64_t start;

    crowd_init(&c, b, ZMQ_DEALER, (int)b->count, fd);
    start = bench_now_ns();
    crowd_connect(&c, "here");
    sides_say(fd, &start, sizeof start);
    sides_await(fd);
    crowd_close(&c);
}

static void report(const struct bench *b, double seconds)
{
    if (b->json) {
        bench_json_open(b->program);
        printf(", \"connections\": %llu, \"seconds\": %.6f}\n", (unsigned long long)b->count,
               seconds);
        return;
    }
    printf("connections: %llu\n", (unsigned long long)b->count);
    printf("until each had delivered a message: %.3f [s]\n", seconds);
}

int main(int argc, char **argv)
{
    struct sides sides;
    uint64_t start, end;
    struct bench b;
    void *ctx, *s;

    bench_args(&b, argc, argv, "bind-to connections");
    sides_start(&sides, &b, visit);
    ctx = bench_context(&b);
    s = crowd_bind(&b, ctx, ZMQ_ROUTER, (int)b.count, sides.fd);
    crowd_gather(s, (int)b.count);
    end = bench_now_ns();
    sides_hear(sides.fd, &start, sizeof start);
    sides_signal(sides.fd);
    report(&b, (double)(end - start) / 1e9);
    bench_end(ctx, s);
    sides_end(&sides);
    return 0;
}

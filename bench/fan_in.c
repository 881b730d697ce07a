/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fan_in: message-count messages of as many PUSH as there are peers, which are in another process
 * on one thread, to one PULL. Time is taken when all are connected, from the first message to the
 * last.
 */
#include "bench/crowd.h"
#include "bench/sides.h"
#include "bench/stream.h"

enum { BATCH = 100 }; /* what a PUSH sends in its turn */

static uint64_t count_each(const struct bench *b)
{
    return (b->count + (uint64_t)b->peers - 1) / (uint64_t)b->peers;
}

static void push(const struct bench *b, int fd)
{
    uint64_t left = count_each(b);
    struct bench part = *b;
    struct crowd c;

    crowd_init(&c, b, ZMQ_PUSH, b->peers, fd);
    crowd_connect(&c, "here");
    sides_await(fd);
    for (; left; left -= part.count) {
        part.count = left < BATCH ? left : BATCH;
        for (int i = 0; i < c.count; i++)
            bench_send_all(&part, c.socket[i]);
    }
    crowd_close(&c);
}

int main(int argc, char **argv)
{
    struct sides sides;
    struct bench b;
    void *ctx, *s;

    bench_args(&b, argc, argv, "bind-to peers message-size message-count");
    b.count = count_each(&b) * (uint64_t)b.peers;
    sides_start(&sides, &b, push);
    ctx = bench_context(&b);
    s = crowd_bind(&b, ctx, ZMQ_PULL, b.peers, sides.fd);
    crowd_gather(s, b.peers);
    sides_signal(sides.fd);
    bench_report_throughput(&b, bench_recv_all(&b, s));
    bench_end(ctx, s);
    sides_end(&sides);
    return 0;
}

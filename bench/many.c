/* SPDX-License-Identifier: Apache-2.0 */
/*
 * many: what an idle connection costs. A client process opens one DEALER for each connection on one
 * context, a server process has them all on one ROUTER. Each client says one word, so that the
 * server knows it is there; then nobody says anything and both look at their own memory.
 *
 * Memory is Pss of smaps_rollup, after minus before, divided by the number of connections: on the
 * server's side what a connection costs, on the client's what a socket with its connection costs.
 * The kernel's own memory for sockets is not in it.
 */
#include "bench/crowd.h"
#include "bench/memory.h"
#include "bench/sides.h"

#include <stdio.h>

struct side {
    double bytes; /* for each connection */
    uint64_t ns;  /* client: when it began; server: when all had spoken */
};

static void visit(const struct bench *b, int fd)
{
    struct crowd c;
    struct side r;
    double base;

    crowd_init(&c, b, ZMQ_DEALER, (int)b->count, fd);
    base = memory_bytes();
    sides_await(fd);
    r.ns = bench_now_ns();
    crowd_connect(&c, "here");
    sides_await(fd);
    r.bytes = (memory_settled_bytes() - base) / (double)b->count;
    sides_say(fd, &r, sizeof r);
    sides_await(fd);
    crowd_close(&c);
}

static void report(const struct bench *b, const struct side *server, const struct side *client)
{
    double seconds = (double)(server->ns - client->ns) / 1e9;

    if (b->json) {
        bench_json_open(b->program);
        printf(", \"connections\": %llu, \"seconds\": %.4f, \"server_bytes\": %.0f, "
               "\"client_bytes\": %.0f}\n",
               (unsigned long long)b->count, seconds, server->bytes, client->bytes);
        return;
    }
    printf("connections: %llu\n", (unsigned long long)b->count);
    printf("until each had delivered a message: %.3f [s]\n", seconds);
    printf("memory of a connection, server: %.0f [B]\n", server->bytes);
    printf("memory of a socket and its connection, client: %.0f [B]\n", client->bytes);
}

int main(int argc, char **argv)
{
    struct side server, client;
    struct sides sides;
    struct bench b;
    void *ctx, *s;
    double base;

    bench_args(&b, argc, argv, "bind-to connections");
    sides_start(&sides, &b, visit);
    ctx = bench_context(&b);
    s = crowd_bind(&b, ctx, ZMQ_ROUTER, (int)b.count, sides.fd);
    base = memory_bytes();
    sides_signal(sides.fd);
    crowd_gather(s, (int)b.count);
    server.ns = bench_now_ns();
    sides_signal(sides.fd);
    server.bytes = (memory_settled_bytes() - base) / (double)b.count;
    sides_hear(sides.fd, &client, sizeof client);
    sides_signal(sides.fd);
    report(&b, &server, &client);
    bench_end(ctx, s);
    sides_end(&sides);
    return 0;
}

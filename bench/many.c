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
#include "bench/common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_MS = 120000, SETTLE_MS = 200, SETTLE_ROUNDS = 25 };

struct side {
    double bytes; /* for each connection */
    uint64_t ns;  /* client: when it began; server: when all had spoken */
};

/* The pipes between the three processes: [0] is read, [1] is written. */
struct plan {
    struct bench b;
    int endpoint[2]; /* server to client: where */
    int all[2];      /* server to client: everyone has spoken */
    int done[2];     /* client to server: measured, you may close */
    int result[2];   /* both to the parent, the server first */
};

static void say(int fd, const void *data, size_t size)
{
    bench_check(write(fd, data, size) == (ssize_t)size, "pipe");
}

/* An end of file is the other process's failure, which it told by itself. */
static void hear(int fd, void *data, size_t size)
{
    if (read(fd, data, size) != (ssize_t)size)
        exit(1);
}

static double pss_bytes(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    double kib = -1;

    bench_check(f != NULL, "/proc/self/smaps_rollup");
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "Pss:", 4) == 0)
            kib = strtod(line + 4, NULL);
    fclose(f);
    return kib * 1024;
}

/* The memory once it has stopped moving. */
static double settled_bytes(void)
{
    struct timespec step = {0, SETTLE_MS * 1000000L};
    double before = pss_bytes(), now = before;

    for (int i = 0; i < SETTLE_ROUNDS; i++) {
        nanosleep(&step, NULL);
        now = pss_bytes();
        if (now > before * 0.998 && now < before * 1.002)
            break;
        before = now;
    }
    return now;
}

/* As far as it goes: how many a connection takes is the library's affair. */
static void raise_descriptors(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static void serve(struct plan *p)
{
    int backlog = (int)p->b.count, deadline = DEADLINE_MS;
    void *ctx = bench_context(&p->b), *s = bench_socket(&p->b, ctx, ZMQ_ROUTER);
    char at[256] = {0}, ok = 1;
    size_t size = sizeof at;
    struct side r;
    double base;
    zmq_msg_t m;

    bench_check(zmq_setsockopt(s, ZMQ_BACKLOG, &backlog, sizeof backlog) == 0, "ZMQ_BACKLOG");
    bench_check(zmq_setsockopt(s, ZMQ_RCVTIMEO, &deadline, sizeof deadline) == 0, "ZMQ_RCVTIMEO");
    bench_check(zmq_bind(s, p->b.endpoint) == 0, p->b.endpoint);
    bench_check(zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, at, &size) == 0, "ZMQ_LAST_ENDPOINT");
    base = pss_bytes();
    say(p->endpoint[1], at, sizeof at);
    zmq_msg_init(&m);
    for (uint64_t i = 0; i < p->b.count; i++) {
        bench_check(zmq_msg_recv(&m, s, 0) >= 0, "waiting for a client's name");
        bench_check(zmq_msg_recv(&m, s, 0) >= 0, "waiting for a client's word");
    }
    r.ns = bench_now_ns();
    say(p->all[1], &ok, 1);
    r.bytes = (settled_bytes() - base) / (double)p->b.count;
    hear(p->done[0], &ok, 1);
    say(p->result[1], &r, sizeof r);
    zmq_msg_close(&m);
    bench_end(ctx, s);
}

static void visit(struct plan *p)
{
    void **s = calloc(p->b.count, sizeof *s), *ctx;
    char at[256], ok = 1;
    struct side r;
    double base;

    bench_check(s != NULL, "calloc");
    hear(p->endpoint[0], at, sizeof at);
    ctx = bench_context(&p->b);
    bench_check(zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, (int)p->b.count + 1) == 0, "ZMQ_MAX_SOCKETS");
    base = pss_bytes();
    r.ns = bench_now_ns();
    for (uint64_t i = 0; i < p->b.count; i++) {
        s[i] = bench_socket(&p->b, ctx, ZMQ_DEALER);
        bench_check(zmq_connect(s[i], at) == 0, "zmq_connect");
        bench_check(zmq_send(s[i], "here", 4, 0) == 4, "zmq_send");
    }
    hear(p->all[0], &ok, 1);
    r.bytes = (settled_bytes() - base) / (double)p->b.count;
    say(p->done[1], &ok, 1);
    say(p->result[1], &r, sizeof r);
    for (uint64_t i = 0; i < p->b.count; i++)
        zmq_close(s[i]);
    zmq_ctx_term(ctx);
    free(s);
}

static void start(struct plan *p, void (*part)(struct plan *p))
{
    pid_t pid = fork();

    bench_check(pid >= 0, "fork");
    if (pid == 0) {
        /* Only the ends that this one writes, so that the other's death is an end of file. */
        int *not_mine = part == serve ? &p->done[1] : &p->all[1];

        close(*not_mine);
        if (part != serve)
            close(p->endpoint[1]);
        part(p);
        exit(0);
    }
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
    struct side side[2];
    struct plan p;
    int failed = 0, status;

    bench_args(&p.b, argc, argv, "bind-to connections");
    raise_descriptors();
    bench_check(!pipe(p.endpoint) && !pipe(p.all) && !pipe(p.done) && !pipe(p.result), "pipe");
    fflush(stdout);
    start(&p, serve);
    start(&p, visit);
    close(p.endpoint[1]);
    close(p.all[1]);
    close(p.done[1]);
    close(p.result[1]);
    for (int i = 0; i < 2; i++)
        if (read(p.result[0], &side[i], sizeof side[i]) != (ssize_t)sizeof side[i])
            failed = 1;
    while (wait(&status) > 0)
        failed |= status != 0;
    if (failed) {
        fprintf(stderr, "many: a side failed\n");
        return 1;
    }
    /* Whoever began first is the client. */
    report(&p.b, &side[side[0].ns < side[1].ns], &side[side[0].ns > side[1].ns]);
    return 0;
}

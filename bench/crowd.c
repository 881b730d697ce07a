/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many descriptors a socket takes is the library's affair, so the limit is raised as far as it
 * goes; and the bound side's backlog holds all of them, so that nobody has to try twice.
 */
#include "bench/crowd.h"

#include "bench/sides.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void raise_descriptors(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

void crowd_init(struct crowd *c, const struct bench *b, int type, int count, int fd)
{
    raise_descriptors();
    c->b = b;
    c->type = type;
    c->count = count;
    c->socket = calloc((size_t)count, sizeof *c->socket);
    bench_check(c->socket != NULL, "calloc");
    c->ctx = bench_context(b);
    bench_check(zmq_ctx_set(c->ctx, ZMQ_MAX_SOCKETS, count + 1) == 0, "ZMQ_MAX_SOCKETS");
    sides_hear(fd, c->endpoint, sizeof c->endpoint);
}

void crowd_connect(struct crowd *c, const char *word)
{
    int size = word ? (int)strlen(word) : 0;

    for (int i = 0; i < c->count; i++) {
        void *s = c->socket[i] = bench_socket(c->b, c->ctx, c->type);

        if (c->type == ZMQ_SUB)
            bench_check(zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0) == 0, "ZMQ_SUBSCRIBE");
        bench_be_client(c->b, s);
        bench_check(zmq_connect(s, c->endpoint) == 0, "zmq_connect");
        if (word)
            bench_check(zmq_send(s, word, (size_t)size, 0) == size, "zmq_send");
    }
}

void crowd_close(struct crowd *c)
{
    for (int i = 0; i < c->count; i++)
        bench_check(zmq_close(c->socket[i]) == 0, "zmq_close");
    bench_check(zmq_ctx_term(c->ctx) == 0, "zmq_ctx_term");
    free(c->socket);
}

void *crowd_bind(const struct bench *b, void *ctx, int type, int count, int fd)
{
    void *s = bench_socket(b, ctx, type);
    char at[sizeof((struct crowd *)0)->endpoint] = {0};
    size_t size = sizeof at;

    raise_descriptors();
    bench_check(zmq_setsockopt(s, ZMQ_BACKLOG, &count, sizeof count) == 0, "ZMQ_BACKLOG");
    bench_be_server(b, s);
    bench_check(zmq_bind(s, b->endpoint) == 0, b->endpoint);
    bench_check(zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, at, &size) == 0, "ZMQ_LAST_ENDPOINT");
    sides_say(fd, at, sizeof at);
    return s;
}

void crowd_gather(void *socket, int count)
{
    zmq_msg_t m;

    zmq_msg_init(&m);
    while (count > 0) {
        bench_check(zmq_msg_recv(&m, socket, 0) >= 0, "zmq_msg_recv");
        count -= !zmq_msg_more(&m);
    }
    zmq_msg_close(&m);
}

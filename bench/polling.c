/* SPDX-License-Identifier: Apache-2.0 */
/*
 * polling: what it costs to wait on many sockets when one of them has something. In one thread: a
 * message to one PULL of so many, another one each time, then a wait, then the message is read.
 * "send" is the same without the wait: what to subtract. "poller" needs zmq_poller in the library.
 */
#define ZMQ_BUILD_DRAFT_API
#include "bench/common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP = 7919 }; /* a prime: all sockets have their turn, none beside the last */

/* Debian's library has none of these; without them "poller" cannot be measured. */
#pragma weak zmq_poller_new
#pragma weak zmq_poller_add
#pragma weak zmq_poller_wait
#pragma weak zmq_poller_destroy

struct sockets {
    void **pull, **push;
    zmq_pollitem_t *items;
    void *poller;
    int count;
};

static void open_all(const struct bench *b, void *ctx, struct sockets *s)
{
    char at[64];

    s->count = b->peers;
    s->pull = calloc((size_t)s->count, sizeof *s->pull);
    s->push = calloc((size_t)s->count, sizeof *s->push);
    s->items = calloc((size_t)s->count, sizeof *s->items);
    bench_check(s->pull && s->push && s->items, "calloc");
    for (int i = 0; i < s->count; i++) {
        snprintf(at, sizeof at, "inproc://%d", i);
        s->pull[i] = bench_socket(b, ctx, ZMQ_PULL);
        s->push[i] = bench_socket(b, ctx, ZMQ_PUSH);
        bench_check(zmq_bind(s->pull[i], at) == 0, "zmq_bind");
        bench_check(zmq_connect(s->push[i], at) == 0, "zmq_connect");
        s->items[i] = (zmq_pollitem_t){s->pull[i], 0, ZMQ_POLLIN, 0};
        if (s->poller)
            bench_check(zmq_poller_add(s->poller, s->pull[i], NULL, ZMQ_POLLIN) == 0,
                        "zmq_poller_add");
    }
}

static void wait_for(const struct bench *b, struct sockets *s, int which)
{
    zmq_poller_event_t e;

    if (s->poller)
        bench_check(zmq_poller_wait(s->poller, &e, -1) == 0 && e.socket == s->pull[which],
                    "zmq_poller_wait");
    else if (strcmp(b->what, "poll") == 0)
        bench_check(zmq_poll(s->items, s->count, -1) == 1 && s->items[which].revents, "zmq_poll");
}

static uint64_t measure(const struct bench *b, struct sockets *s)
{
    uint64_t start = bench_now_ns();
    char body;

    for (uint64_t i = 0; i < b->count; i++) {
        int which = (int)(i * STEP % (uint64_t)s->count);

        bench_check(zmq_send(s->push[which], "x", 1, 0) == 1, "zmq_send");
        wait_for(b, s, which);
        bench_check(zmq_recv(s->pull[which], &body, 1, 0) == 1, "zmq_recv");
    }
    return bench_now_ns() - start;
}

int main(int argc, char **argv)
{
    struct sockets s = {0};
    struct bench b;
    uint64_t ns;
    void *ctx;

    bench_args(&b, argc, argv, "what peers waits");
    ctx = bench_context(&b);
    bench_check(zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 2 * b.peers) == 0, "zmq_ctx_set");
    if (strcmp(b.what, "poller") == 0) {
        bench_check(zmq_poller_new != NULL, "zmq_poller_new");
        s.poller = zmq_poller_new();
    }
    open_all(&b, ctx, &s);
    /* Once each; zmq_poll does all alike in one. */
    measure(&(struct bench){.what = s.poller ? b.what : "send", .count = (uint64_t)b.peers}, &s);
    ns = measure(&b, &s);
    if (b.json) {
        bench_json_open(b.program);
        printf(", \"what\": \"%s\", \"sockets\": %d, \"ns\": %.1f}\n", b.what, s.count,
               (double)ns / (double)b.count);
    } else {
        printf("%s, %d sockets: %.1f [ns] for each message\n", b.what, s.count,
               (double)ns / (double)b.count);
    }
    if (s.poller)
        zmq_poller_destroy(&s.poller);
    for (int i = 0; i < s.count; i++) {
        zmq_close(s.push[i]);
        zmq_close(s.pull[i]);
    }
    zmq_ctx_term(ctx);
    free(s.pull);
    free(s.push);
    free(s.items);
    return 0;
}

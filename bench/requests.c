/* SPDX-License-Identifier: Apache-2.0 */
/*
 * requests: as many DEALER as there are peers, on one thread, each with 16 requests in flight, and
 * a ROUTER in another process that sends everything back; or the same with CLIENT and SERVER.
 * Measured is how many requests are answered in a second.
 *
 * The thread waits at one DEALER after the other. The ROUTER serves them fairly, so the answers to
 * the one whose turn was longest ago are the oldest.
 */
#define ZMQ_BUILD_DRAFT_API
#include "bench/crowd.h"
#include "bench/sides.h"
#include "bench/stream.h"

#include <stdlib.h>
#include <string.h>

enum { IN_FLIGHT = 16 };

struct asker {
    void *socket;
    uint64_t asked, answered;
};

static uint64_t count_each(const struct bench *b)
{
    return (b->count + (uint64_t)b->peers - 1) / (uint64_t)b->peers;
}

static bool is_draft(const struct bench *b)
{
    return strcmp(b->what, "CLIENT, SERVER") == 0;
}

/* Every request, and the word that each peer says first. */
static void send_back(const struct bench *b, int fd)
{
    void *ctx = bench_context(b);
    void *s = crowd_bind(b, ctx, is_draft(b) ? ZMQ_SERVER : ZMQ_ROUTER, b->peers, fd);
    uint64_t left = b->count + (uint64_t)b->peers;
    zmq_msg_t m;

    bench_check(zmq_msg_init(&m) == 0, "zmq_msg_init");
    while (left) {
        bench_check(zmq_msg_recv(&m, s, 0) >= 0, "zmq_msg_recv");
        left -= !zmq_msg_more(&m);
        bench_check(zmq_msg_send(&m, s, zmq_msg_more(&m) ? ZMQ_SNDMORE : 0) >= 0, "zmq_msg_send");
    }
    zmq_msg_close(&m);
    bench_end(ctx, s);
}

static void ask(const struct bench *b, struct asker *a, uint64_t each)
{
    struct bench one = *b;

    if (a->asked == each)
        return;
    one.count = 1;
    bench_send_all(&one, a->socket);
    a->asked++;
}

/* Waits for one answer and takes what else is there, a new request for each. */
static void serve(const struct bench *b, struct asker *a, uint64_t each, zmq_msg_t *m)
{
    for (int i = 0; i < IN_FLIGHT && a->answered < each; i++) {
        if (!bench_recv_one(b, a->socket, m, i ? ZMQ_DONTWAIT : 0))
            return;
        a->answered++;
        ask(b, a, each);
    }
}

/* In nanoseconds. */
static uint64_t ask_all(const struct bench *b, struct crowd *c)
{
    struct asker *a = calloc((size_t)c->count, sizeof *a);
    uint64_t each = count_each(b), start;
    bool more = true;
    zmq_msg_t m;

    bench_check(a != NULL, "calloc");
    crowd_connect(c, "here");
    for (int i = 0; i < c->count; i++)
        crowd_gather(a[i].socket = c->socket[i], 1);
    bench_check(zmq_msg_init(&m) == 0, "zmq_msg_init");
    start = bench_now_ns();
    for (int i = 0; i < c->count * IN_FLIGHT; i++)
        ask(b, &a[i / IN_FLIGHT], each);
    while (more) {
        more = false;
        for (int i = 0; i < c->count; i++) {
            serve(b, &a[i], each, &m);
            more |= a[i].answered < each;
        }
    }
    start = bench_now_ns() - start;
    zmq_msg_close(&m);
    free(a);
    return start;
}

int main(int argc, char **argv)
{
    struct sides sides;
    struct crowd c;
    struct bench b;

    bench_args(&b, argc, argv, "what bind-to peers message-size request-count");
    bench_check(is_draft(&b) || strcmp(b.what, "DEALER, ROUTER") == 0, b.what);
    b.count = count_each(&b) * (uint64_t)b.peers;
    sides_start(&sides, &b, send_back);
    crowd_init(&c, &b, is_draft(&b) ? ZMQ_CLIENT : ZMQ_DEALER, b.peers, sides.fd);
    bench_report_throughput(&b, ask_all(&b, &c));
    crowd_close(&c);
    sides_end(&sides);
    return 0;
}

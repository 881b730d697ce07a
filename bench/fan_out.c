/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fan_out: one PUB, as many SUB as there are peers, in another process on one thread. Measured is
 * how many messages are delivered in a second, to all subscribers together; message-count is how
 * many are published.
 *
 * Nothing is dropped: the publisher is never further ahead of the last subscriber than half the
 * water mark, which it hears of beside the measured sockets, once a batch. Half, since a library
 * may learn of what was read only when half of the mark was (--hwm has to be 4 at least). What is
 * lost all the same is told: after the last message each subscriber gets one of another size, and
 * a wrong size is an error.
 *
 * Since all get the same, the subscribers are served in turn, a batch each, by receives that wait:
 * no time goes into finding out who has something.
 */
#include "bench/crowd.h"
#include "bench/sides.h"
#include "bench/stream.h"

#include <poll.h>

enum { HWM_DEFAULT = 1000, PROBE_MS = 5 };

static uint64_t batch_of(const struct bench *b)
{
    int hwm = b->hwm > 0 ? b->hwm : HWM_DEFAULT;

    return hwm >= 4 ? (uint64_t)hwm / 4 : 1;
}

static void publish(const struct bench *b, int fd)
{
    uint64_t batch = batch_of(b), heard = 0, batches = (b->count + batch - 1) / batch;
    void *ctx = bench_context(b), *s = crowd_bind(b, ctx, ZMQ_PUB, b->peers, fd);
    struct pollfd all_there = {fd, POLLIN, 0};
    struct bench part = *b;

    /* A subscriber is there when something has reached it: empty messages, until all say so. */
    do
        bench_check(zmq_send(s, "", 0, 0) == 0, "zmq_send");
    while (poll(&all_there, 1, PROBE_MS) == 0);
    sides_await(fd);
    bench_check(zmq_send(s, "!", 1, 0) == 1, "zmq_send");
    sides_await(fd);
    for (uint64_t i = 0; i < batches; i++) {
        for (; heard + 2 <= i; heard++)
            sides_await(fd);
        part.count = i + 1 < batches ? batch : b->count - i * batch;
        bench_send_all(&part, s);
    }
    for (; heard < batches; heard++)
        sides_await(fd);
    bench_check(zmq_send(s, "!", 1, 0) == 1, "zmq_send");
    bench_end(ctx, s);
}

/* Up to the message that is one byte long; what is empty before it is passed over. */
static void recv_mark(void *socket)
{
    struct bench mark = {.size = 1};
    zmq_msg_t m;

    zmq_msg_init(&m);
    do
        bench_check(zmq_msg_recv(&m, socket, 0) >= 0, "zmq_msg_recv");
    while (zmq_msg_size(&m) == 0);
    bench_check_size(&mark, &m);
    zmq_msg_close(&m);
}

/* In nanoseconds. */
static uint64_t subscribe(const struct bench *b, int fd, struct crowd *c)
{
    uint64_t batch = batch_of(b), left = b->count, start;
    struct bench part = *b;

    crowd_connect(c, NULL);
    for (int i = 0; i < c->count; i++)
        crowd_gather(c->socket[i], 1);
    sides_signal(fd);
    for (int i = 0; i < c->count; i++)
        recv_mark(c->socket[i]);
    start = bench_now_ns();
    sides_signal(fd);
    for (; left; left -= part.count) {
        part.count = left < batch ? left : batch;
        for (int i = 0; i < c->count; i++)
            bench_recv_all(&part, c->socket[i]);
        sides_signal(fd);
    }
    start = bench_now_ns() - start;
    for (int i = 0; i < c->count; i++)
        recv_mark(c->socket[i]);
    return start;
}

int main(int argc, char **argv)
{
    struct sides sides;
    struct crowd c;
    struct bench b;
    uint64_t ns;

    bench_args(&b, argc, argv, "bind-to peers message-size message-count");
    sides_start(&sides, &b, publish);
    crowd_init(&c, &b, ZMQ_SUB, b.peers, sides.fd);
    ns = subscribe(&b, sides.fd, &c);
    b.count *= (uint64_t)b.peers;
    bench_report_throughput(&b, ns);
    crowd_close(&c);
    sides_end(&sides);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* inproc_thr: message-count messages from a PUSH in one thread to a PULL in another. */
#include "bench/stream.h"

#include <pthread.h>

struct other {
    const struct bench *b;
    void *ctx;
};

static void *sender(void *arg)
{
    const struct other *o = arg;
    void *s = bench_socket(o->b, o->ctx, ZMQ_PUSH);

    bench_check(zmq_connect(s, "inproc://bench") == 0, "zmq_connect");
    bench_send_all(o->b, s);
    bench_check(zmq_close(s) == 0, "zmq_close");
    return NULL;
}

int main(int argc, char **argv)
{
    struct bench b;
    struct other o = {&b, NULL};
    pthread_t thread;
    void *s;

    bench_args(&b, argc, argv, "message-size message-count");
    o.ctx = bench_context(&b);
    s = bench_socket(&b, o.ctx, ZMQ_PULL);
    bench_check(zmq_bind(s, "inproc://bench") == 0, "zmq_bind");
    bench_check(pthread_create(&thread, NULL, sender, &o) == 0, "pthread_create");
    bench_report_throughput(&b, bench_recv_all(&b, s));
    pthread_join(thread, NULL);
    bench_end(o.ctx, s);
    return 0;
}

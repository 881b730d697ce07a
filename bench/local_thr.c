/* SPDX-License-Identifier: Apache-2.0 */
/* local_thr: receives message-count messages by PULL and says how fast they came. */
#include "bench/stream.h"

int main(int argc, char **argv)
{
    struct bench b;
    void *ctx, *s;

    bench_args(&b, argc, argv, "bind-to message-size message-count");
    ctx = bench_context(&b);
    s = bench_socket(&b, ctx, ZMQ_PULL);
    bench_be_server(&b, s);
    bench_check(zmq_bind(s, b.endpoint) == 0, b.endpoint);
    bench_report_throughput(&b, bench_recv_all(&b, s));
    bench_end(ctx, s);
    return 0;
}

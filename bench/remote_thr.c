/* SPDX-License-Identifier: Apache-2.0 */
/* remote_thr: sends message-count messages by PUSH, for local_thr. */
#include "bench/stream.h"

int main(int argc, char **argv)
{
    struct bench b;
    void *ctx, *s;

    bench_args(&b, argc, argv, "connect-to message-size message-count");
    ctx = bench_context(&b);
    s = bench_socket(&b, ctx, ZMQ_PUSH);
    bench_be_client(&b, s);
    bench_check(zmq_connect(s, b.endpoint) == 0, b.endpoint);
    bench_send_all(&b, s);
    bench_end(ctx, s);
    return 0;
}

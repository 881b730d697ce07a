/* SPDX-License-Identifier: Apache-2.0 */
/* local_lat: sends roundtrip-count messages back by REP, for remote_lat. */
#include "bench/stream.h"

int main(int argc, char **argv)
{
    struct bench b;
    void *ctx, *s;

    bench_args(&b, argc, argv, "bind-to message-size roundtrip-count");
    ctx = bench_context(&b);
    s = bench_socket(&b, ctx, ZMQ_REP);
    bench_be_server(&b, s);
    bench_check(zmq_bind(s, b.endpoint) == 0, b.endpoint);
    bench_echo(&b, s);
    bench_end(ctx, s);
    return 0;
}

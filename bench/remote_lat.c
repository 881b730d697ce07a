/* SPDX-License-Identifier: Apache-2.0 */
/* remote_lat: sends a message to local_lat and back by REQ, roundtrip-count times, and times it. */
#include "bench/stream.h"

int main(int argc, char **argv)
{
    struct bench b;
    void *ctx, *s;

    bench_args(&b, argc, argv, "connect-to message-size roundtrip-count");
    ctx = bench_context(&b);
    s = bench_socket(&b, ctx, ZMQ_REQ);
    bench_be_client(&b, s);
    bench_check(zmq_connect(s, b.endpoint) == 0, b.endpoint);
    bench_ping(&b, s);
    bench_end(ctx, s);
    return 0;
}

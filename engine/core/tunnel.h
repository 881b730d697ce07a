/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tunnel: CONTRACT: what the bytes of a connection go through on their way between its session and
 * the kernel: TLS. It is a filling of the kernel boundary for one connection, which stands in the
 * loop's place: the session starts its requests there as it would with the loop's, and hears of
 * them in the same way; so it need not know what becomes of its bytes.
 *
 * Beyond that there are two requests that only a tunnel knows: to shake hands, before the first
 * byte, and to finish. They are cancelled like others. A request fails with
 *   -EKEYREJECTED  one side does not accept who the other says it is
 *   -EPROTO        the peer broke the tunnel's own rules
 * or with an errno of the kernel's, -ECONNRESET also when the peer's end came without its goodbye.
 *
 * It may be lent to callers as the session is (pipe.h): who has the token may send, who has the
 * intake may receive, both at once, by try_send and try_recv.
 *
 * Thread: the connection's loop, but for these. Owner: the session, from zu_tunnel_table.open until
 * nothing is in flight and the descriptor goes.
 */
#ifndef ZU_CORE_TUNNEL_H
#define ZU_CORE_TUNNEL_H

#include "engine/core/options.h"
#include "engine/io/loop.h"

struct zu_tunnel;

struct zu_tunnel_table {
    /* A tunnel over a connected descriptor. `endpoint` is what zmq_bind or zmq_connect was given;
     * what the transport's `check` or `listen` prepared of the options is there. -ENOMEM. */
    int (*open)(struct zu_tunnel **out, struct zu_loop *loop, int fd, const struct zu_options *o,
                const char *endpoint, bool accepted);
    /* Completes with 0 once bytes may go both ways. */
    void (*shake)(struct zu_tunnel *t, struct zu_op *op);
    /* Nothing more is sent; no send is in flight. Completes when the peer can hear so: then the
     * descriptor's writing side is shut, too, unless the kernel still has to seal what it has. */
    void (*finish)(struct zu_tunnel *t, struct zu_op *op);
    void (*close)(struct zu_tunnel *t); /* nothing is in flight, and the descriptor is closed */
};

struct zu_tunnel {
    struct zu_kernel kernel; /* for this connection */
    const struct zu_tunnel_table *table;
    const char *reason; /* static: why a request failed with one of the two errors; or NULL */
};

#endif

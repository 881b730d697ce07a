/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dealer: sends to its peers in turn and takes from them in turn, each way on its own.
 */
#include "engine/core/socket.h"
#include "patterns/fq.h"
#include "patterns/lb.h"
#include "patterns/patterns.h"
#include "patterns/routes.h"

#include <errno.h>

struct dealer {
    struct zu_fq fq;
    struct zu_lb lb;
    bool probe;
};

static int dealer_init(struct zu_socket *s)
{
    struct dealer *self = zu_socket_state(s);

    zu_fq_init(&self->fq);
    zu_lb_init(&self->lb);
    return 0;
}

static void dealer_fini(struct zu_socket *s)
{
    struct dealer *self = zu_socket_state(s);

    zu_fq_fini(&self->fq);
    zu_lb_fini(&self->lb);
}

static void dealer_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct dealer *self = zu_socket_state(s);

    if (self->probe)
        zu_routes_send_probe(p);
    if (zu_fq_add(&self->fq, p) < 0 || zu_lb_add(&self->lb, p) < 0)
        zu_socket_refuse_pipe(s, p);
}

static void dealer_readable(struct zu_socket *s, struct zu_pipe *p)
{
    struct dealer *self = zu_socket_state(s);

    zu_fq_wake(&self->fq, p);
}

static void dealer_writable(struct zu_socket *s, struct zu_pipe *p)
{
    struct dealer *self = zu_socket_state(s);

    zu_lb_wake(&self->lb, p);
}

static void dealer_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct dealer *self = zu_socket_state(s);

    zu_fq_remove(&self->fq, p);
    zu_lb_remove(&self->lb, p);
}

static int dealer_send(struct zu_socket *s, struct zu_msg *m)
{
    struct dealer *self = zu_socket_state(s);

    return zu_lb_send(&self->lb, m, NULL);
}

static int dealer_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct dealer *self = zu_socket_state(s);
    struct zu_pipe *from;

    return zu_fq_read(&self->fq, m, &from);
}

static bool dealer_has_in(struct zu_socket *s)
{
    struct dealer *self = zu_socket_state(s);

    return zu_fq_has_in(&self->fq);
}

static bool dealer_has_out(struct zu_socket *s)
{
    struct dealer *self = zu_socket_state(s);

    return zu_lb_has_out(&self->lb);
}

static int dealer_set(struct zu_socket *s, int option, const void *value, size_t size)
{
    struct dealer *self = zu_socket_state(s);

    return option == ZMQ_PROBE_ROUTER ? zu_given_flag(&self->probe, value, size) : -EINVAL;
}

const struct zu_pattern zu_dealer = {
    .type = ZMQ_DEALER,
    .name = "DEALER",
    .peers = ZU_PEER(ZMQ_REP) | ZU_PEER(ZMQ_DEALER) | ZU_PEER(ZMQ_ROUTER),
    .sends_id = true,
    .conflates_in = true,
    .conflates_out = true,
    .once = true,
    .says_hello = true,
    .hears_hiccup = true,
    .size = sizeof(struct dealer),
    .init = dealer_init,
    .fini = dealer_fini,
    .attach = dealer_attach,
    .readable = dealer_readable,
    .writable = dealer_writable,
    .detach = dealer_detach,
    .send = dealer_send,
    .recv = dealer_recv,
    .has_in = dealer_has_in,
    .has_out = dealer_has_out,
    .set = dealer_set,
};

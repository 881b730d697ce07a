/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dealer: sends to its peers in turn and takes from them in turn, each way on its own.
 */
#include "patterns/dealer.h"

#include "patterns/patterns.h"
#include "patterns/routes.h"

#include <errno.h>

int zu_dealer_init(struct zu_socket *s)
{
    struct zu_dealer *self = zu_socket_state(s);

    zu_fq_init(&self->fq);
    zu_lb_init(&self->lb, s);
    return 0;
}

void zu_dealer_fini(struct zu_socket *s)
{
    struct zu_dealer *self = zu_socket_state(s);

    zu_fq_fini(&self->fq);
    zu_lb_fini(&self->lb);
}

void zu_dealer_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_dealer *self = zu_socket_state(s);

    if (self->probe)
        zu_routes_send_probe(p);
    if (zu_fq_add(&self->fq, p) < 0 || zu_lb_add(&self->lb, p) < 0)
        zu_socket_refuse_pipe(s, p);
}

void zu_dealer_readable(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_dealer *self = zu_socket_state(s);

    zu_fq_wake(&self->fq, p);
}

void zu_dealer_writable(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_dealer *self = zu_socket_state(s);

    zu_lb_wake(&self->lb, p);
}

void zu_dealer_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_dealer *self = zu_socket_state(s);

    zu_fq_remove(&self->fq, p);
    zu_lb_remove(&self->lb, p);
}

int zu_dealer_send(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_dealer *self = zu_socket_state(s);

    return zu_lb_send(&self->lb, m, NULL);
}

static int dealer_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_dealer *self = zu_socket_state(s);
    struct zu_pipe *from;

    return zu_fq_read(&self->fq, m, &from);
}

static bool dealer_has_in(struct zu_socket *s)
{
    struct zu_dealer *self = zu_socket_state(s);

    return zu_fq_has_in(&self->fq);
}

bool zu_dealer_has_out(struct zu_socket *s)
{
    struct zu_dealer *self = zu_socket_state(s);

    return zu_lb_has_out(&self->lb);
}

static int dealer_set(struct zu_socket *s, int option, const void *value, size_t size)
{
    struct zu_dealer *self = zu_socket_state(s);

    return option == ZMQ_PROBE_ROUTER ? zu_given_flag(&self->probe, value, size) : -EINVAL;
}

static int dealer_send_msg(struct zu_socket *s, struct zu_msg *m, int flags)
{
    struct zu_dealer *self = zu_socket_state(s);

    return zu_lb_send_msg(&self->lb, s, m, flags);
}

static int dealer_recv_msg(struct zu_socket *s, struct zu_msg *m, int flags)
{
    struct zu_dealer *self = zu_socket_state(s);

    return zu_fq_recv_msg(&self->fq, s, m, flags);
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
    .size = sizeof(struct zu_dealer),
    .init = zu_dealer_init,
    .fini = zu_dealer_fini,
    .attach = zu_dealer_attach,
    .readable = zu_dealer_readable,
    .writable = zu_dealer_writable,
    .detach = zu_dealer_detach,
    .send = zu_dealer_send,
    .recv = dealer_recv,
    .send_msg = dealer_send_msg,
    .recv_msg = dealer_recv_msg,
    .has_in = dealer_has_in,
    .has_out = zu_dealer_has_out,
    .set = dealer_set,
};

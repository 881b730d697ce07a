/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push: hands work out, one message to each PULL in turn; waits while nobody has room.
 */
#include "engine/core/socket.h"
#include "patterns/lb.h"
#include "patterns/patterns.h"

#include <errno.h>

struct push {
    struct zu_lb lb;
};

static int push_init(struct zu_socket *s)
{
    struct push *self = zu_socket_state(s);

    zu_lb_init(&self->lb);
    return 0;
}

static void push_fini(struct zu_socket *s)
{
    struct push *self = zu_socket_state(s);

    zu_lb_fini(&self->lb);
}

/* Nothing is expected, but who never reads never hears that the peer has gone. */
static void push_readable(struct zu_socket *s, struct zu_pipe *p)
{
    (void)s;
    zu_pipe_drain(p);
    zu_pipe_read_later(p);
}

static void push_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct push *self = zu_socket_state(s);

    if (zu_lb_add(&self->lb, p) < 0)
        zu_socket_refuse_pipe(s, p);
    else
        push_readable(s, p);
}

static void push_writable(struct zu_socket *s, struct zu_pipe *p)
{
    struct push *self = zu_socket_state(s);

    zu_lb_wake(&self->lb, p);
}

static void push_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct push *self = zu_socket_state(s);

    zu_lb_remove(&self->lb, p);
}

static int push_send(struct zu_socket *s, struct zu_msg *m)
{
    struct push *self = zu_socket_state(s);

    return zu_lb_send(&self->lb, m, NULL);
}

static int push_recv(struct zu_socket *s, struct zu_msg *m)
{
    (void)s, (void)m;
    return -ENOTSUP;
}

static bool push_has_in(struct zu_socket *s)
{
    (void)s;
    return false;
}

static bool push_has_out(struct zu_socket *s)
{
    struct push *self = zu_socket_state(s);

    return zu_lb_has_out(&self->lb);
}

const struct zu_pattern zu_push = {
    .type = ZMQ_PUSH,
    .name = "PUSH",
    .peers = ZU_PEER(ZMQ_PULL),
    .conflates_out = true,
    .size = sizeof(struct push),
    .init = push_init,
    .fini = push_fini,
    .attach = push_attach,
    .readable = push_readable,
    .writable = push_writable,
    .detach = push_detach,
    .send = push_send,
    .recv = push_recv,
    .has_in = push_has_in,
    .has_out = push_has_out,
};

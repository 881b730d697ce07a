/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push: hands work out, one message to each PULL in turn; waits while nobody has room.
 */
#include "patterns/push.h"

#include "patterns/patterns.h"

#include <errno.h>

int zu_push_init(struct zu_socket *s)
{
    struct zu_push *self = zu_socket_state(s);

    zu_lb_init(&self->lb, s);
    return 0;
}

void zu_push_fini(struct zu_socket *s)
{
    struct zu_push *self = zu_socket_state(s);

    zu_lb_fini(&self->lb);
}

/* Nothing is expected, but who never reads never hears that the peer has gone. */
void zu_push_readable(struct zu_socket *s, struct zu_pipe *p)
{
    zu_count(&s->drops[ZURING_DROP_UNEXPECTED], zu_pipe_drain(p));
    zu_pipe_read_later(p);
}

void zu_push_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_push *self = zu_socket_state(s);

    if (zu_lb_add(&self->lb, p) < 0)
        zu_socket_refuse_pipe(s, p);
    else
        zu_push_readable(s, p);
}

void zu_push_writable(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_push *self = zu_socket_state(s);

    zu_lb_wake(&self->lb, p);
}

void zu_push_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_push *self = zu_socket_state(s);

    zu_lb_remove(&self->lb, p);
}

int zu_push_send(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_push *self = zu_socket_state(s);

    return zu_lb_send(&self->lb, m, NULL);
}

int zu_push_recv(struct zu_socket *s, struct zu_msg *m)
{
    (void)s, (void)m;
    return -ENOTSUP;
}

bool zu_push_has_in(struct zu_socket *s)
{
    (void)s;
    return false;
}

bool zu_push_has_out(struct zu_socket *s)
{
    struct zu_push *self = zu_socket_state(s);

    return zu_lb_has_out(&self->lb);
}

static int push_send_msg(struct zu_socket *s, struct zu_msg *m, int flags)
{
    struct zu_push *self = zu_socket_state(s);

    return zu_lb_send_msg(&self->lb, s, m, flags);
}

const struct zu_pattern zu_push = {
    .type = ZMQ_PUSH,
    .name = "PUSH",
    .peers = ZU_PEER(ZMQ_PULL),
    .conflates_out = true,
    .size = sizeof(struct zu_push),
    .init = zu_push_init,
    .fini = zu_push_fini,
    .attach = zu_push_attach,
    .readable = zu_push_readable,
    .writable = zu_push_writable,
    .detach = zu_push_detach,
    .send = zu_push_send,
    .recv = zu_push_recv,
    .send_msg = push_send_msg,
    .has_in = zu_push_has_in,
    .has_out = zu_push_has_out,
};

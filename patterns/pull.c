/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pull: takes one message from each PUSH in turn.
 */
#include "patterns/pull.h"

#include "patterns/patterns.h"

#include <errno.h>

int zu_pull_init(struct zu_socket *s)
{
    struct zu_pull *self = zu_socket_state(s);

    zu_fq_init(&self->fq);
    return 0;
}

void zu_pull_fini(struct zu_socket *s)
{
    struct zu_pull *self = zu_socket_state(s);

    zu_fq_fini(&self->fq);
}

void zu_pull_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_pull *self = zu_socket_state(s);

    if (zu_fq_add(&self->fq, p) < 0)
        zu_socket_refuse_pipe(s, p);
}

void zu_pull_readable(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_pull *self = zu_socket_state(s);

    zu_fq_wake(&self->fq, p);
}

void zu_pull_writable(struct zu_socket *s, struct zu_pipe *p)
{
    (void)s, (void)p;
}

void zu_pull_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_pull *self = zu_socket_state(s);

    zu_fq_remove(&self->fq, p);
}

int zu_pull_send(struct zu_socket *s, struct zu_msg *m)
{
    (void)s, (void)m;
    return -ENOTSUP;
}

static int pull_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_pull *self = zu_socket_state(s);
    struct zu_pipe *from;

    return zu_fq_read(&self->fq, m, &from);
}

static bool pull_has_in(struct zu_socket *s)
{
    struct zu_pull *self = zu_socket_state(s);

    return zu_fq_has_in(&self->fq);
}

bool zu_pull_has_out(struct zu_socket *s)
{
    (void)s;
    return false;
}

static int pull_recv_msg(struct zu_socket *s, struct zu_msg *m, int flags)
{
    struct zu_pull *self = zu_socket_state(s);

    return zu_fq_recv_msg(&self->fq, s, m, flags);
}

const struct zu_pattern zu_pull = {
    .type = ZMQ_PULL,
    .name = "PULL",
    .peers = ZU_PEER(ZMQ_PUSH),
    .conflates_in = true,
    .size = sizeof(struct zu_pull),
    .init = zu_pull_init,
    .fini = zu_pull_fini,
    .attach = zu_pull_attach,
    .readable = zu_pull_readable,
    .writable = zu_pull_writable,
    .detach = zu_pull_detach,
    .send = zu_pull_send,
    .recv = pull_recv,
    .recv_msg = pull_recv_msg,
    .has_in = pull_has_in,
    .has_out = zu_pull_has_out,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pair: talks to one peer, the first that comes, until that one goes. A fair queue and a balancer
 * of one pipe (of a second one only while a peer that went has left messages) do all of it, the
 * swallowing of a message whose peer went in its middle included.
 *
 * Another peer that comes meanwhile is never let in, not even when the first has gone. A socket at
 * the other end of an inproc pipe is told so at once: its pipe is closed. A connection is left
 * alone, neither read nor written: were it closed, the other side would connect again for ever.
 * The ones whose peer has gone are cleared away whenever another comes.
 */
#include "patterns/pair.h"

#include "patterns/patterns.h"

#include <errno.h>

int zu_pair_init(struct zu_socket *s)
{
    struct zu_pair *self = zu_socket_state(s);

    zu_fq_init(&self->fq);
    zu_lb_init(&self->lb, s);
    zu_pipes_init(&self->mute, ZU_PIPES_ASIDE);
    return 0;
}

void zu_pair_fini(struct zu_socket *s)
{
    struct zu_pair *self = zu_socket_state(s);

    zu_fq_fini(&self->fq);
    zu_lb_fini(&self->lb);
    zu_pipes_fini(&self->mute);
}

static void sweep_mute(struct zu_socket *s, struct zu_pair *self)
{
    for (uint32_t i = self->mute.count; i-- > 0;) {
        struct zu_pipe *p = self->mute.item[i];

        if (!p->peer_gone)
            continue;
        zu_count(&s->drops[ZURING_DROP_UNEXPECTED], zu_pipe_drain(p));
        zu_pipe_can_read(p); /* finds the end */
    }
}

/* Is there a peer? One that has gone and left messages is none any more. */
static bool has_peer(const struct zu_pair *self)
{
    for (uint32_t i = 0; i < self->lb.pipes.count; i++)
        if (!self->lb.pipes.item[i]->peer_gone)
            return true;
    return false;
}

void zu_pair_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_pair *self = zu_socket_state(s);
    bool late = has_peer(self);

    sweep_mute(s, self);
    if (late && !p->local && zu_pipes_add(&self->mute, p) == 0)
        return;
    if (late)
        zu_socket_close_pipe(s, p);
    else if (zu_fq_add(&self->fq, p) < 0 || zu_lb_add(&self->lb, p) < 0)
        zu_socket_refuse_pipe(s, p);
}

void zu_pair_readable(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_pair *self = zu_socket_state(s);

    zu_fq_wake(&self->fq, p);
}

void zu_pair_writable(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_pair *self = zu_socket_state(s);

    zu_lb_wake(&self->lb, p);
}

void zu_pair_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_pair *self = zu_socket_state(s);

    zu_fq_remove(&self->fq, p);
    zu_lb_remove(&self->lb, p);
    if (zu_pipes_has(&self->mute, p))
        zu_pipes_remove(&self->mute, p);
}

int zu_pair_send(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_pair *self = zu_socket_state(s);

    return zu_lb_send(&self->lb, m, NULL);
}

static int pair_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_pair *self = zu_socket_state(s);
    struct zu_pipe *from;

    return zu_fq_read(&self->fq, m, &from);
}

static bool pair_has_in(struct zu_socket *s)
{
    struct zu_pair *self = zu_socket_state(s);

    return zu_fq_has_in(&self->fq);
}

bool zu_pair_has_out(struct zu_socket *s)
{
    struct zu_pair *self = zu_socket_state(s);

    return zu_lb_has_out(&self->lb);
}

static int pair_send_msg(struct zu_socket *s, struct zu_msg *m, int flags)
{
    struct zu_pair *self = zu_socket_state(s);

    return zu_lb_send_msg(&self->lb, s, m, flags);
}

static int pair_recv_msg(struct zu_socket *s, struct zu_msg *m, int flags)
{
    struct zu_pair *self = zu_socket_state(s);

    return zu_fq_recv_msg(&self->fq, s, m, flags);
}

const struct zu_pattern zu_pair = {
    .type = ZMQ_PAIR,
    .name = "PAIR",
    .peers = ZU_PEER(ZMQ_PAIR),
    .size = sizeof(struct zu_pair),
    .init = zu_pair_init,
    .fini = zu_pair_fini,
    .attach = zu_pair_attach,
    .readable = zu_pair_readable,
    .writable = zu_pair_writable,
    .detach = zu_pair_detach,
    .send = zu_pair_send,
    .recv = pair_recv,
    .send_msg = pair_send_msg,
    .recv_msg = pair_recv_msg,
    .has_in = pair_has_in,
    .has_out = zu_pair_has_out,
};

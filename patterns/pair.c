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
#include "engine/core/socket.h"
#include "patterns/fq.h"
#include "patterns/lb.h"
#include "patterns/patterns.h"

#include <errno.h>

struct pair {
    struct zu_fq fq;
    struct zu_lb lb;
    struct zu_pipes mute; /* came too late */
};

static int pair_init(struct zu_socket *s)
{
    struct pair *self = zu_socket_state(s);

    zu_fq_init(&self->fq);
    zu_lb_init(&self->lb);
    zu_pipes_init(&self->mute, ZU_PIPES_ASIDE);
    return 0;
}

static void pair_fini(struct zu_socket *s)
{
    struct pair *self = zu_socket_state(s);

    zu_fq_fini(&self->fq);
    zu_lb_fini(&self->lb);
    zu_pipes_fini(&self->mute);
}

static void sweep_mute(struct pair *self)
{
    for (uint32_t i = self->mute.count; i-- > 0;) {
        struct zu_pipe *p = self->mute.item[i];

        if (!p->peer_gone)
            continue;
        zu_pipe_drain(p);
        zu_pipe_can_read(p); /* finds the end */
    }
}

/* Is there a peer? One that has gone and left messages is none any more. */
static bool has_peer(const struct pair *self)
{
    for (uint32_t i = 0; i < self->lb.pipes.count; i++)
        if (!self->lb.pipes.item[i]->peer_gone)
            return true;
    return false;
}

static void pair_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct pair *self = zu_socket_state(s);
    bool late = has_peer(self);

    sweep_mute(self);
    if (late && !p->local && zu_pipes_add(&self->mute, p) == 0)
        return;
    if (late)
        zu_socket_close_pipe(s, p);
    else if (zu_fq_add(&self->fq, p) < 0 || zu_lb_add(&self->lb, p) < 0)
        zu_socket_refuse_pipe(s, p);
}

static void pair_readable(struct zu_socket *s, struct zu_pipe *p)
{
    struct pair *self = zu_socket_state(s);

    zu_fq_wake(&self->fq, p);
}

static void pair_writable(struct zu_socket *s, struct zu_pipe *p)
{
    struct pair *self = zu_socket_state(s);

    zu_lb_wake(&self->lb, p);
}

static void pair_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct pair *self = zu_socket_state(s);

    zu_fq_remove(&self->fq, p);
    zu_lb_remove(&self->lb, p);
    if (zu_pipes_has(&self->mute, p))
        zu_pipes_remove(&self->mute, p);
}

static int pair_send(struct zu_socket *s, struct zu_msg *m)
{
    struct pair *self = zu_socket_state(s);

    return zu_lb_send(&self->lb, m, NULL);
}

static int pair_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct pair *self = zu_socket_state(s);
    struct zu_pipe *from;

    return zu_fq_read(&self->fq, m, &from);
}

static bool pair_has_in(struct zu_socket *s)
{
    struct pair *self = zu_socket_state(s);

    return zu_fq_has_in(&self->fq);
}

static bool pair_has_out(struct zu_socket *s)
{
    struct pair *self = zu_socket_state(s);

    return zu_lb_has_out(&self->lb);
}

const struct zu_pattern zu_pair = {
    .type = ZMQ_PAIR,
    .name = "PAIR",
    .peers = ZU_PEER(ZMQ_PAIR),
    .size = sizeof(struct pair),
    .init = pair_init,
    .fini = pair_fini,
    .attach = pair_attach,
    .readable = pair_readable,
    .writable = pair_writable,
    .detach = pair_detach,
    .send = pair_send,
    .recv = pair_recv,
    .has_in = pair_has_in,
    .has_out = pair_has_out,
};

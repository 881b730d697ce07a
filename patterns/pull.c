/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pull: takes one message from each PUSH in turn.
 */
#include "engine/core/socket.h"
#include "patterns/fq.h"
#include "patterns/patterns.h"

#include <errno.h>

struct pull {
    struct zu_fq fq;
};

static int pull_init(struct zu_socket *s)
{
    struct pull *self = zu_socket_state(s);

    zu_fq_init(&self->fq);
    return 0;
}

static void pull_fini(struct zu_socket *s)
{
    struct pull *self = zu_socket_state(s);

    zu_fq_fini(&self->fq);
}

static void pull_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct pull *self = zu_socket_state(s);

    if (zu_fq_add(&self->fq, p) < 0)
        zu_socket_refuse_pipe(s, p);
}

static void pull_readable(struct zu_socket *s, struct zu_pipe *p)
{
    struct pull *self = zu_socket_state(s);

    zu_fq_wake(&self->fq, p);
}

static void pull_writable(struct zu_socket *s, struct zu_pipe *p)
{
    (void)s, (void)p;
}

static void pull_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct pull *self = zu_socket_state(s);

    zu_fq_remove(&self->fq, p);
}

static int pull_send(struct zu_socket *s, struct zu_msg *m)
{
    (void)s, (void)m;
    return -ENOTSUP;
}

static int pull_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct pull *self = zu_socket_state(s);
    struct zu_pipe *from;

    return zu_fq_read(&self->fq, m, &from);
}

static bool pull_has_in(struct zu_socket *s)
{
    struct pull *self = zu_socket_state(s);

    return zu_fq_has_in(&self->fq);
}

static bool pull_has_out(struct zu_socket *s)
{
    (void)s;
    return false;
}

const struct zu_pattern zu_pull = {
    .type = ZMQ_PULL,
    .name = "PULL",
    .peers = ZU_PEER(ZMQ_PUSH),
    .conflates_in = true,
    .size = sizeof(struct pull),
    .init = pull_init,
    .fini = pull_fini,
    .attach = pull_attach,
    .readable = pull_readable,
    .writable = pull_writable,
    .detach = pull_detach,
    .send = pull_send,
    .recv = pull_recv,
    .has_in = pull_has_in,
    .has_out = pull_has_out,
};

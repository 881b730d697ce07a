/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dgram: datagrams as they are, from one place to any other: a part with the address, then the
 * body. It has one pipe, to the place it is bound to.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/core/socket.h"
#include "patterns/patterns.h"

#include <errno.h>

struct dgram {
    struct zu_pipe *pipe; /* or NULL */
    bool body_next;       /* to be sent: the address was */
};

static void dgram_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct dgram *self = zu_socket_state(s);

    if (self->pipe)
        zu_socket_close_pipe(s, p);
    else
        self->pipe = p;
}

static void dgram_ignore(struct zu_socket *s, struct zu_pipe *p)
{
    (void)s, (void)p; /* the pipe is asked each time */
}

static void dgram_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct dgram *self = zu_socket_state(s);

    if (self->pipe == p) {
        self->pipe = NULL;
        self->body_next = false;
    }
}

static int dgram_send(struct zu_socket *s, struct zu_msg *m)
{
    struct dgram *self = zu_socket_state(s);
    bool more = m->flags & ZU_MSG_MORE;
    int rc;

    if (more == self->body_next)
        return -EINVAL; /* an address alone, or a body of several parts */
    if (!self->pipe)
        return -EAGAIN;
    rc = zu_pipe_write(self->pipe, m);
    if (rc < 0)
        return rc == -EPIPE ? -EAGAIN : rc;
    self->body_next = more;
    if (!more)
        zu_pipe_flush(self->pipe);
    return 0;
}

static int dgram_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct dgram *self = zu_socket_state(s);

    return self->pipe ? zu_pipe_read(self->pipe, m) : -EAGAIN;
}

static bool dgram_has_in(struct zu_socket *s)
{
    struct dgram *self = zu_socket_state(s);

    return self->pipe && zu_pipe_can_read(self->pipe);
}

static bool dgram_has_out(struct zu_socket *s)
{
    struct dgram *self = zu_socket_state(s);

    return self->pipe && zu_pipe_can_write(self->pipe);
}

const struct zu_pattern zu_dgram = {
    .type = ZMQ_DGRAM,
    .name = "DGRAM",
    .peers = ZU_PEER(ZMQ_DGRAM),
    .size = sizeof(struct dgram),
    .attach = dgram_attach,
    .readable = dgram_ignore,
    .writable = dgram_ignore,
    .detach = dgram_detach,
    .send = dgram_send,
    .recv = dgram_recv,
    .has_in = dgram_has_in,
    .has_out = dgram_has_out,
};

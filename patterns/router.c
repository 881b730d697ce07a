/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router: tells the application who a message came from by a part before it, and sends to whom such
 * a part names. What names nobody is dropped, or refused with ZMQ_ROUTER_MANDATORY.
 *
 * The first part of a message is taken out of its pipe together with the id: whatever becomes of
 * the pipe, the application that has the id gets a part behind it.
 */
#include "engine/core/socket.h"
#include "patterns/patterns.h"
#include "patterns/routes.h"

#include <errno.h>

struct router {
    struct zu_routes routes;
    struct zu_msg held; /* the part behind the id that was received */
    bool holding;
    bool mandatory;
    bool sending;       /* in the middle of a message out */
    struct zu_pipe *to; /* where it goes; NULL: nowhere */
    uint32_t roomy;     /* which pipe had room when we last looked for one */
};

static int router_init(struct zu_socket *s)
{
    struct router *self = zu_socket_state(s);

    zu_routes_init(&self->routes);
    return 0;
}

static void router_fini(struct zu_socket *s)
{
    struct router *self = zu_socket_state(s);

    if (self->holding)
        zu_msg_close(&self->held);
    zu_routes_fini(&self->routes);
}

static void router_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct router *self = zu_socket_state(s);

    zu_routes_attach(&self->routes, s, p);
}

static void router_readable(struct zu_socket *s, struct zu_pipe *p)
{
    struct router *self = zu_socket_state(s);

    zu_routes_readable(&self->routes, s, p);
}

static void router_writable(struct zu_socket *s, struct zu_pipe *p)
{
    (void)s, (void)p; /* asked for each message anew */
}

static void router_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct router *self = zu_socket_state(s);

    if (self->holding && self->routes.reading == p)
        self->held.flags &= (uint8_t)~ZU_MSG_MORE; /* nothing will follow */
    if (self->to == p) {
        self->to = NULL;
        zu_socket_dropped(s, NULL, ZURING_DROP_NO_ROUTE, 1);
    }
    zu_routes_detach(&self->routes, p);
}

/* ---- sending ---- */

/* The part that names the peer. */
static int send_id(struct zu_socket *s, struct router *self, struct zu_msg *m)
{
    if (m->flags & ZU_MSG_MORE) { /* an id and nothing else goes nowhere, without a word */
        struct zu_pipe *p = zu_routes_find(&self->routes, zu_msg_data(m), zu_msg_size(m));

        if (p && !zu_pipe_can_write(p)) {
            if (self->mandatory)
                return p->peer_gone ? -EHOSTUNREACH : -EAGAIN;
            if (p->peer_gone)
                zu_socket_dropped(s, NULL, ZURING_DROP_NO_ROUTE, 1);
            else
                zu_socket_dropped(s, p, ZURING_DROP_WATER_MARK, 1);
            p = NULL;
        } else if (!p && self->mandatory) {
            return -EHOSTUNREACH;
        } else if (!p) {
            zu_socket_dropped(s, NULL, ZURING_DROP_NO_ROUTE, 1);
        }
        self->to = p;
        self->sending = true;
    }
    zu_msg_reset(m);
    return 0;
}

/* Takes *m over, or -ENOMEM. */
static int send_part(struct zu_socket *s, struct router *self, struct zu_msg *m, bool more)
{
    int rc = self->to ? zu_pipe_write(self->to, m) : -EPIPE;

    if (rc == -ENOMEM)
        return rc;
    if (rc < 0) {
        if (self->to) {
            zu_pipe_rollback(self->to);
            zu_socket_dropped(s, NULL, ZURING_DROP_NO_ROUTE, 1);
        }
        self->to = NULL;
        zu_msg_reset(m);
    } else if (!more) {
        zu_pipe_flush(self->to);
    }
    return 0;
}

static int router_send(struct zu_socket *s, struct zu_msg *m)
{
    struct router *self = zu_socket_state(s);
    bool more = m->flags & ZU_MSG_MORE && !s->options->raw;
    int rc;

    if (!self->sending)
        return send_id(s, self, m);
    rc = s->options->raw ? zu_routes_send_raw(s, self->to, m) : send_part(s, self, m, more);
    if (rc < 0)
        return rc;
    self->sending = more;
    if (!more)
        self->to = NULL;
    return 0;
}

static bool router_has_out(struct zu_socket *s)
{
    struct router *self = zu_socket_state(s);
    struct zu_pipes *pipes = &self->routes.fq.pipes;

    if (!self->mandatory || self->sending)
        return true;
    for (uint32_t i = 0; i < pipes->count; i++) {
        if (self->roomy >= pipes->count)
            self->roomy = 0;
        if (zu_pipe_can_write(pipes->item[self->roomy]))
            return true;
        self->roomy++;
    }
    return false;
}

/* ---- receiving ---- */

static int router_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct router *self = zu_socket_state(s);
    struct zu_pipe *from;
    int rc;

    if (self->holding) {
        self->holding = false;
        zu_msg_take(m, &self->held);
        return 0;
    }
    if (self->routes.fq.more)
        return zu_routes_read(&self->routes, s, m, &from);
    if (!zu_fq_peek(&self->routes.fq, &self->held, &from))
        return -EAGAIN;
    if ((rc = zu_routes_id_part(m, from)) < 0)
        return rc;
    if ((rc = zu_routes_read(&self->routes, s, &self->held, &from)) < 0) {
        zu_msg_close(m);
        return rc;
    }
    zu_msg_set_props(m, self->held.props);
    self->holding = true;
    return 0;
}

static bool router_has_in(struct zu_socket *s)
{
    struct router *self = zu_socket_state(s);

    return self->holding || zu_fq_has_in(&self->routes.fq);
}

/* ---- options ---- */

static int router_set(struct zu_socket *s, int option, const void *value, size_t size)
{
    struct router *self = zu_socket_state(s);

    switch (option) {
    case ZMQ_ROUTER_MANDATORY: return zu_given_flag(&self->mandatory, value, size);
    default: return zu_routes_set(&self->routes, option, value, size);
    }
}

static int router_peer_state(struct zu_socket *s, const void *id, size_t size)
{
    struct router *self = zu_socket_state(s);

    return zu_routes_peer_state(&self->routes, id, size);
}

static struct zu_pipe *router_peer(struct zu_socket *s, const void *id, size_t size)
{
    struct router *self = zu_socket_state(s);

    return zu_routes_find(&self->routes, id, size);
}

const struct zu_pattern zu_router = {
    .type = ZMQ_ROUTER,
    .name = "ROUTER",
    .peers = ZU_PEER(ZMQ_REQ) | ZU_PEER(ZMQ_DEALER) | ZU_PEER(ZMQ_ROUTER),
    .sends_id = true,
    .wants_id = true,
    .says_hello = true,
    .hears_loss = true,
    .hears_peers = true,
    .size = sizeof(struct router),
    .init = router_init,
    .fini = router_fini,
    .attach = router_attach,
    .readable = router_readable,
    .writable = router_writable,
    .detach = router_detach,
    .send = router_send,
    .recv = router_recv,
    .has_in = router_has_in,
    .has_out = router_has_out,
    .peer = router_peer,
    .peer_state = router_peer_state,
    .set = router_set,
};

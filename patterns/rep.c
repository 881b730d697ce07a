/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rep: receive a request, send its reply, and so on. A request's envelope, everything up to and
 * including its first empty part, is kept and put before the reply, which goes back to the pipe
 * that the request came from, or nowhere when that is gone or full.
 */
#include "engine/base/alloc.h"
#include "engine/core/socket.h"
#include "patterns/patterns.h"
#include "patterns/routes.h"

#include <errno.h>

struct rep {
    struct zu_routes routes;
    struct zu_msg *envelope;
    uint32_t depth, room; /* parts of it; what it has room for */
    struct zu_pipe *asker;
    struct zu_pipe *full; /* who asked and has no room for the reply */
    bool in_request;      /* parts of the request are still to be received */
    bool replying;        /* the request was received: it is the application's turn */
    bool in_reply;        /* parts of the reply were sent */
};

static int rep_init(struct zu_socket *s)
{
    struct rep *self = zu_socket_state(s);

    zu_routes_init(&self->routes);
    return 0;
}

static void clear_envelope(struct rep *self)
{
    while (self->depth > 0)
        zu_msg_close(&self->envelope[--self->depth]);
}

static void rep_fini(struct zu_socket *s)
{
    struct rep *self = zu_socket_state(s);

    clear_envelope(self);
    zu_free(self->envelope);
    zu_routes_fini(&self->routes);
}

static void rep_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct rep *self = zu_socket_state(s);

    zu_routes_attach(&self->routes, s, p);
}

static void rep_readable(struct zu_socket *s, struct zu_pipe *p)
{
    struct rep *self = zu_socket_state(s);

    zu_routes_readable(&self->routes, s, p);
}

static void rep_writable(struct zu_socket *s, struct zu_pipe *p)
{
    (void)s, (void)p; /* asked for each reply anew */
}

static void rep_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct rep *self = zu_socket_state(s);

    if (self->routes.reading == p)
        self->in_request = false; /* the rest of it is lost: wait for another */
    if (self->asker == p)
        self->asker = NULL;
    if (self->full == p)
        self->full = NULL;
    zu_routes_detach(&self->routes, p);
}

/* ---- receiving ---- */

/* Takes the part over. -ENOMEM. */
static int push_envelope(struct rep *self, struct zu_msg *m)
{
    if (self->depth == self->room) {
        uint32_t room = self->room ? self->room * 2 : 4;
        struct zu_msg *envelope = zu_realloc(self->envelope, room * sizeof *envelope);

        if (!envelope)
            return -ENOMEM;
        self->envelope = envelope;
        self->room = room;
    }
    zu_msg_set_props(m, NULL); /* they are not for the way back */
    self->envelope[self->depth++] = *m;
    return 0;
}

/* Reads on until an envelope is complete; messages that have none are skipped. */
static int read_envelope(struct zu_socket *s, struct rep *self)
{
    clear_envelope(self);
    for (;;) {
        struct zu_msg m;
        struct zu_pipe *from;
        int rc = zu_routes_read(&self->routes, s, &m, &from);

        if (rc < 0)
            return rc;
        if (!(m.flags & ZU_MSG_MORE)) {
            zu_msg_close(&m);
            clear_envelope(self);
            zu_count(&s->drops[ZURING_DROP_UNEXPECTED], 1);
            continue;
        }
        bool delimiter = zu_msg_size(&m) == 0;

        if ((rc = push_envelope(self, &m)) < 0) {
            zu_msg_close(&m);
            zu_routes_skip_rest(&self->routes, s);
            return rc;
        }
        if (delimiter) {
            self->asker = from;
            self->in_request = true;
            return 0;
        }
    }
}

static int rep_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct rep *self = zu_socket_state(s);
    struct zu_pipe *from;
    int rc;

    if (self->replying)
        return -EFSM;
    if (!self->in_request && (rc = read_envelope(s, self)) < 0)
        return rc;
    /* A message is readable as a whole. */
    if ((rc = zu_routes_read(&self->routes, s, m, &from)) < 0)
        return rc;
    if (!(m->flags & ZU_MSG_MORE)) {
        self->in_request = false;
        self->replying = true;
    }
    return 0;
}

static bool rep_has_in(struct zu_socket *s)
{
    struct rep *self = zu_socket_state(s);

    return !self->replying && zu_fq_has_in(&self->routes.fq);
}

/* ---- sending ---- */

/* The reply goes nowhere from here on. */
static void give_up(struct rep *self)
{
    if (self->asker)
        zu_pipe_rollback(self->asker);
    self->asker = NULL;
}

static int send_envelope(struct rep *self)
{
    self->full = NULL;
    if (self->asker && !zu_pipe_can_write(self->asker)) {
        self->full = self->asker->peer_gone ? NULL : self->asker;
        self->asker = NULL;
    }
    for (uint32_t i = 0; i < self->depth && self->asker; i++) {
        int rc = zu_pipe_write(self->asker, &self->envelope[i]);

        if (rc < 0)
            give_up(self);
        if (rc == -ENOMEM)
            return rc; /* said once; whoever tries again completes a reply to nobody */
    }
    self->in_reply = true;
    clear_envelope(self);
    return 0;
}

static int rep_send(struct zu_socket *s, struct zu_msg *m)
{
    struct rep *self = zu_socket_state(s);
    bool more = m->flags & ZU_MSG_MORE;
    int rc;

    if (!self->replying)
        return -EFSM;
    if (!self->in_reply && (rc = send_envelope(self)) < 0)
        return rc;
    rc = self->asker ? zu_pipe_write(self->asker, m) : -EPIPE;
    if (rc == -ENOMEM)
        return rc;
    if (rc < 0) {
        give_up(self);
        zu_msg_reset(m);
    }
    if (!more) {
        if (self->asker)
            zu_pipe_flush(self->asker);
        else if (self->full)
            zu_socket_dropped(s, self->full, ZURING_DROP_WATER_MARK, 1);
        else
            zu_socket_dropped(s, NULL, ZURING_DROP_NO_ROUTE, 1);
        self->asker = self->full = NULL;
        self->in_reply = self->replying = false;
    }
    return 0;
}

static bool rep_has_out(struct zu_socket *s)
{
    struct rep *self = zu_socket_state(s);

    return self->replying;
}

/* ROUTER's options are taken, since they always were; what they change at a ROUTER's interface has
 * no meaning here. */
static int rep_set(struct zu_socket *s, int option, const void *value, size_t size)
{
    struct rep *self = zu_socket_state(s);
    bool flag;

    switch (option) {
    case ZMQ_ROUTER_MANDATORY: return zu_given_flag(&flag, value, size);
    default: return zu_routes_set(&self->routes, option, value, size);
    }
}

static int rep_peer_state(struct zu_socket *s, const void *id, size_t size)
{
    struct rep *self = zu_socket_state(s);

    return zu_routes_peer_state(&self->routes, id, size);
}

static struct zu_pipe *rep_peer(struct zu_socket *s, const void *id, size_t size)
{
    struct rep *self = zu_socket_state(s);

    return zu_routes_find(&self->routes, id, size);
}

const struct zu_pattern zu_rep = {
    .type = ZMQ_REP,
    .name = "REP",
    .peers = ZU_PEER(ZMQ_REQ) | ZU_PEER(ZMQ_DEALER),
    .wants_id = true,
    .says_hello = true,
    .size = sizeof(struct rep),
    .init = rep_init,
    .fini = rep_fini,
    .attach = rep_attach,
    .readable = rep_readable,
    .writable = rep_writable,
    .detach = rep_detach,
    .send = rep_send,
    .recv = rep_recv,
    .has_in = rep_has_in,
    .has_out = rep_has_out,
    .peer = rep_peer,
    .peer_state = rep_peer_state,
    .set = rep_set,
};

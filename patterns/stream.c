/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream: plain TCP. Everything comes and goes as two parts, the connection's id and its data;
 * empty data means that the connection began or ended, and when sent, that it shall end.
 */
#include "engine/core/socket.h"
#include "patterns/patterns.h"
#include "patterns/routes.h"

#include <errno.h>

struct stream {
    struct zu_routes routes;
    struct zu_msg held; /* the data behind the id that was received */
    bool holding;
    bool silent;        /* ZMQ_STREAM_NOTIFY is off: beginnings and ends are not told */
    bool sending;       /* the id was sent, its data is due */
    struct zu_pipe *to; /* whose; NULL: nobody's */
};

static int stream_init(struct zu_socket *s)
{
    struct stream *self = zu_socket_state(s);

    zu_routes_init(&self->routes);
    return 0;
}

static void stream_fini(struct zu_socket *s)
{
    struct stream *self = zu_socket_state(s);

    if (self->holding)
        zu_msg_close(&self->held);
    zu_routes_fini(&self->routes);
}

/* The socket's own ZMQ_ROUTING_ID is how applications learn the id of what they have connected. */
static void stream_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct stream *self = zu_socket_state(s);
    int rc = zu_routes_attach_raw(&self->routes, p);

    if (rc == 0)
        rc = zu_options_set(&s->options, ZMQ_ROUTING_ID, p->id, p->id_size);
    if (rc < 0)
        zu_socket_refuse_pipe(s, p);
}

static void stream_readable(struct zu_socket *s, struct zu_pipe *p)
{
    struct stream *self = zu_socket_state(s);

    zu_fq_wake(&self->routes.fq, p);
}

static void stream_writable(struct zu_socket *s, struct zu_pipe *p)
{
    (void)s, (void)p; /* asked for each message anew */
}

static void stream_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct stream *self = zu_socket_state(s);

    if (self->to == p)
        self->to = NULL;
    zu_routes_detach(&self->routes, p);
}

/* ---- sending ---- */

static int send_id(struct stream *self, struct zu_msg *m)
{
    struct zu_pipe *p = NULL;

    if (m->flags & ZU_MSG_MORE) {
        p = zu_routes_find(&self->routes, zu_msg_data(m), zu_msg_size(m));
        if (!p || p->peer_gone)
            return -EHOSTUNREACH;
        if (!zu_pipe_can_write(p))
            return -EAGAIN;
    } /* else the data that follows is nobody's */
    self->to = p;
    self->sending = true;
    zu_msg_reset(m);
    return 0;
}

static int stream_send(struct zu_socket *s, struct zu_msg *m)
{
    struct stream *self = zu_socket_state(s);

    if (!self->sending)
        return send_id(self, m);
    bool dropped = !self->to && zu_msg_size(m) > 0;
    int rc = zu_routes_send_raw(s, self->to, m);

    if (rc < 0)
        return rc;
    if (dropped) /* it has gone since its id was sent, or was nobody's */
        zu_socket_dropped(s, NULL, ZURING_DROP_NO_ROUTE, 1);
    self->sending = false;
    self->to = NULL;
    return 0;
}

static bool stream_has_out(struct zu_socket *s)
{
    (void)s;
    return true;
}

/* ---- receiving ---- */

/* Is there data to be told of? */
static bool has_data(struct zu_socket *s, struct stream *self, struct zu_pipe **from)
{
    struct zu_msg next;

    while (zu_fq_peek(&self->routes.fq, &next, from)) {
        if (!self->silent || zu_msg_size(&next) > 0)
            return true;
        if (zu_routes_read(&self->routes, s, &next, from) == 0)
            zu_msg_close(&next);
    }
    return false;
}

static int stream_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct stream *self = zu_socket_state(s);
    struct zu_pipe *from;
    int rc;

    if (self->holding) {
        self->holding = false;
        zu_msg_take(m, &self->held);
        return 0;
    }
    if (!has_data(s, self, &from))
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

static bool stream_has_in(struct zu_socket *s)
{
    struct stream *self = zu_socket_state(s);
    struct zu_pipe *from;

    return self->holding || has_data(s, self, &from);
}

/* ---- options ---- */

static int set_notify(struct stream *self, const void *value, size_t size)
{
    int notify;
    int rc = zu_given_int(&notify, value, size);

    if (rc < 0 || notify < 0 || notify > 1)
        return -EINVAL;
    self->silent = !notify;
    return 0;
}

static int stream_set(struct zu_socket *s, int option, const void *value, size_t size)
{
    struct stream *self = zu_socket_state(s);

    switch (option) {
    case ZMQ_STREAM_NOTIFY: return set_notify(self, value, size);
    case ZMQ_CONNECT_ROUTING_ID: return zu_routes_set_given_id(&self->routes, value, size);
    default: return -EINVAL;
    }
}

static struct zu_pipe *stream_peer(struct zu_socket *s, const void *id, size_t size)
{
    struct stream *self = zu_socket_state(s);

    return zu_routes_find(&self->routes, id, size);
}

const struct zu_pattern zu_stream = {
    .type = ZMQ_STREAM,
    .name = "STREAM",
    .size = sizeof(struct stream),
    .init = stream_init,
    .fini = stream_fini,
    .attach = stream_attach,
    .readable = stream_readable,
    .writable = stream_writable,
    .detach = stream_detach,
    .send = stream_send,
    .recv = stream_recv,
    .has_in = stream_has_in,
    .has_out = stream_has_out,
    .peer = stream_peer,
    .set = stream_set,
};

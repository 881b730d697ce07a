/* SPDX-License-Identifier: Apache-2.0 */
/*
 * req: send a request, receive its reply, and so on. Before the request goes an empty part, and
 * before that, with ZMQ_REQ_CORRELATE, the request's number. A reply is taken only from the pipe
 * that the request went to, and only in that form.
 */
#include "engine/base/random.h"
#include "engine/core/socket.h"
#include "patterns/fq.h"
#include "patterns/lb.h"
#include "patterns/patterns.h"
#include "patterns/routes.h"

#include <errno.h>

struct req {
    struct zu_fq fq;
    struct zu_lb lb;
    struct zu_pipe *asked; /* where the request went; NULL: gone */
    uint32_t number;       /* of the latest request that had one */
    bool in_request;       /* parts of the request were sent */
    bool awaiting;         /* the request was sent */
    bool in_reply;         /* parts of the reply were received */
    bool numbered;         /* the request has a number */
    bool probe, correlate, relaxed;
};

static int req_init(struct zu_socket *s)
{
    struct req *self = zu_socket_state(s);

    zu_fq_init(&self->fq);
    zu_lb_init(&self->lb, s);
    self->number = zu_random_u32();
    return 0;
}

static void req_fini(struct zu_socket *s)
{
    struct req *self = zu_socket_state(s);

    zu_fq_fini(&self->fq);
    zu_lb_fini(&self->lb);
}

static void req_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct req *self = zu_socket_state(s);

    if (self->probe)
        zu_routes_send_probe(p);
    if (zu_fq_add(&self->fq, p) < 0 || zu_lb_add(&self->lb, p) < 0)
        zu_socket_refuse_pipe(s, p);
}

static void req_readable(struct zu_socket *s, struct zu_pipe *p)
{
    struct req *self = zu_socket_state(s);

    zu_fq_wake(&self->fq, p);
}

static void req_writable(struct zu_socket *s, struct zu_pipe *p)
{
    struct req *self = zu_socket_state(s);

    zu_lb_wake(&self->lb, p);
}

static void req_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct req *self = zu_socket_state(s);

    if (self->asked == p) {
        self->asked = NULL;
        if (self->in_reply) /* the rest of it is lost: nothing more to wait for */
            self->in_reply = self->awaiting = false;
    }
    zu_fq_remove(&self->fq, p);
    zu_lb_remove(&self->lb, p);
}

/* ---- sending ---- */

static int send_envelope_part(struct req *self, const void *data, size_t size, struct zu_pipe **to)
{
    struct zu_msg m;
    int rc = zu_msg_init_copy(&m, data, size);

    if (rc < 0)
        return rc;
    m.flags = ZU_MSG_MORE;
    rc = zu_lb_send(&self->lb, &m, to);
    if (rc < 0)
        zu_msg_close(&m);
    return rc;
}

/*
 * Replies to earlier requests, which must not be taken for replies to this one. Mostly there are
 * none: to read would then be to wait a moment for one, and to fall asleep over it. But who polls
 * ZMQ_FD hears of the reply only if we have.
 */
static void discard_all(struct zu_socket *s, struct req *self)
{
    struct zu_msg m;
    struct zu_pipe *from;

    while ((s->has_fd || zu_fq_has_now(&self->fq)) && zu_fq_read(&self->fq, &m, &from) == 0) {
        if (!(m.flags & ZU_MSG_MORE))
            zu_count(&s->drops[ZURING_DROP_UNEXPECTED], 1);
        zu_msg_close(&m);
    }
}

static int begin_request(struct zu_socket *s, struct req *self)
{
    uint32_t number = self->number + 1;
    struct zu_pipe *to;
    int rc = 0;

    if (self->correlate)
        rc = send_envelope_part(self, &number, sizeof number, &to);
    if (rc == 0)
        rc = send_envelope_part(self, "", 0, &to);
    if (rc < 0) {
        zu_lb_undo(&self->lb);
        return rc;
    }
    self->asked = to;
    if (self->correlate)
        self->number = number;
    self->numbered = self->correlate;
    self->awaiting = self->in_reply = false;
    self->in_request = true;
    discard_all(s, self);
    return 0;
}

static int req_send(struct zu_socket *s, struct zu_msg *m)
{
    struct req *self = zu_socket_state(s);
    bool more = m->flags & ZU_MSG_MORE;
    int rc;

    if (self->awaiting && !self->relaxed)
        return -EFSM;
    if (!self->in_request && (rc = begin_request(s, self)) < 0)
        return rc;
    if ((rc = zu_lb_send(&self->lb, m, NULL)) < 0)
        return rc;
    if (!more) {
        self->in_request = false;
        self->awaiting = true;
    }
    return 0;
}

static bool req_has_out(struct zu_socket *s)
{
    struct req *self = zu_socket_state(s);

    return (!self->awaiting || self->relaxed) && zu_lb_has_out(&self->lb);
}

/* ---- receiving ---- */

/* Reads the next part of the message under way. False: it was not there, or was the last. */
static bool next_part(struct req *self, struct zu_msg *m)
{
    struct zu_pipe *from;

    zu_msg_close(m);
    if (m->flags & ZU_MSG_MORE && zu_fq_read(&self->fq, m, &from) == 0)
        return true;
    zu_msg_init(m);
    return false;
}

/* Is *m, the first part of a message, the beginning of the reply? Reads the envelope. */
static bool is_reply(struct req *self, struct zu_msg *m)
{
    if (self->numbered) {
        if (zu_msg_size(m) != sizeof self->number ||
            memcmp(zu_msg_data(m), &self->number, sizeof self->number) != 0 || !next_part(self, m))
            return false;
    }
    return zu_msg_size(m) == 0 && m->flags & ZU_MSG_MORE;
}

/* Drops messages until one is the reply, whose body is next. */
static int find_reply(struct zu_socket *s, struct req *self)
{
    for (;;) {
        struct zu_msg m;
        struct zu_pipe *from;
        int rc = zu_fq_read(&self->fq, &m, &from);

        if (rc < 0)
            return rc;
        self->in_reply = from == self->asked && is_reply(self, &m);
        zu_msg_close(&m);
        if (self->in_reply)
            return 0;
        zu_fq_skip_rest(&self->fq);
        zu_count(&s->drops[ZURING_DROP_UNEXPECTED], 1);
    }
}

static int req_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct req *self = zu_socket_state(s);
    struct zu_pipe *from;
    int rc;

    if (!self->awaiting)
        return -EFSM;
    if (!self->in_reply && (rc = find_reply(s, self)) < 0)
        return rc;
    if ((rc = zu_fq_read(&self->fq, m, &from)) < 0)
        return rc;
    if (!(m->flags & ZU_MSG_MORE))
        self->in_reply = self->awaiting = false;
    return 0;
}

static bool req_has_in(struct zu_socket *s)
{
    struct req *self = zu_socket_state(s);

    return self->awaiting && zu_fq_has_in(&self->fq);
}

/* ---- the session's look, and options ---- */

/* [4 bytes] [] body...; *at: 0 at the start, 1 behind the number, 2 in the body. */
static int req_screen(uint32_t *at, const struct zu_msg *m)
{
    bool more = m->flags & ZU_MSG_MORE;
    size_t size = zu_msg_size(m);

    if (m->flags & (ZU_MSG_ID | ZU_MSG_COMMAND))
        return 0;
    if (*at == 2) {
        *at = more ? 2 : 0;
        return 0;
    }
    if (!more || (size != 0 && (size != sizeof(uint32_t) || *at == 1)))
        return -EPROTO;
    *at = size == 0 ? 2 : 1;
    return 0;
}

static int req_set(struct zu_socket *s, int option, const void *value, size_t size)
{
    struct req *self = zu_socket_state(s);

    switch (option) {
    case ZMQ_PROBE_ROUTER: return zu_given_flag(&self->probe, value, size);
    case ZMQ_REQ_CORRELATE: return zu_given_flag(&self->correlate, value, size);
    case ZMQ_REQ_RELAXED: return zu_given_flag(&self->relaxed, value, size);
    default: return -EINVAL;
    }
}

const struct zu_pattern zu_req = {
    .type = ZMQ_REQ,
    .name = "REQ",
    .peers = ZU_PEER(ZMQ_REP) | ZU_PEER(ZMQ_ROUTER),
    .sends_id = true,
    .once = true,
    .size = sizeof(struct req),
    .init = req_init,
    .fini = req_fini,
    .attach = req_attach,
    .readable = req_readable,
    .writable = req_writable,
    .detach = req_detach,
    .send = req_send,
    .recv = req_recv,
    .has_in = req_has_in,
    .has_out = req_has_out,
    .set = req_set,
    .screen = req_screen,
};

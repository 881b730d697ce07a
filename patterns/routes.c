/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes: an ignored pipe is not read, so its peer is held back by the water marks, as with libzmq.
 * But a pipe that nobody reads never comes to its end either, so those whose peer has gone are
 * looked for, and emptied, whenever a new pipe comes: strangers who connect with a taken id again
 * and again leave one dead pipe behind at most.
 */
#include "patterns/routes.h"

#include "engine/base/alloc.h"
#include "engine/base/random.h"

#include <errno.h>

#define AUTO_ID_SIZE 5

void zu_routes_init(struct zu_routes *r)
{
    zu_fq_init(&r->fq);
    zu_pipes_init(&r->ignored, ZU_PIPES_ASIDE);
    zu_map_init(&r->by_id);
    r->next_id = zu_random_u32();
}

void zu_routes_fini(struct zu_routes *r)
{
    zu_fq_fini(&r->fq);
    zu_pipes_fini(&r->ignored);
    zu_map_fini(&r->by_id);
}

struct zu_pipe *zu_routes_find(const struct zu_routes *r, const void *id, size_t size)
{
    return size <= UINT8_MAX ? zu_map_get(&r->by_id, id, size) : NULL;
}

int zu_routes_peer_state(const struct zu_routes *r, const void *id, size_t size)
{
    struct zu_pipe *p = id ? zu_routes_find(r, id, size) : NULL;

    if (!p || p->peer_gone)
        return -EHOSTUNREACH;
    return zu_pipe_can_write(p) ? ZMQ_POLLOUT : 0;
}

/* ---- ids ---- */

static int set_id(struct zu_routes *r, struct zu_pipe *p, const void *id, size_t size)
{
    uint8_t *copy = zu_memdup(id, size);
    int rc = copy ? zu_map_put(&r->by_id, id, size, p) : -ENOMEM;

    if (rc < 0) {
        zu_free(copy);
        return rc;
    }
    zu_free(p->id);
    p->id = copy;
    p->id_size = (uint8_t)size;
    return 0;
}

static int set_auto_id(struct zu_routes *r, struct zu_pipe *p)
{
    int rc;

    do { /* a peer may have chosen one that looks like ours */
        uint32_t n = r->next_id++;
        uint8_t id[AUTO_ID_SIZE] = {0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                                    (uint8_t)n};

        rc = set_id(r, p, id, sizeof id);
    } while (rc == -EEXIST);
    return rc;
}

static void forget_id(struct zu_routes *r, struct zu_pipe *p)
{
    /* Another pipe may have taken the id over. */
    if (p->id && zu_map_get(&r->by_id, p->id, p->id_size) == p)
        zu_map_take(&r->by_id, p->id, p->id_size);
}

/* The peer that has the id loses it, and its pipe as soon as no message is half read. */
static int hand_over(struct zu_routes *r, struct zu_socket *s, struct zu_pipe *old)
{
    forget_id(r, old);
    if (old != r->reading) {
        zu_socket_close_pipe(s, old);
        return 0;
    }
    old->terminated = true;
    return set_auto_id(r, old);
}

/* Gives the pipe the id its peer told. -EEXIST: it will never have one. */
static int claim_id(struct zu_routes *r, struct zu_socket *s, struct zu_pipe *p, const void *id,
                    size_t size)
{
    struct zu_pipe *holder;

    if (size == 0 || size > UINT8_MAX)
        return set_auto_id(r, p);
    holder = zu_routes_find(r, id, size);
    if (holder && !r->handover)
        return -EEXIST;
    int rc = holder ? hand_over(r, s, holder) : 0;

    return rc < 0 ? rc : set_id(r, p, id, size);
}

/* The id given by ZMQ_CONNECT_ROUTING_ID, if there is one and nobody has taken it since. */
static int take_given_id(struct zu_routes *r, struct zu_pipe *p)
{
    int rc = set_id(r, p, r->given_id, r->given_id_size);

    if (rc == -ENOMEM)
        return rc;
    r->given_id_size = 0;
    return rc == -EEXIST ? set_auto_id(r, p) : 0;
}

/* ---- pipes ---- */

void zu_routes_send_probe(struct zu_pipe *p)
{
    struct zu_msg m;

    zu_msg_init(&m);
    if (zu_pipe_write(p, &m) < 0)
        zu_msg_close(&m);
    zu_pipe_flush(p);
}

static void tell_rejected(struct zu_socket *s, struct zu_pipe *p, struct zu_msg *id)
{
    struct zu_event e = {.event = ZURING_EVENT_ROUTING_ID_REJECTED,
                         .error = EEXIST,
                         .routing_id = zu_msg_data(id),
                         .routing_id_size = (uint8_t)zu_msg_size(id)};

    if (zu_socket_is_observed(s))
        zu_socket_observe_pipe(s, p, &e);
}

/* Looks whether the peer has told its id. */
static void identify(struct zu_routes *r, struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_msg m;
    int rc;

    if (!zu_pipe_peek(p, &m))
        return; /* not yet; or p has ended, and is gone */
    if (m.flags & ZU_MSG_ID) {
        zu_pipe_read(p, &m);
        rc = claim_id(r, s, p, zu_msg_data(&m), zu_msg_size(&m));
        if (rc == -EEXIST)
            tell_rejected(s, p, &m);
        zu_msg_close(&m);
    } else {
        rc = set_auto_id(r, p); /* a peer that tells none */
    }
    if (rc == 0)
        rc = zu_fq_add(&r->fq, p);
    else if (rc == -EEXIST)
        rc = zu_pipes_add(&r->ignored, p);
    if (rc < 0)
        zu_socket_refuse_pipe(s, p);
}

static void sweep_ignored(struct zu_routes *r, struct zu_socket *s)
{
    for (uint32_t i = r->ignored.count; i-- > 0;) {
        struct zu_pipe *p = r->ignored.item[i];

        if (!p->peer_gone)
            continue;
        zu_count(&s->drops[ZURING_DROP_UNEXPECTED], zu_pipe_drain(p));
        zu_pipe_can_read(p); /* finds the end */
    }
}

int zu_routes_attach_raw(struct zu_routes *r, struct zu_pipe *p)
{
    int rc = p->dialed && r->given_id_size > 0 ? take_given_id(r, p) : set_auto_id(r, p);

    return rc < 0 ? rc : zu_fq_add(&r->fq, p);
}

void zu_routes_attach(struct zu_routes *r, struct zu_socket *s, struct zu_pipe *p)
{
    sweep_ignored(r, s);
    if (r->probe)
        zu_routes_send_probe(p);
    if (!s->options->raw && (!p->dialed || r->given_id_size == 0))
        identify(r, s, p);
    else if (zu_routes_attach_raw(r, p) < 0)
        zu_socket_refuse_pipe(s, p);
}

void zu_routes_readable(struct zu_routes *r, struct zu_socket *s, struct zu_pipe *p)
{
    if (p->id)
        zu_fq_wake(&r->fq, p);
    else if (!zu_pipes_has(&r->ignored, p))
        identify(r, s, p);
}

void zu_routes_detach(struct zu_routes *r, struct zu_pipe *p)
{
    zu_fq_remove(&r->fq, p);
    if (zu_pipes_has(&r->ignored, p))
        zu_pipes_remove(&r->ignored, p);
    forget_id(r, p);
    zu_free(p->id);
    p->id = NULL;
    p->id_size = 0;
    if (r->reading == p)
        r->reading = NULL;
}

/* ---- messages ---- */

/* The message under way has been read to its end. */
static void finish_reading(struct zu_routes *r, struct zu_socket *s)
{
    struct zu_pipe *p = r->reading;

    r->reading = NULL;
    if (p && p->terminated)
        zu_socket_close_pipe(s, p);
}

int zu_routes_read(struct zu_routes *r, struct zu_socket *s, struct zu_msg *m,
                   struct zu_pipe **from)
{
    int rc = zu_fq_read(&r->fq, m, from);

    if (rc < 0)
        return rc;
    if (m->flags & ZU_MSG_MORE)
        r->reading = *from;
    else if (r->reading)
        finish_reading(r, s);
    return 0;
}

void zu_routes_skip_rest(struct zu_routes *r, struct zu_socket *s)
{
    zu_fq_skip_rest(&r->fq);
    finish_reading(r, s);
}

int zu_routes_send_raw(struct zu_socket *s, struct zu_pipe *to, struct zu_msg *m)
{
    uint8_t flags = m->flags;
    int rc = -EPIPE;

    if (to && zu_msg_size(m) == 0) {
        zu_socket_close_pipe(s, to);
    } else if (to) {
        m->flags &= (uint8_t)~ZU_MSG_MORE;
        if ((rc = zu_pipe_write(to, m)) == 0)
            zu_pipe_flush(to);
        else if (rc != -ENOMEM)
            zu_socket_dropped(s, NULL, ZURING_DROP_NO_ROUTE, 1);
    }
    if (rc == -ENOMEM)
        m->flags = flags;
    else if (rc < 0)
        zu_msg_reset(m);
    return rc == -ENOMEM ? rc : 0;
}

int zu_routes_id_part(struct zu_msg *m, const struct zu_pipe *p)
{
    int rc = zu_msg_init_copy(m, p->id, p->id_size);

    if (rc == 0)
        m->flags |= ZU_MSG_MORE;
    return rc;
}

/* ---- options ---- */

int zu_routes_set_given_id(struct zu_routes *r, const void *value, size_t size)
{
    if (!value || size == 0 || size > sizeof r->given_id)
        return -EINVAL;
    if (zu_routes_find(r, value, size))
        return -EADDRINUSE;
    memcpy(r->given_id, value, size);
    r->given_id_size = (uint8_t)size;
    return 0;
}

int zu_routes_set(struct zu_routes *r, int option, const void *value, size_t size)
{
    switch (option) {
    case ZMQ_PROBE_ROUTER: return zu_given_flag(&r->probe, value, size);
    case ZMQ_ROUTER_HANDOVER: return zu_given_flag(&r->handover, value, size);
    case ZMQ_CONNECT_ROUTING_ID: return zu_routes_set_given_id(r, value, size);
    default: return -EINVAL;
    }
}

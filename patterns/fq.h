/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fq: fair queueing. Of the pipes that have something to say each gives one message in turn, parts
 * of one message are never mixed with another's.
 * Thread: the one inside the socket. Owner: embedded by a pattern.
 */
#ifndef ZU_PATTERNS_FQ_H
#define ZU_PATTERNS_FQ_H

#include "engine/core/socket.h"
#include "patterns/pipes.h"

struct zu_fq {
    struct zu_pipes pipes; /* the first `active` may have something */
    uint32_t active, current;
    bool more; /* the message at `current` has been begun */
};

void zu_fq_init(struct zu_fq *fq);
void zu_fq_fini(struct zu_fq *fq);
int zu_fq_add(struct zu_fq *fq, struct zu_pipe *p);     /* -ENOMEM */
void zu_fq_remove(struct zu_fq *fq, struct zu_pipe *p); /* harmless when it is not in */
void zu_fq_wake(struct zu_fq *fq, struct zu_pipe *p);   /* it became readable; the same */

/*
 * The next part (*m uninitialised before), and where from. Items that are no messages (ids, late
 * subscriptions, commands) are dropped. -EAGAIN: nothing.
 * A pipe may be found to have ended: the pattern then hears `detach` from within.
 */
static zu_inline int zu_fq_read(struct zu_fq *fq, struct zu_msg *m, struct zu_pipe **from);
/* What the next part is, in *m; it is still to be read. False: nothing. */
bool zu_fq_peek(struct zu_fq *fq, struct zu_msg *m, struct zu_pipe **from);
/* True: a part has come by now, or a pipe's end is to be found. Waits for none, and no pipe is
 * found empty by it. */
bool zu_fq_has_now(struct zu_fq *fq);
/* Drops the rest of the message that has been begun, if one has. */
void zu_fq_skip_rest(struct zu_fq *fq);
static inline bool zu_fq_has_in(struct zu_fq *fq)
{
    struct zu_pipe *from;
    struct zu_msg next;

    return fq->more || zu_fq_peek(fq, &next, &from);
}

int zu_fq_read_slow(struct zu_fq *fq, struct zu_msg *m, struct zu_pipe **from);

/* Mostly whose turn it is has a whole message. */
static zu_inline int zu_fq_read(struct zu_fq *fq, struct zu_msg *m, struct zu_pipe **from)
{
    struct zu_pipe *p;

    if (zu_unlikely(fq->active == 0 || fq->more))
        return zu_fq_read_slow(fq, m, from);
    p = fq->pipes.item[fq->current];
    if (zu_unlikely(!zu_pipe_take(p, m)))
        return zu_fq_read_slow(fq, m, from);
    *from = p;
    fq->current = fq->current + 1 < fq->active ? fq->current + 1 : 0;
    return 0;
}

/* recv_msg of a pattern that receives by this alone. */
static zu_inline int zu_fq_recv_msg(struct zu_fq *fq, struct zu_socket *s, struct zu_msg *m,
                                    int flags)
{
    struct zu_pipe *p;

    if (zu_unlikely(fq->active == 0 || fq->more))
        return zu_socket_recv_any(s, m, flags);
    p = fq->pipes.item[fq->current];
    if (zu_unlikely(p->in->known == 0 || !zu_socket_is_calm(s) || !zu_socket_spend_lightly(s, m)))
        return zu_socket_recv_any(s, m, flags);
    if (zu_unlikely(!zu_pipe_is_easy(p))) {
        zu_msg_init(m); /* what it was is spent */
        return zu_socket_recv_any(s, m, flags);
    }
    s->rcvmore = false;
    fq->current = fq->current + 1 < fq->active ? fq->current + 1 : 0;
    return zu_pipe_take_last(p, m);
}

#endif

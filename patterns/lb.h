/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lb: load balancing. Of the pipes that have room each gets one message in turn.
 * Thread: the one inside the socket. Owner: embedded by a pattern.
 */
#ifndef ZU_PATTERNS_LB_H
#define ZU_PATTERNS_LB_H

#include "engine/core/socket.h"
#include "patterns/pipes.h"

struct zu_lb {
    struct zu_socket *socket; /* which counts what is dropped */
    struct zu_pipes pipes;    /* the first `active` may have room */
    uint32_t active, current;
    bool more;     /* a message has been begun: the pipe at `current` gets the rest */
    bool dropping; /* the pipe went in the middle of a message: the rest is swallowed */
};

void zu_lb_init(struct zu_lb *lb, struct zu_socket *s);
void zu_lb_fini(struct zu_lb *lb);
int zu_lb_add(struct zu_lb *lb, struct zu_pipe *p);     /* -ENOMEM */
void zu_lb_remove(struct zu_lb *lb, struct zu_pipe *p); /* harmless when it is not in */
void zu_lb_wake(struct zu_lb *lb, struct zu_pipe *p);   /* it became writable; the same */

/*
 * 0: the part was taken, *m is a valid empty message; *to (may be NULL) says by which pipe, NULL:
 * swallowed. -EAGAIN: nobody has room. -ENOMEM: the same part may be tried again.
 */
static zu_inline int zu_lb_send(struct zu_lb *lb, struct zu_msg *m, struct zu_pipe **to);
/* Takes back the parts of a message that was begun. */
void zu_lb_undo(struct zu_lb *lb);
bool zu_lb_has_out(struct zu_lb *lb);

int zu_lb_send_slow(struct zu_lb *lb, struct zu_msg *m, struct zu_pipe **to);

/* Mostly it is a whole message, and who is next has room: that pipe has it, and the turn moves on.
 * NULL: nothing is done. */
static zu_inline struct zu_pipe *zu_lb_put(struct zu_lb *lb, const struct zu_msg *m)
{
    uint32_t next = lb->current + 1 < lb->active ? lb->current + 1 : 0;
    struct zu_pipe *p;

    if (zu_unlikely(lb->active == 0 || lb->more || lb->dropping))
        return NULL;
    p = lb->pipes.item[lb->current];
    if (zu_unlikely(!zu_pipe_put(p, m, false)))
        return NULL;
    lb->current = next;
    return p;
}

static zu_inline int zu_lb_send(struct zu_lb *lb, struct zu_msg *m, struct zu_pipe **to)
{
    struct zu_pipe *p = zu_unlikely(m->flags & ZU_MSG_MORE) ? NULL : zu_lb_put(lb, m);

    if (zu_unlikely(!p))
        return zu_lb_send_slow(lb, m, to);
    zu_msg_init(m);
    zu_pipe_flush(p);
    if (to)
        *to = p;
    return 0;
}

/* send_msg of a pattern that sends by this alone. */
int zu_lb_send_any(struct zu_socket *s, struct zu_msg *m, int flags, struct zu_lb *lb);
static zu_inline int zu_lb_send_msg(struct zu_lb *lb, struct zu_socket *s, struct zu_msg *m,
                                    int flags)
{
    size_t size = zu_msg_size(m);
    struct zu_pipe *p;

    if (zu_unlikely(!zu_socket_is_calm(s) || flags & ZMQ_SNDMORE || !zu_msg_is_plain(m) ||
                    size >= ZU_AHEAD_MIN))
        return zu_lb_send_any(s, m, flags, lb);
    p = zu_lb_put(lb, m);
    if (zu_unlikely(!p))
        return zu_lb_send_any(s, m, flags, lb);
    zu_msg_was_plain(m);
    return zu_pipe_flush_last(p, (int)size);
}

#endif

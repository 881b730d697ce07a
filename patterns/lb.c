/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lb: as in fq, two blocks in one array. The turn moves on after each whole message; a pipe that
 * refused one waits outside the active block until it is writable again, then enters at its end.
 * No pipe refuses a part in the middle of a message for want of room, so whoever does is lost.
 */
#include "patterns/lb.h"

#include "engine/core/socket.h"

#include <errno.h>

void zu_lb_init(struct zu_lb *lb, struct zu_socket *s)
{
    *lb = (struct zu_lb){.socket = s};
    zu_pipes_init(&lb->pipes, ZU_PIPES_OUT);
}

void zu_lb_fini(struct zu_lb *lb)
{
    zu_pipes_fini(&lb->pipes);
}

static void calm(struct zu_lb *lb, uint32_t at)
{
    lb->active--;
    zu_pipes_swap(&lb->pipes, at, lb->active);
    if (lb->current == lb->active) /* the current one changed places with it, or was it */
        lb->current = at < lb->active ? at : 0;
}

int zu_lb_add(struct zu_lb *lb, struct zu_pipe *p)
{
    int rc = zu_pipes_add(&lb->pipes, p);

    if (rc == 0)
        zu_lb_wake(lb, p);
    return rc;
}

void zu_lb_remove(struct zu_lb *lb, struct zu_pipe *p)
{
    if (!zu_pipes_has(&lb->pipes, p))
        return;
    uint32_t at = p->at[ZU_PIPES_OUT];

    if (at < lb->active) {
        if (at == lb->current && lb->more) {
            lb->more = false;
            lb->dropping = true;
        }
        calm(lb, at);
    }
    zu_pipes_remove(&lb->pipes, p);
}

void zu_lb_wake(struct zu_lb *lb, struct zu_pipe *p)
{
    if (!zu_pipes_has(&lb->pipes, p) || p->at[ZU_PIPES_OUT] < lb->active)
        return;
    zu_pipes_swap(&lb->pipes, p->at[ZU_PIPES_OUT], lb->active);
    lb->active++;
}

static int swallow(struct zu_lb *lb, struct zu_msg *m)
{
    lb->more = false;
    lb->dropping = m->flags & ZU_MSG_MORE;
    if (!lb->dropping)
        zu_socket_dropped(lb->socket, NULL, ZURING_DROP_NO_ROUTE, 1);
    zu_msg_reset(m);
    return 0;
}

static void finish_message(struct zu_lb *lb, struct zu_pipe *p)
{
    zu_pipe_flush(p);
    lb->more = false;
    if (++lb->current >= lb->active)
        lb->current = 0;
}

int zu_lb_send_slow(struct zu_lb *lb, struct zu_msg *m, struct zu_pipe **to)
{
    bool more = m->flags & ZU_MSG_MORE;
    struct zu_pipe *nobody;

    to = to ? to : &nobody;
    *to = NULL;
    if (zu_unlikely(lb->dropping))
        return swallow(lb, m);
    while (lb->active > 0) {
        struct zu_pipe *p = lb->pipes.item[lb->current];
        int rc = zu_pipe_write(p, m);

        if (zu_likely(rc == 0)) {
            *to = p;
            if (more)
                lb->more = true;
            else
                finish_message(lb, p);
            return 0;
        }
        if (rc == -ENOMEM)
            return rc;
        calm(lb, lb->current);
        if (lb->more) {
            zu_pipe_rollback(p);
            return swallow(lb, m);
        }
    }
    return -EAGAIN;
}

int zu_lb_send_any(struct zu_socket *s, struct zu_msg *m, int flags, struct zu_lb *lb)
{
    int rc = zu_socket_send_any(s, m, flags);

    if (zu_likely(rc < ZU_AHEAD_MIN) || flags & (ZMQ_DONTWAIT | ZMQ_SNDMORE) || lb->active == 0)
        return rc;
    /* It went by the one before. */
    zu_socket_wait_if_ahead(s, lb->pipes.item[(lb->current ? lb->current : lb->active) - 1],
                            (size_t)rc);
    return rc;
}

void zu_lb_undo(struct zu_lb *lb)
{
    if (lb->more)
        zu_pipe_rollback(lb->pipes.item[lb->current]);
    lb->more = lb->dropping = false;
}

bool zu_lb_has_out(struct zu_lb *lb)
{
    if (lb->more || lb->dropping)
        return true;
    while (lb->active > 0) {
        if (zu_pipe_can_write(lb->pipes.item[lb->current]))
            return true;
        calm(lb, lb->current);
    }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fq: the array is two blocks, pipes that may have something and pipes that were found empty. A
 * pipe moves between them by one swap, so ten thousand quiet pipes cost a busy one nothing.
 *
 * Reading an empty pipe may find its end; then the socket closes it, the pattern removes it from
 * here, and its memory may be gone before the read returns. So after a read that brought nothing
 * the pipe is only compared, never touched: if it still stands at `current`, it is alive.
 */
#include "patterns/fq.h"

#include <errno.h>

#define NO_MESSAGE (ZU_MSG_ID | ZU_MSG_SUBSCRIBE | ZU_MSG_CANCEL | ZU_MSG_COMMAND)

void zu_fq_init(struct zu_fq *fq)
{
    *fq = (struct zu_fq){0};
    zu_pipes_init(&fq->pipes, ZU_PIPES_IN);
}

void zu_fq_fini(struct zu_fq *fq)
{
    zu_pipes_fini(&fq->pipes);
}

/* Takes the pipe at `at` out of the active block. */
static void calm(struct zu_fq *fq, uint32_t at)
{
    fq->active--;
    zu_pipes_swap(&fq->pipes, at, fq->active);
    if (fq->current == fq->active) /* the current one changed places with it, or was it */
        fq->current = at < fq->active ? at : 0;
}

int zu_fq_add(struct zu_fq *fq, struct zu_pipe *p)
{
    int rc = zu_pipes_add(&fq->pipes, p);

    if (rc == 0)
        zu_fq_wake(fq, p);
    return rc;
}

void zu_fq_remove(struct zu_fq *fq, struct zu_pipe *p)
{
    if (!zu_pipes_has(&fq->pipes, p))
        return;
    uint32_t at = p->at[ZU_PIPES_IN];

    if (at < fq->active) {
        if (at == fq->current)
            fq->more = false; /* the rest of that message is lost with its pipe */
        calm(fq, at);
    }
    zu_pipes_remove(&fq->pipes, p);
}

void zu_fq_wake(struct zu_fq *fq, struct zu_pipe *p)
{
    if (!zu_pipes_has(&fq->pipes, p) || p->at[ZU_PIPES_IN] < fq->active)
        return;
    zu_pipes_swap(&fq->pipes, p->at[ZU_PIPES_IN], fq->active);
    fq->active++;
}

/* p had nothing. It may be gone, see above. */
static void found_empty(struct zu_fq *fq, const struct zu_pipe *p)
{
    if (fq->current >= fq->active || fq->pipes.item[fq->current] != p)
        return;
    fq->more = false;
    calm(fq, fq->current);
}

static void next_turn(struct zu_fq *fq)
{
    fq->more = false;
    if (++fq->current >= fq->active)
        fq->current = 0;
}

int zu_fq_read_slow(struct zu_fq *fq, struct zu_msg *m, struct zu_pipe **from)
{
    while (fq->active > 0) {
        struct zu_pipe *p = fq->pipes.item[fq->current];

        if (zu_pipe_read(p, m) < 0) {
            found_empty(fq, p);
            continue;
        }
        if (zu_unlikely(m->flags & NO_MESSAGE)) {
            zu_msg_close(m);
            continue;
        }
        *from = p;
        if (m->flags & ZU_MSG_MORE)
            fq->more = true;
        else
            next_turn(fq);
        return 0;
    }
    return -EAGAIN;
}

bool zu_fq_peek(struct zu_fq *fq, struct zu_msg *m, struct zu_pipe **from)
{
    while (fq->active > 0) {
        struct zu_pipe *p = fq->pipes.item[fq->current];

        if (!zu_pipe_peek(p, m)) {
            found_empty(fq, p);
        } else if (zu_unlikely(m->flags & NO_MESSAGE)) {
            if (zu_pipe_read(p, m) == 0)
                zu_msg_close(m);
        } else {
            *from = p;
            return true;
        }
    }
    return false;
}

bool zu_fq_has_now(struct zu_fq *fq)
{
    for (uint32_t i = 0; i < fq->active; i++)
        if (fq->pipes.item[i]->peer_gone || zu_pipe_has(fq->pipes.item[i]))
            return true;
    return false;
}

void zu_fq_skip_rest(struct zu_fq *fq)
{
    if (!fq->more)
        return;
    struct zu_pipe *p = fq->pipes.item[fq->current];

    next_turn(fq);
    zu_pipe_skip_rest(p);
}

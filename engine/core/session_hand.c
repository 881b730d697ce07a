/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_hand: the session's intake (pipe.h), which lets callers receive by hand (by_hand.h). The
 * loop's part comes first: to leave the intake and watch, to be asked for it, to look after who
 * keeps it, to take it back. Then the caller's: one receive and what it brought through the same
 * parser, up to the first byte that is not for him.
 * Thread: the loop's, but what says otherwise.
 */
#include "engine/core/session.h"

#include "engine/base/clock.h"

#include <errno.h>

enum {
    LONE_MAX = 32,          /* messages at once that are no stream; */
    RAW_STREAM = 32 * 1024, /* bytes at once that are one, where no messages can be told apart */
    TURNS_MAX = 16,         /* receives in a row without a caller, before none is expected */
    ABSENT_MS = 2,          /* without a look of a caller who keeps the intake: he has gone away */
};

/* ---- the loop's ---- */

bool zu_session_leave_intake(struct zu_session *s)
{
    struct zu_kernel *k = s->kernel;

    if (k->more)
        return false;
    if (s->state != ZU_SESSION_ACTIVE || !s->pipe || s->eof || s->send_dead ||
        ++s->turns > TURNS_MAX) {
        s->near = false;
        return false;
    }
    if (!s->watched) {
        if (s->send_busy) /* a watch begins with nothing in flight */
            return false;
        s->watch.fd = s->fd;
        k->table->forget(k, s->fd);
        s->watched = k->table->watch(k, &s->watch, ZU_WATCH_BEGIN) == 0;
        if (!s->watched) {
            s->near = false;
            return false;
        }
    }
    /* A caller reads what there is: then he must not sleep until as much is there once more. */
    zu_session_expect_any(s);
    s->lent_out = true;
    k->table->watch(k, &s->watch, ZU_WATCH_ON);
    zu_pipe_put_intake(s->pipe, ZU_INTAKE_FREE); /* a caller may have it from here on */
    return true;
}

void zu_session_seen(struct zu_watch *w)
{
    struct zu_session *s = zu_container_of(w, struct zu_session, watch);

    if (s->watched && zu_pipe_claim_free_intake(s->pipe))
        zu_session_begin_recv(s);
}

void zu_session_claim_intake(struct zu_session *s)
{
    if (zu_likely(!s->watched))
        return;
    zu_pipe_claim_intake(s->pipe);
    zu_session_keep_intake(s, false);
}

/* Nothing has come that is not parsed, and no more was said of what comes. */
static bool is_up_to_date(const struct zu_session *s)
{
    return !s->paused && !s->in_whole && s->in_at == s->in_end &&
           (!s->given_up || (s->given_res > 0 && s->given_error == 0));
}

bool zu_session_unwatch(struct zu_session *s)
{
    if (!s->watched)
        return false;
    zu_session_claim_intake(s);
    s->near = s->watched = false;
    zu_timer_clear(s->loop, &s->absence);
    s->kernel->table->watch(s->kernel, &s->watch, ZU_WATCH_END);
    /* At once: a connection that does not receive looks as if it had ended. */
    if (!s->recv_busy && is_up_to_date(s)) {
        s->given_up = false;
        zu_session_begin_recv(s);
    }
    return !s->recv_busy;
}

void zu_session_keep_intake(struct zu_session *s, bool kept)
{
    zu_count_set(&s->looks, kept);
}

void zu_session_look_after(struct zu_timer *absence)
{
    struct zu_session *s = zu_container_of(absence, struct zu_session, absence);
    uint64_t looks = zu_count_read(&s->looks);

    if (looks == 0 || !s->watched)
        return;
    if (looks == s->looks_before) {
        zu_session_claim_intake(s);
        zu_session_receive(s);
        return;
    }
    s->looks_before = looks;
    zu_timer_set(s->loop, &s->absence, ABSENT_MS);
}

void zu_session_asked(struct zu_pipe *p)
{
    struct zu_session *s = p->owner;
    struct zu_kernel *k = s->kernel;

    if (s->pipe != p || s->state != ZU_SESSION_ACTIVE || !s->handy)
        return;
    if (zu_pipe_intake(p) != ZU_INTAKE_LOOP) {
        s->looks_before = 0;
        zu_session_look_after(&s->absence);
        return;
    }
    if (s->given_up) {
        zu_session_receive(s);
        return;
    }
    s->near = true;
    s->turns = 0;
    if (s->recv_busy) {
        s->cancels++;
        k->table->cancel(k, &s->recv_op);
    }
}

/* ---- a caller's, who has the intake BUSY ---- */

static void stop_by_hand(struct zu_session *s)
{
    s->by_hand = false;
    s->slab = &s->loop->slab;
}

/* For the loop to go on with. The session may be gone as soon as it may; the pipe is held. */
static enum zu_took give_up(struct zu_session *s, int res, int error)
{
    struct zu_pipe *p = s->pipe;

    stop_by_hand(s);
    s->given_up = true;
    s->given_res = res;
    s->given_error = error;
    zu_pipe_put_intake(p, ZU_INTAKE_LOOP);
    zu_pipe_ask_intake(p);
    return ZU_TOOK_GIVEN_UP;
}

void zu_session_return_intake(struct zu_session *s)
{
    s->near = false;
    give_up(s, 1, 0);
}

/* As zu_session_begin_recv, but what is there now. */
static int try_recv(struct zu_session *s, struct zu_block *b)
{
    struct zu_kernel *k = s->kernel;
    size_t size = s->large ? (size_t)ZU_SESSION_AHEAD : b->size;

    if (s->in_place)
        return (int)k->table->try_recv(k, s->fd, (uint8_t *)s->in_msg.big.data + s->in_filled,
                                       s->in_msg.big.size - s->in_filled + ZU_SESSION_AHEAD);
    s->large = false;
    return (int)k->table->try_recv(k, s->fd, b->data, size);
}

/* Receives and parses once, with a block that nobody else has. */
static enum zu_took take_in(struct zu_session *s, struct zu_block **b)
{
    bool in_place = s->in_place;
    int rc, n = try_recv(s, *b);

    if (n == -EAGAIN || n == -EINTR)
        return ZU_TOOK_NOTHING;
    if (n <= 0)
        return give_up(s, n, 0);
    rc = zu_session_took(s, in_place ? NULL : *b, (size_t)n);
    if (rc < 0)
        return give_up(s, rc, 0);
    if (!in_place)
        *b = NULL; /* the session's, until all of it is parsed */
    rc = zu_session_parse(s);
    zu_pipe_flush(s->pipe);
    if (rc < 0) {
        s->paused = rc == -EAGAIN;
        return give_up(s, 1, rc == -EAGAIN || rc == -EBUSY ? 0 : rc);
    }
    if (!*b)
        *b = s->in_block;
    else if (s->in_block)
        zu_block_drop(s->in_block);
    s->in_block = NULL;
    s->in_at = s->in_end = NULL;
    return ZU_TOOK_SOME;
}

static bool renew_block(struct zu_block **b)
{
    if (*b && zu_block_sole(*b))
        return true;
    if (*b) /* messages are slices of it */
        zu_block_drop(*b);
    *b = zu_block_new(ZU_RECV_BLOCK_SIZE);
    return *b != NULL;
}

/* Is it more than what is lone, that has come at once or is still to come? */
static bool is_stream(const struct zu_session *s, uint64_t messages, uint64_t bytes)
{
    if (s->kernel->more)
        return true;
    if (s->raw)
        return bytes >= RAW_STREAM;
    return messages > LONE_MAX || zu_session_missing(s) >= ZU_SESSION_LONG;
}

enum zu_took zu_session_receive_now(struct zu_session *s, struct zu_slab *slab, struct zu_block **b)
{
    uint64_t written = s->pipe->meter.written, bytes = s->pipe->meter.bytes_in;
    enum zu_took took;

    s->turns = 0;
    if (s->looks)
        zu_count(&s->looks, 1);
    s->slab = slab;
    s->by_hand = true;
    do {
        took = renew_block(b) ? take_in(s, b) : give_up(s, 1, 0);
    } while (took == ZU_TOOK_SOME && s->in_place);
    if (took == ZU_TOOK_GIVEN_UP)
        return took; /* the session may be gone */
    written = s->pipe->meter.written - written;
    if (is_stream(s, written, s->pipe->meter.bytes_in - bytes)) {
        zu_session_return_intake(s);
        return ZU_TOOK_STREAM;
    }
    stop_by_hand(s);
    return written ? ZU_TOOK_SOME : ZU_TOOK_NOTHING;
}

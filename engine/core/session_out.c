/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes out. A send is made of a block of bytes and of references to large bodies: headers and
 * small bodies are copied into the block, a large body is sent from where it lies and its message
 * is held until the kernel is done. One such batch is in flight at a time; while it is, the pipe
 * fills, so the next one is larger: batching adapts by itself.
 *
 * A batch is bounded in bytes, so that a peer which reads slowly cannot make us read far ahead in
 * the pipe: what is in a batch no longer counts against the water mark.
 *
 * Gathering. A loop that is faster than the application finds the pipe empty after every few small
 * messages. If it fell asleep each time, the application would have to wake it, and where the two
 * share a core it would take the core away from the application at once, with nothing to send but
 * those few: a stream that is stuck in its slow way. So while small messages stream, a session
 * whose last batch was small leaves the pipe alone for ZU_LOOP_NAP_US, or until as many messages
 * are in it as make a large batch. The pipe is empty, or nearly, when that begins; a stream that
 * ends costs its last messages that time, once, and who sends now and then never waits.
 *
 * By hand. To wake the loop for a lone message takes longer than to send it. So while there is
 * nothing to do for the loop here, it leaves the token (pipe.h), and a thread that writes and finds
 * the reader asleep does the reader's work by itself: the same filling, and one send that does not
 * wait. What the kernel did not take it leaves to the loop, ahead of all else. Messages that follow
 * each other closely are the loop's, which makes large batches of them.
 *
 * Lending. A batch with a body of ZURING_ZERO_COPY_MIN or more, to a peer on another machine, is
 * lent to the kernel: it sends from our memory and tells when it needs that no more, which is when
 * the peer's machine has it. Until then the batch stays as it is; the next ones go on meanwhile, so
 * it is not the session's `out` any more but the op's alone. Where the kernel does not borrow, or
 * tells that it copied, nothing more is lent on that connection.
 */
#include "engine/core/by_hand.h"
#include "engine/core/out.h"
#include "engine/core/web.h"
#include "engine/wire/frame.h"

#include <errno.h>

enum {
    BATCH_SMALL = 32 * 1024,      /* while batches are smaller than this a stream is gathered */
    SPARES_MAX = 16,              /* idle batches that a loop keeps */
    LENT_MAX = 16,                /* batches of one connection that the kernel has at a time */
    LONE_NS = 8000,               /* behind what a caller sent, before it sends again by itself; */
    ANSWER_NS = 5000,             /* when it has heard something in between, */
    IN_TURN_NS = 1000,            /* and when one message is under way at a time, to and fro */
    BY_HAND_REST = 64,            /* times that it leaves to the loop once they came faster */
    PROGRESS_BYTES = 1024 * 1024, /* of large bodies, from one word to their writer to the next */
};

#define NEVER UINT32_MAX /* is a body large enough not to be copied */

/* The loop keeps idle ones, as many as a round fills, so that a quiet connection owns none. */
static struct zu_out *out_get(struct zu_session *s)
{
    if (s->out)
        return s->out;
    struct zu_list *l = zu_list_pop(&s->loop->spares);

    if (l)
        s->loop->spare_count--;
    s->out = l ? zu_container_of(l, struct zu_out, spare.link) : zu_out_new();
    return s->out;
}

static void out_put(struct zu_loop *loop, struct zu_out *o)
{
    if (loop->spare_count >= SPARES_MAX) {
        zu_out_free(o);
        return;
    }
    zu_out_clear(o);
    loop->spare_count++;
    zu_out_forget_marks(o); /* the loop frees what it keeps as it is */
    zu_list_append(&loop->spares, &o->spare.link);
}

void zu_session_claim(struct zu_session *s)
{
    if (s->pipe)
        zu_pipe_claim(s->pipe);
    if (zu_unlikely(s->unsent != NULL)) {
        s->out = s->unsent; /* there was none, or the token would not have been left */
        s->unsent = NULL;
    }
}

void zu_session_out_reset(struct zu_session *s)
{
    struct zu_out *o;

    zu_session_claim(s);
    o = s->out;
    if (!o)
        return;
    s->out = NULL;
    if (zu_likely(o->loan == ZU_LOAN_NONE)) /* else the kernel has it still: see loan_done */
        out_put(s->loop, o);
}

bool zu_session_out_idle(const struct zu_session *s)
{
    return !s->send_busy && !s->out && !s->unsent;
}

/* What is said before the first message of a batch is none of its frames: see zu_out_unsent. */
static void begin_behind(const struct zu_session *s, struct zu_out *o)
{
    if (s->batch_messages > 0)
        return;
    o->frames_at = o->filled;
    o->frames_bytes = o->bytes;
}

int zu_session_say(struct zu_session *s, const void *bytes, size_t size)
{
    struct zu_out *o;

    zu_session_claim(s);
    o = out_get(s);
    if (!o)
        return -ENOMEM;
    if (size > zu_out_room(o) || o->piece_count == ZU_OUT_PIECES)
        return -ENOBUFS;
    memcpy(o->block + o->filled, bytes, size);
    zu_out_add_bytes(o, size);
    begin_behind(s, o);
    zu_session_pump_soon(s);
    return 0;
}

/*
 * Without a batch, which would be in flight: a thousand connections that begin together would have
 * a thousand. What the kernel does not take at once goes the usual way, which also finds out why.
 */
int zu_session_say_first(struct zu_session *s, const void *bytes, size_t size)
{
    struct iovec piece = {(void *)(uintptr_t)bytes, size};
    struct zu_kernel *k = s->kernel;
    ssize_t sent = -EAGAIN;

    if (k->by_hand)
        sent = k->table->try_send(k, s->fd, &(struct msghdr){.msg_iov = &piece, .msg_iovlen = 1});
    if (sent <= 0)
        return zu_session_say(s, bytes, size);
    zu_session_count_out(s, (size_t)sent, s->loop->now_ms);
    size -= (size_t)sent;
    return size ? zu_session_say(s, (const uint8_t *)bytes + sent, size) : 0;
}

int zu_session_say_command(struct zu_session *s, const void *body, size_t size)
{
    uint8_t bytes[ZU_ZWS_HEADER_MAX + ZU_SEAL_ROOM + ZU_HANDSHAKE_ROOM], head[ZU_ZWS_HEADER_MAX];
    uint8_t *at = bytes + ZU_ZWS_HEADER_MAX;
    ssize_t whole = (ssize_t)size;
    size_t n;

    if (zu_bug(size > ZU_HANDSHAKE_ROOM))
        return -EFAULT;
    zu_session_claim(s); /* a caller seals, too */
    if (s->sealed)
        whole = s->mechanism->seal(s->handshake, at, body, size, ZU_MSG_COMMAND);
    else
        memcpy(at, body, size);
    if (whole < 0)
        return (int)whole;
    n = zu_session_write_head(s, head, (size_t)whole, s->sealed ? 0 : ZU_FRAME_COMMAND);
    memcpy(at - n, head, n);
    if (s->web)
        zu_session_web_mask(s, at, (size_t)whole);
    return zu_session_say(s, at - n, n + (size_t)whole);
}

int zu_session_say_message(struct zu_session *s, struct zu_msg *m)
{
    struct zu_out *o;
    int rc;

    zu_session_claim(s);
    o = out_get(s);
    rc = o ? zu_session_encode(s, o, m) : -ENOMEM;
    if (rc == 0) {
        begin_behind(s, o);
        zu_session_pump_soon(s);
    }
    return rc;
}

/* ---- lending: see the top ---- */

static void loan_done(struct zu_op *op, int res, uint32_t flags);

static uint32_t zero_copy_min(const struct zu_session *s)
{
    int min = s->options->zero_copy_min;

    /* A raw peer may have shut its own direction and still wait for all of ours, which a reset at
     * the end of the connection would cut off. */
    if (min <= 0 || s->raw || !s->kernel->zero_copy || !s->transport->is_far ||
        !s->transport->is_far(s->fd))
        return NEVER;
    return (uint32_t)min;
}

static bool has_large(const struct zu_out *o, size_t min)
{
    for (uint32_t i = 0; i < o->held_count; i++)
        if (zu_msg_size(&o->held[i]) >= min)
            return true;
    return false;
}

/* Lends what is about to be sent, if that is worth while, or has it copied. */
static zu_cold void lend(struct zu_session *s, struct zu_out *o)
{
    struct zu_kernel *k = s->kernel;

    if (s->zero_copy_min == 0)
        s->zero_copy_min = zero_copy_min(s);
    if (s->zero_copy_min == NEVER || o->piece_at || o->loan != ZU_LOAN_NONE ||
        s->lent_count >= LENT_MAX || !has_large(o, s->zero_copy_min)) {
        k->table->sendmsg(k, &s->send_op, s->fd, &o->msg);
        return;
    }
    s->lent_count++;
    o->session = s;
    o->loan = ZU_LOAN_ASKED;
    o->loan_op = (struct zu_op){.done = loan_done};
    k->table->sendmsg_zc(k, &o->loan_op, s->fd, &o->msg);
}

static void start_send(struct zu_session *s)
{
    struct zu_out *o = s->out;
    const struct iovec *first = &o->pieces[o->piece_at];
    struct zu_kernel *k = s->kernel;

    s->send_busy = true;
    o->frozen = o->piece_count;
    if (o->piece_at + 1 == o->piece_count) {
        k->table->send(k, &s->send_op, s->fd, first->iov_base, first->iov_len);
        return;
    }
    o->msg = (struct msghdr){.msg_iov = &o->pieces[o->piece_at],
                             .msg_iovlen = o->piece_count - o->piece_at};
    if (s->zero_copy_min != NEVER)
        lend(s, o);
    else
        k->table->sendmsg(k, &s->send_op, s->fd, &o->msg);
}

/* How many parts like those of the last batch make one that is not small; no more than half of what
 * the pipe may hold, so that the application is not held up. */
static uint32_t parts_enough(const struct zu_session *s)
{
    uint32_t parts = 2 * BATCH_SMALL / (s->batch_bytes / ZU_MAX(s->batch_parts, 1u) + 1);

    if (s->pipe->in_limit)
        parts = ZU_MIN(parts, s->pipe->in_limit / 2);
    return ZU_MAX(parts, 1u);
}

/* True: a stream is gathered, and what is in the pipe has to wait a little. */
static bool gathers(struct zu_session *s)
{
    if (s->tap || !zu_session_is_streaming(s) || (s->out && s->out->piece_count))
        return false;
    if (!zu_list_empty(&s->gathered.link))
        return zu_pipe_count(s->pipe) < s->gather_parts;
    if (s->batch_bytes >= BATCH_SMALL && zu_pipe_has(s->pipe))
        return false;
    s->gather_parts = parts_enough(s);
    if (zu_pipe_count(s->pipe) >= s->gather_parts)
        return false;
    zu_pipe_wake_at(s->pipe, s->gather_parts);
    zu_loop_nap(s->loop, &s->gathered);
    return true;
}

/* Nothing is to be sent and the pipe's reader sleeps: a caller may do what comes next. */
static bool may_leave(const struct zu_session *s)
{
    return s->handy && s->state == ZU_SESSION_ACTIVE && s->pipe && !s->send_dead &&
           !s->out_skip_rest && s->stream_parts == 0 && zu_list_empty(&s->gathered.link) &&
           !zu_pipe_has(s->pipe);
}

/* For a writer who is far ahead of us. */
static void tell_progress(struct zu_session *s, const struct zu_out *o)
{
    s->progress += (uint32_t)o->bytes;
    if (s->progress < PROGRESS_BYTES || !s->pipe)
        return;
    s->progress = 0;
    zu_pipe_tell_progress(s->pipe);
}

/* Sends what there is to send, unless a send is under way. */
static zu_inline void pump(struct zu_session *s)
{
    if (s->send_busy || !zu_session_connected(s) || s->state == ZU_SESSION_GOODBYE)
        return;
    if (zu_unlikely(s->send_dead)) {
        zu_session_lose_batch(s); /* what was said since goes nowhere */
        zu_session_out_reset(s);
        zu_session_settle(s);
        return;
    }
    bool traffic = s->state >= ZU_SESSION_ACTIVE && s->pipe;
    int rc;

    if (traffic && (s->out || zu_pipe_can_read(s->pipe))) {
        struct zu_out *o = out_get(s);

        if (zu_unlikely(!o)) { /* the messages stay in the pipe; try again in a while */
            zu_timer_set(s->loop, &s->retry, ZU_SESSION_RETRY_MS);
            return;
        }
        s->batch_parts = 0;
        rc = zu_session_fill(s, o);
        if (zu_unlikely(o->piece_count == 0 && zu_session_is_streaming(s))) {
            s->stream_parts = 0; /* all was dropped: without a batch nobody would look again */
            rc = zu_session_fill(s, o);
        }
        if (zu_unlikely(rc < 0))
            zu_timer_set(s->loop, &s->retry, ZU_SESSION_RETRY_MS);
        s->batch_bytes = (uint32_t)o->bytes;
        s->loop->written += o->bytes;
        zu_pace_count_sent(&s->loop->pace, s->batch_parts);
        if (o->held_count)
            tell_progress(s, o);
    }
    if (s->out && s->out->piece_count > 0) {
        start_send(s);
    } else {
        zu_session_out_reset(s);
        if (may_leave(s))
            zu_pipe_leave(s->pipe);
    }
    if (zu_unlikely(s->state != ZU_SESSION_ACTIVE) && !s->send_busy)
        zu_session_settle(s); /* DRAINING, or a peer that is not let in */
}

void zu_session_pump(struct zu_session *s)
{
    zu_session_claim(s);
    if (s->pipe && gathers(s))
        return;
    zu_list_remove(&s->gathered.link);
    pump(s);
}

/* The kernel has taken so much. True: all of the batch. */
static inline bool took(struct zu_session *s, struct zu_out *o, size_t bytes, uint64_t now_ms)
{
    zu_session_count_out(s, bytes, now_ms);
    if (!zu_out_advance(o, bytes))
        return false;
    s->batch_messages = 0;
    return true;
}

/* ---- by hand: see the top ---- */

/*
 * A stream must not fall into one system call a message. What answers is seldom one; but who has
 * more to answer already is better served by the loop, which works beside him.
 * Who takes turns with his peer is no stream, however soon the answer is there: a send that was
 * interrupted at its end may return behind it.
 */
static bool is_lone(struct zu_session *s, const struct zu_pipe *caller)
{
    bool answers = caller->meter.read != s->by_hand_read || zu_hands_heard() != s->by_hand_heard;
    bool in_turn = answers && caller->meter.written - caller->meter.read <= 1;
    uint64_t gap, least = in_turn ? IN_TURN_NS : answers ? ANSWER_NS : LONE_NS;

    if (s->by_hand_rest > 0) {
        s->by_hand_rest--;
        return false;
    }
    gap = s->loop->clock() - s->by_hand_ns;
    if (gap >= least && zu_pipe_count(caller) == 0)
        return true;
    s->by_hand_rest = BY_HAND_REST;
    return false;
}

/* True: the kernel has all of it. Why it has not is for the loop to find out; and so is what may be
 * lent. */
static bool send_all(struct zu_session *s, struct zu_out *o)
{
    struct zu_kernel *k = s->kernel;
    struct msghdr msg = {.msg_iov = o->pieces, .msg_iovlen = o->piece_count};
    ssize_t sent;

    if (o->held_count && s->zero_copy_min != NEVER)
        return false;
    sent = k->table->try_send(k, s->fd, &msg);
    if (sent < 0)
        return false;
    return took(s, o, (size_t)sent, s->loop->clock() / 1000000);
}

void zu_session_send_now(struct zu_pipe *p)
{
    struct zu_session *s = p->owner;
    struct zu_out *o = is_lone(s, p->peer) ? zu_out_new() : NULL;

    if (!o) {
        zu_pipe_give_up(p);
        return;
    }
    (void)zu_session_fill(s, o); /* what it stops at the loop finds, too */
    if (o->piece_count > 0 && !send_all(s, o)) {
        s->unsent = o;
        zu_pipe_give_up(p);
        return;
    }
    zu_out_free(o);
    s->by_hand_ns = s->loop->clock();
    s->by_hand_read = p->peer->meter.read;
    s->by_hand_heard = zu_hands_heard();
    if (zu_pipe_can_read(p)) {
        zu_pipe_give_up(p);
    } else {
        s->stream_parts = 0;
        zu_pipe_leave(p);
    }
}

/* What came meanwhile says whether it is a stream still. */
void zu_session_gathered(struct zu_later *l)
{
    struct zu_session *s = zu_container_of(l, struct zu_session, gathered);

    zu_session_claim(s);
    s->stream_parts = 0;
    pump(s);
}

void zu_session_pump_later(struct zu_later *l)
{
    zu_session_pump(zu_container_of(l, struct zu_session, pump_later));
}

void zu_session_pump_soon(struct zu_session *s)
{
    zu_loop_later(s->loop, &s->pump_later);
}

/* Does a send that failed so say that the connection is over? Then the receive will bring what is
 * left to read, and the end. */
static bool peer_is_gone(int res)
{
    switch (res) {
    case -EPIPE:
    case -ECONNRESET:
    case -ECONNABORTED:
    case -ETIMEDOUT:
    case -EHOSTUNREACH:
    case -ENETUNREACH: return true;
    default: return false;
    }
}

/* What went out is not lost. */
static zu_cold void took_at_the_end(struct zu_session *s, int res)
{
    if (res > 0)
        (void)took(s, s->out, (size_t)res, s->loop->now_ms);
    zu_session_settle(s);
}

void zu_session_send_done(struct zu_op *op, int res, uint32_t flags)
{
    struct zu_session *s = zu_container_of(op, struct zu_session, send_op);

    (void)flags;
    s->send_busy = false;
    if (zu_unlikely(s->state == ZU_SESSION_CLOSING)) {
        took_at_the_end(s, res);
        return;
    }
    if (res == -EINTR) {
        start_send(s);
        return;
    }
    if (res == -EAGAIN || res == -ENOBUFS) { /* the kernel's own shortage; nothing was sent */
        zu_timer_set(s->loop, &s->retry, ZU_SESSION_RETRY_MS);
        return;
    }
    if (res < 0 && !peer_is_gone(res)) { /* a stream with a hole in it is of no use to anybody */
        zu_session_fail(s, ZU_LOSS_CONNECTION, -res);
        return;
    }
    if (res < 0) {
        /* The peer may have written before it went: read to the end first (session_in.c). */
        zu_session_send_died(s);
        zu_session_lose_batch(s);
        zu_session_out_reset(s);
        zu_session_hold(s);
        zu_session_receive(s);
        zu_session_settle(s);
        zu_session_drop(s);
        return;
    }
    if (!took(s, s->out, (size_t)res, s->loop->now_ms)) {
        start_send(s);
        return;
    }
    if (zu_unlikely(s->out->loan != ZU_LOAN_NONE))
        s->out = NULL; /* the kernel has it: loan_done sees to it */
    else
        zu_out_clear(s->out);
    zu_session_pump(s);
}

static void loan_done(struct zu_op *op, int res, uint32_t flags)
{
    struct zu_out *o = zu_container_of(op, struct zu_out, loan_op);
    struct zu_session *s = o->session;
    bool asked = o->loan == ZU_LOAN_ASKED;

    if (flags & ZU_OP_COPIED || (asked && res < 0))
        s->zero_copy_min = NEVER;
    if (flags & ZU_OP_MORE) {
        o->loan = ZU_LOAN_OPEN;
    } else {
        o->loan = ZU_LOAN_NONE;
        s->lent_count--;
    }
    if (asked) { /* what is refused is sent the ordinary way */
        zu_session_send_done(&s->send_op, res < 0 && !peer_is_gone(res) ? -EINTR : res, 0);
        return;
    }
    if (s->out != o)
        out_put(s->loop, o);
    zu_session_settle(s);
}

void zu_session_out_cancel(struct zu_session *s)
{
    struct zu_kernel *k = s->kernel;

    if (!s->send_busy)
        return;
    if (s->out && s->out->loan == ZU_LOAN_ASKED)
        k->table->cancel(k, &s->out->loan_op);
    else
        k->table->cancel(k, &s->send_op);
}

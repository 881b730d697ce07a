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
 * Lending. A batch with a body of ZURING_ZERO_COPY_MIN or more, to a peer on another machine, is
 * lent to the kernel: it sends from our memory and tells when it needs that no more, which is when
 * the peer's machine has it. Until then the batch stays as it is; the next ones go on meanwhile, so
 * it is not the session's `out` any more but the op's alone. Where the kernel does not borrow, or
 * tells that it copied, nothing more is lent on that connection.
 */
#define ZMQ_BUILD_DRAFT_API /* ZMQ_DISH */
#include "engine/base/alloc.h"
#include "engine/core/session.h"
#include "engine/wire/command.h"
#include "engine/wire/frame.h"

#include <errno.h>
#include <sys/uio.h>

enum {
    BLOCK_BYTES = 64 * 1024,  /* headers and small bodies of one batch */
    COPY_MAX = 4 * 1024,      /* bodies up to this are copied */
    PIECES_MAX = 64,          /* of one sendmsg */
    BATCH_BYTES = 128 * 1024, /* a batch ends when it holds this much */
    BATCH_SMALL = 32 * 1024,  /* while batches are smaller than this a stream is gathered */
    STREAM_PARTS = 16,        /* a stream: that many without the pipe being found empty */
    RESERVE_BYTES = 512,      /* of the block, and */
    RESERVE_PIECES = 4,       /* of the pieces: for what is said while a batch is in flight */
    SPARES_MAX = 16,          /* idle batches that a loop keeps */
    LENT_MAX = 16,            /* batches of one connection that the kernel has at a time */
};

#define NEVER UINT32_MAX /* is a body large enough not to be copied */

enum loan {
    LOAN_NONE,
    LOAN_ASKED, /* the send has no result yet */
    LOAN_OPEN,  /* it has, and the kernel still has the memory */
};

struct zu_out {
    struct zu_list free;  /* in the loop's list of spares; first in the struct */
    uint32_t filled;      /* of block */
    uint32_t piece_count; /* of pieces that are set */
    uint32_t piece_at;    /* the first that is not sent yet */
    uint32_t frozen;      /* pieces before this one are in the kernel's hands */
    uint32_t held_count;
    enum loan loan;
    size_t bytes;               /* in the batch */
    struct zu_session *session; /* of the loan */
    struct zu_op loan_op;
    struct msghdr msg;
    struct iovec pieces[PIECES_MAX];
    struct zu_msg held[PIECES_MAX / 2];
    uint8_t block[BLOCK_BYTES];
};

/* Makes an empty batch of it. */
static void start_over(struct zu_out *o)
{
    for (uint32_t i = 0; i < o->held_count; i++)
        zu_msg_close(&o->held[i]);
    o->held_count = o->piece_count = o->piece_at = o->frozen = o->filled = 0;
    o->bytes = 0;
}

/* The loop keeps idle ones, as many as a round fills, so that a quiet connection owns none. */
static struct zu_out *out_get(struct zu_session *s)
{
    if (s->out)
        return s->out;
    struct zu_list *l = zu_list_pop(&s->loop->spares);

    if (l)
        s->loop->spare_count--;
    s->out = l ? zu_container_of(l, struct zu_out, free) : zu_alloc(sizeof *s->out);
    if (s->out) {
        zu_list_init(&s->out->free);
        s->out->held_count = 0;
        s->out->loan = LOAN_NONE;
        start_over(s->out);
    }
    return s->out;
}

static void out_put(struct zu_loop *loop, struct zu_out *o)
{
    start_over(o);
    if (loop->spare_count >= SPARES_MAX) {
        zu_free(o);
        return;
    }
    loop->spare_count++;
    zu_list_append(&loop->spares, &o->free);
}

void zu_session_out_reset(struct zu_session *s)
{
    struct zu_out *o = s->out;

    if (!o)
        return;
    s->out = NULL;
    if (zu_likely(o->loan == LOAN_NONE)) /* else the kernel has it still: see loan_done */
        out_put(s->loop, o);
}

bool zu_session_out_idle(const struct zu_session *s)
{
    return !s->send_busy && !s->out;
}

static size_t block_room(const struct zu_out *o)
{
    return BLOCK_BYTES - o->filled;
}

/* The bytes at the end of the block that were just written belong to the batch. */
static void add_block_bytes(struct zu_out *o, size_t n)
{
    struct iovec *last = o->piece_count > o->frozen ? &o->pieces[o->piece_count - 1] : NULL;
    uint8_t *at = o->block + o->filled;

    if (last && (uint8_t *)last->iov_base + last->iov_len == at)
        last->iov_len += n;
    else
        o->pieces[o->piece_count++] = (struct iovec){at, n};
    o->filled += (uint32_t)n;
    o->bytes += n;
}

/* Large bodies count one by one: a batch holds no more of them than the pipe may. */
static bool batch_is_full(const struct zu_session *s, const struct zu_out *o)
{
    uint32_t limit = s->pipe->in_limit;

    /* Two pieces for the next message at most: its header and its body. */
    return o->bytes >= BATCH_BYTES || o->piece_count + 2 > PIECES_MAX - RESERVE_PIECES ||
           o->held_count == zu_array_len(o->held) || (limit && o->held_count >= limit) ||
           block_room(o) < ZU_FRAME_HEADER_MAX + 16 + COPY_MAX + RESERVE_BYTES;
}

int zu_session_say(struct zu_session *s, const void *bytes, size_t size)
{
    struct zu_out *o = out_get(s);

    if (!o)
        return -ENOMEM;
    if (size > block_room(o) || o->piece_count == PIECES_MAX)
        return -ENOBUFS;
    memcpy(o->block + o->filled, bytes, size);
    add_block_bytes(o, size);
    zu_session_pump_soon(s);
    return 0;
}

int zu_session_say_command(struct zu_session *s, const void *body, size_t size)
{
    uint8_t frame[ZU_FRAME_HEADER_MAX + ZU_SEAL_HEAD_MAX + ZU_HANDSHAKE_ROOM];
    size_t room = s->sealed ? s->mechanism->seal_head : 0;

    if (zu_bug(size > ZU_HANDSHAKE_ROOM))
        return -EFAULT;
    size_t head = zu_frame_write_v2(frame, room + size, s->sealed ? 0 : ZU_FRAME_COMMAND);

    memcpy(frame + head + room, body, size);
    if (s->sealed)
        s->mechanism->seal(s->handshake, frame + head, size, ZU_MSG_COMMAND);
    return zu_session_say(s, frame, head + room + size);
}

#define SUBSCRIPTION_MAX 16 /* bytes before a topic */

/* Does a subscription go as a command? A DISH's always does. */
static bool has_commands(const struct zu_session *s)
{
    return s->version >= (s->options->type == ZMQ_DISH ? ZU_ZMTP_3_0 : ZU_ZMTP_3_1);
}

/* What stands in the body of a subscription before the topic. */
static size_t write_subscription(const struct zu_session *s, uint8_t at[SUBSCRIPTION_MAX],
                                 uint8_t flags)
{
    bool cancel = flags & ZU_MSG_CANCEL;
    struct zu_writer w = zu_writer_of(at, SUBSCRIPTION_MAX);

    if (!has_commands(s))
        zu_write_u8(&w, cancel ? 0 : 1);
    else if (s->options->type == ZMQ_DISH)
        zu_command_begin(&w, cancel ? ZU_COMMAND_LEAVE : ZU_COMMAND_JOIN);
    else
        zu_command_begin(&w, cancel ? ZU_COMMAND_CANCEL : ZU_COMMAND_SUBSCRIBE);
    return (size_t)(w.at - at);
}

/* And its header. */
static size_t write_subscription_head(const struct zu_session *s, uint8_t *at, uint8_t flags,
                                      size_t topic)
{
    uint8_t before[SUBSCRIPTION_MAX];
    size_t size = write_subscription(s, before, flags), body = size + topic;
    uint8_t command = has_commands(s) ? ZU_FRAME_COMMAND : 0;
    size_t head = s->version <= ZU_ZMTP_1_0 ? zu_frame_write_v1(at, body, false)
                                            : zu_frame_write_v2(at, body, command);

    memcpy(at + head, before, size);
    return head + size;
}

static size_t write_head(const struct zu_session *s, uint8_t *at, const struct zu_msg *m,
                         size_t size)
{
    if (s->raw)
        return 0;
    if (zu_unlikely(m->flags & (ZU_MSG_SUBSCRIBE | ZU_MSG_CANCEL)))
        return write_subscription_head(s, at, m->flags, size);
    if (zu_unlikely(s->version <= ZU_ZMTP_1_0))
        return zu_frame_write_v1(at, size, m->flags & ZU_MSG_MORE);
    return zu_frame_write_v2(at, size, m->flags & ZU_MSG_MORE ? ZU_FRAME_MORE : 0);
}

/* Takes *m into the batch. There is room: see batch_is_full. */
static void encode(struct zu_session *s, struct zu_out *o, struct zu_msg *m)
{
    size_t size = zu_msg_size(m);
    uint8_t *at = o->block + o->filled;
    size_t head = write_head(s, at, m, size);

    s->out_part = m->flags & ZU_MSG_MORE;
    if (size <= COPY_MAX) {
        memcpy(at + head, zu_msg_data(m), size);
        add_block_bytes(o, head + size);
        zu_msg_close(m);
        return;
    }
    if (head)
        add_block_bytes(o, head);
    o->pieces[o->piece_count++] = (struct iovec){zu_msg_data(m), size};
    o->bytes += size;
    o->held[o->held_count++] = *m;
}

static bool is_streaming(const struct zu_session *s)
{
    return s->stream_parts >= STREAM_PARTS && s->state == ZU_SESSION_ACTIVE;
}

/* While messages stream the pipe is not told that we wait for more: we look again by ourselves. */
static bool can_read(struct zu_session *s)
{
    if (is_streaming(s) && !zu_pipe_has(s->pipe))
        return false;
    if (zu_pipe_can_read(s->pipe))
        return true;
    s->stream_parts = 0;
    return false;
}

/* ---- sealed: a copy is needed anyway, and it is sealed where it was copied to ---- */

static size_t sealed_size(const struct zu_session *s, const struct zu_msg *m)
{
    return ZU_FRAME_HEADER_MAX + s->mechanism->seal_head + SUBSCRIPTION_MAX + zu_msg_size(m);
}

/* Seals a copy of *m into the batch's block or, where it is too large for that, into memory of its
 * own. There is room in the block for a header. -ENOMEM. */
static int encode_sealed(struct zu_session *s, struct zu_out *o, struct zu_msg *m)
{
    size_t size = zu_msg_size(m), room = s->mechanism->seal_head, before = 0;
    uint8_t *frame = o->block + o->filled, *at, subscription[SUBSCRIPTION_MAX];
    uint8_t flags = m->flags & ZU_MSG_MORE;
    struct zu_msg own = {.kind = ZU_MSG_CLOSED};
    size_t head;

    if (zu_unlikely(m->flags & (ZU_MSG_SUBSCRIBE | ZU_MSG_CANCEL))) {
        before = write_subscription(s, subscription, m->flags);
        flags = has_commands(s) ? ZU_MSG_COMMAND : 0;
    }
    if (sealed_size(s, m) + RESERVE_BYTES > block_room(o) &&
        zu_msg_init_size(&own, room + before + size) < 0)
        return -ENOMEM;
    head = zu_frame_write_v2(frame, room + before + size, 0);
    at = own.kind == ZU_MSG_CLOSED ? frame + head : zu_msg_data(&own);
    memcpy(at + room, subscription, before);
    memcpy(at + room + before, zu_msg_data(m), size);
    s->mechanism->seal(s->handshake, at, before + size, flags);
    if (own.kind == ZU_MSG_CLOSED) {
        add_block_bytes(o, head + room + before + size);
        return 0;
    }
    add_block_bytes(o, head);
    o->pieces[o->piece_count++] = (struct iovec){at, room + before + size};
    o->bytes += room + before + size;
    o->held[o->held_count++] = own;
    return 0;
}

/* The next part is looked at first: one that the block has no more room for goes into the next. */
static void fill_sealed(struct zu_session *s, struct zu_out *o)
{
    struct zu_msg m;
    bool skip;

    while (s->pipe && !batch_is_full(s, o) && can_read(s) && zu_pipe_peek(s->pipe, &m)) {
        size_t size = sealed_size(s, &m);

        if (size + RESERVE_BYTES > block_room(o) && size < BLOCK_BYTES / 2)
            return;
        skip = s->out_skip_rest || (m.flags & ZU_MSG_ID);
        if (!skip && encode_sealed(s, o, &m) < 0) {
            zu_timer_set(s->loop, &s->retry, ZU_SESSION_RETRY_MS);
            return;
        }
        if (zu_pipe_read(s->pipe, &m) < 0)
            return;
        if (zu_unlikely(skip))
            s->out_skip_rest = s->out_skip_rest && (m.flags & ZU_MSG_MORE);
        else
            s->out_part = m.flags & ZU_MSG_MORE;
        if (zu_msg_size(&m) <= COPY_MAX) { /* as fill_plain does */
            s->stream_parts++;
            s->batch_parts++;
            zu_pace_count(&s->loop->pace, 1);
        }
        zu_msg_close(&m);
    }
}

int zu_session_say_message(struct zu_session *s, struct zu_msg *m)
{
    struct zu_out *o = out_get(s);
    int rc;

    if (!o)
        return -ENOMEM;
    if (block_room(o) < ZU_FRAME_HEADER_MAX + 16 + COPY_MAX || o->piece_count + 2 > PIECES_MAX)
        return -ENOBUFS;
    if (s->sealed) {
        rc = encode_sealed(s, o, m);
        if (rc < 0)
            return rc;
        zu_msg_close(m);
    } else {
        encode(s, o, m);
    }
    zu_session_pump_soon(s);
    return 0;
}

/* What a part needs of the block when it is copied: header, body, and what an inline body may be
 * copied as. */
#define COPY_ROOM (ZU_FRAME_HEADER_MAX + COPY_MAX + ZU_MSG_INLINE_MAX)

/* An item that is nothing but a header and a body to be copied; not what a session or a mechanism
 * has to see. */
static bool is_plain(const uint64_t *item, uint64_t head)
{
    return zu_item_is_plain(head, ZU_MSG_MORE | ZU_MSG_SHARED) && !item[1] &&
           zu_item_size(head) <= COPY_MAX;
}

/* Encodes the plain part of an item at `at`, and closes it. Returns where it ends. */
static uint8_t *encode_plain(uint8_t *at, const uint64_t *item, uint64_t head,
                             struct zu_tally *tally)
{
    static_assert((int)ZU_MSG_MORE == (int)ZU_FRAME_MORE, "one bit for both");
    size_t size = zu_item_size(head);
    struct zu_msg m;

    at += zu_frame_write_v2(at, size, zu_item_flags(head) & ZU_MSG_MORE);
    if (zu_likely(zu_item_kind(head) == ZU_MSG_INLINE)) {
        zu_item_read_inline(item, head, at);
        return at + size;
    }
    zu_copy_body(at, zu_item_body(item), size);
    if (zu_item_kind(head) == ZU_MSG_SLICE) {
        zu_tally_drop(tally, zu_item_owner(item));
    } else {
        zu_item_read(item, &m);
        zu_msg_close(&m);
    }
    return at + size;
}

/* Encodes the plain parts that come next where they lie in the pipe. False: there is none. */
static bool fill_plain(struct zu_session *s, struct zu_out *o)
{
    uint8_t *from = o->block + o->filled, *at = from;
    const uint8_t *full = o->block + BLOCK_BYTES - RESERVE_BYTES - COPY_ROOM;
    struct zu_tally tally = {0};
    size_t count, parts = 0, messages = 0;
    const uint64_t *item = zu_pipe_run(s->pipe, &count);
    bool more = false;

    for (; parts < count && at <= full && is_plain(item, *item); parts++) {
        uint64_t head = *item; /* loaded once: what is written below might be it */

        more = zu_item_flags(head) & ZU_MSG_MORE;
        messages += !more;
        at = encode_plain(at, item, head, &tally);
        item += zu_item_words(head);
    }
    if (parts == 0)
        return false;
    zu_tally_settle(&tally);
    s->out_part = more;
    add_block_bytes(o, (size_t)(at - from));
    zu_pipe_take_run(s->pipe, item, parts, messages);
    s->stream_parts += (uint32_t)parts;
    zu_pace_count(&s->loop->pace, parts);
    s->batch_parts += (uint32_t)parts;
    return true;
}

/* Moves what the socket wrote into the batch. */
static void fill(struct zu_session *s, struct zu_out *o)
{
    bool plain = s->version >= ZU_ZMTP_2_0 && !s->raw;
    struct zu_msg m;

    if (zu_unlikely(s->sealed)) {
        fill_sealed(s, o);
        return;
    }

    while (s->pipe && !batch_is_full(s, o) && can_read(s)) {
        if (zu_likely(plain && !s->out_skip_rest) && fill_plain(s, o))
            continue;
        if (zu_pipe_read(s->pipe, &m) < 0)
            return;
        if (zu_unlikely(s->out_skip_rest || (m.flags & ZU_MSG_ID))) {
            s->out_skip_rest = s->out_skip_rest && (m.flags & ZU_MSG_MORE);
            zu_msg_close(&m);
            continue;
        }
        if (zu_unlikely(s->raw && zu_msg_size(&m) == 0)) {
            zu_msg_close(&m);
            continue;
        }
        encode(s, o, &m);
    }
}

/* ---- lending: see the top ---- */

static void loan_done(struct zu_op *op, int res, uint32_t flags);

static uint32_t zero_copy_min(const struct zu_session *s)
{
    int min = s->options->zero_copy_min;

    /* A raw peer may have shut its own direction and still wait for all of ours, which a reset at
     * the end of the connection would cut off. */
    if (min <= 0 || s->raw || !s->loop->kernel->zero_copy || !s->transport->is_far ||
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
    struct zu_kernel *k = s->loop->kernel;

    if (s->zero_copy_min == 0)
        s->zero_copy_min = zero_copy_min(s);
    if (s->zero_copy_min == NEVER || o->piece_at || o->loan != LOAN_NONE ||
        s->lent_count >= LENT_MAX || !has_large(o, s->zero_copy_min)) {
        k->table->sendmsg(k, &s->send_op, s->fd, &o->msg);
        return;
    }
    s->lent_count++;
    o->session = s;
    o->loan = LOAN_ASKED;
    o->loan_op = (struct zu_op){.done = loan_done};
    k->table->sendmsg_zc(k, &o->loan_op, s->fd, &o->msg);
}

static void start_send(struct zu_session *s)
{
    struct zu_out *o = s->out;
    const struct iovec *first = &o->pieces[o->piece_at];
    struct zu_kernel *k = s->loop->kernel;

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
    if (!is_streaming(s) || (s->out && s->out->piece_count))
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

/* Sends what there is to send, unless a send is under way. */
static void pump(struct zu_session *s)
{
    if (s->send_busy || !zu_session_connected(s) || s->state == ZU_SESSION_GOODBYE)
        return;
    if (zu_unlikely(s->send_dead)) {
        zu_session_out_reset(s); /* what was said since goes nowhere */
        zu_session_settle(s);
        return;
    }
    bool traffic = s->state >= ZU_SESSION_ACTIVE && s->pipe;

    if (traffic && (s->out || zu_pipe_can_read(s->pipe))) {
        struct zu_out *o = out_get(s);

        if (zu_unlikely(!o)) { /* the messages stay in the pipe; try again in a while */
            zu_timer_set(s->loop, &s->retry, ZU_SESSION_RETRY_MS);
            return;
        }
        s->batch_parts = 0;
        fill(s, o);
        if (zu_unlikely(o->piece_count == 0 && is_streaming(s))) {
            s->stream_parts = 0; /* all was dropped: without a batch nobody would look again */
            fill(s, o);
        }
        s->batch_bytes = (uint32_t)o->bytes;
        s->loop->written += o->bytes;
    }
    if (s->out && s->out->piece_count > 0)
        start_send(s);
    else
        zu_session_out_reset(s);
    if (zu_unlikely(s->state != ZU_SESSION_ACTIVE) && !s->send_busy)
        zu_session_settle(s); /* DRAINING, or a peer that is not let in */
}

void zu_session_pump(struct zu_session *s)
{
    if (s->pipe && gathers(s))
        return;
    zu_list_remove(&s->gathered.link);
    pump(s);
}

/* What came meanwhile says whether it is a stream still. */
void zu_session_gathered(struct zu_later *l)
{
    struct zu_session *s = zu_container_of(l, struct zu_session, gathered);

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

/* `n` bytes of the batch are on their way. True: all of it is. */
static bool advance(struct zu_out *o, size_t n)
{
    while (o->piece_at < o->piece_count) {
        struct iovec *p = &o->pieces[o->piece_at];

        if (n < p->iov_len) {
            p->iov_base = (uint8_t *)p->iov_base + n;
            p->iov_len -= n;
            return false;
        }
        n -= p->iov_len;
        o->piece_at++;
    }
    return true;
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

void zu_session_send_done(struct zu_op *op, int res, uint32_t flags)
{
    struct zu_session *s = zu_container_of(op, struct zu_session, send_op);

    (void)flags;
    s->send_busy = false;
    if (s->state == ZU_SESSION_CLOSING) {
        zu_session_settle(s);
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
        zu_session_out_reset(s);
        zu_session_hold(s);
        zu_session_receive(s);
        zu_session_settle(s);
        zu_session_drop(s);
        return;
    }
    s->bytes_out += (size_t)res;
    zu_session_count_bytes(s);
    if (!advance(s->out, (size_t)res)) {
        start_send(s);
        return;
    }
    if (zu_unlikely(s->out->loan != LOAN_NONE))
        s->out = NULL; /* the kernel has it: loan_done sees to it */
    else
        start_over(s->out);
    zu_session_pump(s);
}

static void loan_done(struct zu_op *op, int res, uint32_t flags)
{
    struct zu_out *o = zu_container_of(op, struct zu_out, loan_op);
    struct zu_session *s = o->session;
    bool asked = o->loan == LOAN_ASKED;

    if (flags & ZU_OP_COPIED || (asked && res < 0))
        s->zero_copy_min = NEVER;
    if (flags & ZU_OP_MORE) {
        o->loan = LOAN_OPEN;
    } else {
        o->loan = LOAN_NONE;
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
    struct zu_kernel *k = s->loop->kernel;

    if (!s->send_busy)
        return;
    if (s->out->loan == LOAN_ASKED)
        k->table->cancel(k, &s->out->loan_op);
    else
        k->table->cancel(k, &s->send_op);
}

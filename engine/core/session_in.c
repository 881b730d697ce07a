/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in. A receive brings a block; everything in it is parsed and written into the pipe,
 * and then the pipe is flushed once. A body that is not all there yet is completed from the next
 * block, or, when much is missing, received straight into the message: into its own memory and a
 * little behind it, so that the same receive brings the next header too, and no more of the next
 * body than is cheap to copy. While bodies are large, a header is waited for with as little.
 *
 * A small body is copied out of the block into a slab of 8 KiB, so that one message kept by the
 * application never pins a large block; a body of at least an eighth of the block is a slice of it.
 *
 * When the pipe is full, reading stops where it is, in the middle of a block if need be, and goes
 * on when the pipe says `writable`. A connection that waits for bytes owns no block, but for
 * ZU_SESSION_AHEAD bytes when the last thing that came was a part of a large body.
 */
#include "engine/base/alloc.h"
#include "engine/core/props.h"
#include "engine/core/web.h"
#include "engine/wire/command.h"
#include "engine/wire/frame.h"

#include <errno.h>

enum {
    SLICE_MIN = ZU_RECV_BLOCK_SIZE / 8,
    DIRECT_MIN = 32 * 1024, /* what is missing of a body of this size is received in place */
    HUGE_BODY = 1 << 30, /* who announces more than this, and more than there is, means no good */
    EXPECT_MAX = 512 * 1024, /* of a long body the kernel tells so many bytes at once */
    HANDSHAKE_MAX =
        64 * 1024,        /* of a stranger's frame: the longest that anybody says is far less */
    PROPS_AT_ONCE = 4096, /* counts taken with one atomic operation */
};

void zu_session_in_reset(struct zu_session *s)
{
    if (s->in_block)
        zu_kernel_give_block(s->kernel, s->in_block);
    s->in_block = NULL;
    s->in_at = s->in_end = NULL;
    if (s->in_msg.kind != ZU_MSG_CLOSED)
        zu_msg_close(&s->in_msg);
    s->in_filled = 0;
    s->in_expected = 1; /* a new descriptor comes next */
    s->in_whole = s->in_place = s->in_wrapped = s->large = s->paused = false;
    s->in_refused = s->in_refused_part = false;
    s->in_stash_size = 0;
    s->screen_at = 0;
    s->given_up = false;
}

/* Takes `count` counts, at most PROPS_AT_ONCE, on the properties, which messages get. */
static void lend_many(struct zu_session *s, size_t count)
{
    if (!s->props)
        return;
    if (s->props_credit < count) {
        zu_props_hold(s->props, PROPS_AT_ONCE);
        s->props_credit += PROPS_AT_ONCE;
    }
    s->props_credit -= (uint32_t)count;
}

struct zu_props *zu_session_lend_props(struct zu_session *s)
{
    lend_many(s, 1);
    return s->props;
}

static size_t in_left(const struct zu_session *s)
{
    return (size_t)(s->in_end - s->in_at);
}

/* Writes in_msg to the socket's pipe. -EAGAIN: no room; it waits where it is. */
static int hand_on(struct zu_session *s)
{
    struct zu_msg *m = &s->in_msg;
    int rc = -EPIPE;

    if (zu_likely(s->pipe != NULL)) {
        m->props = zu_session_lend_props(s);
        rc = zu_pipe_write(s->pipe, m);
    }
    if (zu_likely(rc == 0)) {
        m->kind = ZU_MSG_CLOSED; /* the empty message that is left holds nothing */
        return 0;
    }
    if (m->props) { /* the loan goes back */
        m->props = NULL;
        s->props_credit++;
    }
    if (rc == -EPIPE) { /* the socket has let go: nobody will read it */
        if (zu_session_is_message(s, m))
            zu_session_lose(s, 1);
        zu_msg_close(m);
        return 0;
    }
    if (rc == -ENOMEM && !s->by_hand)
        zu_timer_set(s->loop, &s->retry, ZU_SESSION_RETRY_MS);
    s->in_whole = true;
    return -EAGAIN;
}

static uint8_t opened_flags(uint8_t flags)
{
    return flags & (ZU_MSG_MORE | ZU_MSG_COMMAND);
}

/* in_msg is a sealed frame, in whatever memory: what was in it takes its place. 1; 0: none. */
static zu_cold int open_msg(struct zu_session *s, struct zu_msg *m)
{
    size_t size = zu_msg_size(m), head;
    uint8_t *data = zu_msg_data(m), flags = 0;
    bool command = m->flags & ZU_MSG_COMMAND; /* nobody seals one so: see take_sealed */
    struct zu_msg small;
    ssize_t inside = zu_session_open(s, data, size, &flags);

    if (inside < 0 || command)
        return (int)ZU_MIN(inside, 0);
    head = size - (size_t)inside;
    if (inside <= ZU_MSG_INLINE_MAX) {
        zu_msg_init_copy(&small, data + head, (size_t)inside); /* takes no memory */
        zu_msg_close(m);
        *m = small;
    } else {
        m->big.data += head;
        m->big.size -= head;
    }
    m->flags = opened_flags(flags);
    return 1;
}

/* in_msg is complete, as it came. 1: now it is as any other; 0: there was none in it. */
static zu_cold int unwrap(struct zu_session *s, struct zu_msg *m)
{
    int rc = s->web ? zu_session_web_unwrap(s, m) : 1;

    s->in_wrapped = false;
    return rc == 1 && s->sealed ? open_msg(s, m) : rc;
}

/* A caller has come upon something to be answered, or worse. */
static zu_cold int leave_to_the_loop(struct zu_session *s)
{
    s->in_whole = true;
    return -EBUSY;
}

/* in_msg is complete: a frame for the handshake, for the session itself, or for the socket. */
static int deliver(struct zu_session *s)
{
    struct zu_msg *m = &s->in_msg;
    int rc = 1;

    s->in_whole = false;
    zu_session_beat_heard(s); /* a PING that came in the same receive waits no longer, either */
    if (zu_unlikely(s->in_wrapped)) {
        if (s->by_hand && s->web && zu_session_web_is_control(s))
            return leave_to_the_loop(s);
        if ((rc = unwrap(s, m)) <= 0) {
            zu_msg_close(m);
            return rc;
        }
    }
    if (zu_unlikely(s->by_hand) && m->flags & ZU_MSG_COMMAND)
        return leave_to_the_loop(s);
    if (zu_unlikely(s->state < ZU_SESSION_ACTIVE))
        rc = zu_session_hear_handshake(s, m);
    else if (zu_unlikely(m->flags & ZU_MSG_COMMAND))
        rc = s->state == ZU_SESSION_GOODBYE ? 0 : zu_session_hear_command(s, m);
    if (rc <= 0) {
        zu_msg_close(m);
        return rc;
    }
    if (s->socket->pattern->screen && (rc = s->socket->pattern->screen(&s->screen_at, m)) < 0)
        return rc;
    return hand_on(s);
}

static uint8_t msg_flags(const struct zu_frame *f)
{
    return (f->flags & ZU_FRAME_MORE ? ZU_MSG_MORE : 0) |
           (f->flags & ZU_FRAME_COMMAND ? ZU_MSG_COMMAND : 0);
}

/* A body of which `here` bytes have come. One that is large, and will be completed in place, has
 * memory for ZU_SESSION_AHEAD more bytes than it says. */
static int init_body(struct zu_session *s, struct zu_msg *m, uint64_t size, size_t here)
{
    bool in_place = size >= DIRECT_MIN && here < size;
    int rc = -EMSGSIZE;

    if (size > SIZE_MAX / 2)
        return rc;
    if (!in_place)
        rc = zu_msg_init_size_from(m, (size_t)size, s->slab);
    else
        rc = zu_msg_init_size(m, (size_t)size + ZU_SESSION_AHEAD);
    if (rc == -ENOMEM && size > HUGE_BODY)
        return -EMSGSIZE;
    if (rc == 0 && in_place) {
        m->big.size = (size_t)size;
        s->in_place = s->large = true;
    }
    return rc;
}

/* A body that begins at in_at; all of it may be there, or a part. */
static int take_body(struct zu_session *s, const struct zu_frame *f)
{
    struct zu_msg *m = &s->in_msg;
    size_t here = ZU_MIN(f->size, in_left(s));

    if (f->size >= SLICE_MIN && here == f->size) {
        zu_block_hold(s->in_block);
        zu_msg_init_slice(m, s->in_block, s->in_at, f->size);
    } else {
        int rc = init_body(s, m, f->size, here);

        if (rc < 0)
            return rc;
        memcpy(zu_msg_data(m), s->in_at, here);
    }
    m->flags |= msg_flags(f);
    s->in_at += here;
    s->in_filled = here;
    return here == f->size ? deliver(s) : 1;
}

/* A sealed frame that is all there is opened where it lies; then it is as any other. A command is
 * one inside, never the frame around it: libzmq drops what comes otherwise, and so do we. */
static int take_sealed(struct zu_session *s, const struct zu_frame *f)
{
    struct zu_frame inside;
    uint8_t flags = 0;
    ssize_t size = zu_session_open(s, s->in_at, f->size, &flags);

    if (size < 0)
        return (int)size;
    inside.size = (uint64_t)size;
    s->in_at += f->size - inside.size;
    if (f->flags & ZU_FRAME_COMMAND) {
        s->in_at += inside.size;
        return 1;
    }
    inside.flags = (uint8_t)((flags & ZU_MSG_MORE ? ZU_FRAME_MORE : 0) |
                             (flags & ZU_MSG_COMMAND ? ZU_FRAME_COMMAND : 0));
    return take_body(s, &inside);
}

/* What is whole is unwrapped where it lies; of the rest the body is completed first. */
static zu_cold int take_wrapped(struct zu_session *s, const struct zu_frame *f)
{
    bool here = f->size <= in_left(s);

    s->in_wrapped = true;
    if (!here || (s->web && !zu_session_web_is_whole(s)))
        return take_body(s, f);
    s->in_wrapped = false;
    if (s->web)
        zu_session_web_unmask(s, s->in_at, f->size);
    return s->sealed ? take_sealed(s, f) : take_body(s, f);
}

/* The peer will be cut off. What came behind is counted then: see zu_session_lose_unread. */
static zu_cold int refuse(struct zu_session *s, const struct zu_frame *f)
{
    if (s->state == ZU_SESSION_ACTIVE && f->size <= in_left(s)) {
        s->in_at += f->size;
        s->in_refused = true;
        s->in_refused_part = f->flags & ZU_FRAME_MORE;
    }
    return -EMSGSIZE;
}

static int take_frame(struct zu_session *s, const struct zu_frame *f)
{
    int64_t max = s->options->maxmsgsize;

    if (max >= 0 && f->size > (uint64_t)max)
        return refuse(s, f);
    if (zu_unlikely(s->state < ZU_SESSION_ACTIVE) && f->size > HANDSHAKE_MAX)
        return -EMSGSIZE;
    return zu_unlikely(s->wrapped) ? take_wrapped(s, f) : take_body(s, f);
}

static zu_cold int read_rare_head(struct zu_session *s, struct zu_reader *r, struct zu_frame *f)
{
    return s->web ? zu_session_web_read_head(s, r, f) : zu_frame_read_v1(r, f);
}

static int read_head(struct zu_session *s, struct zu_reader *r, struct zu_frame *f)
{
    return zu_unlikely(s->version <= ZU_ZMTP_1_0) ? read_rare_head(s, r, f)
                                                  : zu_frame_read_v2(r, f);
}

/* A header that began in an earlier block: its first bytes are in the stash. */
static int take_stashed_head(struct zu_session *s, struct zu_frame *f)
{
    uint8_t head[sizeof s->in_stash];
    size_t had = s->in_stash_size;
    size_t more = ZU_MIN(in_left(s), sizeof head - had);

    memcpy(head, s->in_stash, had);
    memcpy(head + had, s->in_at, more);
    struct zu_reader r = zu_reader_of(head, had + more);
    int rc = read_head(s, &r, f);

    if (rc == -EAGAIN) {
        memcpy(s->in_stash, head, had + more);
        s->in_stash_size = (uint8_t)(had + more);
        s->in_at += more;
        return rc;
    }
    if (rc == 0) {
        s->in_at += (size_t)(r.at - head) - had;
        s->in_stash_size = 0;
    }
    return rc;
}

static int take_head(struct zu_session *s, struct zu_frame *f)
{
    if (zu_unlikely(s->in_stash_size))
        return take_stashed_head(s, f);
    struct zu_reader r = zu_reader_of(s->in_at, in_left(s));
    int rc = read_head(s, &r, f);

    if (zu_likely(rc == 0)) {
        s->in_at += (size_t)(r.at - s->in_at);
    } else if (rc == -EAGAIN) {
        s->in_stash_size = (uint8_t)in_left(s);
        memcpy(s->in_stash, s->in_at, s->in_stash_size);
        s->in_at = s->in_end;
    }
    return rc;
}

/*
 * A stream of small messages is taken in runs: frames that are all there, straight into the room
 * that the pipe has. What must be looked at more closely ends a run, and goes the long way.
 */
static bool may_run(const struct zu_session *s)
{
    return s->state == ZU_SESSION_ACTIVE && s->version >= ZU_ZMTP_2_0 && s->pipe &&
           !s->in_stash_size && !s->wrapped && !s->socket->pattern->screen &&
           s->options->maxmsgsize < 0;
}

/* Writes the item of a small body: see zu_item_write_small. NULL: it is not small, or there is no
 * memory for it. */
static inline uint64_t *write_small(struct zu_session *s, uint64_t *at, const uint8_t *body,
                                    size_t size, uint8_t flags)
{
    struct zu_block *owner;
    void *data;

    if (zu_likely(size <= ZU_MSG_INLINE_MAX))
        return zu_item_write_small(at, s->props, body, size, flags);
    if (size > ZU_SLAB_MAX || !(data = zu_slab_take(s->slab, size, &owner)))
        return NULL;
    zu_slab_fetch(s->slab);
    __builtin_prefetch(at + ZU_QUEUE_AHEAD, 1);
    zu_copy_body(data, body, size);
    return zu_item_write_slice(at, s->props, data, size, owner, flags);
}

/* False: not even one. */
static bool take_run(struct zu_session *s)
{
    struct zu_reader r = zu_reader_of(s->in_at, in_left(s));
    size_t parts = 0, whole = 0, messages = 0;
    uint64_t *end, room, *at = zu_pipe_room(s->pipe, &end, &room), *whole_at = at, *next;
    struct zu_frame f;

    while (at < end && messages < room && parts < PROPS_AT_ONCE &&
           zu_left(&r) >= ZU_FRAME_HEADER_MAX + ZU_MSG_INLINE_MAX) {
        if (zu_frame_read_v2(&r, &f) < 0 || f.flags & ZU_FRAME_COMMAND || f.size > zu_left(&r) ||
            !(next = write_small(s, at, r.at, f.size, msg_flags(&f))))
            break;
        at = next;
        parts++;
        s->in_at += (size_t)(r.at - s->in_at) + f.size;
        r.at = s->in_at;
        if (!(f.flags & ZU_FRAME_MORE)) {
            whole = parts;
            whole_at = at;
            messages++;
        }
    }
    if (parts == 0)
        return false;
    zu_session_beat_heard(s);
    lend_many(s, parts);
    if (!s->by_hand)
        zu_pace_count(&s->loop->pace, parts);
    zu_pipe_fill(s->pipe, whole_at, whole, messages);
    zu_pipe_fill(s->pipe, at, parts - whole, 0);
    return true;
}

/* Copies what the block has of the body that is being filled. */
static int fill_body(struct zu_session *s)
{
    size_t size = zu_msg_size(&s->in_msg);
    size_t n = ZU_MIN(in_left(s), size - s->in_filled);

    memcpy((uint8_t *)zu_msg_data(&s->in_msg) + s->in_filled, s->in_at, n);
    s->in_at += n;
    s->in_filled += n;
    return s->in_filled == size ? deliver(s) : 1;
}

/* Without ZMTP whatever came is a message, in pieces of in_batch at most. */
static int take_raw(struct zu_session *s)
{
    size_t n = ZU_MIN(in_left(s), (size_t)s->options->in_batch);
    int rc = zu_msg_init_copy(&s->in_msg, s->in_at, n);

    if (rc < 0)
        return rc;
    s->in_at += n;
    return deliver(s);
}

/* Nothing that comes counts any more. */
static inline bool is_deaf(const struct zu_session *s)
{
    return zu_unlikely(s->deaf || s->state >= ZU_SESSION_CLOSING) ||
           (zu_unlikely(s->state < ZU_SESSION_ACTIVE) && s->turned_away);
}

int zu_session_parse(struct zu_session *s)
{
    int rc = 0;

    if (s->in_whole) /* it waited for room; or its body was received in place just now */
        rc = s->paused ? hand_on(s) : deliver(s);
    if (s->paused && rc >= 0)
        zu_session_beat_heard(s); /* only now does the peer's silence begin to count */
    s->paused = false;
    s->in_whole = rc == -EAGAIN || rc == -EBUSY;
    while (rc >= 0 && s->in_at != s->in_end) {
        struct zu_frame f;

        if (is_deaf(s)) {
            s->in_at = s->in_end;
            return 0;
        }
        if (s->state == ZU_SESSION_GREETING) {
            rc = zu_session_hear_greeting(s);
            if (rc == -EAGAIN)
                return 0;
        } else if (s->in_msg.kind != ZU_MSG_CLOSED) {
            rc = fill_body(s);
        } else if (s->raw) {
            rc = take_raw(s);
        } else if (may_run(s) && take_run(s)) {
            continue;
        } else {
            rc = take_head(s, &f);
            if (rc == -EAGAIN)
                return 0;
            if (rc == 0)
                rc = take_frame(s, &f);
        }
    }
    return ZU_MIN(rc, 0);
}

static void expect(struct zu_session *s, int bytes)
{
    if (bytes == s->in_expected || !s->transport->expect)
        return;
    s->in_expected = bytes;
    s->transport->expect(s->fd, bytes);
}

/*
 * Of a large body the kernel need not tell every piece that comes. But heartbeats go by what we
 * have not read yet, which must not be what we do not want to hear of; and a goodbye is to leave
 * nothing unread.
 */
void zu_session_expect(struct zu_session *s)
{
    size_t missing = zu_session_missing(s);

    expect(s, missing < ZU_SESSION_LONG || s->beat || s->state > ZU_SESSION_ACTIVE
                  ? 1
                  : (int)ZU_MIN(missing, (size_t)EXPECT_MAX));
}

void zu_session_expect_any(struct zu_session *s)
{
    expect(s, 1);
}

void zu_session_begin_recv(struct zu_session *s)
{
    struct zu_kernel *k = s->kernel;
    bool was_large = s->large;

    s->recv_busy = true;
    zu_session_expect(s);
    if (s->in_place) {
        k->table->recv(k, &s->recv_op, s->fd, (uint8_t *)s->in_msg.big.data + s->in_filled,
                       s->in_msg.big.size - s->in_filled + ZU_SESSION_AHEAD);
        return;
    }
    s->large = false;
    if (was_large && (s->in_block = zu_block_new(ZU_SESSION_AHEAD)) != NULL)
        k->table->recv(k, &s->recv_op, s->fd, s->in_block->data, ZU_SESSION_AHEAD);
    else
        k->table->recv_block(k, &s->recv_op, s->fd);
}

static void start_recv(struct zu_session *s)
{
    if (zu_likely(!s->near) || !zu_session_leave_intake(s))
        zu_session_begin_recv(s);
}

/* `n` bytes were received in place. What came behind the body is moved where parsing goes on. */
static int took_in_place(struct zu_session *s, size_t n)
{
    size_t size = s->in_msg.big.size, ahead;

    s->in_filled += n;
    if (s->in_filled < size)
        return 0;
    ahead = s->in_filled - size;
    s->in_filled = size;
    s->in_place = false;
    s->in_whole = true;
    if (ahead == 0)
        return 0;
    s->in_block = zu_block_new(ZU_SESSION_AHEAD);
    if (!s->in_block)
        return -ENOMEM;
    memcpy(s->in_block->data, s->in_msg.big.data + size, ahead);
    s->in_at = s->in_block->data;
    s->in_end = s->in_at + ahead;
    return 0;
}

/* `n` bytes were received; into a block of the loop's where there is one. */
int zu_session_took(struct zu_session *s, struct zu_block *b, size_t n)
{
    zu_session_beat_heard(s);
    zu_session_count_in(s, n, s->by_hand ? zu_loop_clock_ms(s->loop) : s->loop->now_ms);
    if (!b && s->in_place)
        return took_in_place(s, n);
    if (b)
        s->in_block = b;
    s->in_at = s->in_block->data;
    s->in_end = s->in_at + n;
    return 0;
}

enum zu_loss zu_session_loss_of(int err)
{
    switch (err) {
    case -ECANCELED: return ZU_LOSS_LOCAL; /* the socket closed meanwhile */
    case -EPROTO:
    case -EMSGSIZE:
    case -EINVAL: return ZU_LOSS_PROTOCOL;
    default: return ZU_LOSS_CONNECTION;
    }
}

/* A receive said `res`: bytes, which were taken, or why there are none. */
static void go_on(struct zu_session *s, int res)
{
    if (res == 0)
        s->eof = true;
    if (res == -EAGAIN || res == -ENOBUFS) /* the kernel's own shortage */
        zu_timer_set(s->loop, &s->retry, ZU_SESSION_RETRY_MS);
    else if (res < 0 && res != -EINTR && s->tunnel)
        zu_session_tunnel_failed(s, res);
    else if (res < 0 && res != -EINTR)
        zu_session_fail(s, ZU_LOSS_CONNECTION, -res);
    else
        zu_session_receive(s);
}

/* What a caller has left. True: that was all there is to be done. */
static zu_apart bool take_over(struct zu_session *s)
{
    int res = s->given_res, rc = s->given_error;

    s->given_up = false;
    if (res <= 0)
        go_on(s, res);
    else if (rc < 0)
        zu_session_break(s, zu_session_loss_of(rc), -rc);
    return res <= 0 || rc < 0;
}

void zu_session_receive(struct zu_session *s)
{
    if (s->recv_busy || !zu_session_connected(s))
        return;
    zu_session_claim_intake(s);
    if (zu_unlikely(s->given_up) && take_over(s))
        return;
    int rc = zu_session_parse(s);

    if (s->pipe)
        zu_pipe_flush(s->pipe);
    s->paused = rc == -EAGAIN;
    if (s->paused || !zu_session_connected(s))
        return;
    if (rc < 0 && s->state == ZU_SESSION_GOODBYE) {
        s->deaf = true;
        s->in_at = s->in_end;
    } else if (rc < 0) {
        zu_session_break(s, zu_session_loss_of(rc), -rc);
        return;
    }
    if (s->in_block && s->in_at == s->in_end) {
        zu_kernel_give_block(s->kernel, s->in_block);
        s->in_block = NULL;
        s->in_at = s->in_end = NULL;
    }
    if (s->eof)
        zu_session_fail(s, ZU_LOSS_CONNECTION, EPIPE);
    else
        start_recv(s);
}

void zu_session_recv_done(struct zu_op *op, int res, uint32_t flags)
{
    struct zu_session *s = zu_container_of(op, struct zu_session, recv_op);
    struct zu_block *b = flags & ZU_OP_BLOCK ? zu_kernel_block(op) : NULL;
    int rc;

    s->recv_busy = false;
    if (b && (res <= 0 || !zu_session_connected(s)))
        zu_kernel_give_block(s->kernel, b);
    if (!zu_session_connected(s)) {
        zu_session_settle(s);
        return;
    }
    if (zu_unlikely(s->send_dead && res > 0))
        s->goodbye_ms = s->loop->now_ms;
    if (res > 0 && (rc = zu_session_took(s, b, (size_t)res)) < 0)
        res = rc;
    if (res == -ECANCELED && s->cancels > 0) {
        s->cancels--;
        res = -EINTR;
    }
    go_on(s, res);
}

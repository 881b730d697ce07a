/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a batch is filled: messages from the pipe become frames. Runs of small ones are encoded where
 * they lie in the pipe; a large body is sent from where it is; what a mechanism seals is sealed as
 * it is copied.
 */
#define ZMQ_BUILD_DRAFT_API /* ZMQ_DISH */
#include "engine/core/out.h"
#include "engine/core/web.h"
#include "engine/wire/command.h"
#include "engine/wire/frame.h"

#include <errno.h>

enum {
    BATCH_BYTES = 128 * 1024, /* a batch ends when it holds this much */
    STREAM_PARTS = 16,        /* a stream: that many without the pipe being found empty */
    RESERVE_PIECES = 4,       /* for what is said while a batch is in flight */
    SUBSCRIPTION_MAX = 16,    /* bytes before a topic */
    HEAD_MAX = ZU_ZWS_HEADER_MAX + SUBSCRIPTION_MAX,
};

/* Large bodies count one by one: a batch holds no more of them than the pipe may. What lies in a
 * log ends it, also where the kernel refused it for now and the batch is here once more. */
static bool batch_is_full(const struct zu_session *s, const struct zu_out *o)
{
    uint32_t limit = s->pipe->in_limit;

    /* Two pieces for the next message at most: its header and its body. */
    return o->run.block || o->bytes >= BATCH_BYTES ||
           o->piece_count + 2 > ZU_OUT_PIECES - RESERVE_PIECES ||
           o->held_count == zu_array_len(o->held) || (limit && o->held_count >= limit) ||
           zu_out_room(o) < HEAD_MAX + ZU_OUT_COPY + ZU_OUT_RESERVE;
}

/* Does a subscription go as a command? A DISH's always does; of ZWS no other. */
static bool has_commands(const struct zu_session *s)
{
    if (s->web)
        return s->options->type == ZMQ_DISH;
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
    size_t head = zu_session_write_head(s, at, body, command);

    memcpy(at + head, before, size);
    return head + size;
}

zu_cold size_t zu_session_write_head(const struct zu_session *s, uint8_t *at, size_t size,
                                     uint8_t flags)
{
    if (s->web)
        return zu_session_web_write_head(s, at, size, flags);
    if (s->version <= ZU_ZMTP_1_0)
        return zu_frame_write_v1(at, size, flags & ZU_FRAME_MORE);
    return zu_frame_write_v2(at, size, flags);
}

static size_t write_head(const struct zu_session *s, uint8_t *at, const struct zu_msg *m,
                         size_t size)
{
    if (s->raw)
        return 0;
    if (zu_unlikely(m->flags & (ZU_MSG_SUBSCRIBE | ZU_MSG_CANCEL)))
        return write_subscription_head(s, at, m->flags, size);
    if (zu_unlikely(s->version <= ZU_ZMTP_1_0))
        return zu_session_write_head(s, at, size, m->flags & ZU_MSG_MORE);
    return zu_frame_write_v2(at, size, m->flags & ZU_MSG_MORE ? ZU_FRAME_MORE : 0);
}

/* Takes *m into the batch. There is room: see batch_is_full. */
static void encode(struct zu_session *s, struct zu_out *o, struct zu_msg *m)
{
    size_t size = zu_msg_size(m);
    uint8_t *at = o->block + o->filled;
    size_t head = write_head(s, at, m, size);

    s->out_part = m->flags & ZU_MSG_MORE;
    if (zu_unlikely(s->raw || s->wrapped) && !(m->flags & ZU_MSG_MORE))
        zu_out_mark(o, head + size);
    if (size <= ZU_OUT_COPY) {
        memcpy(at + head, zu_msg_data(m), size);
        zu_out_add_bytes(o, head + size);
        zu_msg_close(m);
        return;
    }
    if (head)
        zu_out_add_bytes(o, head);
    zu_out_add_body(o, zu_msg_data(m), size, m);
}

bool zu_session_is_streaming(const struct zu_session *s)
{
    return s->stream_parts >= STREAM_PARTS && s->state == ZU_SESSION_ACTIVE;
}

/* While messages stream the pipe is not told that we wait for more: we look again by ourselves. */
static bool can_read(struct zu_session *s)
{
    if (zu_session_is_streaming(s) && !zu_pipe_has(s->pipe))
        return false;
    if (zu_pipe_can_read(s->pipe))
        return true;
    s->stream_parts = 0;
    return false;
}

/* A part that does not go out: a routing id; or the rest of a message whose beginning went with the
 * connection before, which is lost when that is all. */
static zu_cold void skip_part(struct zu_session *s, struct zu_msg *m)
{
    if (s->out_skip_rest && !(m->flags & ZU_MSG_MORE)) {
        s->out_skip_rest = false;
        zu_session_lose(s, !(m->flags & ZU_MSG_ID));
    }
    zu_msg_close(m);
}

/* ---- wrapped: what needs a copy anyway is sealed on the way, and masked where it has come ---- */

/* A WebSocket's server only writes other headers. */
static bool is_copied(const struct zu_session *s)
{
    return s->sealed || (s->web && s->web->client);
}

static size_t seal_room(const struct zu_session *s)
{
    return s->sealed ? s->mechanism->seal_head : 0;
}

static size_t seal_tail(const struct zu_session *s)
{
    return s->sealed ? s->mechanism->seal_tail : 0;
}

static size_t copied_size(const struct zu_session *s, const struct zu_msg *m)
{
    return HEAD_MAX + seal_room(s) + seal_tail(s) + zu_msg_size(m);
}

/* A frame whose header said more than its body of `size` bytes has come to: the header is written
 * anew, at `frame`, and the body moved behind it. Returns the header's size. */
static zu_cold size_t correct_head(const struct zu_session *s, uint8_t *frame, size_t head,
                                   size_t size)
{
    uint8_t bytes[HEAD_MAX];
    size_t real = zu_session_write_head(s, bytes, size, 0);

    if (real != head)
        memmove(frame + real, frame + head, size);
    memcpy(frame, bytes, real);
    return real;
}

/* Wraps a copy of *m into the batch's block or, where it is too large for that, into memory of its
 * own. There is room in the block for a header. -ENOMEM, -EPROTO. */
static int encode_copy(struct zu_session *s, struct zu_out *o, struct zu_msg *m)
{
    static_assert((int)ZU_MSG_MORE == (int)ZU_FRAME_MORE, "one bit for both");
    size_t room = seal_room(s), before = 0, size = zu_msg_size(m), most, head;
    uint8_t *frame = o->block + o->filled, *at, subscription[SUBSCRIPTION_MAX];
    uint8_t flags = m->flags & ZU_MSG_MORE, outside;
    struct zu_msg own = {.kind = ZU_MSG_CLOSED};
    const uint8_t *from = zu_msg_data(m);
    ssize_t whole;

    if (zu_unlikely(m->flags & (ZU_MSG_SUBSCRIBE | ZU_MSG_CANCEL))) {
        before = write_subscription(s, subscription, m->flags);
        flags = has_commands(s) ? ZU_MSG_COMMAND : 0;
    }
    most = room + before + size + seal_tail(s);
    if (copied_size(s, m) + ZU_OUT_RESERVE > zu_out_room(o) && zu_msg_init_size(&own, most) < 0)
        return -ENOMEM;
    outside = flags & ZU_MSG_COMMAND ? ZU_FRAME_COMMAND : flags;
    head = zu_session_write_head(s, frame, most, s->sealed ? 0 : outside);
    at = own.kind == ZU_MSG_CLOSED ? frame + head : zu_msg_data(&own);
    if (!s->sealed || before) {
        memcpy(at + room, subscription, before);
        memcpy(at + room + before, from, size);
        from = at + room;
    }
    whole = s->sealed ? s->mechanism->seal(s->handshake, at, from, before + size, flags)
                      : (ssize_t)most;
    if (zu_unlikely(whole < 0)) {
        zu_msg_close(&own);
        return (int)whole;
    }
    if (zu_unlikely((size_t)whole != most)) { /* less: nobody could tell before it was sealed */
        if (own.kind == ZU_MSG_CLOSED)
            at = frame + (head = correct_head(s, frame, head, (size_t)whole));
        else
            head = zu_session_write_head(s, frame, (size_t)whole, 0);
    }
    if (s->web)
        zu_session_web_mask(s, at, (size_t)whole);
    if (!(flags & ZU_MSG_MORE))
        zu_out_mark(o, head + (size_t)whole);
    if (own.kind == ZU_MSG_CLOSED) {
        zu_out_add_bytes(o, head + (size_t)whole);
        return 0;
    }
    zu_out_add_bytes(o, head);
    zu_out_add_body(o, at, (size_t)whole, &own);
    return 0;
}

/* What is next could not be sealed: for want of memory, and then it is tried again; or never will
 * be, and then the connection ends by the receive that is in flight, as if the peer had gone. */
static zu_cold int fail_copy(struct zu_session *s, int rc)
{
    if (rc == -ENOMEM)
        return rc;
    shutdown(s->fd, SHUT_RDWR);
    return 0;
}

/* The next part is looked at first: one that the block has no more room for goes into the next. */
static int fill_wrapped(struct zu_session *s, struct zu_out *o)
{
    struct zu_msg m;
    bool skip, copied = is_copied(s);
    int rc;
    uint64_t read;

    while (s->pipe && !batch_is_full(s, o) && can_read(s) && zu_pipe_peek(s->pipe, &m)) {
        size_t size = copied_size(s, &m);

        if (copied && size + ZU_OUT_RESERVE > zu_out_room(o) && size < ZU_OUT_BLOCK / 2)
            return 0;
        skip = s->out_skip_rest || (m.flags & ZU_MSG_ID);
        if (!skip && copied && (rc = encode_copy(s, o, &m)) < 0) {
            return fail_copy(s, rc);
        }
        read = s->pipe->meter.read;
        if (zu_pipe_read(s->pipe, &m) < 0)
            return 0;
        if (zu_unlikely(skip)) {
            skip_part(s, &m);
            continue;
        }
        s->out_part = m.flags & ZU_MSG_MORE;
        s->batch_messages += s->pipe->meter.read != read;
        if (zu_msg_size(&m) <= ZU_OUT_COPY) { /* as fill_plain does */
            s->stream_parts++;
            s->batch_parts++;
        }
        if (copied)
            zu_msg_close(&m);
        else
            encode(s, o, &m);
    }
    return 0;
}

int zu_session_encode(struct zu_session *s, struct zu_out *o, struct zu_msg *m)
{
    int rc;

    if (zu_out_room(o) < HEAD_MAX + ZU_OUT_COPY || o->piece_count + 2 > ZU_OUT_PIECES)
        return -ENOBUFS;
    if (!is_copied(s)) {
        encode(s, o, m);
        return 0;
    }
    rc = encode_copy(s, o, m);
    if (rc == 0)
        zu_msg_close(m);
    return rc;
}

/* What a part needs of the block when it is copied: header, body, and what an inline body may be
 * copied as. */
#define COPY_ROOM (ZU_FRAME_HEADER_MAX + ZU_OUT_COPY + ZU_MSG_INLINE_MAX)

/* An item that is nothing but a header and a body to be copied; not what a session or a mechanism
 * has to see. */
static bool is_plain(const uint64_t *item, uint64_t head)
{
    return zu_item_is_plain(head, ZU_MSG_MORE | ZU_MSG_SHARED) && !item[1] &&
           zu_item_size(head) <= ZU_OUT_COPY;
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
    __builtin_prefetch((const uint8_t *)zu_item_body(item) + ZU_SLAB_AHEAD);
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
    const uint8_t *full = o->block + ZU_OUT_BLOCK - ZU_OUT_RESERVE - COPY_ROOM;
    struct zu_tally tally = {0};
    size_t count, parts = 0, messages = 0;
    const uint64_t *item = zu_pipe_run(s->pipe, &count);
    bool more = false;

    for (; parts < count && at <= full && is_plain(item, *item); parts++) {
        uint64_t head = *item; /* loaded once: what is written below might be it */

        zu_queue_fetch_behind(item, ZU_QUEUE_AHEAD, count - parts);
        more = zu_item_flags(head) & ZU_MSG_MORE;
        messages += !more;
        at = encode_plain(at, item, head, &tally);
        item += zu_item_words(head);
    }
    if (parts == 0)
        return false;
    zu_tally_settle(&tally);
    s->out_part = more;
    zu_out_add_bytes(o, (size_t)(at - from));
    zu_pipe_take_run(s->pipe, item, parts, messages);
    s->batch_messages += (uint32_t)messages;
    s->stream_parts += (uint32_t)parts;
    s->batch_parts += (uint32_t)parts;
    return true;
}

/* What comes next is in a log. False: nothing more for this batch. */
static bool fill_from_log(struct zu_session *s, struct zu_out *o)
{
    struct zu_log_run run;
    struct zu_msg m;

    switch (zu_tap_read(s->tap, &run)) {
    case ZU_TAPPED_SOME:
        zu_out_add_run(o, &run);
        zu_queue_count_most(s->pipe->in, run.messages);
        zu_pipe_count_read(s->pipe, run.messages);
        s->batch_messages += run.messages;
        s->batch_parts += run.messages;
        return false;
    case ZU_TAPPED_NONE: return false;
    case ZU_TAPPED_ALL: break;
    }
    s->tap = NULL;
    if (zu_pipe_read(s->pipe, &m) == 0)
        zu_msg_close(&m);
    return true;
}

/* Moves what the socket wrote into the batch. -ENOMEM: and stopped where it is to go on later. */
int zu_session_fill(struct zu_session *s, struct zu_out *o)
{
    bool plain = s->version >= ZU_ZMTP_2_0 && !s->raw;
    struct zu_tap *tap;
    struct zu_msg m;
    uint64_t read;

    if (zu_unlikely(s->wrapped))
        return fill_wrapped(s, o);
    while (s->pipe && !batch_is_full(s, o) && can_read(s)) {
        if (s->tap) {
            if (!fill_from_log(s, o))
                return 0;
            continue;
        }
        if (zu_likely(plain && !s->out_skip_rest) && fill_plain(s, o))
            continue;
        if (zu_unlikely((tap = zu_pipe_next_tap(s->pipe)) != NULL)) {
            tap->session = s;
            s->tap = tap;
            continue;
        }
        read = s->pipe->meter.read;
        if (zu_pipe_read(s->pipe, &m) < 0)
            return 0;
        if (zu_unlikely(s->out_skip_rest || (m.flags & ZU_MSG_ID))) {
            skip_part(s, &m);
            continue;
        }
        if (zu_unlikely(s->raw && zu_msg_size(&m) == 0)) {
            zu_msg_close(&m);
            continue;
        }
        s->batch_messages += s->pipe->meter.read != read;
        encode(s, o, &m);
    }
    return 0;
}

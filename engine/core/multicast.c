/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The carrier is asked when one of its descriptors tells of something, or the time has come that it
 * named; none of its calls waits. What comes is put together for each source by itself, and handed
 * on a message at a time: the parts of two never mix.
 *
 * Of a source that lost something, or that makes no sense, what is there of the message is dropped,
 * and the next piece in which one begins is waited for. While the pipe to the socket is full
 * nothing is asked for: then the carrier drops what comes, and tells.
 *
 * A message of which something came, and not all, is counted as lost; of how many nothing came
 * nobody can tell.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/core/multicast.h"

#include "engine/base/alloc.h"
#include "engine/core/unconnected.h"
#include "engine/wire/frame.h"

#include <errno.h>
#include <poll.h>

enum {
    AT_ONCE = 64,      /* pieces either way before others have their turn */
    OFFSET = 2,        /* bytes in front of a piece, when POINTED */
    NO_BEGIN = 0xffff, /* no message begins in it */
    MARK = 1,          /* a byte in front of a frame, when MARKED */
    FIRST = 0,         /* which says that the frame is a message's first */
    LATER = 0xff,
    SOURCES_MAX = 256,  /* then who was silent for longest is forgotten */
    BODY_MAX = 1 << 30, /* of a part, unless ZMQ_MAXMSGSIZE says less */
};

/* Somebody whose pieces we hear. */
struct source {
    struct zu_list link; /* the one heard last is first */
    uint64_t id;
    bool begun;  /* where messages begin is known; when MARKED, where parts do */
    bool astray; /* the part under way is of a message that did not begin here */
    uint8_t head[MARK + ZU_FRAME_HEADER_MAX];
    size_t head_size;
    struct zu_msg body; /* closed: the next is a header */
    size_t filled;
    struct zu_msg *part; /* the parts before it */
    uint32_t parts, room;
    bool whole; /* they are a message */
};

struct watched {
    struct zu_multicast *owner;
    struct zu_op op;
    int fd;
    bool busy;
};

struct zu_multicast {
    struct zu_socket *socket;   /* counted */
    struct zu_options *options; /* counted */
    const struct zu_carrier *carrier;
    void *state; /* the carrier's */
    struct zu_loop *loop;
    struct zu_pipe *pipe;
    bool sends, closing, closed, paused;
    int linger_ms; /* once the socket has let go */
    struct zu_list sources;
    uint32_t source_count;
    struct source *held; /* NULL, or there was no room for more of its piece */
    struct zu_reader rest;
    struct watched watched[ZU_CARRIER_FDS];
    int watched_count;
    struct zu_timer timer, linger;
    struct zu_later turn;
    struct zu_cmd start_cmd, close_cmd;
    /* what is sent */
    struct zu_msg out; /* closed: none is under way */
    uint8_t head[MARK + ZU_FRAME_HEADER_MAX];
    size_t head_size, out_at; /* of header and body together */
    bool out_more;            /* the part before had more behind it */
    bool torn;                /* of the message under way a piece could not be sent */
    uint64_t ending;          /* messages whose end is in the piece, and nothing in one of those */
    size_t piece_size, piece_max;
    alignas(ZU_PIECE_ALIGN) uint8_t piece[ZU_PIECE_MAX];
};

/* ---- the end ---- */

/* Messages that will not arrive. */
static void lose(struct zu_multicast *c, uint64_t messages)
{
    zu_unconnected_lose(c->socket, c->pipe, messages);
}

static void drop_parts(struct source *s)
{
    for (uint32_t i = 0; i < s->parts; i++)
        zu_msg_close(&s->part[i]);
    s->parts = 0;
}

/* Whether there is some of a message; not of one that began before we listened. */
static bool has_some(const struct source *s)
{
    return s->parts > 0 || (!s->astray && (s->head_size > 0 || zu_msg_valid(&s->body)));
}

static void reset_source(struct source *s)
{
    if (zu_msg_valid(&s->body))
        zu_msg_close(&s->body);
    s->body.kind = ZU_MSG_CLOSED;
    drop_parts(s);
    s->head_size = s->filled = 0;
    s->begun = s->whole = s->astray = false;
}

static void lose_source(struct zu_multicast *c, struct source *s)
{
    lose(c, has_some(s));
    reset_source(s);
}

static void forget_source(struct zu_multicast *c, struct source *s)
{
    lose_source(c, s);
    zu_list_remove(&s->link);
    zu_free(s->part);
    zu_free(s);
    c->source_count--;
}

static void end_if_over(struct zu_multicast *c)
{
    struct zu_ctx *ctx = c->socket->ctx;

    if (!c->closed)
        return;
    for (int i = 0; i < c->watched_count; i++)
        if (c->watched[i].busy)
            return;
    zu_timer_clear(c->loop, &c->timer);
    zu_timer_clear(c->loop, &c->linger);
    zu_list_remove(&c->turn.link);
    for (int i = 0; i < c->watched_count; i++)
        c->loop->kernel->table->forget(c->loop->kernel, c->watched[i].fd);
    c->carrier->close(c->state);
    zu_ctx_unpick_loop(c->loop);
    zu_options_drop(c->options);
    zu_socket_end_source(c->socket);
    zu_socket_drop(c->socket);
    zu_free(c);
    zu_ctx_end(ctx);
}

static void drop_pipe(struct zu_multicast *c)
{
    struct zu_pipe *p = c->pipe;

    if (p)
        zu_unconnected_tell(c->socket, p);
    c->pipe = NULL;
    if (p)
        zu_pipe_close(p, 0);
}

/* What is under way either way goes no further. */
static void drop_all(struct zu_multicast *c)
{
    zu_list_each(it, &c->sources) forget_source(c, zu_container_of(it, struct source, link));
    c->held = NULL;
    /* Of one whose last part is still in the pipe the pipe tells. */
    lose(c, c->ending + (zu_msg_valid(&c->out) && !c->out_more));
    c->ending = 0;
    if (zu_msg_valid(&c->out))
        zu_msg_close(&c->out);
    c->out.kind = ZU_MSG_CLOSED;
}

static void end(struct zu_multicast *c)
{
    struct zu_kernel *k = c->loop->kernel;

    drop_all(c);
    drop_pipe(c);
    c->closed = true;
    for (int i = 0; i < c->watched_count; i++)
        if (c->watched[i].busy)
            k->table->cancel(k, &c->watched[i].op);
    end_if_over(c);
}

static void run_close(struct zu_cmd *cmd)
{
    struct zu_multicast *c = zu_container_of(cmd, struct zu_multicast, close_cmd);

    if (c->pipe && c->pipe->peer_gone)
        c->linger_ms = zu_pipe_linger(c->pipe);
    c->closing = true;
    if (!c->sends || c->linger_ms == 0) {
        end(c);
        return;
    }
    if (c->linger_ms > 0)
        zu_timer_set(c->loop, &c->linger, (uint64_t)c->linger_ms);
    zu_loop_later(c->loop, &c->turn);
}

static void on_linger(struct zu_timer *t)
{
    end(zu_container_of(t, struct zu_multicast, linger));
}

/* ---- out ---- */

static bool is_marked(const struct zu_multicast *c)
{
    return c->carrier->framing == ZU_FRAMING_MARKED;
}

static size_t write_head(struct zu_multicast *c, bool begins)
{
    size_t size = zu_msg_size(&c->out);

    if (!is_marked(c))
        return zu_frame_write_v1(c->head, size, c->out_more);
    c->head[0] = begins ? FIRST : LATER;
    return MARK + zu_frame_write_v2(c->head + MARK, size, c->out_more ? ZU_FRAME_MORE : 0);
}

/* The next part, and its header. False: there is none. */
static bool take_part(struct zu_multicast *c)
{
    bool begins = !c->out_more;

    if (!c->pipe || zu_pipe_read(c->pipe, &c->out) < 0)
        return false;
    c->out_more = c->out.flags & ZU_MSG_MORE;
    c->head_size = write_head(c, begins);
    c->out_at = 0;
    if (begins && !is_marked(c) && c->piece[0] == 0xff && c->piece[1] == 0xff) {
        c->piece[0] = (uint8_t)((c->piece_size - OFFSET) >> 8);
        c->piece[1] = (uint8_t)(c->piece_size - OFFSET);
    }
    return true;
}

/* Header and body of the part under way, as much as the piece has room for. */
static void put_part(struct zu_multicast *c)
{
    size_t all = c->head_size + zu_msg_size(&c->out);

    while (c->out_at < all && c->piece_size < c->piece_max) {
        bool in_head = c->out_at < c->head_size;
        size_t left = in_head ? c->head_size - c->out_at : all - c->out_at;
        size_t n = ZU_MIN(left, c->piece_max - c->piece_size);
        const uint8_t *from = in_head ? c->head + c->out_at
                                      : (uint8_t *)zu_msg_data(&c->out) + c->out_at - c->head_size;

        memcpy(c->piece + c->piece_size, from, n);
        c->piece_size += n;
        c->out_at += n;
    }
    if (c->out_at < all)
        return;
    zu_msg_close(&c->out);
    c->out.kind = ZU_MSG_CLOSED;
    if (c->out_more)
        return;
    c->ending += !c->torn;
    lose(c, c->torn);
    c->torn = false;
}

/* False: nothing is left to be sent. */
static bool fill_piece(struct zu_multicast *c)
{
    if (c->piece_size > 0)
        return true;
    if (is_marked(c)) {
        if (zu_msg_valid(&c->out) || take_part(c))
            put_part(c);
        return c->piece_size > 0;
    }
    c->piece_size = OFFSET;
    c->piece[0] = c->piece[1] = 0xff;
    static_assert(NO_BEGIN == 0xffff, "both bytes");
    while (c->piece_size < c->piece_max && (zu_msg_valid(&c->out) || take_part(c)))
        put_part(c);
    if (c->piece_size == OFFSET)
        c->piece_size = 0;
    return c->piece_size > 0;
}

/* The carrier has taken the piece, or never will. */
static void piece_done(struct zu_multicast *c, bool sent)
{
    if (sent) {
        zu_unconnected_went(c->socket, c->pipe, c->loop, c->piece_size);
    } else {
        lose(c, c->ending);
        c->torn = c->out_more || zu_msg_valid(&c->out);
    }
    c->ending = 0;
    c->piece_size = 0;
}

/* When to go on: 0, at once; ZU_CARRIER_NEVER: when something is there. */
static uint64_t send_some(struct zu_multicast *c)
{
    uint64_t wait_ms;

    for (int i = 0; i < AT_ONCE; i++) {
        int rc;

        if (!fill_piece(c))
            return ZU_CARRIER_NEVER;
        rc = c->carrier->send(c->state, c->piece, c->piece_size, !zu_msg_valid(&c->out), &wait_ms);
        if (rc == -EAGAIN)
            return wait_ms;
        piece_done(c, rc == 0);
    }
    return 0;
}

/* ---- in ---- */

/* Memory has run out for one: it is as a stranger whose first piece is yet to come. */
static struct source *find_source(struct zu_multicast *c, uint64_t id)
{
    struct source *s = NULL;

    zu_list_each(it, &c->sources)
    {
        struct source *one = zu_container_of(it, struct source, link);

        if (one->id == id) {
            s = one;
            break;
        }
        if (c->source_count == SOURCES_MAX && it->next == &c->sources) {
            forget_source(c, one);
            break;
        }
    }
    if (s) {
        zu_list_remove(&s->link);
    } else {
        s = zu_alloc_zero(sizeof *s);
        if (!s)
            return NULL;
        s->id = id;
        s->body.kind = ZU_MSG_CLOSED;
        c->source_count++;
    }
    zu_list_append(c->sources.next, &s->link); /* before the first */
    return s;
}

/* Keeps the part that is complete, unless it is of no use. */
static int keep_part(struct source *s)
{
    bool is_last = !(s->body.flags & ZU_MSG_MORE);

    if (s->astray) {
        zu_msg_close(&s->body);
        s->body.kind = ZU_MSG_CLOSED;
        return 0;
    }
    if (s->parts == s->room) {
        uint32_t room = s->room ? 2 * s->room : 4;
        struct zu_msg *more = zu_realloc(s->part, room * sizeof *more);

        if (!more)
            return -ENOMEM;
        s->part = more;
        s->room = room;
    }
    zu_msg_take(&s->part[s->parts++], &s->body);
    s->body.kind = ZU_MSG_CLOSED;
    s->whole = is_last;
    return 0;
}

/* All parts of the message are there. False: there is no room. One that finds no memory is lost, as
 * on the way. */
static bool hand_on(struct zu_multicast *c, struct source *s)
{
    uint32_t i = 0;

    if (!zu_pipe_can_write(c->pipe))
        return false;
    while (i < s->parts && zu_pipe_write(c->pipe, &s->part[i]) == 0)
        i++;
    if (i < s->parts && i > 0)
        zu_pipe_rollback(c->pipe);
    lose(c, i < s->parts);
    for (; i < s->parts; i++)
        zu_msg_close(&s->part[i]);
    s->parts = 0;
    s->whole = false;
    return true;
}

static int read_head(struct zu_multicast *c, struct source *s, struct zu_frame *f)
{
    struct zu_reader in = zu_reader_of(s->head, s->head_size);
    uint8_t mark;
    int rc;

    if (!is_marked(c))
        return zu_frame_read_v1(&in, f);
    if (!zu_read_u8(&in, &mark) || (mark != FIRST && mark != LATER))
        return -EPROTO;
    if ((rc = zu_frame_read_v2(&in, f)) < 0)
        return rc;
    if (mark == FIRST) {
        lose(c, s->parts > 0); /* it has no end */
        drop_parts(s);
    }
    s->astray = mark == LATER && s->parts == 0;
    return 0;
}

/* A byte of a header. -EAGAIN: there are more. */
static int hear_head(struct zu_multicast *c, struct source *s, uint8_t byte)
{
    int64_t most = c->options->maxmsgsize;
    struct zu_frame f;
    int rc;

    s->head[s->head_size++] = byte;
    if ((rc = read_head(c, s, &f)) < 0)
        return rc;
    s->head_size = 0;
    s->filled = 0;
    if (f.size > (uint64_t)(most >= 0 && most < BODY_MAX ? most : BODY_MAX))
        return -EMSGSIZE;
    if ((rc = zu_msg_init_size(&s->body, (size_t)f.size)) < 0) {
        s->body.kind = ZU_MSG_CLOSED;
        return rc;
    }
    s->body.flags |= f.flags & ZU_FRAME_MORE ? ZU_MSG_MORE : 0;
    return 0;
}

/* Part of a source's stream. -EAGAIN: the pipe is full. Any other error: what comes next makes no
 * sense. */
static int hear(struct zu_multicast *c, struct source *s, struct zu_reader *in)
{
    int rc;

    while (s->whole || zu_left(in) > 0 || zu_msg_valid(&s->body)) {
        if (s->whole) {
            if (!hand_on(c, s))
                return -EAGAIN;
            continue;
        }
        if (!zu_msg_valid(&s->body)) {
            rc = hear_head(c, s, *in->at++);
            if (rc < 0 && rc != -EAGAIN)
                return rc;
            continue;
        }
        size_t n = ZU_MIN(zu_left(in), zu_msg_size(&s->body) - s->filled);

        if (n > 0)
            memcpy((uint8_t *)zu_msg_data(&s->body) + s->filled, in->at, n);
        in->at += n;
        s->filled += n;
        if (s->filled < zu_msg_size(&s->body))
            return 0;
        if ((rc = keep_part(s)) < 0)
            return rc;
    }
    return 0;
}

static void hear_rest(struct zu_multicast *c, struct source *s, struct zu_reader in)
{
    int rc = hear(c, s, &in);

    c->held = rc == -EAGAIN ? s : NULL;
    c->rest = in;
    if (rc == 0 || rc == -EAGAIN)
        return;
    if (rc == -EMSGSIZE)
        zu_unconnected_refuse(c->socket, c->pipe, 1);
    else
        lose(c, 1);
    reset_source(s);
    if (c->carrier->resume)
        c->carrier->resume(c->state, s->id);
}

static void hear_piece(struct zu_multicast *c, uint64_t id, struct zu_reader in)
{
    struct source *s = find_source(c, id);
    uint64_t offset = 0;

    if (!s || (!is_marked(c) && !zu_read_be(&in, &offset, OFFSET)))
        return;
    if (!s->begun && (offset == NO_BEGIN || offset > zu_left(&in)))
        return;
    if (!s->begun)
        in.at += offset;
    s->begun = true;
    hear_rest(c, s, in);
}

/* As send_some. Who sends has to ask, too: it hears what was missed. */
static uint64_t receive_some(struct zu_multicast *c)
{
    uint64_t wait_ms = 0, id = 0;

    for (int i = 0; i < AT_ONCE; i++) {
        struct zu_reader in;
        int rc;

        c->paused = !c->sends && c->pipe && !zu_pipe_can_write(c->pipe);
        if (c->paused)
            return ZU_CARRIER_NEVER;
        if (c->held && c->pipe) {
            hear_rest(c, c->held, c->rest);
            continue;
        }
        rc = c->carrier->receive(c->state, &in, &id, &wait_ms);
        if (rc == -EAGAIN)
            return wait_ms;
        if (c->sends || !c->pipe)
            continue;
        if (rc == 0)
            zu_unconnected_came(c->socket, c->pipe, c->loop, zu_left(&in));
        if (rc == 0) {
            hear_piece(c, id, in);
        } else {
            struct source *s = find_source(c, id);

            if (s)
                lose_source(c, s);
        }
    }
    return 0;
}

/* ---- turns ---- */

static void watch(struct zu_multicast *c)
{
    struct zu_kernel *k = c->loop->kernel;

    for (int i = 0; i < c->watched_count; i++) {
        if (c->watched[i].busy)
            continue;
        c->watched[i].busy = true;
        k->table->poll(k, &c->watched[i].op, c->watched[i].fd, POLLIN);
    }
}

/* What a subscriber wants is heard by nobody; it filters what comes by itself. */
static void drop_subscriptions(struct zu_multicast *c)
{
    struct zu_msg m;

    while (!c->sends && c->pipe && zu_pipe_read(c->pipe, &m) == 0)
        zu_msg_close(&m);
}

static void run_turn(struct zu_later *l)
{
    struct zu_multicast *c = zu_container_of(l, struct zu_multicast, turn);
    uint64_t wait_ms;

    if (c->closed)
        return;
    drop_subscriptions(c);
    wait_ms = c->sends ? send_some(c) : ZU_CARRIER_NEVER;
    /* After sending, which gives a carrier reasons to wake up. */
    wait_ms = ZU_MIN(wait_ms, receive_some(c));
    if (c->pipe)
        zu_pipe_flush(c->pipe);
    if (c->closing && c->piece_size == 0 && !zu_msg_valid(&c->out) && wait_ms != 0 &&
        !(c->pipe && zu_pipe_can_read(c->pipe)) &&
        (!c->carrier->sent || c->carrier->sent(c->state))) {
        end(c);
        return;
    }
    if (wait_ms == 0)
        zu_loop_later(c->loop, &c->turn);
    else if (wait_ms != ZU_CARRIER_NEVER)
        zu_timer_set(c->loop, &c->timer, wait_ms);
    if (!c->paused)
        watch(c);
}

static void on_timer(struct zu_timer *t)
{
    struct zu_multicast *c = zu_container_of(t, struct zu_multicast, timer);

    zu_loop_later(c->loop, &c->turn);
}

static void on_watched(struct zu_op *op, int res, uint32_t flags)
{
    struct watched *w = zu_container_of(op, struct watched, op);

    (void)res, (void)flags;
    w->busy = false;
    if (w->owner->closed)
        end_if_over(w->owner);
    else
        zu_loop_later(w->owner->loop, &w->owner->turn);
}

/* ---- the pipe's side ---- */

static void pipe_moved(struct zu_pipe *p)
{
    struct zu_multicast *c = p->owner;

    zu_loop_later(c->loop, &c->turn);
}

/* Nothing is left to be read; what is in the piece may still be on its way. */
static void pipe_ended(struct zu_pipe *p)
{
    struct zu_multicast *c = p->owner;

    c->linger_ms = zu_pipe_linger(p);
    pipe_moved(p);
    if (!c->sends)
        drop_all(c);
    drop_pipe(c);
}

static const struct zu_pipe_sink multicast_sink = {
    .readable = pipe_moved, .writable = pipe_moved, .ended = pipe_ended};

/* ---- life ---- */

static void run_start(struct zu_cmd *cmd)
{
    struct zu_multicast *c = zu_container_of(cmd, struct zu_multicast, start_cmd);

    zu_loop_later(c->loop, &c->turn);
}

static int make_pipe(struct zu_multicast *c, uint64_t endpoint, struct zu_pipe **pipe)
{
    const struct zu_pipe_end far = {.sink = &multicast_sink, .owner = c, .box = &c->loop->box};
    struct zu_pipe *ends[2];
    int rc = zu_socket_make_pipe(c->socket, c->options, false, &far, ends);

    if (rc < 0)
        return rc;
    ends[0]->endpoint = endpoint;
    ends[0]->dialed = true;
    ends[0]->takes_all = c->sends;
    c->pipe = ends[1];
    *pipe = ends[0];
    return 0;
}

static void init(struct zu_multicast *c, struct zu_socket *s, const struct zu_transport *t)
{
    c->socket = s;
    c->options = s->options;
    c->carrier = t->carrier;
    c->out.kind = ZU_MSG_CLOSED;
    c->timer.fire = on_timer;
    c->linger.fire = on_linger;
    c->turn.run = run_turn;
    c->start_cmd.run = run_start;
    c->close_cmd.run = run_close;
    zu_list_init(&c->turn.link);
    zu_list_init(&c->sources);
}

static void watch_none_yet(struct zu_multicast *c)
{
    int fd[ZU_CARRIER_FDS];

    c->watched_count = c->carrier->descriptors(c->state, fd);
    for (int i = 0; i < c->watched_count; i++) {
        c->watched[i].owner = c;
        c->watched[i].op.done = on_watched;
        c->watched[i].fd = fd[i];
    }
}

int zu_multicast_new(struct zu_multicast **out, struct zu_socket *s, const struct zu_transport *t,
                     const char *text, uint64_t endpoint, struct zu_pipe **pipe)
{
    int type = s->pattern->type, rc;
    struct zu_multicast *c;

    if (type != ZMQ_PUB && type != ZMQ_XPUB && type != ZMQ_SUB && type != ZMQ_XSUB)
        return -ENOCOMPATPROTO;
    if (!(c = zu_alloc_zero(sizeof *c)))
        return -ENOMEM;
    init(c, s, t);
    c->sends = type == ZMQ_PUB || type == ZMQ_XPUB;
    if ((rc = c->carrier->open(&c->state, text, s->options, c->sends)) < 0)
        goto free_it;
    c->piece_max = ZU_MIN(c->carrier->piece_max(c->state), (size_t)ZU_PIECE_MAX);
    watch_none_yet(c);
    if ((rc = zu_ctx_pick_loop(s->ctx, s->options->affinity, &c->loop)) < 0)
        goto close_it;
    if ((rc = make_pipe(c, endpoint, pipe)) < 0)
        goto unpick;
    zu_socket_hold(s);
    zu_options_hold(c->options);
    zu_socket_begin_source(s);
    zu_ctx_begin(s->ctx);
    zu_loop_post(c->loop, &c->start_cmd);
    *out = c;
    return 0;
unpick:
    zu_ctx_unpick_loop(c->loop);
close_it:
    c->carrier->close(c->state);
free_it:
    zu_free(c);
    return rc;
}

void zu_multicast_close(struct zu_multicast *c)
{
    zu_loop_post(c->loop, &c->close_cmd);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of a peer (docs/states.md). State changes in zu_session_enter alone.
 *
 * The end of a connection has three shapes. The peer closes or breaks the rules: what it sent is
 * delivered, the descriptor closed, and the parent decides whether there will be another. The
 * socket lets go: what it wrote is sent first (DRAINING), then the writing side is shut and the
 * rest of what the peer sends is read and dropped (GOODBYE), because a close over unread bytes
 * makes the kernel throw away what the peer has not read yet. Or either is cut short by linger or
 * unbind.
 *
 * A descriptor is closed only after every request on it has completed.
 */
#include "engine/core/session.h"

#include "engine/base/alloc.h"
#include "engine/core/props.h"
#include "engine/core/web.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    GOODBYE_CHECK_MS = 20,    /* how often the send queue is looked at */
    GOODBYE_SILENCE_MS = 500, /* a peer that has everything and does not close gets this long */
};

/* At once: when the peer has gone the kernel does not know any more who it was. */
static void learn_names(struct zu_session *s)
{
    char local[ZU_ENDPOINT_MAX], peer[ZU_ENDPOINT_MAX];

    if (s->local_name || s->peer_name || s->fd < 0)
        return;
    s->transport->name(s->fd, local, peer);
    s->local_name = zu_strdup(local); /* without memory the event names nobody */
    s->peer_name = zu_strdup(peer);
}

static void forget_names(struct zu_session *s)
{
    zu_free(s->local_name);
    zu_free(s->peer_name);
    s->local_name = s->peer_name = NULL;
}

/* Tells the socket's end of the pipe, if there is one, who is at this end. */
static void name_pipe(struct zu_session *s, uint64_t connection)
{
    if (s->pipe)
        zu_socket_name_peer(s->socket, s->pipe->peer, connection, s->local_name,
                            s->dialed ? s->configured : s->peer_name, s->peer_name,
                            s->dialed ? NULL : s->configured);
}

/* Adds to *e what is known of the connection, and tells it. */
void zu_session_observe(struct zu_session *s, struct zu_event *e)
{
    size_t size = 0;

    if (!zu_socket_is_observed(s->socket))
        return;
    e->error = s->loss_error;
    e->reason = s->loss_reason;
    e->connection = s->connection;
    e->local = s->local_name;
    e->remote = s->dialed ? s->configured : s->peer_name;
    e->address = s->peer_name;
    e->endpoint = s->configured;
    e->bound = !s->dialed;
    if (s->props) {
        e->user_id = zu_props_get(s->props, "User-Id");
        e->routing_id = zu_props_get_sized(s->props, "Identity", &size);
        e->routing_id_size = (uint8_t)ZU_MIN(size, (size_t)UINT8_MAX);
    }
    zu_socket_observe(s->socket, e);
}

void zu_session_event(struct zu_session *s, uint32_t event, uint64_t value)
{
    zu_session_observe(s, &(struct zu_event){.event = event, .value = value});
}

/* ---- the pipe's side ---- */

static void pipe_readable(struct zu_pipe *p)
{
    zu_session_pump_soon(p->owner);
}

static void pipe_writable(struct zu_pipe *p)
{
    struct zu_session *s = p->owner;

    if (s->paused || s->watched) /* the intake was claimed for this */
        zu_session_receive(s);
}

static void drop_pipe(struct zu_session *s)
{
    struct zu_pipe *p = s->pipe;

    s->pipe = NULL;
    if (s->tap)
        zu_tap_forget(s->tap);
    s->tap = NULL;
    if (p) {
        s->had_pipe = true;
        zu_pipe_close(p, 0);
    }
}

/* The socket closed its end; what it wrote before may still be unread. */
static void pipe_closing(struct zu_pipe *p)
{
    struct zu_session *s = p->owner;
    int linger = zu_pipe_linger(p);

    bool deaf = zu_session_unwatch(s);

    if (linger == ZU_LINGER_ANEW) {
        drop_pipe(s);
        zu_session_fail(s, ZU_LOSS_CONNECTION, ENOMEM);
        return;
    }
    zu_session_hold(s);
    s->lingering = true;
    if (linger > 0)
        zu_timer_set(s->loop, &s->linger, (uint64_t)linger);
    if (linger == 0)
        zu_session_stop(s, true);
    else if (s->state == ZU_SESSION_ACTIVE)
        zu_session_enter(s, ZU_SESSION_DRAINING);
    if (s->paused || deaf) /* nobody reads any more: what waited for room is dropped */
        zu_session_receive(s);
    zu_session_drop(s);
}

static void pipe_ended(struct zu_pipe *p)
{
    struct zu_session *s = p->owner;

    bool deaf = zu_session_unwatch(s);

    s->pipe = NULL;
    zu_pipe_close(p, 0);
    if (s->state == ZU_SESSION_IDLE)
        zu_session_enter(s, ZU_SESSION_OVER);
    else if (s->state < ZU_SESSION_ACTIVE) /* nothing to send: no reason to wait for the peer */
        zu_session_fail(s, ZU_LOSS_LOCAL, 0);
    else
        zu_session_pump_soon(s);
    if (deaf) /* a state that lets callers receive: it has not gone */
        zu_session_receive(s);
}

static const struct zu_pipe_sink session_sink = {.work = zu_session_send_now,
                                                 .readable = pipe_readable,
                                                 .writable = pipe_writable,
                                                 .asked = zu_session_asked,
                                                 .closing = pipe_closing,
                                                 .ended = pipe_ended};

int zu_session_make_pipe(struct zu_session *s, struct zu_pipe **socket_end)
{
    const struct zu_pipe_end far = {.sink = &session_sink, .owner = s, .box = &s->loop->box};
    struct zu_pipe *ends[2];
    int rc = zu_socket_make_pipe(s->socket, s->options, s->options->conflate, &far, ends);

    if (rc < 0)
        return rc;
    ends[0]->endpoint = s->endpoint;
    ends[0]->dialed = s->dialed;
    ends[0]->redialed = s->dialed && s->had_pipe;
    ends[0]->in->subscriptions = zu_session_hears_subscriptions(s);
    s->pipe = ends[1];
    name_pipe(s, s->fd >= 0 ? s->connection : 0);
    if (s->fd >= 0) {
        zu_session_count_in(s, s->bytes_in, s->loop->now_ms);
        zu_session_count_out(s, s->bytes_out, s->loop->now_ms);
    }
    s->bytes_in = s->bytes_out = 0;
    s->out_skip_rest = false; /* what was cut off was in the pipe before */
    *socket_end = ends[0];
    return 0;
}

/* ---- life ---- */

static void on_timer(struct zu_timer *t);
static void on_retry(struct zu_timer *t);
static void on_linger(struct zu_timer *t);
static void run_start(struct zu_cmd *cmd);
static void run_stop(struct zu_cmd *cmd);
static void run_give_up(struct zu_cmd *cmd);

static const struct zu_mechanism *mechanism_of(const struct zu_tables *tables,
                                               const struct zu_options *o)
{
    const struct zu_mechanism *m = tables->mechanisms[o->mechanism];

    return o->as_server && m->as_server ? m->as_server : m;
}

int zu_session_new(struct zu_session **out, struct zu_loop *loop, struct zu_socket *socket,
                   const struct zu_transport *transport, struct zu_options *options,
                   const struct zu_session_parent *parent, void *parent_self, uint64_t endpoint)
{
    struct zu_session *s = zu_alloc_zero(sizeof *s);

    if (!s)
        return -ENOMEM;
    atomic_init(&s->refs, 2); /* the parent's, and the loop's until it is OVER */
    s->loop = loop;
    s->kernel = loop->kernel;
    s->socket = socket;
    zu_socket_hold(socket);
    s->options = options;
    zu_options_hold(options);
    s->transport = transport;
    s->parent = parent;
    s->parent_self = parent_self;
    s->endpoint = endpoint;
    s->dialed = endpoint != 0;
    s->raw = options->raw;
    s->fd = -1;
    s->mechanism = mechanism_of(socket->ctx->tables, options);
    s->stop_cmd.run = run_stop;
    s->give_up_cmd.run = run_give_up;
    s->recv_op.done = zu_session_recv_done;
    s->watch.seen = zu_session_seen;
    s->absence.fire = zu_session_look_after;
    s->slab = &loop->slab;
    s->send_op.done = zu_session_send_done;
    s->timer.fire = on_timer;
    s->retry.fire = on_retry;
    s->linger.fire = on_linger;
    s->start_cmd.run = run_start;
    s->pump_later.run = zu_session_pump_later;
    zu_list_init(&s->pump_later.link);
    s->in_expected = 1;
    s->gathered.run = zu_session_gathered;
    zu_list_init(&s->gathered.link);
    zu_list_init(&s->in_parent);
    zu_list_init(&s->stranger);
    *out = s;
    return 0;
}

void zu_session_hold(struct zu_session *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

void zu_session_drop(struct zu_session *s)
{
    /* [S1] acq_rel, pairs with itself. */
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    zu_socket_drop(s->socket);
    zu_options_drop(s->options);
    forget_names(s);
    zu_free(s);
}

/* The traffic's memory of one connection. */
static void forget_connection(struct zu_session *s)
{
    zu_session_beat_stop(s);
    zu_timer_clear(s->loop, &s->retry);
    zu_session_in_reset(s);
    zu_session_out_reset(s);
    zu_free(s->greeting);
    s->greeting = NULL;
    zu_session_forget_handshake(s);
    zu_session_web_forget(s);
    s->stream_parts = 0; /* the pipe's reader may sleep: the next connection is no stream yet */
    s->zero_copy_min = 0;
    s->was_handshook = s->handshook;
    s->eof = s->send_dead = s->handshook = s->deaf = false;
    s->turned_away = ZU_LOSS_NONE;
    s->sealed = s->wrapped = s->handy = false;
    s->cancels = 0;
}

static void forget_peer(struct zu_session *s)
{
    if (s->props)
        zu_props_drop(s->props, s->props_credit + 1);
    s->props = NULL;
    s->props_credit = 0;
    forget_names(s);
}

/* The pipe outlives the connection: what was under way on it is undone. */
static void tidy_pipe(struct zu_session *s, enum zu_loss why)
{
    zu_pipe_rollback(s->pipe);
    if (s->raw && why != ZU_LOSS_LOCAL)
        zu_session_notify(s);
    else if (s->handshook && why != ZU_LOSS_LOCAL)
        zu_session_tell_lost(s);
    zu_pipe_flush(s->pipe);
    if (!s->dialed || s->lingering)
        return;
    if (s->options->immediate) { /* such a pipe lives as long as its connection */
        drop_pipe(s);
    } else if (s->socket->pattern->subscribes) {
        /* Subscriptions that the old peer did not get, and an XSUB's messages. */
        zu_session_lose(s, zu_pipe_drain(s->pipe));
        s->out_skip_rest = s->out_part = false;
        zu_pipe_hiccup(s->pipe);
    }
}

/* Nothing is in flight any more: the descriptor goes, and what comes next is decided. */
static void close_connection(struct zu_session *s)
{
    enum zu_loss why = s->loss;
    int fd = s->fd;
    struct zu_kernel *k = s->kernel;

    name_pipe(s, 0);
    zu_session_lose_unread(s);
    zu_session_lose_batch(s);
    if (s->pipe)
        tidy_pipe(s, why);
    s->out_skip_rest |= s->out_part;
    s->out_part = false;
    forget_connection(s);
    k->table->forget(k, fd);
    if (s->lent_out) /* who sleeps in a poll of it would keep it open: he is woken */
        shutdown(fd, SHUT_RDWR);
    s->lent_out = false;
    close(fd);
    if (zu_unlikely(s->tunnel != NULL))
        zu_session_tunnel_end(s);
    s->fd = -1;
    zu_session_tell_lost_messages(s);
    if (why != ZU_LOSS_LOCAL)
        zu_session_event(s, ZMQ_EVENT_DISCONNECTED, (uint64_t)fd);
    forget_peer(s);
    bool again =
        s->dialed && why != ZU_LOSS_PROTOCOL && why != ZU_LOSS_LOCAL && !(s->lingering && !s->pipe);

    zu_session_enter(s, again ? ZU_SESSION_IDLE : ZU_SESSION_OVER);
}

/* Entering GOODBYE: all has been handed to the kernel. */
static void say_goodbye(struct zu_session *s)
{
    zu_session_ask_stop(s);
    drop_pipe(s);
    s->deaf = s->turned_away || s->raw || s->web || s->tunnel;
    if (s->tunnel) {
        zu_session_tunnel_finish(s);
    } else if (s->transport->may_close ? s->transport->may_close(s->fd)
                                       : shutdown(s->fd, SHUT_WR) < 0) {
        zu_session_fail(s, ZU_LOSS_LOCAL, 0);
        return;
    }
    s->goodbye_ms = s->loop->now_ms;
    zu_timer_set(s->loop, &s->timer, GOODBYE_CHECK_MS);
    zu_session_expect(s);
    zu_session_receive(s);
}

static void begin_closing(struct zu_session *s)
{
    struct zu_kernel *k = s->kernel;

    zu_timer_clear(s->loop, &s->timer);
    zu_session_beat_stop(s);
    zu_session_ask_stop(s);
    if (s->recv_busy)
        k->table->cancel(k, &s->recv_op);
    zu_session_out_cancel(s);
    if (s->lent_count && s->transport->reset) /* or its bytes stay lent until TCP gives up */
        s->transport->reset(s->fd);
    zu_session_settle(s);
}

static void be_over(struct zu_session *s)
{
    zu_timer_clear(s->loop, &s->timer);
    zu_timer_clear(s->loop, &s->retry);
    zu_timer_clear(s->loop, &s->linger);
    zu_list_remove(&s->pump_later.link);
    zu_list_remove(&s->gathered.link);
    drop_pipe(s);
    zu_ctx_unpick_loop(s->loop);
    s->parent->over(s);
    zu_session_drop(s); /* the loop's count */
}

void zu_session_enter(struct zu_session *s, enum zu_session_state state)
{
    if (s->state == state)
        return;
    zu_session_claim(s);
    if (zu_session_unwatch(s)) /* somebody has to go on */
        zu_timer_set(s->loop, &s->retry, 0);
    s->state = (uint8_t)state;
    switch (state) {
    case ZU_SESSION_IDLE: s->parent->lost(s, s->loss); break;
    case ZU_SESSION_GREETING: break;
    case ZU_SESSION_HANDSHAKE: break;
    case ZU_SESSION_ASKING: break;
    case ZU_SESSION_ACTIVE:
        if (!s->send_dead)
            zu_timer_clear(s->loop, &s->timer);
        if (s->parent->met)
            s->parent->met(s);
        zu_session_pump_soon(s);
        if (s->lingering)
            zu_session_enter(s, ZU_SESSION_DRAINING);
        break;
    case ZU_SESSION_DRAINING: zu_session_pump_soon(s); break;
    case ZU_SESSION_GOODBYE: say_goodbye(s); break;
    case ZU_SESSION_CLOSING: begin_closing(s); break;
    case ZU_SESSION_OVER: be_over(s); break;
    }
}

/* Whom we have accepted hears what was said, and then our end; who was dialed has a pipe that must
 * not go with this connection. */
static void see_off(struct zu_session *s)
{
    if (s->dialed || (s->web && s->web->close_heard))
        zu_session_fail(s, (enum zu_loss)s->turned_away, 0);
    else
        zu_session_enter(s, ZU_SESSION_GOODBYE);
}

void zu_session_settle(struct zu_session *s)
{
    switch ((enum zu_session_state)s->state) {
    case ZU_SESSION_DRAINING: /* a dead send: the receive brings the end, and maybe a new start */
        if (!s->pipe && zu_session_out_idle(s) && !zu_session_web_says_close(s))
            zu_session_enter(s, ZU_SESSION_GOODBYE);
        break;
    case ZU_SESSION_CLOSING:
        if (!s->recv_busy && !s->send_busy && !s->lent_count)
            close_connection(s);
        break;
    case ZU_SESSION_HANDSHAKE:
    case ZU_SESSION_ASKING:
        if (s->turned_away && zu_session_out_idle(s))
            see_off(s);
        break;
    case ZU_SESSION_IDLE:
    case ZU_SESSION_GREETING:
    case ZU_SESSION_ACTIVE:
    case ZU_SESSION_GOODBYE:
    case ZU_SESSION_OVER: break;
    }
}

void zu_session_fail(struct zu_session *s, enum zu_loss why, int err)
{
    if (!zu_session_connected(s))
        return;
    s->loss_error = err;
    if (!s->handshook && !s->turned_away && s->state != ZU_SESSION_DRAINING &&
        why != ZU_LOSS_LOCAL && why != ZU_LOSS_PROTOCOL)
        zu_session_event(s, ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, (uint64_t)err);
    if (s->state == ZU_SESSION_GOODBYE)
        why = s->turned_away ? (enum zu_loss)s->turned_away : ZU_LOSS_LOCAL;
    s->loss = (uint8_t)why;
    zu_session_enter(s, ZU_SESSION_CLOSING);
}

zu_cold void zu_session_break(struct zu_session *s, enum zu_loss why, int err)
{
    s->loss_error = err;
    if (err == EMSGSIZE) {
        if (s->pipe)
            zu_count(&s->pipe->meter.oversized, 1);
        zu_session_observe(s, &(struct zu_event){.event = ZURING_EVENT_DROPPED,
                                                 .value = 1,
                                                 .value2 = ZURING_DROP_OVERSIZED});
    } else if (err == EFAULT) { /* see zu_bug */
        zu_session_observe(
            s, &(struct zu_event){.event = ZURING_EVENT_INTERNAL_ERROR, .place = zu_bug_place});
    }
    zu_session_fail(s, why, err);
}

void zu_session_stop(struct zu_session *s, bool outright)
{
    s->lingering = true;
    switch ((enum zu_session_state)s->state) {
    case ZU_SESSION_IDLE:
        if (outright || !s->pipe)
            zu_session_enter(s, ZU_SESSION_OVER);
        break;
    case ZU_SESSION_GREETING:
    case ZU_SESSION_HANDSHAKE:
    case ZU_SESSION_ASKING:
        if (outright || !s->pipe)
            zu_session_fail(s, ZU_LOSS_LOCAL, 0);
        break;
    case ZU_SESSION_ACTIVE:
    case ZU_SESSION_DRAINING:
    case ZU_SESSION_GOODBYE:
        if (outright)
            zu_session_fail(s, ZU_LOSS_LOCAL, 0);
        break;
    case ZU_SESSION_CLOSING:
        if (outright || !s->pipe)
            s->loss = ZU_LOSS_LOCAL;
        break;
    case ZU_SESSION_OVER: break;
    }
}

static void run_start(struct zu_cmd *cmd)
{
    struct zu_session *s = zu_container_of(cmd, struct zu_session, start_cmd);

    zu_session_start(s, s->fd);
}

static void run_stop(struct zu_cmd *cmd)
{
    struct zu_session *s = zu_container_of(cmd, struct zu_session, stop_cmd);

    zu_session_stop(s, s->stop_outright);
    zu_session_drop(s); /* the count that the post took */
}

/* There are too many like this one, and it has been one for longest. */
static void run_give_up(struct zu_cmd *cmd)
{
    struct zu_session *s = zu_container_of(cmd, struct zu_session, give_up_cmd);

    if (s->state < ZU_SESSION_ACTIVE || s->turned_away)
        zu_session_fail(s, ZU_LOSS_TIMEOUT, ECONNABORTED);
    zu_session_drop(s);
}

/* The peer's machine has all we sent. */
static bool sent_all(const struct zu_session *s)
{
    int unsent = 0;

    return ioctl(s->fd, SIOCOUTQ, &unsent) < 0 || unsent == 0;
}

/* A peer that we can tell nothing more has been silent for too long; else looks later. What it
 * has said and nobody reads is no silence of its own. */
static bool is_silent(struct zu_session *s)
{
    if (s->paused)
        s->goodbye_ms = s->loop->now_ms;
    if (s->loop->now_ms - s->goodbye_ms >= GOODBYE_SILENCE_MS)
        return true;
    zu_timer_set(s->loop, &s->timer, GOODBYE_CHECK_MS);
    return false;
}

void zu_session_send_died(struct zu_session *s)
{
    if (zu_session_unwatch(s))
        zu_timer_set(s->loop, &s->retry, 0);
    s->send_dead = true;
    s->goodbye_ms = s->loop->now_ms;
    zu_timer_set(s->loop, &s->timer, GOODBYE_CHECK_MS);
}

/*
 * In GOODBYE. With time without end: as long as the peer has not taken all, then a while for its
 * own close; one that took everything and stays connected must not hold up zmq_ctx_term. Nor may a
 * stranger; nor a peer within the machine that does not read, which loses nothing.
 */
static bool has_parted(struct zu_session *s)
{
    const struct zu_transport *t = s->transport;
    bool may = t->may_close && t->may_close(s->fd);

    if (!s->turned_away && (t->may_close ? !may : t->answers && !sent_all(s)))
        s->goodbye_ms = s->loop->now_ms;
    return may || is_silent(s);
}

static void on_timer(struct zu_timer *t)
{
    struct zu_session *s = zu_container_of(t, struct zu_session, timer);

    switch ((enum zu_session_state)s->state) {
    case ZU_SESSION_GREETING:
    case ZU_SESSION_HANDSHAKE:
    case ZU_SESSION_ASKING:
        if (!s->send_dead || is_silent(s))
            zu_session_fail(s, ZU_LOSS_TIMEOUT, ETIMEDOUT);
        break;
    case ZU_SESSION_ACTIVE:
    case ZU_SESSION_DRAINING:
        if (s->send_dead && is_silent(s))
            zu_session_fail(s, ZU_LOSS_CONNECTION, EPIPE);
        break;
    case ZU_SESSION_GOODBYE:
        if (has_parted(s))
            zu_session_fail(s, ZU_LOSS_LOCAL, 0);
        break;
    case ZU_SESSION_IDLE:
    case ZU_SESSION_CLOSING:
    case ZU_SESSION_OVER: break;
    }
}

static void on_linger(struct zu_timer *t)
{
    zu_session_stop(zu_container_of(t, struct zu_session, linger), true);
}

static void on_retry(struct zu_timer *t)
{
    struct zu_session *s = zu_container_of(t, struct zu_session, retry);

    zu_session_pump_soon(s); /* first: what is received may end the session */
    zu_session_receive(s);
}

void zu_session_begin(struct zu_session *s)
{
    int rc = zu_session_greet(s);

    if (rc < 0)
        zu_session_fail(s, rc == -ECANCELED ? ZU_LOSS_LOCAL : ZU_LOSS_CONNECTION, -rc);
    else
        zu_session_receive(s);
}

void zu_session_start(struct zu_session *s, int fd)
{
    zu_loop_meet(s->loop, fd);
    s->fd = fd;
    s->loss = ZU_LOSS_NONE;
    s->loss_error = 0;
    s->loss_reason = NULL;
    s->version = ZU_ZMTP_3_1;
    learn_names(s);
    name_pipe(s, s->connection);
    zu_session_enter(s, ZU_SESSION_GREETING);
    if (s->options->handshake_ivl > 0 && (!s->raw || s->transport->tunnel))
        zu_timer_set(s->loop, &s->timer, (uint64_t)s->options->handshake_ivl);
    if (s->transport->tunnel)
        zu_session_tunnel_start(s);
    else
        zu_session_begin(s);
}

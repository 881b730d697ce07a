/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sessions that were accepted are on the listener's list until they are over, though they may
 * live on other loops: what the listener wants of them, and they of it, goes by command. The list
 * holds a count on each, so a session that has just ended over there can still be told to stop.
 */
#include "engine/core/listener.h"

#include "engine/base/alloc.h"
#include "engine/core/gate.h"
#include "include/zuring.h"

#include <errno.h>
#include <unistd.h>

enum {
    ACCEPT_PAUSE_MS = 100,   /* before the next try when descriptors or memory have run out */
    ACCEPT_FAILURES_MAX = 8, /* in a row; then even what concerns one peer alone leads to a pause */
};

struct zu_listener {
    struct zu_socket *socket;   /* counted */
    struct zu_options *options; /* counted */
    const struct zu_transport *transport;
    struct zu_loop *loop;
    struct zu_listening at;
    struct zu_list sessions;
    struct zu_gate gate;
    struct zu_op accept_op;
    unsigned failures; /* of accept, since a peer came */
    bool told_pause;   /* and an event said so */
    bool accepting;
    bool closed;
    bool unbind;
    struct zu_timer pause;
    struct zu_cmd start_cmd, close_cmd;
    char configured[]; /* what zmq_bind was given */
};

static void event(struct zu_listener *l, uint32_t what, uint64_t value, int error)
{
    struct zu_event e = {.event = what,
                         .error = error,
                         .value = value,
                         .local = l->at.endpoint,
                         .endpoint = l->configured,
                         .bound = true};

    zu_socket_observe(l->socket, &e);
}

static void event_accepted(struct zu_listener *l, const struct zu_session *s)
{
    char local[ZU_ENDPOINT_MAX], remote[ZU_ENDPOINT_MAX];
    struct zu_event e = {.event = ZMQ_EVENT_ACCEPTED,
                         .value = (uint64_t)s->fd,
                         .connection = s->connection,
                         .local = local,
                         .remote = remote,
                         .address = remote,
                         .endpoint = l->configured,
                         .bound = true};

    if (!zu_socket_is_observed(l->socket))
        return;
    l->transport->name(s->fd, local, remote);
    zu_socket_observe(l->socket, &e);
}

static void end_if_over(struct zu_listener *l)
{
    struct zu_ctx *ctx = l->socket->ctx;

    if (!l->closed || l->accepting || l->at.fd >= 0 || !zu_list_empty(&l->sessions))
        return;
    zu_gate_fini(&l->gate);
    zu_ctx_unpick_loop(l->loop);
    zu_options_drop(l->options);
    zu_socket_end_source(l->socket);
    zu_socket_drop(l->socket);
    zu_free(l);
    zu_ctx_end(ctx);
}

/* ---- the sessions ---- */

/* On the listener's loop. */
static void run_over(struct zu_cmd *cmd)
{
    struct zu_session *s = zu_container_of(cmd, struct zu_session, over_cmd);
    struct zu_listener *l = s->parent_self;

    zu_list_remove(&s->in_parent);
    zu_gate_leave(&l->gate, s);
    zu_gate_uncount(&l->gate, s->origin);
    zu_session_drop(s);
    end_if_over(l);
}

/* On the listener's loop. */
static void run_met(struct zu_cmd *cmd)
{
    struct zu_session *s = zu_container_of(cmd, struct zu_session, start_cmd);
    struct zu_listener *l = s->parent_self;

    zu_gate_leave(&l->gate, s);
}

/* On the session's loop: its command to start has been run, and now goes the other way. */
static void session_met(struct zu_session *s)
{
    struct zu_listener *l = s->parent_self;

    s->start_cmd.run = run_met;
    if (s->loop == l->loop)
        run_met(&s->start_cmd);
    else
        zu_loop_post(l->loop, &s->start_cmd);
}

/* On the session's loop. */
static void session_over(struct zu_session *s)
{
    struct zu_listener *l = s->parent_self;

    zu_loop_post(l->loop, &s->over_cmd);
}

static void session_lost(struct zu_session *s, enum zu_loss why)
{
    (void)why; /* an accepted session is never IDLE again */
    zu_session_stop(s, true);
}

static const struct zu_session_parent listener_parent = {
    .lost = session_lost, .over = session_over, .met = session_met};

static void give_up(struct zu_session *s)
{
    zu_session_hold(s); /* the command's */
    zu_loop_post(s->loop, &s->give_up_cmd);
}

/* What the connection is counted at, when somebody wants that. */
static int count(struct zu_listener *l, int fd, struct zu_origin **out)
{
    char address[ZU_ENDPOINT_MAX] = "";

    if (l->options->connections_per_address > 0)
        l->transport->peer_address(fd, address);
    return zu_gate_count(&l->gate, address, l->options->connections_per_address, out);
}

static int admit(struct zu_listener *l, int fd)
{
    struct zu_session *s, *oldest;
    struct zu_origin *origin;
    struct zu_loop *loop;
    int rc = l->transport->admit(fd, l->options, true);

    if (rc < 0 || (rc = count(l, fd, &origin)) < 0)
        return rc;
    rc = zu_ctx_pick_loop(l->socket->ctx, l->options->affinity, &loop);
    if (rc < 0)
        goto uncount;
    rc = zu_session_new(&s, loop, l->socket, l->transport, l->options, &listener_parent, l, 0);
    if (rc < 0)
        goto unpick_loop;
    s->origin = origin;
    s->over_cmd.run = run_over;
    s->fd = fd;
    s->connection = zu_ctx_next_connection();
    s->configured = l->configured;
    zu_list_append(&l->sessions, &s->in_parent);
    event_accepted(l, s);
    oldest = zu_gate_enter(&l->gate, s, l->options->handshakes_max);
    if (oldest)
        give_up(oldest);
    if (loop == l->loop)
        zu_session_start(s, fd);
    else
        zu_loop_post(loop, &s->start_cmd);
    return 0;
unpick_loop:
    zu_ctx_unpick_loop(loop);
uncount:
    zu_gate_uncount(&l->gate, origin);
    return rc;
}

/* ---- accepting ---- */

static void start_accept(struct zu_listener *l)
{
    struct zu_kernel *k = l->loop->kernel;

    l->accepting = true;
    k->table->accept(k, &l->accept_op, l->at.fd);
}

static void close_fd(struct zu_listener *l)
{
    struct zu_kernel *k = l->loop->kernel;
    int fd = l->at.fd, rc;

    k->table->forget(k, fd);
    close(fd);
    l->at.fd = -1;
    rc = l->transport->unlisten(&l->at);
    if (rc < 0)
        event(l, ZMQ_EVENT_CLOSE_FAILED, (uint64_t)-rc, -rc);
    else
        event(l, ZMQ_EVENT_CLOSED, (uint64_t)fd, 0);
}

/* What accept says of the peer it would have brought; the next may be waiting already. */
static bool concerns_one_peer(int res)
{
    switch (res) {
    case -EINTR:
    case -EAGAIN:
    case -ECONNABORTED:
    case -ECONNRESET:
    case -EPROTO:
    case -EPERM: /* a firewall's */
    case -ETIMEDOUT:
    case -EHOSTUNREACH:
    case -ENETUNREACH:
    case -ENETDOWN: return true;
    default: return false;
    }
}

static void pause_accepting(struct zu_listener *l, uint64_t ms, int error)
{
    zu_timer_set(l->loop, &l->pause, ms);
    if (!l->told_pause)
        event(l, ZURING_EVENT_ACCEPT_PAUSED, ms, error);
    l->told_pause = true;
}

/* A kernel that answers at once, again and again, must not keep the loop busy. */
static void accept_again(struct zu_listener *l, int res)
{
    l->failures = res < 0 ? l->failures + 1 : 0;
    if (res >= 0 || (concerns_one_peer(res) && l->failures < ACCEPT_FAILURES_MAX))
        start_accept(l);
    else if (res == -EINVAL || res == -EBADF || res == -ENOTSOCK)
        pause_accepting(l, 10 * ACCEPT_PAUSE_MS, -res); /* a descriptor lent by ZMQ_USE_FD that
                                                           somebody else spoilt */
    else
        pause_accepting(l, ACCEPT_PAUSE_MS, -res);
}

static void accept_done(struct zu_op *op, int res, uint32_t flags)
{
    struct zu_listener *l = zu_container_of(op, struct zu_listener, accept_op);
    int rc = res;

    l->accepting = flags & ZU_OP_MORE;
    if (res >= 0 && l->closed) {
        close(res);
    } else if (res >= 0) {
        l->told_pause = false;
        rc = admit(l, res);
        if (rc < 0)
            close(res);
    }
    if (rc < 0 && !l->closed)
        event(l, ZMQ_EVENT_ACCEPT_FAILED, (uint64_t)-rc, -rc);
    if (l->accepting) {
        l->failures = 0;
        return;
    }
    if (l->closed) {
        close_fd(l);
        end_if_over(l);
    } else {
        accept_again(l, res);
    }
}

static void on_pause(struct zu_timer *t)
{
    struct zu_listener *l = zu_container_of(t, struct zu_listener, pause);

    if (!l->closed && !l->accepting)
        start_accept(l);
}

static void run_start(struct zu_cmd *cmd)
{
    start_accept(zu_container_of(cmd, struct zu_listener, start_cmd));
}

static void run_close(struct zu_cmd *cmd)
{
    struct zu_listener *l = zu_container_of(cmd, struct zu_listener, close_cmd);
    struct zu_kernel *k = l->loop->kernel;

    l->closed = true;
    zu_timer_clear(l->loop, &l->pause);
    zu_list_each(it, &l->sessions)
    {
        struct zu_session *s = zu_container_of(it, struct zu_session, in_parent);

        if (s->loop == l->loop && zu_session_connected(s)) { /* before all that was posted since */
            zu_session_stop(s, l->unbind);
            continue;
        }
        s->stop_outright = l->unbind;
        zu_session_hold(s); /* the command's */
        zu_loop_post(s->loop, &s->stop_cmd);
    }
    if (l->accepting)
        k->table->cancel(k, &l->accept_op);
    else
        close_fd(l);
    end_if_over(l);
}

int zu_listener_new(struct zu_listener **out, struct zu_socket *socket,
                    const struct zu_transport *transport, struct zu_listening *at,
                    const char *endpoint)
{
    size_t size = strlen(endpoint) + 1;
    struct zu_listener *l = zu_alloc_zero(sizeof *l + size);
    int rc;

    if (!l)
        return -ENOMEM;
    rc = zu_ctx_pick_loop(socket->ctx, socket->options->affinity, &l->loop);
    if (rc < 0) {
        zu_free(l);
        return rc;
    }
    l->socket = socket;
    zu_socket_hold(socket);
    l->options = socket->options;
    zu_options_hold(l->options);
    l->transport = transport;
    memcpy(l->configured, endpoint, size);
    l->at = *at;
    zu_list_init(&l->sessions);
    zu_gate_init(&l->gate);
    l->accept_op.done = accept_done;
    l->pause.fire = on_pause;
    l->start_cmd.run = run_start;
    l->close_cmd.run = run_close;
    zu_ctx_begin(socket->ctx);
    zu_socket_begin_source(socket);
    event(l, ZMQ_EVENT_LISTENING, (uint64_t)at->fd, 0); /* before anyone is accepted */
    zu_loop_post(l->loop, &l->start_cmd);
    *out = l;
    return 0;
}

const char *zu_listener_configured(const struct zu_listener *l)
{
    return l->configured;
}

void zu_listener_close(struct zu_listener *l, bool unbind)
{
    l->unbind = unbind;
    zu_loop_post(l->loop, &l->close_cmd);
}

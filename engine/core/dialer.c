/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One attempt is: look up, open, connect, (talk to the proxy,) start the session. An attempt that
 * fails, and a connection that dies, lead to the wait and then to the next attempt. `attempt` says
 * which of the steps is under way; the session, once started, has a life of its own until it calls
 * `lost` or `over`.
 */
#define ZMQ_BUILD_DRAFT_API /* ZMQ_RECONNECT_STOP_* are there for everyone */
#include "engine/core/dialer.h"

#include "engine/base/alloc.h"
#include "engine/base/random.h"
#include "engine/core/lookup.h"

#include <errno.h>
#include <unistd.h>

enum attempt {
    AT_REST, /* nothing under way: the session has the connection, or all is over */
    WAITING, /* for the timer */
    LOOKING_UP,
    CONNECTING,
    AT_PROXY,
    GIVING_UP, /* a request is being called off; what then is in `after` */
};

/* With a proxy: what the transport knows of it, and the bytes under way. */
struct dialogue {
    size_t size, sent;
    uint8_t bytes[ZU_PROXY_ROOM]; /* to the proxy, or from it */
    alignas(max_align_t) uint8_t state[];
};

struct zu_dialer {
    _Atomic uint32_t refs;    /* its own life's, and gone_cmd's */
    struct zu_socket *socket; /* counted */
    struct zu_options *options;
    const struct zu_transport *transport;
    struct zu_loop *loop;
    struct zu_session *session; /* one count; NULL once it is over */
    uint64_t id;
    enum attempt attempt;
    bool closed;       /* zu_dialer_close was run; */
    bool disconnected; /* and it was zmq_disconnect */
    bool timed_out;
    int fd;
    int wait_ms; /* of the next wait, when it doubles */
    struct zu_lookup *lookup;
    struct sockaddr_storage address; /* of the attempt */
    struct zu_op op;
    struct zu_timer timer; /* the wait; or the connect time-out */
    struct zu_cmd start_cmd, close_cmd, gone_cmd;
    struct dialogue *proxy; /* made when it is first needed */
    const char *text;       /* within endpoint */
    char endpoint[];
};

static void begin_attempt(struct zu_dialer *d);

static void event(struct zu_dialer *d, uint32_t what, uint64_t value, int error)
{
    struct zu_event e = {.event = what,
                         .error = error,
                         .value = value,
                         .remote = d->endpoint,
                         .endpoint = d->endpoint};

    zu_socket_observe(d->socket, &e);
}

static void event_connected(struct zu_dialer *d, int fd)
{
    char local[ZU_ENDPOINT_MAX], remote[ZU_ENDPOINT_MAX];
    struct zu_event e = {.event = ZMQ_EVENT_CONNECTED,
                         .value = (uint64_t)fd,
                         .connection = d->session->connection,
                         .local = local,
                         .remote = d->endpoint,
                         .address = remote,
                         .endpoint = d->endpoint};

    if (!zu_socket_is_observed(d->socket))
        return;
    d->transport->name(fd, local, remote);
    zu_socket_observe(d->socket, &e);
}

static void dialer_drop(struct zu_dialer *d)
{
    /* [D1] acq_rel, pairs with itself. */
    if (atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) == 1)
        zu_free(d);
}

/* Everything is over and zmq_close, or zmq_disconnect, has said so. */
static void end_if_over(struct zu_dialer *d)
{
    struct zu_ctx *ctx = d->socket->ctx;

    if (!d->closed || d->session || d->attempt != AT_REST)
        return;
    zu_timer_clear(d->loop, &d->timer);
    zu_options_drop(d->options);
    zu_socket_end_source(d->socket);
    zu_socket_drop(d->socket);
    zu_free(d->proxy);
    dialer_drop(d);
    zu_ctx_end(ctx);
}

static void wait_and_retry(struct zu_dialer *d, int error)
{
    const struct zu_options *o = d->options;
    uint32_t ms = (uint32_t)o->reconnect_ivl; /* twice the greatest int still fits */

    if (o->reconnect_ivl_max > 0) {
        ms = (uint32_t)ZU_MIN(d->wait_ms ? d->wait_ms : o->reconnect_ivl, o->reconnect_ivl_max);
        d->wait_ms = (int)ZU_MIN(ms * 2, (uint32_t)INT32_MAX);
    } else {
        ms += zu_random_u32() % (uint32_t)o->reconnect_ivl;
    }
    d->attempt = WAITING;
    zu_timer_set(d->loop, &d->timer, ms);
    event(d, ZMQ_EVENT_CONNECT_RETRIED, ms, error);
}

/* No further attempts. The session goes, and the socket forgets the endpoint. */
static void give_up(struct zu_dialer *d)
{
    zu_socket_hold(d->socket); /* both counts are the command's */
    atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    if (zu_mailbox_post(&d->socket->box, &d->gone_cmd) != ZU_POSTED) {
        zu_socket_drop(d->socket);
        dialer_drop(d);
    }
    zu_session_stop(d->session, true);
}

static void close_fd(struct zu_dialer *d, int error)
{
    struct zu_kernel *k = d->loop->kernel;
    int fd = d->fd;

    k->table->forget(k, fd);
    close(fd);
    d->fd = -1;
    event(d, ZMQ_EVENT_CLOSED, (uint64_t)fd, error);
}

/* No more attempts, though something may be left to send. */
static bool has_had_enough(const struct zu_dialer *d)
{
    return d->closed && d->disconnected &&
           d->options->reconnect_stop & ZMQ_RECONNECT_STOP_AFTER_DISCONNECT;
}

/* The attempt came to nothing; nothing of it is in the kernel's hands. */
static void attempt_failed(struct zu_dialer *d, int err)
{
    int stop = d->options->reconnect_stop;
    bool refused = err == -ECONNREFUSED && stop & ZMQ_RECONNECT_STOP_CONN_REFUSED;

    d->attempt = AT_REST;
    zu_timer_clear(d->loop, &d->timer);
    if (d->fd >= 0)
        close_fd(d, -err);
    if (!d->session) {
        end_if_over(d);
    } else if (has_had_enough(d)) {
        zu_session_stop(d->session, true);
    } else if (refused) {
        give_up(d);
    } else if (d->options->reconnect_ivl > 0) {
        wait_and_retry(d, -err);
    } /* else: the endpoint stays, and its pipe, but nothing happens any more */
}

static void hand_to_session(struct zu_dialer *d)
{
    int fd = d->fd, rc = d->transport->admit(fd, d->options, false);

    if (rc < 0) {
        attempt_failed(d, rc);
        return;
    }
    d->fd = -1;
    d->attempt = AT_REST;
    d->wait_ms = 0;
    zu_timer_clear(d->loop, &d->timer);
    d->session->connection = zu_ctx_next_connection();
    event_connected(d, fd);
    zu_session_start(d->session, fd);
}

/* ---- the proxy's dialogue: strictly in turns, so one op and one buffer do ---- */

static void proxy_send(struct zu_dialer *d)
{
    struct zu_kernel *k = d->loop->kernel;
    const struct dialogue *p = d->proxy;

    k->table->send(k, &d->op, d->fd, p->bytes + p->sent, p->size - p->sent);
}

static void proxy_recv(struct zu_dialer *d)
{
    struct zu_kernel *k = d->loop->kernel;

    /* A byte at a time: what follows the dialogue belongs to the session. */
    k->table->recv(k, &d->op, d->fd, d->proxy->bytes, 1);
}

static void proxy_heard(struct zu_dialer *d)
{
    struct dialogue *p = d->proxy;
    struct zu_reader in = zu_reader_of(p->bytes, 1);
    uint8_t out[ZU_PROXY_ROOM];
    struct zu_writer w = zu_writer_of(out, sizeof out);
    int rc = d->transport->proxy->feed(p->state, &in, &w);

    if (rc == 0) {
        hand_to_session(d);
    } else if (rc != -EAGAIN) {
        attempt_failed(d, rc);
    } else if (w.at != out) {
        p->size = (size_t)(w.at - out);
        p->sent = 0;
        memcpy(p->bytes, out, p->size);
        proxy_send(d);
    } else {
        proxy_recv(d);
    }
}

static void start_proxy(struct zu_dialer *d)
{
    const struct zu_proxy *t = d->transport->proxy;
    struct dialogue *p = d->proxy = d->proxy ? d->proxy : zu_alloc(sizeof *p + t->size);
    int rc = -ENOMEM;

    if (p) {
        struct zu_writer w = zu_writer_of(p->bytes, sizeof p->bytes);

        memset(p->state, 0, t->size);
        rc = t->start(p->state, d->text, d->options, &w);
        p->size = (size_t)(w.at - p->bytes);
        p->sent = 0;
    }
    if (rc < 0) {
        attempt_failed(d, rc);
        return;
    }
    d->attempt = AT_PROXY;
    if (d->options->handshake_ivl > 0) /* the dialogue is a handshake, too */
        zu_timer_set(d->loop, &d->timer, (uint64_t)d->options->handshake_ivl);
    else
        zu_timer_clear(d->loop, &d->timer);
    proxy_send(d);
}

static void proxy_done(struct zu_dialer *d, int res)
{
    struct dialogue *p = d->proxy;
    bool sending = p->sent < p->size;

    if (res == -EAGAIN || res == -EINTR)
        res = 0;
    else if (res <= 0) {
        attempt_failed(d, res < 0 ? res : -ECONNRESET);
        return;
    }
    if (!sending) {
        if (res == 0)
            proxy_recv(d);
        else
            proxy_heard(d);
        return;
    }
    p->sent += (size_t)res;
    if (p->sent < p->size)
        proxy_send(d);
    else
        proxy_recv(d);
}

/* ---- the attempt ---- */

static void op_done(struct zu_op *op, int res, uint32_t flags)
{
    struct zu_dialer *d = zu_container_of(op, struct zu_dialer, op);

    (void)flags;
    if (d->attempt == GIVING_UP || d->timed_out) {
        attempt_failed(d, -ETIMEDOUT);
    } else if (d->attempt == AT_PROXY) {
        proxy_done(d, res);
    } else if (res < 0) {
        attempt_failed(d, res);
    } else if (d->options->socks_proxy && d->transport->proxy) {
        start_proxy(d);
    } else {
        hand_to_session(d);
    }
}

static void looked_up(void *self, int rc, const struct zu_target *target)
{
    struct zu_dialer *d = self;
    struct zu_kernel *k = d->loop->kernel;

    d->lookup = NULL;
    if (rc == 0) {
        d->address = target->addr;
        d->fd = d->transport->open(target, d->options);
        rc = ZU_MIN(d->fd, 0);
    }
    if (rc < 0) {
        d->fd = -1;
        attempt_failed(d, rc);
        return;
    }
    d->attempt = CONNECTING;
    d->timed_out = false;
    if (d->options->connect_timeout > 0 && d->transport->takes_time)
        zu_timer_set(d->loop, &d->timer, (uint64_t)d->options->connect_timeout);
    if (d->transport->takes_time)
        event(d, ZMQ_EVENT_CONNECT_DELAYED, EINPROGRESS, EINPROGRESS);
    k->table->connect(k, &d->op, d->fd, (struct sockaddr *)&d->address, target->addr_size);
}

static void begin_attempt(struct zu_dialer *d)
{
    bool by_proxy = d->options->socks_proxy && d->transport->proxy;
    const char *text = by_proxy ? d->options->socks_proxy : d->text;
    int rc;

    d->attempt = LOOKING_UP;
    rc = zu_lookup_start(&d->lookup, d->loop, d->transport, text, d->options, looked_up, d);
    if (rc < 0)
        attempt_failed(d, rc);
}

static void on_timer(struct zu_timer *t)
{
    struct zu_dialer *d = zu_container_of(t, struct zu_dialer, timer);
    struct zu_kernel *k = d->loop->kernel;

    if (d->attempt == WAITING) {
        begin_attempt(d);
    } else if (d->attempt == CONNECTING || d->attempt == AT_PROXY) {
        d->timed_out = true;
        k->table->cancel(k, &d->op);
    }
}

/* ---- the session ---- */

static void session_lost(struct zu_session *s, enum zu_loss why)
{
    struct zu_dialer *d = s->parent_self;
    bool stop = d->options->reconnect_ivl <= 0;

    if (!s->was_handshook && why != ZU_LOSS_LOCAL &&
        d->options->reconnect_stop & ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED)
        stop = true;
    if (has_had_enough(d))
        zu_session_stop(s, true);
    else if (stop)
        give_up(d);
    else
        wait_and_retry(d, s->loss_error);
}

static void session_over(struct zu_session *s)
{
    struct zu_dialer *d = s->parent_self;
    struct zu_kernel *k = d->loop->kernel;

    d->session = NULL;
    zu_session_drop(s);
    switch (d->attempt) {
    case AT_REST: break;
    case WAITING:
        zu_timer_clear(d->loop, &d->timer);
        d->attempt = AT_REST;
        break;
    case LOOKING_UP:
        zu_lookup_cancel(d->lookup);
        d->lookup = NULL;
        d->attempt = AT_REST;
        break;
    case CONNECTING:
    case AT_PROXY:
        d->attempt = GIVING_UP;
        k->table->cancel(k, &d->op);
        break;
    case GIVING_UP: break;
    }
    end_if_over(d);
}

static const struct zu_session_parent dialer_parent = {.lost = session_lost, .over = session_over};

static void run_start(struct zu_cmd *cmd)
{
    struct zu_dialer *d = zu_container_of(cmd, struct zu_dialer, start_cmd);

    if (d->session)
        begin_attempt(d);
}

static void run_close(struct zu_cmd *cmd)
{
    struct zu_dialer *d = zu_container_of(cmd, struct zu_dialer, close_cmd);

    d->closed = true;
    if (d->session)
        zu_session_stop(d->session, d->attempt == WAITING && has_had_enough(d));
    else
        end_if_over(d);
}

/* On the socket's thread. */
static void run_gone(struct zu_cmd *cmd)
{
    struct zu_dialer *d = zu_container_of(cmd, struct zu_dialer, gone_cmd);
    struct zu_socket *s = d->socket;

    zu_socket_forget_endpoint(s, d->id);
    dialer_drop(d);
    zu_socket_drop(s);
}

int zu_dialer_new(struct zu_dialer **out, struct zu_socket *socket,
                  const struct zu_transport *transport, const char *endpoint, const char *text,
                  uint64_t id, struct zu_pipe **pipe)
{
    size_t size = strlen(endpoint) + 1;
    struct zu_dialer *d = zu_alloc_zero(sizeof *d + size);
    int rc = -ENOMEM;

    *pipe = NULL;
    if (!d)
        return rc;
    memcpy(d->endpoint, endpoint, size);
    atomic_init(&d->refs, 1);
    d->text = d->endpoint + (text - endpoint);
    d->socket = socket;
    d->options = socket->options;
    d->transport = transport;
    d->id = id;
    d->fd = -1;
    d->op.done = op_done;
    d->timer.fire = on_timer;
    d->start_cmd.run = run_start;
    d->close_cmd.run = run_close;
    d->gone_cmd.run = run_gone;
    rc = zu_ctx_pick_loop(socket->ctx, d->options->affinity, &d->loop);
    if (rc < 0)
        goto free_dialer;
    rc = zu_session_new(&d->session, d->loop, socket, transport, d->options, &dialer_parent, d, id);
    if (rc < 0)
        goto unpick;
    d->session->configured = d->endpoint;
    if (!d->options->immediate)
        rc = zu_session_make_pipe(d->session, pipe);
    if (rc < 0)
        goto drop_session;
    zu_options_hold(d->options);
    zu_socket_hold(socket);
    zu_socket_begin_source(socket);
    zu_ctx_begin(socket->ctx);
    zu_loop_post(d->loop, &d->start_cmd);
    *out = d;
    return 0;
drop_session:
    zu_session_drop(d->session);
    zu_session_drop(d->session);
unpick:
    zu_ctx_unpick_loop(d->loop);
free_dialer:
    zu_free(d);
    return rc;
}

void zu_dialer_close(struct zu_dialer *d, bool disconnect)
{
    d->disconnected = disconnect;
    zu_loop_post(d->loop, &d->close_cmd);
}

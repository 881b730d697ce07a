/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a socket and its endpoints. Sending, receiving and waiting are in socket_io.c.
 *
 * zmq_close leaves nothing for a thread of ours to finish: every pipe is closed with the linger
 * time that holds, the mailbox refuses what comes later, and the sessions at the other ends send
 * what was written by themselves. The memory goes with the last pipe that names the socket.
 */
#include "engine/core/socket.h"

#include "engine/base/alloc.h"
#include "engine/base/clock.h"
#include "engine/core/by_hand.h"
#include "engine/core/datagrams.h"
#include "engine/core/dialer.h"
#include "engine/core/listener.h"
#include "engine/core/multicast.h"
#include "engine/core/stats.h"
#include "engine/core/tripwire.h"
#include "engine/core/unconnected.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* ---- what a pipe's end hears ---- */

static void sink_attached(struct zu_pipe *p)
{
    zu_socket_adopt(p->owner, p);
}

static void sink_readable(struct zu_pipe *p)
{
    struct zu_socket *s = p->owner;

    if (!zu_list_empty(&p->all))
        s->pattern->readable(s, p);
}

static void sink_writable(struct zu_pipe *p)
{
    struct zu_socket *s = p->owner;

    if (!zu_list_empty(&p->all))
        s->pattern->writable(s, p);
}

static void sink_hiccuped(struct zu_pipe *p)
{
    struct zu_socket *s = p->owner;

    if (!zu_list_empty(&p->all) && s->pattern->hiccuped)
        s->pattern->hiccuped(s, p);
}

static void sink_ended(struct zu_pipe *p)
{
    zu_socket_close_pipe(p->owner, p);
}

/* Written to the peer, or by it, and never read. */
static void sink_left(struct zu_pipe *p, uint64_t messages)
{
    struct zu_socket *s = p->owner;
    struct zu_event e = {
        .event = ZURING_EVENT_DROPPED, .value = messages, .value2 = ZURING_DROP_LOST};

    zu_socket_lost(s, messages);
    if (zu_socket_is_observed(s))
        zu_socket_observe_pipe(s, p, &e);
}

static void sink_released(struct zu_pipe *p)
{
    struct zu_socket *s = p->owner;

    if (!p->local) {
        pthread_mutex_lock(&s->names);
        zu_stats_add_pipe(&s->past, p);
        zu_list_remove(&p->peer->all);
        pthread_mutex_unlock(&s->names);
    }
    zu_socket_drop(s);
}

const struct zu_pipe_sink *zu_socket_sink(void)
{
    static const struct zu_pipe_sink sink = {.attached = sink_attached,
                                             .readable = sink_readable,
                                             .writable = sink_writable,
                                             .hiccuped = sink_hiccuped,
                                             .ended = sink_ended,
                                             .left = sink_left,
                                             .released = sink_released};
    return &sink;
}

int zu_socket_make_pipe(struct zu_socket *s, const struct zu_options *o, bool conflate,
                        const struct zu_pipe_end *far, struct zu_pipe *ends[2])
{
    struct zu_pipe_end spec[2] = {{.sink = zu_socket_sink(),
                                   .owner = s,
                                   .box = &s->box,
                                   .in_hwm = o->rcvhwm,
                                   .out_hwm = o->sndhwm,
                                   .latest_only_in = conflate && s->pattern->conflates_in},
                                  *far};
    int rc;

    spec[1].in_hwm = spec[1].out_hwm = ZU_PIPE_NO_HWM;
    spec[1].latest_only_in = conflate && s->pattern->conflates_out;
    rc = zu_pipe_new(ends, spec);
    if (rc == 0)
        zu_socket_hold(s); /* until the pipe's memory goes: see sink_released */
    return rc;
}

void zu_socket_adopt(struct zu_socket *s, struct zu_pipe *p)
{
    if (s->closing) {
        zu_pipe_close(p, s->options->linger);
        return;
    }
    pthread_mutex_lock(&s->names);
    zu_list_append(&s->pipes, &p->all);
    pthread_mutex_unlock(&s->names);
    s->has_local |= p->local;
    zu_hands_settle(s);
    s->pattern->attach(s, p); /* may close the pipe */
}

void zu_socket_name_peer(struct zu_socket *s, struct zu_pipe *p, uint64_t connection,
                         const char *local, const char *peer, const char *address,
                         const char *bound)
{
    char *own[4] = {local ? zu_strdup(local) : NULL, peer ? zu_strdup(peer) : NULL,
                    address && address != peer ? zu_strdup(address) : NULL,
                    bound && local && strcmp(bound, local) != 0 ? zu_strdup(bound) : NULL};

    pthread_mutex_lock(&s->names);
    p->connection = connection;
    if (connection) {
        p->last_connection = connection;
        p->connects++;
    }
    if (own[0]) {
        zu_free(p->local_name);
        p->local_name = own[0];
    }
    if (own[1]) {
        zu_free(p->peer_name);
        p->peer_name = own[1];
    }
    if (own[2]) {
        zu_free(p->peer_address);
        p->peer_address = own[2];
    }
    if (own[3]) {
        zu_free(p->bound_name);
        p->bound_name = own[3];
    }
    pthread_mutex_unlock(&s->names);
}

static void end_pipe(struct zu_socket *s, struct zu_pipe *p, int linger)
{
    if (!zu_list_empty(&p->all)) {
        zu_socket_tell_drops(s, p);
        pthread_mutex_lock(&s->names);
        zu_list_remove(&p->all);
        if (p->local)
            zu_stats_add_pipe(&s->past, p);
        else
            zu_list_append(&s->ending, &p->peer->all);
        pthread_mutex_unlock(&s->names);
        zu_hands_settle(s);
        s->pattern->detach(s, p);
    }
    zu_pipe_close(p, linger);
}

void zu_socket_close_pipe(struct zu_socket *s, struct zu_pipe *p)
{
    end_pipe(s, p, s->options->linger);
}

void zu_socket_refuse_pipe(struct zu_socket *s, struct zu_pipe *p)
{
    s->refused = true;
    end_pipe(s, p, ZU_LINGER_ANEW);
}

/* Who was dialed comes back: zmq_disconnect ends that. */
static void end_outright(struct zu_socket *s, struct zu_pipe *p)
{
    end_pipe(s, p, p->dialed && !p->local ? ZU_LINGER_ANEW : 0);
}

int zu_socket_end_peer(struct zu_socket *s, const void *id, size_t size)
{
    struct zu_pipe *p;

    if (!s->pattern->peer)
        return -ENOTSUP;
    p = s->pattern->peer(s, id, size);
    if (!p || p->peer_gone)
        return -EHOSTUNREACH;
    end_outright(s, p);
    return 0;
}

int zu_socket_end_connection(struct zu_socket *s, uint64_t connection)
{
    zu_list_each(it, &s->pipes)
    {
        struct zu_pipe *p = zu_container_of(it, struct zu_pipe, all);
        bool found;

        pthread_mutex_lock(&s->names);
        found = connection != 0 && p->connection == connection;
        pthread_mutex_unlock(&s->names);
        if (found && !p->peer_gone) {
            end_outright(s, p);
            return 0;
        }
    }
    return -EHOSTUNREACH;
}

/* ---- life ---- */

static void wake(struct zu_mailbox *box)
{
    struct zu_socket *s = zu_container_of(box, struct zu_socket, box);

    if (s->waiter)
        zu_waiter_wake(s->waiter);
    if (zu_unlikely(!zu_list_empty(&s->tripwires)))
        zu_tripwires_touch(s);
    /* [K1] release, pairs with [K2] in socket_io.c: the waiter is touched no more. */
    atomic_fetch_add_explicit(&s->wakes_had, 1, memory_order_release);
}

static void run_stop(struct zu_cmd *cmd)
{
    zu_container_of(cmd, struct zu_socket, stop_cmd)->stopped = true;
}

static int register_with_ctx(struct zu_socket *s)
{
    struct zu_ctx *ctx = s->ctx;
    int rc = 0;

    pthread_mutex_lock(&ctx->lock);
    if (ctx->stopping)
        rc = -ETERM;
    else if (ctx->socket_count >= (size_t)ctx->max_sockets)
        rc = -EMFILE;
    if (rc == 0) {
        zu_list_append(&ctx->sockets, &s->in_ctx);
        ctx->socket_count++;
        ctx->live++;
    }
    pthread_mutex_unlock(&ctx->lock);
    return rc;
}

static void set_defaults_of_ctx(struct zu_socket *s)
{
    struct zu_ctx *ctx = s->ctx;

    pthread_mutex_lock(&ctx->lock);
    s->options->ipv6 = ctx->ipv6;
    s->options->spin_us = ctx->spin_us;
    s->joint |= ctx->joint;
    if (!ctx->blocky)
        s->options->linger = 0;
    pthread_mutex_unlock(&ctx->lock);
    if (s->pattern->no_linger)
        s->options->linger = 0;
}

int zu_socket_new(struct zu_socket **out, struct zu_ctx *ctx, const struct zu_pattern *pattern)
{
    size_t size = (sizeof(struct zu_socket) + pattern->size + ZU_CACHE_LINE - 1) &
                  ~(size_t)(ZU_CACHE_LINE - 1);
    struct zu_socket *s = zu_alloc_aligned(ZU_CACHE_LINE, size);
    int rc = -ENOMEM;

    if (!s)
        return rc;
    memset(s, 0, size);
    atomic_init(&s->refs, 1);
    atomic_init(&s->sources, 1);
    s->number = zu_ctx_next_socket();
    s->ctx = ctx;
    s->pattern = pattern;
    s->send_msg = pattern->send_msg ? pattern->send_msg : zu_socket_send_any;
    s->recv_msg = pattern->recv_msg ? pattern->recv_msg : zu_socket_recv_any;
    zu_mailbox_init(&s->box, wake);
    zu_waiter_init(&s->own_waiter);
    zu_waiter_init(&s->fd_waiter);
    zu_list_init(&s->pipes);
    zu_list_init(&s->ending);
    pthread_mutex_init(&s->names, NULL);
    zu_list_init(&s->endpoints);
    zu_list_init(&s->tripwires);
    zu_list_init(&s->in_ctx);
    s->stop_cmd.run = run_stop;
    s->joint = pattern->joint;
    pthread_mutex_init(&s->lock, NULL);
    s->options = zu_options_new(pattern->type);
    if (!s->options)
        goto free_socket;
    set_defaults_of_ctx(s);
    if (pattern->init && (rc = pattern->init(s)) < 0)
        goto drop_options;
    rc = register_with_ctx(s);
    if (rc < 0)
        goto fini_pattern;
    s->tag = s->joint ? ZU_SOCKET_JOINT_TAG : ZU_SOCKET_TAG;
    *out = s;
    return 0;
fini_pattern:
    if (pattern->fini)
        pattern->fini(s);
drop_options:
    zu_options_drop(s->options);
free_socket:
    pthread_mutex_destroy(&s->names);
    pthread_mutex_destroy(&s->lock);
    zu_free(s);
    return rc;
}

void zu_socket_hold(struct zu_socket *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

void zu_socket_drop(struct zu_socket *s)
{
    /* [K3] acq_rel, pairs with itself. */
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct zu_observer *o = atomic_load_explicit(&s->observer, memory_order_relaxed); /* alone */

    zu_stats_bury(s);
    zu_slab_fini(&s->slab); /* until now another thread may have received by hand */
    zu_options_drop(s->options);
    zu_waiter_fini(&s->own_waiter);
    zu_waiter_fini(&s->fd_waiter);
    pthread_mutex_destroy(&s->names);
    zu_free(s->ended);
    zu_free(s);
    if (o && o->released)
        o->released(o);
}

static void close_endpoint(struct zu_socket *s, struct zu_endpoint *e, bool unbind)
{
    zu_list_remove(&e->link);
    if (e->listener)
        zu_listener_close(e->listener, unbind);
    if (e->dialer)
        zu_dialer_close(e->dialer, unbind);
    if (e->datagrams)
        zu_datagrams_close(e->datagrams);
    if (e->multicast)
        zu_multicast_close(e->multicast);
    if (e->bound && e->transport->local_unbind)
        e->transport->local_unbind(s, strstr(e->text, "://") + 3);
    if (s->last == e) /* ZMQ_LAST_ENDPOINT goes on to say it */
        s->ended = e;
    else
        zu_free(e);
}

int zu_socket_close(struct zu_socket *s)
{
    struct zu_ctx *ctx = s->ctx;
    struct zu_list *l;

    s->tag = 0;
    if (zu_ctx_inherited(ctx))
        return 0; /* the parent's: nothing of it is touched */
    s->closing = true;
    zu_socket_end_sleep(s); /* a ZMQ_MONITOR function may close what zmq_poll waits for */
    zu_hands_release(s);
    zu_tripwires_close(s);
    pthread_mutex_lock(&ctx->lock);
    zu_list_remove(&s->in_ctx);
    ctx->socket_count--;
    pthread_mutex_lock(&ctx->sums);
    zu_list_append(&ctx->closed, &s->in_ctx);
    pthread_mutex_unlock(&ctx->sums);
    pthread_mutex_unlock(&ctx->lock);

    zu_list_each(it, &s->endpoints)
    {
        struct zu_endpoint *e = zu_container_of(it, struct zu_endpoint, link);

        if (e->bound && e->transport->local_unbind) /* before the mailbox closes: no new pipes */
            close_endpoint(s, e, false);
    }
    zu_mailbox_close(&s->box);
    while (!zu_list_empty(&s->pipes))
        zu_socket_close_pipe(s, zu_container_of(s->pipes.next, struct zu_pipe, all));
    while ((l = s->endpoints.next) != &s->endpoints)
        close_endpoint(s, zu_container_of(l, struct zu_endpoint, link), false);
    zu_socket_tell_drops(s, NULL);
    if (s->pattern->fini)
        s->pattern->fini(s);
    zu_socket_spend_all(s);
    zu_socket_end_source(s);
    zu_socket_drop(s);
    zu_ctx_end(ctx);
    return 0;
}

/* ---- endpoints ---- */

/* Finds the transport and what stands behind "://". */
static int split(struct zu_socket *s, const char *endpoint, const struct zu_transport **t,
                 const char **text)
{
    const char *colon = endpoint ? strstr(endpoint, "://") : NULL;

    if (!colon || colon == endpoint || !colon[3])
        return -EINVAL;
    *text = colon + 3;
    *t = zu_ctx_transport(s->ctx, endpoint, (size_t)(colon - endpoint));
    return *t ? 0 : -EPROTONOSUPPORT;
}

int zu_socket_add_endpoint(struct zu_socket *s, struct zu_endpoint **out,
                           const struct zu_transport *t, const char *text, bool bound)
{
    size_t size = strlen(text) + 1;
    struct zu_endpoint *e = zu_alloc_zero(sizeof *e + size);

    if (!e)
        return -ENOMEM;
    memcpy(e->text, text, size);
    e->id = ++s->last_endpoint_id;
    e->transport = t;
    e->bound = bound;
    zu_list_append(&s->endpoints, &e->link);
    *out = e;
    return 0;
}

/* The text is the endpoint's. */
static void set_last_endpoint(struct zu_socket *s, struct zu_endpoint *e, const char *text)
{
    zu_free(s->ended);
    s->ended = NULL;
    s->last = e;
    s->last_endpoint = text;
}

static void tell_bind_failed(struct zu_socket *s, const char *endpoint, const char *text,
                             const struct zu_listening *at, int err)
{
    struct zu_event closed = {.event = ZMQ_EVENT_CLOSED,
                              .error = err,
                              .value = (uint64_t)at->fd,
                              .local = at->endpoint,
                              .endpoint = endpoint,
                              .bound = true};
    struct zu_event failed = {.event = ZMQ_EVENT_BIND_FAILED,
                              .error = err,
                              .value = (uint64_t)err,
                              .local = text,
                              .endpoint = endpoint,
                              .bound = true};

    if (at->fd >= 0)
        zu_socket_observe(s, &closed);
    zu_socket_observe(s, &failed);
}

static int bind_stream(struct zu_socket *s, const struct zu_transport *t, const char *endpoint,
                       const char *text)
{
    struct zu_listening at;
    struct zu_endpoint *e;
    int rc = t->listen(&at, text, s->options);

    if (rc < 0) {
        tell_bind_failed(s, endpoint, text, &at, -rc);
        return rc;
    }
    rc = zu_socket_add_endpoint(s, &e, t, at.endpoint, true);
    if (rc < 0)
        goto close_fd;
    rc = zu_listener_new(&e->listener, s, t, &at, endpoint);
    if (rc < 0)
        goto forget;
    set_last_endpoint(s, e, e->text);
    if (s->options->use_fd >= 0) /* it is the listener's now; another bind makes its own */
        zu_options_set(&s->options, ZMQ_USE_FD, &(int){-1}, sizeof(int));
    return 0;
forget:
    zu_list_remove(&e->link);
    zu_free(e);
close_fd:
    if (at.fd != s->options->use_fd) /* else it stays the caller's */
        close(at.fd);
    t->unlisten(&at);
    return rc;
}

static int bind_local(struct zu_socket *s, const struct zu_transport *t, const char *endpoint,
                      const char *text)
{
    struct zu_endpoint *e;
    int rc = zu_socket_add_endpoint(s, &e, t, endpoint, true);

    if (rc < 0)
        return rc;
    rc = t->local_bind(s, text);
    if (rc < 0) {
        zu_list_remove(&e->link);
        zu_free(e);
        return rc;
    }
    set_last_endpoint(s, e, e->text);
    return 0;
}

static int open_datagrams(struct zu_socket *s, const struct zu_transport *t, const char *endpoint,
                          const char *text, bool bind)
{
    char local[ZU_ENDPOINT_MAX], remote[ZU_ENDPOINT_MAX];
    struct zu_target to;
    struct zu_endpoint *e;
    struct zu_pipe *pipe;
    int fd = t->datagram_open(&to, local, remote, text, s->options, bind);
    int rc = fd < 0 ? fd : zu_socket_add_endpoint(s, &e, t, endpoint, bind);

    if (fd < 0)
        return fd;
    if (rc < 0)
        goto close_fd;
    rc = zu_datagrams_new(&e->datagrams, s, t, fd, &to, e->id, &pipe);
    if (rc < 0)
        goto forget;
    set_last_endpoint(s, e,
                      e->text + (text - endpoint)); /* without the scheme, as libzmq says it */
    zu_unconnected_name(s, pipe, endpoint, local, remote);
    zu_socket_adopt(s, pipe);
    return 0;
forget:
    zu_list_remove(&e->link);
    zu_free(e);
close_fd:
    close(fd);
    return rc;
}

/* To bind and to connect are the same. */
static int join_multicast(struct zu_socket *s, const struct zu_transport *t, const char *endpoint,
                          const char *text)
{
    struct zu_endpoint *e;
    struct zu_pipe *pipe;
    int rc = zu_socket_add_endpoint(s, &e, t, endpoint, false);

    if (rc < 0)
        return rc;
    if ((rc = zu_multicast_new(&e->multicast, s, t, text, e->id, &pipe)) < 0) {
        zu_list_remove(&e->link);
        zu_free(e);
        return rc;
    }
    set_last_endpoint(s, e, e->text);
    /* Who speaks speaks to the group, and hears it who listens. */
    zu_unconnected_name(s, pipe, endpoint, pipe->takes_all ? "" : endpoint,
                        pipe->takes_all ? endpoint : "");
    zu_socket_adopt(s, pipe);
    return 0;
}

int zu_socket_bind(struct zu_socket *s, const char *endpoint)
{
    const struct zu_transport *t;
    const char *text;
    int rc = zu_socket_catch_up(s);

    if (rc < 0 || (rc = split(s, endpoint, &t, &text)) < 0)
        return rc;
    if (t->datagram_open)
        return open_datagrams(s, t, endpoint, text, true);
    if (t->carrier)
        return join_multicast(s, t, endpoint, text);
    return t->local_bind ? bind_local(s, t, endpoint, text) : bind_stream(s, t, endpoint, text);
}

static struct zu_endpoint *find_connected(struct zu_socket *s, const char *endpoint)
{
    zu_list_each(it, &s->endpoints)
    {
        struct zu_endpoint *e = zu_container_of(it, struct zu_endpoint, link);

        if (!e->bound && strcmp(e->text, endpoint) == 0)
            return e;
    }
    return NULL;
}

int zu_socket_connect(struct zu_socket *s, const char *endpoint)
{
    const struct zu_transport *t;
    const char *text;
    struct zu_endpoint *e;
    struct zu_pipe *pipe = NULL;
    int rc = zu_socket_catch_up(s);

    if (rc < 0 || (rc = split(s, endpoint, &t, &text)) < 0)
        return rc;
    if (t->datagram_open)
        return open_datagrams(s, t, endpoint, text, false);
    if (t->carrier)
        return join_multicast(s, t, endpoint, text);
    if (!t->local_connect) {
        rc = t->check(text, s->options);
        if (rc < 0)
            return rc;
        e = s->pattern->once ? find_connected(s, endpoint) : NULL;
        if (e) {
            set_last_endpoint(s, e, e->text);
            return 0;
        }
    }
    rc = zu_socket_add_endpoint(s, &e, t, endpoint, false);
    if (rc < 0)
        return rc;
    if (t->local_connect)
        rc = t->local_connect(s, text, e->id);
    else
        rc = zu_dialer_new(&e->dialer, s, t, endpoint, text, e->id, &pipe);
    if (rc < 0) {
        zu_list_remove(&e->link);
        zu_free(e);
        return rc;
    }
    set_last_endpoint(s, e, e->text);
    if (pipe)
        zu_socket_adopt(s, pipe);
    return 0;
}

static void close_pipes_of(struct zu_socket *s, uint64_t id)
{
    zu_list_each(it, &s->pipes)
    {
        struct zu_pipe *p = zu_container_of(it, struct zu_pipe, all);

        if (p->endpoint == id)
            zu_socket_close_pipe(s, p);
    }
}

void zu_socket_forget_endpoint(struct zu_socket *s, uint64_t id)
{
    zu_list_each(it, &s->endpoints)
    {
        struct zu_endpoint *e = zu_container_of(it, struct zu_endpoint, link);

        if (e->id == id) {
            close_endpoint(s, e, true);
            return;
        }
    }
}

/* The endpoint was bound by that text, and its transport has it go by it. */
static bool was_typed(const struct zu_endpoint *e, const char *endpoint)
{
    return e->listener && e->transport->unbinds_typed &&
           strcmp(zu_listener_configured(e->listener), endpoint) == 0;
}

/* Takes every endpoint with that text; how many there were. */
static int take_endpoints(struct zu_socket *s, const char *endpoint)
{
    int taken = 0;

    zu_list_each(it, &s->endpoints)
    {
        struct zu_endpoint *e = zu_container_of(it, struct zu_endpoint, link);

        if (strcmp(e->text, endpoint) != 0 && !was_typed(e, endpoint))
            continue;
        if (!e->bound)
            close_pipes_of(s, e->id);
        close_endpoint(s, e, true);
        taken++;
    }
    if (taken > 0)
        zu_hands_fall_in(s);
    return taken;
}

int zu_socket_unbind(struct zu_socket *s, const char *endpoint)
{
    const struct zu_transport *t;
    const char *text;
    char real[ZU_ENDPOINT_MAX];
    int rc = zu_socket_catch_up(s);

    if (rc < 0 || (rc = split(s, endpoint, &t, &text)) < 0)
        return rc;
    if (take_endpoints(s, endpoint) > 0)
        return 0;
    /* Another spelling of the address that something is bound to. */
    if (t->canonical && t->canonical(real, text, s->options) == 0 && take_endpoints(s, real) > 0)
        return 0;
    return -ENOENT;
}

/* ---- options ---- */

int zu_socket_set(struct zu_socket *s, int option, const void *value, size_t size)
{
    int rc = zu_socket_catch_up(s);

    if (rc < 0)
        return rc;
    rc = s->pattern->set ? s->pattern->set(s, option, value, size) : -EINVAL;
    if (rc != -EINVAL)
        return rc;
    rc = zu_options_set(&s->options, option, value, size);
    if (rc == 0 && (option == ZMQ_SNDHWM || option == ZMQ_RCVHWM)) {
        zu_list_each(it, &s->pipes) zu_pipe_set_hwms(zu_container_of(it, struct zu_pipe, all),
                                                     s->options->rcvhwm, s->options->sndhwm);
    }
    return rc;
}

static int get_fd(struct zu_socket *s, void *value, size_t *size)
{
    if (*size < sizeof(int))
        return -EINVAL;
    if (!s->has_fd) {
        int rc = s->tag == ZU_SOCKET_BUSY_TAG ? -EFSM : zu_waiter_make_fd(&s->fd_waiter);

        if (rc < 0)
            return rc;
        s->has_fd = true;
        zu_hands_release(s);
        zu_socket_listen_again(s);
        /* A socket in use is worth a look at first: connections have come, or messages. The light
         * sleep has the next call, whatever it is, take that back. */
        if (!zu_list_empty(&s->endpoints) && zu_mailbox_sleep_lightly(&s->box))
            zu_waiter_wake(&s->fd_waiter);
    }
    return zu_answer_int_wide(s->fd_waiter.fd, value, size);
}

/* A function of the user's that was posted asks: then what was posted is being run already. */
static int catch_up_unless_busy(struct zu_socket *s)
{
    if (zu_likely(!s->busy))
        return zu_socket_catch_up(s);
    return s->stopped ? -ETERM : 0;
}

int zu_socket_get(struct zu_socket *s, int option, void *value, size_t *size)
{
    int rc = catch_up_unless_busy(s);

    if (rc < 0)
        return rc;
    rc = s->pattern->get ? s->pattern->get(s, option, value, size) : -EINVAL;
    if (rc != -EINVAL)
        return rc;
    switch (option) {
    case ZMQ_RCVMORE: return zu_answer_int_wide(s->rcvmore, value, size);
    case ZMQ_FD: return s->pattern->joint ? -EINVAL : get_fd(s, value, size);
    case ZMQ_EVENTS: return zu_answer_int_wide(zu_socket_events(s), value, size);
    case ZMQ_LAST_ENDPOINT: return zu_answer_text(s->last_endpoint, value, size);
    case ZMQ_THREAD_SAFE: return zu_answer_int_wide(s->joint, value, size);
    default: return zu_options_get(s->options, option, value, size);
    }
}

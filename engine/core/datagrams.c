/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel is asked when there is something, or room, and then plain calls that do not wait move
 * what there is, some at a time, so that others on the loop have their turn.
 *
 * While the pipe to the socket is full nothing is received: the kernel's buffer fills, and then it
 * drops what comes, and counts it: so it is asked now and then how many they are.
 */
#include "engine/core/datagrams.h"

#include "engine/base/alloc.h"
#include "engine/core/unconnected.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    AT_ONCE = 64,  /* datagrams either way before others have their turn */
    LOOK_MS = 200, /* between two looks at what the kernel drops */
};

struct zu_datagrams {
    struct zu_socket *socket;   /* counted */
    struct zu_options *options; /* counted */
    const struct zu_transport *transport;
    struct zu_loop *loop;
    struct zu_pipe *pipe;
    int fd;
    struct zu_target to;  /* of what is to be sent; */
    bool fixed;           /* the same for all */
    struct zu_op in, out; /* polls */
    bool in_busy, out_busy;
    bool paused; /* the pipe is full */
    bool closed;
    size_t unsent;    /* bytes in `bytes` that the kernel had no room for */
    uint32_t dropped; /* by the kernel, for want of room, as far as is counted */
    struct zu_later more_in, more_out;
    struct zu_timer look; /* while paused */
    struct zu_cmd start_cmd, close_cmd;
    uint8_t bytes[ZU_DATAGRAM_MAX];
};

static void receive(struct zu_datagrams *d);
static void send_all(struct zu_datagrams *d);

/* A message that will not arrive. */
static void lose(struct zu_datagrams *d, uint64_t messages)
{
    zu_unconnected_lose(d->socket, d->pipe, messages);
}

/* What came while the kernel's buffer was full: the kernel counts it, modulo 2^32. */
static void count_dropped(struct zu_datagrams *d)
{
    uint32_t info[SK_MEMINFO_VARS];
    socklen_t size = sizeof info;

    if (getsockopt(d->fd, SOL_SOCKET, SO_MEMINFO, info, &size) < 0 || size < sizeof info)
        return;
    if (info[SK_MEMINFO_DROPS] != d->dropped)
        lose(d, (uint32_t)(info[SK_MEMINFO_DROPS] - d->dropped));
    d->dropped = info[SK_MEMINFO_DROPS];
}

static void on_look(struct zu_timer *t)
{
    struct zu_datagrams *d = zu_container_of(t, struct zu_datagrams, look);

    if (!d->paused || !d->pipe)
        return;
    count_dropped(d);
    zu_timer_set(d->loop, &d->look, LOOK_MS);
}

/* ---- the end ---- */

static void end_if_over(struct zu_datagrams *d)
{
    struct zu_kernel *k = d->loop->kernel;
    struct zu_ctx *ctx = d->socket->ctx;

    if (!d->closed || d->in_busy || d->out_busy)
        return;
    zu_list_remove(&d->more_in.link);
    zu_list_remove(&d->more_out.link);
    zu_timer_clear(d->loop, &d->look);
    k->table->forget(k, d->fd);
    close(d->fd);
    zu_ctx_unpick_loop(d->loop);
    zu_options_drop(d->options);
    zu_socket_end_source(d->socket);
    zu_socket_drop(d->socket);
    zu_free(d);
    zu_ctx_end(ctx);
}

/* Nothing goes on without it: what the kernel had no room for is lost. */
static void drop_pipe(struct zu_datagrams *d)
{
    struct zu_pipe *p = d->pipe;

    if (!p)
        return;
    lose(d, d->unsent > 0);
    d->unsent = 0;
    count_dropped(d);
    zu_unconnected_tell(d->socket, p);
    d->pipe = NULL;
    zu_pipe_close(p, 0);
}

static void run_close(struct zu_cmd *cmd)
{
    struct zu_datagrams *d = zu_container_of(cmd, struct zu_datagrams, close_cmd);
    struct zu_kernel *k = d->loop->kernel;

    if (d->pipe && !(d->pipe->peer_gone && zu_pipe_linger(d->pipe) == 0))
        send_all(d);
    drop_pipe(d);
    d->closed = true;
    if (d->in_busy)
        k->table->cancel(k, &d->in);
    if (d->out_busy)
        k->table->cancel(k, &d->out);
    end_if_over(d);
}

/* ---- out ---- */

/* Reads the next message. 0: it is in `bytes`, and d->to says where it goes; -EINVAL: it was no
 * datagram, and is gone; -EAGAIN: there is none. */
static int take_message(struct zu_datagrams *d)
{
    struct zu_writer out = zu_writer_of(d->bytes, sizeof d->bytes);
    uint64_t read = d->pipe->meter.read;
    struct zu_msg head, body;
    int rc = zu_pipe_read(d->pipe, &head);

    if (rc < 0)
        return rc;
    if (!(head.flags & ZU_MSG_MORE) || zu_pipe_read(d->pipe, &body) < 0) {
        lose(d, d->pipe && d->pipe->meter.read != read);
        zu_msg_close(&head); /* what a DISH joins; nobody hears of it here */
        return -EINVAL;
    }
    rc = d->transport->datagram_write(&out, d->fixed ? NULL : &d->to, &head, &body, d->options);
    d->unsent = rc < 0 ? 0 : (size_t)(out.at - d->bytes);
    if (body.flags & ZU_MSG_MORE)
        zu_pipe_skip_rest(d->pipe);
    if (rc == -EMSGSIZE)
        zu_unconnected_refuse(d->socket, d->pipe, 1);
    else
        lose(d, rc < 0);
    zu_msg_close(&head);
    zu_msg_close(&body);
    return rc < 0 ? -EINVAL : 0;
}

/* False: the kernel has no room. Any other error is the one datagram's. */
static bool send_bytes(struct zu_datagrams *d)
{
    ssize_t n = sendto(d->fd, d->bytes, d->unsent, MSG_DONTWAIT | MSG_NOSIGNAL,
                       (const struct sockaddr *)&d->to.addr, d->to.addr_size);

    if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
        return false;
    d->unsent = 0;
    if (n >= 0)
        zu_unconnected_went(d->socket, d->pipe, d->loop, (size_t)n);
    else if (errno == EMSGSIZE)
        zu_unconnected_refuse(d->socket, d->pipe, 1);
    else
        lose(d, 1);
    return true;
}

static void wait_for_room(struct zu_datagrams *d)
{
    struct zu_kernel *k = d->loop->kernel;

    if (d->out_busy || d->closed)
        return;
    d->out_busy = true;
    k->table->poll(k, &d->out, d->fd, POLLOUT);
}

/* Up to `most` messages. True: there may be more. */
static bool send_some(struct zu_datagrams *d, int most)
{
    for (; d->pipe && most > 0; most--) {
        int rc = d->unsent ? 0 : take_message(d);

        if (rc == -EAGAIN)
            return false;
        if (rc == 0 && !send_bytes(d)) {
            wait_for_room(d);
            return false;
        }
    }
    return d->pipe != NULL;
}

static void run_more_out(struct zu_later *l)
{
    struct zu_datagrams *d = zu_container_of(l, struct zu_datagrams, more_out);

    if (!d->out_busy && send_some(d, AT_ONCE))
        zu_loop_later(d->loop, &d->more_out);
}

/* Before the end: what the kernel has no room for now is lost. */
static void send_all(struct zu_datagrams *d)
{
    while (send_some(d, AT_ONCE))
        continue;
}

static void on_out(struct zu_op *op, int res, uint32_t flags)
{
    struct zu_datagrams *d = zu_container_of(op, struct zu_datagrams, out);

    (void)res, (void)flags;
    d->out_busy = false;
    if (d->closed)
        end_if_over(d);
    else
        zu_loop_later(d->loop, &d->more_out);
}

/* ---- in ---- */

/* Writes both parts. The pipe has room; what finds no memory is lost, as on the way. */
static void hand_on(struct zu_datagrams *d, struct zu_msg *head, struct zu_reader body)
{
    struct zu_msg m;

    head->flags |= ZU_MSG_MORE;
    if (zu_msg_init_copy_from(&m, body.at, zu_left(&body), &d->loop->slab) < 0) {
        zu_msg_close(head);
        lose(d, 1);
        return;
    }
    if (zu_pipe_write(d->pipe, head) < 0)
        zu_msg_close(head);
    else if (zu_pipe_write(d->pipe, &m) == 0)
        return;
    zu_msg_close(&m);
    zu_pipe_rollback(d->pipe);
    lose(d, 1);
}

/* One datagram. -EAGAIN: there is none. */
static int receive_one(struct zu_datagrams *d)
{
    uint8_t bytes[ZU_DATAGRAM_MAX];
    struct zu_target from = {.addr_size = sizeof from.addr};
    struct zu_reader body;
    struct zu_msg head;
    ssize_t n = recvfrom(d->fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from.addr,
                         &from.addr_size);

    if (n < 0)
        return errno == EAGAIN ? -EAGAIN : 0; /* an error of something sent before, say */
    zu_unconnected_came(d->socket, d->pipe, d->loop, (size_t)n);
    body = zu_reader_of(bytes, (size_t)n);
    if (d->transport->datagram_read(&body, &from, &head, d->options) == 0)
        hand_on(d, &head, body);
    else
        lose(d, 1);
    return 0;
}

static void wait_for_more(struct zu_datagrams *d)
{
    struct zu_kernel *k = d->loop->kernel;

    if (d->in_busy || d->closed)
        return;
    d->in_busy = true;
    k->table->poll(k, &d->in, d->fd, POLLIN);
}

static void receive(struct zu_datagrams *d)
{
    int rc = 0;

    for (int i = 0; i < AT_ONCE && rc == 0 && d->pipe; i++) {
        d->paused = !zu_pipe_can_write(d->pipe);
        rc = d->paused ? -ENOBUFS : receive_one(d);
    }
    if (d->pipe)
        zu_pipe_flush(d->pipe);
    if (rc == -EAGAIN) {
        count_dropped(d);
        wait_for_more(d);
    }
    if (d->paused && d->pipe && !zu_timer_is_set(&d->look))
        zu_timer_set(d->loop, &d->look, LOOK_MS);
    if (rc == 0 && d->pipe)
        zu_loop_later(d->loop, &d->more_in);
}

static void run_more_in(struct zu_later *l)
{
    struct zu_datagrams *d = zu_container_of(l, struct zu_datagrams, more_in);

    if (!d->in_busy)
        receive(d);
}

static void on_in(struct zu_op *op, int res, uint32_t flags)
{
    struct zu_datagrams *d = zu_container_of(op, struct zu_datagrams, in);

    (void)res, (void)flags;
    d->in_busy = false;
    if (d->closed)
        end_if_over(d);
    else
        zu_loop_later(d->loop, &d->more_in);
}

/* ---- the pipe's side ---- */

static void pipe_readable(struct zu_pipe *p)
{
    struct zu_datagrams *d = p->owner;

    zu_loop_later(d->loop, &d->more_out);
}

static void pipe_writable(struct zu_pipe *p)
{
    struct zu_datagrams *d = p->owner;

    if (d->paused)
        zu_loop_later(d->loop, &d->more_in);
}

static void pipe_ended(struct zu_pipe *p)
{
    drop_pipe(p->owner);
}

static const struct zu_pipe_sink datagrams_sink = {
    .readable = pipe_readable, .writable = pipe_writable, .ended = pipe_ended};

/* ---- life ---- */

static void run_start(struct zu_cmd *cmd)
{
    struct zu_datagrams *d = zu_container_of(cmd, struct zu_datagrams, start_cmd);

    zu_loop_later(d->loop, &d->more_in);
    zu_loop_later(d->loop, &d->more_out);
}

static int make_pipe(struct zu_datagrams *d, uint64_t endpoint, struct zu_pipe **pipe)
{
    const struct zu_pipe_end far = {.sink = &datagrams_sink, .owner = d, .box = &d->loop->box};
    struct zu_pipe *ends[2];
    int rc = zu_socket_make_pipe(d->socket, d->options, false, &far, ends);

    if (rc < 0)
        return rc;
    ends[0]->endpoint = endpoint;
    ends[0]->dialed = d->fixed;
    ends[0]->takes_all = d->fixed;
    d->pipe = ends[1];
    *pipe = ends[0];
    return 0;
}

int zu_datagrams_new(struct zu_datagrams **out, struct zu_socket *s, const struct zu_transport *t,
                     int fd, const struct zu_target *to, uint64_t endpoint, struct zu_pipe **pipe)
{
    struct zu_datagrams *d = zu_alloc_zero(sizeof *d);
    int rc;

    if (!d)
        return -ENOMEM;
    rc = zu_ctx_pick_loop(s->ctx, s->options->affinity, &d->loop);
    if (rc < 0)
        goto free_it;
    d->socket = s;
    d->options = s->options;
    d->transport = t;
    d->fd = fd;
    d->to = *to;
    d->fixed = to->addr_size > 0;
    d->in.done = on_in;
    d->out.done = on_out;
    d->more_in.run = run_more_in;
    d->more_out.run = run_more_out;
    d->look.fire = on_look;
    zu_list_init(&d->more_in.link);
    zu_list_init(&d->more_out.link);
    d->start_cmd.run = run_start;
    d->close_cmd.run = run_close;
    rc = make_pipe(d, endpoint, pipe);
    if (rc < 0)
        goto unpick;
    zu_socket_hold(s);
    zu_options_hold(d->options);
    zu_socket_begin_source(s);
    zu_ctx_begin(s->ctx);
    zu_loop_post(d->loop, &d->start_cmd);
    *out = d;
    return 0;
unpick:
    zu_ctx_unpick_loop(d->loop);
free_it:
    zu_free(d);
    return rc;
}

void zu_datagrams_close(struct zu_datagrams *d)
{
    zu_loop_post(d->loop, &d->close_cmd);
}

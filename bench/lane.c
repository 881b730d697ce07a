/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works: the end of a library's lane is told by an empty message, with which a STREAM
 * closes; that of plain sockets by closing, that of a word in memory by a second word. A PUB drops
 * what is sent before the subscription has come, so a pub-sub lane is settled by numbered messages
 * until one has made its way and all stragglers are in.
 */
#define ZMQ_BUILD_DRAFT_API
#include "bench/lane.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SETTLE_MS = 10 };

static bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

static bool is_plain(const struct bench *b)
{
    return is(b->what, "wait") || is(b->what, "spin");
}

static bool is_memory(const struct bench *b)
{
    return is_plain(b) && is(b->endpoint, "inproc");
}

static bool is_stream(const struct bench *b)
{
    return is(b->what, "stream");
}

const char *lane_refuses(const struct bench *b)
{
    if (!is(b->what, "req-rep") && !is(b->what, "pair") && !is(b->what, "pub-sub") &&
        !is(b->what, "client-server") && !is_stream(b) && !is_plain(b))
        return "what is one of req-rep, pair, pub-sub, client-server, stream, wait, spin";
    if (!is(b->endpoint, "tcp") && !is(b->endpoint, "ipc") && !is(b->endpoint, "inproc"))
        return "the transport is tcp, ipc or inproc";
    if (is_stream(b) && !is(b->endpoint, "tcp"))
        return "a STREAM goes over tcp";
    if (!b->size)
        return "a message has at least one byte: an empty one is the end";
    if (is(b->what, "pub-sub") && b->size < sizeof(uint64_t))
        return "a message of pub-sub has at least 8 bytes: the first ones are numbered";
    return NULL;
}

/* ---- a library's sockets ---- */

static void bind_to(const struct lane *l, void *socket, int i)
{
    char *endpoint = l->place->endpoint[i];
    size_t size = sizeof l->place->endpoint[i];

    if (is(l->b->endpoint, "tcp"))
        snprintf(endpoint, size, "tcp://127.0.0.1:*");
    else if (is(l->b->endpoint, "ipc")) /* abstract: it leaves no file behind */
        snprintf(endpoint, size, "ipc://@roundtrips-%d-%d", (int)getpid(), i);
    else
        snprintf(endpoint, size, "inproc://roundtrips-%d", i);
    bench_check(zmq_bind(socket, endpoint) == 0, endpoint);
    bench_check(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0,
                "ZMQ_LAST_ENDPOINT");
}

static void *open_socket(const struct lane *l, int type)
{
    void *socket = bench_socket(l->b, l->ctx, type);

    if (l->asking)
        bench_be_client(l->b, socket);
    else
        bench_be_server(l->b, socket);
    return socket;
}

/* Of a lane that has one socket at either end. */
static int type_of(const struct lane *l)
{
    if (is(l->b->what, "pair"))
        return ZMQ_PAIR;
    if (is_stream(l->b))
        return ZMQ_STREAM;
    if (is(l->b->what, "client-server"))
        return l->asking ? ZMQ_CLIENT : ZMQ_SERVER;
    return l->asking ? ZMQ_REQ : ZMQ_REP;
}

static void open_sockets(struct lane *l, void *ctx)
{
    const struct bench *b = l->b;

    l->own_ctx = !ctx;
    l->ctx = ctx ? ctx : bench_context(b);
    bench_check(zmq_msg_init_size(&l->message, b->size) == 0, "zmq_msg_init_size");
    memset(zmq_msg_data(&l->message), 0, b->size);
    if (!is(b->what, "pub-sub")) {
        l->in = l->out = open_socket(l, type_of(l));
        return;
    }
    l->in = open_socket(l, ZMQ_SUB);
    l->out = open_socket(l, ZMQ_PUB);
    bench_check(zmq_setsockopt(l->in, ZMQ_SUBSCRIBE, "", 0) == 0, "ZMQ_SUBSCRIBE");
}

static void close_sockets(struct lane *l)
{
    zmq_msg_close(&l->message);
    bench_check(zmq_close(l->in) == 0 && (l->in == l->out || zmq_close(l->out) == 0), "zmq_close");
    if (l->own_ctx)
        bench_check(zmq_ctx_term(l->ctx) == 0, "zmq_ctx_term");
}

static bool receive_message(struct lane *l, int *error)
{
    *error = zmq_msg_recv(&l->message, l->in, 0) < 0 ? zmq_errno() : 0;
    bench_check(!*error || *error == EAGAIN, "zmq_msg_recv");
    if (*error || zmq_msg_size(&l->message) == l->b->size)
        return true;
    if (!zmq_msg_size(&l->message))
        return false;
    fprintf(stderr, "received %zu bytes instead of %zu\n", zmq_msg_size(&l->message), l->b->size);
    exit(1);
}

static void set_patience(struct lane *l, int ms)
{
    bench_check(zmq_setsockopt(l->in, ZMQ_RCVTIMEO, &ms, sizeof ms) == 0, "ZMQ_RCVTIMEO");
}

/* The number that comes back in the first bytes; `patience` over: 0. */
static uint64_t receive_number(struct lane *l)
{
    uint64_t number;
    int error;

    if (!receive_message(l, &error)) {
        fprintf(stderr, "the other side has ended too early\n");
        exit(1);
    }
    if (error)
        return 0;
    memcpy(&number, zmq_msg_data(&l->message), sizeof number);
    return number;
}

static void settle_subscriptions(struct lane *l)
{
    uint64_t sent = 0, seen = 0;

    set_patience(l, SETTLE_MS);
    while (!seen) {
        sent++;
        zmq_msg_close(&l->message);
        bench_check(zmq_msg_init_size(&l->message, l->b->size) == 0, "zmq_msg_init_size");
        memset(zmq_msg_data(&l->message), 0, l->b->size);
        memcpy(zmq_msg_data(&l->message), &sent, sizeof sent);
        lane_send(l);
        seen = receive_number(l);
    }
    set_patience(l, -1);
    while (seen < sent)
        seen = receive_number(l);
}

/* ---- bytes without frames ---- */

/* One piece of what comes, behind `filled` bytes of the message. How many more it is; 0: the end,
 * or the beginning. */
static size_t receive_piece(struct lane *l, size_t filled)
{
    char *body = zmq_msg_data(&l->message);
    int size = zmq_recv(l->in, l->peer, sizeof l->peer, 0);

    bench_check(size > 0, "zmq_recv");
    l->peer_size = (size_t)size;
    size = zmq_recv(l->in, body + filled, l->b->size - filled, 0);
    bench_check(size >= 0, "zmq_recv");
    if ((size_t)size > l->b->size - filled) {
        fprintf(stderr, "received more than was sent\n");
        exit(1);
    }
    return (size_t)size;
}

static bool receive_stream(struct lane *l)
{
    size_t filled = 0, more;

    do
        filled += more = receive_piece(l, filled);
    while (more && filled < l->b->size);
    return more;
}

/* Without a body: the end. */
static void send_stream(struct lane *l, size_t size)
{
    bench_check(zmq_send(l->out, l->peer, l->peer_size, ZMQ_SNDMORE) >= 0, "zmq_send");
    bench_check(zmq_send(l->out, zmq_msg_data(&l->message), size, 0) >= 0, "zmq_send");
}

/* ---- a word in memory ---- */

static void send_word(struct lane *l)
{
    struct lane_word *w = &l->place->words[l->asking];

    atomic_fetch_add_explicit(&w->sent, 1, memory_order_release);
    if (!l->flags)
        syscall(SYS_futex, &w->sent, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static bool receive_word(struct lane *l)
{
    struct lane_word *w = &l->place->words[!l->asking];

    while (atomic_load_explicit(&w->sent, memory_order_acquire) == l->seen)
        if (!l->flags)
            syscall(SYS_futex, &w->sent, FUTEX_WAIT, l->seen, NULL, NULL, 0);
    l->seen++;
    return !atomic_load_explicit(&w->over, memory_order_relaxed);
}

/* ---- all of them ---- */

static void begin(struct lane *l, const struct bench *b, struct lane_place *place, bool asking)
{
    memset(l, 0, sizeof *l);
    l->b = b;
    l->place = place;
    l->asking = asking;
    l->fd = -1;
    l->flags = is(b->what, "spin") ? MSG_DONTWAIT : 0;
    if (!is_plain(b) || is_memory(b))
        return;
    l->body = calloc(1, b->size);
    bench_check(l->body != NULL, "calloc");
}

void lane_bind(struct lane *l, const struct bench *b, struct lane_place *place, void *ctx)
{
    begin(l, b, place, false);
    if (is_memory(b))
        return;
    if (is_plain(b)) {
        l->fd = plain_listen(b, &place->plain);
        return;
    }
    open_sockets(l, ctx);
    bind_to(l, l->in, 0);
    if (l->out != l->in)
        bind_to(l, l->out, 1);
}

void lane_connect(struct lane *l, const struct bench *b, struct lane_place *place, void *ctx)
{
    begin(l, b, place, true);
    if (is_memory(b))
        return;
    if (is_plain(b)) {
        l->fd = plain_connect(b, &place->plain);
        return;
    }
    open_sockets(l, ctx);
    bench_check(zmq_connect(l->out, place->endpoint[0]) == 0, place->endpoint[0]);
    if (l->out != l->in)
        bench_check(zmq_connect(l->in, place->endpoint[1]) == 0, place->endpoint[1]);
    if (is_stream(b))
        receive_piece(l, 0);
}

void lane_accept(struct lane *l)
{
    if (is_plain(l->b) && !is_memory(l->b))
        l->fd = plain_accept(l->b, l->fd);
    else if (is_stream(l->b))
        receive_piece(l, 0);
}

void lane_settle(struct lane *l)
{
    if (!is_plain(l->b) && l->out != l->in)
        settle_subscriptions(l);
}

void lane_send(struct lane *l)
{
    if (is_memory(l->b))
        send_word(l);
    else if (is_plain(l->b))
        plain_send(l->fd, l->body, l->b->size, l->flags);
    else if (is_stream(l->b))
        send_stream(l, l->b->size);
    else
        bench_check(zmq_msg_send(&l->message, l->out, 0) >= 0, "zmq_msg_send");
}

bool lane_receive(struct lane *l)
{
    int error = 0;
    bool more;

    if (is_memory(l->b))
        return receive_word(l);
    if (is_plain(l->b))
        return plain_receive(l->fd, l->body, l->b->size, l->flags);
    if (is_stream(l->b))
        return receive_stream(l);
    more = receive_message(l, &error);
    bench_check(!error, "zmq_msg_recv");
    return more;
}

void lane_finish(struct lane *l)
{
    if (is_memory(l->b)) {
        atomic_store_explicit(&l->place->words[l->asking].over, 1, memory_order_relaxed);
        send_word(l);
    } else if (is_plain(l->b)) {
        bench_check(shutdown(l->fd, SHUT_WR) == 0, "shutdown");
    } else if (is_stream(l->b)) {
        send_stream(l, 0);
    } else {
        zmq_msg_close(&l->message);
        bench_check(zmq_msg_init(&l->message) == 0, "zmq_msg_init");
        lane_send(l);
    }
}

void lane_close(struct lane *l)
{
    if (!is_plain(l->b))
        close_sockets(l);
    else if (l->fd >= 0)
        close(l->fd);
    free(l->body);
}

/* SPDX-License-Identifier: Apache-2.0 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/interleave/world.h"

#include "engine/io/op.h"
#include "engine/io/watch.h"
#include "tests/support/hex.h"
#include "transports/tls_tunnel.h"

#include <poll.h>
#include <zmq.h>

struct world world;

enum { SECOND_US = 1000 * 1000 };

/* ---- the kernel: the scripted one, and what the wire makes of it ---- */

static struct zu_kernel_table played;
static uint8_t bytes[HEARD_MAX];

static struct side *side_of(int fd)
{
    unsigned i = 0;

    while (i + 1 < world.side_count && world.sides[i].fd != fd)
        i++;
    return &world.sides[i];
}

static bool is_ready(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, 0) > 0;
}

static struct zu_op *receiving(const struct side *d)
{
    struct zu_op *op = scripted_find(world.r.k, ZU_OP_RECV_BLOCK, d->fd);

    return op ? op : scripted_find(world.r.k, ZU_OP_RECV, d->fd);
}

static struct zu_op *sending(const struct side *d)
{
    struct zu_op *op = scripted_find(world.r.k, ZU_OP_SEND, d->fd);

    return op ? op : scripted_find(world.r.k, ZU_OP_SENDMSG, d->fd);
}

/* As much as there is room for. */
static ssize_t send_some(int fd, const struct msghdr *msg)
{
    struct iovec part = {.iov_base = bytes};
    struct msghdr some = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    for (size_t i = 0; i < msg->msg_iovlen; i++) {
        size_t n = ZU_MIN(msg->msg_iov[i].iov_len, world.room - part.iov_len);

        SCHEDULE_CHECK(part.iov_len + n <= sizeof bytes);
        memcpy(bytes + part.iov_len, msg->msg_iov[i].iov_base, n);
        part.iov_len += n;
    }
    if (part.iov_len == 0)
        return -EAGAIN;
    world.sends++;
    sent = zu_kernel_try_send(world.r.k, fd, &some);
    if (sent > 0 && world.room != SIZE_MAX)
        world.room -= (size_t)sent;
    return sent;
}

static void serve_send(struct zu_op *op)
{
    struct iovec part = {.iov_base = (void *)op->buf, .iov_len = op->len};
    struct msghdr one = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent = send_some(op->fd, op->kind == ZU_OP_SEND ? &one : op->buf);

    if (sent != -EAGAIN)
        scripted_complete(world.r.k, op, (int)sent, 0);
}

static ssize_t receive(struct side *d, void *buf, size_t size)
{
    ssize_t n = zu_kernel_try_recv(world.r.k, d->fd, buf, size);

    d->under_way -= (size_t)ZU_MAX(n, (ssize_t)0);
    return n;
}

static void serve_recv(struct side *d, struct zu_op *op)
{
    ssize_t n = receive(d, bytes, ZU_MIN(op->len, sizeof bytes));

    if (n > 0)
        scripted_feed(world.r.k, op, bytes, (size_t)n);
    else if (n != -EAGAIN)
        scripted_complete(world.r.k, op, (int)n, 0);
}

/* The peer has said something that nobody has received, or has gone. */
static bool has_input(const struct side *d)
{
    return d->under_way > 0 || d->gone;
}

static bool has_sight(void)
{
    bool any = false;

    for (unsigned i = 0; i < world.side_count; i++)
        any |= has_input(&world.sides[i]);
    return any && world.sight && is_ready(world.sight->fd, world.sight->events);
}

/* Something can be done for the loop. */
static bool can_serve(void *arg)
{
    (void)arg;
    if (world.woken || world.cancelled || schedule_is_over() || has_sight())
        return true;
    for (unsigned i = 0; i < world.side_count; i++)
        if ((receiving(&world.sides[i]) && has_input(&world.sides[i])) ||
            (sending(&world.sides[i]) && world.room > 0))
            return true;
    return false;
}

static void serve(void)
{
    for (unsigned i = 0; i < world.side_count; i++) {
        struct zu_op *op = sending(&world.sides[i]);

        if (op)
            serve_send(op);
        op = receiving(&world.sides[i]);
        if (op && has_input(&world.sides[i]))
            serve_recv(&world.sides[i], op);
    }
}

static int play_enter(struct zu_kernel *k, int64_t timeout_us)
{
    struct zu_op *sight;
    uint64_t end = timeout_us < 0 ? POINT_NEVER : scripted_clock() + (uint64_t)timeout_us * 1000;
    int rc;

    if (schedule_runs() && timeout_us != 0)
        point_wait(can_serve, NULL, end);
    else
        POINT("enter");
    world.woken = world.cancelled = false;
    serve();
    sight = has_sight() ? world.sight : NULL;
    rc = zu_kernel_scripted.enter(k, timeout_us);
    if (sight && sight == world.sight) {
        world.sight = NULL;
        zu_op_finish(k, sight, POLLIN, 0);
    }
    return rc;
}

static void play_wake(struct zu_kernel *k)
{
    (void)k;
    POINT("wake");
    world.woken = true;
}

/* Of a caller, who must be alone with the connection. */
static ssize_t play_try_send(struct zu_kernel *k, int fd, const struct msghdr *msg)
{
    ssize_t sent;

    (void)k;
    POINT("try_send");
    SCHEDULE_CHECK(!sending(side_of(fd)));
    sent = send_some(fd, msg);
    POINT("sent");
    return sent;
}

static ssize_t play_try_recv(struct zu_kernel *k, int fd, void *buf, size_t len)
{
    ssize_t n;

    (void)k;
    POINT("try_recv");
    SCHEDULE_CHECK(!receiving(side_of(fd)));
    n = receive(side_of(fd), buf, len);
    POINT("received");
    return n;
}

static void play_poll(struct zu_kernel *k, struct zu_op *op, int fd, short events)
{
    (void)k;
    SCHEDULE_CHECK(!world.sight);
    zu_op_begin(op, ZU_OP_POLL, fd, NULL, 0);
    op->events = events;
    world.sight = op;
}

/* One that the wire has something for completes with that. */
static void play_cancel(struct zu_kernel *k, struct zu_op *op)
{
    if (op == world.sight) {
        world.sight = NULL;
        zu_op_finish(k, op, -ECANCELED, 0);
    } else if (!(op->kind == ZU_OP_RECV || op->kind == ZU_OP_RECV_BLOCK) ||
               !has_input(side_of(op->fd))) {
        world.cancelled = true;
        zu_kernel_scripted.cancel(k, op);
    }
}

static void play_close(struct zu_kernel *k)
{
    zu_kernel_unwatch_all(k);
    zu_kernel_scripted.close(k);
}

static void make_kernel(void)
{
    played = zu_kernel_scripted;
    played.enter = play_enter;
    played.wake = play_wake;
    played.try_send = play_try_send;
    played.try_recv = play_try_recv;
    played.watch = zu_kernel_watch;
    played.poll = play_poll;
    played.cancel = play_cancel;
    played.close = play_close;
    world.room = SIZE_MAX;
    world.woken = world.cancelled = false;
    world.sight = NULL;
    world.r.k->table = &played;
    world.r.k->by_hand = true;
}

/* ---- life ---- */

static void run_loop(void *arg)
{
    (void)arg;
    while (!schedule_is_over())
        RIG_CHECK(&world.r, zu_loop_round(&world.r.loop, true) == 0);
}

void set_option(struct side *d, int option, int value)
{
    RIG_CHECK(&world.r, zmq_setsockopt(d->s, option, &value, sizeof value) == 0);
}

static void drain(struct side *d)
{
    uint8_t *to = d->sealed ? d->records : d->bytes;
    size_t *size = d->sealed ? &d->records_size : &d->size, taken;
    unsigned answers = d->peer.answers;
    ssize_t n;

    while ((n = recv(d->far, to + *size, HEARD_MAX - *size, MSG_DONTWAIT)) > 0)
        *size += (size_t)n;
    if (!d->sealed)
        return;
    taken = sealed_hear(&d->peer, d->records, d->records_size, d->bytes, &d->size);
    memmove(d->records, d->records + taken, d->records_size -= taken);
    d->commands += d->peer.answers - answers;
}

static void point_inside(void)
{
    POINT("within TLS");
}

static size_t read_hello(const struct side *d, uint8_t hello[256])
{
    if (d->s->pattern->type == ZMQ_CLIENT)
        return hex_read(hello, 256, RIG_GREETING RIG_READY_SERVER);
    return hex_read(hello, 256, RIG_GREETING RIG_READY_DEALER);
}

static void meet(struct side *d, int type, void (*set)(struct side *d))
{
    struct zu_socket *first = world.r.s;
    uint8_t hello[256];

    if (set)
        set(d);
    world.r.s = d->s;
    world.r.far = -1;
    d->sealed = type & SEALED;
    d->peer = (struct sealed_peer){0};
    world.r.tunnel = d->sealed ? &zu_tls_tunnel : NULL;
    sealed_inside = point_inside;
    if (type & ACCEPTED) {
        rig_bind(&world.r);
        rig_accept(&world.r);
    } else {
        rig_dial(&world.r);
        rig_connect(&world.r);
    }
    world.r.s = first;
    d->fd = world.r.fd;
    d->far = world.r.far;
    d->sent = d->received = d->said = d->heard = d->commands = 0;
    d->size = d->taken = d->under_way = d->records_size = 0;
    d->gone = d->may_lose = false;
    peer_says_bytes(d, hello, read_hello(d, hello));
    rig_settle(&world.r);
    drain(d);
    d->size = 0;
    scripted_pass(1);
}

void world_open(int type, void (*set)(struct side *d))
{
    world.side_count = 1;
    scripted_pass_us(SECOND_US - scripted_clock() / 1000 % SECOND_US); /* each begins alike */
    rig_open(&world.r, type % ACCEPTED);
    make_kernel();
    world.r.ctx->one_cpu = true;
    world.sides[0].s = world.r.s;
    meet(&world.sides[0], type, set);
    schedule_servant("loop", run_loop, NULL);
}

void world_add(int type, void (*set)(struct side *d))
{
    struct side *d = &world.sides[world.side_count++];

    RIG_CHECK(&world.r,
              zu_socket_new(&d->s, world.r.ctx, zu_ctx_pattern(world.r.ctx, type % ACCEPTED)) == 0);
    meet(d, type, set);
}

void world_leave_intake(struct side *d)
{
    int forever;
    size_t size = sizeof forever;

    RIG_CHECK(&world.r, zmq_getsockopt(d->s, ZMQ_RCVTIMEO, &forever, &size) == 0);
    set_option(d, ZMQ_RCVTIMEO, 1);
    RIG_CHECK(&world.r, zmq_recv(d->s, NULL, 0, 0) < 0 && errno == EAGAIN);
    set_option(d, ZMQ_RCVTIMEO, forever);
    rig_settle(&world.r);
    RIG_CHECK(&world.r, !receiving(d));
}

static void take_apart(struct side *d);

void world_end(void)
{
    for (unsigned i = 0; i < world.side_count; i++) {
        struct side *d = &world.sides[i];

        drain(d);
        take_apart(d);
        RIG_CHECK(&world.r, d->may_lose || (d->heard == d->sent && d->taken == d->size));
        if (i == 0)
            continue;
        if (d->s) {
            set_option(d, ZMQ_LINGER, 0);
            RIG_CHECK(&world.r, zmq_close(d->s) == 0);
        }
        rig_settle(&world.r);
        if (d->far >= 0)
            close(d->far);
    }
    world.r.s = world.sides[0].s;
    world.r.far = world.sides[0].far;
    rig_end(&world.r, 0);
}

/* ---- the application ---- */

bool app_sends(struct side *d, size_t size, int flags)
{
    static uint8_t body[HEARD_MAX];
    int rc;

    memset(body, 'a' + (int)d->sent, size);
    rc = zmq_send(d->s, body, size, flags);
    RIG_CHECK(&world.r, rc == (int)size || (rc < 0 && (errno == EAGAIN || errno == ETERM)));
    d->sent += rc >= 0;
    return rc >= 0;
}

bool app_receives(struct side *d, size_t size, int flags)
{
    static uint8_t got[HEARD_MAX];
    int rc = zmq_recv(d->s, got, sizeof got, flags);

    RIG_CHECK(&world.r, rc == (int)size || (rc < 0 && (errno == EAGAIN || errno == ETERM)));
    for (int i = 0; i < rc; i++)
        RIG_CHECK(&world.r, got[i] == 'A' + d->received);
    d->received += rc >= 0;
    return rc >= 0;
}

void app_ends(struct side *d)
{
    RIG_CHECK(&world.r, zmq_close(d->s) == 0);
    d->s = NULL;
}

/* ---- the peer ---- */

static void put_on_the_wire(struct side *d, const void *data, size_t size)
{
    ssize_t sent;

    POINT("the peer says");
    sent = send(d->far, data, size, MSG_NOSIGNAL);
    RIG_CHECK(&world.r, sent == (ssize_t)size || (sent < 0 && errno == EPIPE));
    d->under_way += (size_t)ZU_MAX(sent, (ssize_t)0);
}

void peer_says_bytes(struct side *d, const void *data, size_t size)
{
    peer_says_cut(d, data, size, 0);
}

void peer_says_cut(struct side *d, const void *data, size_t size, size_t cut)
{
    uint8_t record[SEALED_HEAD + 256];

    if (d->sealed) {
        RIG_CHECK(&world.r, size <= 256);
        size = sealed_say(&d->peer, record, SEALED_DATA, data, size);
        data = record;
    }
    if (cut > 0)
        put_on_the_wire(d, data, cut);
    put_on_the_wire(d, (const uint8_t *)data + cut, size - cut);
}

void peer_says_word(struct side *d, enum sealed_kind kind)
{
    uint8_t record[SEALED_HEAD];

    put_on_the_wire(d, record, sealed_say(&d->peer, record, kind, NULL, 0));
}

void peer_says(struct side *d, size_t size)
{
    uint8_t frame[2 + 255] = {0, (uint8_t)size};

    memset(frame + 2, 'A' + (int)d->said++, size);
    peer_says_bytes(d, frame, 2 + size);
}

/* A frame at `at`, if it is all there: where its body is, and how large. */
static const uint8_t *find_body(const struct side *d, const uint8_t *at, size_t *size)
{
    size_t left = (size_t)(d->bytes + d->size - at), head = 2;

    if (left < head)
        return NULL;
    *size = at[1];
    if (at[0] & 2) {
        head = 9;
        *size = left < head ? 0 : (size_t)at[6] << 16 | (size_t)at[7] << 8 | at[8];
    }
    return left >= head + *size ? at + head : NULL;
}

static void take_apart(struct side *d)
{
    const uint8_t *body;
    size_t size;

    while ((body = find_body(d, d->bytes + d->taken, &size))) {
        uint8_t flags = d->bytes[d->taken];

        RIG_CHECK(&world.r, flags <= 7);
        d->taken = (size_t)(body - d->bytes) + size;
        d->commands += (flags & 4) != 0;
        if (flags & 5)
            continue;
        for (size_t i = 0; i < size; i++)
            RIG_CHECK(&world.r, body[i] == 'a' + d->heard);
        d->heard++;
    }
}

struct hope {
    struct side *side;
    unsigned messages, commands;
    uint64_t sends; /* as world.sends, when it last looked */
};

static bool is_heard(void *arg)
{
    struct hope *h = arg;

    if (world.sends != h->sends || h->side->sealed) { /* the tunnel says words by itself */
        h->sends = world.sends;
        drain(h->side);
        take_apart(h->side);
    }
    return h->side->heard >= h->messages && h->side->commands >= h->commands;
}

void peer_hears(struct side *d, unsigned messages, unsigned commands)
{
    struct hope h = {.side = d, .messages = messages, .commands = commands};

    point_wait(is_heard, &h, POINT_NEVER);
}

static bool has_ended(void *arg)
{
    return is_ready(((struct side *)arg)->far, POLLRDHUP);
}

void peer_hears_the_end(struct side *d)
{
    point_wait(has_ended, d, POINT_NEVER);
}

void peer_ends(struct side *d)
{
    POINT("the peer ends");
    drain(d);
    take_apart(d);
    close(d->far);
    d->far = world.r.far = -1;
    d->gone = true;
}

void time_passes(unsigned ms)
{
    POINT("time passes");
    scripted_pass(ms);
}

void kernel_takes(size_t room)
{
    POINT("the kernel takes");
    world.room = room;
}

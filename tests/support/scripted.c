/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Started ops are in one list. An outcome is a node of its own, because an accept has many;
 * outcomes are run in the order in which the test gave them, and those given while they run wait
 * for the next enter, as with a kernel.
 */
#include "tests/support/scripted.h"
#include "engine/io/op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KINDS (ZU_OP_POLL + 1)

enum state { IDLE, STARTED, CANCELLED, LENT, DECIDED };

struct outcome {
    struct zu_list link;
    struct zu_op *op;
    int res;
    uint32_t flags;
};

/* What a sendmsg_zc must leave as it is. */
struct loan {
    struct zu_list link;
    struct zu_op *op;
    struct iovec *pieces;
    size_t count, size;
    uint8_t *bytes; /* as they were */
};

struct refusal {
    int err;
    unsigned left;
};

struct scripted {
    struct zu_kernel k;
    struct zu_list started, outcomes, loans;
    enum scripted_cancel on_cancel;
    struct refusal refusals[KINDS];
    int broken;
    int64_t last_timeout_us;
    int *forgotten;
    size_t forgotten_count, blocks_out;
    _Atomic unsigned wakes;
    size_t hand_room, hand_size;
    uint8_t hand[64 * 1024];
    size_t put_at, put_size;
    uint8_t put[256 * 1024];
    int end;
    struct zu_watch *watch;
    bool watching;
};

static struct scripted *of(struct zu_kernel *k)
{
    return zu_container_of(k, struct scripted, k);
}

static size_t copy_msg(uint8_t *out, const struct msghdr *msg, size_t size)
{
    size_t done = 0;

    for (size_t i = 0; i < msg->msg_iovlen && done < size; i++) {
        const size_t n = ZU_MIN(msg->msg_iov[i].iov_len, size - done);

        memcpy(out + done, msg->msg_iov[i].iov_base, n);
        done += n;
    }
    return done;
}

static zu_cold void borrow(struct scripted *s, struct zu_op *op, size_t size)
{
    const struct msghdr *msg = op->buf;
    struct loan *l = malloc(sizeof(*l));

    *l = (struct loan){.op = op, .count = msg->msg_iovlen, .size = size};
    l->pieces = malloc(l->count * sizeof(*l->pieces));
    memcpy(l->pieces, msg->msg_iov, l->count * sizeof(*l->pieces));
    l->bytes = malloc(size + 1);
    copy_msg(l->bytes, msg, size);
    zu_list_append(&s->loans, &l->link);
    zu_list_remove(&op->link);
    op->state = LENT;
}

static void decide(struct scripted *s, struct zu_op *op, int res, uint32_t flags)
{
    struct outcome *o = malloc(sizeof(*o));

    *o = (struct outcome){.op = op, .res = res, .flags = flags};
    zu_list_append(&s->outcomes, &o->link);
    if (!(flags & ZU_OP_MORE)) {
        op->state = DECIDED;
        zu_list_remove(&op->link);
    } else if (op->kind == ZU_OP_SENDMSG_ZC) {
        borrow(s, op, (size_t)ZU_MAX(res, 0));
    }
}

static void remember(struct scripted *s, int fd)
{
    s->forgotten = realloc(s->forgotten, (s->forgotten_count + 1) * sizeof(int));
    s->forgotten[s->forgotten_count++] = fd;
}

static void start(struct zu_kernel *k, struct zu_op *op)
{
    struct scripted *s = of(k);
    struct refusal *r = &s->refusals[op->kind];

    for (size_t i = 0; i < s->forgotten_count; i++)
        if (s->forgotten[i] == op->fd)
            s->forgotten[i] = -1;
    zu_list_append(&s->started, &op->link);
    op->state = STARTED;
    if (r->left > 0) {
        r->left--;
        decide(s, op, -r->err, 0);
    }
}

static void scripted_accept(struct zu_kernel *k, struct zu_op *op, int fd)
{
    zu_op_begin(op, ZU_OP_ACCEPT, fd, NULL, 0);
    start(k, op);
}

static void scripted_connect(struct zu_kernel *k, struct zu_op *op, int fd,
                             const struct sockaddr *addr, socklen_t size)
{
    zu_op_begin(op, ZU_OP_CONNECT, fd, addr, size);
    start(k, op);
}

static void scripted_recv(struct zu_kernel *k, struct zu_op *op, int fd, void *buf, size_t len)
{
    zu_op_begin(op, ZU_OP_RECV, fd, buf, len);
    start(k, op);
}

static void scripted_recv_block(struct zu_kernel *k, struct zu_op *op, int fd)
{
    zu_op_begin(op, ZU_OP_RECV_BLOCK, fd, NULL, ZU_RECV_BLOCK_SIZE);
    start(k, op);
}

static void scripted_send(struct zu_kernel *k, struct zu_op *op, int fd, const void *buf,
                          size_t len)
{
    zu_op_begin(op, ZU_OP_SEND, fd, buf, len);
    start(k, op);
}

static void scripted_sendmsg(struct zu_kernel *k, struct zu_op *op, int fd,
                             const struct msghdr *msg)
{
    zu_op_begin(op, ZU_OP_SENDMSG, fd, msg, zu_msghdr_size(msg));
    start(k, op);
}

static void scripted_sendmsg_zc(struct zu_kernel *k, struct zu_op *op, int fd,
                                const struct msghdr *msg)
{
    zu_op_begin(op, ZU_OP_SENDMSG_ZC, fd, msg, zu_msghdr_size(msg));
    start(k, op);
}

static ssize_t scripted_try_send(struct zu_kernel *k, int fd, const struct msghdr *msg)
{
    struct scripted *s = of(k);
    size_t n = ZU_MIN(zu_msghdr_size(msg), s->hand_room);

    (void)fd;
    if (n == 0)
        return -EAGAIN;
    copy_msg(s->hand + s->hand_size, msg, n);
    s->hand_size += n;
    s->hand_room -= n;
    return (ssize_t)n;
}

void scripted_by_hand(struct zu_kernel *k, size_t room)
{
    k->by_hand = true;
    of(k)->hand_room = ZU_MIN(room, sizeof of(k)->hand);
}

static ssize_t scripted_try_recv(struct zu_kernel *k, int fd, void *buf, size_t len)
{
    struct scripted *s = of(k);
    size_t n = ZU_MIN(len, s->put_size - s->put_at);
    int end = s->end;

    (void)fd;
    if (n > 0) {
        memcpy(buf, s->put + s->put_at, n);
        s->put_at += n;
        return (ssize_t)n;
    }
    s->end = -EAGAIN;
    return end;
}

void scripted_put(struct zu_kernel *k, const void *data, size_t size)
{
    struct scripted *s = of(k);

    if (s->put_at == s->put_size)
        s->put_at = s->put_size = 0;
    if (size > sizeof s->put - s->put_size)
        abort();
    memcpy(s->put + s->put_size, data, size);
    s->put_size += size;
}

void scripted_put_end(struct zu_kernel *k, int end)
{
    of(k)->end = end;
}

static int scripted_watch(struct zu_kernel *k, struct zu_watch *w, enum zu_watching how)
{
    struct scripted *s = of(k);

    if (how == ZU_WATCH_BEGIN ? s->watch != NULL : s->watch != w)
        abort();
    s->watching = how == ZU_WATCH_ON;
    s->watch = how == ZU_WATCH_END ? NULL : w;
    return 0;
}

bool scripted_watches(struct zu_kernel *k)
{
    return of(k)->watching;
}

void scripted_see(struct zu_kernel *k)
{
    struct scripted *s = of(k);
    bool was = s->watching;

    s->watching = false;
    if (was)
        s->watch->seen(s->watch);
}

size_t scripted_sent_by_hand(struct zu_kernel *k, void *out, size_t size)
{
    struct scripted *s = of(k);
    size_t n = ZU_MIN(s->hand_size, size);

    memcpy(out, s->hand, n);
    s->hand_size = 0;
    return n;
}

static void scripted_poll(struct zu_kernel *k, struct zu_op *op, int fd, short events)
{
    zu_op_begin(op, ZU_OP_POLL, fd, NULL, 0);
    op->events = events;
    start(k, op);
}

static void scripted_cancel(struct zu_kernel *k, struct zu_op *op)
{
    struct scripted *s = of(k);

    if (op->kind == ZU_OP_IDLE || op->state != STARTED)
        return;
    op->state = CANCELLED;
    if (s->on_cancel == SCRIPTED_CANCEL_ENDS)
        decide(s, op, -ECANCELED, 0);
}

static void scripted_forget(struct zu_kernel *k, int fd)
{
    remember(of(k), fd);
}

static void scripted_give_block(struct zu_kernel *k, struct zu_block *b)
{
    of(k)->blocks_out--;
    zu_block_drop(b);
}

static int scripted_enter(struct zu_kernel *k, int64_t timeout_us)
{
    struct scripted *s = of(k);
    struct zu_list now, *l;

    s->last_timeout_us = timeout_us;
    zu_count(&k->stats.enters, 1);
    zu_list_take_all(&now, &s->outcomes);
    if (k->waited)
        k->waited(k);
    while ((l = zu_list_pop(&now))) {
        struct outcome o = *zu_container_of(l, struct outcome, link);

        free(zu_container_of(l, struct outcome, link));
        zu_op_finish(k, o.op, o.res, o.flags);
    }
    return s->broken;
}

static void scripted_wake(struct zu_kernel *k)
{
    atomic_fetch_add(&of(k)->wakes, 1);
}

static int scripted_open(struct zu_kernel **out)
{
    struct scripted *s = calloc(1, sizeof(*s));

    s->k.table = &zu_kernel_scripted;
    zu_list_init(&s->started);
    zu_list_init(&s->outcomes);
    zu_list_init(&s->loans);
    s->k.zero_copy = true;
    s->end = -EAGAIN;
    *out = &s->k;
    return 0;
}

static void scripted_close(struct zu_kernel *k)
{
    struct scripted *s = of(k);
    struct zu_list *l;

    while ((l = zu_list_pop(&s->outcomes)))
        free(zu_container_of(l, struct outcome, link));
    free(s->forgotten);
    free(s);
}

void scripted_on_cancel(struct zu_kernel *k, enum scripted_cancel mode)
{
    of(k)->on_cancel = mode;
}

static bool matches(const struct zu_op *op, enum zu_op_kind kind, int fd)
{
    return (kind == ZU_OP_IDLE || op->kind == kind) && (fd < 0 || op->fd == fd);
}

struct zu_op *scripted_find(struct zu_kernel *k, enum zu_op_kind kind, int fd)
{
    zu_list_each(it, &of(k)->started)
    {
        if (matches(zu_op_of(it), kind, fd))
            return zu_op_of(it);
    }
    return NULL;
}

size_t scripted_pending(struct zu_kernel *k, enum zu_op_kind kind, int fd)
{
    size_t n = 0;

    zu_list_each(it, &of(k)->started)
    {
        n += matches(zu_op_of(it), kind, fd);
    }
    return n;
}

bool scripted_cancelled(struct zu_kernel *k, const struct zu_op *op)
{
    (void)k;
    return op->kind != ZU_OP_IDLE && op->state == CANCELLED;
}

bool scripted_forgotten(struct zu_kernel *k, int fd)
{
    struct scripted *s = of(k);

    for (size_t i = 0; i < s->forgotten_count; i++)
        if (s->forgotten[i] == fd)
            return true;
    return false;
}

void scripted_complete(struct zu_kernel *k, struct zu_op *op, int res, uint32_t flags)
{
    decide(of(k), op, res, flags & ZU_OP_MORE);
}

size_t scripted_feed(struct zu_kernel *k, struct zu_op *op, const void *data, size_t size)
{
    const size_t n = ZU_MIN(size, op->len);
    uint32_t flags = 0;

    if (op->kind == ZU_OP_RECV) {
        memcpy((void *)op->buf, data, n);
    } else {
        op->block = zu_block_new(ZU_RECV_BLOCK_SIZE);
        memcpy(op->block->data, data, n);
        of(k)->blocks_out++;
        flags = ZU_OP_BLOCK;
    }
    decide(of(k), op, (int)n, flags);
    return n;
}

size_t scripted_send_size(const struct zu_op *op)
{
    return op->len;
}

size_t scripted_take(struct zu_kernel *k, struct zu_op *op, void *out, size_t size)
{
    const size_t n = ZU_MIN(size, op->len);

    if (out && op->kind == ZU_OP_SEND)
        memcpy(out, op->buf, n);
    else if (out)
        copy_msg(out, op->buf, n);
    decide(of(k), op, (int)n, op->kind == ZU_OP_SENDMSG_ZC ? ZU_OP_MORE : 0);
    return n;
}

struct zu_op *scripted_lent(struct zu_kernel *k, size_t n)
{
    zu_list_each(it, &of(k)->loans)
    {
        if (n-- == 0)
            return zu_container_of(it, struct loan, link)->op;
    }
    return NULL;
}

static bool is_untouched(const struct loan *l)
{
    size_t done = 0;

    for (size_t i = 0; i < l->count && done < l->size; i++) {
        const size_t n = ZU_MIN(l->pieces[i].iov_len, l->size - done);

        if (memcmp(l->bytes + done, l->pieces[i].iov_base, n) != 0)
            return false;
        done += n;
    }
    return true;
}

bool scripted_free(struct zu_kernel *k, struct zu_op *op, bool copied)
{
    bool untouched = false;

    zu_list_each(it, &of(k)->loans)
    {
        struct loan *l = zu_container_of(it, struct loan, link);

        if (l->op != op)
            continue;
        untouched = is_untouched(l);
        zu_list_remove(it);
        free(l->pieces);
        free(l->bytes);
        free(l);
        break;
    }
    decide(of(k), op, 0, ZU_OP_FREED | (copied ? ZU_OP_COPIED : 0));
    return untouched;
}

void scripted_refuse(struct zu_kernel *k, enum zu_op_kind kind, int err, unsigned count)
{
    of(k)->refusals[kind] = (struct refusal){.err = err, .left = count};
}

void scripted_break(struct zu_kernel *k, int rc)
{
    of(k)->broken = rc;
}

unsigned scripted_wakes(struct zu_kernel *k)
{
    return atomic_load(&of(k)->wakes);
}

int64_t scripted_last_timeout(struct zu_kernel *k)
{
    return of(k)->last_timeout_us;
}

size_t scripted_blocks_out(struct zu_kernel *k)
{
    return of(k)->blocks_out;
}

static uint64_t time_us = 1000000;

uint64_t scripted_clock(void)
{
    return time_us * 1000;
}

void scripted_pass(uint64_t ms)
{
    time_us += ms * 1000;
}

void scripted_pass_us(uint64_t us)
{
    time_us += us;
}

const struct zu_kernel_table zu_kernel_scripted = {
    .name = "scripted",
    .open = scripted_open,
    .close = scripted_close,
    .accept = scripted_accept,
    .connect = scripted_connect,
    .recv = scripted_recv,
    .recv_block = scripted_recv_block,
    .send = scripted_send,
    .sendmsg = scripted_sendmsg,
    .sendmsg_some = scripted_sendmsg,
    .sendmsg_zc = scripted_sendmsg_zc,
    .try_send = scripted_try_send,
    .try_recv = scripted_try_recv,
    .watch = scripted_watch,
    .poll = scripted_poll,
    .cancel = scripted_cancel,
    .forget = scripted_forget,
    .give_block = scripted_give_block,
    .enter = scripted_enter,
    .wake = scripted_wake,
};

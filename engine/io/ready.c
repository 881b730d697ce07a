/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel boundary by readiness: epoll, edge-triggered, and plain calls.
 *
 * A start only puts the op on the list `todo`. Enter tries each of these by a plain call; what
 * would block joins the waiters of its descriptor, and the next edge there puts it back on `todo`.
 * Whatever has an outcome goes to `ended`, and when all is collected, that list is run.
 *
 * No edge is lost. A descriptor is registered, or its mask widened, after a call would have
 * blocked, and epoll reports as an edge what is true at that moment; an edge that finds nobody
 * waiting is kept as `readable` or `writable`. These say no only after a call that said EAGAIN or,
 * on a byte stream of a kind where this is sure, that brought less than was asked for; from then
 * on every change is a new edge. The end of the stream or an error is kept for good, as no edge
 * follows it.
 *
 * Writing is watched only while somebody waits for it: a UNIX socket has an edge each time its peer
 * reads. The mask is narrowed when such an edge finds nobody.
 *
 * The eventfd of the wake-up is never read: each write is a new edge.
 */
#include "engine/base/alloc.h"
#include "engine/io/op.h"
#include "engine/io/pool.h"
#include "engine/io/watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE_SLOTS  256
#define EVENTS_MAX  256
#define ACCEPTS_MAX 64      /* in a row, before others get their turn */
#define BLOCKS_MAX  64      /* received into before what is in them is looked at */
#define NO_BLOCK_US 10000   /* between two looks for memory */
#define NO_BLOCK    INT_MIN /* a call's outcome: to be tried again, by time or in the next round */
#define WAKE_KEY    UINT64_MAX

/* On `todo`; among a descriptor's waiters; on `starved`; on `ended`, for good or with more. */
enum state { IDLE, TODO, WAITING, STARVED, ENDED, ACCEPTED };

struct slot { /* one for each descriptor */
    struct zu_list waiters;
    uint32_t mask; /* registered with epoll for; 0: not registered */
    bool readable, writable;
    bool finished;   /* the peer's end or an error was seen: reading no longer blocks */
    bool sure;       /* a short read means that nothing is left */
    bool connecting; /* what follows asks for the outcome */
};

struct ready {
    struct zu_kernel k;
    int epoll_fd, wake_fd;
    pid_t pid;
    bool skipped;   /* the last enter did not look at epoll */
    bool no_pwait2; /* this kernel has none */
    struct zu_list todo, starved, ended;
    struct slot **pages;
    size_t page_count;
    struct zu_pool pool;
    unsigned filled; /* blocks of it, by ops on `ended` */
    struct epoll_event events[EVENTS_MAX];
};

static struct ready *ready_of(struct zu_kernel *k)
{
    return zu_container_of(k, struct ready, k);
}

static void move(struct zu_list *list, struct zu_op *op, enum state state)
{
    zu_list_remove(&op->link);
    zu_list_append(list, &op->link);
    op->state = state;
}

static void end(struct ready *r, struct zu_op *op, int res, uint32_t flags)
{
    op->res = res;
    op->flags = flags;
    move(&r->ended, op, flags & ZU_OP_MORE ? ACCEPTED : ENDED);
}

static bool grow_pages(struct ready *r, size_t count)
{
    struct slot **pages = zu_realloc(r->pages, count * sizeof(*pages));

    if (!pages)
        return false;
    memset(pages + r->page_count, 0, (count - r->page_count) * sizeof(*pages));
    r->pages = pages;
    r->page_count = count;
    return true;
}

static void reset_slot(struct slot *s)
{
    zu_list_init(&s->waiters);
    s->mask = 0;
    s->readable = s->writable = true; /* until a call says otherwise */
    s->finished = s->sure = s->connecting = false;
}

static struct slot *find_slot(const struct ready *r, int fd)
{
    size_t page = (size_t)fd / PAGE_SLOTS;

    if (fd < 0 || page >= r->page_count || !r->pages[page])
        return NULL;
    return &r->pages[page][fd % PAGE_SLOTS];
}

static struct slot *make_slot(struct ready *r, int fd)
{
    size_t page = (size_t)fd / PAGE_SLOTS;
    struct slot *s = find_slot(r, fd);

    if (s)
        return s;
    if (page >= r->page_count && !grow_pages(r, ZU_MAX(page + 1, 2 * r->page_count)))
        return NULL;
    if (!(s = zu_alloc(PAGE_SLOTS * sizeof(*s))))
        return NULL;
    for (int i = 0; i < PAGE_SLOTS; i++)
        reset_slot(&s[i]);
    r->pages[page] = s;
    return &s[fd % PAGE_SLOTS];
}

static bool writes(const struct zu_op *op)
{
    return op->kind == ZU_OP_SEND || op->kind == ZU_OP_SENDMSG || op->kind == ZU_OP_CONNECT;
}

static void start(struct zu_kernel *k, struct zu_op *op)
{
    struct ready *r = ready_of(k);

    if (op->fd < 0)
        end(r, op, -EBADF, 0);
    else if (!make_slot(r, op->fd))
        end(r, op, -ENOMEM, 0);
    else
        move(&r->todo, op, TODO);
}

static void ready_accept(struct zu_kernel *k, struct zu_op *op, int fd)
{
    zu_op_begin(op, ZU_OP_ACCEPT, fd, NULL, 0);
    start(k, op);
}

static void ready_connect(struct zu_kernel *k, struct zu_op *op, int fd,
                          const struct sockaddr *addr, socklen_t size)
{
    zu_op_begin(op, ZU_OP_CONNECT, fd, addr, size);
    start(k, op);
}

static void ready_recv(struct zu_kernel *k, struct zu_op *op, int fd, void *buf, size_t len)
{
    zu_op_begin(op, ZU_OP_RECV, fd, buf, len);
    start(k, op);
}

static void ready_recv_block(struct zu_kernel *k, struct zu_op *op, int fd)
{
    zu_op_begin(op, ZU_OP_RECV_BLOCK, fd, NULL, ZU_RECV_BLOCK_SIZE);
    start(k, op);
}

static void ready_send(struct zu_kernel *k, struct zu_op *op, int fd, const void *buf, size_t len)
{
    zu_op_begin(op, ZU_OP_SEND, fd, buf, len);
    start(k, op);
}

ssize_t zu_kernel_try_send(struct zu_kernel *k, int fd, const struct msghdr *msg)
{
    ssize_t sent = sendmsg(fd, msg, MSG_NOSIGNAL | MSG_DONTWAIT);

    (void)k;
    return sent < 0 ? -errno : sent;
}

ssize_t zu_kernel_try_recv(struct zu_kernel *k, int fd, void *buf, size_t len)
{
    ssize_t got = recv(fd, buf, len, MSG_DONTWAIT);

    (void)k;
    return got < 0 ? -errno : got;
}

static void ready_sendmsg(struct zu_kernel *k, struct zu_op *op, int fd, const struct msghdr *msg)
{
    zu_op_begin(op, ZU_OP_SENDMSG, fd, msg, zu_msghdr_size(msg));
    start(k, op);
}

static void ready_poll(struct zu_kernel *k, struct zu_op *op, int fd, short events)
{
    zu_op_begin(op, ZU_OP_POLL, fd, NULL, 0);
    op->events = events;
    start(k, op);
}

static void ready_cancel(struct zu_kernel *k, struct zu_op *op)
{
    struct slot *s;

    if (op->kind == ZU_OP_IDLE || op->state == ENDED)
        return;
    if (op->state == ACCEPTED) { /* its connection is delivered first */
        op->flags = 0;
        return;
    }
    if (op->kind == ZU_OP_CONNECT && (s = find_slot(ready_of(k), op->fd)))
        s->connecting = false;
    end(ready_of(k), op, -ECANCELED, 0);
}

static void ready_forget(struct zu_kernel *k, int fd)
{
    struct ready *r = ready_of(k);
    struct slot *s = find_slot(r, fd);

    if (!s)
        return;
    if (s->mask)
        epoll_ctl(r->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    reset_slot(s);
}

static void ready_give_block(struct zu_kernel *k, struct zu_block *b)
{
    zu_pool_give(&ready_of(k)->pool, b);
}

/* Whether less than was asked for means that nothing is left: so on these streams of bytes. */
static bool is_sure(int fd)
{
    int type = 0, domain = 0;
    socklen_t size = sizeof(int);

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM ||
        getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0)
        return false;
    return domain == AF_INET || domain == AF_INET6 || domain == AF_UNIX;
}

/* Registers the slot for these events, or for more than it was. */
static int watch(struct ready *r, struct slot *s, int fd, uint32_t mask)
{
    struct epoll_event ev = {.events = s->mask | mask | EPOLLET | EPOLLRDHUP,
                             .data.u64 = (uint64_t)fd};

    if (s->mask && (s->mask & mask) == mask)
        return 0;
    if (!s->mask)
        s->sure = is_sure(fd);
    if (epoll_ctl(r->epoll_fd, s->mask ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) < 0)
        return -errno;
    s->mask = ev.events;
    return 0;
}

static uint32_t events_of(const struct zu_op *op)
{
    if (op->kind == ZU_OP_POLL) /* the numbers of poll and epoll are the same */
        return (uint32_t)(unsigned short)op->events;
    return writes(op) ? EPOLLOUT : EPOLLIN;
}

static void wait_for_edge(struct ready *r, struct zu_op *op)
{
    struct slot *s = find_slot(r, op->fd);
    int rc = watch(r, s, op->fd, events_of(op));

    if (rc < 0)
        end(r, op, rc, 0);
    else
        move(&s->waiters, op, WAITING);
}

static int call_connect(struct slot *s, const struct zu_op *op)
{
    int err = 0;
    socklen_t size = sizeof(err);

    if (!s->connecting) {
        if (connect(op->fd, op->buf, (socklen_t)op->len) == 0)
            return 0;
        if (errno != EINPROGRESS && errno != EINTR)
            return -errno;
        s->connecting = true;
        return -EINPROGRESS;
    }
    s->connecting = false;
    if (getsockopt(op->fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0)
        return -errno;
    return -err;
}

static int call_poll(const struct zu_op *op)
{
    struct pollfd p = {.fd = op->fd, .events = op->events};
    int rc = poll(&p, 1, 0);

    if (rc < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    if (p.revents & POLLNVAL)
        return -EBADF;
    return rc ? p.revents : -EAGAIN;
}

static int call_recv(struct slot *s, int fd, void *buf, size_t len)
{
    ssize_t n = recv(fd, buf, len, MSG_DONTWAIT);

    if (n > 0 && s->sure && (size_t)n < len && !s->finished)
        s->readable = false;
    return n < 0 ? -errno : (int)ZU_MIN(n, (ssize_t)INT32_MAX);
}

static int call_recv_block(struct ready *r, struct slot *s, struct zu_op *op)
{
    struct zu_block *b;
    int rc;

    if (r->filled == BLOCKS_MAX)
        return NO_BLOCK;
    b = zu_pool_take(&r->pool);
    if (!b) {
        zu_count(&r->k.stats.block_shortages, 1);
        return NO_BLOCK;
    }
    rc = call_recv(s, op->fd, b->data, b->size);
    if (rc > 0) {
        op->block = b;
        r->filled++;
    } else {
        zu_pool_give(&r->pool, b);
    }
    return rc;
}

static int call_accept(int fd)
{
    int rc = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    return rc < 0 ? -errno : rc;
}

static int call(struct ready *r, struct slot *s, struct zu_op *op)
{
    ssize_t n = 0;

    switch ((enum zu_op_kind)op->kind) {
    case ZU_OP_ACCEPT: return call_accept(op->fd);
    case ZU_OP_CONNECT: return call_connect(s, op);
    case ZU_OP_RECV: return call_recv(s, op->fd, (void *)op->buf, op->len);
    case ZU_OP_RECV_BLOCK: return call_recv_block(r, s, op);
    case ZU_OP_SEND: n = send(op->fd, op->buf, op->len, MSG_NOSIGNAL | MSG_DONTWAIT); break;
    case ZU_OP_SENDMSG: n = sendmsg(op->fd, op->buf, MSG_NOSIGNAL | MSG_DONTWAIT); break;
    case ZU_OP_POLL: return call_poll(op);
    case ZU_OP_SENDMSG_SOME:         /* ready_sendmsg takes what there is room for */
    case ZU_OP_SENDMSG_ZC:           /* it is not `zero_copy` */
    case ZU_OP_IDLE: return -EINVAL; /* not reached: nobody starts it */
    }
    return n < 0 ? -errno : (int)ZU_MIN(n, (ssize_t)INT32_MAX);
}

static void attempt(struct ready *r, struct zu_op *op)
{
    struct slot *s = find_slot(r, op->fd);
    bool *able = writes(op) ? &s->writable : &s->readable;
    const int would_block = op->kind == ZU_OP_CONNECT ? -EINPROGRESS : -EAGAIN;
    int rc = would_block;

    if (*able || op->kind == ZU_OP_POLL || op->kind == ZU_OP_CONNECT)
        do
            rc = call(r, s, op);
        while (rc == -EINTR);
    if (rc == NO_BLOCK) {
        move(&r->starved, op, STARVED);
    } else if (rc == would_block) {
        if (op->kind != ZU_OP_POLL)
            *able = false;
        wait_for_edge(r, op);
    } else {
        end(r, op, rc, rc >= 0 && op->kind == ZU_OP_ACCEPT ? ZU_OP_MORE : 0);
    }
}

static void attempt_all(struct ready *r)
{
    struct zu_list *l;

    while ((l = zu_list_pop(&r->todo)))
        attempt(r, zu_op_of(l));
}

/* The edge of one descriptor: who waited for it tries again. */
static void note_edge(struct ready *r, int fd, uint32_t events)
{
    struct slot *s = find_slot(r, fd);
    const bool broken = events & (EPOLLERR | EPOLLHUP);
    bool wanted = false;

    if (!s || !s->mask)
        return;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        s->finished = true;
    if (events & (EPOLLIN | EPOLLRDHUP) || broken)
        s->readable = true;
    if (events & EPOLLOUT || broken)
        s->writable = true;
    zu_list_each(it, &s->waiters)
    {
        struct zu_op *op = zu_op_of(it);

        wanted |= (events_of(op) & EPOLLOUT) != 0;
        if (op->kind == ZU_OP_POLL) {
            const uint32_t seen = events & (events_of(op) | EPOLLERR | EPOLLHUP);

            if (seen)
                end(r, op, (int)seen, 0);
        } else if (writes(op) ? s->writable : s->readable) {
            move(&r->todo, op, TODO);
        }
    }
    if (!wanted && s->mask & EPOLLOUT && events & EPOLLOUT) {
        s->mask &= ~(uint32_t)EPOLLOUT;
        epoll_ctl(r->epoll_fd, EPOLL_CTL_MOD, fd,
                  &(struct epoll_event){.events = s->mask, .data.u64 = (uint64_t)fd});
    }
}

/* A nap is less than a millisecond: where that cannot be had (epoll_pwait2: Linux 5.11), or is
 * forbidden, it is spent awake. */
static int wait_for_events(struct ready *r, int64_t timeout_us)
{
    struct timespec ts = {timeout_us / 1000000, timeout_us % 1000000 * 1000};
    int n;

    if (timeout_us > 0 && timeout_us % 1000 && !r->no_pwait2) {
        n = epoll_pwait2(r->epoll_fd, r->events, EVENTS_MAX, &ts, NULL);
        if (n >= 0 || errno == EINTR)
            return n;
        r->no_pwait2 = true;
    }
    timeout_us = timeout_us < 0 ? -1 : ZU_MIN(timeout_us / 1000, (int64_t)INT_MAX);
    return epoll_wait(r->epoll_fd, r->events, EVENTS_MAX, (int)timeout_us);
}

static int look(struct ready *r, int64_t timeout_us)
{
    int n;

    zu_count(&r->k.stats.enters, 1);
    n = wait_for_events(r, timeout_us);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        if (r->events[i].data.u64 == WAKE_KEY)
            zu_count(&r->k.stats.wakes, 1);
        else
            note_edge(r, (int)r->events[i].data.u64, r->events[i].events);
    }
    return 0;
}

/*
 * A listener's connections, one after the other, for as long as there are some and the op is not
 * cancelled; then it waits, or has ended.
 */
static void run_accepted(struct ready *r, struct zu_op *op)
{
    int fd = op->res;

    for (int i = 1; fd >= 0; i++) {
        zu_op_finish(&r->k, op, fd, ZU_OP_MORE);
        if (!(op->flags & ZU_OP_MORE)) { /* cancelled meanwhile */
            end(r, op, -ECANCELED, 0);
            return;
        }
        fd = i < ACCEPTS_MAX ? call_accept(op->fd) : -EAGAIN;
    }
    move(&r->todo, op, TODO); /* it will find the error again, or nothing */
}

static void run_ended(struct ready *r)
{
    struct zu_list now, *l;

    zu_list_take_all(&now, &r->ended); /* what ends from here on is for the next round */
    r->filled = 0;
    while ((l = zu_list_pop(&now))) {
        struct zu_op *op = zu_op_of(l);

        if (op->state == ACCEPTED)
            run_accepted(r, op);
        else
            zu_op_finish(&r->k, op, op->res, op->block ? ZU_OP_BLOCK : 0);
    }
}

static int64_t wait_limit(const struct ready *r, int64_t timeout_us)
{
    if (!zu_list_empty(&r->ended))
        return 0;
    if (zu_list_empty(&r->starved))
        return timeout_us;
    return timeout_us < 0 ? NO_BLOCK_US : ZU_MIN(timeout_us, NO_BLOCK_US);
}

static int ready_enter(struct zu_kernel *k, int64_t timeout_us)
{
    struct ready *r = ready_of(k);
    struct zu_list *l;
    int rc = 0;

    while ((l = zu_list_pop(&r->starved)))
        move(&r->todo, zu_op_of(l), TODO);
    attempt_all(r);
    /* With something to run there is no need to look, but for others not to be passed over. */
    r->skipped = !zu_list_empty(&r->ended) && !r->skipped;
    if (!r->skipped) {
        rc = look(r, wait_limit(r, timeout_us));
        attempt_all(r);
    }
    if (k->waited)
        k->waited(k);
    run_ended(r);
    return rc;
}

static void ready_wake(struct zu_kernel *k)
{
    struct ready *r = ready_of(k);

    zu_wake_write(r->wake_fd, r->pid);
}

static int ready_open(struct zu_kernel **out)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u64 = WAKE_KEY};
    struct ready *r = zu_alloc_zero(sizeof(*r));
    int rc;

    if (!r)
        return -ENOMEM;
    r->k.table = &zu_kernel_ready;
    r->k.by_hand = true;
    r->pid = getpid();
    zu_list_init(&r->todo);
    zu_list_init(&r->starved);
    zu_list_init(&r->ended);
    if ((r->epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) {
        rc = -errno;
        goto free_ready;
    }
    if ((r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
        rc = -errno;
        goto close_epoll;
    }
    if (epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->wake_fd, &ev) < 0) {
        rc = -errno;
        goto close_wake;
    }
    *out = &r->k;
    return 0;
close_wake:
    close(r->wake_fd);
close_epoll:
    close(r->epoll_fd);
free_ready:
    zu_free(r);
    return rc;
}

static void ready_close(struct zu_kernel *k)
{
    struct ready *r = ready_of(k);

    close(r->wake_fd);
    close(r->epoll_fd);
    for (size_t i = 0; i < r->page_count; i++)
        zu_free(r->pages[i]);
    zu_free(r->pages);
    zu_pool_fini(&r->pool);
    zu_free(r);
}

const struct zu_kernel_table zu_kernel_ready = {
    .name = "readiness",
    .open = ready_open,
    .close = ready_close,
    .accept = ready_accept,
    .connect = ready_connect,
    .recv = ready_recv,
    .recv_block = ready_recv_block,
    .send = ready_send,
    .sendmsg = ready_sendmsg,
    .sendmsg_some = ready_sendmsg,
    .try_send = zu_kernel_try_send,
    .try_recv = zu_kernel_try_recv,
    .watch = zu_kernel_watch,
    .poll = ready_poll,
    .cancel = ready_cancel,
    .forget = ready_forget,
    .give_block = ready_give_block,
    .enter = ready_enter,
    .wake = ready_wake,
};

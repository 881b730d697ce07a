/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel boundary by io_uring. A start writes a submission entry, whose user_data is the op;
 * enter hands all of them over and waits, in one call; the completion queue is the collection that
 * is then run. Callbacks only write further entries, so none runs inside another.
 *
 * An op is in one of these states, and in at most one list:
 *   QUEUED    no submission entry was to be had: in `queued`, until the next enter
 *   STARVED   a recv_block that found no block: in `starved`, to be started again
 *   FLYING    the kernel has it, and its address
 *   RECALLED  so, and it was to be cancelled; in `recalls` while that request has no entry
 *   ENDED     cancelled before the kernel had it: in `ended`, until the next enter
 *
 * Order matters once: the request to cancel names the op by its address, which may be started anew
 * when it has completed. It never hits the new one, for entries are worked off in order and a
 * recall still waiting for an entry is forgotten when its op completes.
 *
 * A receive of blocks that finds the group empty is ended by the kernel with -ENOBUFS, be there
 * bytes to read or not. That is no error: the group grows, and the receive starts again.
 *
 * The wake-up is a message to the ring, a completion that the waker posts. Where the kernel takes
 * none it is an eventfd that is always being read. The waker's value stays in it until the read is
 * there, so none is lost. It is a blocking descriptor: of another the ring would only try once.
 */
#include "engine/base/alloc.h"
#include "engine/io/group.h"
#include "engine/io/op.h"
#include "engine/io/watch.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SQ_ENTRIES    256
#define CQ_ENTRIES    4096
#define ONE_CALL_MAX  (1u << 30) /* a submission entry counts in 32 bits; the kernel in 31 */
#define NO_BLOCK_US   10000      /* between two looks for memory */
#define SHORT_NAP_NS  (1000 * 1000)
#define CLOSE_TRIES   100
#define CLOSE_WAIT_US 1000
#define WORKERS_MAX   64 /* threads of the kernel's, for what can only block */

enum state { IDLE, QUEUED, STARVED, FLYING, RECALLED, ENDED };

struct ring {
    struct zu_kernel k;
    struct io_uring u;
    unsigned enter_flags;
    int enter_fd;
    int wake_fd;
    bool wake_armed, closing;
    bool polls; /* devices, while it waits */
    pid_t pid;
    uint64_t wake_value;
    struct zu_op wake_op;
    struct zu_op message_op;  /* only its address: what messages are marked with */
    _Atomic bool no_messages; /* one was refused */
    struct zu_list queued, starved, recalls, ended;
    struct zu_group group;
};

static struct ring *ring_of(struct zu_kernel *k)
{
    return zu_container_of(k, struct ring, k);
}

/* Shows the kernel the entries written so far. How many it has not consumed. */
static unsigned publish(struct io_uring_sq *sq)
{
    unsigned tail = *sq->ktail;

    for (; sq->sqe_head != sq->sqe_tail; sq->sqe_head++, tail++)
        sq->array[tail & sq->ring_mask] = sq->sqe_head & sq->ring_mask;
    io_uring_smp_store_release(sq->ktail, tail);
    return tail - io_uring_smp_load_acquire(sq->khead);
}

/* Submits, lets the kernel's deferred work run, and waits for a completion if `wait`. */
static int submit(struct ring *r, bool wait, int64_t timeout_us)
{
    struct __kernel_timespec ts = {timeout_us / 1000000, timeout_us % 1000000 * 1000};
    struct io_uring_getevents_arg arg = {.ts = (uintptr_t)&ts};
    unsigned flags = r->enter_flags | IORING_ENTER_GETEVENTS;

    zu_count(&r->k.stats.enters, 1);
    if (!wait || timeout_us < 0)
        return io_uring_enter2((unsigned)r->enter_fd, publish(&r->u.sq), wait, flags, NULL, 0);
    return io_uring_enter2((unsigned)r->enter_fd, publish(&r->u.sq), 1,
                           flags | IORING_ENTER_EXT_ARG, (sigset_t *)&arg, sizeof(arg));
}

static struct io_uring_sqe *get_sqe(struct ring *r)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&r->u);

    if (zu_likely(sqe != NULL))
        return sqe;
    submit(r, false, 0); /* full. What it completes waits in the completion queue. */
    return io_uring_get_sqe(&r->u);
}

static void prepare(struct io_uring_sqe *sqe, const struct zu_op *op)
{
    const size_t len = ZU_MIN(op->len, (size_t)ONE_CALL_MAX);

    switch ((enum zu_op_kind)op->kind) {
    case ZU_OP_ACCEPT:
        io_uring_prep_multishot_accept(sqe, op->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        break;
    case ZU_OP_CONNECT: io_uring_prep_connect(sqe, op->fd, op->buf, (socklen_t)op->len); break;
    case ZU_OP_RECV: io_uring_prep_recv(sqe, op->fd, (void *)op->buf, len, 0); break;
    case ZU_OP_RECV_BLOCK:
        io_uring_prep_recv(sqe, op->fd, NULL, ZU_RECV_BLOCK_SIZE, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = ZU_URING_GROUP;
        break;
    case ZU_OP_SEND: /* all of it, if it can be: the kernel goes on where the socket was full */
        io_uring_prep_send(sqe, op->fd, op->buf, len, MSG_NOSIGNAL | MSG_WAITALL);
        break;
    case ZU_OP_SENDMSG:
        io_uring_prep_sendmsg(sqe, op->fd, op->buf, MSG_NOSIGNAL | MSG_WAITALL);
        break;
    case ZU_OP_SENDMSG_SOME: io_uring_prep_sendmsg(sqe, op->fd, op->buf, MSG_NOSIGNAL); break;
    case ZU_OP_SENDMSG_ZC:
        io_uring_prep_sendmsg_zc(sqe, op->fd, op->buf, MSG_NOSIGNAL | MSG_WAITALL);
        sqe->ioprio |= IORING_SEND_ZC_REPORT_USAGE;
        break;
    case ZU_OP_POLL:
        io_uring_prep_poll_add(sqe, op->fd, (unsigned)(unsigned short)op->events);
        break;
    case ZU_OP_IDLE: io_uring_prep_nop(sqe); break; /* not reached: nobody starts it */
    }
    io_uring_sqe_set_data(sqe, (void *)op);
}

static void put_in(struct zu_list *list, struct zu_op *op, enum state state)
{
    zu_list_remove(&op->link);
    zu_list_append(list, &op->link);
    op->state = state;
}

static bool fly(struct ring *r, struct zu_op *op)
{
    struct io_uring_sqe *sqe = get_sqe(r);

    if (!sqe)
        return false;
    prepare(sqe, op);
    op->state = FLYING;
    return true;
}

static void start(struct zu_kernel *k, struct zu_op *op)
{
    struct ring *r = ring_of(k);

    if (op->kind == ZU_OP_RECV_BLOCK && !zu_list_empty(&r->starved))
        put_in(&r->starved, op, STARVED);
    else if (!zu_list_empty(&r->queued) || !fly(r, op))
        put_in(&r->queued, op, QUEUED);
}

static void ring_accept(struct zu_kernel *k, struct zu_op *op, int fd)
{
    zu_op_begin(op, ZU_OP_ACCEPT, fd, NULL, 0);
    start(k, op);
}

static void ring_connect(struct zu_kernel *k, struct zu_op *op, int fd, const struct sockaddr *addr,
                         socklen_t size)
{
    zu_op_begin(op, ZU_OP_CONNECT, fd, addr, size);
    start(k, op);
}

static void ring_recv(struct zu_kernel *k, struct zu_op *op, int fd, void *buf, size_t len)
{
    zu_op_begin(op, ZU_OP_RECV, fd, buf, len);
    start(k, op);
}

static void ring_recv_block(struct zu_kernel *k, struct zu_op *op, int fd)
{
    zu_op_begin(op, ZU_OP_RECV_BLOCK, fd, NULL, ZU_RECV_BLOCK_SIZE);
    start(k, op);
}

static void ring_send(struct zu_kernel *k, struct zu_op *op, int fd, const void *buf, size_t len)
{
    zu_op_begin(op, ZU_OP_SEND, fd, buf, len);
    start(k, op);
}

static void ring_sendmsg(struct zu_kernel *k, struct zu_op *op, int fd, const struct msghdr *msg)
{
    zu_op_begin(op, ZU_OP_SENDMSG, fd, msg, zu_msghdr_size(msg));
    start(k, op);
}

static void ring_sendmsg_some(struct zu_kernel *k, struct zu_op *op, int fd,
                              const struct msghdr *msg)
{
    zu_op_begin(op, ZU_OP_SENDMSG_SOME, fd, msg, zu_msghdr_size(msg));
    start(k, op);
}

static void ring_sendmsg_zc(struct zu_kernel *k, struct zu_op *op, int fd, const struct msghdr *msg)
{
    zu_op_begin(op, ZU_OP_SENDMSG_ZC, fd, msg, zu_msghdr_size(msg));
    start(k, op);
}

static void ring_poll(struct zu_kernel *k, struct zu_op *op, int fd, short events)
{
    zu_op_begin(op, ZU_OP_POLL, fd, NULL, 0);
    op->events = events;
    start(k, op);
}

static int register_napi(struct ring *r, struct zu_uring_napi napi)
{
    return io_uring_register((unsigned)r->u.ring_fd, ZU_REGISTER_NAPI, &napi, 1);
}

static bool ring_poll_device(struct zu_kernel *k, unsigned napi)
{
    struct ring *r = ring_of(k);
    int rc = 0;

    if (!r->polls) /* once: it forgets those added */
        rc = register_napi(r, (struct zu_uring_napi){.busy_poll_us = ZU_KERNEL_POLL_US,
                                                     .what = ZU_NAPI_BEGIN,
                                                     .which = ZU_NAPI_THOSE_ADDED});
    r->polls |= rc == 0;
    if (rc == 0)
        rc = register_napi(r, (struct zu_uring_napi){.what = ZU_NAPI_ADD, .which = napi});
    return rc == 0 || rc == -EEXIST;
}

static bool recall(struct ring *r, struct zu_op *op)
{
    struct io_uring_sqe *sqe = get_sqe(r);

    if (!sqe)
        return false;
    io_uring_prep_cancel(sqe, op, 0);
    io_uring_sqe_set_data(sqe, NULL); /* its own outcome is of no interest */
    return true;
}

static void ring_cancel(struct zu_kernel *k, struct zu_op *op)
{
    struct ring *r = ring_of(k);

    if (op->kind == ZU_OP_IDLE)
        return;
    switch ((enum state)op->state) {
    case QUEUED:
    case STARVED:
        op->res = -ECANCELED;
        put_in(&r->ended, op, ENDED);
        break;
    case FLYING:
        op->state = RECALLED;
        if (!zu_list_empty(&r->recalls) || !recall(r, op))
            put_in(&r->recalls, op, RECALLED);
        break;
    case IDLE:
    case RECALLED:
    case ENDED: break;
    }
}

static void ring_forget(struct zu_kernel *k, int fd)
{
    (void)k;
    (void)fd; /* nothing is kept for a descriptor */
}

static void ring_give_block(struct zu_kernel *k, struct zu_block *b)
{
    zu_group_give(&ring_of(k)->group, b);
}

static void arm_wake(struct ring *r)
{
    struct io_uring_sqe *sqe;

    if (r->wake_armed || r->closing || !(sqe = get_sqe(r)))
        return;
    io_uring_prep_read(sqe, r->wake_fd, &r->wake_value, sizeof(r->wake_value), 0);
    io_uring_sqe_set_data(sqe, &r->wake_op);
    r->wake_armed = true;
}

/* As many starved receives as there are blocks: more would only starve again. */
static void feed_starved(struct ring *r)
{
    unsigned n;

    if (zu_list_empty(&r->starved))
        return;
    zu_group_fill(&r->group);
    for (n = r->group.present; n > 0 && !zu_list_empty(&r->starved); n--) {
        struct zu_op *op = zu_op_of(r->starved.next);

        zu_list_remove(&op->link);
        if (!fly(r, op))
            put_in(&r->queued, op, QUEUED);
    }
}

static void start_what_waits(struct ring *r)
{
    arm_wake(r);
    zu_list_each(it, &r->recalls)
    {
        if (!recall(r, zu_op_of(it)))
            break;
        zu_list_remove(it);
    }
    zu_list_each(it, &r->queued)
    {
        if (!fly(r, zu_op_of(it)))
            break;
        zu_list_remove(it);
    }
    feed_starved(r);
}

/* How long enter may wait: not at all while anything can be done without the kernel's saying. */
static int64_t wait_limit(struct ring *r, int64_t timeout_us)
{
    if (!zu_list_empty(&r->ended) || !zu_list_empty(&r->queued) || !zu_list_empty(&r->recalls) ||
        !r->wake_armed || io_uring_cq_ready(&r->u))
        return 0;
    if (zu_list_empty(&r->starved))
        return timeout_us;
    if (r->group.present)
        return 0; /* the next of the starved take their turn */
    return timeout_us < 0 ? NO_BLOCK_US : ZU_MIN(timeout_us, NO_BLOCK_US);
}

/* True: to be started again. */
static bool take_block(struct ring *r, struct zu_op *op, int *res, uint32_t flags)
{
    if (flags & IORING_CQE_F_BUFFER) {
        unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;

        if (*res > 0)
            op->block = zu_group_take(&r->group, id);
        else
            zu_group_keep(&r->group, id);
    }
    if (*res != -ENOBUFS)
        return false;
    zu_count(&r->k.stats.block_shortages, 1);
    if (op->state == RECALLED) {
        *res = -ECANCELED;
        return false;
    }
    zu_group_grow(&r->group);
    put_in(&r->starved, op, STARVED);
    return true;
}

static void complete(struct ring *r, struct zu_op *op, int res, uint32_t flags)
{
    uint32_t out = flags & IORING_CQE_F_MORE ? ZU_OP_MORE : 0;

    if (!op)
        return;
    if (op == &r->message_op) {
        zu_count(&r->k.stats.wakes, 1);
        return;
    }
    if (op == &r->wake_op) {
        r->wake_armed = false;
        zu_count(&r->k.stats.wakes, res > 0);
        return;
    }
    if (op->kind == ZU_OP_RECV_BLOCK && take_block(r, op, &res, flags))
        return;
    if (!out)
        zu_list_remove(&op->link); /* from the recalls */
    if (op->block)
        out |= ZU_OP_BLOCK;
    if (zu_unlikely(flags & IORING_CQE_F_NOTIF)) {
        out |= ZU_OP_FREED | ((unsigned)res & IORING_NOTIF_USAGE_ZC_COPIED ? ZU_OP_COPIED : 0);
        res = 0;
    }
    zu_op_finish(&r->k, op, res, out);
}

/* What is there now; what comes meanwhile is for the next round. */
static void reap(struct ring *r, unsigned n)
{
    struct io_uring_cq *cq = &r->u.cq;

    for (; n > 0; n--) {
        const struct io_uring_cqe *cqe = &cq->cqes[*cq->khead & cq->ring_mask];
        struct zu_op *op = (struct zu_op *)(uintptr_t)cqe->user_data;
        int res = cqe->res;
        uint32_t flags = cqe->flags;

        io_uring_cq_advance(&r->u, 1);
        complete(r, op, res, flags);
    }
}

static void run_ended(struct ring *r)
{
    struct zu_list now, *l;

    zu_list_take_all(&now, &r->ended); /* what ends from here on is for the next round */
    while ((l = zu_list_pop(&now)))
        zu_op_finish(&r->k, zu_op_of(l), zu_op_of(l)->res, 0);
}

/* 0 when the kernel boundary is sound, whatever happened to this one call. */
static int judge(struct ring *r, int rc)
{
    struct timespec ts = {.tv_nsec = SHORT_NAP_NS};

    if (rc >= 0 || rc == -ETIME || rc == -EINTR)
        return 0;
    if (rc != -EAGAIN && rc != -EBUSY && rc != -ENOMEM)
        return rc;
    if (!io_uring_cq_ready(&r->u))
        nanosleep(&ts, NULL); /* the kernel is short of memory, and there is nothing else to do */
    return 0;
}

static int ring_enter(struct zu_kernel *k, int64_t timeout_us)
{
    struct ring *r = ring_of(k);
    unsigned came;
    int rc;

    start_what_waits(r);
    timeout_us = wait_limit(r, timeout_us);
    rc = judge(r, submit(r, timeout_us != 0, timeout_us));
    came = io_uring_cq_ready(&r->u); /* not what comes while that runs */
    if (k->waited)
        k->waited(k);
    reap(r, came);
    run_ended(r);
    return rc;
}

static bool send_message(struct ring *r)
{
    const struct io_uring_sqe sqe = {.opcode = IORING_OP_MSG_RING,
                                     .fd = r->u.ring_fd,
                                     .len = 1,
                                     .off = (uintptr_t)&r->message_op};

    return syscall(__NR_io_uring_register, -1, ZU_REGISTER_SEND_MSG_RING, &sqe, 1) >= 0;
}

static void ring_wake(struct zu_kernel *k)
{
    struct ring *r = ring_of(k);

    if (r->pid != getpid())
        return;
    /* Relaxed: who does not know yet is refused, too. */
    if (!atomic_load_explicit(&r->no_messages, memory_order_relaxed) && send_message(r))
        return;
    atomic_store_explicit(&r->no_messages, true, memory_order_relaxed);
    zu_wake_write(r->wake_fd, r->pid);
}

/* What helps but need not be had. */
static void trim(struct ring *r)
{
    unsigned workers[2] = {WORKERS_MAX, WORKERS_MAX};

    r->enter_fd = r->u.ring_fd;
    if (io_uring_register_ring_fd(&r->u) == 1) {
        r->enter_fd = r->u.enter_ring_fd;
        r->enter_flags |= IORING_ENTER_REGISTERED_RING;
    }
    if (r->u.features & IORING_FEAT_NO_IOWAIT)
        r->enter_flags |= IORING_ENTER_NO_IOWAIT;
    io_uring_ring_dontfork(&r->u);
    io_uring_register_iowq_max_workers(&r->u, workers);
}

static int ring_open(struct zu_kernel **out)
{
    struct ring *r = zu_alloc_zero(sizeof(*r));
    int rc;

    if (!r)
        return -ENOMEM;
    r->k.table = &zu_kernel_ring;
    r->k.zero_copy = zu_uring_zero_copy();
    r->k.by_hand = true;
    r->pid = getpid();
    zu_list_init(&r->queued);
    zu_list_init(&r->starved);
    zu_list_init(&r->recalls);
    zu_list_init(&r->ended);
    if ((r->wake_fd = eventfd(0, EFD_CLOEXEC)) < 0) {
        rc = -errno;
        goto free_ring;
    }
    if ((rc = zu_uring_open(&r->u, SQ_ENTRIES, CQ_ENTRIES)) < 0)
        goto close_wake;
    if ((rc = zu_group_init(&r->group, &r->u)) < 0)
        goto exit_queue;
    trim(r);
    *out = &r->k;
    return 0;
exit_queue:
    io_uring_queue_exit(&r->u);
close_wake:
    close(r->wake_fd);
free_ring:
    zu_free(r);
    return rc;
}

/* The read of the wake-up is the only request there is; its buffer is about to be freed. */
static void ring_close(struct zu_kernel *k)
{
    struct ring *r = ring_of(k);

    r->closing = true;
    if (r->wake_armed)
        zu_wake_write(r->wake_fd, r->pid);
    for (int i = 0; r->wake_armed && i < CLOSE_TRIES; i++) {
        submit(r, true, CLOSE_WAIT_US);
        reap(r, io_uring_cq_ready(&r->u));
    }
    zu_group_fini(&r->group, &r->u);
    io_uring_queue_exit(&r->u);
    close(r->wake_fd);
    zu_free(r);
}

const struct zu_kernel_table zu_kernel_ring = {
    .name = "io_uring",
    .open = ring_open,
    .close = ring_close,
    .accept = ring_accept,
    .connect = ring_connect,
    .recv = ring_recv,
    .recv_block = ring_recv_block,
    .send = ring_send,
    .sendmsg = ring_sendmsg,
    .sendmsg_some = ring_sendmsg_some,
    .sendmsg_zc = ring_sendmsg_zc,
    .try_send = zu_kernel_try_send,
    .try_recv = zu_kernel_try_recv,
    .watch = zu_kernel_watch,
    .poll = ring_poll,
    .poll_device = ring_poll_device,
    .cancel = ring_cancel,
    .forget = ring_forget,
    .give_block = ring_give_block,
    .enter = ring_enter,
    .wake = ring_wake,
};

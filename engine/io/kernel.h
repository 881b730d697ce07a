/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel: CONTRACT of the boundary to the kernel. One table, three fillings: `ring` (io_uring),
 * `ready` (epoll and plain calls), and in tests `scripted`, which plays any order of completions,
 * short reads and writes, and any errno.
 *
 * Whoever wants something from the kernel embeds a zu_op, starts a request with it, and hears
 * `done`. From the start to the last completion (the one without ZU_OP_MORE) the op, its buffer
 * and its address belong to the kernel. No start fails: what cannot be started completes with the
 * errno. Completions are first collected, then run, and none runs inside a start. A request may be
 * cancelled; it then still completes, with -ECANCELED or with what it achieved all the same.
 *
 * Thread: the loop's, but for wake. Owner: the loop.
 */
#ifndef ZU_IO_KERNEL_H
#define ZU_IO_KERNEL_H

#include "engine/base/block.h"
#include "engine/base/count.h"
#include "engine/base/list.h"

#include <sys/socket.h>

struct zu_kernel;

enum zu_op_flag {
    ZU_OP_MORE = 1,   /* not the last completion of this request */
    ZU_OP_BLOCK = 2,  /* a recv_block that brought a block: take it with zu_kernel_block */
    ZU_OP_FREED = 4,  /* a sendmsg_zc whose memory is the caller's again, */
    ZU_OP_COPIED = 8, /* and had been copied after all */
};

/* What a started op asks for. */
enum zu_op_kind {
    ZU_OP_IDLE,
    ZU_OP_ACCEPT,
    ZU_OP_CONNECT,
    ZU_OP_RECV,
    ZU_OP_RECV_BLOCK,
    ZU_OP_SEND,
    ZU_OP_SENDMSG,
    ZU_OP_SENDMSG_SOME,
    ZU_OP_SENDMSG_ZC,
    ZU_OP_POLL,
};

/* Embed one for each request in flight. Zeroed but for `done`. */
struct zu_op {
    void (*done)(struct zu_op *op, int res, uint32_t flags);
    /* The filling's own, from the start to the last completion. */
    struct zu_list link;
    struct zu_block *block;
    const void *buf;
    size_t len;
    int fd;
    uint8_t kind;  /* enum zu_op_kind */
    uint8_t state; /* waiting, collected, cancelled: each filling has its own */
    short events;
    int res;
    uint32_t flags;
};

/* Embed one for each descriptor that is watched. */
struct zu_watch {
    void (*seen)(struct zu_watch *w);
    int fd;
};

enum zu_watching { ZU_WATCH_BEGIN, ZU_WATCH_ON, ZU_WATCH_OUT, ZU_WATCH_END };

/* Counters of one kernel boundary; written by the loop, read by anyone: count.h. */
struct zu_kernel_stats {
    uint64_t enters;      /* calls that submitted or waited */
    uint64_t completions; /* operations completed */
    uint64_t recvs, recv_bytes;
    uint64_t sends, send_bytes;
    uint64_t short_sends;
    uint64_t block_shortages; /* a receive found no free block and was started again */
    uint64_t wakes;           /* zu_kernel_wake seen */
    uint64_t zc_sends;        /* of the sends, those without a copy */
    uint64_t zc_copied;       /* of these, those that the kernel copied after all */
};

struct zu_kernel_table {
    const char *name; /* "io_uring", "readiness", "scripted" */

    /* 0, or the errno that says why this filling cannot be had here (-EPERM, -ENOSYS, -EMFILE). */
    int (*open)(struct zu_kernel **out);
    void (*close)(struct zu_kernel *k); /* no request is in flight */

    /* Each start: `fd` is non-blocking; the op is idle. */
    void (*accept)(struct zu_kernel *k, struct zu_op *op, int fd); /* many: res is a descriptor,
                                                              non-blocking and cloexec; ends on
                                                              an error, and may end after any one */
    void (*connect)(struct zu_kernel *k, struct zu_op *op, int fd, const struct sockaddr *addr,
                    socklen_t size); /* -EAGAIN: a UNIX listener's queue is full */
    void (*recv)(struct zu_kernel *k, struct zu_op *op, int fd, void *buf, size_t len);
    void (*recv_block)(struct zu_kernel *k, struct zu_op *op, int fd); /* memory only once bytes are
                                                                          there */
    void (*send)(struct zu_kernel *k, struct zu_op *op, int fd, const void *buf, size_t len);
    void (*sendmsg)(struct zu_kernel *k, struct zu_op *op, int fd, const struct msghdr *msg);
    /* The same in words that TLS in the kernel understands: it is not asked to take all of it. */
    void (*sendmsg_some)(struct zu_kernel *k, struct zu_op *op, int fd, const struct msghdr *msg);
    /*
     * The same without a copy; only where `zero_copy` is set. With ZU_OP_MORE the result says what
     * was taken, and the bytes must stay as they are until the last completion, which has
     * ZU_OP_FREED. Without, there is no other, and the kernel has kept nothing. `msg` itself may
     * go with the result, which is all that a cancel can hasten.
     */
    void (*sendmsg_zc)(struct zu_kernel *k, struct zu_op *op, int fd, const struct msghdr *msg);
    /* Any thread; only where `by_hand` is set. What can be sent without waiting; or -errno. */
    ssize_t (*try_send)(struct zu_kernel *k, int fd, const struct msghdr *msg);
    ssize_t (*try_recv)(struct zu_kernel *k, int fd, void *buf,
                        size_t len); /* the same: what is there */
    /*
     * Where `by_hand` is set: while the loop has no receive on a descriptor it can watch it. ON:
     * `seen` is called, once, when there is something to receive, or already. OUT: not any more,
     * unless it is on its way. Any thread may put it on or out; the loop begins, with nothing in
     * flight there, and ends. -errno, of BEGIN alone.
     */
    int (*watch)(struct zu_kernel *k, struct zu_watch *w, enum zu_watching how);
    void (*poll)(struct zu_kernel *k, struct zu_op *op, int fd, short events); /* res: revents */
    /* Unless NULL. True: a wait of enter is spent, for ZU_KERNEL_POLL_US at most, polling the queue
     * `napi` of a device (SO_INCOMING_NAPI_ID), and those that were named before. */
    bool (*poll_device)(struct zu_kernel *k, unsigned napi);
    void (*cancel)(struct zu_kernel *k, struct zu_op *op); /* of a started op; else harmless */

    /* Nothing is in flight on fd and it is about to be closed. */
    void (*forget)(struct zu_kernel *k, int fd);

    /* See zu_kernel_give_block. */
    void (*give_block)(struct zu_kernel *k, struct zu_block *b);

    /*
     * One round: starts what was asked for, waits until something completes, a wake came, or
     * timeout_us passed (0: do not wait; -1: no limit), then runs `done` of all that completed.
     * 0; a negative errno only when the kernel boundary itself is broken.
     */
    int (*enter)(struct zu_kernel *k, int64_t timeout_us);

    /* Any thread: ends the wait of the current or the next enter. */
    void (*wake)(struct zu_kernel *k);
};

/* Each filling starts with this. */
struct zu_kernel {
    const struct zu_kernel_table *table;
    struct zu_kernel_stats stats;
    bool zero_copy;             /* sendmsg_zc can be had, and tells what was copied */
    bool by_hand;               /* try_send, try_recv and watch can be had */
    bool more;                  /* a connection's: of what came there is some left that no watch
                                   tells of; of who receives there */
    struct zu_watches *watches; /* see watch.h */
    /* Unless NULL: enter calls it when its wait is over and before it runs the first completion. */
    void (*waited)(struct zu_kernel *k);
    void *owner; /* for whoever set `waited` */
};

/*
 * In `done` of a recv_block with ZU_OP_BLOCK: the block whose first `res` bytes were received. The
 * caller has a count on it and gives it back with zu_kernel_give_block or zu_block_drop.
 */
static inline struct zu_block *zu_kernel_block(struct zu_op *op)
{
    return op->block;
}

/*
 * The caller's count on a block that a recv_block of this loop brought goes back. Nobody else holds
 * the block: it will be received into again. Else: this is zu_block_drop.
 */
static inline void zu_kernel_give_block(struct zu_kernel *k, struct zu_block *b)
{
    k->table->give_block(k, b);
}

/* Whoever lives on the loop has received, or sent, by a call of his own. */
static inline void zu_kernel_received(struct zu_kernel *k, size_t bytes)
{
    zu_count(&k->stats.recvs, 1);
    zu_count(&k->stats.recv_bytes, bytes);
}

static inline void zu_kernel_sent(struct zu_kernel *k, size_t bytes)
{
    zu_count(&k->stats.sends, 1);
    zu_count(&k->stats.send_bytes, bytes);
}

/* The real kernel's. */
ssize_t zu_kernel_try_send(struct zu_kernel *k, int fd, const struct msghdr *msg);
ssize_t zu_kernel_try_recv(struct zu_kernel *k, int fd, void *buf, size_t len);

extern const struct zu_kernel_table zu_kernel_ring, zu_kernel_ready;

#define ZU_RECV_BLOCK_SIZE (64 * 1024)
#define ZU_KERNEL_POLL_US  10000

/*
 * What this process may use. ZURING_BACKEND=io_uring or readiness in the environment, or `wish`
 * ("io_uring", "readiness", or NULL for the environment and then the best) decides; else io_uring
 * where the running kernel grants it. Never fails; *reason is a sentence for the user, static or
 * thread-local.
 */
const struct zu_kernel_table *zu_kernel_choose(const char *wish, const char **reason);

#endif

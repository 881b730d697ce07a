/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op: what the fillings of the kernel boundary do alike with a zu_op.
 * Thread: the loop's. Nobody outside engine/io/ and the tests' filling includes this.
 */
#ifndef ZU_IO_OP_H
#define ZU_IO_OP_H

#include "engine/io/kernel.h"

#include <errno.h>
#include <unistd.h>

/* Moves all of `from` to `to`, which need not be inited, and leaves `from` empty. */
static inline void zu_list_take_all(struct zu_list *to, struct zu_list *from)
{
    zu_list_init(to);
    if (zu_list_empty(from))
        return;
    *to = *from;
    to->next->prev = to->prev->next = to;
    zu_list_init(from);
}

static inline struct zu_op *zu_op_of(struct zu_list *link)
{
    return zu_container_of(link, struct zu_op, link);
}

static inline void zu_op_begin(struct zu_op *op, enum zu_op_kind kind, int fd, const void *buf,
                               size_t len)
{
    zu_list_init(&op->link);
    op->block = NULL;
    op->buf = buf;
    op->len = len;
    op->fd = fd;
    op->kind = (uint8_t)kind;
    op->state = 0;
    op->flags = 0;
}

static inline size_t zu_msghdr_size(const struct msghdr *msg)
{
    size_t sum = 0;

    for (size_t i = 0; i < msg->msg_iovlen; i++)
        sum += msg->msg_iov[i].iov_len;
    return sum;
}

static inline void zu_op_tell_zc(struct zu_kernel_stats *s, const struct zu_op *op, int res,
                                 uint32_t flags)
{
    if (flags & ZU_OP_FREED) {
        zu_count(&s->zc_copied, (flags & ZU_OP_COPIED) != 0);
        return;
    }
    zu_count_lightly(&s->sends, 1);
    zu_count_lightly(&s->send_bytes, (uint64_t)res);
    zu_count_lightly(&s->short_sends, (size_t)res < op->len);
    zu_count_lightly(&s->zc_sends, 1);
}

static inline void zu_op_tell(struct zu_kernel *k, const struct zu_op *op, int res, uint32_t flags)
{
    struct zu_kernel_stats *s = &k->stats;

    zu_count_lightly(&s->completions, 1);
    if (res < 0)
        return;
    if (op->kind == ZU_OP_RECV || op->kind == ZU_OP_RECV_BLOCK) {
        zu_count_lightly(&s->recvs, 1);
        zu_count_lightly(&s->recv_bytes, (uint64_t)res);
    } else if (op->kind >= ZU_OP_SEND && op->kind <= ZU_OP_SENDMSG_SOME) {
        zu_count_lightly(&s->sends, 1);
        zu_count_lightly(&s->send_bytes, (uint64_t)res);
        if ((size_t)res < op->len)
            zu_count_lightly(&s->short_sends, 1);
    } else if (op->kind == ZU_OP_SENDMSG_ZC) {
        zu_op_tell_zc(s, op, res, flags);
    }
}

/* Counts it, makes the op idle unless more is to come, and lets its owner hear. */
static inline void zu_op_finish(struct zu_kernel *k, struct zu_op *op, int res, uint32_t flags)
{
    zu_op_tell(k, op, res, flags);
    if (!(flags & ZU_OP_MORE))
        op->kind = ZU_OP_IDLE;
    op->done(op, res, flags);
}

/* The waker's side of an eventfd. A forked child's wake-up is none of the parent's. */
static inline void zu_wake_write(int fd, pid_t owner)
{
    const uint64_t one = 1;

    if (owner != getpid())
        return;
    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

#endif

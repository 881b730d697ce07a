/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scripted: the kernel boundary without a kernel. Every start is kept; the test decides what comes
 * of it, in any order, and enter runs exactly that. Enter never waits.
 *
 * With zu_loop_init and a clock of the test's own it drives a loop step by step on one thread:
 *
 *     zu_loop_init(&loop, &zu_kernel_scripted, scripted_clock);
 *     zu_thing_start(&thing, &loop);
 *     op = scripted_find(loop.kernel, ZU_OP_RECV, fd);
 *     scripted_feed(loop.kernel, op, "hello", 5);
 *     zu_loop_round(&loop, false);
 *
 * Thread: the test's; wake from any.
 */
#ifndef ZU_TESTS_SUPPORT_SCRIPTED_H
#define ZU_TESTS_SUPPORT_SCRIPTED_H

#include "engine/io/kernel.h"

extern const struct zu_kernel_table zu_kernel_scripted;

/* What a cancel does. */
enum scripted_cancel {
    SCRIPTED_CANCEL_ENDS,  /* the op completes with -ECANCELED in the next enter */
    SCRIPTED_CANCEL_NOTED, /* it is only noted; the test completes the op as it likes: a race */
};

void scripted_on_cancel(struct zu_kernel *k, enum scripted_cancel mode);

/* Started ops that have no outcome yet. `kind` ZU_OP_IDLE: any; fd -1: any. The oldest; or NULL. */
struct zu_op *scripted_find(struct zu_kernel *k, enum zu_op_kind kind, int fd);
size_t scripted_pending(struct zu_kernel *k, enum zu_op_kind kind, int fd);
bool scripted_cancelled(struct zu_kernel *k, const struct zu_op *op);
bool scripted_forgotten(struct zu_kernel *k, int fd); /* forget was called since fd's last start */

/* The op's next outcome, run by the next enter, in the order of these calls. ZU_OP_MORE: it stays
 * started, and may be given further outcomes. */
void scripted_complete(struct zu_kernel *k, struct zu_op *op, int res, uint32_t flags);

/* A recv or recv_block gets as many of these bytes as fit. How many it got. */
size_t scripted_feed(struct zu_kernel *k, struct zu_op *op, const void *data, size_t size);

/* A send or sendmsg has sent the first `size` bytes, or all that it has; they are copied to `out`,
 * unless NULL. How many. */
size_t scripted_take(struct zu_kernel *k, struct zu_op *op, void *out, size_t size);
size_t scripted_send_size(const struct zu_op *op); /* how many bytes it was asked to send */

/*
 * What a sendmsg_zc has sent stays lent after its result: a result of scripted_take, or one of
 * scripted_complete with ZU_OP_MORE. The n-th of those that are, from the oldest; or NULL.
 */
struct zu_op *scripted_lent(struct zu_kernel *k, size_t n);
/* It is the caller's again, whom the next enter tells; `copied`: it had been copied after all. The
 * bytes must be as they were sent: if they are not it answers false. */
bool scripted_free(struct zu_kernel *k, struct zu_op *op, bool copied);

/* Callers may send by themselves from the next pump on, and are told that `room` bytes fit. */
void scripted_by_hand(struct zu_kernel *k, size_t room);
/* What they have sent since it was asked last, into `out` of `size` bytes. How much that is. */
size_t scripted_sent_by_hand(struct zu_kernel *k, void *out, size_t size);

/*
 * What callers find who receive by themselves: first these bytes, then `end`: -EAGAIN until it is
 * set; 0 or another errno, told once. And the watch of the one connection that has one.
 */
void scripted_put(struct zu_kernel *k, const void *data, size_t size);
void scripted_put_end(struct zu_kernel *k, int end);
bool scripted_watches(struct zu_kernel *k); /* it is on */
void scripted_see(struct zu_kernel *k);     /* there is something: the loop is told, if it is on */

/* The next `count` starts of this kind complete with -err. */
void scripted_refuse(struct zu_kernel *k, enum zu_op_kind kind, int err, unsigned count);

/* Enter answers rc (0 or negative) from now on: a broken kernel boundary. */
void scripted_break(struct zu_kernel *k, int rc);

unsigned scripted_wakes(struct zu_kernel *k);       /* since open */
int64_t scripted_last_timeout(struct zu_kernel *k); /* how long the last enter was to wait, in us */
size_t scripted_blocks_out(struct zu_kernel *k);    /* delivered, and not given back to it */

/* A clock that moves only when told to. Nanoseconds. */
uint64_t scripted_clock(void);
void scripted_pass(uint64_t ms);
void scripted_pass_us(uint64_t us);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending without a copy, by the real kernel. Over the loopback interface it copies, but not before
 * the bytes are taken: so this sees both what it says of that, and memory that stays lent.
 */
#include "tests/io/drive.h"

#include "transports/sockstream.h"

#define BODY (8u << 20) /* more than two sockets hold */

struct loan {
    struct zu_op op;
    int res; /* the result's */
    unsigned results, frees;
    uint32_t free_flags;
};

static void loan_done(struct zu_op *op, int res, uint32_t flags)
{
    struct loan *l = zu_container_of(op, struct loan, op);

    cr_assert_eq(l->frees, 0, "something came after the last completion");
    if (flags & ZU_OP_FREED) {
        cr_assert_eq(l->results, 1, "the result comes first");
        cr_assert_eq(flags & ZU_OP_MORE, 0);
        CR_EQ_INT(res, 0);
        l->free_flags = flags;
        l->frees++;
        return;
    }
    l->res = res;
    l->results++;
    l->frees = !(flags & ZU_OP_MORE); /* nothing was kept */
}

static struct zu_kernel *opened_zc(void)
{
    struct zu_kernel *k = opened(&zu_kernel_ring);

    if (!k->zero_copy) {
        k->table->close(k);
        cr_skip_test("this kernel does not send without a copy, or cannot tell (before 6.2)");
    }
    return k;
}

Test(ring, zero_copy_has_a_result_and_then_the_memory)
{
    struct zu_kernel *k = opened_zc();
    struct loan l = {.op.done = loan_done};
    struct iovec iov[] = {{"head", 4}, {"body", 4}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    char buf[16] = "";
    int sv[2];

    tcp_pair(sv);
    k->table->sendmsg_zc(k, &l.op, sv[0], &msg);
    DRIVE(k, l.frees == 1);
    CR_EQ_INT(l.res, 8);
    cr_assert(l.free_flags & ZU_OP_COPIED, "the loopback interface copies");
    CR_EQ_INT(read(sv[1], buf, sizeof(buf)), 8);
    cr_assert_str_eq(buf, "headbody");
    CR_EQ_INT(k->stats.sends, 1);
    CR_EQ_INT(k->stats.send_bytes, 8);
    CR_EQ_INT(k->stats.zc_sends, 1);
    CR_EQ_INT(k->stats.zc_copied, 1);
    shut(k, sv[0]);
    shut(k, sv[1]);
    k->table->close(k);
}

Test(ring, zero_copy_is_refused_where_there_is_none)
{
    struct zu_kernel *k = opened_zc();
    struct loan l = {.op.done = loan_done};
    struct iovec iov = {"body", 4};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int sv[2];

    pair_of(SOCK_STREAM, sv);
    k->table->sendmsg_zc(k, &l.op, sv[0], &msg);
    DRIVE(k, l.frees == 1);
    CR_EQ_INT(l.res, -EOPNOTSUPP);
    CR_EQ_INT(k->stats.zc_sends, 0);
    shut(k, sv[0]);
    shut(k, sv[1]);
    k->table->close(k);
}

/* A peer that takes nothing: the cancel brings the result, only the reset the memory. */
Test(ring, zero_copy_is_over_with_a_reset)
{
    struct zu_kernel *k = opened_zc();
    struct loan l = {.op.done = loan_done};
    uint8_t *body = calloc(1, BODY);
    struct iovec iov = {body, BODY};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int sv[2], other;

    tcp_pair(sv);
    k->table->sendmsg_zc(k, &l.op, sv[0], &msg);
    CR_EQ_INT(k->table->enter(k, 20000), 0);
    CR_EQ_INT(l.results, 0);
    k->table->cancel(k, &l.op);
    DRIVE(k, l.results == 1);
    cr_assert(l.res > 0 && l.res < (int)BODY, "%d", l.res);
    k->table->cancel(k, &l.op); /* there is nothing to cancel any more */
    for (int i = 0; i < 5; i++)
        CR_EQ_INT(k->table->enter(k, 10000), 0);
    CR_EQ_INT(l.frees, 0);
    other = dup(sv[0]); /* as a forked child has one */
    zu_sockstream_reset(sv[0]);
    DRIVE(k, l.frees == 1);
    free(body);
    close(other);
    shut(k, sv[0]);
    shut(k, sv[1]);
    k->table->close(k);
}

Test(ready, zero_copy_is_not_there)
{
    struct zu_kernel *k = opened(&zu_kernel_ready);

    cr_assert(!k->zero_copy);
    k->table->close(k);
}

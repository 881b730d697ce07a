/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_uring when the kernel takes no submissions for a while, or answers anything else. The calls
 * that enter the ring and register there are this program's own, which are found before liburing's.
 */
#include "engine/base/alloc.h"
#include "engine/io/uring_compat.h"
#include "tests/io/drive.h"

#include <sys/eventfd.h>
#include <sys/syscall.h>

static int refuse; /* 0, or the negative errno that each enter answers */

int io_uring_enter2(unsigned fd, unsigned to_submit, unsigned min_complete, unsigned flags,
                    sigset_t *sig, size_t size)
{
    long rc;

    if (refuse)
        return refuse;
    rc = syscall(SYS_io_uring_enter, fd, to_submit, min_complete, flags, sig, size);
    return rc < 0 ? -errno : (int)rc;
}

static int napi_answer = 1; /* to who asks for devices to be polled; 1: the kernel's own */
static struct zu_uring_napi asked[8];
static unsigned times_asked;

int io_uring_register(unsigned fd, unsigned what, const void *arg, unsigned count)
{
    long rc;

    if (what == ZU_REGISTER_NAPI) {
        asked[times_asked++ % zu_array_len(asked)] = *(const struct zu_uring_napi *)arg;
        if (napi_answer <= 0)
            return napi_answer;
    }
    rc = syscall(SYS_io_uring_register, fd, what, arg, count);
    return rc < 0 ? -errno : (int)rc;
}

#define COUNT 700 /* far more than there are submission entries */

Test(fault, starts_and_cancels_that_find_no_entry_wait_for_one)
{
    struct zu_kernel *k = opened(&zu_kernel_ring);
    struct request *q = calloc(COUNT, sizeof(*q));
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    refuse = -EBUSY;
    for (unsigned i = 0; i < COUNT; i++)
        k->table->poll(k, &fresh(&q[i])->op, fd, POLLIN);
    for (unsigned i = 0; i < COUNT; i += 2)
        k->table->cancel(k, &q[i].op);
    for (int i = 0; i < 3; i++)
        CR_EQ_INT(k->table->enter(k, 1000), 0);
    refuse = 0;
    DRIVE(k, finals_of(q, COUNT) == COUNT / 2);
    for (unsigned i = 0; i < COUNT; i++) {
        CR_EQ_INT(q[i].finals, i % 2 == 0);
        if (q[i].finals)
            CR_EQ_INT(q[i].res, -ECANCELED);
    }
    CR_EQ_INT(eventfd_write(fd, 1), 0);
    DRIVE(k, finals_of(q, COUNT) == COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        CR_EQ_INT(q[i].heard, 1);
    free(q);
    shut(k, fd);
    k->table->close(k);
}

Test(fault, a_passing_error_of_enter_is_none)
{
    const int passing[] = {-EINTR, -EAGAIN, -EBUSY, -ENOMEM, -ETIME};
    struct zu_kernel *k = opened(&zu_kernel_ring);

    for (unsigned i = 0; i < zu_array_len(passing); i++) {
        refuse = passing[i];
        CR_EQ_INT(k->table->enter(k, 1000), 0);
    }
    refuse = -EBADF;
    CR_EQ_INT(k->table->enter(k, 1000), -EBADF);
    refuse = 0;
    k->table->wake(k);
    DRIVE(k, k->stats.wakes == 1); /* sound again */
    k->table->close(k);
}

Test(device, is_polled_when_it_was_named_and_only_then)
{
    struct zu_kernel *k = opened(&zu_kernel_ring);

    napi_answer = 0;
    k->table->enter(k, 1000);
    CR_EQ_INT(times_asked, 0);
    cr_assert(k->table->poll_device(k, 700));
    CR_EQ_INT(times_asked, 2);
    CR_EQ_INT(asked[0].what, ZU_NAPI_BEGIN);
    CR_EQ_INT(asked[0].which, ZU_NAPI_THOSE_ADDED);
    CR_EQ_INT(asked[0].busy_poll_us, ZU_KERNEL_POLL_US);
    CR_EQ_INT(asked[1].what, ZU_NAPI_ADD);
    CR_EQ_INT(asked[1].which, 700);
    cr_assert(k->table->poll_device(k, 701)); /* beside the first */
    CR_EQ_INT(times_asked, 3);
    CR_EQ_INT(asked[2].what, ZU_NAPI_ADD);
    CR_EQ_INT(asked[2].which, 701);
    napi_answer = -EEXIST;
    cr_assert(k->table->poll_device(k, 700));
    k->table->close(k);
}

/* As on a kernel older than 6.13; and whatever this one answers. */
Test(device, that_the_kernel_does_not_poll_changes_nothing_else)
{
    struct zu_kernel *k = opened(&zu_kernel_ring);

    napi_answer = -EINVAL;
    cr_assert_not(k->table->poll_device(k, 700));
    CR_EQ_INT(times_asked, 1);
    for (uint64_t i = 1; i <= 2; i++) {
        CR_EQ_INT(k->table->enter(k, 1000), 0);
        k->table->wake(k);
        DRIVE(k, k->stats.wakes == i);
        napi_answer = 1;
        (void)k->table->poll_device(k, 1000000); /* there is none such */
    }
    k->table->close(k);
}

/* Of two requests that complete together, the first to be told cancels the second. */
struct first {
    struct request q;
    struct zu_kernel *k;
    struct zu_op *second;
    struct request *filler;
    int fd;
};

static void cancel_second(struct zu_op *op, int res, uint32_t flags)
{
    struct first *f = zu_container_of(op, struct first, q.op);

    request_done(op, res, flags);
    if (f->filler) {
        refuse = -EBUSY; /* until no entry is left */
        for (unsigned i = 0; i < COUNT; i++)
            f->k->table->poll(f->k, &fresh(&f->filler[i])->op, f->fd, POLLPRI);
    }
    f->k->table->cancel(f->k, f->second);
}

static unsigned freed;

static void free_second(struct zu_op *op, int res, uint32_t flags)
{
    (void)flags;
    cr_assert(res == 1 || res == -ECANCELED);
    memset(op, 0xee, sizeof(*op));
    free(op);
    freed++;
}

Test(fault, a_cancel_that_waits_for_an_entry_is_forgotten_when_its_op_completes)
{
    struct zu_kernel *k = opened(&zu_kernel_ring);
    struct request *filler = calloc(COUNT, sizeof(*filler));
    struct zu_op *second = calloc(1, sizeof(*second));
    struct first f = {.q.op.done = cancel_second, .k = k, .second = second, .filler = filler};
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), next = eventfd(0, EFD_CLOEXEC);

    f.fd = fd;
    second->done = free_second;
    k->table->poll(k, &f.q.op, fd, POLLIN);
    k->table->poll(k, second, next, POLLIN);
    k->table->enter(k, 0);
    CR_EQ_INT(eventfd_write(fd, 1), 0); /* the first first */
    CR_EQ_INT(eventfd_write(next, 1), 0);
    DRIVE(k, freed == 1);
    refuse = 0;
    for (unsigned i = 0; i < COUNT; i++)
        k->table->cancel(k, &filler[i].op);
    DRIVE(k, finals_of(filler, COUNT) == COUNT);
    CR_EQ_INT(f.q.heard, 1);
    CR_EQ_INT(freed, 1);
    free(filler);
    shut(k, fd);
    shut(k, next);
    k->table->close(k);
}

static bool refuse_all(size_t size)
{
    (void)size;
    return true;
}

Test(fault, a_receive_that_found_no_block_and_was_cancelled_is_over)
{
    struct first f = {.q.op.done = cancel_second};
    struct zu_block *held[4];
    struct request second;
    int a[2], b[2];
    char c;

    f.k = opened(&zu_kernel_ring);
    zu_alloc_refuse = refuse_all;
    tcp_pair(a);
    tcp_pair(b);
    for (int i = 0; i < 4; i++) { /* the first four blocks are never given back */
        struct request q;

        CR_EQ_INT(write(b[0], "x", 1), 1);
        f.k->table->recv_block(f.k, &fresh(&q)->op, b[1]);
        FINAL(f.k, &q);
        CR_EQ_INT(q.res, 1);
        held[i] = q.block;
    }
    /* Both complete in one enter: this one with a byte, the other for want of a block. */
    f.second = &fresh(&second)->op;
    f.k->table->recv(f.k, &f.q.op, a[1], &c, 1);
    CR_EQ_INT(write(a[0], "x", 1), 1);
    f.k->table->recv_block(f.k, f.second, b[1]);
    DRIVE(f.k, second.finals == 1);
    CR_EQ_INT(second.res, -ECANCELED);
    for (int i = 0; i < 3; i++)
        f.k->table->enter(f.k, 1000);
    CR_EQ_INT(second.heard, 1);
    CR_EQ_INT(f.q.heard, 1);
    zu_alloc_refuse = NULL;
    for (int i = 0; i < 4; i++)
        zu_kernel_give_block(f.k, held[i]);
    for (int i = 0; i < 2; i++) {
        shut(f.k, a[i]);
        shut(f.k, b[i]);
    }
    f.k->table->close(f.k);
}

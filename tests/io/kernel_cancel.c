/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel boundary: requests that are cancelled or cannot be started, wake-ups, and the end. */
#include "engine/base/alloc.h"
#include "tests/io/drive.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

enum victim { ACCEPT, CONNECT, RECV, RECV_BLOCK, SEND, SENDMSG, POLL, VICTIMS };

static void start_victim(struct zu_kernel *k, enum victim v, struct zu_op *op, int fd,
                         const struct sockaddr_in *at)
{
    static char buf[16];
    static struct iovec iov = {buf, sizeof(buf)};
    static struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    switch (v) {
    case ACCEPT: k->table->accept(k, op, fd); break;
    case CONNECT: k->table->connect(k, op, fd, (const struct sockaddr *)at, sizeof(*at)); break;
    case RECV: k->table->recv(k, op, fd, buf, sizeof(buf)); break;
    case RECV_BLOCK: k->table->recv_block(k, op, fd); break;
    case SEND: k->table->send(k, op, fd, buf, sizeof(buf)); break;
    case SENDMSG: k->table->sendmsg(k, op, fd, &msg); break;
    case POLL: k->table->poll(k, op, fd, POLLIN); break;
    case VICTIMS: break;
    }
}

BOTH(whatever_waits_can_be_cancelled_and_completes_once)
{
    static char big[1 << 20];
    int l, fill[64], sv[2];
    struct sockaddr_in full, at;
    struct zu_kernel *k = opened(table);

    close(listener(&at, 1));
    l = listener(&full, 0); /* takes one; what comes after it waits for long */
    for (int i = 0; i < 8; i++) {
        fill[i] = tcp_socket();
        connect(fill[i], (const struct sockaddr *)&full, sizeof(full));
    }
    for (int v = 0; v < VICTIMS; v++) {
        for (int entered = 0; entered < 3; entered++) {
            struct request q;
            int fd;

            pair_of(SOCK_STREAM, sv);
            fd = v == ACCEPT ? listener(&at, 4) : v == CONNECT ? tcp_socket() : sv[0];
            while (write(sv[0], big, sizeof(big)) > 0)
                ; /* no room to send */
            start_victim(k, (enum victim)v, &fresh(&q)->op, fd, &full);
            for (int i = 0; i < entered; i++)
                table->enter(k, 1000);
            CR_EQ_INT(q.heard, 0);
            table->cancel(k, &q.op);
            table->cancel(k, &q.op); /* twice is once */
            CR_EQ_INT(q.heard, 0);   /* not inside the cancel */
            FINAL(k, &q);
            for (int i = 0; i < 3; i++)
                table->enter(k, 1000);
            CR_EQ_INT(q.heard, 1);
            cr_assert_eq(q.res, -ECANCELED, "victim %d after %d enters: %d", v, entered, q.res);
            table->cancel(k, &q.op); /* idle: harmless */
            table->enter(k, 0);
            CR_EQ_INT(q.heard, 1);
            if (fd != sv[0])
                shut(k, fd);
            shut(k, sv[0]);
            close(sv[1]);
        }
    }
    for (int i = 0; i < 8; i++)
        close(fill[i]);
    close(l);
    table->close(k);
}

/* A cancel that races with the bytes: either they were received, or they are still to be read. */
BOTH(a_cancelled_receive_loses_no_byte)
{
    struct zu_kernel *k = opened(table);
    unsigned seed = 3, cancelled = 0;
    size_t got = 0, sent = 0;
    char buf[64];
    int sv[2];

    tcp_pair(sv);
    for (int i = 0; i < 3000; i++) {
        const unsigned dice = (unsigned)rand_r(&seed);
        struct request q;

        table->recv(k, &fresh(&q)->op, sv[1], buf, sizeof(buf));
        if (dice & 1)
            table->enter(k, 0);
        if (dice & 2)
            sent += (size_t)write(sv[0], "abc", 3);
        if (dice & 4 && !q.finals)
            table->enter(k, 0);
        if (!q.finals)
            table->cancel(k, &q.op);
        FINAL(k, &q);
        CR_EQ_INT(q.heard, 1);
        cr_assert(q.res > 0 || q.res == -ECANCELED);
        got += q.res > 0 ? (size_t)q.res : 0;
        cancelled += q.res < 0;
    }
    while (got < sent) { /* a busy kernel hands on what was sent a little later */
        ssize_t n;

        cr_assert(is_readable(sv[1]), "%zu of %zu bytes", got, sent);
        n = recv(sv[1], buf, sizeof(buf), MSG_DONTWAIT);
        cr_assert_gt(n, 0);
        got += (size_t)n;
    }
    CR_EQ_INT(got, sent);
    CR_EQ_INT(recv(sv[1], buf, sizeof(buf), MSG_DONTWAIT), -1);
    cr_assert_gt(cancelled, 0);
    shut(k, sv[1]);
    close(sv[0]);
    table->close(k);
}

/* The cancel names the op by its address: it must not hit what is started there next. */
struct again {
    struct request q;
    struct zu_kernel *k;
    int fd, rounds;
    char buf[16];
};

static void start_again(struct zu_op *op, int res, uint32_t flags)
{
    struct again *a = zu_container_of(op, struct again, q.op);

    request_done(op, res, flags);
    if (a->rounds-- > 0)
        a->k->table->recv(a->k, op, a->fd, a->buf, sizeof(a->buf));
}

BOTH(an_op_that_was_cancelled_can_be_started_again_at_once)
{
    struct zu_kernel *k = opened(table);
    struct again a = {.q.op.done = start_again, .k = k, .rounds = 1};
    int sv[2];

    tcp_pair(sv);
    a.fd = sv[1];
    CR_EQ_INT(write(sv[0], "x", 1), 1);
    cr_assert(is_readable(sv[1]));
    table->recv(k, &a.q.op, sv[1], a.buf, sizeof(a.buf));
    if (table == &zu_kernel_ring)
        table->cancel(k, &a.q.op); /* too late for the first, and not for the second */
    DRIVE(k, a.q.finals == 1);
    for (int i = 0; i < 5; i++)
        table->enter(k, 1000);
    CR_EQ_INT(a.q.heard, 1);
    CR_EQ_INT(write(sv[0], "y", 1), 1);
    DRIVE(k, a.q.finals == 2);
    CR_EQ_INT(a.q.res, 1);
    shut(k, sv[1]);
    close(sv[0]);
    table->close(k);
}

/* Descriptors */

BOTH(what_cannot_be_started_completes_with_the_reason)
{
    struct zu_kernel *k = opened(table);
    struct sockaddr_in at;
    int closed = listener(&at, 1);

    close(closed);
    for (int v = 0; v < VICTIMS; v++) {
        struct request q;

        start_victim(k, (enum victim)v, &fresh(&q)->op, v % 2 ? -1 : closed, &at);
        CR_EQ_INT(q.heard, 0);
        FINAL(k, &q);
        cr_assert_eq(q.res, -EBADF, "victim %d: %d", v, q.res);
        CR_EQ_INT(q.heard, 1);
    }
    table->close(k);
}

BOTH(a_descriptor_number_can_be_used_again)
{
    struct zu_kernel *k = opened(table);
    int first = -1;

    for (int i = 0; i < 50; i++) {
        struct request q;
        char c;
        int sv[2];

        pair_of(SOCK_STREAM, sv);
        if (first < 0)
            first = sv[1];
        CR_EQ_INT(sv[1], first);
        table->recv(k, &fresh(&q)->op, sv[1], &c, 1);
        table->enter(k, 0);
        CR_EQ_INT(write(sv[0], "x", 1), 1);
        FINAL(k, &q);
        CR_EQ_INT(q.res, 1);
        shut(k, sv[1]);
        close(sv[0]);
    }
    table->close(k);
}

BOTH(opening_and_closing_leaks_no_descriptor)
{
    int before;

    table->close(opened(table));
    before = count_fds();
    for (int i = 0; i < 50; i++) {
        struct zu_kernel *k = opened(table);

        table->enter(k, 0);
        table->wake(k);
        if (i % 2)
            table->enter(k, -1);
        table->close(k);
    }
    CR_EQ_INT(count_fds(), before);
}

static unsigned allocs_left;

static bool refuse_after(size_t size)
{
    (void)size;
    return allocs_left-- == 0;
}

BOTH(opening_fails_cleanly_for_want_of_memory_or_descriptors)
{
    struct rlimit lim, tight;
    struct zu_kernel *k;
    int before, next;

    table->close(opened(table)); /* it can be had, while there is enough */
    before = count_fds();
    next = dup(0);
    close(next);
    allocs_left = 0;
    zu_alloc_refuse = refuse_after;
    CR_EQ_INT(table->open(&k), -ENOMEM);
    zu_alloc_refuse = NULL;
    getrlimit(RLIMIT_NOFILE, &lim);
    for (rlim_t extra = 0; extra < 2; extra++) {
        tight = lim;
        tight.rlim_cur = (rlim_t)next + extra;
        setrlimit(RLIMIT_NOFILE, &tight);
        CR_EQ_INT(table->open(&k), -EMFILE);
        setrlimit(RLIMIT_NOFILE, &lim);
    }
    CR_EQ_INT(count_fds(), before);
}

static bool refuse_all(size_t size)
{
    (void)size;
    return true;
}

/* Readiness keeps notes on each descriptor, for which memory may lack; io_uring keeps none. */
Test(ready, a_start_that_finds_no_memory_completes_with_the_reason)
{
    struct zu_kernel *k = opened(&zu_kernel_ready);
    struct request q;
    char c;

    zu_alloc_refuse = refuse_all;
    k->table->recv(k, &fresh(&q)->op, 9000, &c, 1);
    FINAL(k, &q);
    CR_EQ_INT(q.res, -ENOMEM);
    zu_alloc_refuse = NULL;
    k->table->close(k);
}

/* Wake */

#define WAKES 10000

struct waker {
    struct zu_kernel *k;
    _Atomic unsigned made, seen;
};

static void *wake_often(void *arg)
{
    struct waker *w = arg;
    unsigned seed = 5;

    for (unsigned i = 1; i <= WAKES; i++) {
        for (int spin = rand_r(&seed) % 4000; spin > 0; spin--)
            __asm__ volatile("" ::: "memory");
        atomic_store(&w->made, i);
        w->k->table->wake(w->k);
        if (i % 2) /* every second one finds a sleeper, or one about to sleep */
            while (atomic_load(&w->seen) < i)
                sched_yield();
    }
    return NULL;
}

BOTH(ten_thousand_wakes_and_none_is_lost)
{
    struct waker w = {.k = opened(table)};
    pthread_t thread;

    pthread_create(&thread, NULL, wake_often, &w);
    while (atomic_load(&w.seen) < WAKES) {
        const uint64_t began = zu_now_ms();

        CR_EQ_INT(table->enter(w.k, DEADLINE_MS * 1000), 0);
        cr_assert_lt(zu_now_ms() - began, DEADLINE_MS, "a wake was lost");
        atomic_store(&w.seen, atomic_load(&w.made));
    }
    pthread_join(thread, NULL);
    cr_assert_gt(w.k->stats.wakes, 0);
    table->close(w.k);
}

BOTH(a_wake_before_the_wait_ends_it)
{
    struct zu_kernel *k = opened(table);

    table->wake(k);
    CR_EQ_INT(table->enter(k, -1), 0);
    table->close(k);
}

BOTH(enter_waits_as_long_as_it_was_told)
{
    struct zu_kernel *k = opened(table);
    uint64_t began = zu_now_ns();

    CR_EQ_INT(table->enter(k, 0), 0);
    for (int i = 0; i < 3; i++) {
        began = zu_now_ns();
        CR_EQ_INT(table->enter(k, 20000), 0);
        cr_assert_geq(zu_now_ns() - began, 20 * 1000000ull);
    }
    table->close(k);
}

BOTH(a_forked_child_does_not_wake_its_parent)
{
    struct zu_kernel *k = opened(table);
    pid_t child = fork();
    int status;

    if (child == 0) {
        table->wake(k);
        _exit(0);
    }
    waitpid(child, &status, 0);
    table->enter(k, 30000);
    CR_EQ_INT(k->stats.wakes, 0);
    table->wake(k);
    DRIVE(k, k->stats.wakes == 1);
    table->close(k);
}

/* An op may be freed by its last completion. */
static unsigned freed;

static void free_op(struct zu_op *op, int res, uint32_t flags)
{
    (void)res;
    (void)flags;
    free(op);
    freed++;
}

BOTH(an_op_may_be_freed_when_it_completes)
{
    struct zu_kernel *k = opened(table);
    int sv[2];

    freed = 0;
    pair_of(SOCK_STREAM, sv);
    for (int i = 0; i < 1000; i++) {
        struct zu_op *op = calloc(1, sizeof(*op));

        op->done = free_op;
        table->poll(k, op, sv[1], i % 3 ? POLLIN : POLLOUT);
        if (i % 2)
            table->cancel(k, op);
    }
    for (int i = 0; i < 3; i++)
        table->enter(k, 0);
    CR_EQ_INT(write(sv[0], "x", 1), 1);
    DRIVE(k, freed == 1000);
    shut(k, sv[1]);
    close(sv[0]);
    table->close(k);
}

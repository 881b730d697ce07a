/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drive: a kernel boundary worked by the test's own thread, and requests that note what came of
 * them.
 */
#ifndef ZU_TESTS_IO_DRIVE_H
#define ZU_TESTS_IO_DRIVE_H

#include "engine/base/clock.h"
#include "engine/io/kernel.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_MS 60000

/* Defines the test once for each boundary that talks to the real kernel. */
#define BOTH(name)                                                                                 \
    static void name(const struct zu_kernel_table *table);                                         \
    Test(ring, name)                                                                               \
    {                                                                                              \
        name(&zu_kernel_ring);                                                                     \
    }                                                                                              \
    Test(ready, name)                                                                              \
    {                                                                                              \
        name(&zu_kernel_ready);                                                                    \
    }                                                                                              \
    static void name(const struct zu_kernel_table *table)

struct request {
    struct zu_op op;
    int res;         /* of the last completion */
    unsigned heard;  /* completions */
    unsigned finals; /* of these, without ZU_OP_MORE */
    struct zu_block *block;
};

static inline void request_done(struct zu_op *op, int res, uint32_t flags)
{
    struct request *q = zu_container_of(op, struct request, op);

    q->res = res;
    q->heard++;
    q->finals += !(flags & ZU_OP_MORE);
    q->block = flags & ZU_OP_BLOCK ? zu_kernel_block(op) : NULL;
}

static inline struct request *fresh(struct request *q)
{
    *q = (struct request){.op.done = request_done};
    return q;
}

static inline struct zu_kernel *opened(const struct zu_kernel_table *table)
{
    struct zu_kernel *k;
    int rc = table->open(&k);

    if (table == &zu_kernel_ring && (rc == -EPERM || rc == -ENOSYS))
        cr_skip_test("io_uring is forbidden here");
    cr_assert_eq(rc, 0, "%s: open: %d", table->name, rc);
    return k;
}

/* Enters until the condition holds. */
#define DRIVE(k, cond)                                                                             \
    do {                                                                                           \
        uint64_t until_ = zu_now_ms() + DEADLINE_MS;                                               \
        while (!(cond)) {                                                                          \
            cr_assert_eq((k)->table->enter((k), 20000), 0);                                        \
            cr_assert(zu_now_ms() < until_, "never came true: %s", #cond);                         \
        }                                                                                          \
    } while (0)

#define FINAL(k, q) DRIVE(k, (q)->finals > 0)

#define CR_EQ_INT(a, b) cr_assert_eq((a), (b), "%s is %d, not %d", #a, (int)(a), (int)(b))

static inline int count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static inline void pair_of(int type, int sv[2])
{
    CR_EQ_INT(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv), 0);
}

static inline int tcp_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    cr_assert_geq(fd, 0);
    return fd;
}

static inline int listener(struct sockaddr_in *at, int backlog)
{
    socklen_t size = sizeof(*at);
    int fd = tcp_socket();

    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CR_EQ_INT(bind(fd, (struct sockaddr *)at, size), 0);
    CR_EQ_INT(listen(fd, backlog), 0);
    CR_EQ_INT(getsockname(fd, (struct sockaddr *)at, &size), 0);
    return fd;
}

static inline void tcp_pair(int sv[2])
{
    struct sockaddr_in at;
    int l = listener(&at, 1);

    sv[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CR_EQ_INT(connect(sv[0], (struct sockaddr *)&at, sizeof(at)), 0);
    CR_EQ_INT(fcntl(sv[0], F_SETFL, O_NONBLOCK), 0);
    CR_EQ_INT(fcntl(l, F_SETFL, 0), 0);
    sv[1] = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    cr_assert_geq(sv[1], 0);
    close(l);
}

static inline bool is_readable(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, DEADLINE_MS) == 1;
}

static inline void shut(struct zu_kernel *k, int fd)
{
    k->table->forget(k, fd);
    close(fd);
}

static inline void raise_fd_limit(void)
{
    struct rlimit lim;

    getrlimit(RLIMIT_NOFILE, &lim);
    lim.rlim_cur = lim.rlim_max;
    setrlimit(RLIMIT_NOFILE, &lim);
}

static inline unsigned finals_of(const struct request *q, unsigned count)
{
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++)
        n += q[i].finals;
    return n;
}

#endif

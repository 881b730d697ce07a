/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory file: found among the descriptors, whole whenever it is read, up to date, and safe
 * from its readers.
 */
#define ZMQ_BUILD_DRAFT_API
#include "include/zuring.h"
#include "tests/support/pair.h"
#include "tests/support/proc.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TEST_SUITE(stats_file);

/* The number of the file's descriptor, or -1. */
static int find(void)
{
    char path[64], target[256];

    for (int fd = 0; fd < 256; fd++) {
        ssize_t size;

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        size = readlink(path, target, sizeof target - 1);
        if (size > 0 && strncmp(target, "/memfd:zuring-stats", 19) == 0)
            return fd;
    }
    return -1;
}

static int open_again(int flags)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", find());
    return open(path, flags | O_CLOEXEC);
}

/* A whole copy; freed by the caller. NULL: it was written meanwhile. */
static struct zuring_stats_header *try_copy(int fd)
{
    struct zuring_stats_header h, after, *all;

    if (pread(fd, &h, sizeof h, 0) != sizeof h || h.sequence % 2 || h.sequence == 0)
        return NULL;
    all = malloc(h.size);
    cr_assert_eq(pread(fd, all, h.size, 0), (ssize_t)h.size);
    cr_assert_eq(pread(fd, &after, sizeof after, 0), (ssize_t)sizeof after);
    if (after.sequence == h.sequence && all->sequence == h.sequence)
        return all;
    free(all);
    return NULL;
}

static struct zuring_stats_header *copy(int fd)
{
    struct zuring_stats_header *all;

    WAIT((all = try_copy(fd)) != NULL);
    cr_assert_arr_eq(all->magic, ZURING_STATS_MAGIC, 8);
    return all;
}

static const struct zuring_socket_stats *socket_of(const struct zuring_stats_header *h, int type)
{
    for (uint64_t i = 0; i < h->sockets.count; i++) {
        const struct zuring_socket_stats *s =
            (const void *)((const char *)h + h->sockets.at + i * h->sockets.size);

        if (s->type == (uint64_t)type)
            return s;
    }
    return NULL;
}

/* How many messages the file says that a socket of the type received. */
static uint64_t received_by(int fd, int type)
{
    struct zuring_stats_header *all = copy(fd);
    const struct zuring_socket_stats *s = socket_of(all, type);
    uint64_t count = s ? s->received : 0;

    free(all);
    return count;
}

EACH_STREAM(stats_file, shows_what_the_sockets_do)
{
    const char *at = test_endpoint(transport);
    const struct zuring_connection_stats *c;
    struct zuring_stats_header *all;
    void *pull, *push;
    int fd;

    cr_assert_eq(find(), -1, "off by itself");
    OK(zmq_ctx_set(test_ctx(), ZURING_STATS_FILE, 1));
    cr_assert_eq(zmq_ctx_get(test_ctx(), ZURING_STATS_FILE), 1);
    fd = open_again(O_RDONLY);
    pull = test_bound(ZMQ_PULL, at);
    push = test_connected(ZMQ_PUSH, at);
    for (int i = 0; i < 10; i++) {
        SEND(push, "a message");
        RECV(pull, "a message");
    }
    WAIT(received_by(fd, ZMQ_PULL) == 10);
    all = copy(fd);
    cr_assert_eq(all->pid, getpid());
    cr_assert_eq(all->sockets.count, 2);
    cr_assert_eq(all->connections.count, 2);
    cr_assert_eq(all->loops.count, 1);
    cr_assert_eq(socket_of(all, ZMQ_PUSH)->sent, 10);
    c = (const void *)((const char *)all + all->connections.at);
    cr_assert_eq(c->sent + c->received, 10);
    cr_assert_neq(c->connection, 0);
    free(all);
    close(fd);
}

Test(stats_file, is_there_only_while_it_is_wanted)
{
    int threads = test_threads();

    FAILS(EINVAL, zmq_ctx_set(test_ctx(), ZURING_STATS_FILE, 2));
    FAILS(EINVAL, zmq_ctx_set(test_ctx(), ZURING_STATS_FILE, -1));
    for (int i = 0; i < 3; i++) {
        OK(zmq_ctx_set(test_ctx(), ZURING_STATS_FILE, 1));
        OK(zmq_ctx_set(test_ctx(), ZURING_STATS_FILE, 1));
        cr_assert_geq(find(), 0);
        OK(zmq_ctx_set(test_ctx(), ZURING_STATS_FILE, 0));
        cr_assert_eq(zmq_ctx_get(test_ctx(), ZURING_STATS_FILE), 0);
        cr_assert_eq(find(), -1);
        WAIT(test_threads() == threads);
    }
}

Test(stats_file, cannot_be_harmed_by_a_reader)
{
    int fd;

    OK(zmq_ctx_set(test_ctx(), ZURING_STATS_FILE, 1));
    fd = open_again(O_RDWR);
    cr_assert_geq(fd, 0);
    cr_assert_eq(ftruncate(fd, 0), -1);
    cr_assert_eq(errno, EPERM);
    cr_assert_eq(ftruncate(fd, (off_t)1 << 40), -1);
    cr_assert_eq(errno, EPERM);
    cr_assert_eq(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK, F_SEAL_SHRINK);
    cr_assert_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    cr_assert_eq(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    cr_assert_eq(write(fd, "x", 1), -1);
    free(copy(fd));
    close(fd);
}

Test(stats_file, tells_that_its_writer_is_alive)
{
    uint64_t first, now;
    struct zuring_stats_header *all;
    int fd;

    OK(zmq_ctx_set(test_ctx(), ZURING_STATS_FILE, 1));
    fd = open_again(O_RDONLY);
    all = copy(fd);
    first = all->updated_ns;
    free(all);
    WAIT((all = copy(fd), now = all->updated_ns, free(all), now > first));
    close(fd);
}

Test(stats_file, takes_as_many_sockets_as_there_are)
{
    enum { MANY = 600 };
    struct zuring_stats_header *all;
    uint64_t count = 0;
    int fd;

    OK(zmq_ctx_set(test_ctx(), ZURING_STATS_FILE, 1));
    fd = open_again(O_RDONLY);
    test_bound(ZMQ_PULL, "inproc://many");
    for (int i = 0; i < MANY; i++)
        test_connected(ZMQ_PUSH, "inproc://many");
    WAIT((all = copy(fd), count = all->connections.count, free(all), count == MANY));
    all = copy(fd);
    cr_assert_eq(all->sockets.count, MANY + 1);
    cr_assert_gt(all->size, 64u * 1024);
    free(all);
    close(fd);
}

Test(stats_file, comes_and_goes_while_sockets_do)
{
    const char *at = test_endpoint(TEST_IPC);

    OK(zmq_ctx_set(test_ctx(), ZURING_STATS_FILE, 1));
    for (int i = 0; i < 200; i++) {
        void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

        SEND(push, "one");
        RECV(pull, "one");
        test_close(push);
        test_close(pull);
        OK(zmq_ctx_set(test_ctx(), ZURING_STATS_FILE, i % 3 > 0));
    }
}

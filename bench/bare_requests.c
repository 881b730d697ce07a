/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare_requests: what `requests` comes to with plain sockets and a thread on either side: as many
 * connections over tcp as there are peers, each with 16 requests in flight, and a process that
 * sends back what it gets. No message passes through the library, and nobody looks into one.
 */
#include "bench/plain.h"
#include "bench/sides.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { IN_FLIGHT = 16, FRAME = 2, BUFFER = 64 * 1024, AT_ONCE = 64 };

struct asker {
    int fd;
    uint64_t asked, answered; /* bytes */
};

static char buffer[BUFFER];

static size_t frame_of(const struct bench *b)
{
    return b->size + FRAME;
}

/* False: the connection is over. */
static bool send_back_one(int fd)
{
    size_t n = plain_receive_some(fd, buffer, sizeof buffer, 0);

    plain_send(fd, buffer, n, 0);
    return n > 0;
}

static void send_back(const struct bench *b, int side)
{
    struct epoll_event ready[AT_ONCE], e = {.events = EPOLLIN};
    struct plain_address a;
    int set = epoll_create1(EPOLL_CLOEXEC), open = b->peers, count;

    bench_check(set >= 0, "epoll_create1");
    sides_hear(side, &a, sizeof a);
    for (int i = 0; i < b->peers; i++) {
        e.data.fd = plain_connect(b, &a);
        bench_check(epoll_ctl(set, EPOLL_CTL_ADD, e.data.fd, &e) == 0, "epoll_ctl");
    }
    while (open) {
        bench_check((count = epoll_wait(set, ready, AT_ONCE, -1)) >= 0, "epoll_wait");
        for (int i = 0; i < count; i++) {
            if (send_back_one(ready[i].data.fd))
                continue;
            close(ready[i].data.fd);
            open--;
        }
    }
    close(set);
}

/* Sends as many bytes as have been answered, up to what is to be asked in all. */
static void ask(struct asker *a, uint64_t bytes, uint64_t each)
{
    if (bytes > each - a->asked)
        bytes = each - a->asked;
    plain_send(a->fd, buffer, (size_t)bytes, 0);
    a->asked += bytes;
}

static void serve(struct asker *a, uint64_t each)
{
    size_t n = plain_receive_some(a->fd, buffer, sizeof buffer, 0);

    bench_check(n > 0, "recv");
    a->answered += n;
    ask(a, n, each);
}

/* In nanoseconds. */
static uint64_t ask_all(const struct bench *b, struct asker *a, uint64_t each)
{
    uint64_t start = bench_now_ns();
    bool more = true;

    for (int i = 0; i < b->peers; i++)
        ask(&a[i], IN_FLIGHT * frame_of(b), each);
    while (more) {
        more = false;
        for (int i = 0; i < b->peers; i++) {
            if (a[i].answered < each)
                serve(&a[i], each);
            more |= a[i].answered < each;
        }
    }
    return bench_now_ns() - start;
}

int main(int argc, char **argv)
{
    struct plain_address at;
    struct asker *a;
    struct sides sides;
    struct bench b;
    uint64_t each;
    int listener;

    bench_args(&b, argc, argv, "transport peers message-size request-count");
    if (IN_FLIGHT * frame_of(&b) > BUFFER) {
        fprintf(stderr, "%s: 16 messages have to fit into 64 KiB\n", b.program);
        return 2;
    }
    each = (b.count + (uint64_t)b.peers - 1) / (uint64_t)b.peers;
    b.count = each * (uint64_t)b.peers;
    a = calloc((size_t)b.peers, sizeof *a);
    bench_check(a != NULL, "calloc");
    sides_start(&sides, &b, send_back);
    listener = plain_listen(&b, &at);
    sides_say(sides.fd, &at, sizeof at);
    for (int i = 0; i < b.peers; i++)
        a[i].fd = plain_take(&b, listener);
    bench_report_throughput(&b, ask_all(&b, a, each * frame_of(&b)));
    for (int i = 0; i < b.peers; i++)
        close(a[i].fd);
    close(listener);
    free(a);
    sides_end(&sides);
    return 0;
}

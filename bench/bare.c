/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare: what two plain sockets between two processes of one thread each carry, which is the limit
 * of any library that uses such sockets. No message passes through the library here.
 *
 *     pipeline   the sender puts messages of message-size into blocks of 64 KiB, each behind a
 *                header as ZMTP has it; the receiver finds them in what it gets and counts them
 *     stream     blocks of message-size
 *     ping       one message to and fro, by calls that wait
 *     spin       the same by calls that do not, in a loop
 */
#include "bench/sides.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BLOCK_BYTES = 65536,
    HEADER_BYTES_MAX = 9,
    PIPELINE_SIZE_MAX = BLOCK_BYTES - HEADER_BYTES_MAX
};

struct address {
    struct sockaddr_storage at;
    socklen_t size;
};

static bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

static void *block_new(size_t size)
{
    void *p = calloc(1, size ? size : 1);

    bench_check(p != NULL, "calloc");
    return p;
}

/* Each takes all bytes or ends the program. `flags`: MSG_DONTWAIT spins. */
static void send_whole(int fd, const char *data, size_t size, int flags)
{
    while (size) {
        ssize_t n = send(fd, data, size, flags | MSG_NOSIGNAL);

        bench_check(n >= 0 || errno == EAGAIN, "send");
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
}

static size_t recv_some(int fd, char *data, size_t size, int flags)
{
    ssize_t n;

    do
        n = recv(fd, data, size, flags);
    while (n < 0 && errno == EAGAIN);
    bench_check(n >= 0, "recv");
    if (n == 0) {
        fprintf(stderr, "the other side closed too early\n");
        exit(1);
    }
    return (size_t)n;
}

static void recv_whole(int fd, char *data, size_t size, int flags)
{
    while (size) {
        size_t n = recv_some(fd, data, size, flags);

        data += n;
        size -= n;
    }
}

/* ------------------------------------------------------------------------- pipeline, stream */

static size_t header_bytes(const struct bench *b)
{
    return b->size > UINT8_MAX ? HEADER_BYTES_MAX : 2;
}

static void write_header(const struct bench *b, char *at)
{
    size_t size = b->size;

    at[0] = header_bytes(b) > 2 ? 2 : 0;
    for (size_t i = header_bytes(b); --i > 0; size >>= 8)
        at[i] = (char)(size & UINT8_MAX);
}

static size_t read_header(const struct bench *b, const char *at)
{
    size_t size = 0;

    for (size_t i = 1; i < header_bytes(b); i++)
        size = size << 8 | (unsigned char)at[i];
    return size;
}

static void send_pipeline(const struct bench *b, int fd)
{
    char *block = block_new(BLOCK_BYTES), *message = block_new(b->size);
    size_t used = 0, header = header_bytes(b);

    for (uint64_t i = 0; i < b->count; i++) {
        if (used + header + b->size > BLOCK_BYTES) {
            send_whole(fd, block, used, 0);
            used = 0;
        }
        write_header(b, block + used);
        memcpy(block + used + header, message, b->size);
        used += header + b->size;
    }
    send_whole(fd, block, used, 0);
    free(message);
    free(block);
}

/* Whole messages at the front of `data`; the bytes of them go to *taken. */
static uint64_t count_messages(const struct bench *b, const char *data, size_t size, size_t *taken)
{
    size_t at = 0, header = header_bytes(b);
    uint64_t count = 0;

    while (size - at >= header) {
        size_t body = read_header(b, data + at);

        if (body != b->size) {
            fprintf(stderr, "received %zu bytes instead of %zu\n", body, b->size);
            exit(1);
        }
        if (size - at < header + body)
            break;
        at += header + body;
        count++;
    }
    *taken = at;
    return count;
}

/* Both: nanoseconds from the first arrival to the last. */
static uint64_t recv_pipeline(const struct bench *b, int fd)
{
    char *block = block_new(BLOCK_BYTES);
    size_t have = 0, taken;
    uint64_t count = 0, start = 0;

    while (count < b->count) {
        have += recv_some(fd, block + have, BLOCK_BYTES - have, 0);
        if (!start)
            start = bench_now_ns();
        count += count_messages(b, block, have, &taken);
        have -= taken;
        memmove(block, block + taken, have);
    }
    free(block);
    return bench_now_ns() - start;
}

static void send_stream(const struct bench *b, int fd)
{
    char *block = block_new(b->size);

    for (uint64_t i = 0; i < b->count; i++)
        send_whole(fd, block, b->size, 0);
    free(block);
}

static uint64_t recv_stream(const struct bench *b, int fd)
{
    char *block = block_new(b->size);
    uint64_t start;

    recv_whole(fd, block, b->size, 0);
    start = bench_now_ns();
    for (uint64_t i = 1; i < b->count; i++)
        recv_whole(fd, block, b->size, 0);
    free(block);
    return bench_now_ns() - start;
}

/* ------------------------------------------------------------------------- ping, spin */

static void echo(const struct bench *b, int fd, int flags)
{
    char *message = block_new(b->size);

    for (uint64_t i = 0; i < b->count; i++) {
        recv_whole(fd, message, b->size, flags);
        send_whole(fd, message, b->size, flags);
    }
    free(message);
}

static void ping(const struct bench *b, int fd, int flags)
{
    uint64_t *each = calloc(b->count, sizeof *each), start, before, now;
    char *message = block_new(b->size);

    bench_check(each != NULL, "calloc");
    start = before = bench_now_ns();
    for (uint64_t i = 0; i < b->count; i++) {
        send_whole(fd, message, b->size, flags);
        recv_whole(fd, message, b->size, flags);
        now = bench_now_ns();
        each[i] = now - before;
        before = now;
    }
    bench_report_latency(b, each, before - start);
    free(message);
    free(each);
}

/* ------------------------------------------------------------------------- the connection */

static int open_socket(const struct bench *b)
{
    int fd = socket(is(b->endpoint, "tcp") ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    bench_check(fd >= 0, "socket");
    return fd;
}

static void no_delay(const struct bench *b, int fd)
{
    int on = 1;

    if (is(b->endpoint, "tcp"))
        bench_check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
}

/* A free port of this machine, or a name that the kernel makes up. */
static int open_listener(const struct bench *b, struct address *a)
{
    int fd = open_socket(b);

    memset(a, 0, sizeof *a);
    a->size = sizeof(sa_family_t);
    a->at.ss_family = AF_UNIX;
    if (is(b->endpoint, "tcp")) {
        struct sockaddr_in *in = (struct sockaddr_in *)&a->at;

        a->size = sizeof *in;
        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    bench_check(bind(fd, (struct sockaddr *)&a->at, a->size) == 0, "bind");
    a->size = sizeof a->at;
    bench_check(getsockname(fd, (struct sockaddr *)&a->at, &a->size) == 0, "getsockname");
    bench_check(listen(fd, 1) == 0, "listen");
    return fd;
}

static void other(const struct bench *b, int side)
{
    int fd = open_socket(b);
    struct address a;

    sides_hear(side, &a, sizeof a);
    bench_check(connect(fd, (struct sockaddr *)&a.at, a.size) == 0, "connect");
    no_delay(b, fd);
    if (is(b->what, "pipeline"))
        send_pipeline(b, fd);
    else if (is(b->what, "stream"))
        send_stream(b, fd);
    else
        echo(b, fd, is(b->what, "spin") ? MSG_DONTWAIT : 0);
    close(fd);
}

static void check_arguments(const struct bench *b)
{
    const char *wrong = NULL;

    if (!is(b->what, "pipeline") && !is(b->what, "stream") && !is(b->what, "ping") &&
        !is(b->what, "spin"))
        wrong = "what is one of pipeline, stream, ping, spin";
    else if (!is(b->endpoint, "tcp") && !is(b->endpoint, "ipc"))
        wrong = "the transport is tcp or ipc";
    else if (is(b->what, "pipeline") ? b->size > PIPELINE_SIZE_MAX : !b->size)
        wrong = "a message of a pipeline has less than 64 KiB, any other has at least one byte";
    if (!wrong)
        return;
    fprintf(stderr, "%s: %s\n", b->program, wrong);
    exit(2);
}

int main(int argc, char **argv)
{
    struct sides sides;
    struct address a;
    struct bench b;
    int listener, fd;

    bench_args(&b, argc, argv, "what transport message-size message-count");
    check_arguments(&b);
    sides_start(&sides, &b, other);
    listener = open_listener(&b, &a);
    sides_say(sides.fd, &a, sizeof a);
    fd = accept(listener, NULL, NULL);
    bench_check(fd >= 0, "accept");
    no_delay(&b, fd);
    if (is(b.what, "pipeline"))
        bench_report_throughput(&b, recv_pipeline(&b, fd));
    else if (is(b.what, "stream"))
        bench_report_throughput(&b, recv_stream(&b, fd));
    else
        ping(&b, fd, is(b.what, "spin") ? MSG_DONTWAIT : 0);
    close(fd);
    close(listener);
    sides_end(&sides);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare: what two plain sockets between two processes of one thread each carry, which is the limit
 * of any library that uses such sockets. No message passes through the library here.
 *
 *     pipeline   the sender puts messages of message-size into blocks of 64 KiB, each behind a
 *                header as ZMTP has it; the receiver finds them in what it gets and counts them
 *     stream     blocks of message-size
 *
 * What one message takes to and fro is `roundtrips wait` and `roundtrips spin`.
 */
#include "bench/plain.h"
#include "bench/sides.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCK_BYTES = 65536,
    HEADER_BYTES_MAX = 9,
    PIPELINE_SIZE_MAX = BLOCK_BYTES - HEADER_BYTES_MAX
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

static _Noreturn void closed_early(void)
{
    fprintf(stderr, "the other side closed too early\n");
    exit(1);
}

static size_t receive_some(int fd, char *data, size_t size)
{
    size_t n = plain_receive_some(fd, data, size, 0);

    if (!n)
        closed_early();
    return n;
}

static void receive_block(const struct bench *b, int fd, char *block)
{
    if (!plain_receive(fd, block, b->size, 0))
        closed_early();
}

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
            plain_send(fd, block, used, 0);
            used = 0;
        }
        write_header(b, block + used);
        memcpy(block + used + header, message, b->size);
        used += header + b->size;
    }
    plain_send(fd, block, used, 0);
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
        have += receive_some(fd, block + have, BLOCK_BYTES - have);
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
        plain_send(fd, block, b->size, 0);
    free(block);
}

static uint64_t recv_stream(const struct bench *b, int fd)
{
    char *block = block_new(b->size);
    uint64_t start;

    receive_block(b, fd, block);
    start = bench_now_ns();
    for (uint64_t i = 1; i < b->count; i++)
        receive_block(b, fd, block);
    free(block);
    return bench_now_ns() - start;
}

static void other(const struct bench *b, int side)
{
    struct plain_address a;
    int fd;

    sides_hear(side, &a, sizeof a);
    fd = plain_connect(b, &a);
    if (is(b->what, "pipeline"))
        send_pipeline(b, fd);
    else
        send_stream(b, fd);
    close(fd);
}

static void check_arguments(const struct bench *b)
{
    const char *wrong = NULL;

    if (!is(b->what, "pipeline") && !is(b->what, "stream"))
        wrong = "what is pipeline or stream";
    else if (!is(b->endpoint, "tcp") && !is(b->endpoint, "ipc"))
        wrong = "the transport is tcp or ipc";
    else if (is(b->what, "pipeline") ? b->size > PIPELINE_SIZE_MAX : !b->size)
        wrong = "a message of a pipeline has less than 64 KiB, a block of a stream at least a byte";
    if (!wrong)
        return;
    fprintf(stderr, "%s: %s\n", b->program, wrong);
    exit(2);
}

int main(int argc, char **argv)
{
    struct plain_address a;
    struct sides sides;
    struct bench b;
    int listener, fd;

    bench_args(&b, argc, argv, "what transport message-size message-count");
    check_arguments(&b);
    sides_start(&sides, &b, other);
    listener = plain_listen(&b, &a);
    sides_say(sides.fd, &a, sizeof a);
    fd = plain_accept(&b, listener);
    if (is(b.what, "pipeline"))
        bench_report_throughput(&b, recv_pipeline(&b, fd));
    else
        bench_report_throughput(&b, recv_stream(&b, fd));
    close(fd);
    sides_end(&sides);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server: answers questions by REP and counts what comes by PULL. An ordinary program for libzmq;
 * it knows nothing of zuring.
 *
 *     cc server.c -o server -lzmq && ./server tcp://127.0.0.1:5555 tcp://127.0.0.1:5556
 *
 * "count N" takes N messages from the second endpoint and answers how many bytes they had; "bye"
 * ends; everything else comes back in capitals.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static int failed(const char *what)
{
    fprintf(stderr, "server: %s: %s\n", what, zmq_strerror(zmq_errno()));
    return 1;
}

/* Bytes of `count` messages; -1 when one does not come. */
static long long count_bytes(void *pull, unsigned long count)
{
    long long bytes = 0;
    zmq_msg_t m;

    zmq_msg_init(&m);
    while (count-- > 0) {
        if (zmq_msg_recv(&m, pull, 0) < 0)
            return -1;
        bytes += (long long)zmq_msg_size(&m);
    }
    zmq_msg_close(&m);
    return bytes;
}

static int answer(void *rep, void *pull, char *text, size_t room)
{
    unsigned long count;
    long long bytes;

    if (strncmp(text, "count ", 6) == 0) {
        count = strtoul(text + 6, NULL, 10);
        bytes = count_bytes(pull, count);
        if (bytes < 0)
            return -1;
        snprintf(text, room, "%lu messages, %lld bytes", count, bytes);
    } else {
        for (char *c = text; *c; c++)
            *c = (char)toupper((unsigned char)*c);
    }
    return zmq_send(rep, text, strlen(text), 0);
}

int main(int argc, char **argv)
{
    void *ctx = zmq_ctx_new(), *rep = zmq_socket(ctx, ZMQ_REP), *pull = zmq_socket(ctx, ZMQ_PULL);
    char text[256] = "";

    if (argc != 3)
        return fprintf(stderr, "usage: %s ENDPOINT ENDPOINT\n", argv[0]), 2;
    if (zmq_bind(rep, argv[1]) || zmq_bind(pull, argv[2]))
        return failed("bind");
    puts("ready");
    fflush(stdout);
    while (strcmp(text, "BYE")) {
        int size = zmq_recv(rep, text, sizeof text - 1, 0);

        if (size < 0 || size >= (int)sizeof text)
            return failed("receive");
        text[size] = 0;
        if (answer(rep, pull, text, sizeof text) < 0)
            return failed("answer");
    }
    zmq_close(rep);
    zmq_close(pull);
    zmq_ctx_term(ctx);
    return 0;
}

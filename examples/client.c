/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: asks the server by REQ, then sends many messages by PUSH and lets the server count them.
 * An ordinary program for libzmq; it knows nothing of zuring.
 *
 *     cc client.c -o client -lzmq && ./client tcp://127.0.0.1:5555 tcp://127.0.0.1:5556 100000 100
 *
 * Says "asked" after the questions and goes on when its input has a line or ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { QUESTIONS = 1000 };

static int failed(const char *what)
{
    fprintf(stderr, "client: %s: %s\n", what, zmq_strerror(zmq_errno()));
    return 1;
}

static int hear(void *req, char *answer, size_t room)
{
    int size = zmq_recv(req, answer, room - 1, 0);

    if (size < 0 || (size_t)size >= room)
        return -1;
    answer[size] = 0;
    return 0;
}

static int ask(void *req, const char *question, char *answer, size_t room)
{
    return zmq_send(req, question, strlen(question), 0) < 0 ? -1 : hear(req, answer, room);
}

int main(int argc, char **argv)
{
    void *ctx = zmq_ctx_new(), *req = zmq_socket(ctx, ZMQ_REQ), *push = zmq_socket(ctx, ZMQ_PUSH);
    char question[64], answer[256], *body;
    unsigned long count, size;

    if (argc != 5)
        return fprintf(stderr, "usage: %s ENDPOINT ENDPOINT COUNT SIZE\n", argv[0]), 2;
    count = strtoul(argv[3], NULL, 10);
    size = strtoul(argv[4], NULL, 10);
    body = calloc(1, size + 1);
    if (!body || zmq_connect(req, argv[1]) || zmq_connect(push, argv[2]))
        return failed("connect");
    for (int i = 0; i < QUESTIONS; i++) {
        snprintf(question, sizeof question, "question %d", i);
        if (ask(req, question, answer, sizeof answer) || strncmp(answer, "QUESTION", 8))
            return failed("ask");
    }
    printf("asked %d questions, the last answer was: %s\n", QUESTIONS, answer);
    fflush(stdout);
    getchar();
    snprintf(question, sizeof question, "count %lu", count);
    if (zmq_send(req, question, strlen(question), 0) < 0) /* first, so that it takes what follows */
        return failed("ask");
    for (unsigned long i = 0; i < count; i++)
        if (zmq_send(push, body, size, 0) < 0)
            return failed("send");
    if (hear(req, answer, sizeof answer))
        return failed("ask");
    printf("sent %lu messages of %lu bytes, the server counted: %s\n", count, size, answer);
    if (ask(req, "bye", answer, sizeof answer))
        return failed("ask");
    zmq_close(req);
    zmq_close(push);
    zmq_ctx_term(ctx);
    free(body);
    return 0;
}

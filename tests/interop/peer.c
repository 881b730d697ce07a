/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of the interop tests: linked with the distribution's libzmq by its absolute path,
 * it reads commands line by line and answers each with a line, "ok", "ok TEXT" or "err NAME".
 * S is a number under which a socket is known; text is as in tests/support/text.h.
 *
 *   genuine                 the version, if the library really is the distribution's
 *   open S TYPE             set S OPTION NUMBER         text S OPTION TEXT
 *   bind S ENDPOINT         connect S ENDPOINT          unbind, disconnect likewise
 *   send S TEXT             recv S                      poll S MS     1 if readable in time
 *   body S SIZE SEED        take S                      one part: its size and hash
 *   flood S COUNT SIZE      count S COUNT SIZE          numbered messages, checked to be in order
 *   crowd FIRST COUNT TYPE ENDPOINT                     sockets FIRST.. that connect
 *   each FIRST COUNT TEXT   every one of them sends TEXT and its number
 *   close S                 term
 */
#include "tests/support/body.h"
#include "tests/support/text.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { SOCKETS_MAX = 512, DEADLINE_MS = 60000, LINE_MAX_SIZE = 8192 };

static void *ctx;
static void *sockets[SOCKETS_MAX];

static void answer(int rc)
{
    if (rc < 0)
        printf("err %s\n", test_error(errno));
    else
        printf("ok\n");
}

static void answer_genuine(void)
{
    int major, minor, patch;
    Dl_info info;
    void *symbol = dlsym(RTLD_DEFAULT, "zmq_version");

    zmq_version(&major, &minor, &patch);
    if (!symbol || !dladdr(symbol, &info) || strncmp(info.dli_fname, "/usr/lib/", 9) != 0)
        printf("err not the distribution's: %s\n", symbol ? info.dli_fname : "nothing");
    else
        printf("ok %d.%d.%d\n", major, minor, patch);
}

static int open_socket(unsigned s, int type)
{
    int deadline_ms = DEADLINE_MS;

    if (s >= SOCKETS_MAX || sockets[s]) {
        errno = EINVAL;
        return -1;
    }
    sockets[s] = zmq_socket(ctx, type);
    if (!sockets[s])
        return -1;
    zmq_setsockopt(sockets[s], ZMQ_RCVTIMEO, &deadline_ms, sizeof deadline_ms);
    return zmq_setsockopt(sockets[s], ZMQ_SNDTIMEO, &deadline_ms, sizeof deadline_ms);
}

static int close_socket(unsigned s)
{
    int rc = zmq_close(sockets[s]);

    sockets[s] = NULL;
    return rc;
}

static int send_body(void *socket, size_t size, uint64_t seed)
{
    zmq_msg_t part;

    if (zmq_msg_init_size(&part, size) < 0)
        return -1;
    test_body_fill(zmq_msg_data(&part), size, seed);
    if (zmq_msg_send(&part, socket, 0) >= 0)
        return 0;
    zmq_msg_close(&part);
    return -1;
}

static void answer_take(void *socket)
{
    zmq_msg_t part;

    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, socket, 0) < 0)
        answer(-1);
    else
        printf("ok %zu %016" PRIx64 "%s\n", zmq_msg_size(&part),
               test_body_hash(zmq_msg_data(&part), zmq_msg_size(&part)),
               zmq_msg_more(&part) ? " more" : "");
    zmq_msg_close(&part);
}

static int flood(void *socket, uint64_t count, size_t size)
{
    char *body = calloc(1, size < 8 ? 8 : size);
    int rc = body ? 0 : -1;

    for (uint64_t i = 0; rc >= 0 && i < count; i++) {
        memcpy(body, &i, 8);
        rc = zmq_send(socket, body, size, 0);
    }
    free(body);
    return rc;
}

static void answer_count(void *socket, uint64_t count, size_t size)
{
    char *body = calloc(1, size < 8 ? 8 : size);

    for (uint64_t i = 0; i < count; i++) {
        int rc = zmq_recv(socket, body, size, 0);

        if (rc < 0 || (size_t)rc != size || memcmp(body, &i, 8) != 0) {
            printf("err at %" PRIu64 ": %s\n", i, rc < 0 ? test_error(errno) : "out of order");
            free(body);
            return;
        }
    }
    free(body);
    printf("ok\n");
}

static int open_crowd(unsigned first, unsigned count, int type, const char *endpoint)
{
    for (unsigned s = first; s < first + count; s++)
        if (open_socket(s, type) < 0 || zmq_connect(sockets[s], endpoint) < 0)
            return -1;
    return 0;
}

static int each(unsigned first, unsigned count, const char *text)
{
    for (unsigned s = first; s < first + count; s++)
        if ((errno = test_send(sockets[s], 0, "%s%u", text, s - first)) != 0)
            return -1;
    return 0;
}

static bool is(const char *word, const char *expected)
{
    return strcmp(word, expected) == 0;
}

/* Commands whose first argument is a socket. */
static void serve_socket(const char *word, unsigned s, char *rest)
{
    void *socket = s < SOCKETS_MAX ? sockets[s] : NULL;
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    char *tail;
    long long number = strtoll(rest, &tail, 10), second = strtoll(tail, NULL, 10);

    if (is(word, "open"))
        answer(open_socket(s, (int)number));
    else if (is(word, "set"))
        answer(zmq_setsockopt(socket, (int)number, &(int){(int)second}, sizeof(int)));
    else if (is(word, "text"))
        answer(zmq_setsockopt(socket, (int)number, tail + (*tail == ' '),
                              strlen(tail + (*tail == ' '))));
    else if (is(word, "bind"))
        answer(zmq_bind(socket, rest));
    else if (is(word, "connect"))
        answer(zmq_connect(socket, rest));
    else if (is(word, "unbind"))
        answer(zmq_unbind(socket, rest));
    else if (is(word, "disconnect"))
        answer(zmq_disconnect(socket, rest));
    else if (is(word, "send"))
        answer((errno = test_send(socket, 0, "%s", rest)) ? -1 : 0);
    else if (is(word, "recv"))
        printf("ok %s\n", test_recv(socket, 0));
    else if (is(word, "poll"))
        printf("ok %d\n", zmq_poll(&item, 1, number));
    else if (is(word, "body"))
        answer(send_body(socket, (size_t)number, (uint64_t)second));
    else if (is(word, "take"))
        answer_take(socket);
    else if (is(word, "flood"))
        answer(flood(socket, (uint64_t)number, (size_t)second));
    else if (is(word, "count"))
        answer_count(socket, (uint64_t)number, (size_t)second);
    else if (is(word, "close"))
        answer(close_socket(s));
    else
        printf("err unknown command %s\n", word);
}

static void serve(char *line)
{
    char word[16] = "", text[LINE_MAX_SIZE] = "";
    unsigned s = 0, count = 0;
    int type = 0, used = 0;

    line[strcspn(line, "\n")] = 0;
    if (is(line, "genuine"))
        answer_genuine();
    else if (is(line, "term"))
        answer(zmq_ctx_term(ctx));
    else if (sscanf(line, "crowd %u %u %d %8000s", &s, &count, &type, text) == 4)
        answer(open_crowd(s, count, type, text));
    else if (sscanf(line, "each %u %u %8000s", &s, &count, text) == 3)
        answer(each(s, count, text));
    else if (sscanf(line, "%15s %u%n", word, &s, &used) == 2)
        serve_socket(word, s, line + used + (line[used] == ' '));
    else
        printf("err no command: %s\n", line);
}

int main(void)
{
    static char line[LINE_MAX_SIZE];

    setvbuf(stdout, NULL, _IOLBF, 0);
    ctx = zmq_ctx_new();
    while (fgets(line, sizeof line, stdin))
        serve(line);
    return 0; /* whoever drives us has ended */
}

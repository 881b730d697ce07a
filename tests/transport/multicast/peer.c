/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer dish ENDPOINT | peer radio ENDPOINT: either end of multicast_test.sh. The DISH says "ready",
 * then how many different messages of the RADIO's came before its last word; whatever is not one of
 * them, whole, is a failure. The RADIO repeats its last word until it is killed, or for a while.
 */
#define ZMQ_BUILD_DRAFT_API
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

enum { MESSAGES = 100, PATIENCE_MS = 60000, LAST_WORDS = 3000 };

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno()));
    return 1;
}

static int listen_to(void *dish, const char *at)
{
    int seen[MESSAGES] = {0}, count = 0, timeout = PATIENCE_MS;
    char text[64];

    zmq_setsockopt(dish, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    if (zmq_join(dish, "tv") || zmq_bind(dish, at))
        return fail(at);
    puts("ready");
    fflush(stdout);
    for (;;) {
        int size = zmq_recv(dish, text, sizeof text - 1, 0), number;

        if (size < 0)
            return fail("nothing came");
        text[size] = '\0';
        if (strcmp(text, "end") == 0)
            break;
        if (sscanf(text, "message %d.", &number) != 1 || number < 0 || number >= MESSAGES ||
            text[size - 1] != '.')
            return fail(text);
        count += !seen[number]++;
    }
    printf("%d\n", count);
    return 0;
}

static int say(void *radio, const char *group, const char *text)
{
    zmq_msg_t m;

    zmq_msg_init_buffer(&m, text, strlen(text));
    zmq_msg_set_group(&m, group);
    return zmq_msg_send(&m, radio, 0) < 0;
}

static int talk(void *radio, const char *at)
{
    struct timespec step = {0, 20000000};
    char text[64];

    if (zmq_connect(radio, at))
        return fail(at);
    for (int i = 0; i < MESSAGES; i++) {
        snprintf(text, sizeof text, "message %d.", i);
        if (say(radio, "radio", "not joined") || say(radio, "tv", text))
            return fail("send");
    }
    for (int i = 0; i < LAST_WORDS; i++) {
        nanosleep(&step, NULL); /* time for what is late; then again, should it be lost */
        say(radio, "tv", "end");
    }
    return 0;
}

int main(int argc, char **argv)
{
    bool dish = argc == 3 && strcmp(argv[1], "dish") == 0;
    void *ctx, *s;
    int rc;

    if (argc != 3)
        return 2;
    ctx = zmq_ctx_new();
    s = zmq_socket(ctx, dish ? ZMQ_DISH : ZMQ_RADIO);
    rc = dish ? listen_to(s, argv[2]) : talk(s, argv[2]);
    zmq_close(s);
    zmq_ctx_term(ctx);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that threads share, over tls://, under the thread sanitizer: a SERVER and two CLIENTs,
 * with two threads at each. They throw balls to and fro, and each throw has the next number of its
 * ball: so each message arrives once, at one of the two who wait for it. First there is one ball,
 * until a row of throws has gone without the I/O thread, sent and received by those who play; then
 * there are more, so that one thread sends while another receives.
 */
#define ZMQ_BUILD_DRAFT_API
#include "include/zuring.h"
#include "tests/support/certs.h"
#include "tests/support/expect.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>

enum { CLIENTS = 2, SOCKETS = 1 + CLIENTS, PLAYERS = 2 * SOCKETS, BALLS = 4 };
enum { ROW = 10, THROWS = 1000, THROWS_MOST = 100000, PATIENCE_MS = 600000 };

struct ball {
    uint32_t which, number;
    char more[100]; /* in a message it lies in a slab */
};

static void *ctx, *sockets[SOCKETS]; /* the first is the SERVER */
static _Atomic uint32_t next[BALLS]; /* number of each, to be caught */
static _Atomic int in_play;
static _Atomic uint64_t rounds_before; /* a row of the one ball's */
static _Atomic bool by_hand;

static uint64_t rounds(void)
{
    struct zuring_loop_stats s;

    expect(zuring_loop_stats(ctx, 0, &s, sizeof s) == 0, "numbers of the loop");
    return s.rounds;
}

static void look_for_the_loop(void)
{
    uint64_t now = rounds();

    if (atomic_exchange(&rounds_before, now) == now)
        by_hand = true;
}

/* False: it is not thrown again. */
static bool goes_on(zmq_msg_t *m)
{
    struct ball *b = zmq_msg_data(m);

    expect(zmq_msg_size(m) == sizeof *b && b->number == next[b->which],
           "it came twice, or another is lost");
    next[b->which] = ++b->number;
    if (b->number % ROW == 0)
        look_for_the_loop();
    return faults == 0 && (b->number < THROWS || (!by_hand && b->number < THROWS_MOST));
}

static void *play(void *socket)
{
    zmq_msg_t m;

    zmq_msg_init(&m);
    while (zmq_msg_recv(&m, socket, 0) >= 0) {
        if (goes_on(&m))
            expect(zmq_msg_send(&m, socket, 0) == sizeof(struct ball), "throw");
        else if (--in_play == 0)
            zmq_ctx_shutdown(ctx);
    }
    expect(errno == ETERM, "end");
    zmq_msg_close(&m);
    return NULL;
}

static void *make(int type)
{
    void *s = zmq_socket(ctx, type);
    int patience_ms = PATIENCE_MS, linger_ms = 0;

    expect(zmq_setsockopt(s, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms) == 0, "option");
    expect(zmq_setsockopt(s, ZMQ_LINGER, &linger_ms, sizeof linger_ms) == 0, "option");
    return s;
}

static void meet(void)
{
    char at[256];
    size_t size = sizeof at;

    sockets[0] = make(ZMQ_SERVER);
    test_certify(sockets[0]);
    expect(zmq_bind(sockets[0], "tls://127.0.0.1:*") == 0, "bind");
    expect(zmq_getsockopt(sockets[0], ZMQ_LAST_ENDPOINT, at, &size) == 0, "endpoint");
    for (int i = 1; i < SOCKETS; i++) {
        sockets[i] = make(ZMQ_CLIENT);
        test_trust(sockets[i], TEST_CA);
        expect(zmq_connect(sockets[i], at) == 0, "connect");
    }
}

static void run(int backend, int balls)
{
    pthread_t players[PLAYERS];

    ctx = zmq_ctx_new();
    expect(zmq_ctx_set(ctx, ZURING_BACKEND, backend) == 0, "boundary");
    meet();
    by_hand = balls > 1;
    in_play = balls;
    for (int i = 0; i < PLAYERS; i++)
        pthread_create(&players[i], NULL, play, sockets[i % SOCKETS]);
    for (int i = 0; i < balls; i++) {
        struct ball b = {.which = (uint32_t)i};

        next[i] = 0;
        expect(zmq_send(sockets[1 + i % CLIENTS], &b, sizeof b, 0) == sizeof b, "the first throw");
    }
    for (int i = 0; i < PLAYERS; i++)
        pthread_join(players[i], NULL);
    expect(by_hand, "nothing went by hand");
    for (int i = 0; i < SOCKETS; i++)
        expect(zmq_close(sockets[i]) == 0, "close");
    expect(zmq_ctx_term(ctx) == 0, "term");
}

int main(void)
{
    static const int backends[] = {ZURING_BACKEND_IO_URING, ZURING_BACKEND_READINESS};

    test_cert(TEST_CA); /* before there are threads */
    test_cert(TEST_SERVER);
    for (int i = 0; i < 2; i++) {
        run(backends[i], 1);
        run(backends[i], BALLS);
    }
    return faults != 0;
}

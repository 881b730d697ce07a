/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defects that a review found and that nothing else would bring back to light.
 */
#include "tests/support/pair.h"
#include "tests/support/rawpeer.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

TEST_SUITE(regress);

/* ---- heartbeats and the last words of a closed socket ---- */

enum { IVL_MS = 250, SILENCE_MS = 8 * IVL_MS, WORDS = 10, WORD_SIZE = 20000 };

static void *terminate(void *ctx)
{
    return zmq_ctx_term(ctx) == 0 ? ctx : NULL;
}

/*
 * All of it lies in the kernel, on this side of a peer that is slow to read. Were the connection
 * closed when the peer has been silent for too long, its late answer to a PING would meet a reset,
 * and with the reset goes what it has not taken yet.
 *
 * False: the machine was so slow that the connection may have been given up before the close.
 */
static bool try_last_words(int *listener)
{
    static char word[WORD_SIZE];
    char endpoint[160];
    int little = 4096;
    void *ctx = zmq_ctx_new(), *push = zmq_socket(ctx, ZMQ_PUSH), *ended;
    int64_t met_ms;
    pthread_t thread;

    *listener = raw_listen(false, endpoint, sizeof endpoint);
    cr_assert_eq(setsockopt(*listener, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
    SET(push, ZMQ_LINGER, -1);
    SET(push, ZMQ_SNDBUF, 2 * WORDS * WORD_SIZE);
    SET(push, ZMQ_HEARTBEAT_IVL, IVL_MS);
    test_connect(push, endpoint);
    int fd = raw_accept(*listener);

    raw_greet(fd, 1);
    raw_expect_ready(fd, "PUSH", NULL);
    met_ms = test_now_ms();
    raw_send_ready(fd, "PULL", NULL);
    for (int i = 0; i < WORDS; i++)
        cr_assert_eq(zmq_send(push, word, sizeof word, 0), WORD_SIZE);
    if (test_now_ms() - met_ms > IVL_MS / 2) {
        SET(push, ZMQ_LINGER, 0);
        zmq_close(push);
        zmq_ctx_term(ctx);
        raw_close(&fd);
        return false;
    }
    zmq_close(push);
    cr_assert_eq(pthread_create(&thread, NULL, terminate, ctx), 0);
    poll(NULL, 0, SILENCE_MS); /* several deadlines go by; nothing is waited for */
    raw_send(fd, "04 07 04 'PONG' 00 00");
    for (int i = 0; i < WORDS; i++)
        raw_expect_part(fd, true, word, sizeof word);
    raw_expect_end(fd);
    raw_close(&fd);
    cr_assert_eq(pthread_join(thread, &ended), 0);
    cr_assert_eq(ended, ctx);
    return true;
}

Test(regress, a_closed_socket_sends_its_last_words_whatever_its_heartbeats_say)
{
    bool in_time = false;

    for (int i = 0; i < 20 && !in_time; i++) {
        int listener;

        in_time = try_last_words(&listener);
        raw_close(&listener);
    }
    if (!in_time)
        cr_skip_test("this machine is too slow");
}

/* ---- water marks that are set at both ends of a pipe at once ---- */

enum { ROUNDS = 100000, SECONDS = 4, MARK_MAX = 20 };

struct setter {
    void *socket;
    _Atomic int mark; /* to be set; 0: done; -1: no more */
};

static void *set_marks(void *arg)
{
    struct setter *s = arg;
    int mark;

    while ((mark = atomic_load(&s->mark)) >= 0) {
        if (mark == 0) {
            sched_yield();
            continue;
        }
        atomic_store(&s->mark, test_set(s->socket, ZMQ_RCVHWM, mark)); /* 0, or an end by -1 */
    }
    return NULL;
}

Test(regress, both_ends_of_a_pipe_may_set_their_water_marks_at_once)
{
    const char *endpoint = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, endpoint), *push = test_connected(ZMQ_PUSH, endpoint);
    struct setter setter = {pull, 0};
    time_t end = time(NULL) + SECONDS;
    pthread_t thread;

    SEND(push, "first");
    RECV(pull, "first");
    cr_assert_eq(pthread_create(&thread, NULL, set_marks, &setter), 0);
    for (int i = 0; i < ROUNDS && time(NULL) < end; i++) {
        int here = 2 + i % MARK_MAX, there = 2 + i / 3 % MARK_MAX;

        atomic_store(&setter.mark, there);
        SET(push, ZMQ_SNDHWM, here);
        while (atomic_load(&setter.mark) > 0)
            sched_yield();
        cr_assert_eq(atomic_load(&setter.mark), 0);
        test_catch_up(pull);
        test_catch_up(push);
        test_catch_up(pull);
        cr_assert_eq(test_fill(push), here + there, "round %d", i);
        cr_assert_eq(test_drain(pull), here + there);
    }
    atomic_store(&setter.mark, -1);
    cr_assert_eq(pthread_join(thread, NULL), 0);
}

/* ---- inproc connects that are under way while their context ends ---- */

enum { ENDS = 1000, CONNECTERS = 3, ENDS_MS = 20000 };

/* Connects to a name that nobody has, until the context is terminated. */
static void *connect_to_nobody(void *socket)
{
    while (zmq_connect(socket, "inproc://nobody") == 0)
        zmq_disconnect(socket, "inproc://nobody");
    zmq_close(socket);
    return NULL;
}

/* Where leaks are looked for, this fails when one of them is forgotten. */
Test(regress, connects_under_way_when_the_context_ends_leave_nothing_behind)
{
    int64_t until_ms = test_now_ms() + ENDS_MS;

    for (int i = 0; i < ENDS && test_now_ms() < until_ms; i++) {
        void *ctx = zmq_ctx_new();
        pthread_t threads[CONNECTERS];

        for (int k = 0; k < CONNECTERS; k++)
            cr_assert_eq(
                pthread_create(&threads[k], NULL, connect_to_nobody, zmq_socket(ctx, ZMQ_PUSH)), 0);
        cr_assert_eq(zmq_ctx_term(ctx), 0);
        for (int k = 0; k < CONNECTERS; k++)
            cr_assert_eq(pthread_join(threads[k], NULL), 0);
    }
}

/* ---- a connection that ends while a thread sleeps on it ---- */

static void *receive(void *socket)
{
    char text[8];

    return zmq_recv(socket, text, sizeof text, 0) == 5 && memcmp(text, "again", 5) == 0 ? socket
                                                                                        : NULL;
}

static void be_a_router(int fd)
{
    raw_greet(fd, 1);
    raw_expect_ready(fd, "DEALER", "");
    raw_send_ready(fd, "ROUTER", NULL);
}

/* The peer falls silent, and must hear that it was given up, whoever waits for it to speak. */
Test(regress, a_silent_peer_is_let_go_of_while_a_thread_waits_for_it)
{
    void *dealer = test_socket(ZMQ_DEALER), *heard;
    char endpoint[160];
    int fd, listener = raw_listen(false, endpoint, sizeof endpoint);
    pthread_t thread;

    SET(dealer, ZMQ_RCVTIMEO, -1);
    SET(dealer, ZMQ_HEARTBEAT_IVL, IVL_MS);
    SET(dealer, ZMQ_RECONNECT_IVL, 10);
    test_connect(dealer, endpoint);
    be_a_router(fd = raw_accept(listener));
    for (int i = 0; i < 10; i++) { /* so the thread waits by hand */
        raw_send(fd, "00 04 'lone'");
        RECV(dealer, "lone");
    }
    cr_assert_eq(pthread_create(&thread, NULL, receive, dealer), 0);
    raw_expect_end(fd);
    raw_close(&fd);
    be_a_router(fd = raw_accept(listener));
    raw_send(fd, "00 05 'again'");
    cr_assert_eq(pthread_join(thread, &heard), 0);
    cr_assert_eq(heard, dealer);
    raw_close(&fd);
    raw_close(&listener);
}

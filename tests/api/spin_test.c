/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ZURING_SPIN: how long a thread that waits looks by itself; and what ends a wait ends it also when
 * it never sleeps.
 */
#include "include/zuring.h"
#include "tests/support/pair.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

TEST_SUITE(spin);

static const int budgets[] = {0, 1, 100, -1};

Test(spin, what_it_may_be)
{
    void *s, *ctx = test_ctx();

    cr_assert_eq(zmq_ctx_get(ctx, ZURING_SPIN), 100);
    cr_assert_eq(test_get(test_socket(ZMQ_PAIR), ZURING_SPIN), 100);
    OK(zmq_ctx_set(ctx, ZURING_SPIN, 7));
    s = test_socket(ZMQ_PAIR);
    cr_assert_eq(test_get(s, ZURING_SPIN), 7);
    FAILS(EINVAL, zmq_ctx_set(ctx, ZURING_SPIN, -2));
    FAILS(EINVAL, zmq_ctx_set(ctx, ZURING_SPIN, 1000001));
    FAILS(EINVAL, test_set(s, ZURING_SPIN, -2));
    FAILS(EINVAL, test_set(s, ZURING_SPIN, 1000001));
    SET(s, ZURING_SPIN, 1000000);
    SET(s, ZURING_SPIN, -1);
    cr_assert_eq(test_get(s, ZURING_SPIN), -1);
    cr_assert_eq(zmq_ctx_get(ctx, ZURING_SPIN), 7);
}

/* ---- exchanges ---- */

enum { EXCHANGES = 100 };

static void *run_replies(void *rep)
{
    char text[16];

    for (int i = 0; i < EXCHANGES; i++) {
        int n = zmq_recv(rep, text, sizeof text, 0);

        if (n < 0 || zmq_send(rep, text, (size_t)n, 0) != n)
            return "no exchange";
    }
    return NULL;
}

static void exchange(enum test_transport transport, int budget)
{
    const char *endpoint = test_endpoint(transport);
    void *rep, *req, *failure;
    pthread_t thread;

    OK(zmq_ctx_set(test_ctx(), ZURING_SPIN, budget));
    rep = test_bound(ZMQ_REP, endpoint);
    req = test_connected(ZMQ_REQ, endpoint);
    cr_assert_eq(pthread_create(&thread, NULL, run_replies, rep), 0);
    for (int i = 0; i < EXCHANGES; i++) {
        SEND(req, "to and fro");
        RECV(req, "to and fro");
    }
    pthread_join(thread, &failure);
    cr_assert_null(failure);
    test_end();
}

EACH_TRANSPORT(spin, however_long_messages_come)
{
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++)
        exchange(transport, budgets[i]);
}

/* ---- two that say much at once ---- */

enum { LARGE = 64 * 1024, MANY = 900 }; /* less than a water mark, more than the kernel takes */

static void *run_send_then_recv(void *s)
{
    static const char body[LARGE];

    for (int i = 0; i < 10; i++) { /* lone ones come first */
        if (zmq_send(s, "lone", 4, 0) != 4 || zmq_recv(s, NULL, 0, 0) != 4)
            return "nothing lone";
    }
    for (int i = 0; i < MANY; i++)
        if (zmq_send(s, body, sizeof body, 0) != sizeof body)
            return "not sent";
    for (int i = 0; i < MANY; i++)
        if (zmq_recv(s, NULL, 0, 0) != sizeof body)
            return "not received";
    return NULL;
}

EACH_STREAM(spin, two_who_send_to_each_other_both_go_on)
{
    const char *endpoint = test_endpoint(transport);
    void *first = test_bound(ZMQ_DEALER, endpoint), *second = test_connected(ZMQ_DEALER, endpoint);
    void *failure;
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, run_send_then_recv, first), 0);
    failure = run_send_then_recv(second);
    cr_assert_null(failure, "%s", (const char *)failure);
    pthread_join(thread, &failure);
    cr_assert_null(failure, "%s", (const char *)failure);
}

/* ---- an unbind is over for who called it ---- */

enum { UNBINDS = 20, SILENCE_MS = 20 };

static void hears_nothing(void *s)
{
    SET(s, ZMQ_RCVTIMEO, SILENCE_MS);
    FAILS(EAGAIN, zmq_recv(s, NULL, 0, 0));
}

/* Its connections go by way of the loop, which bytes sent and received by hand could overtake. */
EACH_STREAM(spin, what_is_sent_after_an_unbind_does_not_arrive)
{
    for (int i = 0; i < UNBINDS; i++) {
        const char *endpoint = test_endpoint(transport);
        void *bound = test_bound(ZMQ_PAIR, endpoint), *other = test_connected(ZMQ_PAIR, endpoint);

        for (int j = 0; j < 5; j++) {
            SEND(other, "to");
            RECV(bound, "to");
            SEND(bound, "and fro");
            RECV(other, "and fro");
        }
        OK(zmq_unbind(bound, endpoint));
        zmq_send(i % 2 ? other : bound, "late", 4,
                 ZMQ_DONTWAIT); /* if it knows it already: EAGAIN */
        hears_nothing(i % 2 ? bound : other);
        test_end();
    }
}

/* ---- ends of a wait ---- */

enum call { IN_RECV, IN_SEND, IN_POLL, CALLS };

struct waiting {
    enum call call;
    void *socket;
    pthread_t thread;
    int rc, error;
    atomic_bool has_begun, has_ended;
};

static void *run_waiting(void *arg)
{
    struct waiting *w = arg;
    zmq_pollitem_t item = {w->socket, 0, ZMQ_POLLIN, 0};
    char text[16];

    atomic_store(&w->has_begun, true);
    switch (w->call) {
    case IN_RECV: w->rc = zmq_recv(w->socket, text, sizeof text, 0); break;
    case IN_SEND: w->rc = zmq_send(w->socket, "x", 1, 0); break;
    default: w->rc = zmq_poll(&item, 1, -1); break;
    }
    w->error = errno;
    atomic_store(&w->has_ended, true);
    return NULL;
}

static void begin(struct waiting *w)
{
    cr_assert_eq(pthread_create(&w->thread, NULL, run_waiting, w), 0);
    WAIT(atomic_load(&w->has_begun));
}

/* A socket that can neither send nor receive; over tcp there is a peer, whose bytes it awaits by
 * itself. */
static void *silent(enum call call, bool has_peer, int budget)
{
    const char *endpoint = test_endpoint(TEST_TCP);
    void *s = test_untimed(call == IN_SEND ? ZMQ_PUSH : ZMQ_PAIR), *peer;

    SET(s, ZURING_SPIN, budget);
    if (!has_peer || call == IN_SEND)
        return s;
    test_bind(s, endpoint);
    peer = test_connected(ZMQ_PAIR, endpoint);
    for (int i = 0; i < 3; i++) { /* a wait asks for what the next one may have */
        SET(s, ZMQ_RCVTIMEO, i == 0 ? -1 : 1);
        if (i == 0)
            SEND(peer, "here");
        cr_assert_eq(zmq_recv(s, NULL, 0, 0), i == 0 ? 4 : -1);
    }
    SET(s, ZMQ_RCVTIMEO, -1);
    return s;
}

static void on_signal(int number)
{
    (void)number;
}

static void each_wait(void (*ends)(struct waiting *w))
{
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++)
        for (int call = 0; call < CALLS; call++)
            for (int has_peer = 0; has_peer < 2; has_peer++) {
                struct waiting w = {.call = (enum call)call};

                w.socket = silent(w.call, has_peer, budgets[i]);
                begin(&w);
                ends(&w);
                pthread_join(w.thread, NULL);
                test_end();
            }
}

static void by_signals(struct waiting *w)
{
    WAIT(atomic_load(&w->has_ended) || pthread_kill(w->thread, SIGUSR1) != 0);
    cr_assert_eq(w->rc, -1);
    cr_assert_eq(w->error, EINTR, "%s", test_error(w->error));
}

Test(spin, a_signal_ends_it)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
    each_wait(by_signals);
}

static void by_shutdown(struct waiting *w)
{
    OK(zmq_ctx_shutdown(test_ctx()));
    WAIT(atomic_load(&w->has_ended));
    cr_assert_eq(w->rc, -1);
    cr_assert_eq(w->error, ETERM, "%s", test_error(w->error));
}

Test(spin, so_does_the_end_of_the_context)
{
    each_wait(by_shutdown);
}

Test(spin, so_does_a_time_out)
{
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        void *s = silent(IN_RECV, true, budgets[i]);
        zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
        int64_t before = test_now_ms();

        SET(s, ZMQ_RCVTIMEO, 20);
        FAILS(EAGAIN, zmq_recv(s, NULL, 0, 0));
        cr_assert_geq(test_now_ms() - before, 19);
        before = test_now_ms();
        cr_assert_eq(zmq_poll(&item, 1, 20), 0);
        cr_assert_geq(test_now_ms() - before, 19);
        test_end();
    }
}

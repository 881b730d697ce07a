/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a context, seen by threads that are busy with its sockets, and signals.
 */
#include "tests/support/pair.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

TEST_SUITE(context);

/* A thread that makes one blocking call and notes how it ended. */
struct blocked {
    enum { IN_RECV, IN_SEND, IN_POLL, IN_TERM } call;
    void *socket; /* or the context */
    pthread_t thread;
    atomic_bool is_about_to, has_ended;
    int rc, error;
};

static void *block(void *arg)
{
    struct blocked *b = arg;
    zmq_pollitem_t item = {.socket = b->socket, .events = ZMQ_POLLIN};
    char octet;

    atomic_store(&b->is_about_to, true);
    switch (b->call) {
    case IN_RECV: b->rc = zmq_recv(b->socket, &octet, 1, 0); break;
    case IN_SEND: b->rc = zmq_send(b->socket, "x", 1, 0); break;
    case IN_POLL: b->rc = zmq_poll(&item, 1, -1); break;
    case IN_TERM: b->rc = zmq_ctx_term(b->socket); break;
    }
    b->error = errno;
    atomic_store(&b->has_ended, true);
    return NULL;
}

static void start_blocked(struct blocked *b)
{
    cr_assert_eq(pthread_create(&b->thread, NULL, block, b), 0);
    WAIT(atomic_load(&b->is_about_to));
}

static void *untimed(void *ctx, int type)
{
    void *socket = zmq_socket(ctx, type);

    cr_assert_not_null(socket);
    SET(socket, ZMQ_LINGER, 0);
    return socket;
}

static void shutdown_ends(int call, int type)
{
    void *ctx = zmq_ctx_new(), *socket = untimed(ctx, type);
    struct blocked b = {.call = call, .socket = socket};

    test_bind(socket, test_endpoint(TEST_TCP));
    start_blocked(&b);
    OK(zmq_ctx_shutdown(ctx));
    OK(zmq_ctx_shutdown(ctx));
    pthread_join(b.thread, NULL);
    cr_assert_eq(b.rc, -1);
    cr_assert_eq(b.error, ETERM, "%s", test_error(b.error));
    OK(zmq_close(socket));
    OK(zmq_ctx_term(ctx));
}

Test(context, shutdown_ends_a_blocked_receive)
{
    shutdown_ends(IN_RECV, ZMQ_PULL);
}

Test(context, shutdown_ends_a_blocked_send)
{
    shutdown_ends(IN_SEND, ZMQ_PUSH);
}

Test(context, shutdown_ends_a_blocked_poll)
{
    shutdown_ends(IN_POLL, ZMQ_PULL);
}

Test(context, after_shutdown_sockets_can_only_be_closed)
{
    void *ctx = zmq_ctx_new(), *socket = untimed(ctx, ZMQ_DEALER);
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    size_t size = sizeof(int);
    int type;
    char octet;

    OK(zmq_ctx_shutdown(ctx));
    FAILS(ETERM, zmq_recv(socket, &octet, 1, 0));
    FAILS(ETERM, zmq_send(socket, &octet, 1, 0));
    FAILS(ETERM, zmq_getsockopt(socket, ZMQ_TYPE, &type, &size));
    FAILS(ETERM, test_set(socket, ZMQ_LINGER, 0));
    FAILS(ETERM, zmq_bind(socket, "inproc://x"));
    FAILS(ETERM, zmq_connect(socket, "inproc://x"));
    FAILS(ETERM, zmq_poll(&item, 1, 0));
    cr_assert_null(zmq_socket(ctx, ZMQ_PAIR));
    cr_assert_eq(errno, ETERM);
    OK(zmq_close(socket));
    OK(zmq_ctx_term(ctx));
}

Test(context, term_waits_until_the_last_socket_is_closed)
{
    void *ctx = zmq_ctx_new(), *sockets[2] = {untimed(ctx, ZMQ_PULL), untimed(ctx, ZMQ_PULL)};
    struct blocked b = {.call = IN_TERM, .socket = ctx};
    char octet;

    start_blocked(&b);
    FAILS(ETERM, zmq_recv(sockets[0], &octet, 1, 0)); /* so termination is under way */
    OK(zmq_close(sockets[0]));
    cr_assert(!atomic_load(&b.has_ended));
    FAILS(ETERM, zmq_recv(sockets[1], &octet, 1, 0));
    cr_assert(!atomic_load(&b.has_ended));
    OK(zmq_close(sockets[1]));
    pthread_join(b.thread, NULL);
    cr_assert_eq(b.rc, 0);
}

Test(context, one_without_sockets_ends_at_once)
{
    void *ctx = zmq_ctx_new();

    OK(zmq_ctx_term(ctx));
    ctx = zmq_ctx_new();
    OK(zmq_ctx_shutdown(ctx));
    cr_assert_null(zmq_socket(ctx, ZMQ_PAIR));
    cr_assert_eq(errno, ETERM);
    OK(zmq_ctx_term(ctx));
    FAILS(EFAULT, zmq_ctx_term(NULL));
    FAILS(EFAULT, zmq_ctx_shutdown(NULL));
    cr_assert_null(zmq_socket(NULL, ZMQ_PAIR));
    cr_assert_eq(errno, EFAULT);
}

Test(context, inproc_connects_without_a_bind_do_not_hold_up_the_end)
{
    void *ctx = zmq_ctx_new(), *push = zmq_socket(ctx, ZMQ_PUSH);

    test_connect(push, "inproc://never bound");
    SEND_GIVES(0, push, "into the void");
    OK(zmq_close(push));
    OK(zmq_ctx_term(ctx));
}

static atomic_int signals;

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&signals, 1);
}

/* Sends signals until the thread's call has ended. */
static void interrupt_until_over(struct blocked *b)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
    start_blocked(b);
    WAIT(atomic_load(&b->has_ended) || pthread_kill(b->thread, SIGUSR1) != 0);
    pthread_join(b->thread, NULL);
    cr_assert_gt(atomic_load(&signals), 0);
    cr_assert_eq(b->rc, -1);
    cr_assert_eq(b->error, EINTR, "%s", test_error(b->error));
}

Test(context, a_signal_interrupts_a_receive)
{
    void *pull = test_bound(ZMQ_PULL, test_endpoint(TEST_TCP));
    struct blocked b = {.call = IN_RECV, .socket = pull};

    interrupt_until_over(&b);
}

EACH_TRANSPORT(context, a_signal_interrupts_a_receive_with_a_live_peer)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    struct blocked b = {.call = IN_RECV, .socket = pull};

    SEND(push, "1");
    RECV(pull, "1");
    interrupt_until_over(&b);
    SEND(push, "2");
    RECV(pull, "2");
}

Test(context, a_signal_interrupts_a_send)
{
    void *push = test_bound(ZMQ_PUSH, test_endpoint(TEST_TCP));
    struct blocked b = {.call = IN_SEND, .socket = push};

    interrupt_until_over(&b);
}

Test(context, a_signal_interrupts_a_poll)
{
    void *pull = test_bound(ZMQ_PULL, test_endpoint(TEST_TCP));
    struct blocked b = {.call = IN_POLL, .socket = pull};

    interrupt_until_over(&b);
}

Test(context, term_interrupted_by_a_signal_can_be_called_again)
{
    void *ctx = zmq_ctx_new(), *pull = untimed(ctx, ZMQ_PULL);
    struct blocked b = {.call = IN_TERM, .socket = ctx};

    interrupt_until_over(&b);
    OK(zmq_close(pull));
    OK(zmq_ctx_term(ctx));
}

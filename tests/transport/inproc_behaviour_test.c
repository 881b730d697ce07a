/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inproc: names within a context; either side first; nothing between the two sockets but a pipe.
 */
#include "tests/support/pair.h"

#include <pthread.h>
#include <stdlib.h>

TEST_SUITE(inproc);

Test(inproc, is_synchronous)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

    for (int i = 0; i < 100; i++) {
        const char *text;

        SEND_GIVES(0, push, "%d", i);
        text = test_recv(pull, ZMQ_DONTWAIT);
        cr_assert_str_eq(text, test_text("%d", i));
    }
}

Test(inproc, a_name_has_one_owner)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *other = test_socket(ZMQ_PULL);

    FAILS(EADDRINUSE, zmq_bind(pull, at));
    FAILS(EADDRINUSE, zmq_bind(other, at));
    OK(zmq_unbind(pull, at));
    FAILS(ENOENT, zmq_unbind(pull, at));
    test_bind(other, at); /* free at once */
    test_close(other);
    WAIT(zmq_bind(pull, at) == 0); /* and after a close, soon */
}

Test(inproc, names_belong_to_a_context)
{
    void *ctx = zmq_ctx_new(), *foreign = zmq_socket(ctx, ZMQ_PULL);
    void *own = test_bound(ZMQ_PULL, "inproc://the same");
    void *push = test_connected(ZMQ_PUSH, "inproc://the same");

    test_bind(foreign, "inproc://the same");
    SEND(push, "x");
    RECV(own, "x");
    RECV_GIVES(EAGAIN, foreign);
    OK(zmq_close(foreign));
    OK(zmq_ctx_term(ctx));
}

Test(inproc, unbinding_leaves_the_pipes_alone)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

    OK(zmq_unbind(pull, at));
    SEND(push, "still here");
    RECV(pull, "still here");
}

Test(inproc, disconnecting_delivers_what_was_sent)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

    for (int i = 0; i < 10; i++)
        SEND(push, "%d", i);
    OK(zmq_disconnect(push, at));
    FAILS(ENOENT, zmq_disconnect(push, at));
    SEND_GIVES(EAGAIN, push, "nobody");
    for (int i = 0; i < 10; i++)
        RECV(pull, "%d", i);
    test_connect(push, at);
    SEND(push, "again");
    RECV(pull, "again");
}

Test(inproc, disconnecting_takes_subscriptions_back)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *xpub = test_bound(ZMQ_XPUB, at), *sub = test_connected(ZMQ_SUB, at);

    SUBSCRIBE(sub, "A");
    RECV(xpub, "+A");
    OK(zmq_disconnect(sub, at));
    WAIT(test_events(sub) >= 0 && test_events(xpub) & ZMQ_POLLIN);
    RECV(xpub, "-A");
}

Test(inproc, many_may_connect_before_the_bind)
{
    enum { MANY = 20 };
    const char *at = test_endpoint(TEST_INPROC);
    void *pushes[MANY], *pull;
    bool seen[MANY] = {false};

    for (int i = 0; i < MANY; i++) {
        pushes[i] = test_connected(ZMQ_PUSH, at);
        SEND_GIVES(0, pushes[i], "%d", i);
        if (i % 3 == 0)
            test_close(pushes[i]); /* what it sent is delivered all the same */
    }
    pull = test_bound(ZMQ_PULL, at);
    for (int i = 0; i < MANY; i++) {
        const char *text = test_recv(pull, 0);

        cr_assert_neq(text[0], '!', "%s after %d", text, i);
        cr_assert(!seen[atoi(text)]);
        seen[atoi(text)] = true;
    }
}

Test(inproc, a_peer_that_closed_does_not_come_back)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

    SEND(push, "x");
    RECV(pull, "x");
    test_close(pull);
    WAIT(test_events(push) == 0);
    pull = test_socket(ZMQ_PULL);
    WAIT(zmq_bind(pull, at) == 0);
    SEND_GIVES(EAGAIN, push, "nobody");
    test_connect(push, at);
    SEND(push, "y");
    RECV(pull, "y");
}

Test(inproc, one_socket_may_be_at_both_ends)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *dealer = test_bound(ZMQ_DEALER, at);

    test_connect(dealer, at);
    for (int i = 0; i < 4; i++)
        SEND(dealer, "%d", i);
    for (int i = 0; i < 4; i++)
        cr_assert_neq(test_recv(dealer, 0)[0], '!');
}

Test(inproc, passes_large_bodies_on_without_copying)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    zmq_msg_t part;
    void *data;

    OK(zmq_msg_init_size(&part, 1 << 20));
    data = zmq_msg_data(&part);
    memset(data, 'd', 1 << 20);
    OK(zmq_msg_send(&part, push, 0));
    OK(zmq_msg_init(&part));
    cr_assert_eq(zmq_msg_recv(&part, pull, 0), 1 << 20);
    cr_assert_eq(zmq_msg_data(&part), data);
    OK(zmq_msg_close(&part));
}

struct worker {
    pthread_t thread;
    const char *at;
    void *ctx;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    void *push = zmq_socket(w->ctx, ZMQ_PUSH);

    zmq_connect(push, w->at);
    for (int i = 0; i < 1000; i++)
        zmq_send(push, &i, sizeof i, 0);
    zmq_close(push);
    return NULL;
}

Test(inproc, threads_may_connect_and_send_at_once)
{
    enum { THREADS = 8 };
    struct worker workers[THREADS];
    const char *at = test_endpoint(TEST_INPROC);
    void *pull;
    int number;
    long sum = 0;

    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.at = at, .ctx = test_ctx()};
        cr_assert_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    pull = test_bound(ZMQ_PULL, at);
    for (int i = 0; i < THREADS * 1000; i++) {
        cr_assert_eq(zmq_recv(pull, &number, sizeof number, 0), (int)sizeof number);
        sum += number;
    }
    cr_assert_eq(sum, THREADS * (999L * 1000 / 2));
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    RECV_GIVES(EAGAIN, pull);
}

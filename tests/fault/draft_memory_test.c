/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out amid the draft interface: the n-th request of a whole cycle fails, for every n.
 * Each call succeeds or says ENOMEM, and then succeeds when it is repeated; nothing leaks. A binder
 * over inproc that finds no memory for a peer refuses it, and nobody dials again: then messages do
 * not arrive, and the cycle goes on without.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/base/alloc.h"
#include "include/zmq.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

TestSuite(draft_memory, .timeout = 600);

static _Atomic long requests, refused; /* since the cycle began; which one is refused */

static bool refuse(size_t size)
{
    (void)size;
    return atomic_fetch_add(&requests, 1) + 1 == atomic_load(&refused);
}

/* One request is refused, so the second time it must be well. */
#define INSIST(call)                                                                               \
    do {                                                                                           \
        if ((call) == -1) {                                                                        \
            cr_assert_eq(errno, ENOMEM, "%ld: %s: %s", refused, #call, zmq_strerror(errno));       \
            cr_assert_neq((call), -1, "%ld: %s: %s", refused, #call, zmq_strerror(errno));         \
        }                                                                                          \
    } while (0)
#define INSIST_ON(variable, call) INSIST(((variable) = (call)) != NULL ? 0 : -1)

static const char group[] = "a group with more bytes than a message has room for";

static void *open_socket(void *ctx, int type)
{
    void *s;
    int ms = 1000;

    INSIST_ON(s, zmq_socket(ctx, type));
    INSIST(zmq_setsockopt(s, ZMQ_RCVTIMEO, &ms, sizeof ms));
    INSIST(zmq_setsockopt(s, ZMQ_HELLO_MSG, "hello", 5));
    INSIST(zmq_setsockopt(s, ZMQ_DISCONNECT_MSG, "gone", 4));
    INSIST(zmq_setsockopt(s, ZMQ_METADATA, "X-a:b", 5));
    return s;
}

enum { TRIES = 100 };

/* Whether it arrived. What found no memory on its way is lost, so it is said again. */
static bool radio_to_dish(void *radio, void *dish)
{
    for (int i = 0; i < TRIES; i++) {
        zmq_msg_t m;
        int rc;

        INSIST(zmq_msg_init_buffer(&m, group, sizeof group));
        INSIST(zmq_msg_set_group(&m, group));
        INSIST(zmq_msg_send(&m, radio, 0));
        zmq_msg_init(&m);
        rc = zmq_msg_recv(&m, dish, ZMQ_DONTWAIT);
        if (rc >= 0)
            cr_expect_str_eq(zmq_msg_group(&m), group);
        zmq_msg_close(&m);
        if (rc >= 0)
            return true;
    }
    return false;
}

static bool client_to_server(void *client, void *server, void *poller)
{
    for (int i = 0; i < TRIES; i++) {
        zmq_poller_event_t e;
        zmq_pollitem_t item = {server, 0, ZMQ_POLLIN, 0};
        char text[64] = "";
        int rc = zmq_send(client, group, sizeof group, ZMQ_DONTWAIT);

        cr_assert(rc >= 0 || errno == EAGAIN || errno == ENOMEM);
        INSIST(zmq_poll(&item, 1, 0));
        rc = zmq_poller_wait(poller, &e, 0);
        cr_assert(rc >= 0 || errno == EAGAIN || errno == ENOMEM);
        rc = zmq_recv(server, text, sizeof text, ZMQ_DONTWAIT);
        cr_assert(rc >= 0 || errno == EAGAIN || errno == ENOMEM);
        if (strcmp(text, group) == 0) /* after the hello */
            return true;
    }
    return false;
}

/* Whether everything arrived. */
static bool cycle(void)
{
    void *ctx, *server, *client, *radio, *dish, *poller, *peer[2];
    bool all;

    INSIST_ON(ctx, zmq_ctx_new());
    server = open_socket(ctx, ZMQ_SERVER);
    client = open_socket(ctx, ZMQ_CLIENT);
    radio = open_socket(ctx, ZMQ_RADIO);
    dish = open_socket(ctx, ZMQ_DISH);
    peer[0] = open_socket(ctx, ZMQ_PEER);
    peer[1] = open_socket(ctx, ZMQ_PEER);
    INSIST_ON(poller, zmq_poller_new());
    INSIST(zmq_poller_add(poller, server, NULL, ZMQ_POLLIN));
    INSIST(zmq_poller_add(poller, dish, NULL, ZMQ_POLLIN));
    INSIST(zmq_poller_add_fd(poller, 0, NULL, 0));
    INSIST(zmq_join(dish, group));
    INSIST(zmq_connect(client, "inproc://server"));
    INSIST(zmq_bind(server, "inproc://server"));
    INSIST(zmq_bind(radio, "inproc://radio"));
    INSIST(zmq_connect(dish, "inproc://radio"));
    INSIST(zmq_bind(peer[0], "inproc://peer"));
    INSIST(zmq_connect_peer(peer[1], "inproc://peer") ? 0 : -1);
    all = client_to_server(client, server, poller);
    all = radio_to_dish(radio, dish) && all;
    INSIST(zmq_leave(dish, group));
    INSIST(zmq_poller_remove(poller, dish));
    zmq_close(client);
    zmq_close(server);
    zmq_close(dish);
    zmq_close(radio);
    zmq_close(peer[0]);
    zmq_close(peer[1]);
    zmq_poller_destroy(&poller);
    cr_assert_eq(zmq_ctx_term(ctx), 0);
    return all;
}

Test(draft_memory, every_request_may_fail)
{
    long n = 0, incomplete = 0;
    bool all;

    zu_alloc_refuse = refuse;
    do {
        atomic_store(&requests, 0);
        atomic_store(&refused, ++n);
        all = cycle();
        incomplete += !all;
    } while (atomic_load(&requests) >= n);
    zu_alloc_refuse = NULL;
    cr_expect(all, "with memory enough");
    cr_expect_lt(incomplete, 20, "%ld of %ld cycles lost a peer", incomplete, n);
    cr_expect_gt(n, 50, "%ld requests: that is not all of it", n);
}

/* The same with a loop behind it: which request is the n-th differs a little from run to run. */
Test(draft_memory, with_datagrams_too)
{
    for (long n = 1; n < 60; n++) {
        void *ctx, *dish, *radio;

        atomic_store(&requests, 0);
        atomic_store(&refused, n);
        zu_alloc_refuse = refuse;
        INSIST_ON(ctx, zmq_ctx_new());
        dish = open_socket(ctx, ZMQ_DISH);
        radio = open_socket(ctx, ZMQ_RADIO);
        INSIST(zmq_join(dish, group));
        INSIST(zmq_bind(dish, "udp://127.0.0.1:*"));
        INSIST(zmq_connect(radio, "udp://127.0.0.1:9"));
        INSIST(zmq_send(radio, group, sizeof group, 0));
        zmq_close(dish);
        zmq_close(radio);
        cr_assert_eq(zmq_ctx_term(ctx), 0);
        zu_alloc_refuse = NULL;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told of connections by messages that nobody sent: hello, disconnect and hiccup messages,
 * a ROUTER's notices, properties of one's own; and what else the draft part has for usual types.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/support/pair.h"

#include <stdio.h>
#include <sys/socket.h>

TEST_SUITE(told);

#define NEWER_ONLY()                                                                               \
    do {                                                                                           \
        if (!test_newer())                                                                         \
            cr_skip_test("draft");                                                                 \
    } while (0)

static void *named(int type, const char *id)
{
    void *s = test_socket(type);

    SET_TEXT(s, ZMQ_ROUTING_ID, id);
    return s;
}

/* ---- hello, disconnect, hiccup ---- */

EACH_TRANSPORT(told, a_hello_comes_before_everything_else)
{
    const char *at = test_endpoint(transport);
    void *router = test_socket(ZMQ_ROUTER), *dealer = named(ZMQ_DEALER, "D");

    NEWER_ONLY();
    SET_TEXT(router, ZMQ_HELLO_MSG, "welcome");
    SET_TEXT(dealer, ZMQ_HELLO_MSG, "hello");
    test_bind(router, at);
    test_connect(dealer, at);
    SEND(dealer, "first");
    RECV(router, "D|hello");
    RECV(router, "D|first");
    SEND(router, "D|answer");
    RECV(dealer, "welcome");
    RECV(dealer, "answer");
}

Test(told, over_inproc_a_late_bind_brings_hello_and_disconnect_too)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *router = test_socket(ZMQ_ROUTER), *dealer = named(ZMQ_DEALER, "D");

    NEWER_ONLY();
    SET_TEXT(router, ZMQ_HELLO_MSG, "welcome");
    SET_TEXT(router, ZMQ_DISCONNECT_MSG, "gone");
    SET_TEXT(dealer, ZMQ_HELLO_MSG, "hello");
    test_connect(dealer, at);
    test_bind(router, at);
    RECV(dealer, "welcome");
    RECV(router, "D|hello");
    SEND(dealer, "last");
    test_close(dealer);
    RECV(router, "D|last");
    RECV(router, "D|gone");
}

EACH_STREAM(told, a_hello_of_any_size_is_said_on_every_connection)
{
    static char large[100000], seen[sizeof large - 1];
    const char *at = test_endpoint(transport);
    void *router = test_socket(ZMQ_ROUTER), *dealer;

    NEWER_ONLY();
    memset(large, 'x', sizeof large - 1);
    SET_TEXT(router, ZMQ_HELLO_MSG, large);
    test_bind(router, at);
    for (int i = 0; i < 2; i++) {
        dealer = test_connected(ZMQ_DEALER, at);
        cr_assert_eq(zmq_recv(dealer, seen, sizeof seen, 0), sizeof large - 1);
        cr_expect_eq(memcmp(seen, large, sizeof seen), 0);
        test_close(dealer);
    }
    OK(zmq_setsockopt(router, ZMQ_HELLO_MSG, NULL, 0));
}

EACH_TRANSPORT(told, a_disconnect_message_comes_after_what_the_peer_sent)
{
    const char *at = test_endpoint(transport);
    void *router = test_socket(ZMQ_ROUTER), *dealer = named(ZMQ_DEALER, "D");

    NEWER_ONLY();
    SET_TEXT(router, ZMQ_DISCONNECT_MSG, "gone");
    test_bind(router, at);
    test_connect(dealer, at);
    SEND(dealer, "a");
    SEND(dealer, "b");
    OK(zmq_disconnect(dealer, at));
    RECV(router, "D|a");
    RECV(router, "D|b");
    RECV(router, "D|gone");
    RECV_GIVES(EAGAIN, router);
}

EACH_STREAM(told, a_hiccup_message_comes_when_the_server_is_lost)
{
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at), *dealer = named(ZMQ_DEALER, "D");

    NEWER_ONLY();
    SET_TEXT(dealer, ZMQ_HICCUP_MSG, "lost");
    SET(dealer, ZMQ_RECONNECT_IVL, 10);
    test_connect(dealer, at);
    SEND(dealer, "x");
    RECV(router, "D|x");
    test_close(router);
    RECV(dealer, "lost");
    router = test_socket(ZMQ_ROUTER);
    WAIT(zmq_bind(router, at) == 0);
    SEND(dealer, "y");
    RECV(router, "D|y");
    RECV_GIVES(EAGAIN, dealer);
}

Test(told, other_types_take_the_options_and_say_nothing)
{
    const char *at = test_endpoint(TEST_TCP);
    void *pull = test_socket(ZMQ_PULL), *push = test_socket(ZMQ_PUSH);

    NEWER_ONLY();
    SET_TEXT(pull, ZMQ_DISCONNECT_MSG, "gone");
    SET_TEXT(push, ZMQ_HELLO_MSG, "hello");
    SET_TEXT(push, ZMQ_HICCUP_MSG, "lost");
    test_bind(pull, at);
    test_connect(push, at);
    SEND(push, "x");
    RECV(pull, "x");
    FAILS(EINVAL, zmq_setsockopt(push, ZMQ_HELLO_MSG, NULL, 1));
}

/* ---- notices of a ROUTER ---- */

EACH_STREAM(told, a_router_hears_of_peers_that_come_and_go)
{
    const char *at = test_endpoint(transport);
    void *router = test_socket(ZMQ_ROUTER), *dealer = named(ZMQ_DEALER, "D");

    NEWER_ONLY();
    SET(router, ZMQ_ROUTER_NOTIFY, ZMQ_NOTIFY_CONNECT | ZMQ_NOTIFY_DISCONNECT);
    SET_TEXT(dealer, ZMQ_HELLO_MSG, "hello");
    test_bind(router, at);
    test_connect(dealer, at);
    RECV(router, "D|");
    RECV(router, "D|hello");
    test_close(dealer);
    RECV(router, "D|");
    FAILS(EINVAL, test_set(router, ZMQ_ROUTER_NOTIFY, 4));
    FAILS(EINVAL, test_set(router, ZMQ_ROUTER_NOTIFY, -1));
    FAILS(EINVAL, test_set(test_socket(ZMQ_DEALER), ZMQ_ROUTER_NOTIFY, 1));
}

EACH_TRANSPORT(told, a_router_knows_which_peer_has_room)
{
    const char *at = test_endpoint(transport);
    void *router = test_socket(ZMQ_ROUTER), *dealer = named(ZMQ_DEALER, "D");
    int state;

    NEWER_ONLY();
    SET(router, ZMQ_SNDHWM, 1);
    SET(router, ZMQ_ROUTER_MANDATORY, 1);
    SET(dealer, ZMQ_RCVHWM, 1);
    test_bind(router, at);
    FAILS(EHOSTUNREACH, zmq_socket_get_peer_state(router, "D", 1));
    FAILS(ENOTSUP, zmq_socket_get_peer_state(dealer, "D", 1));
    FAILS(ENOTSOCK, zmq_socket_get_peer_state(NULL, "D", 1));
    test_connect(dealer, at);
    SEND(dealer, "x");
    RECV(router, "D|x");
    cr_expect_eq(zmq_socket_get_peer_state(router, "D", 1), ZMQ_POLLOUT);
    do {
        state = zmq_socket_get_peer_state(router, "D", 1);
        if (state == ZMQ_POLLOUT)
            SEND(router, "D|full?");
    } while (state == ZMQ_POLLOUT && transport == TEST_INPROC);
    if (transport == TEST_INPROC)
        cr_expect_eq(state, 0);
    test_close(dealer);
    WAIT(zmq_socket_get_peer_state(router, "D", 1) == -1 && errno == EHOSTUNREACH);
}

/* ---- properties of one's own ---- */

EACH_STREAM(told, metadata_is_told_to_the_peer)
{
    const char *at = test_endpoint(transport);
    void *pull = test_socket(ZMQ_PULL), *push = test_socket(ZMQ_PUSH);
    static const char *const bad[] = {"", ":", "X-", "X-a", "X-a:", "X-:b", ":b", "a:b", "Y-a:b"};
    char name[300];
    zmq_msg_t m;

    NEWER_ONLY();
    SET_TEXT(push, ZMQ_METADATA, "X-city:Bonn");
    SET_TEXT(push, ZMQ_METADATA, "X-street:a:b");
    SET_TEXT(push, ZMQ_METADATA, "X-city:Rome");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        FAILS(EINVAL, test_set_text(push, ZMQ_METADATA, bad[i]));
    memset(name, 'n', sizeof name);
    memcpy(name, "X-", 2);
    name[256] = ':';
    FAILS(EINVAL, zmq_setsockopt(push, ZMQ_METADATA, name, 258));
    name[255] = ':';
    OK(zmq_setsockopt(push, ZMQ_METADATA, name, 258)); /* the name, a colon, ":n" */
    test_bind(pull, at);
    test_connect(push, at);
    SEND(push, "x");
    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, pull, 0));
    cr_expect_str_eq(zmq_msg_gets(&m, "X-city"), "Bonn", "the first one stays");
    cr_expect_str_eq(zmq_msg_gets(&m, "X-street"), "a:b");
    name[255] = '\0';
    cr_expect_str_eq(zmq_msg_gets(&m, name), ":n");
    zmq_msg_close(&m);
}

Test(told, metadata_has_an_end)
{
    void *push = test_socket(ZMQ_PUSH);
    char text[400];
    int given = 0;

    NEWER_ONLY();
    memset(text, 'v', sizeof text);
    do {
        snprintf(text, 16, "X-%05d:", given);
        text[8] = ':';
        text[9] = 'v';
    } while (zmq_setsockopt(push, ZMQ_METADATA, text, sizeof text) == 0 && ++given < 100);
    cr_expect_eq(errno, EINVAL);
    cr_expect_geq(given, 5);
    cr_expect_leq(given, 8);
}

/* ---- messages and contexts ---- */

Test(told, a_message_has_a_routing_number)
{
    zmq_msg_t m, copy;

    NEWER_ONLY();
    zmq_msg_init_size(&m, 5);
    zmq_msg_init(&copy);
    cr_expect_eq(zmq_msg_routing_id(&m), 0);
    FAILS(EINVAL, zmq_msg_set_routing_id(&m, 0));
    OK(zmq_msg_set_routing_id(&m, 0xfffffffe));
    OK(zmq_msg_copy(&copy, &m));
    cr_expect_eq(zmq_msg_routing_id(&m), 0xfffffffe);
    cr_expect_eq(zmq_msg_routing_id(&copy), 0xfffffffe);
    cr_expect_eq(zmq_msg_size(&m), 5);
    zmq_msg_close(&m);
    zmq_msg_close(&copy);
    FAILS(EFAULT, zmq_msg_set_routing_id(&m, 1));
}

Test(told, a_message_has_a_group_of_up_to_255_bytes)
{
    static const size_t sizes[] = {255, 16, 15, 0, 200, 1};
    char name[301], seen[301];
    zmq_msg_t m, copy;

    NEWER_ONLY();
    memset(name, 'g', sizeof name - 1);
    name[300] = '\0';
    zmq_msg_init_size(&m, 100);
    memset(zmq_msg_data(&m), 'd', 100);
    cr_expect_str_eq(zmq_msg_group(&m), "");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        OK(zmq_msg_set_group(&m, name + 300 - sizes[i]));
        cr_expect_str_eq(zmq_msg_group(&m), name + 300 - sizes[i]);
        zmq_msg_init(&copy);
        OK(zmq_msg_copy(&copy, &m));
        OK(zmq_msg_set_group(&m, "other"));
        cr_expect_str_eq(zmq_msg_group(&copy), name + 300 - sizes[i]);
        zmq_msg_close(&copy);
    }
    OK(zmq_msg_set_group(&m, name));
    memcpy(seen, name, sizeof seen);
    seen[255] = '\0';
    cr_expect_str_eq(zmq_msg_group(&m), seen, "cut");
    cr_expect_eq(((char *)zmq_msg_data(&m))[99], 'd');
    zmq_msg_close(&m);
    cr_expect_str_eq(zmq_msg_group(&m), "");
    FAILS(EFAULT, zmq_msg_set_group(&m, "x"));
}

Test(told, a_long_group_hides_no_property)
{
    const char *at = test_endpoint(TEST_TCP);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    zmq_msg_t m;

    NEWER_ONLY();
    SEND(push, "x");
    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, pull, 0));
    OK(zmq_msg_set_group(&m, "a name that is longer than sixteen bytes"));
    cr_expect_str_eq(zmq_msg_gets(&m, "Peer-Address"), "127.0.0.1");
    cr_expect_geq(zmq_msg_get(&m, ZMQ_SRCFD), 0);
    cr_expect_null(zmq_msg_gets(&m, ""));
    OK(zmq_msg_set_group(&m, "short"));
    cr_expect_str_eq(zmq_msg_gets(&m, "Peer-Address"), "127.0.0.1");
    zmq_msg_close(&m);
}

Test(told, contexts_take_options_by_pointer)
{
    void *ctx = test_ctx();
    int value = 3;
    size_t size = sizeof value;
    char text[17];

    NEWER_ONLY();
    OK(zmq_ctx_set_ext(ctx, ZMQ_IO_THREADS, &value, sizeof value));
    value = 0;
    OK(zmq_ctx_get_ext(ctx, ZMQ_IO_THREADS, &value, &size));
    cr_expect_eq(value, 3);
    FAILS(EINVAL, zmq_ctx_set_ext(ctx, ZMQ_IO_THREADS, &value, 2));
    FAILS(EINVAL, zmq_ctx_set_ext(ctx, ZMQ_IO_THREADS, NULL, 4));
    size = 8;
    FAILS(EINVAL, zmq_ctx_get_ext(ctx, ZMQ_IO_THREADS, &value, &size));
    FAILS(EINVAL, zmq_ctx_set_ext(ctx, 4711, &value, sizeof value));
    FAILS(EFAULT, zmq_ctx_set_ext(NULL, ZMQ_IO_THREADS, &value, sizeof value));
    FAILS(EFAULT, zmq_ctx_get_ext(NULL, ZMQ_IO_THREADS, &value, &size));
    OK(zmq_ctx_set_ext(ctx, ZMQ_THREAD_NAME_PREFIX, "sixteen-bytes-ab", 16));
    size = sizeof text;
    OK(zmq_ctx_get_ext(ctx, ZMQ_THREAD_NAME_PREFIX, text, &size));
    cr_expect_str_eq(text, "sixteen-bytes-ab");
    size = 15;
    FAILS(EINVAL, zmq_ctx_get_ext(ctx, ZMQ_THREAD_NAME_PREFIX, text, &size));
    FAILS(EINVAL, zmq_ctx_set_ext(ctx, ZMQ_THREAD_NAME_PREFIX, "seventeen-bytes-a", 17));
    FAILS(EINVAL, zmq_ctx_set_ext(ctx, ZMQ_THREAD_NAME_PREFIX, "", 0));
}

/* ---- kernel sockets ---- */

Test(told, priority_and_busy_polling_reach_the_kernel)
{
    const char *at = test_endpoint(TEST_TCP);
    void *pull = test_socket(ZMQ_PULL), *push = test_socket(ZMQ_PUSH);
    int value, seen = -1;
    size_t size = sizeof value;
    socklen_t kernel_size = sizeof seen;
    zmq_msg_t m;

    NEWER_ONLY();
    FAILS(EINVAL, test_set(pull, ZMQ_PRIORITY, -1));
    SET(pull, ZMQ_PRIORITY, 5);
    SET(pull, ZMQ_BUSY_POLL, 0);
    OK(zmq_getsockopt(pull, ZMQ_PRIORITY, &value, &size));
    cr_expect_eq(value, 5);
    FAILS(EINVAL, zmq_getsockopt(pull, ZMQ_BUSY_POLL, &value, &size));
    FAILS(EINVAL, test_set(pull, ZMQ_IN_BATCH_SIZE, 0));
    SET(pull, ZMQ_OUT_BATCH_SIZE, 1);
    test_bind(pull, at);
    test_connect(push, at);
    SEND(push, "x");
    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, pull, 0));
    cr_expect_eq(
        getsockopt(zmq_msg_get(&m, ZMQ_SRCFD), SOL_SOCKET, SO_PRIORITY, &seen, &kernel_size), 0);
    cr_expect_eq(seen, 5);
    zmq_msg_close(&m);
}

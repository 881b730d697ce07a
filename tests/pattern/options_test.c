/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options through a socket: defaults, ranges, lengths, and which type takes which.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/support/pair.h"

#include <criterion/parameterized.h>
#include <limits.h>
#include <stdlib.h>

TEST_SUITE(options);

struct number {
    int option, initial, good, reads, bad; /* INT_MIN as bad: every number is taken */
};

ParameterizedTestParameters(options, numbers_have_defaults_and_ranges)
{
    static struct number all[] = {
        {ZMQ_SNDBUF, -1, 70000, 70000, -2},
        {ZMQ_RCVBUF, -1, 70000, 70000, -2},
        {ZMQ_LINGER, -1, 5, 5, -2},
        {ZMQ_RECONNECT_IVL, 100, 0, 0, -2},
        {ZMQ_RECONNECT_IVL_MAX, 0, 7, 7, -1},
        {ZMQ_BACKLOG, 100, 0, 0, -1},
        {ZMQ_SNDHWM, 1000, 0, 0, -1},
        {ZMQ_RCVHWM, 1000, 3, 3, -1},
        {ZMQ_RCVTIMEO, -1, 0, 0, -2},
        {ZMQ_SNDTIMEO, -1, 9, 9, -2},
        {ZMQ_TCP_KEEPALIVE, -1, 1, 1, 2},
        {ZMQ_TCP_KEEPALIVE, -1, 0, 0, -2},
        {ZMQ_TCP_KEEPALIVE_CNT, -1, 3, 3, -2},
        {ZMQ_TCP_KEEPALIVE_IDLE, -1, 3, 3, -2},
        {ZMQ_TCP_KEEPALIVE_INTVL, -1, 3, 3, -2},
        {ZMQ_IMMEDIATE, 0, 1, 1, 2},
        {ZMQ_IPV6, 0, 1, 1, 2},
        {ZMQ_IPV4ONLY, 1, 0, 0, 2},
        {ZMQ_CONFLATE, 0, 1, 1, 2},
        {ZMQ_TOS, 0, 300, 300, -1},
        {ZMQ_HANDSHAKE_IVL, 30000, 0, 0, -1},
        {ZMQ_INVERT_MATCHING, 0, 7, 1, INT_MIN},
        {ZMQ_HEARTBEAT_IVL, 0, 50, 50, -1},
        {ZMQ_HEARTBEAT_TTL, 0, 6553599, 6553500, 6553600},
        {ZMQ_HEARTBEAT_TTL, 0, 99, 0, -100},
        {ZMQ_HEARTBEAT_TIMEOUT, -1, 0, 0, -1},
        {ZMQ_CONNECT_TIMEOUT, 0, 20, 20, -1},
        {ZMQ_TCP_MAXRT, 0, 20, 20, -1},
        {ZMQ_USE_FD, -1, 3, 3, -2},
        {ZMQ_MULTICAST_HOPS, 1, 4, 4, 0},
        {ZMQ_RATE, 100, 4, 4, 0},
        {ZMQ_RECOVERY_IVL, 10000, 0, 0, -1},
        {ZMQ_MULTICAST_MAXTPDU, 1500, 4, 4, 0},
    };

    return cr_make_param_array(struct number, all, sizeof all / sizeof *all);
}

ParameterizedTest(struct number *n, options, numbers_have_defaults_and_ranges)
{
    void *socket = test_untimed(ZMQ_DEALER);
    int64_t wide = n->good;
    int value;
    size_t size;

    cr_assert_eq(test_get(socket, n->option), n->initial, "%d reads %d", n->option,
                 test_get(socket, n->option));
    OK(test_set(socket, n->option, n->good));
    cr_assert_eq(test_get(socket, n->option), n->reads);
    if (n->bad != INT_MIN)
        cr_assert_eq(test_set(socket, n->option, n->bad), -1, "%d takes %d", n->option, n->bad);
    cr_assert_eq(test_get(socket, n->option), n->reads, "a failing set changed it");
    FAILS(EINVAL, zmq_setsockopt(socket, n->option, &wide, sizeof wide));
    FAILS(EINVAL, zmq_setsockopt(socket, n->option, &wide, 2));
    size = 3;
    FAILS(EINVAL, zmq_getsockopt(socket, n->option, &value, &size));
}

Test(options, unknown_numbers_are_refused)
{
    static const int unknown[] = {0, 1, 10, 20, 26, 29, 30, 67, 70, 82, 83, 125, 4711, -1};
    void *socket = test_socket(ZMQ_DEALER);

    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        FAILS(EINVAL, test_set(socket, unknown[i], 1));
        FAILS(EINVAL, test_get(socket, unknown[i]));
    }
    FAILS(ENOTSOCK, test_set(NULL, ZMQ_LINGER, 1));
    FAILS(ENOTSOCK, test_get(NULL, ZMQ_LINGER));
}

Test(options, reading_clears_the_rest_of_the_buffer)
{
    void *socket = test_socket(ZMQ_DEALER);
    static const int wide[] = {ZMQ_RCVMORE, ZMQ_EVENTS};
    char text[8];
    size_t size;

    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        uint64_t value = UINT64_MAX;

        size = sizeof value;
        OK(zmq_getsockopt(socket, wide[i], &value, &size));
        cr_assert_eq(value, 0);
        cr_assert_eq(size, 4);
    }
    memset(text, 'x', sizeof text);
    size = sizeof text;
    OK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text, &size));
    cr_assert_eq(size, 1);
    for (size_t i = 0; i < sizeof text; i++)
        cr_assert_eq(text[i], 0);
}

Test(options, some_can_only_be_read_and_some_only_written)
{
    static const int read_only[] = {ZMQ_RCVMORE,       ZMQ_FD,        ZMQ_EVENTS,     ZMQ_TYPE,
                                    ZMQ_LAST_ENDPOINT, ZMQ_MECHANISM, ZMQ_THREAD_SAFE};
    static const int write_only[] = {
        ZMQ_ROUTER_MANDATORY,   ZMQ_ROUTER_HANDOVER,   ZMQ_PROBE_ROUTER,
        ZMQ_CONNECT_ROUTING_ID, ZMQ_TCP_ACCEPT_FILTER, ZMQ_SUBSCRIBE,
        ZMQ_XPUB_VERBOSE,       ZMQ_XPUB_MANUAL,       ZMQ_STREAM_NOTIFY};
    void *socket = test_socket(ZMQ_ROUTER);

    for (size_t i = 0; i < sizeof read_only / sizeof *read_only; i++)
        FAILS(EINVAL, test_set(socket, read_only[i], 1));
    for (size_t i = 0; i < sizeof write_only / sizeof *write_only; i++)
        FAILS(EINVAL, test_get(socket, write_only[i]));
}

Test(options, every_number_but_0_has_an_xsub_pass_every_cancel_on)
{
    void *xsub = test_socket(ZMQ_XSUB);

    if (!test_newer())
        cr_skip_test("draft");
    for (int value = -1; value <= 2; value++)
        OK(test_set(xsub, ZMQ_XSUB_VERBOSE_UNSUBSCRIBE, value));
}

Test(options, routing_ids_have_1_to_255_octets)
{
    void *socket = test_socket(ZMQ_DEALER);
    char id[300], seen[300];
    size_t size = sizeof seen;

    memset(id, 'i', sizeof id);
    OK(zmq_getsockopt(socket, ZMQ_ROUTING_ID, seen, &size));
    cr_assert_eq(size, 0);
    FAILS(EINVAL, zmq_setsockopt(socket, ZMQ_ROUTING_ID, id, 0));
    FAILS(EINVAL, zmq_setsockopt(socket, ZMQ_ROUTING_ID, id, 256));
    OK(zmq_setsockopt(socket, ZMQ_ROUTING_ID, "\0abc", 4));
    OK(zmq_setsockopt(socket, ZMQ_ROUTING_ID, id, 255));
    size = 254;
    FAILS(EINVAL, zmq_getsockopt(socket, ZMQ_ROUTING_ID, seen, &size));
    size = sizeof seen;
    OK(zmq_getsockopt(socket, ZMQ_ROUTING_ID, seen, &size));
    cr_assert_eq(size, 255);
    cr_assert_arr_eq(seen, id, 255);
    cr_assert_eq(seen[255], 0);
}

Test(options, wide_numbers_take_eight_octets)
{
    void *socket = test_socket(ZMQ_DEALER);
    int64_t max = 0;
    uint64_t affinity = 99;
    size_t size = sizeof max;
    int narrow = 1;

    OK(zmq_getsockopt(socket, ZMQ_MAXMSGSIZE, &max, &size));
    cr_assert_eq(max, -1);
    OK(zmq_getsockopt(socket, ZMQ_AFFINITY, &affinity, &size));
    cr_assert_eq(affinity, 0);
    max = 1000;
    OK(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max, sizeof max));
    FAILS(EINVAL, zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &narrow, sizeof narrow));
    FAILS(EINVAL, zmq_setsockopt(socket, ZMQ_AFFINITY, &narrow, sizeof narrow));
    FAILS(EINVAL, test_get(socket, ZMQ_MAXMSGSIZE));
    FAILS(EINVAL, test_get(socket, ZMQ_AFFINITY));
}

struct owner {
    int option;
    int types[4]; /* terminated by -1 where shorter */
};

ParameterizedTestParameters(options, of_one_type_are_refused_by_the_others)
{
    static struct owner all[] = {
        {ZMQ_ROUTER_MANDATORY, {ZMQ_ROUTER, ZMQ_REP, -1}},
        {ZMQ_ROUTER_HANDOVER, {ZMQ_ROUTER, ZMQ_REP, -1}},
        {ZMQ_PROBE_ROUTER, {ZMQ_ROUTER, ZMQ_REP, ZMQ_DEALER, ZMQ_REQ}},
        {ZMQ_REQ_CORRELATE, {ZMQ_REQ, -1}},
        {ZMQ_REQ_RELAXED, {ZMQ_REQ, -1}},
        {ZMQ_STREAM_NOTIFY, {ZMQ_STREAM, -1}},
        {ZMQ_XPUB_VERBOSE, {ZMQ_XPUB, ZMQ_PUB, -1}},
        {ZMQ_XPUB_VERBOSER, {ZMQ_XPUB, ZMQ_PUB, -1}},
        {ZMQ_XPUB_MANUAL, {ZMQ_XPUB, ZMQ_PUB, -1}},
        {ZMQ_XPUB_NODROP, {ZMQ_XPUB, ZMQ_PUB, -1}},
        {ZMQ_XPUB_WELCOME_MSG, {ZMQ_XPUB, ZMQ_PUB, -1}},
        {ZMQ_CONNECT_ROUTING_ID, {ZMQ_ROUTER, ZMQ_REP, ZMQ_STREAM, -1}},
        {ZMQ_SUBSCRIBE, {ZMQ_SUB, -1}},
        {ZMQ_UNSUBSCRIBE, {ZMQ_SUB, -1}},
    };

    return cr_make_param_array(struct owner, all, sizeof all / sizeof *all);
}

ParameterizedTest(struct owner *one, options, of_one_type_are_refused_by_the_others)
{
    for (int type = ZMQ_PAIR; type <= ZMQ_STREAM; type++) {
        void *socket = test_socket(type);
        bool takes = false;

        for (int i = 0; i < 4 && one->types[i] >= 0; i++)
            takes = takes || one->types[i] == type;
        if (takes)
            SET(socket, one->option, 1);
        else
            FAILS(EINVAL, test_set(socket, one->option, 1));
        test_close(socket);
    }
}

Test(options, the_last_endpoint_is_the_resolved_one)
{
    void *socket = test_socket(ZMQ_PULL);
    char text[256];
    size_t size = sizeof text;
    int port;

    test_bind(socket, "tcp://127.0.0.1:*");
    OK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text, &size));
    cr_assert_eq(strncmp(text, "tcp://127.0.0.1:", 16), 0, "%s", text);
    port = atoi(text + 16);
    cr_assert_gt(port, 0);
    cr_assert_eq(size, strlen(text) + 1);
    FAILS(EADDRINUSE, zmq_bind(test_socket(ZMQ_PULL), text));
    FAILS(EINVAL, zmq_bind(socket, "tcp://127.0.0.1"));
    size = sizeof text;
    OK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text, &size));
    cr_assert_eq(atoi(text + 16), port); /* failures leave it */
    size = 5;
    FAILS(EINVAL, zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text, &size));
    OK(zmq_unbind(socket, test_text("tcp://127.0.0.1:%d", port)));
    size = sizeof text;
    OK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text, &size));
    cr_assert_eq(atoi(text + 16), port); /* nor does its end change it */
    test_bind(socket, "tcp://*:*");
    size = sizeof text;
    OK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text, &size));
    cr_assert_eq(strncmp(text, "tcp://0.0.0.0:", 14), 0, "%s", text);
    test_connect(socket, "tcp://localhost:9");
    size = sizeof text;
    OK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text, &size));
    cr_assert_str_eq(text, "tcp://localhost:9");
    test_bind(socket, "inproc://name");
    size = sizeof text;
    OK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text, &size));
    cr_assert_str_eq(text, "inproc://name");
}

Test(options, bad_endpoints_are_refused_at_once)
{
    static const struct {
        const char *endpoint;
        int bind_error, connect_error;
    } all[] = {
        {"", EINVAL, EINVAL},
        {"no scheme", EINVAL, EINVAL},
        {"tcp://", EINVAL, EINVAL},
        {"tcp://127.0.0.1", EINVAL, EINVAL},
        {"tcp://127.0.0.1:port", EINVAL, EINVAL},
        {"tcp://in valid:80", ENODEV, EINVAL},
        {"tcp://192.0.2.1:5555", EADDRNOTAVAIL, 0},
        {"carrier://pigeon", EPROTONOSUPPORT, EPROTONOSUPPORT},
        {"ipc://@", EINVAL, EINVAL},
        {"ipc:///no/such/folder/x", ENOENT, 0},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        void *socket = test_socket(ZMQ_PUSH);
        int rc = zmq_bind(socket, all[i].endpoint), error = rc < 0 ? errno : 0;

        cr_expect_eq(error, all[i].bind_error, "bind %s: %s", all[i].endpoint, test_error(error));
        rc = zmq_connect(socket, all[i].endpoint);
        error = rc < 0 ? errno : 0;
        cr_expect_eq(error, all[i].connect_error, "connect %s: %s", all[i].endpoint,
                     test_error(error));
        test_close(socket);
    }
}

Test(options, no_endpoint_at_all_is_an_error)
{
    void *socket = test_socket(ZMQ_PUSH);

    if (!test_newer())
        cr_skip_test("4.3.4 ends the process");
    FAILS(EINVAL, zmq_bind(socket, NULL));
    FAILS(EINVAL, zmq_connect(socket, NULL));
}

Test(options, of_a_context_have_defaults_and_ranges)
{
    void *ctx = zmq_ctx_new(), *socket;

    cr_assert_eq(zmq_ctx_get(ctx, ZMQ_IO_THREADS), 1);
    cr_assert_eq(zmq_ctx_get(ctx, ZMQ_MAX_SOCKETS), 1023);
    cr_assert_eq(zmq_ctx_get(ctx, ZMQ_SOCKET_LIMIT), 65535);
    cr_assert_eq(zmq_ctx_get(ctx, ZMQ_MSG_T_SIZE), 64);
    cr_assert_eq(zmq_ctx_get(ctx, ZMQ_IPV6), 0);
    cr_assert_eq(zmq_ctx_get(ctx, ZMQ_BLOCKY), 1);
    FAILS(EINVAL, zmq_ctx_get(ctx, 4711));
    FAILS(EINVAL, zmq_ctx_set(ctx, 4711, 1));
    FAILS(EINVAL, zmq_ctx_set(ctx, ZMQ_IO_THREADS, -1));
    FAILS(EINVAL, zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 0));
    FAILS(EFAULT, zmq_ctx_set(NULL, ZMQ_IO_THREADS, 1));
    FAILS(EFAULT, zmq_ctx_get(NULL, ZMQ_IO_THREADS));
    OK(zmq_ctx_set(ctx, ZMQ_IPV6, 1));
    socket = zmq_socket(ctx, ZMQ_PULL);
    cr_assert_eq(test_get(socket, ZMQ_IPV6), 1);
    OK(zmq_close(socket));
    OK(zmq_ctx_term(ctx));
}

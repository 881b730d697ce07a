/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp: addresses, wildcards, sources, filters, and the options of the socket underneath.
 */
#define ZMQ_BUILD_DRAFT_API /* ZMQ_RECONNECT_STOP_AFTER_DISCONNECT */
#include "tests/support/pair.h"
#include "tests/support/plain.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

TEST_SUITE(tcp);

static const char *bind_wildcard(void *socket, const char *pattern)
{
    static char at[256];
    size_t size = sizeof at;

    test_bind(socket, pattern);
    OK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, at, &size));
    return at;
}

static int port_of(const char *endpoint)
{
    return atoi(strrchr(endpoint, ':') + 1);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool works = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0;

    if (fd >= 0)
        close(fd);
    return works;
}

static void hears(void *pull, void *push)
{
    SEND(push, "heard|twice");
    RECV(pull, "heard|twice");
}

Test(tcp, binds_wildcards_and_names)
{
    static const char *const patterns[] = {"tcp://*:*", "tcp://*:0", "tcp://127.0.0.1:*",
                                           "tcp://lo:*", "tcp://0.0.0.0:0"};

    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        void *pull = test_socket(ZMQ_PULL);
        const char *at = bind_wildcard(pull, patterns[i]);

        hears(pull, test_connected(ZMQ_PUSH, test_text("tcp://127.0.0.1:%d", port_of(at))));
        hears(pull, test_connected(ZMQ_PUSH, test_text("tcp://localhost:%d", port_of(at))));
        FAILS(ENOENT, zmq_unbind(pull, "tcp://*:*"));
        OK(zmq_unbind(pull, at));
    }
}

Test(tcp, speaks_ipv6)
{
    void *pull = test_socket(ZMQ_PULL), *push = test_socket(ZMQ_PUSH);
    const char *at;

    if (!has_ipv6())
        cr_skip_test("no IPv6 here");
    FAILS(ENODEV, zmq_bind(pull, "tcp://[::1]:*"));
    SET(pull, ZMQ_IPV6, 1);
    SET(push, ZMQ_IPV6, 1);
    at = bind_wildcard(pull, "tcp://[::1]:*");
    cr_assert_eq(strncmp(at, "tcp://[::1]:", 12), 0, "%s", at);
    test_connect(push, at);
    hears(pull, push);
    at = bind_wildcard(pull, "tcp://*:*");
    cr_assert_eq(strncmp(at, "tcp://[::]:", 11), 0, "%s", at);
    hears(pull, test_connected(ZMQ_PUSH, test_text("tcp://127.0.0.1:%d", port_of(at))));
}

Test(tcp, a_port_in_use_is_an_error)
{
    const char *at = test_endpoint(TEST_TCP);
    int listener = test_plain_listen(at);
    void *pull = test_socket(ZMQ_PULL);

    FAILS(EADDRINUSE, zmq_bind(pull, at));
    close(listener);
    WAIT(zmq_bind(pull, at) == 0);
}

Test(tcp, connects_from_the_source_it_was_given)
{
    const char *at = test_endpoint(TEST_TCP);
    int listener = test_plain_listen(at), port = test_free_port(), fd;
    void *push =
        test_connected(ZMQ_PUSH, test_text("tcp://127.0.0.1:%d;127.0.0.1:%d", port, port_of(at)));
    struct sockaddr_in from;
    socklen_t size = sizeof from;

    (void)push;
    fd = test_plain_accept(listener);
    cr_assert_eq(getpeername(fd, (struct sockaddr *)&from, &size), 0);
    cr_assert_eq(ntohs(from.sin_port), port);
    close(fd);
    close(listener);
}

static int number_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;

    cr_assert_eq(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

Test(tcp, sets_the_options_of_accepted_sockets)
{
    const char *at = test_endpoint(TEST_TCP);
    void *pull = test_socket(ZMQ_PULL), *push = test_socket(ZMQ_PUSH);
    zmq_msg_t part;
    int fd;

    SET(pull, ZMQ_TCP_KEEPALIVE, 1);
    SET(pull, ZMQ_TCP_KEEPALIVE_CNT, 5);
    SET(pull, ZMQ_TCP_KEEPALIVE_IDLE, 33);
    SET(pull, ZMQ_TCP_KEEPALIVE_INTVL, 7);
    SET(pull, ZMQ_TOS, 0x28);
    test_bind(pull, at);
    test_connect(push, at);
    SEND(push, "x");
    zmq_msg_init(&part);
    cr_assert_eq(zmq_msg_recv(&part, pull, 0), 1);
    fd = zmq_msg_get(&part, ZMQ_SRCFD);
    cr_assert_geq(fd, 0);
    cr_assert_eq(number_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    cr_assert_eq(number_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    cr_assert_eq(number_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 5);
    cr_assert_eq(number_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 33);
    cr_assert_eq(number_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 7);
    cr_assert_eq(number_of(fd, IPPROTO_IP, IP_TOS), 0x28);
    zmq_msg_close(&part);
}

Test(tcp, an_accept_filter_turns_others_away)
{
    const char *at = test_endpoint(TEST_TCP);
    void *pull = test_socket(ZMQ_PULL), *push = test_socket(ZMQ_PUSH);
    int fd;

    FAILS(EINVAL, test_set_text(pull, ZMQ_TCP_ACCEPT_FILTER, "no address"));
    FAILS(EINVAL, test_set_text(pull, ZMQ_TCP_ACCEPT_FILTER, "10.0.0.0/33"));
    SET_TEXT(pull, ZMQ_TCP_ACCEPT_FILTER, "10.1.2.0/24");
    test_bind(pull, at);
    fd = test_plain_connect(at);
    WAIT(test_plain_has_ended(fd));
    close(fd);
    OK(zmq_setsockopt(pull, ZMQ_TCP_ACCEPT_FILTER, NULL, 0));
    SET_TEXT(pull, ZMQ_TCP_ACCEPT_FILTER, "127.0.0.0/8");
    test_bind(pull, at = test_endpoint(TEST_TCP));
    test_connect(push, at);
    hears(pull, push);
}

Test(tcp, takes_over_a_descriptor_that_already_listens)
{
    const char *at = test_endpoint(TEST_TCP);
    int listener = test_plain_listen(at);
    void *pull = test_socket(ZMQ_PULL), *push;

    SET(pull, ZMQ_USE_FD, listener);
    test_bind(pull, at);
    push = test_connected(ZMQ_PUSH, at);
    hears(pull, push);
}

Test(tcp, connecting_to_nobody_is_no_error)
{
    void *push = test_socket(ZMQ_PUSH);

    test_connect(push, "tcp://127.0.0.1:9");
    test_connect(push, "tcp://localhost:9");
    test_connect(push, "tcp://[::1]:9");
    test_connect(push, "tcp://no.such.host.invalid:9");
    SEND_GIVES(0, push, "for whoever comes");
}

Test(tcp, a_silent_connection_is_given_up_after_the_handshake_interval)
{
    const char *at = test_endpoint(TEST_TCP);
    void *pull = test_socket(ZMQ_PULL);
    int fd;

    SET(pull, ZMQ_HANDSHAKE_IVL, 100);
    test_bind(pull, at);
    fd = test_plain_connect(at);
    WAIT(test_plain_has_ended(fd));
    close(fd);
}

Test(tcp, tries_again_at_the_reconnect_interval)
{
    const char *at = test_endpoint(TEST_TCP);
    int listener = test_plain_listen(at);
    void *push = test_socket(ZMQ_PUSH);
    int64_t began_ms = 0;

    SET(push, ZMQ_RECONNECT_IVL, 60);
    test_connect(push, at);
    for (int i = 0; i < 4; i++) {
        int fd = test_plain_accept(listener);

        if (i == 0)
            began_ms = test_now_ms();
        close(fd);
    }
    cr_assert_geq(test_now_ms() - began_ms, 3 * 60 - 3);
    close(listener);
}

/* With time to linger, and something to send, to nobody: else the context would not end. */
Test(tcp, may_stop_dialing_after_a_disconnect)
{
    const char *at = test_endpoint(TEST_TCP), *later = test_endpoint(TEST_TCP);
    void *push = test_socket(ZMQ_PUSH), *pull;

    SET(push, ZMQ_LINGER, -1);
    SET(push, ZMQ_RECONNECT_IVL, 10);
    SET(push, ZMQ_RECONNECT_STOP, ZMQ_RECONNECT_STOP_AFTER_DISCONNECT);
    test_connect(push, at);
    SEND(push, "lost");
    OK(zmq_disconnect(push, at));
    test_connect(push, later); /* what holds for one endpoint holds for it alone */
    SEND(push, "found");
    test_close(push); /* nor is a close a disconnect */
    pull = test_socket(ZMQ_PULL);
    WAIT(zmq_bind(pull, later) == 0);
    RECV(pull, "found");
}

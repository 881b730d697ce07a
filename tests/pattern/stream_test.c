/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STREAM: plain TCP peers, each under an id.
 */
#include "tests/support/pair.h"
#include "tests/support/plain.h"

#include <unistd.h>

TEST_SUITE(stream);

static bool is_unreachable(void *stream, const unsigned char id[5])
{
    if (zmq_send(stream, id, 5, ZMQ_SNDMORE | ZMQ_DONTWAIT) == -1)
        return errno == EHOSTUNREACH;
    zmq_send(stream, "lost", 4, ZMQ_DONTWAIT);
    RECV_GIVES(EAGAIN, stream); /* lets it meet the end of what the peer sent */
    return false;
}

Test(stream, tells_the_coming_and_the_going_of_a_peer)
{
    const char *at = test_endpoint(TEST_TCP);
    void *stream = test_bound(ZMQ_STREAM, at);
    unsigned char id[5], same[5];
    int fd = test_plain_connect(at);

    test_recv_from(stream, id, "");
    cr_assert_eq(write(fd, "GET /", 5), 5);
    test_recv_from(stream, same, "GET /");
    cr_assert_arr_eq(id, same, 5);
    test_send_to(stream, id, "200 OK");
    test_plain_read(fd, "200 OK");
    close(fd);
    test_recv_from(stream, same, "");
    cr_assert_arr_eq(id, same, 5);
    SEND_GIVES(EHOSTUNREACH, stream, "nobody|x");
    WAIT(is_unreachable(stream, id));
}

Test(stream, closes_a_peer_by_an_empty_message)
{
    const char *at = test_endpoint(TEST_TCP);
    void *stream = test_bound(ZMQ_STREAM, at);
    unsigned char id[5], other[5];
    int fd = test_plain_connect(at), second;

    test_recv_from(stream, id, "");
    test_send_to(stream, id, "");
    WAIT(test_events(stream) >= 0 && test_plain_has_ended(fd));
    close(fd);
    second = test_plain_connect(at);
    test_recv_from(stream, other, ""); /* of the first nothing more is told */
    cr_assert_neq(memcmp(id, other, 5), 0);
    cr_assert_eq(write(second, "x", 1), 1);
    test_recv_from(stream, other, "x");
    close(second);
}

Test(stream, without_notices_hands_out_data_only)
{
    const char *at = test_endpoint(TEST_TCP);
    void *stream = test_socket(ZMQ_STREAM);
    unsigned char id[5];
    int fd;

    SET(stream, ZMQ_STREAM_NOTIFY, 0);
    test_bind(stream, at);
    fd = test_plain_connect(at);
    cr_assert_eq(write(fd, "1", 1), 1);
    test_recv_from(stream, id, "1");
    close(fd);
    fd = test_plain_connect(at);
    cr_assert_eq(write(fd, "2", 1), 1);
    test_recv_from(stream, id, "2");
    close(fd);
}

Test(stream, connects_to_a_plain_server)
{
    const char *at = test_endpoint(TEST_TCP);
    void *stream = test_socket(ZMQ_STREAM);
    unsigned char id[5], own[5];
    size_t size = sizeof own;
    int listener = test_plain_listen(at), fd;

    test_connect(stream, at);
    OK(zmq_getsockopt(stream, ZMQ_ROUTING_ID, own, &size));
    cr_assert_eq(size, 5);
    fd = test_plain_accept(listener);
    test_recv_from(stream, id, "");
    cr_assert_arr_eq(id, own, 5);
    test_send_to(stream, own, "hello");
    test_plain_read(fd, "hello");
    cr_assert_eq(write(fd, "welcome", 7), 7);
    test_recv_from(stream, id, "welcome");
    cr_assert_arr_eq(id, own, 5);
    close(fd);
    close(listener);
}

Test(stream, keeps_the_id_over_a_reconnection)
{
    const char *at = test_endpoint(TEST_TCP);
    void *stream = test_socket(ZMQ_STREAM);
    unsigned char id[5], again[5];
    int listener = test_plain_listen(at), fd;

    SET(stream, ZMQ_RECONNECT_IVL, 10);
    test_connect(stream, at);
    fd = test_plain_accept(listener);
    test_recv_from(stream, id, "");
    close(fd);
    test_recv_from(stream, again, "");
    cr_assert_arr_eq(id, again, 5);
    fd = test_plain_accept(listener);
    test_recv_from(stream, again, "");
    cr_assert_arr_eq(id, again, 5);
    test_send_to(stream, id, "back");
    test_plain_read(fd, "back");
    close(fd);
    close(listener);
}

Test(stream, connect_routing_id_names_the_peer)
{
    const char *at = test_endpoint(TEST_TCP);
    void *stream = test_socket(ZMQ_STREAM);
    int listener = test_plain_listen(at), fd;

    SET_TEXT(stream, ZMQ_CONNECT_ROUTING_ID, "server");
    test_connect(stream, at);
    fd = test_plain_accept(listener);
    RECV(stream, "server|");
    SEND(stream, "server|hello");
    test_plain_read(fd, "hello");
    close(fd);
    close(listener);
}

Test(stream, two_streams_talk_in_both_directions)
{
    const char *at = test_endpoint(TEST_TCP);
    void *server = test_bound(ZMQ_STREAM, at), *client = test_connected(ZMQ_STREAM, at);
    unsigned char server_id[5], client_id[5];
    static char big[200000], seen[200000];
    size_t have = 0;

    test_recv_from(server, server_id, "");
    test_recv_from(client, client_id, "");
    test_send_to(client, client_id, "ping");
    test_recv_from(server, server_id, "ping");
    test_send_to(server, server_id, "pong");
    test_recv_from(client, client_id, "pong");
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 7 % 251);
    cr_assert_eq(zmq_send(client, client_id, 5, ZMQ_SNDMORE), 5);
    cr_assert_eq(zmq_send(client, big, sizeof big, 0), (int)sizeof big);
    while (have < sizeof big) {
        int n;

        cr_assert_eq(zmq_recv(server, server_id, 5, 0), 5);
        n = zmq_recv(server, seen + have, sizeof seen - have, 0);
        cr_assert_gt(n, 0);
        have += (size_t)n;
    }
    cr_assert_arr_eq(big, seen, sizeof big);
}

Test(stream, ids_know_the_address_of_the_peer)
{
    const char *at = test_endpoint(TEST_TCP);
    void *stream = test_bound(ZMQ_STREAM, at);
    int fd = test_plain_connect(at);
    zmq_msg_t part;

    zmq_msg_init(&part);
    cr_assert_eq(zmq_msg_recv(&part, stream, 0), 5);
    cr_assert_str_eq(zmq_msg_gets(&part, "Peer-Address"), "127.0.0.1");
    cr_assert_geq(zmq_msg_get(&part, ZMQ_SRCFD), 0);
    zmq_msg_close(&part);
    close(fd);
}

Test(stream, sends_the_same_data_part_whether_or_not_more_is_said_to_follow)
{
    const char *at = test_endpoint(TEST_TCP);
    void *stream = test_bound(ZMQ_STREAM, at);
    unsigned char id[5];
    int fd = test_plain_connect(at);

    test_recv_from(stream, id, "");
    cr_assert_eq(zmq_send(stream, id, 5, ZMQ_SNDMORE), 5);
    cr_assert_eq(zmq_send(stream, "a", 1, ZMQ_SNDMORE), 1);
    cr_assert_eq(zmq_send(stream, id, 5, ZMQ_SNDMORE), 5);
    cr_assert_eq(zmq_send(stream, "b", 1, ZMQ_SNDMORE), 1);
    test_plain_read(fd, "ab");
    close(fd);
}

Test(stream, speaks_tcp_only_by_bytes_without_a_greeting)
{
    const char *at = test_endpoint(TEST_TCP);
    void *stream = test_bound(ZMQ_STREAM, at);
    unsigned char id[5];
    int fd = test_plain_connect(at);

    test_recv_from(stream, id, "");
    test_send_to(stream, id, "first octets");
    test_plain_read(fd, "first octets"); /* nothing went before them */
    close(fd);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ROUTER: knows its peers by name and sends by name.
 */
#include "tests/support/pair.h"
#include "tests/support/plain.h"

#include <stdio.h>
#include <unistd.h>

TEST_SUITE(router);

static void *named(int type, const char *name, const char *at)
{
    void *socket = test_socket(type);

    SET_TEXT(socket, ZMQ_ROUTING_ID, name);
    test_connect(socket, at);
    return socket;
}

EACH_TRANSPORT(router, names_the_sender_and_sends_by_name)
{
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at), *a = named(ZMQ_DEALER, "A", at);
    void *b = named(ZMQ_DEALER, "BB", at);

    SEND(a, "from a|2");
    RECV(router, "A|from a|2");
    SEND(b, "|from b");
    RECV(router, "BB||from b");
    SEND(router, "BB|to b|x|y");
    SEND(router, "A|to a");
    RECV(a, "to a");
    RECV(b, "to b|x|y");
}

EACH_TRANSPORT(router, gives_nameless_peers_ids_of_five_octets)
{
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at), *dealers[3];
    unsigned char ids[3][8];
    char part[8];

    for (int i = 0; i < 3; i++) {
        dealers[i] = test_connected(ZMQ_DEALER, at);
        SEND(dealers[i], "x");
        cr_assert_eq(zmq_recv(router, ids[i], sizeof ids[i], 0), 5);
        cr_assert_eq(zmq_recv(router, part, sizeof part, 0), 1);
        cr_assert_eq(ids[i][0], 0);
        for (int k = 0; k < i; k++)
            cr_assert_neq(memcmp(ids[k], ids[i], 5), 0);
    }
    for (int i = 2; i >= 0; i--) {
        cr_assert_eq(zmq_send(router, ids[i], 5, ZMQ_SNDMORE), 5);
        SEND(router, "you are %d", i);
        RECV(dealers[i], "you are %d", i);
    }
}

Test(router, counts_the_ids_it_gives_up_by_one)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *router = test_bound(ZMQ_ROUTER, at);
    unsigned char id[8];
    uint32_t last = 0;

    for (int i = 0; i < 4; i++) {
        void *dealer = test_connected(ZMQ_DEALER, at);
        uint32_t number;
        char octet;

        SEND(dealer, "x");
        cr_assert_eq(zmq_recv(router, id, sizeof id, 0), 5);
        cr_assert_eq(zmq_recv(router, &octet, 1, 0), 1);
        number = (uint32_t)id[1] << 24 | (uint32_t)id[2] << 16 | (uint32_t)id[3] << 8 | id[4];
        if (i > 0)
            cr_assert_eq(number, last + 1);
        last = number;
    }
}

EACH_TRANSPORT(router, drops_what_is_for_strangers)
{
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at), *a;

    SEND_GIVES(0, router, "A|too early|parts");
    SEND_GIVES(0, router, "only an id");
    a = named(ZMQ_DEALER, "A", at);
    SEND(a, "x");
    RECV(router, "A|x");
    SEND_GIVES(0, router, "stranger|x|y");
    SEND_GIVES(0, router, "A"); /* no message at all */
    SEND(router, "A|known");
    RECV(a, "known");
}

EACH_TRANSPORT(router, mandatory_tells_of_strangers)
{
    const char *at = test_endpoint(transport);
    void *router = test_socket(ZMQ_ROUTER), *a;

    SET(router, ZMQ_ROUTER_MANDATORY, 1);
    test_bind(router, at);
    SEND_GIVES(EHOSTUNREACH, router, "A|x");
    cr_assert_eq(test_send(router, 0, "A|x"), EHOSTUNREACH); /* nor does it wait */
    cr_assert_eq(test_events(router), 0);
    a = named(ZMQ_DEALER, "A", at);
    SEND(a, "x");
    RECV(router, "A|x");
    cr_assert_eq(test_events(router), ZMQ_POLLOUT);
    SEND(router, "A|known");
    SEND_GIVES(EHOSTUNREACH, router, "B|x");
    RECV(a, "known");
    test_close(a);
    WAIT(test_send(router, ZMQ_DONTWAIT, "A|gone?") == EHOSTUNREACH);
}

Test(router, mandatory_tells_when_the_peer_is_full)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *router = test_socket(ZMQ_ROUTER), *a;

    SET(router, ZMQ_ROUTER_MANDATORY, 1);
    SET(router, ZMQ_SNDHWM, 1);
    test_bind(router, at);
    a = test_socket(ZMQ_DEALER);
    SET(a, ZMQ_RCVHWM, 1);
    SET_TEXT(a, ZMQ_ROUTING_ID, "A");
    test_connect(a, at);
    test_catch_up(router);
    SEND_GIVES(0, router, "A|1");
    SEND_GIVES(0, router, "A|2");
    SEND_GIVES(EAGAIN, router, "A|3");
    cr_assert_eq(test_events(router), 0);
    SET(router, ZMQ_SNDTIMEO, 50);
    cr_assert_eq(test_send(router, 0, "A|3"), EAGAIN);
    RECV(a, "1");
    RECV(a, "2");
    cr_assert_eq(test_events(router), ZMQ_POLLOUT);
    SEND_GIVES(0, router, "A|4");
    RECV(a, "4");
}

Test(router, drops_for_a_full_peer)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *router = test_socket(ZMQ_ROUTER), *a = test_socket(ZMQ_DEALER), *b;

    SET(router, ZMQ_SNDHWM, 1);
    test_bind(router, at);
    SET(a, ZMQ_RCVHWM, 1);
    SET_TEXT(a, ZMQ_ROUTING_ID, "A");
    test_connect(a, at);
    b = named(ZMQ_DEALER, "B", at);
    test_catch_up(router);
    for (int i = 0; i < 5; i++) {
        SEND_GIVES(0, router, "A|%d", i);
        SEND_GIVES(0, router, "B|%d", i);
    }
    cr_assert_eq(test_drain(a), 2);
    cr_assert_eq(test_drain(b), 5);
}

EACH_TRANSPORT(router, ignores_a_second_peer_of_the_same_name)
{
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at), *first = named(ZMQ_DEALER, "A", at), *second;
    void *fence;

    SEND(first, "first");
    RECV(router, "A|first");
    second = named(ZMQ_DEALER, "A", at);
    test_send(second, ZMQ_DONTWAIT, "unheard");
    fence = named(ZMQ_DEALER, "F", at);
    SEND(fence, "fence");
    RECV(router, "F|fence");
    SEND(router, "A|for the first");
    RECV(first, "for the first");
    SEND(first, "again");
    RECV(router, "A|again");
}

EACH_TRANSPORT(router, handover_gives_the_name_to_the_newcomer)
{
    const char *at = test_endpoint(transport);
    void *router = test_socket(ZMQ_ROUTER), *first, *second;

    SET(router, ZMQ_ROUTER_HANDOVER, 1);
    test_bind(router, at);
    first = test_socket(ZMQ_DEALER);
    SET_TEXT(first, ZMQ_ROUTING_ID, "A");
    SET(first, ZMQ_RECONNECT_IVL, -1);
    test_connect(first, at);
    SEND(first, "first");
    RECV(router, "A|first");
    second = named(ZMQ_DEALER, "A", at);
    SEND(second, "second");
    RECV(router, "A|second");
    SEND(router, "A|for the second");
    RECV(second, "for the second");
    RECV_GIVES(EAGAIN, first);
}

EACH_TRANSPORT(router, connect_routing_id_names_the_next_peer)
{
    const char *at[2] = {test_endpoint(transport), test_endpoint(transport)};
    void *router = test_socket(ZMQ_ROUTER), *peers[2];

    for (int i = 0; i < 2; i++) {
        peers[i] = test_socket(ZMQ_DEALER);
        SET_TEXT(peers[i], ZMQ_ROUTING_ID, "own name");
        test_bind(peers[i], at[i]);
    }
    SET_TEXT(router, ZMQ_CONNECT_ROUTING_ID, "X");
    test_connect(router, at[0]);
    SEND_GIVES(0, router, "X|at once"); /* needs no answer of the peer */
    RECV(peers[0], "at once");
    SEND(peers[0], "hello");
    RECV(router, "X|hello");
    test_connect(router, at[1]); /* used up */
    SEND(peers[1], "hello");
    RECV(router, "own name|hello");
}

EACH_STREAM(router, connect_routing_id_outlives_a_reconnection)
{
    const char *at = test_endpoint(transport);
    void *router = test_socket(ZMQ_ROUTER), *peer = test_bound(ZMQ_DEALER, at);

    SET(router, ZMQ_RECONNECT_IVL, 10);
    SET_TEXT(router, ZMQ_CONNECT_ROUTING_ID, "X");
    test_connect(router, at);
    SEND(router, "X|1");
    RECV(peer, "1");
    test_close(peer);
    peer = test_socket(ZMQ_DEALER);
    SET_TEXT(peer, ZMQ_ROUTING_ID, "another");
    WAIT(zmq_bind(peer, at) == 0);
    SEND(peer, "back"); /* waits for the connection */
    RECV(router, "X|back");
    SEND(router, "X|2");
    RECV(peer, "2");
}

Test(router, a_connect_routing_id_in_use_is_an_error)
{
    const char *at[2] = {test_endpoint(TEST_TCP), test_endpoint(TEST_TCP)};
    void *router = test_socket(ZMQ_ROUTER);

    if (!test_newer())
        cr_skip_test("4.3.4 ends the process");
    SET_TEXT(router, ZMQ_CONNECT_ROUTING_ID, "X");
    test_connect(router, at[0]);
    cr_assert(test_set_text(router, ZMQ_CONNECT_ROUTING_ID, "X") < 0 ||
              zmq_connect(router, at[1]) < 0);
    SEND_GIVES(0, router, "X|still the first");
}

/*
 * A new peer of that name; NULL when the name is not free yet, and the peer thus not heard. Or not
 * heard in time: what is heard of one that was given up is passed over.
 */
static void *heard_under(void *router, const char *name, const char *at)
{
    static int times;
    zmq_pollitem_t item = {.socket = router, .events = ZMQ_POLLIN};
    void *peer = named(ZMQ_DEALER, name, at);
    char hello[64];

    snprintf(hello, sizeof hello, "%s|new %d", name, ++times);
    SEND(peer, "new %d", times);
    while (zmq_poll(&item, 1, 200 * times) == 1)
        if (strcmp(test_recv(router, 0), hello) == 0)
            return peer;
    test_set(peer, ZMQ_LINGER, 0);
    test_close(peer);
    return NULL;
}

EACH_TRANSPORT(router, a_peer_that_has_gone_is_forgotten_when_all_was_read)
{
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at), *a = named(ZMQ_DEALER, "A", at);

    for (int i = 0; i < 20; i++)
        SEND(a, "%d", i);
    test_close(a);
    for (int i = 0; i < 20; i++)
        RECV(router, "A|%d", i);
    /* The name is free: the next of that name is heard. */
    SET(router, ZMQ_ROUTER_MANDATORY, 1);
    WAIT(test_send(router, ZMQ_DONTWAIT, "A|gone?") == EHOSTUNREACH);
    RECV_GIVES(EAGAIN, router); /* meets the end */
    WAIT((a = heard_under(router, "A", at)));
    SEND(router, "A|hello");
    RECV(a, "hello");
}

Test(router, takes_turns_among_its_peers)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *router = test_bound(ZMQ_ROUTER, at), *peers[3];

    for (int i = 0; i < 3; i++)
        peers[i] = named(ZMQ_DEALER, test_text("%c", 'a' + i), at);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            SEND(peers[i], "%d|x", k);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 3; i++)
            RECV(router, "%c|%d|x", 'a' + i, k);
}

EACH_TRANSPORT(router, talks_to_a_router_by_probe)
{
    const char *at = test_endpoint(transport);
    void *a = test_socket(ZMQ_ROUTER), *b = test_socket(ZMQ_ROUTER);

    SET_TEXT(a, ZMQ_ROUTING_ID, "a");
    test_bind(a, at);
    SET_TEXT(b, ZMQ_ROUTING_ID, "b");
    SET(b, ZMQ_PROBE_ROUTER, 1);
    test_connect(b, at);
    RECV(a, "b|");
    SEND(a, "b|hello b");
    RECV(b, "a|hello b");
    SEND(b, "a|hello a");
    RECV(a, "b|hello a");
}

EACH_STREAM(router, messages_tell_where_they_came_from)
{
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at), *a = named(ZMQ_DEALER, "A", at);
    const char *address;
    zmq_msg_t part;

    SEND(a, "x");
    zmq_msg_init(&part);
    for (int i = 0; i < 2; i++) { /* the id part knows as much as the body */
        cr_assert_neq(zmq_msg_recv(&part, router, 0), -1);
        cr_assert_str_eq(zmq_msg_gets(&part, "Socket-Type"), "DEALER");
        cr_assert_str_eq(zmq_msg_gets(&part, "Identity"), "A");
        address = zmq_msg_gets(&part, "Peer-Address");
        if (transport == TEST_TCP || transport == TEST_WS)
            cr_assert_str_eq(address, "127.0.0.1");
        else
            cr_assert_eq(strncmp(address, "localhost:", 10), 0, "%s", address);
        cr_assert_geq(zmq_msg_get(&part, ZMQ_SRCFD), 0);
        cr_assert_null(zmq_msg_gets(&part, "no such property"));
        cr_assert_eq(errno, EINVAL);
    }
    zmq_msg_close(&part);
}

Test(router, messages_over_inproc_tell_nothing)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *router = test_bound(ZMQ_ROUTER, at), *a = named(ZMQ_DEALER, "A", at);
    zmq_msg_t part;

    SEND(a, "x");
    zmq_msg_init(&part);
    cr_assert_eq(zmq_msg_recv(&part, router, 0), 1);
    cr_assert_null(zmq_msg_gets(&part, "Socket-Type"));
    cr_assert_eq(zmq_msg_get(&part, ZMQ_SRCFD), -1);
    zmq_msg_close(&part);
}

/* ---- ZMQ_ROUTER_RAW ---- */

static void *raw_router(void)
{
    void *router = test_socket(ZMQ_ROUTER);

    SET(router, ZMQ_ROUTER_RAW, 1);
    return router;
}

Test(router, raw_talks_to_peers_that_speak_no_zmtp)
{
    const char *at = test_endpoint(TEST_TCP);
    void *router = raw_router();
    unsigned char id[5], same[5];
    int fd;

    test_bind(router, at);
    fd = test_plain_connect(at);
    test_recv_from(router, id, ""); /* it came */
    cr_assert_eq(write(fd, "GET /", 5), 5);
    test_recv_from(router, same, "GET /");
    cr_assert_arr_eq(id, same, 5);
    test_send_to(router, id, "200 OK");
    test_plain_read(fd, "200 OK"); /* and no greeting before it */
    close(fd);
    test_recv_from(router, same, ""); /* it went */
    cr_assert_arr_eq(id, same, 5);
}

Test(router, raw_closes_a_peer_by_an_empty_message)
{
    const char *at = test_endpoint(TEST_TCP);
    void *router = raw_router();
    unsigned char id[5], other[5];
    int fd, second;

    test_bind(router, at);
    fd = test_plain_connect(at);
    test_recv_from(router, id, "");
    test_send_to(router, id, "");
    WAIT(test_events(router) >= 0 && test_plain_has_ended(fd));
    close(fd);
    test_send_to(router, id, "to nobody"); /* dropped without a word, as for any unknown id */
    second = test_plain_connect(at);
    test_recv_from(router, other, "");
    cr_assert_neq(memcmp(id, other, 5), 0);
    close(second);
}

Test(router, raw_takes_a_data_part_for_the_last_whatever_is_said_to_follow)
{
    const char *at = test_endpoint(TEST_TCP);
    void *router = raw_router();
    unsigned char id[5];
    int fd;

    test_bind(router, at);
    fd = test_plain_connect(at);
    test_recv_from(router, id, "");
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(zmq_send(router, id, 5, ZMQ_SNDMORE), 5);
        cr_assert_eq(zmq_send(router, i == 0 ? "a" : "b", 1, ZMQ_SNDMORE), 1);
    }
    test_plain_read(fd, "ab");
    close(fd);
}

Test(router, raw_names_the_peer_that_it_dials)
{
    const char *at = test_endpoint(TEST_TCP);
    void *router = raw_router();
    int listener = test_plain_listen(at), fd;

    SET(router, ZMQ_RECONNECT_IVL, 10);
    SET_TEXT(router, ZMQ_CONNECT_ROUTING_ID, "server");
    test_connect(router, at);
    fd = test_plain_accept(listener);
    RECV(router, "server|");
    SEND(router, "server|hello");
    test_plain_read(fd, "hello");
    close(fd);
    RECV(router, "server|"); /* it went, */
    RECV(router, "server|"); /* and is there again */
    fd = test_plain_accept(listener);
    SEND(router, "server|again");
    test_plain_read(fd, "again");
    close(fd);
    close(listener);
}

Test(router, raw_and_mandatory_refuses_a_peer_that_is_not_there)
{
    void *router = raw_router();

    SET(router, ZMQ_ROUTER_MANDATORY, 1);
    SEND_GIVES(EHOSTUNREACH, router, "nobody|x");
}

Test(router, raw_sends_no_probe)
{
    const char *at = test_endpoint(TEST_TCP);
    void *router = raw_router();
    unsigned char id[5];
    int fd;

    SET(router, ZMQ_PROBE_ROUTER, 1); /* libzmq ends the process here */
    test_bind(router, at);
    fd = test_plain_connect(at);
    test_recv_from(router, id, "");
    test_send_to(router, id, "first octets");
    test_plain_read(fd, "first octets");
    close(fd);
}

Test(router, raw_stays_raw)
{
    const char *at = test_endpoint(TEST_TCP);
    void *router = raw_router(), *dealer = test_socket(ZMQ_DEALER);
    unsigned char id[5];
    int fd;

    SET(router, ZMQ_ROUTER_RAW, 0);
    FAILS(EINVAL, test_set(router, ZMQ_ROUTER_RAW, -1));
    FAILS(EINVAL, test_set(dealer, ZMQ_ROUTER_RAW, 1));
    test_bind(router, at);
    fd = test_plain_connect(at);
    test_recv_from(router, id, "");
    close(fd);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REP: answers whoever asked last.
 */
#include "tests/support/pair.h"
#include "tests/support/plain.h"

#include <unistd.h>

TEST_SUITE(rep);

Test(rep, takes_turns_between_receiving_and_sending)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *rep = test_bound(ZMQ_REP, at), *req = test_connected(ZMQ_REQ, at);
    char octet;

    SEND_GIVES(EFSM, rep, "unasked");
    SEND(req, "a|b");
    SEND_GIVES(EFSM, rep, "unasked");
    cr_assert_eq(zmq_recv(rep, &octet, 1, 0), 1);
    SEND_GIVES(EFSM, rep, "before the last part");
    cr_assert_eq(zmq_recv(rep, &octet, 1, 0), 1);
    RECV_GIVES(EFSM, rep);
    cr_assert_eq(zmq_send(rep, "x", 1, ZMQ_SNDMORE), 1);
    RECV_GIVES(EFSM, rep);
    cr_assert_eq(zmq_send(rep, "y", 1, 0), 1);
    SEND_GIVES(EFSM, rep, "twice");
    RECV(req, "x|y");
}

EACH_TRANSPORT(rep, gives_back_the_envelope_whatever_its_length)
{
    const char *at = test_endpoint(transport);
    void *rep = test_bound(ZMQ_REP, at), *dealer = test_connected(ZMQ_DEALER, at);

    SEND(dealer, "|no envelope");
    RECV(rep, "no envelope");
    SEND(rep, "1");
    RECV(dealer, "|1");
    SEND(dealer, "a|-b|ccc||body||tail");
    RECV(rep, "body||tail");
    SEND(rep, "2|3");
    RECV(dealer, "a|-b|ccc||2|3");
}

EACH_TRANSPORT(rep, passes_over_requests_without_an_empty_part)
{
    const char *at = test_endpoint(transport);
    void *rep = test_bound(ZMQ_REP, at), *dealer = test_connected(ZMQ_DEALER, at);

    SEND(dealer, "malformed");
    SEND(dealer, "malformed|too");
    SEND(dealer, "|good");
    RECV(rep, "good");
    SEND(rep, "answer");
    RECV(dealer, "|answer");
}

Test(rep, takes_turns_among_its_peers)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *rep = test_bound(ZMQ_REP, at), *dealers[3];

    for (int i = 0; i < 3; i++)
        dealers[i] = test_connected(ZMQ_DEALER, at);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            SEND(dealers[i], "|%d%c", k, 'a' + i);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 3; i++) {
            RECV(rep, "%d%c", k, 'a' + i);
            SEND(rep, "re %d", k);
            RECV(dealers[i], "|re %d", k);
        }
}

EACH_TRANSPORT(rep, drops_the_answer_to_a_peer_that_has_gone)
{
    const char *at = test_endpoint(transport);
    void *rep = test_bound(ZMQ_REP, at), *req = test_connected(ZMQ_REQ, at);

    SEND(req, "and away");
    RECV(rep, "and away");
    test_close(req);
    SEND(rep, "hello?");
    RECV_GIVES(EAGAIN, rep);
    req = test_connected(ZMQ_REQ, at);
    SEND(req, "still there?");
    RECV(rep, "still there?");
    SEND(rep, "yes");
    RECV(req, "yes");
}

Test(rep, drops_the_answer_to_a_peer_that_is_full)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *rep = test_socket(ZMQ_REP), *dealer = test_socket(ZMQ_DEALER);

    SET(rep, ZMQ_SNDHWM, 1);
    SET(dealer, ZMQ_RCVHWM, 1);
    test_bind(rep, at);
    test_connect(dealer, at);
    for (int i = 0; i < 5; i++) {
        SEND(dealer, "|%d", i);
        RECV(rep, "%d", i);
        SEND_GIVES(0, rep, "re %d", i);
    }
    RECV(dealer, "|re 0");
    RECV(dealer, "|re 1");
    RECV_GIVES(EAGAIN, dealer);
}

EACH_STREAM(rep, may_connect)
{
    const char *at = test_endpoint(transport);
    void *req = test_bound(ZMQ_REQ, at), *rep = test_connected(ZMQ_REP, at);

    SEND(req, "?");
    RECV(rep, "?");
    SEND(rep, "!");
    RECV(req, "!");
}

/* Bytes without an envelope are no request. */
Test(rep, takes_nothing_from_peers_once_it_is_raw)
{
    const char *at = test_endpoint(TEST_TCP);
    void *rep = test_socket(ZMQ_REP);
    char request[8];
    int fd;

    SET(rep, ZMQ_ROUTER_RAW, 1);
    SET(rep, ZMQ_RCVTIMEO, 100);
    test_bind(rep, at);
    fd = test_plain_connect(at);
    cr_assert_eq(write(fd, "hello", 5), 5);
    FAILS(EAGAIN, zmq_recv(rep, request, sizeof request, 0));
    close(fd);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REQ: asks one peer, then waits for its answer.
 */
#include "include/zuring.h"
#include "tests/support/pair.h"

#include <poll.h>

TEST_SUITE(req);

EACH_TRANSPORT(req, asks_and_is_answered)
{
    const char *at = test_endpoint(transport);
    void *rep = test_bound(ZMQ_REP, at), *req = test_connected(ZMQ_REQ, at);

    for (int i = 0; i < 20; i++) {
        SEND(req, "%d|question", i);
        RECV(rep, "%d|question", i);
        SEND(rep, "answer||%d", i);
        RECV(req, "answer||%d", i);
    }
}

EACH_TRANSPORT(req, takes_turns_between_sending_and_receiving)
{
    const char *at = test_endpoint(transport);
    void *rep = test_bound(ZMQ_REP, at), *req = test_connected(ZMQ_REQ, at);

    RECV_GIVES(EFSM, req);
    SEND(req, "1");
    SEND_GIVES(EFSM, req, "2");
    RECV_GIVES(EAGAIN, req);
    RECV(rep, "1");
    SEND(rep, "one");
    RECV(req, "one");
    RECV_GIVES(EFSM, req);
    SEND(req, "2");
    RECV(rep, "2");
}

Test(req, events_follow_its_state)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *rep = test_bound(ZMQ_REP, at), *req = test_connected(ZMQ_REQ, at);

    cr_assert_eq(test_events(req), ZMQ_POLLOUT);
    cr_assert_eq(test_events(rep), 0);
    SEND(req, "?");
    cr_assert_eq(test_events(req), 0);
    cr_assert_eq(test_events(rep), ZMQ_POLLIN);
    RECV(rep, "?");
    cr_assert_eq(test_events(rep), ZMQ_POLLOUT);
    SEND(rep, "!");
    cr_assert_eq(test_events(rep), 0);
    cr_assert_eq(test_events(req), ZMQ_POLLIN);
    RECV(req, "!");
    cr_assert_eq(test_events(req), ZMQ_POLLOUT);
}

EACH_TRANSPORT(req, puts_an_empty_part_before_the_request)
{
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at), *req = test_socket(ZMQ_REQ);

    SET_TEXT(req, ZMQ_ROUTING_ID, "me");
    test_connect(req, at);
    SEND(req, "a|b");
    RECV(router, "me||a|b");
    SEND(router, "me||c|d");
    RECV(req, "c|d");
}

EACH_TRANSPORT(req, shares_requests_in_the_order_in_which_peers_came)
{
    void *reps[3], *req = test_socket(ZMQ_REQ);

    for (int i = 0; i < 3; i++) {
        const char *at = test_endpoint(transport);

        reps[i] = test_bound(ZMQ_REP, at);
        test_connect(req, at);
    }
    for (int i = 0; i < 6; i++) {
        SEND(req, "%d", i);
        RECV(reps[i % 3], "%d", i);
        SEND(reps[i % 3], "re %d", i);
        RECV(req, "re %d", i);
    }
}

Test(req, takes_the_answer_of_the_asked_peer_only)
{
    const char *at[2] = {test_endpoint(TEST_INPROC), test_endpoint(TEST_INPROC)};
    void *req = test_socket(ZMQ_REQ), *routers[2];

    SET_TEXT(req, ZMQ_ROUTING_ID, "me");
    for (int i = 0; i < 2; i++) {
        routers[i] = test_bound(ZMQ_ROUTER, at[i]);
        test_connect(req, at[i]);
    }
    SEND(req, "?");
    RECV(routers[0], "me||?");
    test_catch_up(routers[1]);
    SEND(routers[1], "me||from another");
    RECV_GIVES(EAGAIN, req);
    SEND(routers[0], "me||from the asked");
    RECV(req, "from the asked");
}

Test(req, passes_over_answers_without_the_empty_part)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *router = test_bound(ZMQ_ROUTER, at), *req = test_socket(ZMQ_REQ);

    SET_TEXT(req, ZMQ_ROUTING_ID, "me");
    test_connect(req, at);
    SEND(req, "?");
    RECV(router, "me||?");
    SEND(router, "me|no delimiter");
    SEND(router, "me|no delimiter|and more");
    SEND(router, "me|");
    SEND(router, "me||good");
    RECV(req, "good");
}

Test(req, correlate_puts_an_id_before_the_empty_part)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *router = test_bound(ZMQ_ROUTER, at), *req = test_socket(ZMQ_REQ);
    char ids[2][8], part[8];

    SET(req, ZMQ_REQ_CORRELATE, 1);
    SET(req, ZMQ_REQ_RELAXED, 1);
    SET_TEXT(req, ZMQ_ROUTING_ID, "me");
    test_connect(req, at);
    for (int i = 0; i < 2; i++) {
        SEND(req, "%d", i);
        cr_assert_eq(zmq_recv(router, part, sizeof part, 0), 2);
        cr_assert_eq(zmq_recv(router, ids[i], sizeof ids[i], 0), 4);
        cr_assert_eq(zmq_recv(router, part, sizeof part, 0), 0);
        cr_assert_eq(zmq_recv(router, part, sizeof part, 0), 1);
    }
    cr_assert_neq(memcmp(ids[0], ids[1], 4), 0);
    for (int i = 0; i < 2; i++) { /* the first answer comes too late */
        zmq_send(router, "me", 2, ZMQ_SNDMORE);
        zmq_send(router, ids[i], 4, ZMQ_SNDMORE);
        SEND(router, "|answer %d", i);
    }
    RECV(req, "answer 1");
}

EACH_TRANSPORT(req, correlated_requests_and_rep_understand_each_other)
{
    const char *at = test_endpoint(transport);
    void *rep = test_bound(ZMQ_REP, at), *req = test_socket(ZMQ_REQ);

    SET(req, ZMQ_REQ_CORRELATE, 1);
    test_connect(req, at);
    for (int i = 0; i < 5; i++) {
        SEND(req, "%d", i);
        RECV(rep, "%d", i);
        SEND(rep, "re|%d", i);
        RECV(req, "re|%d", i);
    }
}

EACH_TRANSPORT(req, relaxed_may_ask_again_before_the_answer)
{
    const char *at = test_endpoint(transport);
    void *rep = test_bound(ZMQ_REP, at), *req = test_socket(ZMQ_REQ);

    SET(req, ZMQ_REQ_RELAXED, 1);
    SET(req, ZMQ_REQ_CORRELATE, 1);
    test_connect(req, at);
    SEND(req, "1");
    cr_assert_eq(test_events(req) & ZMQ_POLLOUT, ZMQ_POLLOUT);
    SEND(req, "2");
    RECV(rep, "1");
    SEND(rep, "one");
    RECV(rep, "2");
    SEND(rep, "two");
    RECV(req, "two");
    RECV_GIVES(EFSM, req);
}

Test(req, relaxed_drops_an_answer_that_already_waits)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *rep = test_bound(ZMQ_REP, at), *req = test_socket(ZMQ_REQ);

    SET(req, ZMQ_REQ_RELAXED, 1);
    test_connect(req, at);
    SEND(req, "1");
    RECV(rep, "1");
    SEND(rep, "one");
    WAIT(test_events(req) & ZMQ_POLLIN);
    SEND(req, "2");
    RECV(rep, "2");
    SEND(rep, "two");
    RECV(req, "two");
}

EACH_STREAM(req, sends_a_queued_request_when_the_peer_comes_back)
{
    const char *at = test_endpoint(transport);
    void *req = test_socket(ZMQ_REQ), *rep;

    SET(req, ZMQ_RECONNECT_IVL, 10);
    test_connect(req, at);
    SEND(req, "waiting");
    rep = test_bound(ZMQ_REP, at);
    RECV(rep, "waiting");
    SEND(rep, "done");
    RECV(req, "done");
}

Test(req, may_look_for_the_answer_only_after_the_last_part)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *rep = test_bound(ZMQ_REP, at), *req = test_connected(ZMQ_REQ, at);
    char octet;

    cr_assert_eq(zmq_send(req, "a", 1, ZMQ_SNDMORE), 1);
    FAILS(EFSM, zmq_recv(req, &octet, 1, ZMQ_DONTWAIT));
    cr_assert_eq(zmq_send(req, "b", 1, 0), 1);
    RECV(rep, "a|b");
    SEND(rep, "x|y");
    cr_assert_eq(zmq_recv(req, &octet, 1, 0), 1);
    FAILS(EFSM, zmq_send(req, "early", 5, ZMQ_DONTWAIT));
    cr_assert_eq(zmq_recv(req, &octet, 1, 0), 1);
    SEND(req, "next");
    RECV(rep, "next");
}

EACH_STREAM(req, connecting_twice_to_one_endpoint_makes_one_connection)
{
    const char *at = test_endpoint(transport), *other_at = test_endpoint(transport);
    void *rep = test_bound(ZMQ_REP, at), *other = test_bound(ZMQ_REP, other_at);
    void *req = test_socket(ZMQ_REQ);

    test_connect(req, at);
    test_connect(req, at);
    test_connect(req, other_at);
    for (int i = 0; i < 4; i++) { /* turns: one each */
        SEND(req, "%d", i);
        RECV(i % 2 ? other : rep, "%d", i);
        SEND(i % 2 ? other : rep, "%d", i);
        RECV(req, "%d", i);
    }
}

/* libzmq's programs poll the descriptor behind a request without a look at ZMQ_EVENTS. */
EACH_TRANSPORT(req, who_polls_the_descriptor_behind_a_request_hears_of_the_answer)
{
    const char *at = test_endpoint(transport);
    void *rep = test_bound(ZMQ_REP, at), *req = test_connected(ZMQ_REQ, at);
    struct pollfd on_fd = {.fd = test_get(req, ZMQ_FD), .events = POLLIN};

    for (int i = 0; i < 3; i++) {
        SEND(req, "%d", i);
        RECV(rep, "%d", i);
        SEND(rep, "%d", -i);
        cr_assert_eq(poll(&on_fd, 1, TEST_DEADLINE_MS), 1, "%d", i);
        RECV(req, "%d", -i);
    }
}

static uint64_t connections(void *socket)
{
    struct zuring_socket_stats stats;

    OK(zuring_stats_socket(socket, &stats, sizeof stats));
    return stats.connections;
}

Test(req, relaxed_forgets_who_has_answered_and_gone)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *req = test_socket(ZMQ_REQ), *rep;

    SET(req, ZMQ_REQ_RELAXED, 1);
    test_bind(req, at);
    for (int i = 0; i < 3; i++) {
        rep = test_connected(ZMQ_REP, at);
        SEND(req, "%d", i); /* throws the last one's answer away */
        cr_assert_eq(connections(req), 1);
        RECV(rep, "%d", i);
        SEND(rep, "%d", -i);
        test_close(rep);
    }
}

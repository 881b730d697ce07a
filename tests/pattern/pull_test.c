/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PULL: takes one message of each peer in turn.
 */
#include "tests/support/pair.h"

TEST_SUITE(pull);

Test(pull, takes_turns_among_its_peers)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *pushes[3];

    for (int i = 0; i < 3; i++)
        pushes[i] = test_connected(ZMQ_PUSH, at);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 4; k++)
            SEND(pushes[i], "%d|%c", k, 'a' + i);
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 3; i++)
            RECV(pull, "%d|%c", k, 'a' + i);
    RECV_GIVES(EAGAIN, pull);
}

EACH_STREAM(pull, lets_no_peer_crowd_out_the_others)
{
    enum { EACH = 40 };
    const char *at = test_endpoint(transport);
    void *pull = test_socket(ZMQ_PULL), *pushes[2];
    int next[2] = {0, 0}, in_a_row = 0;
    char last = 0;

    SET(pull, ZMQ_RCVHWM, 5); /* neither fits as a whole: both are waiting at any time */
    test_bind(pull, at);
    for (int i = 0; i < 2; i++) {
        pushes[i] = test_connected(ZMQ_PUSH, at);
        SEND(pushes[i], "%c", 'A' + i);
    }
    for (int i = 0; i < 2; i++) /* both are known now */
        cr_assert_neq(test_recv(pull, 0)[0], '!');
    for (int k = 0; k < EACH; k++)
        for (int i = 0; i < 2; i++)
            SEND(pushes[i], "%c%d", 'a' + i, k);
    for (int k = 0; k < 2 * EACH; k++) {
        const char *text = test_recv(pull, 0);

        cr_assert(text[0] == 'a' || text[0] == 'b', "%s", text);
        cr_assert_str_eq(text + 1, test_text("%d", next[text[0] - 'a']++));
        in_a_row = text[0] == last ? in_a_row + 1 : 1;
        last = text[0];
        cr_assert(in_a_row <= 20 || next[0] == EACH || next[1] == EACH, "%d of %c in a row",
                  in_a_row, last);
    }
}

EACH_TRANSPORT(pull, sees_a_message_only_when_its_last_part_was_sent)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    void *other = test_connected(ZMQ_PUSH, at);

    cr_assert_eq(zmq_send(push, "head", 4, ZMQ_SNDMORE), 4);
    cr_assert_eq(zmq_send(push, "body", 4, ZMQ_SNDMORE), 4);
    SEND(other, "fence");
    RECV(pull, "fence");
    RECV_GIVES(EAGAIN, pull);
    cr_assert_eq(zmq_send(push, "tail", 4, 0), 4);
    RECV(pull, "head|body|tail");
}

EACH_TRANSPORT(pull, having_the_first_part_need_not_wait_for_the_rest)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    char part[8];

    SEND(push, "a|b|c");
    cr_assert_eq(zmq_recv(pull, part, sizeof part, 0), 1);
    cr_assert_eq(test_get(pull, ZMQ_RCVMORE), 1);
    cr_assert_eq(test_events(pull), ZMQ_POLLIN);
    cr_assert_eq(zmq_recv(pull, part, sizeof part, ZMQ_DONTWAIT), 1);
    cr_assert_eq(test_get(pull, ZMQ_RCVMORE), 1);
    cr_assert_eq(zmq_recv(pull, part, sizeof part, ZMQ_DONTWAIT), 1);
    cr_assert_eq(test_get(pull, ZMQ_RCVMORE), 0);
    cr_assert_eq(part[0], 'c');
}

EACH_TRANSPORT(pull, still_reads_what_came_before_the_peer_closed)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

    for (int i = 0; i < 200; i++)
        SEND(push, "%d", i);
    test_close(push);
    for (int i = 0; i < 200; i++)
        RECV(pull, "%d", i);
}

Test(pull, truncates_a_part_that_is_larger_than_the_buffer)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    char part[3] = "..";

    SEND(push, "hello");
    SEND(push, "next");
    cr_assert_eq(zmq_recv(pull, part, 2, 0), 5);
    cr_assert_str_eq(part, "he");
    RECV(pull, "next");
    cr_assert_eq(zmq_send(push, NULL, 0, 0), 0);
    cr_assert_eq(zmq_recv(pull, NULL, 0, 0), 0);
}

Test(pull, cannot_send)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

    (void)push;
    FAILS(ENOTSUP, zmq_send(pull, "x", 1, ZMQ_DONTWAIT));
    FAILS(ENOTSUP, zmq_send(pull, "x", 1, 0));
    cr_assert_eq(test_events(pull), 0);
}

Test(pull, gives_up_waiting_when_the_receive_timeout_is_over)
{
    void *pull = test_bound(ZMQ_PULL, test_endpoint(TEST_TCP));
    int64_t began_ms = test_now_ms();
    char octet;

    SET(pull, ZMQ_RCVTIMEO, 120);
    FAILS(EAGAIN, zmq_recv(pull, &octet, 1, 0));
    cr_assert_geq(test_now_ms() - began_ms, 119);
    SET(pull, ZMQ_RCVTIMEO, 0);
    FAILS(EAGAIN, zmq_recv(pull, &octet, 1, 0));
}

EACH_STREAM(pull, conflate_keeps_the_newest_message_only)
{
    const char *at = test_endpoint(transport);
    void *pull = test_socket(ZMQ_PULL), *push = test_socket(ZMQ_PUSH);
    const char *text;
    int seen = 0;

    SET(pull, ZMQ_CONFLATE, 1);
    test_bind(pull, at);
    test_connect(push, at);
    for (int i = 0; i < 1000; i++)
        SEND(push, "%d", i);
    /* Skips, but always ends with the last one. */
    for (seen = 1; strcmp(text = test_recv(pull, 0), "999") != 0; seen++)
        cr_assert_neq(text[0], '!', "after %d: %s", seen, text);
    cr_assert_leq(seen, 1000);
    RECV_GIVES(EAGAIN, pull);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XSUB: subscribes by sending, hears without a filter, and speaks to all its publishers.
 */
#include "tests/support/pair.h"

TEST_SUITE(xsub);

EACH_TRANSPORT(xsub, subscribes_by_message)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_bound(ZMQ_XPUB, at), *xsub = test_connected(ZMQ_XSUB, at);

    SEND(xsub, "+A");
    RECV(xpub, "+A");
    SEND(xpub, "B");
    SEND(xpub, "A|x");
    RECV(xsub, "A|x");
    SEND(xsub, "-A");
    RECV(xpub, "-A");
    SEND(xpub, "A");
    SEND(xsub, "+B");
    RECV(xpub, "+B");
    SEND(xpub, "B");
    RECV(xsub, "B");
}

EACH_TRANSPORT(xsub, forwards_the_last_cancel_only)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_bound(ZMQ_XPUB, at), *xsub = test_connected(ZMQ_XSUB, at);

    SEND(xsub, "+A");
    SEND(xsub, "+A");
    RECV(xpub, "+A");
    SEND(xsub, "-A");
    SEND(xsub, "-unknown");
    SEND(xsub, "fence");
    RECV(xpub, "fence");
    SEND(xsub, "-A");
    RECV(xpub, "-A");
}

EACH_TRANSPORT(xsub, forwards_every_subscription)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_socket(ZMQ_XPUB), *xsub = test_socket(ZMQ_XSUB);

    SET(xpub, ZMQ_XPUB_VERBOSE, 1);
    test_bind(xpub, at);
    test_connect(xsub, at);
    for (int i = 0; i < 3; i++)
        SEND(xsub, "+A");
    for (int i = 0; i < 3; i++)
        RECV(xpub, "+A");
}

Test(xsub, does_not_filter_what_it_hears)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *xpub = test_socket(ZMQ_XPUB), *xsub = test_socket(ZMQ_XSUB);

    SET_TEXT(xpub, ZMQ_XPUB_WELCOME_MSG, "W");
    test_bind(xpub, at);
    SEND(xsub, "+A");
    test_connect(xsub, at);
    test_catch_up(xpub);
    RECV(xsub, "W");
    RECV(xpub, "+A");
}

Test(xsub, speaks_to_all_its_publishers)
{
    const char *at[2] = {test_endpoint(TEST_INPROC), test_endpoint(TEST_INPROC)};
    void *xpubs[2] = {test_bound(ZMQ_XPUB, at[0]), test_bound(ZMQ_XPUB, at[1])};
    void *xsub = test_socket(ZMQ_XSUB);

    test_connect(xsub, at[0]);
    SEND(xsub, "+A");
    test_connect(xsub, at[1]); /* the second is told on connecting */
    SEND(xsub, "user|data");
    for (int i = 0; i < 2; i++) {
        RECV(xpubs[i], "+A");
        RECV(xpubs[i], "user|data");
    }
}

Test(xsub, never_blocks_but_loses_what_has_no_room)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *xsub = test_socket(ZMQ_XSUB), *xpub;
    int count;

    SET(xsub, ZMQ_SNDHWM, 5);
    test_connect(xsub, at); /* until the bind its own mark alone counts */
    for (int i = 0; i < 50; i++)
        SEND_GIVES(0, xsub, "%d", i);
    cr_assert_eq(test_events(xsub), ZMQ_POLLOUT);
    xpub = test_bound(ZMQ_XPUB, at);
    for (int i = 0; i < 5; i++)
        RECV(xpub, "%d", i);
    count = test_drain(xpub);
    cr_assert_eq(count, 0);
}

Test(xsub, has_no_subscribe_option)
{
    void *xsub = test_socket(ZMQ_XSUB);

    FAILS(EINVAL, test_set_text(xsub, ZMQ_SUBSCRIBE, "A"));
    FAILS(EINVAL, test_set_text(xsub, ZMQ_UNSUBSCRIBE, "A"));
}

EACH_STREAM(xsub, subscribes_again_after_a_reconnection)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_bound(ZMQ_XPUB, at), *xsub = test_socket(ZMQ_XSUB);

    SET(xsub, ZMQ_RECONNECT_IVL, 10);
    test_connect(xsub, at);
    SEND(xsub, "+A");
    RECV(xpub, "+A");
    test_close(xpub);
    xpub = test_socket(ZMQ_XPUB);
    WAIT(zmq_bind(xpub, at) == 0);
    WAIT(test_events(xsub) >= 0 && test_events(xpub) & ZMQ_POLLIN);
    RECV(xpub, "+A");
    SEND(xpub, "A");
    RECV(xsub, "A");
}

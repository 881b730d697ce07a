/* SPDX-License-Identifier: Apache-2.0 */
/*
 * talk: small helpers on one socket.
 */
#include "tests/support/talk.h"

int test_fill(void *socket)
{
    int count = 0;

    while (count < 100000 && test_send(socket, ZMQ_DONTWAIT, "%d", count) == 0)
        count++;
    cr_assert_eq(errno, EAGAIN, "%d were sent, then %s", count, test_error(errno));
    return count;
}

int test_drain(void *socket)
{
    int count = 0;

    while (test_recv(socket, ZMQ_DONTWAIT)[0] != '!')
        count++;
    cr_assert_eq(errno, EAGAIN, "%d were received, then %s", count, test_error(errno));
    return count;
}

int test_get(void *socket, int option)
{
    int value = -1;
    size_t size = sizeof value;

    return zmq_getsockopt(socket, option, &value, &size) < 0 ? -1 : value;
}

int test_events(void *socket)
{
    return test_get(socket, ZMQ_EVENTS);
}

void test_catch_up(void *socket)
{
    cr_assert_geq(test_events(socket), 0, "%s", test_error(errno));
}

int test_set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

int test_set_text(void *socket, int option, const char *value)
{
    return zmq_setsockopt(socket, option, value, strlen(value));
}

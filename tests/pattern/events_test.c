/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ZMQ_FD and ZMQ_EVENTS, as event loops use them: the descriptor says "look again", the option
 * says what there is. zmq_poll over both kinds of item.
 */
#include "tests/support/pair.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

TEST_SUITE(events);

static int fd_of(void *socket)
{
    int fd = test_get(socket, ZMQ_FD);

    cr_assert_geq(fd, 0);
    return fd;
}

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};

    return poll(&item, 1, timeout_ms) == 1;
}

/* What an event loop does: sleeps on the descriptor, then asks, until `events` are there. */
static void sleep_until(void *socket, int events)
{
    int fd = fd_of(socket);

    while ((test_events(socket) & events) != events)
        cr_assert(is_readable(fd, TEST_DEADLINE_MS), "slept through what came");
}

EACH_TRANSPORT(events, the_descriptor_wakes_for_a_message)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

    for (int i = 0; i < 20; i++) {
        SEND(push, "%d", i);
        sleep_until(pull, ZMQ_POLLIN);
        RECV(pull, "%d", i);
        cr_assert_eq(test_events(pull), 0);
    }
}

EACH_TRANSPORT(events, the_descriptor_wakes_for_room)
{
    const char *at = test_endpoint(transport);
    void *push = test_bound(ZMQ_PUSH, at), *pull;

    cr_assert_eq(test_events(push), 0);
    pull = test_connected(ZMQ_PULL, at);
    sleep_until(push, ZMQ_POLLOUT);
    SEND_GIVES(0, push, "x");
    RECV(pull, "x");
}

EACH_TRANSPORT(events, draining_to_eagain_then_sleeping_misses_nothing)
{
    enum { MANY = 2000 };
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    int next = 0;

    SET(push, ZMQ_SNDHWM, 0);
    for (int i = 0; i < MANY; i++)
        SEND(push, "%d", i);
    while (next < MANY) {
        const char *text;

        sleep_until(pull, ZMQ_POLLIN);
        while ((text = test_recv(pull, ZMQ_DONTWAIT))[0] != '!')
            cr_assert_str_eq(text, test_text("%d", next++));
    }
}

Test(events, the_descriptor_is_quiet_when_nothing_happens)
{
    void *pull = test_bound(ZMQ_PULL, test_endpoint(TEST_TCP));
    int fd = fd_of(pull);

    cr_assert_eq(test_events(pull), 0);
    cr_assert(!is_readable(fd, 30));
    cr_assert_eq(fd_of(pull), fd); /* the same for life */
}

Test(events, the_descriptor_goes_quiet_when_events_were_asked_for)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    int fd = fd_of(pull);

    test_catch_up(pull);
    SEND(push, "x");
    cr_assert(is_readable(fd, TEST_DEADLINE_MS));
    cr_assert_eq(test_events(pull), ZMQ_POLLIN);
    cr_assert(!is_readable(fd, 0)); /* though the message is still there */
    RECV(pull, "x");
}

Test(events, the_descriptor_tells_of_a_connection_before_any_message)
{
    const char *at = test_endpoint(TEST_TCP);
    void *pull = test_bound(ZMQ_PULL, at);
    int fd = fd_of(pull);

    test_catch_up(pull);
    test_connected(ZMQ_PUSH, at);
    cr_assert(is_readable(fd, TEST_DEADLINE_MS));
}

Test(events, are_there_in_the_middle_of_a_message)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

    SEND(push, "a|b");
    cr_assert_eq(zmq_recv(pull, NULL, 0, 0), 1);
    cr_assert_eq(test_events(pull), ZMQ_POLLIN);
    cr_assert_eq(zmq_recv(pull, NULL, 0, 0), 1);
    cr_assert_eq(test_events(pull), 0);
}

Test(events, cannot_be_had_after_shutdown)
{
    void *ctx = zmq_ctx_new(), *pull = zmq_socket(ctx, ZMQ_PULL);
    int fd = fd_of(pull);

    test_catch_up(pull);
    OK(zmq_ctx_shutdown(ctx));
    cr_assert(is_readable(fd, TEST_DEADLINE_MS)); /* an event loop hears of it */
    FAILS(ETERM, test_events(pull));
    OK(zmq_close(pull));
    OK(zmq_ctx_term(ctx));
}

EACH_TRANSPORT(events, poll_finds_ready_sockets_at_once)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    zmq_pollitem_t items[2] = {{.socket = pull, .events = ZMQ_POLLIN},
                               {.socket = push, .events = ZMQ_POLLOUT}};

    items[0].revents = ZMQ_POLLERR; /* is overwritten */
    cr_assert_eq(zmq_poll(items, 1, 0), 0);
    cr_assert_eq(items[0].revents, 0);
    SEND(push, "x");
    cr_assert_eq(zmq_poll(items, 1, TEST_DEADLINE_MS), 1);
    cr_assert_eq(zmq_poll(items, 2, 0), 2);
    cr_assert_eq(items[0].revents, ZMQ_POLLIN);
    cr_assert_eq(items[1].revents, ZMQ_POLLOUT);
    RECV(pull, "x");
    cr_assert_eq(zmq_poll(items, 2, -1), 1);
    cr_assert_eq(items[0].revents, 0);
}

static void *send_late(void *push)
{
    test_pause();
    test_send(push, 0, "late");
    return NULL;
}

EACH_TRANSPORT(events, poll_wakes_for_a_message)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    zmq_pollitem_t item = {.socket = pull, .events = ZMQ_POLLIN};
    pthread_t thread;

    for (int i = 0; i < 10; i++) {
        cr_assert_eq(pthread_create(&thread, NULL, send_late, push), 0);
        cr_assert_eq(zmq_poll(&item, 1, TEST_DEADLINE_MS), 1);
        pthread_join(thread, NULL);
        RECV(pull, "late");
    }
}

Test(events, poll_mixes_sockets_and_descriptors)
{
    const char *at = test_endpoint(TEST_TCP);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    int ends[2];
    zmq_pollitem_t items[3] = {{.socket = pull, .events = ZMQ_POLLIN}};

    cr_assert_eq(pipe(ends), 0);
    items[1] = (zmq_pollitem_t){.fd = ends[0], .events = ZMQ_POLLIN};
    items[2] = (zmq_pollitem_t){.fd = ends[1], .events = ZMQ_POLLOUT};
    cr_assert_eq(zmq_poll(items, 2, 0), 0);
    cr_assert_eq(write(ends[1], "x", 1), 1);
    cr_assert_eq(zmq_poll(items, 3, TEST_DEADLINE_MS), 2);
    cr_assert_eq(items[0].revents, 0);
    cr_assert_eq(items[1].revents, ZMQ_POLLIN);
    cr_assert_eq(items[2].revents, ZMQ_POLLOUT);
    SEND(push, "x");
    items[0].revents = 0;
    WAIT(zmq_poll(items, 3, 0) == 3);
    RECV(pull, "x");
    close(ends[0]);
    close(ends[1]);
}

Test(events, poll_waits_as_long_as_it_was_told)
{
    void *pull = test_bound(ZMQ_PULL, test_endpoint(TEST_TCP));
    zmq_pollitem_t item = {.socket = pull, .events = ZMQ_POLLIN};
    int64_t began_ms = test_now_ms();

    cr_assert_eq(zmq_poll(&item, 1, 120), 0);
    cr_assert_geq(test_now_ms() - began_ms, 119);
    began_ms = test_now_ms();
    cr_assert_eq(zmq_poll(NULL, 0, 60), 0); /* only sleeps */
    cr_assert_geq(test_now_ms() - began_ms, 59);
    item.events = 0;
    cr_assert_eq(zmq_poll(&item, 1, 30), 0);
}

Test(events, poll_refuses_what_is_no_item)
{
    zmq_pollitem_t item = {.fd = 999, .events = ZMQ_POLLIN};

    cr_assert_eq(zmq_poll(&item, 1, 0), 1);
    cr_assert_eq(item.revents, ZMQ_POLLERR);
    FAILS(EFAULT, zmq_poll(NULL, 1, 0));
}

Test(events, poll_takes_one_socket_twice)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *a = test_bound(ZMQ_PAIR, at), *b = test_connected(ZMQ_PAIR, at);
    zmq_pollitem_t items[2] = {{.socket = a, .events = ZMQ_POLLIN},
                               {.socket = a, .events = ZMQ_POLLIN | ZMQ_POLLOUT}};

    SEND(b, "x");
    cr_assert_eq(zmq_poll(items, 2, TEST_DEADLINE_MS), 2);
    cr_assert_eq(items[0].revents, ZMQ_POLLIN);
    cr_assert_eq(items[1].revents, ZMQ_POLLIN | ZMQ_POLLOUT);
}

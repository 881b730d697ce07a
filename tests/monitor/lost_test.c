/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was sent and did not arrive, what arrived and was of no use, and what a closed socket has
 * counted: all of it can be read. tests/soak/accounts.c does the same at random, and in bulk.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/monitor/numbers.h"
#include "tests/monitor/watch.h"
#include "tests/support/plain.h"
#include "tests/support/rawpeer.h"

#include <poll.h>
#include <unistd.h>

TEST_SUITE(lost);

enum { COUNT = 60, BODY = 100 * 1000 };

static struct zuring_context_stats all(void)
{
    struct zuring_context_stats stats;

    OK(zuring_stats_context(test_ctx(), &stats, sizeof stats));
    return stats;
}

static void *watch_drops(void *socket)
{
    const char *name = watch_name();

    OK(zmq_socket_monitor_versioned(socket, name, ZURING_EVENT_DROPPED, ZURING_EVENT_VERSION,
                                    ZMQ_PAIR));
    return watch_reader(ZMQ_PAIR, name);
}

static uint64_t connection_of(void *socket)
{
    struct zuring_connection_stats one;

    cr_assert_eq(zuring_stats_connections(socket, &one, sizeof one, 1), 1);
    return one.connection;
}

/* How many bytes come to the connection's end. */
static size_t read_to_end(int fd, uint8_t *to, size_t room)
{
    size_t size = 0;
    ssize_t n;

    while (raw_readable(fd, RAW_DEADLINE_MS) && (n = read(fd, to + size, room - size)) > 0)
        size += (size_t)n;
    return size;
}

/* Messages of two large parts that are there as a whole. */
static uint64_t whole_messages(const uint8_t *at, size_t size)
{
    const size_t frame = 9 + BODY;
    uint64_t whole = 0;

    for (; size >= frame; at += frame, size -= frame) {
        cr_assert_eq(at[0] & 2, 2, "a long frame");
        whole += !(at[0] & 1);
    }
    return whole;
}

/* The sum of what the events say is lost. */
static uint64_t told_lost(void *reader)
{
    struct zuring_event r;
    uint64_t sum = 0;

    while (zmq_recv(reader, &r, sizeof r, ZMQ_DONTWAIT) == (int)sizeof r)
        if (r.value2 == ZURING_DROP_LOST) {
            cr_assert_neq(r.connection, 0);
            cr_assert_neq(r.local[0], 0);
            sum += r.value;
        }
    return sum;
}

/* The peer reads nothing until the connection has been ended from here, and then all that came. */
EACH_STREAM(lost, counts_what_the_kernel_did_not_take_in_whole)
{
    static char body[BODY];
    const char *at = test_endpoint(transport);
    void *push = test_socket(ZMQ_PUSH), *reader = watch_drops(push);
    uint8_t *got = malloc((size_t)COUNT * 2 * (BODY + 9));
    uint64_t whole;
    int fd;

    SET(push, ZMQ_SNDHWM, 0);
    test_bind(push, at);
    fd = test_plain_connect(at);
    raw_greet(fd, 1);
    raw_send_ready(fd, "PULL", NULL);
    raw_expect_ready(fd, "PUSH", NULL);
    WAIT((test_catch_up(push), of(push).connections == 1));
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(zmq_send(push, body, BODY, ZMQ_SNDMORE), BODY);
        cr_assert_eq(zmq_send(push, body, BODY, 0), BODY);
    }
    cr_assert(raw_readable(fd, RAW_DEADLINE_MS));
    OK(zuring_disconnect_connection(push, connection_of(push)));
    whole = whole_messages(got, read_to_end(fd, got, (size_t)COUNT * 2 * (BODY + 9)));
    cr_assert_lt(whole, COUNT);
    WAIT(whole + of(push).dropped_lost == COUNT);
    cr_assert_eq(of(push).sent, COUNT);
    WAIT({
        static uint64_t told;
        told += told_lost(reader);
        told == COUNT - whole;
    });
    close(fd);
    free(got);
}

/* Without frames nobody sees where a message ends but who sent it. */
EACH_STREAM(lost, counts_what_the_kernel_did_not_take_of_plain_bytes)
{
    static char body[BODY];
    const char *at = test_endpoint(transport);
    void *stream = test_socket(ZMQ_STREAM);
    uint8_t *got = malloc((size_t)COUNT * (BODY + 1));
    unsigned char id[5];
    uint64_t whole = 0;
    size_t size;
    int fd;

    SET(stream, ZMQ_SNDHWM, 0);
    test_bind(stream, at);
    fd = test_plain_connect(at);
    test_recv_from(stream, id, "");
    for (int i = 0; i < COUNT; i++) { /* a large one, and one that lies in the block */
        cr_assert_eq(zmq_send(stream, id, sizeof id, ZMQ_SNDMORE), (int)sizeof id);
        cr_assert_eq(zmq_send(stream, body, BODY, 0), BODY);
        cr_assert_eq(zmq_send(stream, id, sizeof id, ZMQ_SNDMORE), (int)sizeof id);
        cr_assert_eq(zmq_send(stream, "x", 1, 0), 1);
    }
    cr_assert(raw_readable(fd, RAW_DEADLINE_MS));
    OK(zuring_disconnect_peer(stream, id, sizeof id));
    size = read_to_end(fd, got, (size_t)COUNT * (BODY + 1));
    whole = size / (BODY + 1) * 2 + (size % (BODY + 1) == BODY);
    cr_assert_lt(whole, 2 * COUNT);
    WAIT(whole + of(stream).dropped_lost == 2 * COUNT);
    cr_assert_eq(of(stream).sent, 2 * COUNT);
    close(fd);
    free(got);
}

/* What comes at once is received at once. */
EACH_STREAM(lost, counts_what_came_behind_a_message_too_large)
{
    const char *at = test_endpoint(transport);
    void *pull = test_socket(ZMQ_PULL), *reader = watch_drops(pull);
    struct zuring_event r;
    int fd;

    OK(zmq_setsockopt(pull, ZMQ_MAXMSGSIZE, &(int64_t){100}, sizeof(int64_t)));
    test_bind(pull, at);
    fd = test_plain_connect(at);
    raw_greet(fd, 1);
    raw_send_ready(fd, "PUSH", NULL);
    raw_expect_ready(fd, "PULL", NULL);
    raw_send(fd, "00 01 'a'  01 01 'b' 01 c8 00*200 01 01 'b' 00 01 'b'  01 01 'c' 00 01 'c' "
                 "04 05 04 'PONG'  00 01 'd'  01 01 'e'");
    RECV(pull, "a");
    WAIT((test_catch_up(pull), of(pull).connections == 0));
    cr_assert_eq(of(pull).received, 1);
    cr_assert_eq(of(pull).dropped_oversized, 1);
    cr_assert_eq(of(pull).dropped_lost, 2);
    cr_assert_eq(zmq_recv(reader, &r, sizeof r, 0), (int)sizeof r);
    cr_assert_eq(r.value2, ZURING_DROP_OVERSIZED);
    cr_assert_eq(zmq_recv(reader, &r, sizeof r, 0), (int)sizeof r);
    cr_assert_eq(r.value2, ZURING_DROP_LOST);
    cr_assert_eq(r.value, 2);
    close(fd);
}

Test(lost, counts_what_was_left_in_a_pipe_within_the_process)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

    for (int i = 0; i < 10; i++)
        SEND(push, "%d", i);
    RECV(pull, "0");
    RECV(pull, "1");
    test_close(pull);
    WAIT((test_catch_up(push), of(push).connections == 0));
    cr_assert_eq(of(push).sent, 10);
    cr_assert_eq(of(push).dropped_lost, 8);
}

Test(lost, counts_a_message_whose_peer_goes_in_its_middle)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

    cr_assert_eq(zmq_send(push, "one", 3, ZMQ_SNDMORE), 3);
    test_close(pull);
    WAIT((test_catch_up(push), of(push).connections == 0));
    cr_assert_eq(of(push).dropped_no_route, 0, "it may be a message yet");
    cr_assert_eq(zmq_send(push, "two", 3, 0), 3);
    cr_assert_eq(of(push).sent, 0);
    cr_assert_eq(of(push).dropped_no_route, 1);
}

EACH_STREAM(lost, counts_plain_bytes_to_who_has_gone)
{
    const char *at = test_endpoint(transport);
    void *stream = test_bound(ZMQ_STREAM, at), *reader = watch_drops(stream);
    unsigned char id[5];
    struct zuring_event r;
    int fd = test_plain_connect(at);

    test_recv_from(stream, id, "");
    cr_assert_eq(zmq_send(stream, id, sizeof id, ZMQ_SNDMORE), (int)sizeof id);
    close(fd);
    WAIT((test_catch_up(stream),
          of(stream).connections == 0 || zmq_recv(stream, id, sizeof id, ZMQ_DONTWAIT) < -1));
    cr_assert_eq(zmq_send(stream, "data", 4, 0), 4);
    cr_assert_eq(of(stream).dropped_no_route, 1);
    cr_assert_eq(zmq_recv(reader, &r, sizeof r, 0), (int)sizeof r);
    cr_assert_eq(r.value2, ZURING_DROP_NO_ROUTE);
}

EACH_TRANSPORT(lost, counts_replies_that_came_too_late)
{
    const char *at = test_endpoint(transport);
    void *rep = test_bound(ZMQ_REP, at), *req = test_socket(ZMQ_REQ);

    SET(req, ZMQ_REQ_RELAXED, 1);
    SET(req, ZMQ_REQ_CORRELATE, 1);
    test_connect(req, at);
    SEND(req, "first");
    SEND(req, "second");
    RECV(rep, "first");
    SEND(rep, "late");
    RECV(rep, "second");
    SEND(rep, "answer");
    RECV(req, "answer");
    cr_assert_eq(of(req).received, 2);
    cr_assert_eq(of(req).dropped_unexpected, 1);
}

EACH_TRANSPORT(lost, counts_requests_without_an_envelope)
{
    const char *at = test_endpoint(transport);
    void *rep = test_bound(ZMQ_REP, at), *dealer = test_connected(ZMQ_DEALER, at);

    SEND(dealer, "naked");
    SEND(dealer, "|dressed");
    RECV(rep, "dressed");
    cr_assert_eq(of(rep).received, 2);
    cr_assert_eq(of(rep).dropped_unexpected, 1);
}

EACH_TRANSPORT(lost, subscriptions_are_no_messages)
{
    const char *at = test_endpoint(transport);
    void *xpub = test_bound(ZMQ_XPUB, at), *xsub = test_connected(ZMQ_XSUB, at);
    char got[8];

    SEND(xsub, "\1topic");
    SEND(xsub, "user");
    cr_assert_eq(zmq_recv(xpub, got, sizeof got, 0), 6);
    RECV(xpub, "user");
    cr_assert_eq(of(xsub).sent, 1);
    cr_assert_eq(of(xpub).received, 1);
}

EACH_TRANSPORT(lost, a_context_keeps_the_numbers_of_closed_sockets)
{
    const char *at = test_endpoint(transport);
    struct zuring_context_stats s;

    for (int i = 0; i < 3; i++) {
        void *pull = test_socket(ZMQ_PULL), *push;

        WAIT(zmq_bind(pull, at) == 0); /* the listener goes a moment after the socket */
        push = test_connected(ZMQ_PUSH, at);
        SEND(push, "one");
        SEND(push, "two");
        RECV(pull, "one");
        RECV(pull, "two");
        cr_assert_eq(all().sockets, 2);
        test_close(push);
        test_close(pull);
        WAIT(all().closing == 0);
    }
    s = all();
    cr_assert_eq(s.sockets, 0);
    cr_assert_eq(s.closed, 6);
    cr_assert_eq(s.sent, 6);
    cr_assert_eq(s.received, 6);
    cr_assert_eq(s.dropped_lost, 0);
    cr_assert_eq(s.out_waiting + s.in_waiting, 0);
    cr_assert_eq(s.bytes_in > 0, transport != TEST_INPROC);
}

static void ignore(void *s, int event, zmq_event_data_t *data)
{
    (void)s, (void)event, (void)data;
}

/* The end of the listener is told when nobody can call any more. */
EACH_STREAM(lost, counts_events_that_come_after_the_close)
{
    void *pull = test_socket(ZMQ_PULL);

    OK(zmq_setsockopt(pull, ZMQ_MONITOR, (void *)ignore, sizeof(void *)));
    test_bind(pull, test_endpoint(transport));
    test_catch_up(pull);
    cr_assert_eq(of(pull).events_lost, 0);
    test_close(pull);
    WAIT(all().closed == 1);
    cr_assert_eq(all().events_lost, 1);
}

static uint64_t called;

static void count(void *s, int event, zmq_event_data_t *data)
{
    (void)s, (void)event, (void)data;
    called++;
}

/* The monitor is told all; the function what it has room for, and what is there at the close. */
EACH_STREAM(lost, counts_events_that_still_wait_at_the_close)
{
    enum { STRANGERS = 300 };
    const char *at = test_endpoint(transport), *name = watch_name();
    void *pull = test_socket(ZMQ_PULL), *reader = test_socket(ZMQ_PAIR);
    struct zuring_event r = {0};
    uint64_t events = 0;
    char byte;

    called = 0;
    SET(reader, ZMQ_RCVHWM, 0);
    OK(zmq_socket_monitor_versioned(pull, name, ZURING_EVENT_ALL, ZURING_EVENT_VERSION, ZMQ_PAIR));
    test_connect(reader, name);
    OK(zmq_setsockopt(pull, ZMQ_MONITOR, (void *)count, sizeof(void *)));
    test_bind(pull, at);
    for (int i = 0; i < STRANGERS; i++) {
        int fd = test_plain_connect(at);

        cr_assert_eq(read(fd, &byte, 1), 1);
        close(fd);
    }
    test_close(pull);
    while (zmq_recv(reader, &r, sizeof r, 0) == (int)sizeof r &&
           r.event != ZMQ_EVENT_MONITOR_STOPPED)
        events++;
    cr_assert_eq(r.event, ZMQ_EVENT_MONITOR_STOPPED);
    cr_assert_eq(r.lost, 0);
    WAIT((test_catch_up(reader), all().closing == 0));
    cr_assert_gt(events, called);
    cr_assert_eq(all().events_lost, events - called);
}

/* Events at will: each call raises one, for the socket's one pipe. */
static void raise_events(void *socket, int count)
{
    for (int i = 0; i < count; i++)
        OK(zmq_socket_monitor_pipes_stats(socket));
}

static void *socket_with_a_pipe(void)
{
    const char *at = test_endpoint(TEST_INPROC);

    test_bound(ZMQ_PULL, at);
    return test_connected(ZMQ_PUSH, at);
}

static void monitor_with(void *socket, const char *name, int type)
{
    OK(zmq_socket_monitor_versioned(socket, name, ZMQ_EVENT_PIPES_STATS | ZMQ_EVENT_MONITOR_STOPPED,
                                    ZURING_EVENT_VERSION, type));
}

Test(lost, counts_events_that_a_subscriber_has_no_room_for)
{
    enum { EVENTS_RAISED = 3000 };
    const char *name = watch_name();
    void *push = socket_with_a_pipe(), *reader = test_socket(ZMQ_SUB);
    struct zuring_event r;
    uint64_t got = 0;

    monitor_with(push, name, ZMQ_PUB);
    SUBSCRIBE(reader, "");
    SET(reader, ZMQ_RCVHWM, 10);
    test_connect(reader, name);
    WAIT((raise_events(push, 1), zmq_recv(reader, &r, sizeof r, ZMQ_DONTWAIT) == (int)sizeof r));
    while (zmq_recv(reader, &r, sizeof r, ZMQ_DONTWAIT) == (int)sizeof r)
        continue;
    raise_events(push, EVENTS_RAISED);
    cr_assert_gt(of(push).events_lost, 0);
    cr_assert_eq(all().events_lost, of(push).events_lost);
    OK(zmq_socket_monitor(push, NULL, 0));
    while (zmq_recv(reader, &r, sizeof r, 0) == (int)sizeof r &&
           r.event != ZMQ_EVENT_MONITOR_STOPPED)
        got++;
    cr_assert_eq(got + r.lost, EVENTS_RAISED);
    cr_assert_eq(of(push).events_lost, r.lost);
}

Test(lost, counts_events_that_nobody_came_for)
{
    void *push = socket_with_a_pipe();

    monitor_with(push, watch_name(), ZMQ_PAIR);
    raise_events(push, 600);
    cr_assert_eq(of(push).events_lost, 600 - 512);
    OK(zmq_socket_monitor(push, NULL, 0));
    cr_assert_eq(of(push).events_lost, 600);
    monitor_with(push, watch_name(), ZMQ_PAIR);
    raise_events(push, 7);
    test_close(push);
    WAIT(all().events_lost == 607);
}

Test(lost, counts_events_that_a_reader_left)
{
    const char *name = watch_name();
    void *push = socket_with_a_pipe(), *reader;
    struct zuring_event r;

    monitor_with(push, name, ZMQ_PAIR);
    reader = watch_reader(ZMQ_PAIR, name);
    raise_events(push, 40);
    cr_assert_eq(zmq_recv(reader, &r, sizeof r, 0), (int)sizeof r);
    test_close(reader);
    WAIT(of(push).events_lost == 39);
    reader = watch_reader(ZMQ_PAIR, name);
    raise_events(push, 1);
    cr_assert_eq(zmq_recv(reader, &r, sizeof r, 0), (int)sizeof r);
    cr_assert_eq(r.lost, 39);
}

Test(lost, a_context_is_asked_as_a_socket_is)
{
    uint64_t large[64];

    FAILS(EFAULT, zuring_stats_context(NULL, (void *)large, 8));
    FAILS(EFAULT, zuring_stats_context(test_ctx(), NULL, 8));
    FAILS(EINVAL, zuring_stats_context(test_ctx(), (void *)large, 9));
    memset(large, 0xff, sizeof large);
    OK(zuring_stats_context(test_ctx(), (void *)large, 8));
    cr_assert_eq(large[0], 0);
    cr_assert_eq(large[1], UINT64_MAX, "no more than it has room for");
    OK(zuring_stats_context(test_ctx(), (void *)large, sizeof large));
    cr_assert_eq(large[63], 0);
}

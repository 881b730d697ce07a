/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_socket_monitor_versioned: both ends named, and readers of other types.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/monitor/watch.h"
#include "tests/support/plain.h"
#include "tests/support/rawpeer.h"

#include <unistd.h>

TEST_SUITE(versioned);

/* Watches by version 2 with a socket of the type, read by one of the other. */
static void *watch_v2(void *socket, int type, int reader_type)
{
    const char *name = watch_name();

    OK(zmq_socket_monitor_versioned(socket, name, ZMQ_EVENT_ALL_V2, 2, type));
    return watch_reader(reader_type, name);
}

/* The text between '@' and '>', or behind '>'. */
static const char *end_of(const char *seen, char from)
{
    const char *at = strchr(seen, from) + 1;

    return test_text("%.*s", (int)strcspn(at, ">"), at);
}

static void tells_both_ends(enum test_transport transport, int type, int reader_type)
{
    const char *at = test_endpoint(transport), *seen, *local, *peer;
    void *b = test_socket(ZMQ_DEALER), *c = test_socket(ZMQ_DEALER);
    void *b_reader = watch_v2(b, type, reader_type), *c_reader = watch_v2(c, type, reader_type);

    SET(c, ZMQ_RECONNECT_IVL, -1);
    test_bind(b, at);
    EVENTS_V2(b_reader, "LISTENING=*@%s>", at);
    test_connect(c, at);
    if (transport == TEST_TCP)
        EVENTS_V2(c_reader, "CONNECT_DELAYED=115@>%s", at);
    seen = watch_next_v2(c_reader, 0);
    cr_assert(strncmp(seen, "CONNECTED=", 10) == 0, "%s", seen);
    cr_assert_str_eq(end_of(seen, '>'), at);
    local = end_of(seen, '@');
    cr_assert_str_neq(local, at);
    EVENTS_V2(c_reader, "HANDSHAKE_SUCCEEDED=0@%s>%s", local, at);

    seen = watch_next_v2(b_reader, 0);
    cr_assert(strncmp(seen, "ACCEPTED=", 9) == 0, "%s", seen);
    cr_assert_str_eq(end_of(seen, '@'), at);
    peer = end_of(seen, '>');
    if (transport == TEST_TCP)
        cr_assert_str_eq(peer, local);
    EVENTS_V2(b_reader, "HANDSHAKE_SUCCEEDED=0@%s>%s", at, peer);
    test_close(c);
    EVENTS_V2(c_reader, "MONITOR_STOPPED=0@>");
    EVENTS_V2(b_reader, "DISCONNECTED=*@%s>%s", at, peer);
    test_close(b);
    EVENTS_V2(b_reader, "CLOSED=*@%s> MONITOR_STOPPED=0@>", at);
}

EACH_STREAM(versioned, tells_a_pair_of_both_ends)
{
    tells_both_ends(transport, ZMQ_PAIR, ZMQ_PAIR);
}

EACH_STREAM(versioned, tells_subscribers_of_both_ends)
{
    tells_both_ends(transport, ZMQ_PUB, ZMQ_SUB);
}

EACH_STREAM(versioned, tells_a_worker_of_both_ends)
{
    tells_both_ends(transport, ZMQ_PUSH, ZMQ_PULL);
}

EACH_STREAM(versioned, names_who_dialed_when_it_has_gone)
{
    const char *at = test_endpoint(transport), *seen, *who;
    void *b = test_socket(ZMQ_DEALER), *reader = watch_v2(b, ZMQ_PAIR, ZMQ_PAIR);
    int peer;

    test_bind(b, at);
    EVENTS_V2(reader, "LISTENING");
    peer = test_plain_connect(at);
    seen = watch_next_v2(reader, 0);
    who = end_of(seen, '>');
    close(peer);
    EVENTS_V2(reader, "HANDSHAKE_FAILED_NO_DETAIL=*@%s>%s DISCONNECTED=*@%s>%s", at, who, at, who);
}

Test(versioned, tells_every_subscriber)
{
    void *s = test_socket(ZMQ_PULL), *readers[3];
    const char *name = watch_name(), *at = test_endpoint(TEST_TCP);

    OK(zmq_socket_monitor_versioned(s, name, ZMQ_EVENT_ALL_V2, 2, ZMQ_PUB));
    for (int i = 0; i < 3; i++)
        readers[i] = watch_reader(ZMQ_SUB, name);
    test_bind(s, at);
    test_close(s);
    for (int i = 0; i < 3; i++)
        EVENTS_V2(readers[i], "LISTENING=*@%s> CLOSED MONITOR_STOPPED", at);
}

Test(versioned, says_version_1_as_the_plain_call_does)
{
    void *s = test_socket(ZMQ_PULL), *reader;
    const char *name = watch_name(), *at = test_endpoint(TEST_TCP);

    OK(zmq_socket_monitor_versioned(s, name, ZMQ_EVENT_ALL, 1, ZMQ_PUSH));
    reader = watch_reader(ZMQ_PULL, name);
    test_bind(s, at);
    test_close(s);
    EVENTS(reader, "LISTENING=*@%s CLOSED=*@%s MONITOR_STOPPED=0@", at, at);
}

Test(versioned, takes_other_versions_and_says_nothing)
{
    const char *name = watch_name();
    void *s = test_socket(ZMQ_PULL), *reader;

    OK(zmq_socket_monitor_versioned(s, name, ZMQ_EVENT_ALL, 99, ZMQ_PAIR));
    reader = watch_reader(ZMQ_PAIR, name);
    test_bind(s, test_endpoint(TEST_TCP));
    test_close(s);
    NO_EVENT(reader);
}

Test(versioned, refuses_other_types_and_other_schemes)
{
    void *s = test_socket(ZMQ_PULL);

    FAILS(ENOTSOCK, zmq_socket_monitor_versioned(NULL, "inproc://m", 0, 2, ZMQ_PAIR));
    FAILS(EINVAL, zmq_socket_monitor_versioned(s, watch_name(), 0, 2, ZMQ_SUB));
    FAILS(EINVAL, zmq_socket_monitor_versioned(s, watch_name(), 0, 2, -1));
    FAILS(EINVAL, zmq_socket_monitor_versioned(s, watch_name(), ZMQ_EVENT_ALL_V2, 1, ZMQ_PAIR));
    FAILS(EPROTONOSUPPORT,
          zmq_socket_monitor_versioned(s, "tcp://127.0.0.1:*", ZMQ_EVENT_ALL_V2, 2, ZMQ_PAIR));
}

Test(versioned, a_refused_call_leaves_the_monitor_there_was)
{
    void *s = test_socket(ZMQ_PULL), *reader = watch_v2(s, ZMQ_PAIR, ZMQ_PAIR);

    FAILS(EINVAL, zmq_socket_monitor_versioned(s, watch_name(), 0, 2, ZMQ_SUB));
    test_bind(s, test_endpoint(TEST_TCP));
    EVENTS_V2(reader, "LISTENING");
}

/* ---- what waits in the pipes ---- */

static const char *next_stats(void *socket, void *reader)
{
    OK(zmq_socket_monitor_pipes_stats(socket));
    test_catch_up(socket); /* libzmq answers in a later call */
    return watch_next_v2(reader, 0);
}

static void *watch_pipes(void *socket)
{
    const char *name = watch_name();

    OK(zmq_socket_monitor_versioned(socket, name, ZMQ_EVENT_PIPES_STATS, 2, ZMQ_PAIR));
    return watch_reader(ZMQ_PAIR, name);
}

Test(versioned, tells_of_pipes_only_who_asked_for_it_and_when_there_are_some)
{
    void *s = test_socket(ZMQ_DEALER);

    FAILS(ENOTSOCK, zmq_socket_monitor_pipes_stats(NULL));
    FAILS(EINVAL, zmq_socket_monitor_pipes_stats(s));
    OK(zmq_socket_monitor_versioned(s, watch_name(), ZMQ_EVENT_ALL_V1, 2, ZMQ_PAIR));
    FAILS(EINVAL, zmq_socket_monitor_pipes_stats(s));
    OK(zmq_socket_monitor(s, watch_name(), ZMQ_EVENT_ALL_V1));
    FAILS(EINVAL, zmq_socket_monitor_pipes_stats(s));
    watch_pipes(s);
    FAILS(EAGAIN, zmq_socket_monitor_pipes_stats(s));
    OK(zmq_socket_monitor(s, NULL, 0));
    FAILS(EINVAL, zmq_socket_monitor_pipes_stats(s));
}

/* The peer reads nothing: the pipe fills to its mark. */
EACH_STREAM(versioned, tells_what_waits_to_be_sent)
{
    enum { MARK = 20 };
    static const char body[8192];
    const char *at = test_endpoint(transport), *seen;
    void *s = test_socket(ZMQ_PUSH), *reader = watch_pipes(s);
    int peer;

    SET(s, ZMQ_SNDHWM, MARK);
    SET(s, ZMQ_SNDBUF, 4096);
    SET(s, ZMQ_LINGER, 0);
    test_bind(s, at);
    peer = test_plain_connect(at);
    raw_greet(peer, 1);
    raw_send_ready(peer, "PULL", NULL);
    SEND(s, "first");
    seen = next_stats(s, reader);
    cr_assert(strncmp(seen, "PIPES_STATS=", 12) == 0, "%s", seen);
    cr_assert_str_eq(end_of(seen, '@'), at);
    if (transport == TEST_TCP)
        cr_assert(strncmp(end_of(seen, '>'), "tcp://127.0.0.1:", 16) == 0, "%s", seen);
    WAIT(({ /* until the kernel has taken what it takes */
            while (zmq_send(s, body, sizeof body, ZMQ_DONTWAIT) >= 0)
                continue;
            cr_assert_eq(errno, EAGAIN);
            seen = next_stats(s, reader);
            strncmp(seen, test_text("PIPES_STATS=%d,0@", MARK), 17) == 0;
    }));
    close(peer);
}

EACH_STREAM(versioned, tells_what_waits_to_be_received)
{
    const char *at = test_endpoint(transport), *seen = "";
    void *s = test_socket(ZMQ_PULL), *reader = watch_pipes(s), *push;

    SET(s, ZMQ_RCVHWM, 1);
    test_bind(s, at);
    push = test_connected(ZMQ_PUSH, at);
    SEND(push, "one");
    WAIT(test_events(s) & ZMQ_POLLIN);
    seen = next_stats(s, reader);
    cr_assert(strncmp(seen, "PIPES_STATS=0,1@", 16) == 0, "%s", seen);
    RECV(s, "one");
    seen = next_stats(s, reader);
    cr_assert(strncmp(seen, "PIPES_STATS=0,0@", 16) == 0, "%s", seen);
}

Test(versioned, tells_of_every_pipe_and_of_those_in_the_process_too)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *s = test_socket(ZMQ_PUSH), *reader = watch_pipes(s), *pulls[2];

    test_bind(s, at);
    for (int i = 0; i < 2; i++)
        pulls[i] = test_connected(ZMQ_PULL, at);
    SEND(s, "to the first");
    OK(zmq_socket_monitor_pipes_stats(s));
    EVENTS_V2(reader, "PIPES_STATS=1,0 PIPES_STATS=0,0");
    NO_EVENT(reader);
    RECV(pulls[0], "to the first");
}

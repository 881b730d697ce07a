/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Version 3: one record for each event, that names the connection and both its ends, says why and
 * when, and how much was lost before.
 */
#define ZMQ_BUILD_DRAFT_API
#include "include/zuring.h"
#include "tests/monitor/watch.h"
#include "tests/support/plain.h"
#include "tests/support/proc.h"
#include "tests/support/rawpeer.h"

#include <sys/resource.h>
#include <unistd.h>

TEST_SUITE(record);

static void *watch_v3(void *socket, uint64_t events)
{
    const char *name = watch_name();

    OK(zmq_socket_monitor_versioned(socket, name, events, ZURING_EVENT_VERSION, ZMQ_PAIR));
    return watch_reader(ZMQ_PAIR, name);
}

/* The next record. */
static struct zuring_event next(void *reader)
{
    struct zuring_event r;
    int size = zmq_recv(reader, &r, sizeof r, 0);

    cr_assert_eq(size, (int)sizeof r, "%s", size < 0 ? test_error(errno) : "of another size");
    cr_assert_eq(r.size, sizeof r);
    cr_assert_eq(test_get(reader, ZMQ_RCVMORE), 0);
    return r;
}

/* The next record of that event; others may come before. */
static struct zuring_event next_of(void *reader, uint64_t event)
{
    struct zuring_event r;

    do
        r = next(reader);
    while (r.event != event);
    return r;
}

/* ---- the layout is a promise ---- */

Test(record, lies_as_it_is_documented)
{
    cr_assert_eq(sizeof(struct zuring_event), 1280);
    cr_assert_eq(offsetof(struct zuring_event, error), 4);
    cr_assert_eq(offsetof(struct zuring_event, event), 8);
    cr_assert_eq(offsetof(struct zuring_event, value), 16);
    cr_assert_eq(offsetof(struct zuring_event, value2), 24);
    cr_assert_eq(offsetof(struct zuring_event, time_ns), 32);
    cr_assert_eq(offsetof(struct zuring_event, connection), 40);
    cr_assert_eq(offsetof(struct zuring_event, lost), 48);
    cr_assert_eq(offsetof(struct zuring_event, bound), 56);
    cr_assert_eq(offsetof(struct zuring_event, routing_id_size), 57);
    cr_assert_eq(offsetof(struct zuring_event, routing_id), 64);
    cr_assert_eq(offsetof(struct zuring_event, local), 320);
    cr_assert_eq(offsetof(struct zuring_event, remote), 448);
    cr_assert_eq(offsetof(struct zuring_event, endpoint), 576);
    cr_assert_eq(offsetof(struct zuring_event, user_id), 832);
    cr_assert_eq(offsetof(struct zuring_event, place), 1088);
    cr_assert_eq(offsetof(struct zuring_event, reason), 1152);
}

/* ---- what it tells ---- */

EACH_STREAM(record, names_the_connection_and_both_its_ends)
{
    const char *given = transport == TEST_TCP ? "tcp://127.0.0.1:*" : test_endpoint(transport);
    void *b = test_socket(ZMQ_ROUTER), *c = test_socket(ZMQ_DEALER);
    void *b_reader = watch_v3(b, ZURING_EVENT_ALL), *c_reader = watch_v3(c, ZURING_EVENT_ALL);
    struct zuring_event listening, accepted, connected, r;
    char at[256];
    size_t size = sizeof at;

    SET_TEXT(c, ZMQ_ROUTING_ID, "seven");
    test_bind(b, given);
    OK(zmq_getsockopt(b, ZMQ_LAST_ENDPOINT, at, &size));
    listening = next(b_reader);
    cr_assert_eq(listening.event, ZMQ_EVENT_LISTENING);
    cr_assert_str_eq(listening.local, at);
    cr_assert_str_eq(listening.endpoint, given);
    cr_assert_eq(listening.connection, 0);
    cr_assert(listening.bound);

    test_connect(c, at);
    connected = next_of(c_reader, ZMQ_EVENT_CONNECTED);
    cr_assert_neq(connected.connection, 0);
    cr_assert_str_eq(connected.endpoint, at);
    cr_assert_str_eq(connected.remote, at);
    cr_assert_not(connected.bound);
    r = next(c_reader);
    cr_assert_eq(r.event, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    cr_assert_eq(r.connection, connected.connection);
    cr_assert_str_eq(r.local, connected.local);
    cr_assert_geq(r.time_ns, connected.time_ns);

    accepted = next(b_reader);
    cr_assert_eq(accepted.event, ZMQ_EVENT_ACCEPTED);
    cr_assert_neq(accepted.connection, 0);
    cr_assert_neq(accepted.connection, connected.connection);
    cr_assert_str_eq(accepted.endpoint, given);
    cr_assert_str_eq(accepted.local, at);
    if (transport == TEST_TCP)
        cr_assert_str_eq(accepted.remote, connected.local);
    cr_assert_gt(accepted.time_ns, listening.time_ns);
    cr_assert_eq(accepted.routing_id_size, 0, "it has not said so yet");
    r = next(b_reader);
    cr_assert_eq(r.event, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    cr_assert_eq(r.connection, accepted.connection);
    cr_assert_eq(r.routing_id_size, 5);
    cr_assert_arr_eq(r.routing_id, "seven", 6);

    test_close(c);
    r = next(b_reader);
    cr_assert_eq(r.event, ZMQ_EVENT_DISCONNECTED);
    cr_assert_eq(r.connection, accepted.connection);
    cr_assert_eq(r.error, EPIPE);
    cr_assert_str_eq(r.remote, accepted.remote);
    cr_assert_arr_eq(r.routing_id, "seven", 6);
    cr_assert_eq(r.lost, 0);
    r = next(c_reader);
    cr_assert_eq(r.event, ZMQ_EVENT_MONITOR_STOPPED);
    cr_assert_neq(r.time_ns, 0);
}

EACH_STREAM(record, numbers_no_two_connections_alike)
{
    const char *at = test_endpoint(transport);
    void *b = test_socket(ZMQ_PULL),
         *reader = watch_v3(b, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED);
    uint64_t last = 0;

    test_bind(b, at);
    for (int i = 0; i < 20; i++) {
        int peer = test_plain_connect(at);
        struct zuring_event came = next(reader), went;

        cr_assert_gt(came.connection, last);
        last = came.connection;
        close(peer);
        went = next(reader);
        cr_assert_eq(went.connection, came.connection);
    }
}

Test(record, tells_why_a_connect_failed)
{
    const char *at = test_endpoint(TEST_TCP);
    void *c = test_socket(ZMQ_PUSH), *reader = watch_v3(c, ZURING_EVENT_ALL);
    struct zuring_event r;

    SET(c, ZMQ_LINGER, 0);
    SET(c, ZMQ_RECONNECT_IVL, 20);
    test_connect(c, at);
    r = next_of(reader, ZMQ_EVENT_CLOSED);
    cr_assert_eq(r.error, ECONNREFUSED);
    cr_assert_eq(r.connection, 0);
    cr_assert_str_eq(r.endpoint, at);
    r = next(reader);
    cr_assert_eq(r.event, ZMQ_EVENT_CONNECT_RETRIED);
    cr_assert_eq(r.error, ECONNREFUSED);
}

Test(record, tells_what_could_not_be_bound)
{
    const char *taken = test_endpoint(TEST_TCP);
    void *b = test_socket(ZMQ_PULL), *reader = watch_v3(b, ZMQ_EVENT_BIND_FAILED);
    struct zuring_event r;

    test_bound(ZMQ_PULL, taken);
    FAILS(EADDRINUSE, zmq_bind(b, taken));
    r = next(reader);
    cr_assert_eq(r.error, EADDRINUSE);
    cr_assert_str_eq(r.endpoint, taken);
}

EACH_STREAM(record, tells_that_a_heartbeat_was_missed)
{
    const char *at = test_endpoint(transport);
    void *b = test_socket(ZMQ_PULL), *reader = watch_v3(b, ZMQ_EVENT_DISCONNECTED);
    int peer;

    SET(b, ZMQ_HEARTBEAT_IVL, 50);
    SET(b, ZMQ_HEARTBEAT_TIMEOUT, 100);
    test_bind(b, at);
    peer = test_plain_connect(at);
    raw_greet(peer, 1);
    raw_send_ready(peer, "PUSH", "silent");
    struct zuring_event r = next(reader);

    cr_assert_eq(r.error, ETIMEDOUT);
    cr_assert_arr_eq(r.routing_id, "silent", 7);
    close(peer);
}

EACH_STREAM(record, names_the_user_whom_the_authentication_found)
{
    const char *at = test_endpoint(transport);
    void *handler = test_bound(ZMQ_REP, "inproc://zeromq.zap.01");
    void *b = test_socket(ZMQ_PULL), *c = test_socket(ZMQ_PUSH);
    void *reader = watch_v3(b, ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED);

    SET_TEXT(b, ZMQ_ZAP_DOMAIN, "TEST");
    test_bind(b, at);
    test_connect(c, at);
    test_recv(handler, 0);
    SEND(handler, "1.0|1|200|OK|alice|");
    cr_assert_str_eq(next(reader).user_id, "alice");
    test_close(c);
    cr_assert_str_eq(next(reader).user_id, "alice", "also when it has gone");
}

Test(record, goes_to_subscribers_too)
{
    void *s = test_socket(ZMQ_PULL), *readers[2];
    const char *name = watch_name(), *at = test_endpoint(TEST_TCP);

    OK(zmq_socket_monitor_versioned(s, name, ZURING_EVENT_ALL, ZURING_EVENT_VERSION, ZMQ_PUB));
    for (int i = 0; i < 2; i++)
        readers[i] = watch_reader(ZMQ_SUB, name);
    test_bind(s, at);
    for (int i = 0; i < 2; i++)
        cr_assert_str_eq(next(readers[i]).local, at);
}

Test(record, tells_what_waits_in_a_pipe)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *s = test_socket(ZMQ_PUSH), *reader = watch_v3(s, ZURING_EVENT_ALL), *pull;
    struct zuring_event r;

    test_bind(s, at);
    pull = test_connected(ZMQ_PULL, at);
    SEND(s, "one");
    SEND(s, "two");
    OK(zmq_socket_monitor_pipes_stats(s));
    r = next(reader);
    cr_assert_eq(r.event, ZMQ_EVENT_PIPES_STATS);
    cr_assert_eq(r.value, 2);
    cr_assert_eq(r.value2, 0);
    RECV(pull, "one");
}

/* ---- what libzmq does not tell ---- */

/* A subscriber that has all topics and reads nothing. */
static int stalled_subscriber(const char *at)
{
    int peer = test_plain_connect(at);

    raw_greet(peer, 0);
    raw_send_ready(peer, "SUB", NULL);
    raw_send(peer, "00 01 01");
    return peer;
}

EACH_STREAM(record, tells_what_a_publisher_drops_and_at_whom)
{
    static const char body[8192];
    const char *at = test_endpoint(transport);
    const char *bound = transport == TEST_TCP ? "tcp://127.0.0.1:*" : at;
    void *pub = test_socket(ZMQ_XPUB), *reader = watch_v3(pub, ZURING_EVENT_ALL);
    char last[256];
    size_t size = sizeof last;
    uint64_t connection;
    struct zuring_event r;
    int peer;

    SET(pub, ZMQ_SNDHWM, 5);
    SET(pub, ZMQ_SNDBUF, 4096);
    SET(pub, ZMQ_LINGER, 0);
    test_bind(pub, bound);
    OK(zmq_getsockopt(pub, ZMQ_LAST_ENDPOINT, last, &size));
    peer = stalled_subscriber(last);
    connection = next_of(reader, ZMQ_EVENT_ACCEPTED).connection;
    next_of(reader, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    cr_assert_eq(zmq_recv(pub, NULL, 0, 0), 1);
    WAIT((zmq_send(pub, body, sizeof body, 0), test_events(reader) & ZMQ_POLLIN));
    r = next(reader);
    cr_assert_eq(r.event, ZURING_EVENT_DROPPED);
    cr_assert_eq(r.value2, ZURING_DROP_WATER_MARK);
    cr_assert_eq(r.connection, connection);
    cr_assert_str_eq(r.endpoint, bound);
    cr_assert_eq(r.value, 1, "the first one is told at once");
    /* Of a thousand more few get through; the rest is told when the peer goes. */
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(zmq_send(pub, body, sizeof body, 0), (int)sizeof body);
    close(peer);
    WAIT((test_catch_up(pub), next_of(reader, ZMQ_EVENT_DISCONNECTED).connection == connection));
    WAIT((test_catch_up(pub), test_events(reader) & ZMQ_POLLIN));
    r = next(reader);
    cr_assert_eq(r.event, ZURING_EVENT_DROPPED);
    cr_assert_gt(r.value, 500);
    cr_assert_leq(r.value, 1000);
    cr_assert_eq(r.connection, connection, "though it has ended");
    cr_assert_str_eq(r.endpoint, bound);
}

Test(record, tells_what_a_router_cannot_route)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *router = test_bound(ZMQ_ROUTER, at), *reader = watch_v3(router, ZURING_EVENT_ALL),
         *dealer;
    struct zuring_event r;

    OK(zmq_send(router, "nobody", 6, ZMQ_SNDMORE) - 6);
    SEND(router, "unheard");
    r = next(reader);
    cr_assert_eq(r.event, ZURING_EVENT_DROPPED);
    cr_assert_eq(r.value, 1);
    cr_assert_eq(r.value2, ZURING_DROP_NO_ROUTE);
    cr_assert_eq(r.connection, 0);

    dealer = test_socket(ZMQ_DEALER);
    SET(router, ZMQ_SNDHWM, 1);
    SET(dealer, ZMQ_RCVHWM, 1);
    SET_TEXT(dealer, ZMQ_ROUTING_ID, "slow");
    test_connect(dealer, at);
    for (int i = 0; i < 2001; i++) { /* the bind's own mark was 1000 yet */
        OK(zmq_send(router, "slow", 4, ZMQ_SNDMORE) - 4);
        SEND(router, "much");
    }
    r = next(reader);
    cr_assert_eq(r.event, ZURING_EVENT_DROPPED);
    cr_assert_eq(r.value2, ZURING_DROP_WATER_MARK);
    cr_assert_eq(r.routing_id_size, 4);
    cr_assert_arr_eq(r.routing_id, "slow", 5);
}

EACH_STREAM(record, tells_who_sent_too_much)
{
    const char *at = test_endpoint(transport);
    void *b = test_socket(ZMQ_PULL),
         *reader = watch_v3(b, ZURING_EVENT_DROPPED | ZMQ_EVENT_DISCONNECTED);
    struct zuring_event r;
    int peer;

    OK(zmq_setsockopt(b, ZMQ_MAXMSGSIZE, &(int64_t){100}, sizeof(int64_t)));
    test_bind(b, at);
    peer = test_plain_connect(at);
    raw_greet(peer, 1);
    raw_send_ready(peer, "PUSH", "greedy");
    raw_send(peer, "00 c8 00*200");
    r = next(reader);
    cr_assert_eq(r.event, ZURING_EVENT_DROPPED);
    cr_assert_eq(r.value2, ZURING_DROP_OVERSIZED);
    cr_assert_eq(r.error, EMSGSIZE);
    cr_assert_arr_eq(r.routing_id, "greedy", 7);
    cr_assert_eq(next(reader).error, EMSGSIZE);
    close(peer);
}

EACH_STREAM(record, tells_whose_routing_id_was_rejected)
{
    const char *at = test_endpoint(transport);
    void *router = test_bound(ZMQ_ROUTER, at);
    void *reader = watch_v3(router, ZURING_EVENT_ROUTING_ID_REJECTED | ZMQ_EVENT_ACCEPTED), *dealer;
    struct zuring_event accepted, r;

    for (int i = 0; i < 2; i++) {
        dealer = test_socket(ZMQ_DEALER);
        SET_TEXT(dealer, ZMQ_ROUTING_ID, "twin");
        test_connect(dealer, at);
        accepted = next(reader);
        cr_assert_eq(accepted.event, ZMQ_EVENT_ACCEPTED);
        if (i == 0) {
            SEND(dealer, "here");
            RECV(router, "twin|here");
        }
    }
    WAIT((test_catch_up(router), test_events(reader) & ZMQ_POLLIN));
    r = next(reader);
    cr_assert_eq(r.event, ZURING_EVENT_ROUTING_ID_REJECTED);
    cr_assert_eq(r.connection, accepted.connection);
    cr_assert_str_eq(r.endpoint, at);
    cr_assert_eq(r.routing_id_size, 4);
    cr_assert_arr_eq(r.routing_id, "twin", 5);
    cr_assert_eq(r.error, EEXIST);
}

EACH_STREAM(record, tells_that_nobody_can_be_accepted)
{
    const char *at = test_endpoint(transport);
    void *b = test_socket(ZMQ_PULL);
    void *reader =
        watch_v3(b, ZURING_EVENT_ACCEPT_PAUSED | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED);
    struct zuring_event r;
    int before, peer;

    setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 100, .rlim_max = 100});
    test_bind(b, at);
    before = test_plain_connect(at); /* see test_take_descriptors */
    cr_assert_eq(next(reader).event, ZMQ_EVENT_ACCEPTED);
    test_take_descriptors(1);
    peer = test_plain_connect(at);
    r = next(reader);
    cr_assert_eq(r.event, ZMQ_EVENT_ACCEPT_FAILED, "event %x, error %d", r.event, r.error);
    r = next(reader);
    cr_assert_eq(r.event, ZURING_EVENT_ACCEPT_PAUSED);
    cr_assert_eq(r.error, EMFILE);
    cr_assert_gt(r.value, 0);
    cr_assert_str_eq(r.endpoint, at);
    cr_assert_eq(next(reader).event, ZMQ_EVENT_ACCEPT_FAILED, "told once, however long it lasts");
    test_give_descriptors();
    do
        r = next(reader);
    while (r.event == ZMQ_EVENT_ACCEPT_FAILED);
    cr_assert_eq(r.event, ZMQ_EVENT_ACCEPTED);
    close(before);
    close(peer);
}

/* ---- what was lost ---- */

Test(record, counts_what_was_lost_to_the_last_event)
{
    enum { CONNECTIONS = 4000, MARK = 10 };
    const char *at = test_endpoint(TEST_IPC), *name = watch_name();
    void *b = test_socket(ZMQ_PULL), *reader = test_socket(ZMQ_PAIR);
    uint64_t mask = ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CLOSED;
    uint64_t seen = 0, events = 1 + CONNECTIONS + 1;
    struct zuring_event r;
    char greeting[10];

    SET(reader, ZMQ_RCVHWM, MARK);
    OK(zmq_socket_monitor_versioned(b, name, mask | ZMQ_EVENT_MONITOR_STOPPED, ZURING_EVENT_VERSION,
                                    ZMQ_PAIR));
    test_connect(reader, name);
    test_bind(b, at);
    for (int i = 0; i < CONNECTIONS; i++) {
        int fd = test_plain_connect(at);

        cr_assert_eq(read(fd, greeting, sizeof greeting), (ssize_t)sizeof greeting);
        close(fd);
    }
    test_close(b);
    do {
        uint64_t before = seen ? r.lost : 0;

        r = next(reader);
        cr_assert_geq(r.lost, before);
        seen++;
    } while (r.event != ZMQ_EVENT_MONITOR_STOPPED);
    cr_assert_gt(r.lost, 0);
    cr_assert_eq(seen - 1 + r.lost, events, "%d seen, %d lost", (int)seen, (int)r.lost);
}

Test(record, counts_what_a_slow_subscriber_has_lost)
{
    enum { BINDS = 2500, MARK = 5 };
    const char *at = test_endpoint(TEST_IPC), *name = watch_name();
    void *b = test_socket(ZMQ_PULL), *reader = test_socket(ZMQ_SUB);
    uint64_t seen = 0;
    struct zuring_event r;

    SET(reader, ZMQ_RCVHWM, MARK);
    SUBSCRIBE(reader, "");
    OK(zmq_socket_monitor_versioned(b, name, ZMQ_EVENT_LISTENING | ZMQ_EVENT_MONITOR_STOPPED,
                                    ZURING_EVENT_VERSION, ZMQ_PUB));
    test_connect(reader, name);
    for (int i = 0; i < BINDS; i++) {
        WAIT(zmq_bind(b, at) == 0); /* descriptors of the last ones may be closing yet */
        OK(zmq_unbind(b, at));
    }
    OK(zmq_socket_monitor(b, NULL, 0));
    do {
        r = next(reader);
        seen++;
    } while (r.event != ZMQ_EVENT_MONITOR_STOPPED);
    cr_assert_eq(seen - 1 + r.lost, BINDS, "%d seen, %d lost", (int)seen, (int)r.lost);
}

Test(record, counts_what_was_lost_for_each_monitor_anew)
{
    const char *at = test_endpoint(TEST_IPC);
    void *b = test_socket(ZMQ_PULL), *reader;

    OK(zmq_socket_monitor_versioned(b, watch_name(), ZURING_EVENT_ALL, ZURING_EVENT_VERSION,
                                    ZMQ_PAIR));
    for (int i = 0; i < 600; i++) { /* nobody is there to read */
        WAIT(zmq_bind(b, at) == 0); /* descriptors of the last ones may be closing yet */
        OK(zmq_unbind(b, at));
    }
    reader = watch_v3(b, ZURING_EVENT_ALL);
    test_close(b);
    cr_assert_eq(next_of(reader, ZMQ_EVENT_MONITOR_STOPPED).lost, 0);
}

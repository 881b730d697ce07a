/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What zmq_socket_monitor takes and refuses, which events it lets through, how it ends, and that
 * whoever reads it, or does not, is no matter to the socket.
 */
#include "tests/monitor/watch.h"
#include "tests/support/plain.h"
#include "tests/support/proc.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

TEST_SUITE(monitor);

/* ---- what it takes ---- */

Test(monitor, refuses_what_is_no_inproc_endpoint)
{
    void *s = test_socket(ZMQ_DEALER);

    FAILS(ENOTSOCK, zmq_socket_monitor(NULL, "inproc://m", ZMQ_EVENT_ALL));
    FAILS(EPROTONOSUPPORT, zmq_socket_monitor(s, "tcp://127.0.0.1:*", ZMQ_EVENT_ALL));
    FAILS(EPROTONOSUPPORT, zmq_socket_monitor(s, "ipc://m", 0));
    FAILS(EPROTONOSUPPORT, zmq_socket_monitor(s, "nosuch://m", ZMQ_EVENT_ALL));
    FAILS(EINVAL, zmq_socket_monitor(s, "inproc", ZMQ_EVENT_ALL));
    FAILS(EINVAL, zmq_socket_monitor(s, "inproc://", ZMQ_EVENT_ALL));
    FAILS(EINVAL, zmq_socket_monitor(s, "", ZMQ_EVENT_ALL));
}

Test(monitor, refuses_events_that_version_1_cannot_tell)
{
    void *s = test_socket(ZMQ_DEALER);

    FAILS(EINVAL, zmq_socket_monitor(s, watch_name(), 0x10000));
    FAILS(EINVAL, zmq_socket_monitor(s, watch_name(), -1));
    watch(s, 0xFFFF);
    watch(s, 0);
}

Test(monitor, refuses_a_name_that_is_taken_and_one_may_try_again)
{
    const char *name = watch_name();
    void *s = test_socket(ZMQ_DEALER), *other = test_bound(ZMQ_PAIR, name), *reader;

    FAILS(EADDRINUSE, zmq_socket_monitor(s, name, ZMQ_EVENT_ALL));
    OK(zmq_unbind(other, name));
    OK(zmq_socket_monitor(s, name, ZMQ_EVENT_ALL));
    reader = watch_reader(ZMQ_PAIR, name);
    OK(zmq_socket_monitor(s, NULL, 0));
    EVENTS(reader, "MONITOR_STOPPED");
}

Test(monitor, counts_as_a_socket)
{
    void *ctx = zmq_ctx_new(), *s, *t;

    OK(zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 2));
    s = zmq_socket(ctx, ZMQ_DEALER);
    OK(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_LISTENING));
    cr_assert_null(zmq_socket(ctx, ZMQ_DEALER));
    OK(zmq_socket_monitor(s, NULL, 0));
    WAIT((t = zmq_socket(ctx, ZMQ_DEALER)) != NULL);
    FAILS(EMFILE, zmq_socket_monitor(s, "inproc://n", ZMQ_EVENT_LISTENING));
    OK(zmq_close(t));
    OK(zmq_close(s));
    OK(zmq_ctx_term(ctx));
}

Test(monitor, is_refused_once_the_context_is_shut_down)
{
    void *ctx = zmq_ctx_new(), *s = zmq_socket(ctx, ZMQ_DEALER);

    OK(zmq_socket_monitor(s, "inproc://a", ZMQ_EVENT_ALL));
    OK(zmq_ctx_shutdown(ctx));
    OK(zmq_socket_monitor(s, NULL, 0));
    FAILS(ETERM, zmq_socket_monitor(s, "inproc://b", ZMQ_EVENT_ALL));
    OK(zmq_socket_monitor(s, NULL, 0));
    FAILS(ETERM, zmq_recv(s, NULL, 0, 0));
    FAILS(ETERM, zmq_socket_monitor(s, NULL, 0));
    OK(zmq_close(s));
    OK(zmq_ctx_term(ctx));
}

/* ---- which events ---- */

Test(monitor, lets_through_what_was_asked_for)
{
    const char *at = test_endpoint(TEST_TCP);
    void *b = test_socket(ZMQ_DEALER), *c = test_socket(ZMQ_DEALER);
    void *b_reader = watch(b, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CLOSED);
    void *c_reader = watch(c, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);

    test_bind(b, at);
    test_connect(c, at);
    EVENTS(b_reader, "ACCEPTED");
    EVENTS(c_reader, "HANDSHAKE_SUCCEEDED");
    test_close(b);
    EVENTS(b_reader, "CLOSED"); /* and MONITOR_STOPPED was not asked for either */
    NO_EVENT(b_reader);
    NO_EVENT(c_reader);
}

Test(monitor, wakes_who_waits_for_an_event)
{
    void *s = test_socket(ZMQ_PULL), *reader = watch(s, ZMQ_EVENT_ALL);
    const char *at = test_endpoint(TEST_TCP);
    zmq_pollitem_t item = {.socket = reader, .events = ZMQ_POLLIN};
    struct pollfd fd = {.fd = test_get(reader, ZMQ_FD), .events = POLLIN};
    int peer;

    test_bind(s, at);
    cr_assert_eq(zmq_poll(&item, 1, TEST_DEADLINE_MS), 1);
    EVENTS(reader, "LISTENING");
    cr_assert_not(test_events(reader) & ZMQ_POLLIN);
    peer = test_plain_connect(at);
    cr_assert_eq(poll(&fd, 1, TEST_DEADLINE_MS), 1);
    WAIT(test_events(reader) & ZMQ_POLLIN);
    EVENTS(reader, "ACCEPTED");
    close(peer);
}

/* ---- the two manual pages ---- */

static void ping(void *server, void *client, const char *at)
{
    test_bind(server, at);
    test_connect(client, at);
    SEND(client, "there");
    RECV(server, "there");
    SEND(server, "and back");
    RECV(client, "and back");
    SET(client, ZMQ_LINGER, 0);
    SET(server, ZMQ_LINGER, 0);
    test_close(client);
    test_close(server);
}

/* The server may still see the client go before it is closed itself. */
static void expect_end(void *reader)
{
    const char *seen = watch_next(reader, 0);

    if (strncmp(seen, "DISCONNECTED=", 13) == 0)
        seen = watch_next(reader, 0);
    cr_assert(strncmp(seen, "CLOSED=", 7) == 0, "%s", seen);
    seen = watch_next(reader, 0);
    if (strncmp(seen, "DISCONNECTED=", 13) == 0) /* 4.3.4 may see it even later */
        seen = watch_next(reader, 0);
    cr_assert_str_eq(seen, "MONITOR_STOPPED=0@");
}

Test(monitor, runs_the_example_of_the_manual)
{
    void *client = test_socket(ZMQ_DEALER), *server = test_socket(ZMQ_DEALER);
    void *client_mon = watch(client, ZMQ_EVENT_ALL), *server_mon = watch(server, ZMQ_EVENT_ALL);

    ping(server, client, test_endpoint(TEST_TCP));
    EVENTS(client_mon, "CONNECT_DELAYED CONNECTED HANDSHAKE_SUCCEEDED MONITOR_STOPPED");
    EVENTS(server_mon, "LISTENING ACCEPTED HANDSHAKE_SUCCEEDED");
    expect_end(server_mon);
}

Test(monitor, runs_the_example_of_the_old_manual)
{
    enum { EVENT_ALL_OF_4_1 = 0x07FF };
    void *client = test_socket(ZMQ_DEALER), *server = test_socket(ZMQ_DEALER);
    void *client_mon = watch(client, EVENT_ALL_OF_4_1);
    void *server_mon = watch(server, EVENT_ALL_OF_4_1);

    ping(server, client, test_endpoint(TEST_TCP));
    EVENTS(client_mon, "CONNECT_DELAYED CONNECTED MONITOR_STOPPED");
    EVENTS(server_mon, "LISTENING ACCEPTED");
    expect_end(server_mon);
}

/* ---- how it ends ---- */

Test(monitor, stops_when_told)
{
    void *s = test_socket(ZMQ_PULL), *reader = watch(s, ZMQ_EVENT_ALL);

    OK(zmq_socket_monitor(s, NULL, 0));
    EVENTS(reader, "MONITOR_STOPPED=0@");
    test_bind(s, test_endpoint(TEST_TCP));
    NO_EVENT(reader);
    OK(zmq_socket_monitor(s, NULL, 0)); /* nothing to stop */
}

Test(monitor, stopping_what_was_never_watched_is_no_error)
{
    OK(zmq_socket_monitor(test_socket(ZMQ_PULL), NULL, 0));
}

Test(monitor, a_second_one_replaces_the_first)
{
    void *s = test_socket(ZMQ_PULL), *first = watch(s, ZMQ_EVENT_ALL), *second;

    test_bind(s, test_endpoint(TEST_TCP));
    second = watch(s, ZMQ_EVENT_ALL);
    test_bind(s, test_endpoint(TEST_TCP));
    EVENTS(first, "LISTENING MONITOR_STOPPED");
    EVENTS(second, "LISTENING");
    NO_EVENT(first);
    NO_EVENT(second);
}

Test(monitor, a_name_is_free_again_when_it_is_replaced)
{
    const char *name = watch_name();
    void *s = test_socket(ZMQ_PULL), *reader;

    if (!test_newer())
        cr_skip_test("4.3.4 frees it later");
    for (int i = 0; i < 50; i++) {
        OK(zmq_socket_monitor(s, name, ZMQ_EVENT_ALL));
        reader = watch_reader(ZMQ_PAIR, name);
        if (i % 2)
            OK(zmq_socket_monitor(s, NULL, 0));
        else
            OK(zmq_socket_monitor(s, name, ZMQ_EVENT_ALL));
        EVENTS(reader, "MONITOR_STOPPED");
        test_close(reader);
    }
}

EACH_STREAM(monitor, says_everything_before_it_stops)
{
    const char *at = test_endpoint(transport);
    void *s = test_socket(ZMQ_PULL), *reader = watch(s, ZMQ_EVENT_ALL);

    for (int i = 0; i < 20; i++)
        test_bind(s, i ? test_endpoint(transport) : at);
    test_close(s);
    for (int i = 0; i < 20; i++)
        EVENTS(reader, "LISTENING");
    for (int i = 0; i < 20; i++)
        EVENTS(reader, "CLOSED");
    EVENTS(reader, "MONITOR_STOPPED");
}

EACH_STREAM(monitor, stops_only_after_what_lingers)
{
    const char *at = test_endpoint(transport);
    void *push = test_socket(ZMQ_PUSH), *reader = watch(push, ZMQ_EVENT_ALL), *pull;

    SET(push, ZMQ_RECONNECT_IVL, 20);
    test_connect(push, at);
    SEND(push, "late");
    EVENTS(reader, "%s CLOSED CONNECT_RETRIED", transport == TEST_TCP ? "CONNECT_DELAYED" : "");
    test_close(push);
    pull = test_bound(ZMQ_PULL, at);
    RECV(pull, "late");
    for (const char *seen = "";;) {
        const char *before = seen;

        seen = watch_next(reader, 0);
        cr_assert_neq(seen[0], '!', "%s after %s", seen, before);
        if (strncmp(seen, "MONITOR_STOPPED", 15) == 0) {
            cr_assert(strncmp(before, "HANDSHAKE_SUCCEEDED", 19) == 0, "%s", before);
            break;
        }
    }
}

/* ---- who reads it ---- */

Test(monitor, a_reader_may_be_there_before_it)
{
    const char *name = watch_name();
    void *reader = watch_reader(ZMQ_PAIR, name), *s = test_socket(ZMQ_PULL);

    OK(zmq_socket_monitor(s, name, ZMQ_EVENT_ALL));
    test_bind(s, test_endpoint(TEST_TCP));
    test_close(s);
    EVENTS(reader, "LISTENING CLOSED MONITOR_STOPPED");
}

Test(monitor, keeps_what_comes_before_its_reader)
{
    const char *name = watch_name(), *at = test_endpoint(TEST_TCP);
    void *s = test_socket(ZMQ_PULL), *reader;
    int peer;

    if (!test_newer())
        cr_skip_test("4.3.4 blocks in zmq_bind");
    OK(zmq_socket_monitor(s, name, ZMQ_EVENT_ALL));
    test_bind(s, at);
    peer = test_plain_connect(at);
    reader = watch_reader(ZMQ_PAIR, name);
    EVENTS(reader, "LISTENING=*@%s ACCEPTED", at);
    close(peer);
}

Test(monitor, does_without_a_reader)
{
    void *ctx = zmq_ctx_new(), *s = zmq_socket(ctx, ZMQ_PULL);

    if (!test_newer())
        cr_skip_test("4.3.4 blocks in zmq_bind");
    OK(zmq_socket_monitor(s, "inproc://a", ZMQ_EVENT_ALL));
    test_bind(s, test_endpoint(TEST_TCP));
    OK(zmq_socket_monitor(s, "inproc://b", ZMQ_EVENT_ALL));
    test_bind(s, test_endpoint(TEST_IPC));
    OK(zmq_close(s));
    OK(zmq_ctx_term(ctx));
}

Test(monitor, goes_on_with_another_reader)
{
    const char *name = watch_name();
    void *s = test_socket(ZMQ_PULL), *reader;

    if (!test_newer())
        cr_skip_test("4.3.4 blocks in zmq_bind");
    OK(zmq_socket_monitor(s, name, ZMQ_EVENT_ALL));
    for (int i = 0; i < 5; i++) {
        reader = watch_reader(ZMQ_PAIR, name);
        test_bind(s, test_endpoint(TEST_TCP));
        EVENTS(reader, "LISTENING");
        test_close(reader);
        test_bind(s, test_endpoint(TEST_TCP));
        reader = watch_reader(ZMQ_PAIR, name);
        EVENTS(reader, "LISTENING");
        test_close(reader);
    }
}

/* The events of so many connections that come, are greeted, and go. */
static void storm(const char *at, int connections)
{
    char greeting[10];

    for (int i = 0; i < connections; i++) {
        int fd = test_plain_connect(at);

        cr_assert_eq(read(fd, greeting, sizeof greeting), (ssize_t)sizeof greeting);
        close(fd);
    }
}

/* Reads what is there up to MONITOR_STOPPED: how many ACCEPTED were among it. */
static int count_accepted(void *reader)
{
    int accepted = 0;

    for (;;) {
        const char *seen = watch_next(reader, 0);

        cr_assert_neq(seen[0], '!', "%s after %d", seen, accepted);
        if (strncmp(seen, "MONITOR_STOPPED", 15) == 0)
            return accepted;
        accepted += strncmp(seen, "ACCEPTED", 8) == 0;
    }
}

Test(monitor, a_reader_that_never_reads_is_no_matter)
{
    enum { CONNECTIONS = 20000, GROWTH_MAX_KIB = 6 * 1024 }; /* all their events: twice as much */
    const char *at = test_endpoint(TEST_IPC);
    void *s = test_socket(ZMQ_PULL), *reader = watch(s, ZMQ_EVENT_ALL), *push;
    size_t before;
    int accepted;

    if (!test_newer())
        cr_skip_test("4.3.4's I/O thread blocks");
    test_bind(s, at);
    storm(at, 100);
    before = test_resident_kib();
    storm(at, CONNECTIONS);
    push = test_connected(ZMQ_PUSH, at);
    SEND(push, "through");
    RECV(s, "through");
#ifdef __SANITIZE_ADDRESS__ /* which keeps what was freed for a while */
    (void)before;
#else
    cr_assert_lt(test_resident_kib(), before + GROWTH_MAX_KIB);
#endif
    test_close(s);
    /* The oldest are there, as many as the water marks and the ring hold, and the last word. */
    EVENTS(reader, "LISTENING ACCEPTED");
    accepted = count_accepted(reader);
    cr_assert_gt(accepted, 500);
    cr_assert_lt(accepted, 2000);
}

Test(monitor, a_reader_that_comes_back_gets_what_waited)
{
    enum {
        CONNECTIONS = 900
    }; /* more events than the reader's pipe holds, fewer than all places */
    const char *at = test_endpoint(TEST_IPC);
    void *s = test_socket(ZMQ_PULL), *reader = test_socket(ZMQ_PAIR);
    const char *name = watch_name();

    if (!test_newer())
        cr_skip_test("4.3.4's I/O thread blocks");
    SET(reader, ZMQ_RCVHWM, 10);
    OK(zmq_socket_monitor(s, name, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_MONITOR_STOPPED));
    test_connect(reader, name);
    SET(s, ZMQ_BACKLOG, 4096);
    test_bind(s, at);
    storm(at, CONNECTIONS + 400);
    for (int i = 0; i < CONNECTIONS; i++)
        EVENTS(reader, "ACCEPTED=*@%s", at);
    test_close(s);
    count_accepted(reader);
}

/* ---- in the middle of traffic ---- */

enum { MESSAGES = 20000 };

static void *receive_in_order(void *pull)
{
    for (int i = 0; i < MESSAGES; i++) {
        int number = -1;

        if (zmq_recv(pull, &number, sizeof number, 0) != sizeof number || number != i)
            return (void *)"lost or out of order";
    }
    return NULL;
}

EACH_STREAM(monitor, comes_and_goes_while_messages_flow)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at), *fault;
    void *reader = NULL;
    pthread_t thread;

    pthread_create(&thread, NULL, receive_in_order, pull);
    for (int i = 0; i < MESSAGES; i++) {
        if (i % 40 == 0) {
            reader = watch(push, ZMQ_EVENT_ALL);
        } else if (i % 40 == 20) {
            OK(zmq_socket_monitor(push, NULL, 0));
            while (strncmp(watch_next(reader, 0), "MONITOR_STOPPED", 15) != 0)
                continue;
            test_close(reader);
        }
        cr_assert_eq(zmq_send(push, &i, sizeof i, 0), sizeof i);
    }
    pthread_join(thread, &fault);
    cr_assert_null(fault, "%s", (const char *)fault);
}

static void *read_until_stopped(void *reader)
{
    uint16_t event = 0;

    while (event != ZMQ_EVENT_MONITOR_STOPPED) {
        unsigned char head[6];

        if (zmq_recv(reader, head, sizeof head, 0) != sizeof head ||
            zmq_recv(reader, NULL, 0, 0) < 0)
            return (void *)"no whole event";
        memcpy(&event, head, sizeof event);
    }
    return NULL;
}

EACH_STREAM(monitor, is_replaced_while_loops_raise_events)
{
    enum { ROUNDS = 60 };
    const char *at = test_endpoint(transport);
    void *s = test_socket(ZMQ_PULL), *fault;
    pthread_t threads[ROUNDS];

    OK(zmq_ctx_set(test_ctx(), ZMQ_IO_THREADS, 3));
    test_bind(s, at);
    for (int i = 0; i < ROUNDS; i++) {
        void *reader = watch(s, ZMQ_EVENT_ALL);

        pthread_create(&threads[i], NULL, read_until_stopped, reader);
        storm(at, 10);
    }
    OK(zmq_socket_monitor(s, NULL, 0));
    for (int i = 0; i < ROUNDS; i++) {
        pthread_join(threads[i], &fault);
        cr_assert_null(fault, "%s", (const char *)fault);
    }
}

/* ---- readers that are watched themselves ---- */

enum { READERS = 4 };

/* Each but the first is the reader of the one before it, and all are bound. */
struct chain {
    void *all[1 + READERS];
    const char *at[1 + READERS];
};

static struct chain chained(enum test_transport transport)
{
    struct chain c;

    for (int i = 0; i <= READERS; i++) {
        const char *name = watch_name();

        c.all[i] = zmq_socket(test_ctx(), i ? ZMQ_PAIR : ZMQ_PULL);
        cr_assert_not_null(c.all[i]);
        SET(c.all[i], ZMQ_RCVTIMEO, TEST_DEADLINE_MS);
        if (i) {
            OK(zmq_socket_monitor(c.all[i - 1], name, ZMQ_EVENT_ALL));
            test_connect(c.all[i], name);
        }
    }
    for (int i = 0; i <= READERS; i++) {
        c.at[i] = test_endpoint(transport);
        test_bind(c.all[i], c.at[i]);
    }
    return c;
}

EACH_STREAM(monitor, a_reader_may_be_watched_itself)
{
    for (int last_first = 0; last_first < 2; last_first++) {
        struct chain c = chained(transport);

        for (int i = 0; i < READERS; i++) {
            int peer = test_plain_connect(c.at[i]);

            EVENTS(c.all[i + 1], "LISTENING=*@%s ACCEPTED=*@%s", c.at[i], c.at[i]);
            close(peer);
        }
        for (int i = 0; i <= READERS; i++) {
            OK(zmq_close(c.all[last_first ? READERS - i : i]));
            if (!last_first && i < READERS)
                count_accepted(c.all[i + 1]); /* up to MONITOR_STOPPED */
        }
    }
}

/* Ends the next one's reading by that. */
static void *read_and_close(void *reader)
{
    void *fault = read_until_stopped(reader);

    if (zmq_close(reader) != 0)
        fault = (void *)"not closed";
    return fault;
}

EACH_STREAM(monitor, watched_readers_of_several_threads_end_one_by_one)
{
    struct chain c = chained(transport);
    pthread_t threads[1 + READERS];
    void *fault;

    for (int i = 1; i <= READERS; i++)
        pthread_create(&threads[i], NULL, read_and_close, c.all[i]);
    for (int i = 0; i <= READERS; i++)
        storm(c.at[i], 50);
    OK(zmq_close(c.all[0]));
    for (int i = 1; i <= READERS; i++) {
        pthread_join(threads[i], &fault);
        cr_assert_null(fault, "%s", (const char *)fault);
    }
}

/* ---- the end ---- */

Test(monitor, may_be_left_to_the_end_of_the_context)
{
    for (int i = 0; i < 20; i++) {
        void *ctx = zmq_ctx_new(), *s = zmq_socket(ctx, ZMQ_DEALER);
        void *reader = zmq_socket(ctx, ZMQ_PAIR);

        OK(zmq_socket_monitor(s, "inproc://m", ZMQ_EVENT_ALL));
        OK(zmq_connect(reader, "inproc://m"));
        test_bind(s, "tcp://127.0.0.1:*");
        OK(zmq_connect(s, "tcp://127.0.0.1:1"));
        SET(s, ZMQ_LINGER, 0);
        OK(zmq_close(i % 2 ? s : reader));
        OK(zmq_close(i % 2 ? reader : s));
        OK(zmq_ctx_term(ctx));
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which events come, in which order, and what they tell: each provoked for real.
 */
#include "tests/monitor/watch.h"
#include "tests/support/plain.h"
#include "tests/support/proc.h"
#include "tests/support/rawpeer.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

TEST_SUITE(sequences);

enum { RETRY_MS = 20 };

#define MISMATCH   "285212674" /* ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH */
#define UNEXPECTED "268435457" /* ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND */

/* The first events of one who connects: tcp always says that it takes time. */
static const char *dialed(enum test_transport transport)
{
    return transport == TEST_TCP ? "CONNECT_DELAYED=115 " : "";
}

/* A socket that tries again soon, and its reader. */
static void *watched(int type, void **reader)
{
    void *socket = test_socket(type);

    SET(socket, ZMQ_RECONNECT_IVL, RETRY_MS);
    SET(socket, ZMQ_LINGER, 0);
    *reader = watch(socket, ZMQ_EVENT_ALL);
    return socket;
}

static int value_of(const char *event)
{
    return atoi(strchr(event, '=') + 1);
}

/* The next event is a HANDSHAKE_FAILED_NO_DETAIL with the errno of a lost connection. */
static void expect_lost(void *reader)
{
    const char *seen = watch_next(reader, 0);
    int error = value_of(seen);

    cr_assert(strncmp(seen, "HANDSHAKE_FAILED_NO_DETAIL=", 27) == 0, "%s", seen);
    cr_assert(error == EPIPE || error == ECONNRESET, "%s", seen);
}

EACH_STREAM(sequences, a_connection_is_told_on_both_sides)
{
    const char *at = test_endpoint(transport);
    void *b_reader, *c_reader, *b = watched(ZMQ_PULL, &b_reader), *c = watched(ZMQ_PUSH, &c_reader);

    test_bind(b, at);
    EVENTS(b_reader, "LISTENING=*@%s", at);
    test_connect(c, at);
    SEND(c, "through");
    RECV(b, "through");
    if (transport == TEST_TCP)
        EVENTS(c_reader, "CONNECT_DELAYED=115@%s", at);
    EVENTS(c_reader, "CONNECTED=*@%s HANDSHAKE_SUCCEEDED=0@%s", at, at);
    EVENTS(b_reader, "ACCEPTED=*@%s HANDSHAKE_SUCCEEDED=0@%s", at, at);
    NO_EVENT(b_reader);
    NO_EVENT(c_reader);
}

EACH_STREAM(sequences, the_descriptors_are_those_of_the_process)
{
    const char *at = test_endpoint(transport), *seen;
    void *b_reader, *b = watched(ZMQ_PULL, &b_reader);
    int listens = 0, fd, peer;
    socklen_t size = sizeof listens;

    test_bind(b, at);
    seen = watch_next(b_reader, 0);
    fd = value_of(seen);
    cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size), 0, "%s", seen);
    cr_assert(listens);
    peer = test_plain_connect(at);
    seen = watch_next(b_reader, 0);
    fd = value_of(seen);
    cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size), 0, "%s", seen);
    cr_assert_not(listens);
    close(peer);
}

EACH_STREAM(sequences, nobody_listening_means_trying_again)
{
    const char *at = test_endpoint(transport);
    void *reader, *c = watched(ZMQ_PUSH, &reader);

    test_connect(c, at);
    for (int i = 0; i < 3; i++) {
        const char *seen;

        EVENTS(reader, "%s CLOSED=*@%s", dialed(transport), at);
        seen = watch_next(reader, 0);
        cr_assert(strncmp(seen, "CONNECT_RETRIED=", 16) == 0, "%s", seen);
        cr_assert_geq(value_of(seen), RETRY_MS);
        cr_assert_lt(value_of(seen), 2 * RETRY_MS);
    }
}

EACH_STREAM(sequences, without_a_reconnect_interval_that_is_all)
{
    const char *at = test_endpoint(transport);
    void *reader, *c = watched(ZMQ_PUSH, &reader);

    SET(c, ZMQ_RECONNECT_IVL, -1);
    test_connect(c, at);
    EVENTS(reader, "%s CLOSED=*@%s", dialed(transport), at);
    NO_EVENT(reader);
}

Test(sequences, a_connect_that_takes_too_long_is_given_up)
{
    const char *at = test_endpoint(TEST_TCP);
    void *reader, *c = watched(ZMQ_PUSH, &reader);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(strrchr(at, ':') + 1)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = test_plain_listen(at);

    listen(listener, 0);
    for (int i = 0; i < 4; i++) { /* fill its backlog */
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        connect(fd, (struct sockaddr *)&to, sizeof to);
    }
    SET(c, ZMQ_CONNECT_TIMEOUT, 100);
    test_connect(c, at);
    EVENTS(reader, "CONNECT_DELAYED=115@%s CLOSED=*@%s CONNECT_RETRIED=*@%s CONNECT_DELAYED", at,
           at, at);
    close(listener);
}

EACH_STREAM(sequences, a_peer_that_accepts_and_closes_fails_the_handshake)
{
    const char *at = test_endpoint(transport);
    void *reader, *c = watched(ZMQ_DEALER, &reader);
    int listener = test_plain_listen(at);

    test_connect(c, at);
    for (int i = 0; i < 2; i++) {
        close(test_plain_accept(listener));
        EVENTS(reader, "%s CONNECTED=*@%s", dialed(transport), at);
        expect_lost(reader);
        EVENTS(reader, "DISCONNECTED=*@%s CONNECT_RETRIED=*@%s", at, at);
    }
    close(listener);
}

EACH_STREAM(sequences, a_peer_that_speaks_another_protocol_is_an_old_one_that_left)
{
    const char *at = test_endpoint(transport), *words = "HTTP/1.1 400 Bad Request\r\n\r\n";
    void *reader, *c = watched(ZMQ_DEALER, &reader);
    int listener = test_plain_listen(at), fd;

    test_connect(c, at);
    fd = test_plain_accept(listener);
    cr_assert_eq(write(fd, words, strlen(words)), (ssize_t)strlen(words));
    EVENTS(reader, "%s CONNECTED", dialed(transport));
    close(fd);
    expect_lost(reader);
    EVENTS(reader, "DISCONNECTED CONNECT_RETRIED");
    close(listener);
}

EACH_STREAM(sequences, a_silent_peer_runs_into_the_handshake_timer)
{
    const char *at = test_endpoint(transport), *bound = test_endpoint(transport);
    void *c_reader, *c = watched(ZMQ_DEALER, &c_reader);
    void *b_reader, *b = watched(ZMQ_DEALER, &b_reader);
    int listener = test_plain_listen(at), peer;

    SET(c, ZMQ_HANDSHAKE_IVL, 50);
    SET(b, ZMQ_HANDSHAKE_IVL, 50);
    test_connect(c, at);
    EVENTS(c_reader, "%s CONNECTED HANDSHAKE_FAILED_NO_DETAIL DISCONNECTED CONNECT_RETRIED",
           dialed(transport));
    test_bind(b, bound);
    peer = test_plain_connect(bound);
    EVENTS(b_reader, "LISTENING ACCEPTED HANDSHAKE_FAILED_NO_DETAIL=*@%s DISCONNECTED=*@%s", bound,
           bound);
    NO_EVENT(b_reader);
    close(peer);
    close(listener);
}

#define PLAIN_GREETING RAW_SIGNATURE "03 00 'PLAIN' 00*15 00*32"

EACH_STREAM(sequences, another_mechanism_is_the_end)
{
    const char *at = test_endpoint(transport), *bound = test_endpoint(transport);
    void *c_reader, *c = watched(ZMQ_DEALER, &c_reader);
    void *b_reader, *b = watched(ZMQ_DEALER, &b_reader);
    int listener = test_plain_listen(at), fd;

    test_connect(c, at);
    fd = test_plain_accept(listener);
    raw_send(fd, PLAIN_GREETING);
    EVENTS(c_reader, "%s CONNECTED HANDSHAKE_FAILED_PROTOCOL=" MISMATCH "@%s DISCONNECTED=*@%s",
           dialed(transport), at, at);
    NO_EVENT(c_reader);
    close(fd);
    test_bind(b, bound);
    fd = test_plain_connect(bound);
    raw_send(fd, PLAIN_GREETING);
    EVENTS(b_reader, "LISTENING ACCEPTED HANDSHAKE_FAILED_PROTOCOL=" MISMATCH "@%s DISCONNECTED",
           bound);
    close(fd);
    close(listener);
}

EACH_STREAM(sequences, a_command_out_of_place_is_the_end)
{
    const char *at = test_endpoint(transport);
    void *reader, *c = watched(ZMQ_DEALER, &reader);
    int listener = test_plain_listen(at), fd;

    test_connect(c, at);
    fd = test_plain_accept(listener);
    raw_greet(fd, 0);
    raw_send(fd, "04 06 05 'HELLO'");
    EVENTS(reader, "%s CONNECTED HANDSHAKE_FAILED_PROTOCOL=" UNEXPECTED " DISCONNECTED",
           dialed(transport));
    NO_EVENT(reader);
    close(fd);
    close(listener);
}

EACH_STREAM(sequences, a_type_that_does_not_fit_ends_without_a_word)
{
    const char *at = test_endpoint(transport), *bound = test_endpoint(transport);
    void *c_reader, *c = watched(ZMQ_DEALER, &c_reader);
    void *b_reader, *b = watched(ZMQ_DEALER, &b_reader);
    int listener = test_plain_listen(at), fd;

    test_connect(c, at);
    fd = test_plain_accept(listener);
    raw_greet(fd, 0);
    raw_send_ready(fd, "PUB", NULL);
    EVENTS(c_reader, "%s CONNECTED DISCONNECTED=*@%s", dialed(transport), at);
    NO_EVENT(c_reader);
    close(fd);
    test_bind(b, bound);
    fd = test_plain_connect(bound);
    raw_greet(fd, 0);
    raw_send_ready(fd, "PUB", NULL);
    EVENTS(b_reader, "LISTENING ACCEPTED DISCONNECTED=*@%s", bound);
    close(fd);
    close(listener);
}

/* libzmq's sockets let go of a connection inside calls only. */
static void use_until_heard(void *socket, void *reader)
{
    WAIT((test_catch_up(socket), test_events(reader) & ZMQ_POLLIN));
}

/* b is bound and c connected, the handshake is over and its events are read. */
static void meet(enum test_transport transport, const char *at, void *b, void *b_reader, void *c,
                 void *c_reader)
{
    test_bind(b, at);
    test_connect(c, at);
    EVENTS(c_reader, "%s CONNECTED HANDSHAKE_SUCCEEDED", dialed(transport));
    EVENTS(b_reader, "LISTENING ACCEPTED HANDSHAKE_SUCCEEDED");
}

EACH_STREAM(sequences, who_connected_and_survives_tries_again)
{
    const char *at = test_endpoint(transport);
    void *b_reader, *c_reader;
    void *b = watched(ZMQ_DEALER, &b_reader), *c = watched(ZMQ_DEALER, &c_reader);

    meet(transport, at, b, b_reader, c, c_reader);
    test_close(b);
    EVENTS(c_reader, "DISCONNECTED=*@%s CONNECT_RETRIED=*@%s %s CLOSED CONNECT_RETRIED", at, at,
           dialed(transport));
    EVENTS(b_reader, "CLOSED=*@%s MONITOR_STOPPED=0@", at);
    RECV_GIVES(EAGAIN, b_reader);
}

EACH_STREAM(sequences, who_is_bound_and_survives_says_so_once)
{
    const char *at = test_endpoint(transport);
    void *b_reader, *c_reader;
    void *b = watched(ZMQ_DEALER, &b_reader), *c = watched(ZMQ_DEALER, &c_reader);

    meet(transport, at, b, b_reader, c, c_reader);
    test_close(c);
    EVENTS(c_reader, "MONITOR_STOPPED=0@");
    EVENTS(b_reader, "DISCONNECTED=*@%s", at);
    NO_EVENT(b_reader);
}

EACH_STREAM(sequences, a_disconnect_is_told_at_the_other_side_alone)
{
    const char *at = test_endpoint(transport);
    void *b_reader, *c_reader;
    void *b = watched(ZMQ_DEALER, &b_reader), *c = watched(ZMQ_DEALER, &c_reader);

    meet(transport, at, b, b_reader, c, c_reader);
    OK(zmq_disconnect(c, at));
    use_until_heard(c, b_reader);
    EVENTS(b_reader, "DISCONNECTED=*@%s", at);
    NO_EVENT(b_reader);
    NO_EVENT(c_reader);
}

EACH_STREAM(sequences, an_unbind_closes_the_listener)
{
    const char *at = test_endpoint(transport);
    void *b_reader, *c_reader;
    void *b = watched(ZMQ_DEALER, &b_reader), *c = watched(ZMQ_DEALER, &c_reader);

    meet(transport, at, b, b_reader, c, c_reader);
    OK(zmq_unbind(b, at));
    EVENTS(b_reader, "CLOSED=*@%s", at);
    use_until_heard(b, c_reader);
    EVENTS(c_reader, "DISCONNECTED CONNECT_RETRIED");
    NO_EVENT(b_reader);
}

Test(sequences, a_bind_that_fails_tells_why)
{
    const char *taken = test_endpoint(TEST_TCP);
    void *reader, *b = watched(ZMQ_PULL, &reader);

    test_bound(ZMQ_PULL, taken);
    FAILS(EADDRINUSE, zmq_bind(b, taken));
    EVENTS(reader, "CLOSED=*@ BIND_FAILED=98@%s", taken + strlen("tcp://"));
    FAILS(EADDRNOTAVAIL, zmq_bind(b, "tcp://192.0.2.1:5555"));
    EVENTS(reader, "CLOSED=*@ BIND_FAILED=99@192.0.2.1:5555");
    NO_EVENT(reader);
}

Test(sequences, a_bind_to_no_interface_of_ours_tells_why)
{
    void *reader, *b = watched(ZMQ_PULL, &reader);

    cr_assert_eq(zmq_bind(b, "tcp://nosuchif0:5555"), -1);
    if (test_newer()) /* 4.3.4's monitor writes over errno */
        cr_assert_eq(errno, ENODEV);
    EVENTS(reader, "BIND_FAILED=19@nosuchif0:5555");
    NO_EVENT(reader);
}

Test(sequences, a_path_that_cannot_be_bound_tells_why)
{
    void *reader, *b = watched(ZMQ_PULL, &reader);

    cr_assert_eq(zmq_bind(b, "ipc:///nowhere/at/all"), -1);
    EVENTS(reader, "CLOSED=*@ipc:///nowhere/at/all BIND_FAILED=2@/nowhere/at/all");
    NO_EVENT(reader);
}

EACH_STREAM(sequences, a_message_too_large_ends_the_connection)
{
    const char *at = test_endpoint(transport);
    void *b_reader, *c_reader;
    void *b = watched(ZMQ_DEALER, &b_reader), *c = watched(ZMQ_DEALER, &c_reader);

    SET(b, ZMQ_RECONNECT_IVL, -1);
    OK(zmq_setsockopt(b, ZMQ_MAXMSGSIZE, &(int64_t){100}, sizeof(int64_t)));
    meet(transport, at, b, b_reader, c, c_reader);
    SEND(c, "%0200d", 0);
    EVENTS(b_reader, "DISCONNECTED=*@%s ACCEPTED HANDSHAKE_SUCCEEDED", at);
    EVENTS(c_reader, "DISCONNECTED=*@%s CONNECT_RETRIED %s CONNECTED HANDSHAKE_SUCCEEDED", at,
           dialed(transport));
}

EACH_STREAM(sequences, who_dialed_and_gets_a_message_too_large_does_not_come_back)
{
    const char *at = test_endpoint(transport);
    void *b_reader, *c_reader;
    void *b = watched(ZMQ_DEALER, &b_reader), *c = watched(ZMQ_DEALER, &c_reader);

    OK(zmq_setsockopt(c, ZMQ_MAXMSGSIZE, &(int64_t){100}, sizeof(int64_t)));
    meet(transport, at, b, b_reader, c, c_reader);
    SEND(b, "%0200d", 0);
    EVENTS(c_reader, "DISCONNECTED=*@%s", at);
    EVENTS(b_reader, "DISCONNECTED=*@%s", at);
    NO_EVENT(c_reader);
    NO_EVENT(b_reader);
}

Test(sequences, a_stream_has_no_handshake_that_could_succeed)
{
    const char *at = test_endpoint(TEST_TCP);
    void *reader, *b = watched(ZMQ_STREAM, &reader);
    int peer;

    test_bind(b, at);
    peer = test_plain_connect(at);
    EVENTS(reader, "LISTENING ACCEPTED=*@%s", at);
    close(peer);
    expect_lost(reader);
    EVENTS(reader, "DISCONNECTED=*@%s", at);
    NO_EVENT(reader);
}

EACH_STREAM(sequences, nor_has_a_peer_of_an_old_version)
{
    const char *at = test_endpoint(transport);
    void *reader, *b = watched(ZMQ_PULL, &reader);
    int peer;

    test_bind(b, at);
    peer = test_plain_connect(at);
    raw_send(peer, "01 00 06 00 'hello'"); /* ZMTP 1.0: an empty identity, a message */
    RECV(b, "hello");
    EVENTS(reader, "LISTENING ACCEPTED");
    close(peer);
    expect_lost(reader);
    EVENTS(reader, "DISCONNECTED");
}

EACH_STREAM(sequences, a_peer_that_stops_answering_is_lost)
{
    const char *at = test_endpoint(transport);
    void *reader, *b = watched(ZMQ_PULL, &reader);
    int peer;

    SET(b, ZMQ_HEARTBEAT_IVL, 50);
    SET(b, ZMQ_HEARTBEAT_TIMEOUT, 100);
    test_bind(b, at);
    peer = test_plain_connect(at);
    raw_greet(peer, 1);
    raw_send_ready(peer, "PUSH", NULL);
    EVENTS(reader, "LISTENING ACCEPTED HANDSHAKE_SUCCEEDED DISCONNECTED=*@%s", at);
    close(peer);
}

Test(sequences, a_reset_is_a_disconnect)
{
    const char *at = test_endpoint(TEST_TCP);
    void *reader, *b = watched(ZMQ_PULL, &reader);
    struct linger hard = {.l_onoff = 1};
    int peer;

    test_bind(b, at);
    peer = test_plain_connect(at);
    raw_greet(peer, 1);
    raw_send_ready(peer, "PUSH", NULL);
    EVENTS(reader, "LISTENING ACCEPTED HANDSHAKE_SUCCEEDED");
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(peer);
    EVENTS(reader, "DISCONNECTED=*@%s", at);
}

Test(sequences, a_filtered_peer_is_not_accepted)
{
    const char *at = test_endpoint(TEST_TCP);
    void *reader, *b = watched(ZMQ_PULL, &reader);
    int peer;

    SET_TEXT(b, ZMQ_TCP_ACCEPT_FILTER, "192.0.2.0/24");
    test_bind(b, at);
    peer = test_plain_connect(at);
    EVENTS(reader, "LISTENING ACCEPT_FAILED=*@%s", at);
    WAIT(test_plain_has_ended(peer));
    close(peer);
}

EACH_STREAM(sequences, a_full_descriptor_table_fails_the_accept)
{
    const char *at = test_endpoint(transport);
    void *reader, *b = watched(ZMQ_PULL, &reader);
    int before, peer;

    if (!test_newer())
        cr_skip_test("4.3.4 may end the process");
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 100, .rlim_max = 100});
    test_bind(b, at);
    EVENTS(reader, "LISTENING");
    before = test_plain_connect(at); /* see test_take_descriptors */
    cr_assert_eq(strncmp(watch_next(reader, 0), "ACCEPTED", 8), 0);
    test_take_descriptors(1);
    peer = test_plain_connect(at);
    EVENTS(reader, "ACCEPT_FAILED=24@%s", at);
    test_give_descriptors();
    for (const char *seen = "ACCEPT_FAILED"; strncmp(seen, "ACCEPTED", 8) != 0;
         seen = watch_next(reader, 0))
        cr_assert(strncmp(seen, "ACCEPT_FAILED", 13) == 0, "%s", seen);
    close(before);
    close(peer);
}

Test(sequences, inproc_has_none)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *b_reader, *c_reader;
    void *b = watched(ZMQ_DEALER, &b_reader), *c = watched(ZMQ_DEALER, &c_reader);

    test_bind(b, at);
    test_connect(c, at);
    SEND(c, "through");
    RECV(b, "through");
    test_close(c);
    test_close(b);
    EVENTS(c_reader, "MONITOR_STOPPED");
    EVENTS(b_reader, "MONITOR_STOPPED");
}

Test(sequences, an_unknown_name_is_looked_up_again_and_again)
{
    void *reader, *c = watched(ZMQ_PUSH, &reader);

    test_connect(c, "tcp://no-such-host.invalid:5555");
    EVENTS(reader, "CONNECT_RETRIED=*@tcp://no-such-host.invalid:5555 CONNECT_RETRIED");
}

/* Only what a wildcard made is tidied up, and somebody may have left something in it. */
Test(sequences, a_directory_that_cannot_be_removed_fails_the_close)
{
    void *reader, *b = watched(ZMQ_PULL, &reader);
    char at[256], path[256];
    size_t size = sizeof at;
    FILE *left;

    test_bind(b, "ipc://*");
    OK(zmq_getsockopt(b, ZMQ_LAST_ENDPOINT, at, &size));
    snprintf(path, sizeof path, "%.*s/left", (int)(strrchr(at, '/') - at - 6), at + 6);
    left = fopen(path, "w");
    cr_assert_not_null(left, "%s", path);
    fclose(left);
    OK(zmq_unbind(b, at));
    EVENTS(reader, "LISTENING=*@%s CLOSE_FAILED=39@%s", at, at); /* ENOTEMPTY */
    NO_EVENT(reader);
    unlink(path);
    *strrchr(path, '/') = '\0';
    cr_assert_eq(rmdir(path), 0);
}

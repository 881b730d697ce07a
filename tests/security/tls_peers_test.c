/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls://, and who is at the other end: strangers who speak no TLS, something like it, or nothing;
 * and another implementation, which may break the rules.
 */
#include "tests/monitor/watch.h"
#include "tests/security/tls_peer.h"
#include "tests/security/tls_sockets.h"
#include "tests/support/plain.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TEST_SUITE(tls_peers);

/* ---- peers without TLS, and with something like it ---- */

Test(tls_peers, a_peer_without_it_is_told_apart)
{
    const char *at = tls_place(), *tcp = test_text("tcp%s", at + 3);
    void *b = tls_server(ZMQ_PULL, TEST_SERVER, at), *c = test_socket(ZMQ_PUSH);
    void *events = watch(b, TLS_ENDS);

    SET(c, ZMQ_RECONNECT_IVL, -1);
    test_connect(c, tcp);
    EVENTS(events, "HANDSHAKE_FAILED_PROTOCOL=" TLS_CRYPTOGRAPHIC "@%s DISCONNECTED", at);
}

Test(tls_peers, a_server_without_it_is_told_apart)
{
    const char *at = tls_place(), *tcp = test_text("tcp%s", at + 3);
    void *b = test_bound(ZMQ_PULL, tcp), *c = tls_client(ZMQ_PUSH),
         *events = tls_records(c, TLS_ENDS);
    struct zuring_event r;

    (void)b;
    test_connect(c, at);
    r = tls_next(events);
    cr_assert_eq(r.event, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL);
    cr_assert_eq(r.value, ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
    cr_assert_str_eq(r.reason, "wrong version number");
    r = tls_next(events);
    cr_assert_eq(r.event, ZMQ_EVENT_DISCONNECTED);
}

Test(tls_peers, garbage_ends_that_connection_alone)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PULL, TEST_SERVER, at), *c = tls_client(ZMQ_PUSH),
         *events = watch(b, TLS_ENDS);
    static const struct {
        const char *bytes;
        size_t size;
    } garbage[] = {
        {"", 0},
        {"GET / HTTP/1.1\r\n\r\n", 18},
        {"\x16\x03\x01\x01", 4},                     /* a header that is cut off */
        {"\x16\x03\x01\x00\x04\x01\x00\x01\x00", 9}, /* a word that is */
        {"\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9}, /* one that is far too long */
        {"\x16\x03\x01\xff\xff\x01\x00\x00\x00", 9}, /* in a record that is */
        {"\x15\x03\x03\x00\x02\x02\x28", 7},         /* an alert */
        {"\x17\x03\x03\x00\x05hello", 10},           /* words before keys */
    };

    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        int fd = test_plain_connect(at);
        const char *told;

        cr_assert_eq(send(fd, garbage[i].bytes, garbage[i].size, MSG_NOSIGNAL),
                     (ssize_t)garbage[i].size);
        shutdown(fd, SHUT_WR);
        WAIT(test_plain_has_ended(fd));
        close(fd);
        told = watch_next(events, 0);
        cr_assert_eq(strncmp(told, "HANDSHAKE_FAILED_", 17), 0, "%zu: %s", i, told);
        EVENTS(events, "DISCONNECTED");
    }
    test_connect(c, at);
    SEND(c, "an honest one");
    RECV(b, "an honest one");
}

Test(tls_peers, nothing_older_than_1_3_is_spoken)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PULL, TEST_SERVER, at), *events = watch(b, TLS_ENDS);

    cr_assert_not(tls_dial_old(at));
    EVENTS(events, "HANDSHAKE_FAILED_PROTOCOL=" TLS_CRYPTOGRAPHIC);
}

Test(tls_peers, who_says_nothing_is_given_up)
{
    static const char *const words[] = {"", "\x16",
                                        "\x16\x03\x01\x02\x01\x01"}; /* begun, at most */
    const char *at = tls_place();
    void *b = test_socket(ZMQ_PULL), *events = watch(b, TLS_ENDS);

    test_certify(b);
    SET(b, ZMQ_HANDSHAKE_IVL, 50);
    test_bind(b, at);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        int fd = test_plain_connect(at);

        cr_assert_eq(send(fd, words[i], strlen(words[i]), MSG_NOSIGNAL), (ssize_t)strlen(words[i]));
        EVENTS(events, "HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED", ETIMEDOUT);
        WAIT(test_plain_has_ended(fd));
        close(fd);
    }
}

/* Not even by saying what he has to say, one byte at a time. */
Test(tls_peers, who_is_slow_is_given_up)
{
    const char *at = tls_place();
    void *b = test_socket(ZMQ_PULL), *events = watch(b, TLS_ENDS);
    int fd;

    test_certify(b);
    SET(b, ZMQ_HANDSHAKE_IVL, 200);
    test_bind(b, at);
    fd = test_plain_connect(at);
    cr_assert_eq(send(fd, "\x16\x03\x01\x3f", 4, MSG_NOSIGNAL), 4); /* of a record of 16 KiB */
    WAIT(send(fd, "", 1, MSG_NOSIGNAL) < 0);
    EVENTS(events, "HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED", ETIMEDOUT);
    close(fd);
}

Test(tls_peers, the_oldest_stranger_makes_room_for_the_next)
{
    const char *at = tls_place();
    void *b = test_socket(ZMQ_PULL), *events = watch(b, TLS_ENDS | ZMQ_EVENT_ACCEPTED), *c;
    int fds[3];

    test_certify(b);
    SET(b, ZURING_HANDSHAKES_MAX, 2);
    test_bind(b, at);
    for (int i = 0; i < 3; i++) {
        fds[i] = test_plain_connect(at);
        EVENTS(events, "ACCEPTED");
    }
    EVENTS(events, "HANDSHAKE_FAILED_NO_DETAIL=%d DISCONNECTED", ECONNABORTED);
    WAIT(test_plain_has_ended(fds[0]));
    c = tls_client(ZMQ_PUSH);
    test_connect(c, at);
    SEND(c, "an honest one");
    RECV(b, "an honest one");
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

/* ---- another's TLS ---- */

Test(tls_peers, understands_another_implementation)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PAIR, TEST_SERVER, at);
    struct tls_peer p = tls_dial(at, TLS_NOBODY);

    tls_shake_zmtp(&p, "PAIR");
    tls_say_part(&p, "hello");
    RECV(b, "hello");
    SEND(b, "you too");
    tls_hear_part(&p, "you too");
    test_close(b);
    cr_assert(tls_hear_end(&p), "no goodbye");
    tls_hang_up(&p);
}

Test(tls_peers, a_stream_speaks_it_too)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_STREAM, TEST_SERVER, at);
    unsigned char id[5];
    char bytes[5];
    struct tls_peer p = tls_dial(at, TLS_NOBODY);

    test_recv_from(b, id, "");
    tls_say(&p, "GET /", 5);
    test_recv_from(b, id, "GET /");
    test_send_to(b, id, "hello");
    tls_hear(&p, bytes, 5);
    cr_assert_arr_eq(bytes, "hello", 5);
    tls_say_goodbye(&p);
    test_recv_from(b, id, "");
    tls_hang_up(&p);
}

/* Nobody is there until his handshake is over. */
Test(tls_peers, a_stream_hears_of_no_stranger)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_STREAM, TEST_SERVER, at), *events = watch(b, TLS_ENDS);
    int fd = test_plain_connect(at);

    cr_assert_eq(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL), 18);
    EVENTS(events, "HANDSHAKE_FAILED_PROTOCOL=" TLS_CRYPTOGRAPHIC);
    RECV_GIVES(EAGAIN, b);
    close(fd);
}

/* The end of a connection that the peer has not announced may be anybody's work. */
Test(tls_peers, the_end_without_a_goodbye_is_told_apart)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PULL, TEST_SERVER, at),
         *events = tls_records(b, ZMQ_EVENT_DISCONNECTED);

    for (int i = 0; i < 2; i++) {
        struct tls_peer p = tls_dial(at, TLS_NOBODY);
        struct zuring_event r;

        tls_shake_zmtp(&p, "PUSH");
        tls_say_part(&p, "last words");
        if (i == 0)
            tls_say_goodbye(&p);
        tls_hang_up(&p);
        RECV(b, "last words");
        r = tls_next(events);
        cr_assert_eq(r.error, i == 0 ? EPIPE : ECONNRESET, "%d", r.error);
        cr_assert_str_eq(r.reason, i == 0 ? "" : "the connection ended within TLS");
    }
}

Test(tls_peers, a_record_that_was_tampered_with_ends_it)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PULL, TEST_SERVER, at),
         *events = tls_records(b, ZMQ_EVENT_DISCONNECTED);
    struct tls_peer p = tls_dial(at, TLS_NOBODY);
    static const char forged[5 + 40] = {0x17, 3, 3, 0, 40, 'f', 'o', 'r', 'g', 'e', 'd'};
    struct zuring_event r;

    tls_shake_zmtp(&p, "PUSH");
    tls_say_part(&p, "true");
    RECV(b, "true");
    cr_assert_eq(send(p.fd, forged, sizeof forged, MSG_NOSIGNAL), sizeof forged);
    r = tls_next(events);
    cr_assert_eq(r.error, EPROTO);
    cr_assert_str_eq(r.reason, "decryption failed or bad record mac");
    cr_assert_eq(tls_hear_alert(&p), 20);
    tls_hang_up(&p);
}

/* But where the kernel seals what we say nobody can ask for ours: ktls_test.c. */
Test(tls_peers, keys_may_be_renewed)
{
    bool in_kernel = tls_in_kernel();
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PAIR, TEST_SERVER, at);
    struct tls_peer p = tls_dial(at, TLS_NOBODY);

    tls_shake_zmtp(&p, "PAIR");
    for (int i = 0; i < 100; i++) {
        cr_assert(tls_renew_keys(&p, i % 2 && !in_kernel));
        tls_say_part(&p, "new");
        RECV(b, "new");
        if (i % 7 == 0) { /* and often there is nothing to say for a long time */
            SEND(b, "keys");
            tls_hear_part(&p, "keys");
        }
    }
    tls_hang_up(&p);
}

Test(tls_peers, but_not_for_ever)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PULL, TEST_SERVER, at),
         *events = tls_records(b, ZMQ_EVENT_DISCONNECTED);
    struct tls_peer p = tls_dial(at, TLS_NOBODY);
    struct zuring_event r;

    tls_shake_zmtp(&p, "PUSH");
    for (int i = 0; i < 200 && tls_renew_keys(&p, false); i++)
        ;
    r = tls_next(events);
    cr_assert_eq(r.error, EPROTO);
    cr_assert_str_eq(r.reason, "too many words between records");
    tls_hang_up(&p);
}

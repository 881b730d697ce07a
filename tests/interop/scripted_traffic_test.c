/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer of ZMTP 3 may say after the greeting, right and wrong: READY, frames, commands,
 * heartbeats. All of it is what libzmq 4.3.4 does, where nothing else is said; the program may be
 * linked with either library.
 */
#include "tests/support/proc.h"
#include "tests/support/rawpeer.h"
#include "tests/support/wait.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

TestSuite(zmtp_ready, .timeout = 600);
TestSuite(zmtp_frames, .timeout = 600);
TestSuite(zmtp_commands, .timeout = 600);
TestSuite(zmtp_heartbeats, .timeout = 600);

#define LEN(a) (sizeof(a) / sizeof *(a))

/* A socket of a type that has no Identity, facing a peer of its kind. */
static void shake_pair(struct raw_talk *t, enum raw_way way)
{
    raw_shake(t, way, ZMQ_PAIR, 1, "PAIR", NULL, "PAIR", NULL);
}

/* The connection is there, and everything said before has been read. */
static void expect_alive(struct raw_talk *t)
{
    raw_send(t->fd, "04 09 04 'PING' 00 00 'ok'");
    raw_expect(t->fd, "04 07 04 'PONG' 'ok'");
}

/* After a mistake of the peer's: the end. It does not become right by trying again. */
static void expect_given_up(struct raw_talk *t)
{
    raw_expect_end(t->fd);
    if (t->listener >= 0)
        raw_expect_quiet(t->listener, RAW_QUIET_MS);
    raw_end(t);
}

/* -------- READY -------- */

static void expect_refused(enum raw_way way, const char *first)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_PULL);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_send(t.fd, first);
    expect_given_up(&t);
}

static void expect_accepted(enum raw_way way, const char *first)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_PULL);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "PULL", NULL);
    raw_send(t.fd, first);
    expect_alive(&t);
    raw_end(&t);
}

EACH_WAY(zmtp_ready, malformed_ends_the_connection)
{
    static const char *const wrong[] = {
        "04 07 05 'READY' 01",                                       /* a stray byte */
        "04 07 05 'READY' 05",                                       /* no name */
        "04 14 05 'READY' 0b 'Socket-Type' 00*2",                    /* no size */
        "04 1a 05 'READY' 0b 'Socket-Type' 00*3 05 'PUSH'",          /* value cut */
        "04 1a 05 'READY' 0b 'Socket-Type' ff*4 'PUSH'",             /* far too large */
        "04 1a 05 'READY' 0b 'Socket-Type' 7f ff*3 'PUSH'",          /* the same, positive */
        "04 1b 05 'READY' 0b 'Socket-Type' 00*3 04 'PUSH' 00",       /* a stray byte behind */
        "04 1d 05 'READY' 0b 'Socket-Type' 00*3 04 'PUSH' 01 'x' 00" /* a size cut */
    };

    for (size_t i = 0; i < LEN(wrong); i++)
        expect_refused(way, wrong[i]);
}

EACH_WAY(zmtp_ready, of_an_unfit_type_ends_the_connection)
{
    static const char *const wrong[] = {"PULL", "PUB", "SUB", "push", "PUSHX", "PUS", "NONE", ""};

    for (size_t i = 0; i < LEN(wrong); i++) {
        struct raw_talk t;

        raw_open(&t, ZMQ_PULL);
        raw_meet(&t, way);
        raw_greet(t.fd, 1);
        raw_send_ready(t.fd, wrong[i], NULL);
        expect_given_up(&t);
    }
}

EACH_WAY(zmtp_ready, may_hold_more_or_less_than_it_should)
{
    static const char *const fine[] = {
        "04 06 05 'READY'",                                      /* no type at all */
        "00 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'PUSH'",      /* not marked a command */
        "06 00*7 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'PUSH'", /* in the long form */
        "04 19 05 'READY' 0b 'socket-type' 00*3 03 'XYZ'",       /* an unknown name */
        "04 25 05 'READY' 03 'X-a' 00*3 03 'abc' 0b 'Socket-Type' 00*3 04 'PUSH'",
        "04 20 05 'READY' 0b 'Socket-Type' 00*3 04 'PUSH' 01 'x' 00*4",
    };

    for (size_t i = 0; i < LEN(fine); i++)
        expect_accepted(way, fine[i]);
}

EACH_WAY(zmtp_ready, shows_its_properties_to_the_application)
{
    struct raw_talk t;
    zmq_msg_t msg;

    raw_open(&t, ZMQ_PULL);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "PULL", NULL);
    raw_send(t.fd, "04 34 05 'READY' 0b 'Socket-Type' 00*3 04 'PUSH' 03 'X-a' 00*3 05 'first'"
                   " 03 'X-a' 00*3 05 'again'");
    raw_send(t.fd, "00 01 'x'");
    zmq_msg_init(&msg);
    cr_assert_eq(zmq_msg_recv(&msg, t.socket, 0), 1);
    cr_assert_str_eq(zmq_msg_gets(&msg, "Socket-Type"), "PUSH");
    cr_assert_str_eq(zmq_msg_gets(&msg, "X-a"), "first");
    cr_assert_null(zmq_msg_gets(&msg, "x-a"));
    zmq_msg_close(&msg);
    raw_end(&t);
}

EACH_WAY(zmtp_ready, is_the_first_command)
{
    static const char *const wrong[] = {
        "04 07 04 'PING' 00 00",
        "04 06 05 'HELLO'",
        "04 06 05 'ready'",
        "04 07 06 'READYX'",
        "04 00",
        "04 01 05",
        "00 01 'x'",
    };

    for (size_t i = 0; i < LEN(wrong); i++)
        expect_refused(way, wrong[i]);
}

/*
 * In one piece with the greeting. For libzmq 4.3.4 the handshake goes on until its own READY has
 * gone, and the second READY ends the connection; with us it is over as soon as both are known,
 * whatever the packets, and what follows is ordinary traffic, as a late READY always is.
 */
EACH_WAY(zmtp_ready, in_one_piece_with_what_follows)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_PULL);
    raw_meet(&t, way);
    raw_send(t.fd, RAW_SIGNATURE RAW_NULL(01) "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'PUSH'"
                                              "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'PUSH'"
                                              "00 01 'x'");
    if (!raw_better()) {
        expect_given_up(&t);
        return;
    }
    raw_zmq_expect(&t, "x", false);
    raw_expect(t.fd, RAW_SIGNATURE RAW_NULL(01));
    raw_expect_ready(t.fd, "PULL", NULL);
    expect_alive(&t);
    raw_end(&t);
}

EACH_WAY(zmtp_ready, with_an_error_ends_the_connection)
{
    static const char *const errors[] = {"04 0a 05 'ERROR' 03 '400'",  "04 0a 05 'ERROR' 03 '300'",
                                         "04 0b 05 'ERROR' 04 'text'", "04 07 05 'ERROR' 00",
                                         "04 06 05 'ERROR'",           "04 0a 05 'ERROR' 04 '400'"};

    for (size_t i = 0; i < LEN(errors); i++)
        expect_refused(way, errors[i]);
}

EACH_WAY(zmtp_ready, with_an_identity_of_255_bytes_is_taken)
{
    char id[256];
    struct raw_talk t;

    memset(id, 'i', 255);
    id[255] = '\0';
    raw_open(&t, ZMQ_ROUTER);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "ROUTER", "");
    raw_send(t.fd,
             "06 00*6 01 28 05 'READY' 0b 'Socket-Type' 00*3 06 'DEALER' 08 'Identity' 00*3 ff");
    raw_send_bytes(t.fd, id, 255);
    raw_send(t.fd, "00 01 'x'");
    raw_zmq_expect(&t, id, true);
    raw_zmq_expect(&t, "x", false);
    raw_end(&t);
}

/* -------- frames -------- */

EACH_WAY(zmtp_frames, are_long_from_256_bytes_on)
{
    static const size_t sizes[] = {0,   1,   29,  30,  33,   34,   63,   64,
                                   254, 255, 256, 257, 8191, 8192, 65536};
    char *body = malloc(65536);
    struct raw_talk t;

    for (size_t i = 0; i < 65536; i++)
        body[i] = (char)(i * 7);
    shake_pair(&t, way);
    for (size_t i = 0; i < LEN(sizes); i++) {
        cr_assert_eq(zmq_send(t.socket, body, sizes[i], ZMQ_SNDMORE), (int)sizes[i]);
        cr_assert_eq(zmq_send(t.socket, body, sizes[i], 0), (int)sizes[i]);
        raw_expect_part(t.fd, false, body, sizes[i]);
        raw_expect_part(t.fd, true, body, sizes[i]);
        raw_send_part(t.fd, false, body, sizes[i]);
        raw_send_part(t.fd, true, body, sizes[i]);
        raw_zmq_expect_bytes(&t, body, sizes[i], true);
        raw_zmq_expect_bytes(&t, body, sizes[i], false);
    }
    free(body);
    raw_end(&t);
}

EACH_WAY(zmtp_frames, have_their_captured_headers)
{
    static const char zeros[257];
    struct raw_talk t;

    shake_pair(&t, way);
    cr_assert_eq(zmq_send(t.socket, zeros, 255, 0), 255);
    raw_expect(t.fd, "00 ff 00*255");
    cr_assert_eq(zmq_send(t.socket, zeros, 256, ZMQ_SNDMORE), 256);
    cr_assert_eq(zmq_send(t.socket, zeros, 257, 0), 257);
    raw_expect(t.fd, "03 00*6 01 00 00*256  02 00*6 01 01 00*257");
    raw_end(&t);
}

EACH_WAY(zmtp_frames, may_be_long_without_need)
{
    struct raw_talk t;

    shake_pair(&t, way);
    raw_send(t.fd, "03 00*7 00  03 00*7 01 'x'  02 00*7 ff 'y'*255");
    raw_zmq_expect(&t, "", true);
    raw_zmq_expect(&t, "x", true);
    char ys[256] = "";
    memset(ys, 'y', 255);
    raw_zmq_expect(&t, ys, false);
    raw_end(&t);
}

EACH_WAY(zmtp_frames, have_reserved_bits_that_mean_nothing)
{
    struct raw_talk t;

    shake_pair(&t, way);
    raw_send(t.fd, "f9 01 'a'  fb 00*7 01 'b'  f8 01 'c'  fa 00*7 01 'd'");
    raw_zmq_expect(&t, "a", true);
    raw_zmq_expect(&t, "b", true);
    raw_zmq_expect(&t, "c", false);
    raw_zmq_expect(&t, "d", false);
    raw_end(&t);
}

EACH_WAY(zmtp_frames, may_come_byte_by_byte)
{
    struct raw_talk t;

    shake_pair(&t, way);
    raw_drip(t.fd,
             "01 02 'ab'  02 00*7 01 'c'  04 04 03 'FOO'  00 00  02 00*6 01 00 'd'*256  00 01 'e'");
    char ds[257] = "";
    memset(ds, 'd', 256);
    raw_zmq_expect(&t, "ab", true);
    raw_zmq_expect(&t, "c", false);
    raw_zmq_expect(&t, "", false);
    raw_zmq_expect(&t, ds, false);
    raw_zmq_expect(&t, "e", false);
    raw_end(&t);
}

EACH_WAY(zmtp_frames, above_maxmsgsize_end_the_connection)
{
    static const char *const wrong[] = {"00 65",
                                        "02 00*7 65",
                                        "01 65",
                                        "02 00*3 01 00*4",
                                        "04 65",
                                        "02 7f ff*7",
                                        "00 01 'x' 00 64 'y'*100 00 65"};

    for (size_t i = 0; i < LEN(wrong); i++) {
        struct raw_talk t;
        int64_t most = 100;

        raw_open(&t, ZMQ_PAIR);
        cr_assert_eq(zmq_setsockopt(t.socket, ZMQ_MAXMSGSIZE, &most, sizeof most), 0);
        raw_meet(&t, way);
        raw_greet(t.fd, 1);
        raw_expect_ready(t.fd, "PAIR", NULL);
        raw_send_ready(t.fd, "PAIR", NULL);
        raw_send(t.fd, wrong[i]); /* the header is enough */
        expect_given_up(&t);
    }
}

EACH_WAY(zmtp_frames, up_to_maxmsgsize_are_taken)
{
    struct raw_talk t;
    int64_t most = 100;
    char ys[101] = "";

    memset(ys, 'y', 100);
    raw_open(&t, ZMQ_PAIR);
    cr_assert_eq(zmq_setsockopt(t.socket, ZMQ_MAXMSGSIZE, &most, sizeof most), 0);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "PAIR", NULL);
    raw_send_ready(t.fd, "PAIR", NULL);
    for (int i = 0; i < 3; i++) /* each part counts by itself */
        raw_send_part(t.fd, i == 2, ys, 100);
    for (int i = 0; i < 3; i++)
        raw_zmq_expect(&t, ys, i < 2);
    cr_assert_eq(zmq_send(t.socket, ys, 101, 0), 101); /* what is sent is not limited */
    raw_expect_part(t.fd, true, ys, 101);
    raw_end(&t);
}

EACH_WAY(zmtp_frames, no_memory_can_hold_end_the_connection)
{
    static const char *const wrong[] = {"02 80 00*7", "02 ff*8", "02 7f ff*7", "02 40 00*7"};

    for (size_t i = 0; i < LEN(wrong); i++) {
        struct raw_talk t;

        shake_pair(&t, way);
        raw_send(t.fd, wrong[i]);
        expect_given_up(&t);
    }
}

/* A message whose end never came is not a message. */
/* Waits for it a few times for a moment, in vain. */
static void wait_in_vain(struct raw_talk *t, uint8_t *body, size_t size)
{
    raw_set(t, ZMQ_RCVTIMEO, 5);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(zmq_recv(t->socket, body, size, 0), -1);
    raw_set(t, ZMQ_RCVTIMEO, RAW_DEADLINE_MS);
}

struct waiting {
    void *socket;
    uint8_t *body;
    size_t size;
    int got;
};

static void *receive(void *arg)
{
    struct waiting *w = arg;

    w->got = zmq_recv(w->socket, w->body, w->size, 0);
    return NULL;
}

/* A thread that waits has read some of the body by itself, and sleeps until the rest is there. */
EACH_WAY(zmtp_frames, whose_body_comes_bit_by_bit_are_waited_for)
{
    enum { SIZE = 1 << 20, BIT = 300 << 10 };
    static const uint8_t head[] = {2, 0, 0, 0, 0, 0, SIZE >> 16, 0, 0};
    struct raw_talk t;
    struct waiting w = {.body = malloc(SIZE), .size = SIZE};
    uint8_t *body = malloc(SIZE);
    pthread_t thread;

    cr_assert(w.body && body);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (uint8_t)(i * 7 + (i >> 12));
    shake_pair(&t, way);
    w.socket = t.socket;
    raw_send_bytes(t.fd, head, sizeof head);
    for (size_t at = 0; at + BIT < SIZE; at += BIT) {
        raw_send_bytes(t.fd, body + at, BIT);
        wait_in_vain(&t, w.body, SIZE);
    }
    cr_assert_eq(pthread_create(&thread, NULL, receive, &w), 0);
    WAIT(test_others_sleep());
    raw_send_bytes(t.fd, body + SIZE / BIT * BIT, SIZE % BIT);
    pthread_join(thread, NULL);
    cr_assert_eq(w.got, SIZE);
    cr_assert_eq(memcmp(body, w.body, SIZE), 0);
    free(w.body);
    free(body);
    raw_end(&t);
}

EACH_WAY(zmtp_frames, cut_off_are_not_delivered)
{
    struct raw_talk t;

    raw_shake(&t, way, ZMQ_PULL, 1, "PULL", NULL, "PUSH", NULL);
    raw_send(t.fd, "01 04 'half' 01 05 'other' 00 05 'thi'");
    raw_again(&t);
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "PULL", NULL);
    raw_send_ready(t.fd, "PUSH", NULL);
    raw_send(t.fd, "01 05 'whole' 00 03 'one'");
    raw_zmq_expect(&t, "whole", true);
    raw_zmq_expect(&t, "one", false);
    raw_end(&t);
}

EACH_WAY(zmtp_frames, arrive_in_their_hundreds_in_one_piece)
{
    uint8_t frames[3 * 1000];
    struct raw_talk t;

    for (size_t i = 0; i < 1000; i++)
        memcpy(frames + 3 * i, i % 3 == 2 ? "\0\1b" : "\1\1a", 3);
    frames[3 * 999] = 0;
    shake_pair(&t, way);
    raw_send_bytes(t.fd, frames, sizeof frames);
    for (size_t i = 0; i < 1000; i++)
        raw_zmq_expect(&t, i % 3 == 2 ? "b" : "a", i % 3 != 2 && i != 999);
    raw_end(&t);
}

/* -------- commands -------- */

/* Each stands between two messages, and nothing but those arrives. */
static void expect_ignored(enum raw_way way, const char *const commands[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct raw_talk t;

        shake_pair(&t, way);
        raw_send(t.fd, "00 01 'a'");
        raw_send(t.fd, commands[i]);
        raw_send(t.fd, "00 01 'b'");
        raw_zmq_expect(&t, "a", false);
        raw_zmq_expect(&t, "b", false);
        expect_alive(&t);
        raw_end(&t);
    }
}

EACH_WAY(zmtp_commands, that_are_unknown_are_ignored)
{
    static const char *const unknown[] = {
        "04 04 03 'FOO'",
        "04 08 03 'FOO' 'data'",
        "06 00*6 01 00 03 'FOO' 00*252",
        "04 05 04 'ping'",
        "04 06 05 'READY'", /* late, and of no use */
        "04 0a 05 'ERROR' 03 '400'",
        "04 06 05 'HELLO'",
        "04 07 04 'PONG' 'me'", /* nobody asked */
        "04 02 09 'X'",         /* shorter than its name */
        "04 01 00",             /* without a name */
        "04 01 ff",
    };

    expect_ignored(way, unknown, LEN(unknown));
}

/* libzmq 4.3.4 hands the first two to a PAIR's application, as if they were messages. */
EACH_WAY(zmtp_commands, that_are_for_other_types_are_ignored)
{
    static const char *const others[] = {"04 0b 09 'SUBSCRIBE' 'A'", "04 08 06 'CANCEL' 'A'",
                                         "04 08 04 'JOIN' 'grp'", "04 09 05 'LEAVE' 'grp'"};
    size_t first = raw_better() ? 0 : 2;

    expect_ignored(way, others + first, LEN(others) - first);
}

EACH_WAY(zmtp_commands, are_no_part_of_a_message)
{
    struct raw_talk t;

    shake_pair(&t, way);
    raw_send(t.fd, "01 01 'a'  04 09 04 'PING' 00 00 'me'  01 01 'b'  04 04 03 'FOO'  00 01 'c'");
    raw_expect(t.fd, "04 07 04 'PONG' 'me'");
    raw_zmq_expect(&t, "a", true);
    raw_zmq_expect(&t, "b", true);
    raw_zmq_expect(&t, "c", false);
    raw_end(&t);
}

EACH_WAY(zmtp_commands, ping_is_answered_with_its_context)
{
    struct raw_talk t;

    shake_pair(&t, way);
    raw_send(t.fd, "04 07 04 'PING' 00 00");
    raw_expect(t.fd, "04 05 04 'PONG'");
    raw_send(t.fd, "04 0a 04 'PING' 00 00 'ctx'");
    raw_expect(t.fd, "04 08 04 'PONG' 63 74 78");
    raw_send(t.fd, "04 17 04 'PING' 00 00 '0123456789abcdef'");
    raw_expect(t.fd, "04 15 04 'PONG' '0123456789abcdef'");
    raw_drip(t.fd, "06 00*7 0a 04 'PING' 00 00 'ctx'");
    raw_expect(t.fd, "04 08 04 'PONG' 'ctx'");
    raw_send(t.fd, "04 08 04 'PING' 00 00 'a' 04 08 04 'PING' 00 00 'b' 04 08 04 'PING' 00 00 'c'");
    raw_expect(t.fd, "04 06 04 'PONG' 'a' 04 06 04 'PONG' 'b' 04 06 04 'PONG' 'c'");
    raw_end(&t);
}

EACH_WAY(zmtp_commands, pong_has_at_most_16_bytes_of_context)
{
    struct raw_talk t;

    shake_pair(&t, way);
    raw_send(t.fd, "04 18 04 'PING' 00 00 '0123456789abcdefg'");
    raw_expect(t.fd, "04 15 04 'PONG' '0123456789abcdef'");
    raw_send(t.fd, "06 00*6 01 00 04 'PING' 00 00 'x'*249");
    raw_expect(t.fd, "04 15 04 'PONG' 'xxxxxxxxxxxxxxxx'");
    expect_alive(&t);
    raw_end(&t);
}

/* libzmq 4.3.x reads what is not there. */
EACH_WAY(zmtp_commands, ping_without_a_ttl_ends_the_connection)
{
    static const char *const cut[] = {"04 05 04 'PING'", "04 06 04 'PING' 00"};

    if (!raw_better())
        return;
    for (size_t i = 0; i < LEN(cut); i++) {
        struct raw_talk t;

        shake_pair(&t, way);
        raw_send(t.fd, cut[i]);
        expect_given_up(&t);
    }
}

/* -------- heartbeats -------- */

EACH_WAY(zmtp_heartbeats, ping_at_their_interval)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_PAIR);
    raw_set(&t, ZMQ_HEARTBEAT_IVL, 30);
    raw_set(&t, ZMQ_HEARTBEAT_TTL, 66000);
    raw_set(&t, ZMQ_HEARTBEAT_TIMEOUT, RAW_DEADLINE_MS);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "PAIR", NULL);
    raw_send_ready(t.fd, "PAIR", NULL);
    for (int i = 0; i < 4; i++) {
        raw_expect(t.fd, "04 07 04 50 49 4e 47 02 94");
        raw_send(t.fd, "04 05 04 'PONG'");
    }
    raw_end(&t);
}

EACH_WAY(zmtp_heartbeats, without_a_ttl_say_0)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_PAIR);
    raw_set(&t, ZMQ_HEARTBEAT_IVL, 30);
    raw_set(&t, ZMQ_HEARTBEAT_TIMEOUT, RAW_DEADLINE_MS);
    raw_meet(&t, way);
    raw_greet(t.fd, 0); /* a peer of 3.0 gets them as well */
    raw_expect_ready(t.fd, "PAIR", NULL);
    raw_send_ready(t.fd, "PAIR", NULL);
    raw_expect(t.fd, "04 07 04 'PING' 00 00");
    raw_end(&t);
}

EACH_WAY(zmtp_heartbeats, unanswered_end_the_connection)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_PAIR);
    raw_set(&t, ZMQ_HEARTBEAT_IVL, 50); /* the time-out, too */
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "PAIR", NULL);
    raw_send_ready(t.fd, "PAIR", NULL);
    raw_expect(t.fd, "04 07 04 'PING' 00 00");
    raw_expect_end(t.fd);
    raw_again(&t); /* a dialer tries again */
    raw_expect(t.fd, RAW_SIGNATURE);
    raw_end(&t);
}

/*
 * A peer whose machine takes everything, and which says nothing, as a process that was stopped. It
 * must not matter that the last PING was not acknowledged yet. On however slow a machine, no more
 * PINGs than there are intervals in the time-out go before the end.
 */
EACH_WAY(zmtp_heartbeats, give_a_deaf_peer_up_in_time)
{
    enum { IVL_MS = 10, TIMEOUT_MS = 200, PING = 9 };
    char bytes[100 * PING];
    struct raw_talk t;
    struct pollfd end;
    ssize_t size;

    raw_open(&t, ZMQ_PAIR);
    raw_set(&t, ZMQ_HEARTBEAT_IVL, IVL_MS);
    raw_set(&t, ZMQ_HEARTBEAT_TIMEOUT, TIMEOUT_MS);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "PAIR", NULL);
    raw_send_ready(t.fd, "PAIR", NULL);
    end = (struct pollfd){.fd = t.fd, .events = POLLRDHUP};
    cr_assert_eq(poll(&end, 1, RAW_DEADLINE_MS), 1, "it is never given up");
    size = recv(t.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    cr_assert_gt(size, 0);
    cr_assert_leq(size, (TIMEOUT_MS / IVL_MS + 3) * PING, "%d PINGs", (int)size / PING);
    raw_end(&t);
}

EACH_WAY(zmtp_heartbeats, are_answered_by_anything)
{
    static const char *const signs[] = {"00 01 'x'", "04 04 03 'FOO'", "04 05 04 'PONG'",
                                        "04 07 04 'PONG' 'me'"};
    struct raw_talk t;

    raw_open(&t, ZMQ_PAIR);
    raw_set(&t, ZMQ_HEARTBEAT_IVL, 20);
    raw_set(&t, ZMQ_HEARTBEAT_TIMEOUT, 3000);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "PAIR", NULL);
    raw_send_ready(t.fd, "PAIR", NULL);
    for (int64_t until_ms = raw_now_ms() + 3500; raw_now_ms() < until_ms;) {
        raw_expect(t.fd, "04 07 04 'PING' 00 00");
        raw_send(t.fd, signs[raw_now_ms() % 4]);
    }
    raw_end(&t);
}

EACH_WAY(zmtp_heartbeats, keep_the_peers_ttl)
{
    struct raw_talk t;
    int64_t from_ms;

    shake_pair(&t, way);
    from_ms = raw_now_ms();
    raw_send(t.fd, "04 07 04 'PING' 00 03");
    raw_expect(t.fd, "04 05 04 'PONG'");
    raw_expect_close(t.fd);
    cr_assert_geq(raw_now_ms() - from_ms, 250, "not so soon");
    raw_again(&t); /* a dialer tries again */
    raw_expect(t.fd, RAW_SIGNATURE);
    raw_end(&t);
}

EACH_WAY(zmtp_heartbeats, forget_a_ttl_when_anything_comes)
{
    struct raw_talk t;

    shake_pair(&t, way);
    raw_send(t.fd, "04 07 04 'PING' 00 1e"); /* three seconds: we may be slow ourselves */
    raw_expect(t.fd, "04 05 04 'PONG'");
    raw_send(t.fd, "00 01 'x'");
    raw_zmq_expect(&t, "x", false);
    raw_expect_quiet(t.fd, 3300);
    expect_alive(&t);
    raw_end(&t);
}

EACH_WAY(zmtp_heartbeats, forget_a_ttl_when_anything_comes_with_it)
{
    struct raw_talk t;

    shake_pair(&t, way);
    raw_send(t.fd, "04 07 04 'PING' 00 05 00 01 'x'");
    raw_zmq_expect(&t, "x", false);
    raw_expect(t.fd, "04 05 04 'PONG'");
    raw_expect_quiet(t.fd, 800);
    expect_alive(&t);
    raw_end(&t);
}

/* 656 tenths are 65600 ms; in 16 bits, as libzmq 4.3.x has it, they would be 64. */
EACH_WAY(zmtp_heartbeats, know_a_ttl_above_a_minute)
{
    struct raw_talk t;

    if (!raw_better())
        return;
    shake_pair(&t, way);
    raw_send(t.fd, "04 07 04 'PING' 02 90");
    raw_expect(t.fd, "04 05 04 'PONG'");
    raw_expect_quiet(t.fd, 300);
    expect_alive(&t);
    raw_end(&t);
}

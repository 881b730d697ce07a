/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers of ZMTP 1.0 and 2.0, written as scripts of bytes, against real sockets. All of it is what
 * libzmq 4.3.4 does, where nothing else is said; the program may be linked with either library.
 */
#include "tests/support/rawpeer.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdio.h>
#include <zmq.h>

TestSuite(zmtp_1_0, .timeout = 600);
TestSuite(zmtp_1_0_revision_0, .timeout = 600);
TestSuite(zmtp_2_0, .timeout = 600);

/* A library without ZAP refuses the option; then there is nothing to be seen here. */
static void ask_for_security(struct raw_talk *t)
{
    if (zmq_setsockopt(t->socket, ZMQ_ZAP_DOMAIN, "global", 6) == 0)
        return;
    cr_assert_eq(zmq_errno(), EINVAL);
    raw_end(t);
    cr_skip("ZMQ_ZAP_DOMAIN is not in this library");
}

/* -------- ZMTP 1.0: no greeting -------- */

EACH_WAY(zmtp_1_0, gets_the_identity_behind_the_signature)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_DEALER);
    raw_set_text(&t, ZMQ_ROUTING_ID, "me");
    raw_meet(&t, way);
    raw_expect(t.fd, "ff 00*7 03 7f"); /* to this peer: a frame of 3 bytes, flags and "me" */
    raw_expect_quiet(t.fd, RAW_QUIET_MS);
    raw_send(t.fd, "01 00");
    raw_expect(t.fd, "6d 65");
    raw_zmq_send(&t, "out", true);
    raw_zmq_send(&t, "", false);
    raw_expect(t.fd, "04 01 'out' 01 00");
    raw_send(t.fd, "03 01 'in' 01 00");
    raw_zmq_expect(&t, "in", true);
    raw_zmq_expect(&t, "", false);
    raw_end(&t);
}

EACH_WAY(zmtp_1_0, is_known_to_a_router_by_its_identity)
{
    static const char *const identities[] = {"04 00 'abc'", "ff 00*7 04 00 'abc'"};

    for (size_t i = 0; i < 2; i++) {
        struct raw_talk t;

        raw_open(&t, ZMQ_ROUTER);
        raw_meet(&t, way);
        raw_send(t.fd, identities[i]);
        raw_send(t.fd, "06 00 'hello'");
        raw_zmq_expect(&t, "abc", true);
        raw_zmq_expect(&t, "hello", false);
        raw_zmq_send(&t, "abc", true);
        raw_zmq_send(&t, "yo", false);
        raw_expect(t.fd, RAW_SIGNATURE "03 00 'yo'");
        raw_end(&t);
    }
}

EACH_WAY(zmtp_1_0, without_an_identity_gets_one)
{
    struct raw_talk t;
    char id[16];

    raw_open(&t, ZMQ_ROUTER);
    raw_meet(&t, way);
    raw_drip(t.fd, "01 00 03 00 'yo'");
    cr_assert_eq(zmq_recv(t.socket, id, sizeof id, 0), 5);
    cr_assert_eq(id[0], 0);
    raw_zmq_expect(&t, "yo", false);
    raw_end(&t);
}

EACH_WAY(zmtp_1_0, asks_and_is_answered)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_REP);
    raw_meet(&t, way);
    raw_send(t.fd, "01 00  01 01 03 00 'Hi'");
    raw_zmq_expect(&t, "Hi", false);
    raw_zmq_send(&t, "Yo", false);
    raw_expect(t.fd, RAW_SIGNATURE "01 01 03 00 'Yo'");
    raw_end(&t);
}

EACH_WAY(zmtp_1_0, answers_what_it_is_asked)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_REQ);
    raw_meet(&t, way);
    raw_send(t.fd, "01 00");
    raw_zmq_send(&t, "Hi", false);
    raw_expect(t.fd, RAW_SIGNATURE "01 01 03 00 'Hi'");
    raw_send(t.fd, "01 01 03 00 'Yo'");
    raw_zmq_expect(&t, "Yo", false);
    raw_end(&t);
}

EACH_WAY(zmtp_1_0, has_long_frames_from_254_bytes_on)
{
    static const char body[300];
    struct raw_talk t;

    raw_open(&t, ZMQ_DEALER);
    raw_meet(&t, way);
    raw_send(t.fd, "01 00");
    raw_expect(t.fd, RAW_SIGNATURE);
    for (size_t size = 252; size < 258; size++) {
        char header[64];

        if (size < 254)
            snprintf(header, sizeof header, "%02zx 00", size + 1);
        else
            snprintf(header, sizeof header, "ff 00*6 %02zx %02zx 00", (size + 1) >> 8,
                     (size + 1) & 0xff);
        cr_assert_eq(zmq_send(t.socket, body, size, 0), (int)size);
        raw_expect(t.fd, header);
        raw_expect_bytes(t.fd, body, size);
        raw_send(t.fd, header);
        raw_send_bytes(t.fd, body, size);
        raw_zmq_expect_bytes(&t, body, size, false);
    }
    raw_send(t.fd, "ff 00*7 02 00 'x'"); /* longer than need be */
    raw_zmq_expect(&t, "x", false);
    raw_end(&t);
}

EACH_WAY(zmtp_1_0, with_a_frame_of_no_length_is_dropped)
{
    static const char *const wrong[] = {"01 00 00", "01 00 ff 00*8", "01 00 02 00 'x' 00 00"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct raw_talk t;

        raw_open(&t, ZMQ_DEALER);
        raw_meet(&t, way);
        raw_send(t.fd, wrong[i]);
        raw_expect_end(t.fd);
        raw_end(&t);
    }
}

EACH_WAY(zmtp_1_0, gets_subscriptions_in_message_form)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_SUB);
    raw_set_text(&t, ZMQ_SUBSCRIBE, "topic");
    raw_meet(&t, way);
    raw_send(t.fd, "01 00");
    raw_send(t.fd, "08 00 'topic 1'");
    raw_zmq_expect(&t, "topic 1", false);
    raw_expect(t.fd, RAW_SIGNATURE "07 00 01 'topic'");
    cr_assert_eq(zmq_setsockopt(t.socket, ZMQ_UNSUBSCRIBE, "topic", 5), 0);
    raw_expect(t.fd, "07 00 00 'topic'");
    raw_end(&t);
}

/* A subscriber of that age filters by itself and says nothing. */
EACH_WAY(zmtp_1_0, is_subscribed_to_everything)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_XPUB);
    raw_meet(&t, way);
    raw_send(t.fd, "01 00");
    raw_zmq_expect(&t, "\1", false);
    raw_zmq_send(&t, "anything", false);
    raw_expect(t.fd, RAW_SIGNATURE "09 00 'anything'");
    raw_end(&t);
}

EACH_WAY(zmtp_1_0, is_dropped_where_security_is_asked_for)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_DEALER);
    ask_for_security(&t);
    raw_meet(&t, way);
    raw_send(t.fd, "01 00");
    raw_expect_end(t.fd);
    raw_end(&t);
}

/* A handshake that does not take place cannot take too long. (libzmq 4.3.4 ends it.) */
EACH_WAY(zmtp_1_0, needs_no_handshake)
{
    struct raw_talk t;

    if (!raw_better())
        return;
    raw_open(&t, ZMQ_DEALER);
    raw_set(&t, ZMQ_HANDSHAKE_IVL, 300);
    raw_meet(&t, way);
    raw_send(t.fd, "01 00");
    raw_expect(t.fd, RAW_SIGNATURE);
    raw_expect_quiet(t.fd, 500);
    raw_send(t.fd, "02 00 'x'");
    raw_zmq_expect(&t, "x", false);
    raw_end(&t);
}

/* -------- ZMTP 1.0 with a revision -------- */

EACH_WAY(zmtp_1_0_revision_0, is_told_type_and_identity)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_DEALER);
    raw_set_text(&t, ZMQ_ROUTING_ID, "me");
    raw_meet(&t, way);
    raw_expect(t.fd, "ff 00*7 03 7f");
    raw_send(t.fd, RAW_SIGNATURE);
    raw_expect(t.fd, "03");
    raw_send(t.fd, "00");
    raw_expect(t.fd, "05"); /* DEALER */
    raw_expect_quiet(t.fd, RAW_QUIET_MS);
    raw_send(t.fd, "06");
    raw_expect(t.fd, "03 00 'me'");
    raw_send(t.fd, "01 00  02 00 'x'");
    raw_zmq_expect(&t, "x", false);
    raw_zmq_send(&t, "out", false);
    raw_expect(t.fd, "04 00 'out'");
    raw_end(&t);
}

EACH_WAY(zmtp_1_0_revision_0, is_known_by_its_identity)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_ROUTER);
    raw_meet(&t, way);
    raw_drip(t.fd, RAW_SIGNATURE "00 05  04 00 'abc'  06 00 'hello'");
    raw_zmq_expect(&t, "abc", true);
    raw_zmq_expect(&t, "hello", false);
    raw_zmq_send(&t, "abc", true);
    raw_zmq_send(&t, "yo", false);
    raw_expect(t.fd, RAW_SIGNATURE "03 06 01 00 03 00 'yo'");
    raw_end(&t);
}

EACH_WAY(zmtp_1_0_revision_0, subscribes_by_message)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_XPUB);
    raw_meet(&t, way);
    raw_send(t.fd, RAW_SIGNATURE "00 02  01 00  03 00 01 'A'");
    raw_zmq_expect(&t, "\1A", false); /* this one does: nothing is subscribed for it */
    raw_zmq_send(&t, "B", false);
    raw_zmq_send(&t, "A1", false);
    raw_expect(t.fd, RAW_SIGNATURE "03 09 01 00 03 00 'A1'");
    raw_end(&t);
}

/* -------- ZMTP 2.0 -------- */

EACH_WAY(zmtp_2_0, is_told_type_and_identity)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_ROUTER);
    raw_set_text(&t, ZMQ_ROUTING_ID, "me");
    raw_meet(&t, way);
    raw_expect(t.fd, "ff 00*7 03 7f");
    raw_send(t.fd, RAW_SIGNATURE);
    raw_expect(t.fd, "03");
    raw_send(t.fd, "01");
    raw_expect(t.fd, "06"); /* ROUTER */
    raw_expect_quiet(t.fd, RAW_QUIET_MS);
    raw_send(t.fd, "05");
    raw_expect(t.fd, "00 02 'me'");
    raw_send(t.fd, "00 03 'abc'");
    raw_send(t.fd, "01 05 'hello' 00 00");
    raw_zmq_expect(&t, "abc", true);
    raw_zmq_expect(&t, "hello", true);
    raw_zmq_expect(&t, "", false);
    raw_zmq_send(&t, "abc", true);
    raw_zmq_send(&t, "yo", false);
    raw_expect(t.fd, "00 02 'yo'");
    raw_end(&t);
}

EACH_WAY(zmtp_2_0, may_come_byte_by_byte)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_REP);
    raw_meet(&t, way);
    raw_drip(t.fd, RAW_SIGNATURE "01 03  00 00  01 00  00 02 'Hi'");
    raw_zmq_expect(&t, "Hi", false);
    raw_zmq_send(&t, "Yo", false);
    raw_expect(t.fd, RAW_SIGNATURE "03 04 00 00 01 00 00 02 'Yo'");
    raw_end(&t);
}

EACH_WAY(zmtp_2_0, socket_types_are_not_compared)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_PULL);
    raw_meet(&t, way);
    raw_send(t.fd, RAW_SIGNATURE "01 02  00 00  00 01 'x'"); /* says SUB, means PUSH */
    raw_zmq_expect(&t, "x", false);
    raw_expect(t.fd, RAW_SIGNATURE "03 07 00 00");
    raw_end(&t);
}

EACH_WAY(zmtp_2_0, gets_subscriptions_in_message_form)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_SUB);
    raw_set_text(&t, ZMQ_SUBSCRIBE, "topic");
    raw_meet(&t, way);
    raw_send(t.fd, RAW_SIGNATURE "01 01  00 00  00 07 'topic 1'");
    raw_zmq_expect(&t, "topic 1", false);
    raw_expect(t.fd, RAW_SIGNATURE "03 02 00 00  00 06 01 'topic'");
    cr_assert_eq(zmq_setsockopt(t.socket, ZMQ_UNSUBSCRIBE, "topic", 5), 0);
    raw_expect(t.fd, "00 06 00 'topic'");
    raw_end(&t);
}

EACH_WAY(zmtp_2_0, subscribes_by_message)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_XPUB);
    raw_meet(&t, way);
    raw_send(t.fd, RAW_SIGNATURE "01 02  00 00  00 02 01 'A'");
    raw_zmq_expect(&t, "\1A", false);
    raw_zmq_send(&t, "B", false);
    raw_zmq_send(&t, "A1", false);
    raw_expect(t.fd, RAW_SIGNATURE "03 09 00 00 00 02 'A1'");
    raw_end(&t);
}

EACH_WAY(zmtp_2_0, is_dropped_where_security_is_asked_for)
{
    static const char *const old[] = {RAW_SIGNATURE "01 05 00 00", RAW_SIGNATURE "00 05 01 00"};

    for (size_t i = 0; i < 2; i++) {
        struct raw_talk t;

        raw_open(&t, ZMQ_DEALER);
        ask_for_security(&t);
        raw_meet(&t, way);
        raw_send(t.fd, old[i]);
        raw_expect_end(t.fd);
        raw_end(&t);
    }
}

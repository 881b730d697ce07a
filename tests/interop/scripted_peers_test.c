/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers of ZMTP 3, written as scripts of bytes, against real sockets: who says what and when, and
 * what becomes of messages. All of it is what libzmq 4.3.4 does, where nothing else is said; the
 * program may be linked with either library.
 */
#include "tests/support/rawpeer.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>
#include <zmq.h>

TestSuite(zmtp_greeting, .timeout = 600);
TestSuite(zmtp_3, .timeout = 600);
TestSuite(zmtp_pubsub, .timeout = 600);
TestSuite(zmtp_radio, .timeout = 600);

/* -------- the greeting -------- */

EACH_WAY(zmtp_greeting, goes_out_step_by_step)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_DEALER);
    raw_meet(&t, way);
    raw_expect(t.fd, "ff 00 00 00 00 00 00 00 01 7f");
    raw_expect_quiet(t.fd, RAW_QUIET_MS);
    raw_send(t.fd, "ff 00 00 00 00 00 00 00 01");
    raw_expect_quiet(t.fd, RAW_QUIET_MS);
    raw_send(t.fd, "7f");
    raw_expect(t.fd, "03");
    raw_expect_quiet(t.fd, RAW_QUIET_MS);
    raw_send(t.fd, "03");
    raw_expect(t.fd, "01 4e 55 4c 4c 00*16 00*32");
    raw_expect_quiet(t.fd, RAW_QUIET_MS);
    raw_send(t.fd, "01 4e 55 4c 4c 00*16 00*31");
    raw_expect_quiet(t.fd, RAW_QUIET_MS);
    raw_send(t.fd, "00");
    raw_expect(t.fd, "04 29 05 'READY' 0b 'Socket-Type' 00*3 06 'DEALER' 08 'Identity' 00*4");
    raw_end(&t);
}

EACH_WAY(zmtp_greeting, tells_the_length_of_the_routing_id)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_DEALER);
    raw_set_text(&t, ZMQ_ROUTING_ID, "abc");
    raw_meet(&t, way);
    raw_expect(t.fd, "ff 00 00 00 00 00 00 00 04 7f");
    raw_send(t.fd, RAW_SIGNATURE RAW_NULL(01));
    raw_expect(t.fd, RAW_NULL(01));
    raw_expect(t.fd, "04 2c 05 'READY' 0b 'Socket-Type' 00*3 06 'DEALER' 08 'Identity' 00*3 03"
                     " 'abc'");
    raw_end(&t);
}

EACH_WAY(zmtp_greeting, may_come_in_one_piece_with_ready)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_PULL);
    raw_meet(&t, way);
    raw_send(t.fd, RAW_SIGNATURE RAW_NULL(01) "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'PUSH'");
    raw_expect(t.fd, RAW_SIGNATURE RAW_NULL(01));
    raw_expect(t.fd, "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'PULL'");
    raw_send(t.fd, "00 01 'x'");
    raw_zmq_expect(&t, "x", false);
    raw_end(&t);
}

EACH_WAY(zmtp_greeting, may_come_byte_by_byte)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_REP);
    raw_meet(&t, way);
    raw_drip(t.fd, RAW_SIGNATURE RAW_NULL(01));
    raw_expect(t.fd, RAW_SIGNATURE RAW_NULL(01));
    raw_expect_ready(t.fd, "REP", NULL);
    raw_drip(t.fd, "04 26 05 'READY' 0b 'Socket-Type' 00*3 03 'REQ' 08 'Identity' 00*4");
    raw_drip(t.fd, "01 00  03 00*7 02 'Hi' 00 05 'there'");
    raw_zmq_expect(&t, "Hi", true);
    raw_zmq_expect(&t, "there", false);
    raw_zmq_send(&t, "Yo", false);
    raw_expect(t.fd, "01 00  00 02 'Yo'");
    raw_end(&t);
}

EACH_WAY(zmtp_greeting, ignores_padding_as_server_and_filler)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_PULL);
    raw_meet(&t, way);
    raw_send(t.fd, "ff 12 34 56 78 9a bc de f0 7f 03 01 'NULL' 00*16 01 aa*31");
    raw_expect(t.fd, RAW_SIGNATURE RAW_NULL(01));
    raw_expect_ready(t.fd, "PULL", NULL);
    raw_send_ready(t.fd, "PUSH", NULL);
    raw_send(t.fd, "00 01 'x'");
    raw_zmq_expect(&t, "x", false);
    raw_end(&t);
}

EACH_WAY(zmtp_greeting, of_another_mechanism_ends_the_connection)
{
    static const char *const others[] = {"'PLAIN' 00*15", "'null' 00*16", "'NULLX' 00*15",
                                         "'NULL' 00*15 01", "00*20"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct raw_talk t;

        raw_open(&t, ZMQ_DEALER);
        raw_meet(&t, way);
        raw_send(t.fd, RAW_SIGNATURE "03 01");
        raw_expect(t.fd, RAW_SIGNATURE RAW_NULL(01));
        raw_send(t.fd, others[i]);
        raw_send(t.fd, "00*32");
        raw_expect_close(t.fd);
        if (t.listener >= 0)
            raw_expect_quiet(t.listener,
                             RAW_QUIET_MS); /* it will not become right by trying again */
        raw_end(&t);
    }
}

EACH_WAY(zmtp_greeting, of_a_version_to_come_is_answered_as_3_1)
{
    static const char *const majors[] = {"02 00", "03 02", "04 00", "7f 00", "ff ff"};

    for (size_t i = 0; i < sizeof majors / sizeof *majors; i++) {
        struct raw_talk t;

        raw_open(&t, ZMQ_SUB);
        raw_set_text(&t, ZMQ_SUBSCRIBE, "A");
        raw_meet(&t, way);
        raw_send(t.fd, RAW_SIGNATURE);
        raw_send(t.fd, majors[i]);
        raw_send(t.fd, "'NULL' 00*48");
        raw_expect(t.fd, RAW_SIGNATURE RAW_NULL(01));
        raw_expect_ready(t.fd, "SUB", NULL);
        raw_send_ready(t.fd, "PUB", NULL);
        raw_use_until_it_speaks(&t);
        raw_expect(t.fd, "04 0b 09 'SUBSCRIBE' 'A'");
        raw_send(t.fd, "00 02 'A1'");
        raw_zmq_expect(&t, "A1", false);
        raw_end(&t);
    }
}

EACH_WAY(zmtp_greeting, ended_by_a_silent_peer)
{
    static const char *const spoken[] = {"", "ff 00*3", RAW_SIGNATURE, RAW_SIGNATURE "03",
                                         RAW_SIGNATURE RAW_NULL(01)};

    for (size_t i = 0; i < sizeof spoken / sizeof *spoken; i++) {
        struct raw_talk t;

        raw_open(&t, ZMQ_DEALER);
        raw_set(&t, ZMQ_HANDSHAKE_IVL, 100);
        raw_meet(&t, way);
        raw_send(t.fd, spoken[i]);
        raw_expect_end(t.fd);
        raw_again(&t); /* a dialer tries again, a listener still listens */
        raw_expect(t.fd, RAW_SIGNATURE);
        raw_end(&t);
    }
}

EACH_WAY(zmtp_greeting, cut_off_is_tried_again)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_PULL);
    raw_meet(&t, way);
    for (int i = 0; i < 3; i++) {
        raw_send(t.fd, RAW_SIGNATURE "03 01 'NU'");
        raw_again(&t);
    }
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "PULL", NULL);
    raw_send_ready(t.fd, "PUSH", NULL);
    raw_send(t.fd, "00 01 'x'");
    raw_zmq_expect(&t, "x", false);
    raw_end(&t);
}

/* -------- ZMTP 3.0 and 3.1 -------- */

Test(zmtp_3, ready_of_each_type)
{
    static const struct {
        int type;
        const char *name, *ready, *peer;
    } types[] = {
        {0, "PAIR", "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'PAIR'", "PAIR"},
        {1, "PUB", "04 19 05 'READY' 0b 'Socket-Type' 00*3 03 'PUB'", "SUB"},
        {2, "SUB", "04 19 05 'READY' 0b 'Socket-Type' 00*3 03 'SUB'", "PUB"},
        {3, "REQ", "04 26 05 'READY' 0b 'Socket-Type' 00*3 03 'REQ' 08 'Identity' 00*4", "REP"},
        {4, "REP", "04 19 05 'READY' 0b 'Socket-Type' 00*3 03 'REP'", "REQ"},
        {5, "DEALER", "04 29 05 'READY' 0b 'Socket-Type' 00*3 06 'DEALER' 08 'Identity' 00*4",
         "ROUTER"},
        {6, "ROUTER", "04 29 05 'READY' 0b 'Socket-Type' 00*3 06 'ROUTER' 08 'Identity' 00*4",
         "DEALER"},
        {7, "PULL", "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'PULL'", "PUSH"},
        {8, "PUSH", "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'PUSH'", "PULL"},
        {9, "XPUB", "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'XPUB'", "XSUB"},
        {10, "XSUB", "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'XSUB'", "XPUB"},
        {12, "SERVER", "04 1c 05 'READY' 0b 'Socket-Type' 00*3 06 'SERVER'", "CLIENT"},
        {13, "CLIENT", "04 1c 05 'READY' 0b 'Socket-Type' 00*3 06 'CLIENT'", "SERVER"},
        {14, "RADIO", "04 1b 05 'READY' 0b 'Socket-Type' 00*3 05 'RADIO'", "DISH"},
        {15, "DISH", "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'DISH'", "RADIO"},
        {16, "GATHER", "04 1c 05 'READY' 0b 'Socket-Type' 00*3 06 'GATHER'", "SCATTER"},
        {17, "SCATTER", "04 1d 05 'READY' 0b 'Socket-Type' 00*3 07 'SCATTER'", "GATHER"},
        {19, "PEER", "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'PEER'", "PEER"},
        {20, "CHANNEL", "04 1d 05 'READY' 0b 'Socket-Type' 00*3 07 'CHANNEL'", "CHANNEL"},
    };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct raw_talk t;

        if (types[i].type > ZMQ_STREAM && !zmq_has("draft"))
            continue;
        for (int way = RAW_DIALS_TCP; way <= RAW_LISTENS_TCP; way++) {
            raw_open(&t, types[i].type);
            raw_meet(&t, (enum raw_way)way);
            raw_greet(t.fd, 1);
            raw_expect(t.fd, types[i].ready);
            raw_send_ready(t.fd, types[i].peer, NULL); /* and it stays */
            raw_send(t.fd, "04 07 04 'PING' 00 00");
            raw_expect(t.fd, "04 05 04 'PONG'");
            raw_end(&t);
        }
    }
}

EACH_WAY(zmtp_3, req_asks_as_captured)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_REQ);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect(t.fd, "04 26 05 'READY' 0b 'Socket-Type' 00*3 03 'REQ' 08 'Identity' 00*4");
    raw_send(t.fd, "04 19 05 'READY' 0b 'Socket-Type' 00*3 03 'REP'");
    raw_zmq_send(&t, "Hi", false);
    raw_expect(t.fd, "01 00  00 02 48 69");
    raw_send(t.fd, "01 00  00 02 59 6f");
    raw_zmq_expect(&t, "Yo", false);
    raw_end(&t);
}

EACH_WAY(zmtp_3, rep_answers_as_captured)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_REP);
    raw_meet(&t, way);
    raw_greet(t.fd, 0);
    raw_expect(t.fd, "04 19 05 'READY' 0b 'Socket-Type' 00*3 03 'REP'");
    raw_send(t.fd, "04 26 05 'READY' 0b 'Socket-Type' 00*3 03 'REQ' 08 'Identity' 00*4");
    raw_send(t.fd, "01 00  00 02 48 69");
    raw_zmq_expect(&t, "Hi", false);
    raw_zmq_send(&t, "Yo", false);
    raw_expect(t.fd, "01 00  00 02 59 6f");
    raw_end(&t);
}

EACH_WAY(zmtp_3, rep_gives_the_envelope_back)
{
    struct raw_talk t;

    raw_shake(&t, way, ZMQ_REP, 1, "REP", NULL, "DEALER", "");
    raw_send(t.fd, "01 04 'hop2' 01 04 'hop1' 01 00 00 02 'Hi'");
    raw_zmq_expect(&t, "Hi", false);
    raw_zmq_send(&t, "Yo", false);
    raw_expect(t.fd, "01 04 'hop2' 01 04 'hop1' 01 00 00 02 'Yo'");
    raw_end(&t);
}

EACH_WAY(zmtp_3, req_with_an_id_sends_it_before_the_delimiter)
{
    struct raw_talk t;
    uint8_t id[4];

    raw_open(&t, ZMQ_REQ);
    raw_set(&t, ZMQ_REQ_CORRELATE, 1);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "REQ", "");
    raw_send_ready(t.fd, "REP", NULL);
    raw_zmq_send(&t, "Hi", false);
    raw_expect(t.fd, "01 04");
    raw_read(t.fd, id, sizeof id); /* any four bytes, which we say again */
    raw_expect(t.fd, "01 00 00 02 'Hi'");
    raw_send(t.fd, "01 04");
    raw_send_bytes(t.fd, id, 4);
    raw_send(t.fd, "01 00 00 02 'Yo'");
    raw_zmq_expect(&t, "Yo", false);
    raw_end(&t);
}

EACH_WAY(zmtp_3, req_gives_up_a_peer_that_answers_without_a_delimiter)
{
    static const char *const wrong[] = {"00 02 'Yo'", "00 00", "01 02 'Yo' 00 00"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct raw_talk t;

        raw_shake(&t, way, ZMQ_REQ, 1, "REQ", "", "REP", NULL);
        raw_zmq_send(&t, "Hi", false);
        raw_expect(t.fd, "01 00 00 02 'Hi'");
        raw_send(t.fd, wrong[i]);
        raw_expect_close(t.fd);
        if (t.listener >= 0)
            raw_expect_quiet(t.listener, RAW_QUIET_MS);
        raw_end(&t);
    }
}

EACH_WAY(zmtp_3, router_knows_its_peer_by_identity)
{
    struct raw_talk t;

    raw_shake(&t, way, ZMQ_ROUTER, 1, "ROUTER", "", "DEALER", "abc");
    raw_send(t.fd, "00 05 'hello'");
    raw_zmq_expect(&t, "abc", true);
    raw_zmq_expect(&t, "hello", false);
    raw_zmq_send(&t, "abc", true);
    raw_zmq_send(&t, "yo", true);
    raw_zmq_send(&t, "", false);
    raw_expect(t.fd, "01 02 'yo' 00 00");
    raw_end(&t);
}

EACH_WAY(zmtp_3, router_names_a_peer_without_identity)
{
    static const char *const identities[] = {"", NULL};

    for (size_t i = 0; i < 2; i++) {
        struct raw_talk t;
        char id[16];

        raw_shake(&t, way, ZMQ_ROUTER, 1, "ROUTER", "", "REQ", identities[i]);
        raw_send(t.fd, "01 00 00 02 'Hi'");
        cr_assert_eq(zmq_recv(t.socket, id, sizeof id, 0), 5);
        cr_assert_eq(id[0], 0);
        raw_zmq_expect(&t, "", true);
        raw_zmq_expect(&t, "Hi", false);
        cr_assert_eq(zmq_send(t.socket, id, 5, ZMQ_SNDMORE), 5);
        raw_zmq_send(&t, "", true);
        raw_zmq_send(&t, "Yo", false);
        raw_expect(t.fd, "01 00 00 02 'Yo'");
        raw_end(&t);
    }
}

EACH_WAY(zmtp_3, router_probes_its_peer)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_ROUTER);
    raw_set(&t, ZMQ_PROBE_ROUTER, 1);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "ROUTER", "");
    raw_send_ready(t.fd, "DEALER", "");
    raw_use_until_it_speaks(&t);
    raw_expect(t.fd, "00 00");
    raw_end(&t);
}

/* It could not: libzmq takes what comes before it has the peer's READY for an error. */
EACH_WAY(zmtp_3, sends_nothing_behind_ready_before_the_peers)
{
    static const int types[] = {ZMQ_DEALER, ZMQ_PUSH, ZMQ_SUB};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct raw_talk t;
        static const char *const names[] = {"DEALER", "PUSH", "SUB"};
        static const char *const peers[] = {"DEALER", "PULL", "PUB"};

        raw_open(&t, types[i]);
        raw_set(&t, ZMQ_HEARTBEAT_IVL, 10);
        raw_set(&t, ZMQ_HEARTBEAT_TIMEOUT, RAW_DEADLINE_MS);
        if (types[i] == ZMQ_SUB)
            raw_set_text(&t, ZMQ_SUBSCRIBE, "A");
        raw_meet(&t, way);
        if (types[i] != ZMQ_SUB && t.listener >= 0)
            raw_zmq_send(&t, "queued", false);
        raw_greet(t.fd, 1);
        raw_expect_ready(t.fd, names[i], i == 0 ? "" : NULL);
        raw_expect_quiet(t.fd, RAW_QUIET_MS);
        raw_send_ready(t.fd, peers[i], NULL);
        if (types[i] == ZMQ_SUB || t.listener >= 0) { /* then it comes; a PING may come first */
            raw_use_until_it_speaks(&t);
            raw_expect_among(t.fd,
                             types[i] == ZMQ_SUB ? "04 0b 09 'SUBSCRIBE' 'A'" : "00 06 'queued'",
                             "04 07 04 'PING' 00 00");
        }
        raw_end(&t);
    }
}

/* -------- publish and subscribe, both forms -------- */

EACH_WAY(zmtp_pubsub, sub_commands_a_peer_of_3_1)
{
    struct raw_talk t;

    raw_shake(&t, way, ZMQ_SUB, 1, "SUB", NULL, "PUB", NULL);
    cr_assert_eq(zmq_setsockopt(t.socket, ZMQ_SUBSCRIBE, "A", 1), 0);
    raw_use_until_it_speaks(&t);
    raw_expect(t.fd, "04 0b 09 53 55 42 53 43 52 49 42 45 41");
    raw_send(t.fd, "01 02 'A1' 00 01 'x' 00 01 'B' 00 02 'A2'");
    raw_zmq_expect(&t, "A1", true);
    raw_zmq_expect(&t, "x", false);
    raw_zmq_expect(&t, "A2", false); /* B was not asked for */
    cr_assert_eq(zmq_setsockopt(t.socket, ZMQ_UNSUBSCRIBE, "A", 1), 0);
    raw_expect(t.fd, "04 08 06 43 41 4e 43 45 4c 41");
    raw_end(&t);
}

EACH_WAY(zmtp_pubsub, sub_writes_to_a_peer_of_3_0)
{
    struct raw_talk t;

    raw_shake(&t, way, ZMQ_SUB, 0, "SUB", NULL, "PUB", NULL);
    cr_assert_eq(zmq_setsockopt(t.socket, ZMQ_SUBSCRIBE, "topic", 5), 0);
    raw_use_until_it_speaks(&t);
    raw_expect(t.fd, "00 06 01 'topic'");
    cr_assert_eq(zmq_setsockopt(t.socket, ZMQ_SUBSCRIBE, "", 0), 0);
    raw_expect(t.fd, "00 01 01");
    cr_assert_eq(zmq_setsockopt(t.socket, ZMQ_UNSUBSCRIBE, "topic", 5), 0);
    raw_expect(t.fd, "00 06 00 'topic'");
    raw_end(&t);
}

EACH_WAY(zmtp_pubsub, xsub_writes_whatever_the_version)
{
    struct raw_talk t;

    raw_shake(&t, way, ZMQ_XSUB, 1, "XSUB", NULL, "XPUB", NULL);
    raw_send(t.fd, "00 05 'hello'");
    raw_zmq_expect(&t, "hello", false);
    raw_zmq_send(&t, "\1A", false);
    raw_expect(t.fd, "00 02 01 'A'");
    raw_zmq_send(&t, "user", false);
    raw_expect(t.fd, "00 04 'user'");
    raw_end(&t);
}

EACH_WAY(zmtp_pubsub, xpub_understands_both_forms_from_everyone)
{
    for (int minor = 0; minor < 2; minor++) {
        struct raw_talk t;

        raw_shake(&t, way, ZMQ_XPUB, minor, "XPUB", NULL, "SUB", NULL);
        raw_send(t.fd, "04 0b 09 'SUBSCRIBE' 'A'");
        raw_zmq_expect(&t, "\1A", false);
        raw_send(t.fd, "00 02 01 'B'");
        raw_zmq_expect(&t, "\1B", false);
        raw_zmq_send(&t, "C1", false);
        raw_zmq_send(&t, "B1", true);
        raw_zmq_send(&t, "second", false);
        raw_zmq_send(&t, "A1", false);
        raw_expect(t.fd, "01 02 'B1' 00 06 'second' 00 02 'A1'");
        raw_send(t.fd, "04 08 06 'CANCEL' 'B'"); /* forms may be mixed */
        raw_zmq_expect_bytes(&t, "\0B", 2, false);
        raw_send(t.fd, "00 02 00 'A'");
        raw_zmq_expect_bytes(&t, "\0A", 2, false);
        raw_send(t.fd, "04 0a 09 'SUBSCRIBE'");
        raw_zmq_expect(&t, "\1", false);
        raw_zmq_send(&t, "C2", false);
        raw_expect(t.fd, "00 02 'C2'");
        raw_end(&t);
    }
}

EACH_WAY(zmtp_pubsub, pub_sends_what_was_subscribed_to)
{
    static const char *const forms[] = {"04 0b 09 'SUBSCRIBE' 'A'", "00 02 01 'A'"};

    for (size_t i = 0; i < 2; i++) {
        struct raw_talk t;
        int64_t until_ms = raw_now_ms() + RAW_DEADLINE_MS;

        raw_shake(&t, way, ZMQ_PUB, 1, "PUB", NULL, "SUB", NULL);
        raw_send(t.fd, forms[i]);
        do { /* when a PUB has heard of a subscription cannot be seen */
            raw_zmq_send(&t, "B", false);
            raw_zmq_send(&t, "A1", false);
        } while (!raw_readable(t.fd, 5) && raw_now_ms() < until_ms);
        raw_expect(t.fd, "00 02 'A1'");
        raw_end(&t);
    }
}

/* libzmq 4.3.x writes eight bytes of length and does not say so. */
EACH_WAY(zmtp_pubsub, message_form_may_be_longer_than_255)
{
    char topic[256];
    struct raw_talk t;

    if (!raw_better())
        return;
    memset(topic, 't', sizeof topic);
    topic[255] = '\0';
    raw_shake(&t, way, ZMQ_SUB, 0, "SUB", NULL, "PUB", NULL);
    cr_assert_eq(zmq_setsockopt(t.socket, ZMQ_SUBSCRIBE, topic, 255), 0);
    raw_use_until_it_speaks(&t);
    raw_expect(t.fd, "02 00*6 01 00 01");
    raw_expect_bytes(t.fd, topic, 255);
    raw_end(&t);
}

EACH_WAY(zmtp_pubsub, subscriptions_are_said_again_to_who_comes_back)
{
    struct raw_talk t;

    raw_open(&t, ZMQ_SUB);
    raw_set_text(&t, ZMQ_SUBSCRIBE, "A");
    raw_meet(&t, way);
    for (int minor = 1; minor >= 0; minor--) {
        raw_greet(t.fd, minor);
        raw_expect_ready(t.fd, "SUB", NULL);
        raw_send_ready(t.fd, "XPUB", NULL);
        raw_send(t.fd, "00 02 'A1'");
        raw_zmq_expect(&t, "A1", false);
        raw_expect(t.fd, minor ? "04 0b 09 'SUBSCRIBE' 'A'" : "00 02 01 'A'");
        raw_again(&t);
    }
    raw_end(&t);
}

/* -------- radio and dish: where the library has the draft types -------- */

/* Weak, so that the program can be linked with a library that lacks them. */
extern int zmq_join(void *socket, const char *group) __attribute__((weak));
extern int zmq_leave(void *socket, const char *group) __attribute__((weak));
extern int zmq_msg_set_group(zmq_msg_t *msg, const char *group) __attribute__((weak));
extern const char *zmq_msg_group(zmq_msg_t *msg) __attribute__((weak));

enum { RADIO = 14, DISH = 15 };

static bool has_radio(void)
{
    return zmq_has("draft") && zmq_join && zmq_leave && zmq_msg_set_group && zmq_msg_group;
}

EACH_WAY(zmtp_radio, dish_joins_hears_and_leaves)
{
    struct raw_talk t;
    zmq_msg_t msg;

    if (!has_radio())
        return;
    raw_open(&t, DISH);
    cr_assert_eq(zmq_join(t.socket, "grp"), 0);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect(t.fd, "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'DISH'");
    raw_send_ready(t.fd, "RADIO", NULL);
    raw_use_until_it_speaks(&t);
    raw_expect(t.fd, "04 08 04 4a 4f 49 4e 67 72 70");
    raw_send(t.fd, "01 03 'xyz' 00 02 'no'  01 03 67 72 70  00 02 68 69");
    zmq_msg_init(&msg);
    cr_assert_eq(zmq_msg_recv(&msg, t.socket, 0), 2);
    cr_assert_eq(memcmp(zmq_msg_data(&msg), "hi", 2), 0);
    cr_assert_str_eq(zmq_msg_group(&msg), "grp");
    zmq_msg_close(&msg);
    cr_assert_eq(zmq_leave(t.socket, "grp"), 0);
    raw_expect(t.fd, "04 09 05 4c 45 41 56 45 67 72 70");
    raw_end(&t);
}

EACH_WAY(zmtp_radio, dish_drops_a_peer_that_sends_something_else)
{
    static const char *const wrong[] = {"00 03 'grp'", "01 03 'grp' 01 02 'hi'",
                                        "03 00*6 01 00 'g'*256 00 00"};

    for (size_t i = 0; has_radio() && i < sizeof wrong / sizeof *wrong; i++) {
        struct raw_talk t;

        raw_shake(&t, way, DISH, 1, "DISH", NULL, "RADIO", NULL);
        raw_send(t.fd, wrong[i]);
        raw_expect_end(t.fd);
        raw_end(&t);
    }
}

/* What a RADIO has heard cannot be seen; so it sends until something arrives. */
static void radio_until_heard(struct raw_talk *t)
{
    int64_t until_ms = raw_now_ms() + RAW_DEADLINE_MS;

    do {
        for (int i = 0; i < 2; i++) {
            zmq_msg_t msg;

            cr_assert_eq(zmq_msg_init_size(&msg, 2), 0);
            memcpy(zmq_msg_data(&msg), "hi", 2);
            cr_assert_eq(zmq_msg_set_group(&msg, i ? "grp" : "other"), 0);
            cr_assert_eq(zmq_msg_send(&msg, t->socket, 0), 2);
        }
    } while (!raw_readable(t->fd, 5) && raw_now_ms() < until_ms);
}

EACH_WAY(zmtp_radio, radio_sends_to_who_has_joined)
{
    for (int minor = 0; has_radio() && minor < 2; minor++) {
        struct raw_talk t;

        raw_shake(&t, way, RADIO, minor, "RADIO", NULL, "DISH", NULL);
        raw_send(t.fd, "04 08 04 'JOIN' 'grp'");
        radio_until_heard(&t);
        raw_expect(t.fd, "01 03 'grp' 00 02 'hi'");
        raw_end(&t);
    }
}

/* libzmq ends its own process here. */
EACH_WAY(zmtp_radio, radio_survives_a_group_that_is_too_long)
{
    struct raw_talk t;

    if (!has_radio() || !raw_better())
        return;
    raw_shake(&t, way, RADIO, 1, "RADIO", NULL, "DISH", NULL);
    raw_send(t.fd, "06 00*6 01 05 04 'JOIN' 'g'*256");
    raw_send(t.fd, "06 00*6 02 05 05 'LEAVE' 'g'*511");
    raw_again(&t);
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "RADIO", NULL);
    raw_send_ready(t.fd, "DISH", NULL);
    raw_send(t.fd, "04 08 04 'JOIN' 'grp'");
    radio_until_heard(&t);
    raw_expect(t.fd, "01 03 'grp' 00 02 'hi'");
    raw_end(&t);
}

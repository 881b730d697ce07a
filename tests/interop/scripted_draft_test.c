/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The draft types byte by byte: what goes over the wire, and what a peer that breaks the rules
 * comes to.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/support/rawpeer.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>
#include <zmq.h>

TestSuite(draft_wire, .timeout = 600);

#define NEWER_ONLY()                                                                               \
    do {                                                                                           \
        if (!raw_better())                                                                         \
            cr_skip_test("draft");                                                                 \
    } while (0)

static void expect_given_up(struct raw_talk *t)
{
    raw_expect_end(t->fd);
    if (t->listener >= 0)
        raw_expect_quiet(t->listener, RAW_QUIET_MS);
    raw_end(t);
}

/* ---- groups ---- */

static void expect_group(struct raw_talk *t, const char *group, const char *body)
{
    zmq_msg_t m;

    zmq_msg_init(&m);
    cr_assert_eq(zmq_msg_recv(&m, t->socket, 0), (int)strlen(body));
    cr_expect_eq(memcmp(zmq_msg_data(&m), body, strlen(body)), 0);
    cr_expect_str_eq(zmq_msg_group(&m), group);
    zmq_msg_close(&m);
}

static void send_group(struct raw_talk *t, const char *group, const char *body)
{
    zmq_msg_t m;

    zmq_msg_init_buffer(&m, body, strlen(body));
    zmq_msg_set_group(&m, group);
    cr_assert_eq(zmq_msg_send(&m, t->socket, 0), (int)strlen(body));
}

static void meet_as_dish(struct raw_talk *t, enum raw_way way, int minor)
{
    raw_open(t, ZMQ_DISH);
    cr_assert_eq(zmq_join(t->socket, "a"), 0);
    raw_meet(t, way);
    raw_greet(t->fd, minor);
    raw_send_ready(t->fd, "RADIO", NULL);
    raw_expect_ready(t->fd, "DISH", NULL);
    raw_use_until_it_speaks(t);
    raw_expect(t->fd, "04 06 04 'JOIN' 'a'");
}

EACH_WAY(draft_wire, a_dish_joins_by_command_whatever_the_minor_version)
{
    for (int minor = 0; minor <= 1; minor++) {
        struct raw_talk t;

        NEWER_ONLY();
        meet_as_dish(&t, way, minor);
        raw_send(t.fd, "01 01 'b' 00 02 'no'  01 01 'a' 00 03 'yes'");
        expect_group(&t, "a", "yes");
        cr_assert_eq(zmq_join(t.socket, ""), 0);
        raw_expect(t.fd, "04 05 04 'JOIN'");
        raw_send(t.fd, "01 00 00 01 'n'");
        expect_group(&t, "", "n");
        cr_assert_eq(zmq_leave(t.socket, "a"), 0);
        raw_expect(t.fd, "04 07 05 'LEAVE' 'a'");
        raw_end(&t);
    }
}

EACH_WAY(draft_wire, a_dish_gives_a_radio_up_that_breaks_the_rules)
{
    static const char *const wrong[] = {
        "00 01 'a'",                     /* a group alone */
        "01 01 'a' 01 01 'b' 00 01 'c'", /* a body of two parts */
        "03 00*6 01 00",                 /* a group of 256 bytes: they follow */
        "01 03 'a' 00 'b' 00 01 'c'",    /* with a NUL in it */
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        static const char zeros[256];
        struct raw_talk t;

        NEWER_ONLY();
        meet_as_dish(&t, way, 1);
        raw_send(t.fd, wrong[i]);
        if (strncmp(wrong[i], "03", 2) == 0)
            raw_send_bytes(t.fd, zeros, sizeof zeros);
        expect_given_up(&t);
    }
}

EACH_WAY(draft_wire, a_radio_sends_the_group_before_the_body)
{
    struct raw_talk t;
    static char name[256];

    NEWER_ONLY();
    raw_shake(&t, way, ZMQ_RADIO, 1, "RADIO", NULL, "DISH", NULL);
    memset(name, 'n', 255);
    raw_send(t.fd, "04 0a 09 'SUBSCRIBE'"); /* no word of a DISH's */
    raw_send(t.fd, "00 02 01 'b'");         /* nor a message */
    raw_send(t.fd, "06 00*6 01 05 04 'JOIN'");
    raw_send_bytes(t.fd, name, 255);
    raw_send_bytes(t.fd, "n", 1); /* too long, so dropped */
    raw_send(t.fd, "04 06 04 'JOIN' 'a'  04 09 04 'PING' 00 00 'ok'");
    raw_expect(t.fd, "04 07 04 'PONG' 'ok'");
    do
        send_group(&t, "b", "no");
    while ((send_group(&t, "a", "yes"), !raw_readable(t.fd, 10)));
    raw_expect(t.fd, "01 01 'a' 00 03 'yes'");
    raw_end(&t);
}

/* ---- single parts ---- */

EACH_WAY(draft_wire, a_client_takes_single_parts_only)
{
    struct raw_talk t;

    NEWER_ONLY();
    raw_shake(&t, way, ZMQ_CLIENT, 1, "CLIENT", NULL, "SERVER", NULL);
    raw_send(t.fd, "01 01 'a' 00 01 'b'  00 01 'c'  01 00 01 00 00 00  00 00");
    raw_zmq_expect(&t, "c", false);
    raw_zmq_expect(&t, "", false);
    raw_zmq_send(&t, "question", false);
    raw_expect(t.fd, "00 08 'question'");
    raw_end(&t);
}

EACH_WAY(draft_wire, peers_of_another_kind_are_refused)
{
    static const struct {
        int type;
        const char *peer;
    } wrong[] = {
        {ZMQ_CLIENT, "CLIENT"}, {ZMQ_CLIENT, "ROUTER"}, {ZMQ_SERVER, "DEALER"},
        {ZMQ_PEER, "SERVER"},   {ZMQ_RADIO, "SUB"},     {ZMQ_DISH, "PUB"},
        {ZMQ_SCATTER, "PULL"},  {ZMQ_GATHER, "PUSH"},   {ZMQ_CHANNEL, "PAIR"},
        {ZMQ_ROUTER, "CLIENT"}, {ZMQ_SUB, "RADIO"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct raw_talk t;

        NEWER_ONLY();
        raw_open(&t, wrong[i].type);
        raw_meet(&t, way);
        raw_greet(t.fd, 1);
        raw_send_ready(t.fd, wrong[i].peer, NULL);
        expect_given_up(&t);
    }
}

/* ---- what is told ---- */

EACH_WAY(draft_wire, a_hello_follows_the_handshake)
{
    struct raw_talk t;

    NEWER_ONLY();
    raw_open(&t, ZMQ_SERVER);
    cr_assert_eq(zmq_setsockopt(t.socket, ZMQ_HELLO_MSG, "hi", 2), 0);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect_ready(t.fd, "SERVER", NULL);
    raw_expect_quiet(t.fd, RAW_QUIET_MS);
    raw_send_ready(t.fd, "CLIENT", NULL);
    raw_expect(t.fd, "00 02 'hi'");
    raw_end(&t);
}

EACH_WAY(draft_wire, metadata_is_in_ready)
{
    struct raw_talk t;

    NEWER_ONLY();
    raw_open(&t, ZMQ_PULL);
    cr_assert_eq(zmq_setsockopt(t.socket, ZMQ_METADATA, "X-a:bc", 6), 0);
    raw_meet(&t, way);
    raw_greet(t.fd, 1);
    raw_expect(t.fd, "04 24 05 'READY' 0b 'Socket-Type' 00*3 04 'PULL' 03 'X-a' 00*3 02 'bc'");
    raw_end(&t);
}

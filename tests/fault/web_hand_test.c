/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a thread sends and receives by itself over a WebSocket, as by_hand_test.c and intake_test.c
 * have it over ZMTP: frames, masked where they are to be; but no control frame.
 */
#include "engine/wire/upgrade.h"
#include "tests/fault/hands.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <zmq.h>

TestSuite(web_hand, .timeout = 110);

enum { BOUND, DIALED, SIDES };

/* Who has dialed masks what he says. */
#define EACH_SIDE(name)                                                                            \
    static void name(int side);                                                                    \
    ParameterizedTestParameters(web_hand, name)                                                    \
    {                                                                                              \
        static int sides[] = {BOUND, DIALED};                                                      \
        return cr_make_param_array(int, sides, SIDES);                                             \
    }                                                                                              \
    ParameterizedTest(int *side, web_hand, name)                                                   \
    {                                                                                              \
        name(*side);                                                                               \
    }                                                                                              \
    static void name(int side)

enum {
    WHOLE = 0x82,
    FIRST = 0x02,
    NEXT = 0x00,
    LAST = 0x80,
    CLOSE = 0x88,
    PING = 0x89,
    PONG = 0x8a
};

/* ---- the peer's words ---- */

#define HEADERS "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

static void say_text(struct rig *r, const char *text)
{
    cr_assert_eq(rig_say(r, text, strlen(text), SIZE_MAX), strlen(text));
}

static void ask(struct rig *r)
{
    say_text(r, "GET / HTTP/1.1\r\n" HEADERS "Sec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                "Sec-WebSocket-Protocol: ZWS2.0\r\n\r\n");
}

static void answer(struct rig *r)
{
    static const char field[] = "Sec-WebSocket-Key: ";
    char key[ZU_UPGRADE_KEY_SIZE] = "", accept[ZU_UPGRADE_ACCEPT_SIZE], text[512];
    const uint8_t *at;

    rig_hear_all(r);
    at = memmem(r->said, r->said_size, field, strlen(field));
    cr_assert_not_null(at);
    memcpy(key, at + strlen(field), sizeof key - 1);
    zu_upgrade_accept(accept, key);
    snprintf(text, sizeof text,
             "HTTP/1.1 101 Switching Protocols\r\n" HEADERS
             "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: ZWS2.0\r\n\r\n",
             accept);
    say_text(r, text);
}

/* A frame of the peer's, as he has to send it to this side. Its size. */
static size_t frame(int side, uint8_t *at, uint8_t first, const void *body, size_t size)
{
    static const uint8_t mask[] = {1, 2, 3, 4};
    size_t n = 0;

    at[n++] = first;
    at[n++] = (uint8_t)((side == BOUND ? 0x80 : 0) | (size < 126 ? size : 126));
    if (size >= 126) {
        at[n++] = (uint8_t)(size >> 8);
        at[n++] = (uint8_t)size;
    }
    if (side == BOUND) {
        memcpy(at + n, mask, sizeof mask);
        n += sizeof mask;
    }
    for (size_t i = 0; i < size; i++)
        at[n + i] = ((const uint8_t *)body)[i] ^ (side == BOUND ? mask[i % 4] : 0);
    return n + size;
}

/* It lies there for who receives by hand. */
static void put(struct rig *r, int side, uint8_t first, const char *body, size_t size)
{
    uint8_t bytes[1024];

    scripted_put(r->k, bytes, frame(side, bytes, first, body, size));
}

#define PUT(r, side, first, body) put(r, side, first, body, sizeof body - 1)

static void say(struct rig *r, int side, uint8_t first, const char *body, size_t size)
{
    uint8_t bytes[1024];
    size_t n = frame(side, bytes, first, body, size);

    cr_assert_eq(rig_say(r, bytes, n, SIZE_MAX), n);
}

/* ---- and ours ---- */

/* A DEALER on this side, and a peer without a mechanism, between whom nothing is under way. */
static void meet(struct rig *r, int side, size_t room)
{
    rig_open(r, ZMQ_DEALER);
    rig_set(r, ZMQ_RCVTIMEO, 1);
    scripted_by_hand(r->k, room);
    r->is_web = true;
    if (side == BOUND) {
        rig_bind(r);
        rig_accept(r);
        ask(r);
    } else {
        rig_dial(r);
        rig_connect(r);
        answer(r);
    }
    say(r, side, WHOLE, "\0", 1); /* who he is: nobody in particular */
    rig_hear_all(r);
    rig_settle(r);
    r->said_size = 0;
    scripted_pass(1);
}

/* The same, and who has waited has been left the intake. */
static void meet_and_leave(struct rig *r, int side)
{
    meet(r, side, SIZE_MAX);
    ask_for_intake(r);
}

/* Is that all the bytes are: a frame with this body? It is unmasked. */
static bool is_frame(int side, uint8_t *at, size_t size, uint8_t first, const char *body,
                     size_t body_size)
{
    size_t head = side == BOUND ? 2 : 6;

    if (size != head + body_size || at[0] != first ||
        at[1] != ((side == BOUND ? 0 : 0x80) | body_size))
        return false;
    for (size_t i = 0; side == DIALED && i < body_size; i++)
        at[head + i] ^= at[2 + i % 4];
    return !memcmp(at + head, body, body_size);
}

/* What callers have sent since, is it that? */
static bool went(struct rig *r, int side, const char *body, size_t size)
{
    uint8_t sent[1024];
    size_t n = scripted_sent_by_hand(r->k, sent, sizeof sent);

    return is_frame(side, sent, n, WHOLE, body, size);
}

#define WENT(r, side, body) went(r, side, body, sizeof body - 1)

/* ---- sending ---- */

EACH_SIDE(a_lone_message_needs_no_loop)
{
    struct rig r = {.label = "lone messages"};

    meet(&r, side, SIZE_MAX);
    for (int i = 0; i < 100; i++) { /* more than there are masks at a time */
        send_text(&r, "lone");
        cr_assert(WENT(&r, side, "\0lone"), "%d", i);
        cr_assert_not(is_woken(&r));
        scripted_pass(1);
    }
    rig_end(&r, 0);
}

EACH_SIDE(what_the_session_says_comes_behind_it)
{
    for (size_t room = 1; room < 7; room++) {
        struct rig r = {.label = "a PONG behind a short send"};
        uint8_t bytes[64];
        size_t n, head = side == BOUND ? 2 : 6;

        meet(&r, side, room);
        send_text(&r, "first");
        cr_assert(is_woken(&r));
        cr_assert_eq(n = scripted_sent_by_hand(r.k, bytes, sizeof bytes), room);
        say(&r, side, PING, "who", 3);
        rig_settle(&r);
        rig_hear_all(&r);
        cr_assert_eq(n + r.said_size, head + 6 + head + 3);
        memcpy(bytes + n, r.said, r.said_size);
        cr_assert(is_frame(side, bytes, head + 6, WHOLE, "\0first", 6), "%zu", room);
        cr_assert(is_frame(side, bytes + head + 6, head + 3, PONG, "who", 3), "%zu", room);
        rig_end(&r, 0);
    }
}

/* ---- receiving ---- */

EACH_SIDE(who_waits_receives_by_himself)
{
    struct rig r = {.label = "lone messages"};

    meet_and_leave(&r, side);
    for (int i = 0; i < 100; i++) {
        PUT(&r, side, WHOLE, "\0lone");
        cr_assert(hears(&r, "lone"), "%d", i);
        cr_assert_not(is_woken(&r));
        cr_assert(scripted_watches(r.k));
    }
    rig_end(&r, 0);
}

/* Byte by byte, and each message in one frame or in three. */
EACH_SIDE(a_message_may_come_in_pieces)
{
    uint8_t bytes[256];
    size_t size = frame(side, bytes, FIRST, "\0a sm", 5);

    size += frame(side, bytes + size, NEXT, "", 0);
    size += frame(side, bytes + size, LAST, "all text", 8);
    size += frame(side, bytes + size, WHOLE, "\0another", 8);
    for (size_t cut = 1; cut < size; cut++) {
        struct rig r = {.label = "two messages in two pieces"};
        bool first_is_there;

        meet_and_leave(&r, side);
        scripted_put(r.k, bytes, cut);
        first_is_there = hears(&r, "a small text");
        scripted_put(r.k, bytes + cut, size - cut);
        cr_assert(first_is_there || hears(&r, "a small text"), "%zu", cut);
        cr_assert(hears(&r, "another"), "%zu", cut);
        cr_assert_not(is_woken(&r));
        rig_end(&r, 0);
    }
}

EACH_SIDE(a_large_message_is_received_in_place)
{
    static uint8_t bytes[70000], got[60000];
    struct rig r = {.label = "a large message"};
    static char body[50001];
    size_t size;

    memset(body + 1, 'x', sizeof body - 1);
    size = frame(side, bytes, WHOLE, body, sizeof body);
    meet_and_leave(&r, side);
    scripted_put(r.k, bytes, 100);
    cr_assert(hears(&r, NULL));
    scripted_put(r.k, bytes + 100, size - 100);
    cr_assert_eq(zmq_recv(r.s, got, sizeof got, 0), (int)sizeof body - 1);
    cr_assert_arr_eq(got, body + 1, sizeof body - 1);
    cr_assert_not(is_woken(&r));
    rig_end(&r, 0);
}

EACH_SIDE(a_control_frame_is_the_loops)
{
    for (size_t pieces = 0; pieces < 2; pieces++) {
        struct rig r = {.label = "a PING"};

        meet_and_leave(&r, side);
        PUT(&r, side, WHOLE, "\0before");
        if (pieces)
            PUT(&r, side, FIRST, "\0af");
        PUT(&r, side, PING, "who");
        if (pieces)
            PUT(&r, side, LAST, "ter");
        else
            PUT(&r, side, WHOLE, "\0after");
        cr_assert(hears(&r, "before"));
        cr_assert(is_woken(&r));
        rig_settle(&r);
        rig_hear_all(&r);
        cr_assert(is_frame(side, r.said, r.said_size, PONG, "who", 3));
        cr_assert(hears(&r, "after"));
        rig_settle(&r);
        cr_assert(scripted_watches(r.k)); /* and then it is left again */
        rig_end(&r, 0);
    }
}

/* It is the last word, or should have been. */
EACH_SIDE(so_is_a_close)
{
    for (int more = 0; more < 2; more++) {
        struct rig r = {.label = "a Close"};

        meet_and_leave(&r, side);
        PUT(&r, side, WHOLE, "\0last");
        PUT(&r, side, CLOSE, "\3\350");
        if (more)
            PUT(&r, side, WHOLE, "\0too late");
        cr_assert(hears(&r, "last"));
        cr_assert(is_woken(&r));
        rig_settle(&r);
        cr_assert_not_null(rig_sending(&r));
        if (side == BOUND) /* who has dialed ends it with his last word */
            cr_assert_eq(scripted_pending(r.k, ZU_OP_IDLE, r.fd), 2);
        rig_hear_all(&r);
        cr_assert(is_frame(side, r.said, r.said_size, CLOSE, "\3\350", 2));
        cr_assert(hears(&r, NULL));
        rig_end(&r, 0);
    }
}

EACH_SIDE(who_breaks_the_rules_is_sent_away)
{
    struct rig r = {.label = "masked as only the other may"};
    uint8_t bytes[64];

    meet_and_leave(&r, side);
    PUT(&r, side, WHOLE, "\0last");
    scripted_put(r.k, bytes, frame(!side, bytes, WHOLE, "\0first", 6));
    cr_assert(hears(&r, "last"));
    rig_settle(&r);
    cr_assert(rig_closed(&r));
    rig_end(&r, 0);
}

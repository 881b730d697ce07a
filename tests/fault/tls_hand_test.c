/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a thread sends and receives by itself through the tunnel of TLS, as by_hand_test.c and
 * intake_test.c have it without: records that go in pieces, what is left in the tunnel where no
 * watch sees it, words between records, and ends. In OpenSSL's place is tests/support/sealed.h.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/fault/hands.h"
#include "tests/support/hex.h"
#include "tests/support/sealed.h"
#include "transports/tls_tunnel.h"

#include <criterion/criterion.h>
#include <zmq.h>

TestSuite(tls_hand, .timeout = 110);

static struct sealed_peer peer;
static uint8_t wire[256 * 1024], heard[256 * 1024];
static size_t wire_size, heard_size;
static char reason[64];

/* What was sent, by hand or by the loop, but not both in turn, is taken apart. */
static void hear(struct rig *r)
{
    size_t taken;

    wire_size += scripted_sent_by_hand(r->k, wire + wire_size, sizeof wire - wire_size);
    rig_settle(r);
    rig_hear_all(r);
    rig_settle(r);
    if (r->said_size)
        memcpy(wire + wire_size, r->said, r->said_size);
    wire_size += r->said_size;
    r->said_size = 0;
    taken = sealed_hear(&peer, wire, wire_size, heard, &heard_size);
    memmove(wire, wire + taken, wire_size -= taken);
}

/* What the peer has heard since, is that these bytes? */
static bool has_heard(const char *bytes, size_t size)
{
    bool same = heard_size == size && !memcmp(heard, bytes, size);

    heard_size = 0;
    return same;
}

#define HEARD(bytes) has_heard(bytes, sizeof bytes - 1)

/* To the loop's receive. */
static void say(struct rig *r, enum sealed_kind kind, const void *bytes, size_t size)
{
    static uint8_t record[SEALED_HEAD + SEALED_MAX];
    size_t n = sealed_say(&peer, record, kind, bytes, size);

    cr_assert_eq(rig_say(r, record, n, SIZE_MAX), n);
}

/* To a caller. */
static void put(struct rig *r, enum sealed_kind kind, const void *bytes, size_t size)
{
    static uint8_t record[SEALED_HEAD + SEALED_MAX];
    size_t n = sealed_say(&peer, record, kind, bytes, size);

    scripted_put(r->k, record, n);
}

#define PUT(r, bytes) put(r, SEALED_DATA, bytes, sizeof bytes - 1)

static void note(struct zu_observer *o, const struct zu_event *e)
{
    (void)o;
    if (e->event == ZMQ_EVENT_DISCONNECTED)
        snprintf(reason, sizeof reason, "%s", e->reason ? e->reason : "none");
}

/* A DEALER, or a CLIENT, which threads may share, and a peer between whom nothing is under way. */
static void meet_as(struct rig *r, int type)
{
    const char *words =
        type == ZMQ_CLIENT ? RIG_GREETING RIG_READY_SERVER : RIG_GREETING RIG_READY_DEALER;
    uint8_t hello[256];

    peer = (struct sealed_peer){0};
    wire_size = heard_size = 0;
    reason[0] = '\0';
    rig_open(r, type);
    r->tunnel = &zu_tls_tunnel;
    r->observer.event = note;
    rig_set(r, ZMQ_RCVTIMEO, 1);
    scripted_by_hand(r->k, SIZE_MAX);
    rig_dial(r);
    rig_connect(r);
    hear(r);
    say(r, SEALED_DATA, hello, hex_read(hello, sizeof hello, words));
    hear(r);
    heard_size = 0;
    scripted_pass(1);
}

static void meet(struct rig *r)
{
    meet_as(r, ZMQ_DEALER);
}

/* The same, and the intake is free. */
static void meet_and_leave(struct rig *r)
{
    meet(r);
    ask_for_intake(r);
}

/* ---- sending ---- */

Test(tls_hand, a_lone_message_needs_no_loop)
{
    struct rig r = {.label = "lone messages"};

    meet(&r);
    for (int i = 0; i < 100; i++) {
        send_text(&r, "lone");
        cr_assert_not(is_woken(&r), "%d", i);
        hear(&r);
        cr_assert(HEARD("\0\4lone"), "%d", i);
        scripted_pass(1);
    }
    rig_end(&r, 0);
}

Test(tls_hand, what_the_kernel_does_not_take_of_a_record_goes_first)
{
    for (size_t room = 0; room < SEALED_HEAD + 7; room++) {
        struct rig r = {.label = "a short send"};

        meet(&r);
        scripted_by_hand(r.k, room);
        send_text(&r, "first");
        cr_assert(is_woken(&r));
        send_text(&r, "second");
        hear(&r);
        cr_assert(HEARD("\0\5first\0\6second"), "%zu", room);
        rig_end(&r, 0);
    }
}

/* ---- receiving ---- */

static void receive_by_hand(int type)
{
    struct rig r = {.label = "lone messages"};

    meet_as(&r, type);
    ask_for_intake(&r);
    for (int i = 0; i < 100; i++) {
        PUT(&r, "\0\4lone");
        cr_assert(hears(&r, "lone"), "%d", i);
        cr_assert_not(is_woken(&r));
        cr_assert(scripted_watches(r.k));
    }
    rig_end(&r, 0);
}

Test(tls_hand, who_waits_receives_by_himself)
{
    receive_by_hand(ZMQ_DEALER);
}

Test(tls_hand, who_waits_for_a_joint_socket_receives_by_himself)
{
    receive_by_hand(ZMQ_CLIENT);
}

Test(tls_hand, a_record_may_come_in_pieces)
{
    struct rig r = {.label = "pieces"};
    uint8_t record[64];

    meet_and_leave(&r);
    for (size_t most = 1; most < 8; most++) {
        size_t size = sealed_say(&peer, record, SEALED_DATA, "\0\4lone", 6);

        for (size_t at = 0; at < size; at += most) {
            scripted_put(r.k, record + at, ZU_MIN(most, size - at));
            cr_assert(hears(&r, at + most < size ? NULL : "lone"), "%zu", most);
            cr_assert_not(is_woken(&r));
        }
    }
    rig_end(&r, 0);
}

/* Four messages of a record each fill the room of a receive, which began within the first of them;
 * of the fifth the tunnel has all, and no watch will tell. */
static size_t write_five(uint8_t *to)
{
    static uint8_t frame[SEALED_MAX] = {
        2, 0, 0, 0, 0, 0, 0, (SEALED_MAX - 9) >> 8, (SEALED_MAX - 9) & 0xff};
    size_t size = 0;

    for (int i = 0; i < 4; i++)
        size += sealed_say(&peer, to + size, SEALED_DATA, frame, sizeof frame);
    return size + sealed_say(&peer, to + size, SEALED_DATA, "\0\4last", 6);
}

static void hears_one_of_four(struct rig *r)
{
    cr_assert_eq(zmq_recv(r->s, NULL, 0, 0), SEALED_MAX - 9);
}

Test(tls_hand, what_is_left_in_the_tunnel_is_the_loops)
{
    struct rig r = {.label = "more than there is room for"};
    static uint8_t bytes[5 * (SEALED_HEAD + SEALED_MAX)];
    size_t size;

    meet_and_leave(&r);
    size = write_five(bytes);
    scripted_put(r.k, bytes, SEALED_MAX);
    cr_assert(hears(&r, NULL));
    cr_assert(scripted_watches(r.k));
    scripted_put(r.k, bytes + SEALED_MAX, size - SEALED_MAX);
    hears_one_of_four(&r);
    cr_assert_not(scripted_watches(r.k));
    cr_assert(is_woken(&r));
    rig_settle(&r);
    for (int i = 0; i < 3; i++)
        hears_one_of_four(&r);
    cr_assert(hears(&r, "last"));
    rig_end(&r, 0);
}

Test(tls_hand, with_something_left_in_the_tunnel_the_intake_is_not_left)
{
    struct rig r = {.label = "more, at the loop"};
    static uint8_t bytes[5 * (SEALED_HEAD + SEALED_MAX)];
    size_t size;

    meet_and_leave(&r);
    scripted_see(r.k);
    size = write_five(bytes);
    cr_assert_eq(rig_say(&r, bytes, SEALED_MAX, SIZE_MAX), SEALED_MAX);
    cr_assert_not(scripted_watches(r.k));
    cr_assert_eq(rig_say(&r, bytes + SEALED_MAX, size - SEALED_MAX, SIZE_MAX), size - SEALED_MAX);
    cr_assert(scripted_watches(r.k));
    for (int i = 0; i < 4; i++)
        hears_one_of_four(&r);
    cr_assert(hears(&r, "last"));
    rig_end(&r, 0);
}

Test(tls_hand, a_large_message_is_received_in_place)
{
    enum { SIZE = 100 * 1024 };
    struct rig r = {.label = "a large message"};
    static uint8_t frame[9 + SIZE] = {2, 0, 0, 0, 0, 0, SIZE >> 16, SIZE >> 8 & 0xff, SIZE & 0xff};
    static uint8_t got[SIZE];

    for (size_t i = 0; i < SIZE; i++)
        frame[9 + i] = (uint8_t)(i * 7 + i / 256);
    meet_and_leave(&r);
    for (int times = 0; times < 3; times++) {
        int n = -1;

        for (size_t at = 0; at < sizeof frame; at += SEALED_MAX)
            put(&r, SEALED_DATA, frame + at, ZU_MIN(sizeof frame - at, (size_t)SEALED_MAX));
        for (int i = 0; i < 3 && n < 0;
             i++) /* behind a large one there is room for less at first */
            n = zmq_recv(r.s, got, sizeof got, 0);
        cr_assert_eq(n, SIZE);
        cr_assert_arr_eq(got, frame + 9, SIZE);
        cr_assert_not(is_woken(&r));
        cr_assert(scripted_watches(r.k));
    }
    rig_end(&r, 0);
}

/* The loop's receive was to be cancelled for a caller, and has brought something all the same. */
Test(tls_hand, a_cancel_that_comes_late_loses_nothing)
{
    for (size_t cut = 1; cut <= SEALED_HEAD + 6; cut++) {
        struct rig r = {.label = "a late cancel"};
        uint8_t record[64];
        size_t size;

        meet(&r);
        size = sealed_say(&peer, record, SEALED_DATA, "\0\4more", 6);
        scripted_on_cancel(r.k, SCRIPTED_CANCEL_NOTED);
        cr_assert(hears(&r, NULL));
        rig_settle(&r);
        cr_assert(scripted_cancelled(r.k, rig_receiving(&r)));
        cr_assert_eq(rig_say(&r, record, cut, SIZE_MAX), cut);
        cr_assert(scripted_watches(r.k));
        scripted_put(r.k, record + cut, size - cut);
        cr_assert(hears(&r, "more"), "%zu", cut);
        rig_end(&r, 0);
    }
}

/* ---- words between records, and ends ---- */

Test(tls_hand, who_receives_answers_the_peers_words)
{
    struct rig r = {.label = "a word"};

    meet_and_leave(&r);
    for (unsigned i = 1; i <= 3; i++) {
        put(&r, SEALED_ASK, NULL, 0);
        cr_assert(hears(&r, NULL));
        wire_size += (size_t)recv(r.far, wire + wire_size, sizeof wire - wire_size, MSG_DONTWAIT);
        hear(&r);
        cr_assert_eq(peer.answers, i);
        scripted_pass(1);
        send_text(&r, "lone");
        cr_assert_not(is_woken(&r));
        hear(&r);
        cr_assert(HEARD("\0\4lone"));
    }
    rig_end(&r, 0);
}

/* How it ends is told by the loop, as ever. */
Test(tls_hand, an_end_is_told_as_it_came)
{
    static const struct {
        enum sealed_kind kind;
        const char *reason;
    } ends[] = {{SEALED_END, "none"},
                {SEALED_END + 1, "it is broken"},
                {SEALED_DATA, "the connection ended within TLS"}};

    for (size_t i = 0; i < zu_array_len(ends); i++) {
        for (int apart = 0; apart < 2; apart++) {
            struct rig r = {.label = ends[i].reason};

            meet_and_leave(&r);
            PUT(&r, "\0\4last");
            if (apart)
                cr_assert(hears(&r, "last"));
            if (ends[i].kind == SEALED_DATA)
                scripted_put_end(r.k, 0);
            else
                put(&r, ends[i].kind, NULL, 0);
            cr_assert(hears(&r, apart ? NULL : "last"));
            if (!apart && ends[i].kind == SEALED_DATA)
                cr_assert(hears(&r, NULL));
            cr_assert(is_woken(&r));
            rig_settle(&r);
            cr_assert_str_eq(reason, ends[i].reason);
            rig_end(&r, 0);
        }
    }
}

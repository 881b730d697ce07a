/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation cut into pieces at every byte, coming in and going out: whatever the kernel makes
 * of the stream, the same messages arrive and the same bytes leave. With peers of every version.
 */
#include "tests/fault/stages.h"
#include "tests/support/hex.h"

#include <criterion/criterion.h>
#include <errno.h>

TestSuite(session_bytes, .timeout = 600);

enum { ROOM = 128 * 1024 };

/* What a peer says, from its first byte, and what the socket then receives: "a|bc" is a message of
 * two parts, <300> stands for that many bytes; messages end with a blank. */
struct talk {
    const char *name;
    int type;
    const char *hex;
    const char *received;
    const char
        *answer; /* what the engine sends of "hello", behind all that it said before; or NULL */
};

static const struct talk talks[] = {
    {"3.1", ZMQ_DEALER,
     RIG_GREETING RIG_READY_DEALER
     "00 05 'hello' 01 01 'a' 00 02 'bc' 04 0c 04 'PING' 00 0a 'abcde' 00 00 "
     "02 00 00 00 00 00 00 01 2c 'z'*300 01 00 00 01 'e'",
     "hello a|bc  <300> |e ", "00 05 'hello'"},
    {"3.0", ZMQ_DEALER,
     "ff 00*7 01 7f 03 00 'NULL' 00*16 00*32 " RIG_READY_DEALER
     "00 05 'hello' 01 01 'a' 00 02 'bc' 02 00 00 00 00 00 00 01 2c 'z'*300",
     "hello a|bc <300> ", "00 05 'hello'"},
    {"2.0", ZMQ_DEALER,
     "ff 00*7 01 7f 01 05 00 00 "
     "00 05 'hello' 01 01 'a' 00 02 'bc' 02 00 00 00 00 00 00 01 2c 'z'*300",
     "hello a|bc <300> ", "00 05 'hello'"},
    {"1.0 that looks like more", ZMQ_DEALER,
     "ff 00*7 01 7f 00 05 "
     "01 00 06 00 'hello' 02 01 'a' 03 00 'bc' ff 00 00 00 00 00 00 01 2d 00 'z'*300",
     NULL, NULL},
    {"1.0", ZMQ_DEALER,
     "01 00 06 00 'hello' 02 01 'a' 03 00 'bc' ff 00 00 00 00 00 00 01 2d 00 'z'*300",
     "hello a|bc <300> ", "06 00 'hello'"},
    {"1.0 with an identity", ZMQ_ROUTER, "05 00 'name' 06 00 'hello'", "name|hello ", NULL},
    {"3.1 ROUTER", ZMQ_ROUTER,
     RIG_GREETING
     "04 2a 05 'READY' 0b 'Socket-Type' 00 00 00 06 'DEALER' 08 'Identity' 00 00 00 01 'i'"
     " 01 00 00 05 'hello'",
     "i||hello ", NULL},
    {"3.1 REP", ZMQ_REP,
     RIG_GREETING "04 26 05 'READY' 0b 'Socket-Type' 00 00 00 03 'REQ' 08 'Identity' 00*4"
                  " 01 00 00 05 'hello'",
     "hello ", NULL},
    {"3.1 SUB", ZMQ_XPUB,
     RIG_GREETING "04 19 05 'READY' 0b 'Socket-Type' 00 00 00 03 'SUB' "
                  "04 0d 09 'SUBSCRIBE' 'hel' 04 0d 09 'SUBSCRIBE' 'abc' 04 0a 06 'CANCEL' 'abc'",
     "\1hel \1abc \2abc ", "00 05 'hello'"},
    {"3.0 SUB", ZMQ_XPUB,
     "ff 00*7 01 7f 03 00 'NULL' 00*16 00*32 04 19 05 'READY' 0b 'Socket-Type' 00 00 00 03 'SUB' "
     "00 04 01 'hel' 00 04 01 'abc' 00 04 00 'abc'",
     "\1hel \1abc \2abc ", "00 05 'hello'"},
    {"1.0 SUB", ZMQ_XPUB, "01 00 05 00 01 'hel'", "\1 \1hel ", "06 00 'hello'"},
    {"STREAM", ZMQ_STREAM, "'any bytes'", NULL, NULL},
};

static void add_part(char *text, size_t room, zmq_msg_t *m)
{
    size_t at = strlen(text), size = zmq_msg_size(m);
    const char *data = zmq_msg_data(m);

    if (size > 64) {
        snprintf(text + at, room - at, "<%zu>", size);
        for (size_t i = 1; i < size; i++)
            cr_assert_eq(data[i], data[0], "byte %zu of %zu", i, size);
    } else {
        for (size_t i = 0; i < size; i++) /* a NUL, which text cannot have, reads as 2 */
            text[at + i] = data[i] ? data[i] : '\2';
        text[at + size] = '\0';
    }
    strncat(text, zmq_msg_more(m) ? "|" : " ", room - strlen(text) - 1);
}

static const char *receive_all(struct rig *r)
{
    static char text[1024];
    zmq_msg_t m;

    text[0] = '\0';
    zmq_msg_init(&m);
    while (zmq_msg_recv(&m, r->s, ZMQ_DONTWAIT) >= 0)
        add_part(text, sizeof text, &m);
    RIG_CHECK(r, errno == EAGAIN || errno == EFSM); /* EFSM: a REP that is to reply */
    zmq_msg_close(&m);
    return text;
}

/* Says all of it, in pieces of at most `most`, but for a cut at `cut`. */
static void say_cut(struct rig *r, const uint8_t *bytes, size_t size, size_t cut, size_t most)
{
    RIG_CHECK(r, rig_say(r, bytes, cut, most) == cut);
    rig_hear_all(r);
    RIG_CHECK(r, rig_say(r, bytes + cut, size - cut, most) == size - cut);
    rig_hear_all(r);
}

static void check_answer(struct rig *r, const struct talk *t)
{
    uint8_t expected[64];
    size_t size = hex_read(expected, sizeof expected, t->answer), before = r->said_size;

    RIG_CHECK(r, zmq_send(r->s, "hello", 5, ZMQ_DONTWAIT) == 5);
    rig_hear_all(r);
    RIG_CHECK(r, r->said_size == before + size);
    RIG_CHECK(r, memcmp(r->said + before, expected, size) == 0);
}

static void hold_talk(const struct talk *t, size_t cut, size_t most)
{
    static uint8_t bytes[ROOM];
    size_t size = hex_read(bytes, sizeof bytes, t->hex);
    char label[96];
    struct rig r = {.label = label};
    const char *seen;

    snprintf(label, sizeof label, "%s cut at %zu, pieces of %zu", t->name, cut, most);
    rig_open(&r, t->type);
    rig_bind(&r);
    rig_accept(&r);
    say_cut(&r, bytes, size, ZU_MIN(cut, size), most);
    seen = receive_all(&r);
    cr_assert(!t->received || strcmp(seen, t->received) == 0, "%s:\n  received %s\n  expected %s",
              label, seen, t->received);
    if (t->answer)
        check_answer(&r, t);
    cr_assert(!rig_closed(&r), "%s: the connection ended", label);
    rig_end(&r, 0);
}

Test(session_bytes, what_comes_in_is_the_same_however_it_is_cut)
{
    static uint8_t bytes[ROOM];

    for (size_t i = 0; i < zu_array_len(talks); i++) {
        size_t size = hex_read(bytes, sizeof bytes, talks[i].hex);

        for (size_t cut = 0; cut <= size; cut++)
            hold_talk(&talks[i], cut, SIZE_MAX);
        for (size_t most = 1; most <= 20; most++)
            hold_talk(&talks[i], 0, most);
    }
    rig_leaks(&(struct rig){.label = "cut"});
}

/* The peer ends at every byte: the socket has what was whole, and the connection is gone. */
Test(session_bytes, a_peer_ends_at_every_byte)
{
    static uint8_t bytes[ROOM];

    for (size_t i = 0; i < zu_array_len(talks); i++) {
        size_t size = hex_read(bytes, sizeof bytes, talks[i].hex);

        for (size_t cut = 0; cut <= size; cut++) {
            char label[96];
            struct rig r = {.label = label};

            snprintf(label, sizeof label, "%s ends at %zu", talks[i].name, cut);
            rig_open(&r, talks[i].type);
            rig_bind(&r);
            rig_accept(&r);
            cr_assert_eq(rig_say(&r, bytes, cut, SIZE_MAX), cut);
            rig_hang_up(&r, cut % 2 ? ECONNRESET : 0);
            cr_assert(rig_closed(&r), "%s: still open", label);
            receive_all(&r);
            rig_end(&r, 0);
        }
    }
    rig_leaks(&(struct rig){.label = "ended"});
}

static void add_frame(uint8_t **at, uint8_t flags, size_t size, uint8_t fill)
{
    *(*at)++ = flags | 2;
    for (int shift = 56; shift >= 0; shift -= 8)
        *(*at)++ = (uint8_t)(size >> shift);
    memset(*at, fill, size);
    *at += size;
}

/* Sizes around those at which a body is copied, cut out of a block, or received into in place. */
Test(session_bytes, long_bodies_come_in_whole_however_they_are_cut)
{
    static const size_t pieces[] = {1, 2, 997, 4096, 32768, 65535, 65536};
    static const size_t sizes[] = {8191, 8192, 8193, 32767, 32768, 40000, 65536, 65537, 100000};
    static uint8_t bytes[1024 * 1024];
    uint8_t *at = bytes;
    char expected[256] = "";

    for (size_t i = 0; i < zu_array_len(sizes); i++) {
        add_frame(&at, 0, sizes[i], (uint8_t)('a' + i));
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "<%zu> ",
                 sizes[i]);
    }
    for (size_t i = 0; i < zu_array_len(pieces); i++) {
        struct rig r = {.label = "long bodies"};
        size_t size = (size_t)(at - bytes);

        rig_open(&r, ZMQ_DEALER);
        rig_bind(&r);
        rig_accept(&r);
        stage_greet(&r);
        cr_assert_eq(rig_say(&r, bytes, size, pieces[i]), size);
        cr_assert_str_eq(receive_all(&r), expected);
        rig_end(&r, 0);
    }
    rig_leaks(&(struct rig){.label = "long"});
}

/* The kernel is told how much of a large body it may let gather; not with heartbeats. */
static void expect_expectations(int heartbeat_ivl, const int *expected, size_t count)
{
    static uint8_t bytes[1024 * 1024 + 9 + 3];
    static const size_t ends[] = {0, 4096, 300000, 700000, 900000, 1000000, sizeof bytes};
    struct rig r = {.label = "a large body, in pieces"};
    uint8_t *at = bytes;

    add_frame(&at, 0, 1024 * 1024, 'l');
    memcpy(at, "\0\1x", 3);
    rig_open(&r, ZMQ_DEALER);
    rig_set(&r, ZMQ_HEARTBEAT_IVL, heartbeat_ivl);
    rig_bind(&r);
    rig_accept(&r);
    stage_greet(&r);
    cr_assert_eq(count, zu_array_len(ends) - 1);
    for (size_t i = 0; i < count; i++) {
        size_t size = ends[i + 1] - ends[i];

        cr_assert_eq(rig_say(&r, bytes + ends[i], size, size), size);
        cr_assert_eq(r.expected, expected[i], "after %zu bytes: %d", ends[i + 1], r.expected);
    }
    cr_assert_str_eq(receive_all(&r), "<1048576> x ");
    rig_end(&r, 0);
}

Test(session_bytes, of_a_large_body_much_is_expected_at_once)
{
    const int half = 512 * 1024;

    expect_expectations(0, (int[]){half, half, 1048576 + 9 - 700000, 1048576 + 9 - 900000, 1, 1},
                        6);
}

Test(session_bytes, with_heartbeats_nothing_is_expected)
{
    expect_expectations(100000, (int[]){0, 0, 0, 0, 0, 0}, 6);
}

/* ---- what goes out ---- */

static void write_all_kinds(struct rig *r)
{
    static char large[3][9000];

    for (int i = 0; i < 3; i++)
        memset(large[i], 'p' + i, sizeof large[i]);
    RIG_CHECK(r, zmq_send(r->s, "short", 5, ZMQ_DONTWAIT) == 5);
    RIG_CHECK(r, zmq_send(r->s, "", 0, ZMQ_DONTWAIT | ZMQ_SNDMORE) == 0);
    RIG_CHECK(r, zmq_send(r->s, large[0], 300, ZMQ_DONTWAIT | ZMQ_SNDMORE) == 300);
    RIG_CHECK(r, zmq_send(r->s, large[1], 4097, ZMQ_DONTWAIT | ZMQ_SNDMORE) == 4097);
    RIG_CHECK(r, zmq_send(r->s, "between", 7, ZMQ_DONTWAIT | ZMQ_SNDMORE) == 7);
    RIG_CHECK(r, zmq_send(r->s, large[2], 5000, ZMQ_DONTWAIT) == 5000);
}

/* The kernel takes `cut` bytes, in pieces of at most `most`, and then the rest likewise. */
static void hear_cut(struct rig *r, size_t cut, size_t most)
{
    while (cut > 0) {
        size_t before = r->said_size;

        rig_settle(r);
        RIG_CHECK(r, rig_hear(r, ZU_MIN(cut, most)));
        cut -= r->said_size - before;
    }
    do {
        rig_settle(r);
    } while (rig_hear(r, most));
}

static size_t write_cut(const struct stage_way *w, size_t cut, size_t most, const uint8_t *expected,
                        size_t expected_size, uint8_t *out)
{
    struct rig r = {.label = stage_label(w, STAGE_SENDING, "cut at", (int)cut)};
    size_t size;

    rig_open(&r, ZMQ_DEALER);
    stage_meet(&r, w);
    rig_say_hex(&r, RIG_GREETING RIG_READY_DEALER);
    write_all_kinds(&r);
    hear_cut(&r, cut, most);
    size = r.said_size;
    if (expected)
        cr_assert(size == expected_size && memcmp(r.said, expected, size) == 0, "%s: %zu of %zu",
                  r.label, size, expected_size);
    else
        memcpy(out, r.said, size);
    rig_end(&r, 0);
    return size;
}

/* Every cut of every way; under the address sanitizer, which is slow, the ways share the cuts. */
#ifdef __SANITIZE_ADDRESS__
#define CUT_STEP STAGE_WAYS
#else
#define CUT_STEP 1
#endif

Test(session_bytes, what_goes_out_is_the_same_however_little_the_kernel_takes)
{
    for (size_t w = 0; w < STAGE_WAYS; w++) {
        static uint8_t whole[ROOM];
        size_t size = write_cut(&stage_ways[w], 0, SIZE_MAX, NULL, 0, whole);

        cr_assert_gt(size, 9400 + 64);
        for (size_t cut = 1 + w % CUT_STEP; cut < size; cut += CUT_STEP)
            write_cut(&stage_ways[w], cut, SIZE_MAX, whole, size, NULL);
        for (size_t most = 1; most <= 9; most++)
            write_cut(&stage_ways[w], 0, most, whole, size, NULL);
    }
    rig_leaks(&(struct rig){.label = "short writes"});
}

/* The peer is gone at every byte of what goes out. */
Test(session_bytes, a_send_fails_at_every_byte)
{
    for (size_t cut = 0; cut < 9600; cut += cut < 200 ? 1 : 61) {
        struct rig r = {.label = stage_label(&stage_ways[0], STAGE_SENDING, "reset at", (int)cut)};
        size_t left = cut;

        rig_open(&r, ZMQ_DEALER);
        rig_bind(&r);
        rig_accept(&r);
        rig_say_hex(&r, RIG_GREETING RIG_READY_DEALER);
        write_all_kinds(&r);
        while (left > 0) {
            size_t before = r.said_size;

            rig_settle(&r);
            if (!rig_hear(&r, left))
                break;
            left -= r.said_size - before;
        }
        rig_settle(&r);
        if (rig_sending(&r))
            scripted_complete(r.k, rig_sending(&r), -EPIPE, 0);
        rig_settle(&r);
        rig_hang_up(&r, 0);
        cr_assert(rig_closed(&r), "%s: still open", r.label);
        rig_end(&r, 0);
    }
    rig_leaks(&(struct rig){.label = "reset"});
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wire/greeting.h"

#include "tests/support/hex.h"

#include <criterion/criterion.h>
#include <errno.h>

#define OURS       5 /* the socket type, DEALER */
#define SIGNATURE  "ff 00*7 01 7f "
#define NULL_64    SIGNATURE "03 01 'NULL' 00*16 00*32 "
#define REST_OF_64 "03 01 'NULL' 00*16 00*32 "

/* A greeting under test, what it has said, and what it left of the peer's bytes. */
struct side {
    struct zu_greeting g;
    uint8_t said[256];
    size_t said_size;
    int rc;
    size_t left;
};

static void say(struct side *s, const struct zu_writer *w)
{
    s->said_size = (size_t)(w->at - s->said);
}

static struct zu_writer writer(struct side *s)
{
    return zu_writer_of(s->said + s->said_size, sizeof s->said - s->said_size);
}

static void start(struct side *s, const char *mechanism, size_t routing_id_size)
{
    *s = (struct side){0};
    struct zu_writer w = writer(s);

    zu_greeting_start(&s->g, OURS, mechanism, routing_id_size, &w);
    say(s, &w);
    s->rc = -EAGAIN;
}

static void feed(struct side *s, const uint8_t *bytes, size_t size)
{
    struct zu_reader in = zu_reader_of(bytes, size);
    struct zu_writer w = writer(s);

    s->rc = zu_greeting_feed(&s->g, &in, &w);
    say(s, &w);
    s->left = zu_left(&in);
}

/* All at once. */
static void hear(struct side *s, const char *hex)
{
    uint8_t bytes[256];
    size_t size = hex_read(bytes, sizeof bytes, hex);

    start(s, "NULL", 0);
    feed(s, bytes, size);
}

static void expect_said(const struct side *s, const char *hex)
{
    uint8_t bytes[256];
    size_t size = hex_read(bytes, sizeof bytes, hex);

    cr_assert_eq(s->said_size, size, "said %zu bytes, not %zu", s->said_size, size);
    cr_assert_arr_eq(s->said, bytes, size);
}

static void expect_version(const char *hex, enum zu_zmtp_version version, size_t left)
{
    struct side s;

    hear(&s, hex);
    cr_assert_eq(s.rc, 0, "%s: not over", hex);
    cr_assert_eq(s.g.version, version, "%s: version %d", hex, (int)s.g.version);
    cr_assert_eq(s.left, left, "%s: %zu bytes left", hex, s.left);
}

Test(greeting, begins_with_the_signature_alone)
{
    struct side s;

    start(&s, "NULL", 0);
    expect_said(&s, "ff 00 00 00 00 00 00 00 01 7f");
    start(&s, "NULL", 3);
    expect_said(&s, "ff 00 00 00 00 00 00 00 04 7f");
    start(&s, "CURVE", 255);
    expect_said(&s, "ff 00 00 00 00 00 00 01 00 7f");
}

Test(greeting, says_more_only_when_the_peer_has_said_enough)
{
    struct side s;
    uint8_t peer[64];

    hex_read(peer, sizeof peer, NULL_64);
    start(&s, "NULL", 0);
    feed(&s, peer, 9);
    expect_said(&s, SIGNATURE);
    feed(&s, peer + 9, 1);
    expect_said(&s, SIGNATURE "03");
    feed(&s, peer + 10, 1);
    expect_said(&s, SIGNATURE "03 01 'NULL' 00*16 00*32");
    feed(&s, peer + 11, 52);
    cr_assert_eq(s.rc, -EAGAIN);
    feed(&s, peer + 63, 1);
    cr_assert_eq(s.rc, 0);
    expect_said(&s, SIGNATURE REST_OF_64);
    cr_assert_eq(s.g.sent, 64);
}

Test(greeting, says_its_socket_type_to_revisions_0_and_1)
{
    struct side s;

    hear(&s, SIGNATURE "00");
    cr_assert_eq(s.rc, -EAGAIN);
    expect_said(&s, SIGNATURE "03 05");
    hear(&s, SIGNATURE "01");
    cr_assert_eq(s.rc, -EAGAIN);
    expect_said(&s, SIGNATURE "03 05");
    cr_assert_eq(s.g.sent, 12);
    hear(&s, SIGNATURE "02");
    expect_said(&s, SIGNATURE REST_OF_64);
}

Test(greeting, pads_the_mechanism_with_zeros)
{
    struct side s;
    uint8_t peer[64];

    hex_read(peer, sizeof peer, NULL_64);
    start(&s, "GSSAPI", 0);
    feed(&s, peer, sizeof peer);
    expect_said(&s, SIGNATURE "03 01 'GSSAPI' 00*14 00*32");
    start(&s, "A-NAME-OF-20-LETTERS", 0);
    feed(&s, peer, sizeof peer);
    expect_said(&s, SIGNATURE "03 01 'A-NAME-OF-20-LETTERS' 00*32");
    start(&s, "A-NAME-OF-20-LETTERS-AND-MORE", 0);
    feed(&s, peer, sizeof peer);
    expect_said(&s, SIGNATURE "03 01 'A-NAME-OF-20-LETTERS' 00*32");
}

Test(greeting, decides_the_version_by_major_and_minor)
{
    expect_version(SIGNATURE "00 05", ZU_ZMTP_1_0, 0);
    expect_version(SIGNATURE "01 05", ZU_ZMTP_2_0, 0);
    expect_version(SIGNATURE "02 00 'NULL' 00*48", ZU_ZMTP_3_1, 0);
    expect_version(SIGNATURE "02 01 'NULL' 00*48", ZU_ZMTP_3_1, 0);
    expect_version(SIGNATURE "03 00 'NULL' 00*48", ZU_ZMTP_3_0, 0);
    expect_version(SIGNATURE "03 01 'NULL' 00*48", ZU_ZMTP_3_1, 0);
    expect_version(SIGNATURE "03 02 'NULL' 00*48", ZU_ZMTP_3_1, 0);
    expect_version(SIGNATURE "03 ff 'NULL' 00*48", ZU_ZMTP_3_1, 0);
    expect_version(SIGNATURE "04 00 'NULL' 00*48", ZU_ZMTP_3_1, 0);
    expect_version(SIGNATURE "ff ff 'NULL' 00*48", ZU_ZMTP_3_1, 0);
}

Test(greeting, ignores_the_padding_of_the_signature)
{
    expect_version("ff 12 34 56 78 9a bc de f0 7f 03 00 'NULL' 00*48", ZU_ZMTP_3_0, 0);
    expect_version("ff ff*8 01 01 04", ZU_ZMTP_2_0, 0);
}

Test(greeting, knows_a_bare_peer_by_its_first_byte)
{
    struct side s;

    hear(&s, "01 00 05 00 'topi'");
    cr_assert_eq(s.rc, 0);
    cr_assert_eq(s.g.version, ZU_ZMTP_1_0_BARE);
    cr_assert_eq(s.g.seen_size, 1);
    cr_assert_eq(s.g.seen[0], 1);
    cr_assert_eq(s.left, 7);
    expect_said(&s, SIGNATURE);

    hear(&s, "00");
    cr_assert_eq(s.rc, 0, "an impossible length is for the frame reader to refuse");
    cr_assert_eq(s.g.version, ZU_ZMTP_1_0_BARE);
}

Test(greeting, knows_a_bare_peer_with_a_long_identity)
{
    struct side s;
    uint8_t frame[] = {0xff, 0, 0, 0, 0, 0, 0, 1, 0, 0, 'i', 'd'};

    start(&s, "NULL", 0);
    feed(&s, frame, sizeof frame);
    cr_assert_eq(s.rc, 0);
    cr_assert_eq(s.g.version, ZU_ZMTP_1_0_BARE);
    cr_assert_eq(s.g.seen_size, 10);
    cr_assert_arr_eq(s.g.seen, frame, 10);
    cr_assert_eq(s.left, 2);
    expect_said(&s, SIGNATURE);

    frame[9] = 0x7e; /* even: flags of a frame, however much it looks like a signature */
    start(&s, "NULL", 0);
    feed(&s, frame, sizeof frame);
    cr_assert_eq(s.g.version, ZU_ZMTP_1_0_BARE);
    frame[9] = 0x01; /* odd: a signature */
    start(&s, "NULL", 0);
    feed(&s, frame, 10);
    cr_assert_eq(s.rc, -EAGAIN);
    expect_said(&s, SIGNATURE "03");
}

Test(greeting, hands_over_what_the_peer_said)
{
    struct side s;
    static const char curve[ZU_MECHANISM_SIZE] = "CURVE";
    static const char none[ZU_MECHANISM_SIZE];

    hear(&s, SIGNATURE "03 01 'CURVE' 00*15 01 00*31");
    cr_assert_arr_eq(s.g.peer_mechanism, curve, sizeof curve);
    hear(&s, SIGNATURE "03 00 ff*20 00*32");
    cr_assert_arr_eq(s.g.peer_mechanism,
                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                     20);
    hear(&s, SIGNATURE "01 08");
    cr_assert_eq(s.g.peer_socket_type, 8);
    cr_assert_arr_eq(s.g.peer_mechanism, none, sizeof none);
    hear(&s, SIGNATURE "00 ff");
    cr_assert_eq(s.g.peer_socket_type, 255);
}

Test(greeting, takes_nothing_behind_itself)
{
    expect_version(NULL_64 "04 26 05 'READY'", ZU_ZMTP_3_1, 8);
    expect_version(SIGNATURE "01 05 00 00 00 01 'x'", ZU_ZMTP_2_0, 5);
    expect_version(SIGNATURE "00 05 01 00", ZU_ZMTP_1_0, 2);
}

Test(greeting, asks_again_for_nothing)
{
    struct side s;

    start(&s, "NULL", 0);
    feed(&s, NULL, 0);
    cr_assert_eq(s.rc, -EAGAIN);
    cr_assert_eq(s.g.wanted, 1);
    expect_said(&s, SIGNATURE);
}

/* Cut into two anywhere, and into single bytes, a greeting comes to the same. */
static void expect_cuts_equal(const char *hex)
{
    struct side whole, cut;
    uint8_t bytes[256];
    size_t size = hex_read(bytes, sizeof bytes, hex);

    hear(&whole, hex);
    for (size_t at = 0; at <= size; at++) {
        start(&cut, "NULL", 0);
        feed(&cut, bytes, at);
        cut.left += size - at;
        if (cut.rc == -EAGAIN)
            feed(&cut, bytes + at, size - at);
        cr_assert_eq(memcmp(&cut, &whole, sizeof cut), 0, "%s: differs when cut at %zu", hex, at);
    }
    start(&cut, "NULL", 0);
    for (size_t at = 0; at < size && cut.rc == -EAGAIN; at++) {
        feed(&cut, bytes + at, 1);
        cut.left += size - at - 1;
    }
    cr_assert_eq(memcmp(&cut, &whole, sizeof cut), 0, "%s: differs byte by byte", hex);
}

Test(greeting, is_the_same_however_it_is_cut)
{
    expect_cuts_equal(NULL_64 "04 05 05 'READY'");
    expect_cuts_equal(SIGNATURE "03 00 'PLAIN' 00*15 01 00*31 00");
    expect_cuts_equal(SIGNATURE "02 07 'NULL' 00*48 01");
    expect_cuts_equal(SIGNATURE "01 06 00 03 'abc'");
    expect_cuts_equal(SIGNATURE "00 06 04 00 'abc'");
    expect_cuts_equal("ff 00*6 01 00 00 'long identity'");
    expect_cuts_equal("04 00 'abc' 02 00 'x'");
    expect_cuts_equal("00");
    expect_cuts_equal(SIGNATURE "03 01 'unfinished'");
}

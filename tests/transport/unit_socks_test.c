/* SPDX-License-Identifier: Apache-2.0 */
#include "transports/socks.h"

#include "tests/support/hex.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define REQUEST_NAME "05 01 00 03 0b 'example.org' 15 b3 "
#define REPLY_V4     "05 00 00 01 7f 00 00 01 12 34 "

/* A dialogue, and all that it has said. */
struct side {
    struct zu_socks s;
    uint8_t said[ZU_SOCKS_OUT_MAX];
    struct zu_writer out;
    int started, rc;
};

static void start(struct side *d, const char *host, uint16_t port, const char *user,
                  const char *pass)
{
    memset(d, 0xa5, sizeof *d); /* nothing may be taken for granted about the memory */
    d->out = zu_writer_of(d->said, sizeof d->said);
    d->started = zu_socks_start(&d->s, host, port, user, pass, &d->out);
    d->rc = -EAGAIN;
}

/* Feeds `step` bytes at a time; what is left when the dialogue is over. */
static size_t feed(struct side *d, const char *hex, size_t step)
{
    uint8_t bytes[1024];
    size_t size = hex_read(bytes, sizeof bytes, hex), at = 0;

    while (d->rc == -EAGAIN && at < size) {
        size_t now = ZU_MIN(step, size - at);
        struct zu_reader in = zu_reader_of(bytes + at, now);

        d->rc = zu_socks_feed(&d->s, &in, &d->out);
        if (d->rc == -EAGAIN)
            cr_assert_eq(zu_left(&in), 0, "bytes were left although more are wanted");
        at += now - zu_left(&in);
    }
    return size - at;
}

static void expect_said(const struct side *d, const char *hex)
{
    uint8_t bytes[1024];
    size_t size = hex_read(bytes, sizeof bytes, hex);

    cr_expect_eq((size_t)(d->out.at - d->said), size);
    cr_expect(memcmp(d->said, bytes, size) == 0, "not said: %s", hex);
}

Test(socks, passes_a_name_on_as_it_is)
{
    for (size_t step = 1; step < 16; step++) {
        struct side d;

        start(&d, "example.org", 5555, NULL, NULL);
        cr_assert_eq(d.started, 0);
        expect_said(&d, "05 01 00");
        cr_expect_eq(feed(&d, "05 00" REPLY_V4 "ff 00*8 01 7f", step), 11, "the peer's bytes");
        cr_expect_eq(d.rc, 0);
        expect_said(&d, "05 01 00" REQUEST_NAME);
    }
}

Test(socks, logs_in_when_it_has_a_user)
{
    for (size_t step = 1; step < 16; step++) {
        struct side d;

        start(&d, "example.org", 5555, "me", "secret");
        expect_said(&d, "05 01 02");
        cr_expect_eq(feed(&d, "05 02 01 00" REPLY_V4 "aa", step), 1);
        cr_expect_eq(d.rc, 0);
        expect_said(&d, "05 01 02 01 02 'me' 06 'secret'" REQUEST_NAME);
    }
}

Test(socks, says_nothing_before_it_is_asked)
{
    struct side d;

    start(&d, "example.org", 5555, "me", "");
    feed(&d, "05", 1);
    expect_said(&d, "05 01 02");
    feed(&d, "02", 1);
    expect_said(&d, "05 01 02 01 02 'me' 00");
    feed(&d, "01", 1);
    expect_said(&d, "05 01 02 01 02 'me' 00");
    feed(&d, "00", 1);
    expect_said(&d, "05 01 02 01 02 'me' 00" REQUEST_NAME);
    cr_expect_eq(d.rc, -EAGAIN);
}

Test(socks, goes_by_the_method_that_the_proxy_chose)
{
    struct side d;

    start(&d, "example.org", 5555, "me", "secret");
    feed(&d, "05 00" REPLY_V4, 100);
    cr_expect_eq(d.rc, 0);
    expect_said(&d, "05 01 02" REQUEST_NAME);

    start(&d, "example.org", 5555, "", "ignored");
    feed(&d, "05 02 01 00" REPLY_V4, 100);
    cr_expect_eq(d.rc, 0);
    expect_said(&d, "05 01 00 01 00 07 'ignored'" REQUEST_NAME);
}

Test(socks, writes_addresses_as_numbers)
{
    struct side d;

    start(&d, "127.0.0.1", 5555, NULL, NULL);
    feed(&d, "05 00", 2);
    expect_said(&d, "05 01 00 05 01 00 01 7f 00 00 01 15 b3");

    start(&d, "2001:db8::1", 80, NULL, NULL);
    feed(&d, "05 00", 2);
    expect_said(&d, "05 01 00 05 01 00 04 20 01 0d b8 00*11 01 00 50");
}

Test(socks, takes_the_bound_address_in_every_form)
{
    static const char *const replies[] = {
        "05 00 00 01 00*4 00 00",
        "05 00 00 04 00*16 00 00",
        "05 00 00 03 00 00 00",
        "05 00 00 03 01 'x' 00 00",
        "05 00 00 03 ff 'x'*255 00 00",
        "05 00 ff 01 00*4 00 00", /* the reserved byte is not ours to judge */
    };

    for (size_t i = 0; i < zu_array_len(replies); i++)
        for (size_t step = 1; step < 300; step++) {
            struct side d;

            start(&d, "a", 1, NULL, NULL);
            feed(&d, "05 00", step);
            feed(&d, replies[i], step);
            cr_assert_eq(d.rc, 0, "%s by %zu", replies[i], step);
        }
}

struct bad {
    const char *hex;
    int rc;
};

Test(socks, fails_on_malformed_answers_and_on_refusals)
{
    static const struct bad answers[] = {
        {"04 00", -EPROTO},
        {"'HT'", -EPROTO},
        {"05 ff", -ECONNREFUSED},
        {"05 01", -ECONNREFUSED},
        {"05 02 05 00", -EPROTO},
        {"05 02 01 01", -ECONNREFUSED},
        {"05 00 04 00", -EPROTO},
        {"05 00 05 01", -ECONNREFUSED},
        {"05 00 05 05", -ECONNREFUSED},
        {"05 00 05 ff 00 01", -ECONNREFUSED},
        {"05 00 05 00 00 00 00", -EPROTO},
        {"05 00 05 00 00 02 00", -EPROTO},
    };

    for (size_t i = 0; i < zu_array_len(answers); i++)
        for (size_t step = 1; step < 8; step++) {
            struct side d;

            start(&d, "example.org", 5555, "me", "secret");
            feed(&d, answers[i].hex, step);
            cr_assert_eq(d.rc, answers[i].rc, "%s by %zu: %d", answers[i].hex, step, d.rc);
            d.rc = -EAGAIN;
            feed(&d, "05 00" REPLY_V4, 100);
            cr_assert_eq(d.rc, -EPROTO, "went on after %s", answers[i].hex);
        }
}

Test(socks, does_not_start_towards_nowhere)
{
    char text[257];
    struct side d;

    memset(text, 'x', sizeof text);
    text[256] = '\0';
    start(&d, "a", 0, NULL, NULL);
    cr_expect_eq(d.started, -EINVAL);
    expect_said(&d, "");
    feed(&d, "05 00", 2);
    cr_expect_eq(d.rc, -EPROTO);
    start(&d, "", 1, NULL, NULL);
    cr_expect_eq(d.started, -EINVAL);
    start(&d, text, 1, NULL, NULL);
    cr_expect_eq(d.started, -EINVAL);
    start(&d, "a", 1, text, "");
    cr_expect_eq(d.started, -EINVAL);
    start(&d, "a", 1, "me", text);
    cr_expect_eq(d.started, -EINVAL);
}

Test(socks, never_says_more_than_it_promised)
{
    char text[256];
    struct side d;

    memset(text, 'x', sizeof text);
    text[255] = '\0';
    start(&d, text, 1, text, text);
    cr_assert_eq(d.started, 0);
    feed(&d, "05 02 01 00" REPLY_V4, 100);
    cr_expect_eq(d.rc, 0);
    cr_expect_eq(d.out.at - d.said, 3 + 513 + 262);

    start(&d, text, 1, text, text);
    d.out.end = d.out.at + 100;
    feed(&d, "05 02", 2);
    cr_expect_eq(d.rc, -EPROTO, "no room, and no word about it");
}

/* Whatever a proxy says in its first six bytes: it ends or waits, and never takes too much. */
Test(socks, survives_all_kinds_of_answers)
{
    static const uint8_t values[] = {0, 1, 2, 3, 4, 5, 0xff};
    size_t base = sizeof values;

    for (size_t n = 0; n < base * base * base * base * base * base; n++) {
        uint8_t bytes[6];
        struct side d;
        struct zu_reader in;
        size_t rest = n;

        for (size_t i = 0; i < sizeof bytes; i++, rest /= base)
            bytes[i] = values[rest % base];
        start(&d, "a", 1, NULL, NULL);
        in = zu_reader_of(bytes, sizeof bytes);
        d.rc = zu_socks_feed(&d.s, &in, &d.out);
        cr_assert(d.rc == -EAGAIN || d.rc == -EPROTO || d.rc == -ECONNREFUSED);
        cr_assert(in.at <= in.end && d.out.at <= d.out.end);
    }
}

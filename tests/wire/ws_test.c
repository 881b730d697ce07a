/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wire/ws.h"

#include "tests/support/hex.h"

#include <criterion/criterion.h>
#include <errno.h>

static int read_hex(const char *hex, struct zu_ws_head *h, size_t *left)
{
    uint8_t bytes[64], *copy;
    size_t size = hex_read(bytes, sizeof bytes, hex);
    int rc;

    copy = malloc(size ? size : 1); /* so that a sanitizer sees a look past its end */
    cr_assert_not_null(copy);
    memcpy(copy, bytes, size);
    struct zu_reader in = zu_reader_of(copy, size);

    rc = zu_ws_read(&in, h);
    *left = zu_left(&in);
    cr_assert(rc == 0 || *left == size, "%s: moved", hex);
    free(copy);
    return rc;
}

static void expect(const char *hex, uint64_t size, enum zu_ws_opcode opcode, bool last, bool masked)
{
    struct zu_ws_head h;
    size_t left;

    cr_assert_eq(read_hex(hex, &h, &left), 0, "%s", hex);
    cr_assert_eq(h.size, size, "%s: %llu", hex, (unsigned long long)h.size);
    cr_assert(h.opcode == opcode && h.last == last && h.masked == masked, "%s", hex);
    cr_assert_eq(left, 0, "%s: %zu left", hex, left);
}

static void expect_refused(const char *hex, int rc)
{
    struct zu_ws_head h = {.size = 77, .opcode = 99};
    size_t left;

    cr_assert_eq(read_hex(hex, &h, &left), rc, "%s", hex);
    cr_assert(h.size == 77 && h.opcode == 99, "%s: wrote", hex);
}

Test(ws, reads_sizes_of_each_form)
{
    expect("82 00", 0, ZU_WS_BINARY, true, false);
    expect("82 7d", 125, ZU_WS_BINARY, true, false);
    expect("82 7e 00 7e", 126, ZU_WS_BINARY, true, false);
    expect("82 7e ff ff", 65535, ZU_WS_BINARY, true, false);
    expect("82 7f 00*5 01 00 00", 65536, ZU_WS_BINARY, true, false);
    expect("82 7f 7f ff*7", INT64_MAX, ZU_WS_BINARY, true, false);
}

Test(ws, reads_masks_pieces_and_control_frames)
{
    expect("82 81 01 02 03 04", 1, ZU_WS_BINARY, true, true);
    expect("82 fe 01 00 01 02 03 04", 256, ZU_WS_BINARY, true, true);
    expect("02 05", 5, ZU_WS_BINARY, false, false);
    expect("00 00", 0, ZU_WS_MORE, false, false);
    expect("80 05", 5, ZU_WS_MORE, true, false);
    expect("88 02", 2, ZU_WS_CLOSE, true, false);
    expect("89 7d", 125, ZU_WS_PING, true, false);
    expect("8a 80 01 02 03 04", 0, ZU_WS_PONG, true, true);
}

Test(ws, refuses_what_nobody_may_send)
{
    expect_refused("c2 00", -EPROTO); /* reserved bits: extensions, and we have agreed */
    expect_refused("a2 00", -EPROTO); /* to none */
    expect_refused("92 00", -EPROTO);
    expect_refused("81 00", -EPROTO); /* text */
    expect_refused("83 00", -EPROTO); /* opcodes that mean nothing */
    expect_refused("8b 00", -EPROTO);
    expect_refused("8f 00", -EPROTO);
    expect_refused("09 00", -EPROTO);       /* a control frame in pieces, */
    expect_refused("88 7e 00 7e", -EPROTO); /* or a large one */
    expect_refused("89 7f 00*8", -EPROTO);
    expect_refused("82 7e 00 7d", -EPROTO); /* sizes that have a shorter form */
    expect_refused("82 7f 00*6 ff ff", -EPROTO);
    expect_refused("82 7f 80 00*7", -EPROTO); /* or are none */
}

Test(ws, waits_for_the_rest_of_a_header)
{
    static const char *const all[] = {"82 00", "82 fe 01 00 01 02 03 04",
                                      "82 ff 00 00 00 00 00 01 00 00 01 02 03 04"};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t n = 0; n < strlen(all[i]); n += 3) {
            char part[64];

            snprintf(part, sizeof part, "%.*s", (int)n, all[i]);
            expect_refused(part, -EAGAIN);
        }
}

Test(ws, writes_what_it_reads)
{
    static const uint64_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 1ULL << 32U, INT64_MAX};

    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        uint8_t bytes[ZU_WS_HEADER_MAX];
        struct zu_ws_head h = {.size = sizes[i / 2], .opcode = ZU_WS_BINARY, .last = true}, again;

        h.masked = i & 1;
        if (h.masked)
            memcpy(h.mask, "\1\2\3\4", 4);
        struct zu_reader in = zu_reader_of(bytes, zu_ws_write(bytes, &h));

        cr_assert_eq(zu_ws_read(&in, &again), 0);
        cr_assert(zu_left(&in) == 0 && again.size == h.size && again.masked == h.masked &&
                  again.last && again.opcode == h.opcode && !memcmp(again.mask, h.mask, 4));
    }
}

/* RFC 6455, 5.7; and in pieces of any size it is the same. */
Test(ws, masks_from_any_place)
{
    static const uint8_t mask[] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t hello[] = "Hello", masked[] = {0x7f, 0x9f, 0x4d, 0x51, 0x58};
    uint8_t whole[100], cut[100];

    zu_ws_mask(hello, 5, mask, 0);
    cr_assert_arr_eq(hello, masked, 5);
    for (size_t at = 0; at < sizeof whole; at++)
        whole[at] = cut[at] = (uint8_t)(at * 7);
    zu_ws_mask(whole, sizeof whole, mask, 0);
    for (size_t at = 0, n = 1; at < sizeof cut; at += n, n = 1 + (n * 5) % 17) {
        n = n < sizeof cut - at ? n : sizeof cut - at;
        zu_ws_mask(cut + at, n, mask, at);
    }
    cr_assert_arr_eq(whole, cut, sizeof whole);
    for (size_t at = 0; at < sizeof whole; at++)
        cr_assert_eq(whole[at], (uint8_t)(at * 7) ^ mask[at % 4]);
}

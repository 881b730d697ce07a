/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wire/frame.h"

#include "tests/support/hex.h"

#include <criterion/criterion.h>
#include <errno.h>

typedef int reader_fn(struct zu_reader *in, struct zu_frame *f);

static const uint64_t sizes[] = {0,     1,          2,           127,        128,      252,
                                 253,   254,        255,         256,        257,      65535,
                                 65536, UINT32_MAX, 1ULL << 32U, 1ULL << 40, INT64_MAX};

/* Reads one header from all of `hex`; asserts what it is and that only the body is left. */
static void expect_frame(reader_fn *read, const char *hex, uint64_t size, uint8_t flags,
                         size_t left)
{
    uint8_t bytes[64];
    struct zu_reader in = zu_reader_of(bytes, hex_read(bytes, sizeof bytes, hex));
    struct zu_frame f;

    cr_assert_eq(read(&in, &f), 0, "%s", hex);
    cr_assert_eq(f.size, size, "%s: size %llu", hex, (unsigned long long)f.size);
    cr_assert_eq(f.flags, flags, "%s: flags %d", hex, f.flags);
    cr_assert_eq(zu_left(&in), left, "%s: %zu left", hex, zu_left(&in));
}

/* Answers rc, takes nothing and writes nothing. */
static void expect_refused(reader_fn *read, const char *hex, int rc)
{
    uint8_t bytes[64];
    struct zu_reader in = zu_reader_of(bytes, hex_read(bytes, sizeof bytes, hex));
    struct zu_frame f = {77, 99};
    int got = read(&in, &f);

    cr_assert_eq(got, rc, "%s: %d", hex, got);
    cr_assert_eq(in.at, bytes, "%s: moved", hex);
    cr_assert(f.size == 77 && f.flags == 99, "%s: wrote", hex);
}

/* Every shorter beginning of a good header asks for more. */
static void expect_beginnings_unfinished(reader_fn *read, const uint8_t *header, size_t size)
{
    for (size_t n = 0; n < size; n++) {
        uint8_t *copy = malloc(n + 1); /* so that a sanitizer sees a look past its end */
        struct zu_reader in = zu_reader_of(copy, n);
        struct zu_frame f;

        memcpy(copy, header, n);
        cr_assert_eq(read(&in, &f), -EAGAIN);
        cr_assert_eq(in.at, copy);
        free(copy);
    }
}

Test(frame_v2, reads_short_and_long)
{
    expect_frame(zu_frame_read_v2, "00 00", 0, 0, 0);
    expect_frame(zu_frame_read_v2, "00 02 'Hi'", 2, 0, 2);
    expect_frame(zu_frame_read_v2, "01 00", 0, ZU_FRAME_MORE, 0);
    expect_frame(zu_frame_read_v2, "00 ff", 255, 0, 0);
    expect_frame(zu_frame_read_v2, "04 26 05 'READY'", 38, ZU_FRAME_COMMAND, 6);
    expect_frame(zu_frame_read_v2, "02 00*6 01 00 'a'", 256, 0, 1);
    expect_frame(zu_frame_read_v2, "03 00*6 01 01", 257, ZU_FRAME_MORE, 0);
    expect_frame(zu_frame_read_v2, "06 00*6 01 24", 292, ZU_FRAME_COMMAND, 0);
    expect_frame(zu_frame_read_v2, "02 01 02 03 04 05 06 07 08", 0x0102030405060708, 0, 0);
}

Test(frame_v2, accepts_the_long_form_of_any_length)
{
    expect_frame(zu_frame_read_v2, "02 00*8", 0, 0, 0);
    expect_frame(zu_frame_read_v2, "03 00*7 01 'x'", 1, ZU_FRAME_MORE, 1);
    expect_frame(zu_frame_read_v2, "06 00*7 ff", 255, ZU_FRAME_COMMAND, 0);
}

Test(frame_v2, ignores_reserved_bits)
{
    expect_frame(zu_frame_read_v2, "f8 01 'x'", 1, 0, 1);
    expect_frame(zu_frame_read_v2, "fd 01", 1, ZU_FRAME_MORE | ZU_FRAME_COMMAND, 0);
    expect_frame(zu_frame_read_v2, "fa 00*7 05", 5, 0, 0);
    expect_frame(zu_frame_read_v2, "80 00", 0, 0, 0);
}

Test(frame_v2, refuses_what_no_signed_size_can_hold)
{
    expect_frame(zu_frame_read_v2, "02 7f ff*7", INT64_MAX, 0, 0);
    expect_refused(zu_frame_read_v2, "02 80 00*7", -EPROTO);
    expect_refused(zu_frame_read_v2, "02 ff*8", -EPROTO);
    expect_refused(zu_frame_read_v2, "02 ff*8 00*8", -EPROTO);
}

Test(frame_v2, waits_for_the_whole_header)
{
    expect_refused(zu_frame_read_v2, "", -EAGAIN);
    expect_refused(zu_frame_read_v2, "00", -EAGAIN);
    expect_refused(zu_frame_read_v2, "02", -EAGAIN);
    expect_refused(zu_frame_read_v2, "02 80 00*6", -EAGAIN);
}

Test(frame_v2, writes_what_it_reads)
{
    for (size_t i = 0; i < zu_array_len(sizes); i++)
        for (unsigned bits = 0; bits < 4; bits++) {
            uint8_t flags = (uint8_t)((bits & 1) | (bits & 2) << 1); /* MORE, COMMAND */
            uint8_t header[ZU_FRAME_HEADER_MAX];
            size_t n = zu_frame_write_v2(header, sizes[i], flags);
            struct zu_reader in = zu_reader_of(header, n);
            struct zu_frame f;

            cr_assert_eq(n, sizes[i] <= 255 ? 2 : 9);
            cr_assert_eq(zu_frame_read_v2(&in, &f), 0);
            cr_assert_eq(f.size, sizes[i]);
            cr_assert_eq(f.flags, flags);
            cr_assert_eq(zu_left(&in), 0);
            expect_beginnings_unfinished(zu_frame_read_v2, header, n);
        }
}

Test(frame_v2, writes_the_shortest_form)
{
    uint8_t h[ZU_FRAME_HEADER_MAX];

    cr_assert_eq(zu_frame_write_v2(h, 255, ZU_FRAME_MORE), 2);
    cr_assert_arr_eq(h, "\x01\xff", 2);
    cr_assert_eq(zu_frame_write_v2(h, 256, ZU_FRAME_COMMAND), 9);
    cr_assert_arr_eq(h, "\x06\0\0\0\0\0\0\x01\0", 9);
}

Test(frame_v1, reads_short_and_long)
{
    expect_frame(zu_frame_read_v1, "01 00", 0, 0, 0);
    expect_frame(zu_frame_read_v1, "07 00 01 'topic'", 6, 0, 6);
    expect_frame(zu_frame_read_v1, "01 01", 0, ZU_FRAME_MORE, 0);
    expect_frame(zu_frame_read_v1, "fe 00", 253, 0, 0);
    expect_frame(zu_frame_read_v1, "ff 00*7 ff 00 'a'", 254, 0, 1);
    expect_frame(zu_frame_read_v1, "ff 00*6 01 00 01", 255, ZU_FRAME_MORE, 0);
    expect_frame(zu_frame_read_v1, "ff 00*7 01 00", 0, 0, 0);
}

Test(frame_v1, ignores_all_flags_but_more)
{
    expect_frame(zu_frame_read_v1, "02 fe 'x'", 1, 0, 1);
    expect_frame(zu_frame_read_v1, "02 ff 'x'", 1, ZU_FRAME_MORE, 1);
    expect_frame(zu_frame_read_v1, "ff 00*7 02 7f", 1, ZU_FRAME_MORE, 0);
}

Test(frame_v1, refuses_a_length_without_room_for_flags)
{
    expect_refused(zu_frame_read_v1, "00", -EPROTO);
    expect_refused(zu_frame_read_v1, "00 00", -EPROTO);
    expect_refused(zu_frame_read_v1, "ff 00*8", -EPROTO);
    expect_refused(zu_frame_read_v1, "ff 00*8 00", -EPROTO);
}

Test(frame_v1, refuses_what_no_signed_size_can_hold)
{
    expect_frame(zu_frame_read_v1, "ff 80 00*7 00", INT64_MAX, 0, 0);
    expect_refused(zu_frame_read_v1, "ff 80 00*6 01 00", -EPROTO);
    expect_refused(zu_frame_read_v1, "ff ff*8 00", -EPROTO);
}

Test(frame_v1, waits_for_the_whole_header)
{
    expect_refused(zu_frame_read_v1, "", -EAGAIN);
    expect_refused(zu_frame_read_v1, "01", -EAGAIN);
    expect_refused(zu_frame_read_v1, "ff ff*7", -EAGAIN);
    expect_refused(zu_frame_read_v1, "ff 00*7 01", -EAGAIN);
}

Test(frame_v1, writes_what_it_reads)
{
    for (size_t i = 0; i < zu_array_len(sizes); i++)
        for (int more = 0; more < 2; more++) {
            uint8_t header[ZU_FRAME_HEADER_MAX];
            size_t n = zu_frame_write_v1(header, sizes[i], more);
            struct zu_reader in = zu_reader_of(header, n);
            struct zu_frame f;

            cr_assert_eq(n, sizes[i] <= 253 ? 2 : 10);
            cr_assert_eq(zu_frame_read_v1(&in, &f), 0);
            cr_assert_eq(f.size, sizes[i]);
            cr_assert_eq(f.flags, more);
            cr_assert_eq(zu_left(&in), 0);
            expect_beginnings_unfinished(zu_frame_read_v1, header, n);
        }
}

Test(frame_v1, writes_the_shortest_form)
{
    uint8_t h[ZU_FRAME_HEADER_MAX];

    cr_assert_eq(zu_frame_write_v1(h, 253, true), 2);
    cr_assert_arr_eq(h, "\xfe\x01", 2);
    cr_assert_eq(zu_frame_write_v1(h, 254, false), 10);
    cr_assert_arr_eq(h, "\xff\0\0\0\0\0\0\0\xff\0", 10);
}

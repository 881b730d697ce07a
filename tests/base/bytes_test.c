/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/bytes.h"

#include <criterion/criterion.h>

Test(bytes, reads_numbers_most_significant_first)
{
    static const uint8_t in[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct zu_reader r = zu_reader_of(in, sizeof in);
    uint64_t v;
    uint8_t u;

    cr_assert(zu_read_u8(&r, &u) && u == 1);
    cr_assert(zu_read_be(&r, &v, 2) && v == 0x0203);
    cr_assert(zu_read_be(&r, &v, 1) && v == 4);
    cr_assert_eq(zu_left(&r), 5);
    r = zu_reader_of(in, sizeof in);
    cr_assert(zu_read_be(&r, &v, 8) && v == 0x0102030405060708);
}

Test(bytes, reads_nothing_past_the_end)
{
    static const uint8_t in[] = {1, 2, 3};
    struct zu_reader r = zu_reader_of(in, sizeof in);
    const uint8_t *p = NULL;
    uint64_t v = 77;
    uint8_t u = 77;

    cr_assert_not(zu_read_be(&r, &v, 4));
    cr_assert_not(zu_read_bytes(&r, &p, 4));
    cr_assert_not(zu_read_bytes(&r, &p, SIZE_MAX));
    cr_assert(v == 77 && p == NULL && zu_left(&r) == 3);
    cr_assert(zu_read_bytes(&r, &p, 3) && p == in);
    cr_assert_not(zu_read_u8(&r, &u));
    cr_assert(zu_read_bytes(&r, &p, 0));
    cr_assert_eq(u, 77);
}

Test(bytes, writes_what_it_reads)
{
    uint8_t out[12];
    struct zu_writer w = zu_writer_of(out, sizeof out);
    struct zu_reader r = zu_reader_of(out, sizeof out);
    const uint8_t *p;
    uint64_t v;
    uint8_t u;

    cr_assert(zu_write_u8(&w, 0xfe));
    cr_assert(zu_write_be(&w, 0xfedcba9876543210, 8));
    cr_assert(zu_write_bytes(&w, "abc", 3));
    cr_assert_eq(zu_room(&w), 0);
    cr_assert(zu_read_u8(&r, &u) && u == 0xfe);
    cr_assert(zu_read_be(&r, &v, 8) && v == 0xfedcba9876543210);
    cr_assert(zu_read_bytes(&r, &p, 3) && memcmp(p, "abc", 3) == 0);
}

Test(bytes, writes_nothing_past_the_end)
{
    uint8_t out[4] = {9, 9, 9, 9};
    struct zu_writer w = zu_writer_of(out, 3);

    cr_assert_not(zu_write_be(&w, 1, 4));
    cr_assert_not(zu_write_bytes(&w, "abcd", 4));
    cr_assert(zu_write_bytes(&w, NULL, 0));
    cr_assert_eq(zu_room(&w), 3);
    cr_assert_eq(out[0], 9);
    cr_assert(zu_write_be(&w, 0, 3));
    cr_assert_not(zu_write_u8(&w, 0));
    cr_assert_eq(out[3], 9);
}

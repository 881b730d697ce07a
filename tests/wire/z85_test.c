/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/z85.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(z85, knows_the_rfcs_vector)
{
    static const uint8_t bytes[] = {0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B};
    char text[11];
    uint8_t back[8];

    cr_assert_eq(zu_z85_encode(text, bytes, sizeof bytes), 0);
    cr_assert_str_eq(text, "HelloWorld");
    cr_assert_eq(zu_z85_decode(back, text), 0);
    cr_assert_arr_eq(back, bytes, sizeof bytes);
}

Test(z85, knows_the_ends_of_a_group)
{
    static const uint8_t ends[] = {0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 84, 0, 0, 0, 85};
    char text[21];
    uint8_t back[16];

    cr_assert_eq(zu_z85_encode(text, ends, sizeof ends), 0);
    cr_assert_str_eq(text, "00000%nSc00000#00010");
    cr_assert_eq(zu_z85_decode(back, text), 0);
    cr_assert_arr_eq(back, ends, sizeof ends);
}

Test(z85, of_nothing_is_nothing)
{
    char text[1] = {'x'};

    cr_assert_eq(zu_z85_encode(text, NULL, 0), 0);
    cr_assert_eq(text[0], '\0');
}

Test(z85, encodes_multiples_of_4_only)
{
    static const uint8_t bytes[8];
    char text[16] = "untouched";

    for (size_t n = 1; n < 8; n++)
        if (n != 4)
            cr_assert_eq(zu_z85_encode(text, bytes, n), -EINVAL);
    cr_assert_str_eq(text, "untouched");
}

Test(z85, decodes_multiples_of_5_only)
{
    uint8_t out[16];
    char text[12] = "";

    for (size_t n = 0; n < sizeof text; n++) {
        cr_assert_eq(zu_z85_decode(out, text), n == 5 || n == 10 ? 0 : -EINVAL, "%zu", n);
        text[n] = n < sizeof text - 1 ? '0' : '\0';
    }
}

Test(z85, refuses_a_group_above_32_bits)
{
    uint8_t out[4] = {1, 2, 3, 4};

    cr_assert_eq(zu_z85_decode(out, "%nSc0"), 0, "2^32 - 1");
    memcpy(out, "\1\2\3\4", 4);
    cr_assert_eq(zu_z85_decode(out, "%nSc1"), -EINVAL, "2^32");
    cr_assert_eq(zu_z85_decode(out, "#####"), -EINVAL, "85^5 - 1");
    cr_assert_arr_eq(out, "\1\2\3\4", 4);
}

Test(z85, refuses_every_other_character_in_every_place)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    uint8_t out[8] = "untouch";

    for (int place = 0; place < 10; place++)
        for (int c = 1; c < 256; c++) {
            char text[] = "0000000000";
            bool digit = strchr(digits, c);
            /* A first digit of more than 82 makes the group too large by itself. */
            bool fits = place % 5 != 0 || !strchr("$#", c);

            text[place] = (char)c;
            cr_assert_eq(zu_z85_decode(out, text), digit && fits ? 0 : -EINVAL, "%d at %d", c,
                         place);
        }
}

Test(z85, writes_nothing_when_a_later_group_is_wrong)
{
    uint8_t out[8] = "untouch";

    cr_assert_eq(zu_z85_decode(out, "Hello#####"), -EINVAL);
    cr_assert_eq(zu_z85_decode(out, "HelloWor d"), -EINVAL);
    cr_assert_str_eq((char *)out, "untouch");
}

Test(z85, comes_back_as_it_went)
{
    uint8_t bytes[256], back[256];
    char text[321];
    uint32_t x = 1;

    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
        cr_assert_eq(zu_z85_encode(text, bytes, sizeof bytes), 0);
        cr_assert_eq(strlen(text), 320);
        cr_assert_eq(zu_z85_decode(back, text), 0);
        cr_assert_arr_eq(back, bytes, sizeof bytes);
    }
}

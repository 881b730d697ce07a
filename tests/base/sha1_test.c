/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/sha1.h"

#include "tests/support/hex.h"

#include <criterion/criterion.h>

static void expect_digest(const char *text, const char *hex)
{
    uint8_t digest[ZU_SHA1_SIZE], expected[ZU_SHA1_SIZE];

    zu_sha1(digest, text, strlen(text));
    cr_assert_eq(hex_read(expected, sizeof expected, hex), sizeof expected);
    cr_assert_arr_eq(digest, expected, sizeof expected, "of \"%s\"", text);
}

/* The examples of FIPS 180, and of RFC 6455. */
Test(sha1, gives_the_known_digests)
{
    expect_digest("", "da39a3ee 5e6b4b0d 3255bfef 95601890 afd80709");
    expect_digest("abc", "a9993e36 4706816a ba3e2571 7850c26c 9cd0d89d");
    expect_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                  "84983e44 1c3bd26e baae4aa1 f95129e5 e54670f1");
    expect_digest("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
                  "b37a4f2c c0624f16 90f64606 cf385945 b2bec4ea");
}

/* Around the ends of blocks, where the padding goes into one more: against digests of coreutils. */
Test(sha1, pads_every_length_in_its_own_way)
{
    static const struct {
        size_t size;
        const char *digest;
    } all[] = {
        {55, "c1c8bbdc 22796e28 c0e15163 d20899b6 5621d65a"},
        {56, "c2db330f 6083854c 99d4b5bf b6e8f29f 201be699"},
        {63, "03f09f5b 158a7a8c dad920bd dc29b81c 18a551f5"},
        {64, "0098ba82 4b5c1642 7bd7a112 2a5a442a 25ec644d"},
        {119, "ee971065 aaa017e0 632a8ca6 c77bb3bf 8b1dfc56"},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char text[ZU_SHA1_INPUT_MAX + 1] = "";

        memset(text, 'a', all[i].size);
        expect_digest(text, all[i].digest);
    }
}

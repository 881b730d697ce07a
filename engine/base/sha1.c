/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FIPS 180-4, 6.1, for short inputs: the message is padded on the stack.
 */
#include "engine/base/sha1.h"

#include "engine/base/bytes.h"

enum { BLOCK = 64, WORDS = 80 };

static uint32_t turn(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

static uint32_t mix_of(size_t round, uint32_t b, uint32_t c, uint32_t d)
{
    switch (round / 20) {
    case 0: return ((b & c) | (~b & d)) + 0x5a827999u;
    case 1: return (b ^ c ^ d) + 0x6ed9eba1u;
    case 2: return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
    default: return (b ^ c ^ d) + 0xca62c1d6u;
    }
}

static void add_block(uint32_t h[5], const uint8_t *block)
{
    uint32_t w[WORDS], v[5];
    struct zu_reader r = zu_reader_of(block, BLOCK);
    uint64_t word = 0;

    for (size_t i = 0; i < 16; i++) {
        zu_read_be(&r, &word, 4);
        w[i] = (uint32_t)word;
    }
    for (size_t i = 16; i < WORDS; i++)
        w[i] = turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    memcpy(v, h, sizeof v);
    for (size_t i = 0; i < WORDS; i++) {
        uint32_t next = turn(v[0], 5) + mix_of(i, v[1], v[2], v[3]) + v[4] + w[i];

        v[4] = v[3];
        v[3] = v[2];
        v[2] = turn(v[1], 30);
        v[1] = v[0];
        v[0] = next;
    }
    for (size_t i = 0; i < 5; i++)
        h[i] += v[i];
}

void zu_sha1(uint8_t out[ZU_SHA1_SIZE], const void *data, size_t size)
{
    uint32_t h[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
    uint8_t padded[2 * BLOCK] = {0};
    size_t blocks = size + 9 <= BLOCK ? 1 : 2;
    struct zu_writer w = zu_writer_of(padded + blocks * BLOCK - 8, 8);

    memset(out, 0, ZU_SHA1_SIZE);
    if (zu_bug(size > ZU_SHA1_INPUT_MAX))
        return;
    memcpy(padded, data, size);
    padded[size] = 0x80;
    zu_write_be(&w, size * 8, 8);
    for (size_t i = 0; i < blocks; i++)
        add_block(h, padded + i * BLOCK);
    w = zu_writer_of(out, ZU_SHA1_SIZE);
    for (size_t i = 0; i < 5; i++)
        zu_write_be(&w, h[i], 4);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body: octets of a xorshift generator, hashed eight at a time, so that 64 MiB cost little.
 */
#include "tests/support/body.h"

#include <string.h>

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void test_body_fill(void *data, size_t size, uint64_t seed)
{
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    unsigned char *at = data;

    for (; size >= 8; at += 8, size -= 8)
        memcpy(at, &(uint64_t){next(&state)}, 8);
    memcpy(at, &(uint64_t){next(&state)}, size);
}

uint64_t test_body_hash(const void *data, size_t size)
{
    const unsigned char *at = data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ size, word;

    for (; size > 0; at += size < 8 ? size : 8, size -= size < 8 ? size : 8) {
        word = 0;
        memcpy(&word, at, size < 8 ? size : 8);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29;
    }
    return hash;
}

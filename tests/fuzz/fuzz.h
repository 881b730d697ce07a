/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz: what the targets share. A target is a file with one function that libFuzzer, or the replay
 * program, calls for every input; it must return 0 and leave nothing behind.
 * Thread: one.
 */
#ifndef ZU_TESTS_FUZZ_FUZZ_H
#define ZU_TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that does not hold is a crash, which the fuzzer keeps the input of. */
#define FUZZ_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A copy on the heap of exactly that size, so that a sanitizer sees a look past its end. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    FUZZ_CHECK(copy);
    if (size)
        memcpy(copy, data, size);
    return copy;
}

/*
 * Cuts an input into packets: the size of the next one, at least 1 and at most `left`. The cuts
 * depend on the input alone, so that a finding can be repeated. *state begins as 0.
 */
static inline size_t fuzz_cut(uint32_t *state, const uint8_t *at, size_t left)
{
    size_t most = left < 17 ? left : 17;

    *state = (*state ^ at[0] ^ (uint32_t)left << 8) * 0x9e3779b1U;
    return 1 + (*state >> 20) % most;
}

#endif

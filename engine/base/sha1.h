/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha1: the digest that a WebSocket's server answers with. It proves nothing about anybody, only
 * that the other side knows what it is being asked.
 * Thread: any.
 */
#ifndef ZU_BASE_SHA1_H
#define ZU_BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

enum {
    ZU_SHA1_SIZE = 20,
    ZU_SHA1_INPUT_MAX = 119, /* two blocks */
};

/* At most ZU_SHA1_INPUT_MAX bytes; of more it gives zeros. */
void zu_sha1(uint8_t out[ZU_SHA1_SIZE], const void *data, size_t size);

#endif

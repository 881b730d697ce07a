/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random: unpredictable bytes from the kernel, for ids, jitter and map seeds; keys and nonces come
 * from libsodium. Thread: any.
 */
#ifndef ZU_BASE_RANDOM_H
#define ZU_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Neither fails: where getrandom is refused they fall back to the clock. */
uint32_t zu_random_u32(void);
void zu_random_fill(void *out, size_t size); /* at most 256 bytes at once */

#endif

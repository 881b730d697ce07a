/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random: unpredictable bytes from the kernel, for ids, jitter and map seeds; keys and nonces come
 * from libsodium. Thread: any.
 */
#ifndef ZU_BASE_RANDOM_H
#define ZU_BASE_RANDOM_H

#include <stdint.h>

uint32_t zu_random_u32(void); /* never fails: falls back to the clock where getrandom is refused */

#endif

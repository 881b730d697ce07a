/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock: monotonic time. Thread: any.
 */
#ifndef ZU_BASE_CLOCK_H
#define ZU_BASE_CLOCK_H

#include <stdint.h>

uint64_t zu_now_ns(void);
/* How long the calling thread has run on a processor. To ask is a system call. */
uint64_t zu_thread_ns(void);
uint64_t zu_now_ms(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * large: memory for large bodies. A few pieces are kept when they are freed, because fresh memory
 * of this size comes from the kernel page by page: a stream of large messages would spend a quarter
 * of its time in page faults. What is kept is bounded: ZU_LARGE_KEPT pieces of ZU_LARGE_MAX at
 * most. Thread: any.
 */
#ifndef ZU_BASE_LARGE_H
#define ZU_BASE_LARGE_H

#include <stddef.h>

#define ZU_LARGE_MIN  (32 * 1024) /* smaller requests are not for here */
#define ZU_LARGE_MAX  (2 * 1024 * 1024 + 64 * 1024)
#define ZU_LARGE_KEPT 8

/* At least `size` bytes; *capacity is what to give back with it. NULL: no memory. */
void *zu_large_alloc(size_t size, size_t *capacity);
void zu_large_free(void *p, size_t capacity);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * large: memory for large bodies. What is freed is kept for the next ones, because fresh memory of
 * this size comes from the kernel page by page: a stream of large messages would spend a third of
 * its time in page faults. Kept is at most as much as is in use, and ZU_LARGE_SPARE more; so the
 * whole is never more than was in use at some time, but for that, and what a full pipe needed goes
 * back when it drains. Thread: any.
 */
#ifndef ZU_BASE_LARGE_H
#define ZU_BASE_LARGE_H

#include <stddef.h>

#define ZU_LARGE_MIN   (32 * 1024)        /* smaller requests are not for here */
#define ZU_LARGE_MAX   (64 * 1024 * 1024) /* larger ones are not kept */
#define ZU_LARGE_SPARE (16 * 1024 * 1024) /* bytes, in the whole process */

/* At least `size` bytes; *capacity is what to give back with it. NULL: no memory. */
void *zu_large_alloc(size_t size, size_t *capacity);
void zu_large_free(void *p, size_t capacity);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept: memory for what comes and goes with messages and is not tiny: bodies, slabs, the chunks of
 * queues. What is freed is kept for the next. One thread allocates what another frees, which the C
 * library's heaps answer with searches; and large pieces come from the kernel page by page: a
 * stream of large messages would spend a third of its time in page faults.
 *
 * Kept is at most as much as is in use, and ZU_KEPT_SPARE more. So the whole is never more than was
 * in use at some time, but for that, and what a full pipe needed goes back when it drains.
 * Thread: any.
 */
#ifndef ZU_BASE_KEPT_H
#define ZU_BASE_KEPT_H

#include <stddef.h>

#define ZU_KEPT_MIN   2048               /* smaller requests are not kept, and */
#define ZU_KEPT_MAX   (64 * 1024 * 1024) /* neither are larger ones */
#define ZU_KEPT_SPARE (16 * 1024 * 1024) /* bytes, in the whole process */

/* At least `size` bytes, aligned to a cache line; *capacity, an eighth more at most, is what to
 * give back with it. NULL: no memory. */
void *zu_kept_alloc(size_t size, size_t *capacity);
void zu_kept_free(void *p, size_t capacity);

/* Bytes that are kept now, and those that are in use. */
size_t zu_kept_idle(void);
size_t zu_kept_in_use(void);

#endif

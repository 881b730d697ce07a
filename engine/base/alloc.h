/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc: all memory of the library comes from here, so that a test can make the n-th request fail.
 * Thread: any.
 */
#ifndef ZU_BASE_ALLOC_H
#define ZU_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* NULL when there is no more. zu_alloc(0) is a valid, unique pointer. */
void *zu_alloc(size_t size);
void *zu_alloc_zero(size_t size);
void *zu_alloc_aligned(size_t align, size_t size); /* align: a power of two >= sizeof(void *) */
void *zu_realloc(void *p, size_t size);            /* on NULL the old block is untouched */
char *zu_strdup(const char *s);
void *zu_memdup(const void *p, size_t size);
void zu_free(void *p);

/*
 * For tests. While set, every request first asks `refuse`; true makes it fail. NULL: no refusals.
 * To be set while no other thread is inside the library.
 */
extern bool (*zu_alloc_refuse)(size_t size);

#endif

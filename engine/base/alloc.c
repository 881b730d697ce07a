/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's allocator behind one question. The question is a plain pointer, not an atomic:
 * only tests set it, and they do so while nobody else is inside.
 *
 * Sizes beyond PTRDIFF_MAX are refused here and never reach the allocator, so that a size computed
 * from a stranger's bytes is a plain NULL under every allocator, the sanitizers' included.
 */
#include "engine/base/alloc.h"

#include "engine/base/base.h"

#include <stdlib.h>
#include <string.h>

bool (*zu_alloc_refuse)(size_t size);

static bool refused(size_t size)
{
    if (zu_unlikely(size > PTRDIFF_MAX))
        return true;
    return zu_unlikely(zu_alloc_refuse != NULL) && zu_alloc_refuse(size);
}

void *zu_alloc(size_t size)
{
    return refused(size) ? NULL : malloc(size ? size : 1);
}

void *zu_alloc_zero(size_t size)
{
    return refused(size) ? NULL : calloc(1, size ? size : 1);
}

void *zu_alloc_aligned(size_t align, size_t size)
{
    void *p;

    if (refused(size) || posix_memalign(&p, align, size ? size : 1))
        return NULL;
    return p;
}

void *zu_realloc(void *p, size_t size)
{
    return refused(size) ? NULL : realloc(p, size ? size : 1);
}

char *zu_strdup(const char *s)
{
    return zu_memdup(s, strlen(s) + 1);
}

void *zu_memdup(const void *p, size_t size)
{
    void *copy = zu_alloc(size);

    if (copy && size)
        memcpy(copy, p, size);
    return copy;
}

void zu_free(void *p)
{
    free(p);
}

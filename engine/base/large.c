/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kept piece lies in a slot, its capacity in its first bytes. Slots are taken and filled by
 * single exchanges: whoever got a pointer out of one is its only owner, so looking at the capacity
 * before deciding is safe, and a piece that does not fit is put back. There is no lock that a fork
 * could leave taken.
 *
 * Under the address sanitizer nothing is kept: it has to see each body end.
 */
#include "engine/base/large.h"

#include "engine/base/alloc.h"
#include "engine/base/base.h"

#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#define KEEPS false
#else
#define KEEPS true
#endif

static _Atomic(void *) slots[ZU_LARGE_KEPT];

static bool keep(void *p)
{
    for (size_t i = 0; i < ZU_LARGE_KEPT; i++) {
        void *none = NULL;

        /* [LG1] release, pairs with [LG2]: the capacity is written, and our bytes are done with. */
        if (atomic_compare_exchange_strong_explicit(&slots[i], &none, p, memory_order_release,
                                                    memory_order_relaxed))
            return true;
    }
    return false;
}

/* A piece of at least `size` bytes that is not twice too large, or NULL. */
static void *find(size_t size, size_t *capacity)
{
    for (size_t i = 0; i < ZU_LARGE_KEPT; i++) {
        /* Relaxed: only whether it is worth an exchange. */
        if (!atomic_load_explicit(&slots[i], memory_order_relaxed))
            continue;
        /* [LG2] acquire, pairs with [LG1]. */
        void *p = atomic_exchange_explicit(&slots[i], NULL, memory_order_acquire);

        if (!p)
            continue;
        memcpy(capacity, p, sizeof *capacity);
        if (*capacity >= size && *capacity / 2 <= size)
            return p;
        if (!keep(p))
            zu_free(p);
    }
    return NULL;
}

void *zu_large_alloc(size_t size, size_t *capacity)
{
    void *p = KEEPS && size <= ZU_LARGE_MAX ? find(size, capacity) : NULL;

    if (p)
        return p;
    *capacity = size;
    return zu_alloc(size);
}

void zu_large_free(void *p, size_t capacity)
{
    if (KEEPS && capacity <= ZU_LARGE_MAX) {
        memcpy(p, &capacity, sizeof capacity);
        if (keep(p))
            return;
    }
    zu_free(p);
}

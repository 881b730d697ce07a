/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A count in front of bytes. Whoever holds the only count need not pay for a locked subtraction:
 * no one else is left who could change it.
 */
#include "engine/base/block.h"

#include "engine/base/alloc.h"
#include "engine/base/kept.h"

#define KEPT_MAX (8 * 1024) /* slabs; those that are received into have a pool, see engine/io/ */

struct zu_block *zu_block_new(uint32_t size)
{
    size_t capacity = 0;
    struct zu_block *b = sizeof *b + size <= KEPT_MAX ? zu_kept_alloc(sizeof *b + size, &capacity)
                                                      : zu_alloc(sizeof *b + size);

    if (!b)
        return NULL;
    atomic_init(&b->refs, 1);
    b->size = size;
    b->capacity = capacity;
    return b;
}

static void block_free(struct zu_block *b)
{
    if (b->capacity)
        zu_kept_free(b, b->capacity);
    else
        zu_free(b);
}

void zu_block_hold_many(struct zu_block *b, uint32_t count)
{
    /* Relaxed: the caller has a count already, so nothing can end meanwhile. */
    atomic_fetch_add_explicit(&b->refs, count, memory_order_relaxed);
}

void zu_block_hold(struct zu_block *b)
{
    zu_block_hold_many(b, 1);
}

void zu_block_drop_many(struct zu_block *b, uint32_t count)
{
    /* As [BL2]. */
    if (atomic_fetch_sub_explicit(&b->refs, count, memory_order_acq_rel) == count)
        block_free(b);
}

void zu_block_drop(struct zu_block *b)
{
    /* [BL2] acq_rel: release, what we did to the bytes is over before our count is seen to be gone;
     * acquire, pairs with the same of every other, so the last one frees after all of them. */
    if (zu_block_sole(b) || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        block_free(b);
}

bool zu_block_sole(const struct zu_block *b)
{
    /* [BL1] acquire, pairs with [BL2]: the readers that dropped theirs are done with the bytes. */
    return atomic_load_explicit(&b->refs, memory_order_acquire) == 1;
}

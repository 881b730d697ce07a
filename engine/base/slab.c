/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All the counts a block can ever need are on it from the start, and those that were not handed out
 * are taken off together when the next block is begun: handing one out costs no atomic operation.
 */
#include "engine/base/slab.h"

enum { ALIGN = 8, COUNTS = ZU_SLAB_SIZE / ALIGN };

void zu_slab_fini(struct zu_slab *s)
{
    if (s->block)
        zu_block_drop_many(s->block, s->spare);
    s->block = NULL;
}

void *zu_slab_take(struct zu_slab *s, size_t size, struct zu_block **owner)
{
    uint32_t need = (uint32_t)(size + ALIGN - 1) & ~(uint32_t)(ALIGN - 1);
    uint8_t *p;

    if (zu_unlikely(!s->block || ZU_SLAB_SIZE - s->used < need)) {
        struct zu_block *fresh = zu_block_new(ZU_SLAB_SIZE);

        if (!fresh)
            return NULL;
        zu_slab_fini(s);
        zu_block_hold_many(fresh, COUNTS); /* with the first one: one more than can be handed out */
        *s = (struct zu_slab){.block = fresh, .spare = COUNTS + 1};
    }
    p = s->block->data + s->used;
    s->used += need;
    s->spare--;
    *owner = s->block;
    return p;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack, so that the block used last, whose bytes are still in the cache, is used next. It is
 * short: what a burst needed beyond it goes back to the heap.
 */
#include "engine/io/pool.h"
#include "engine/io/kernel.h"

#include <string.h>

#define KEPT_MAX 16

struct zu_block *zu_pool_take(struct zu_pool *p)
{
    struct zu_block *b = p->top;

    if (!b)
        return zu_block_new(ZU_RECV_BLOCK_SIZE);
    memcpy(&p->top, b->data, sizeof(p->top));
    p->count--;
    return b;
}

void zu_pool_give(struct zu_pool *p, struct zu_block *b)
{
    if (p->count >= KEPT_MAX || b->size != ZU_RECV_BLOCK_SIZE || !zu_block_sole(b)) {
        zu_block_drop(b);
        return;
    }
    memcpy(b->data, &p->top, sizeof(p->top));
    p->top = b;
    p->count++;
}

void zu_pool_fini(struct zu_pool *p)
{
    while (p->top)
        zu_block_drop(zu_pool_take(p));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: a few free receive blocks, so that a busy connection asks the heap for nothing.
 * Thread: the loop's. Owner: the kernel filling it is in.
 */
#ifndef ZU_IO_POOL_H
#define ZU_IO_POOL_H

#include "engine/base/block.h"

struct zu_pool {
    struct zu_block *top; /* each free block's first bytes point to the next */
    unsigned count;
};

struct zu_block *zu_pool_take(struct zu_pool *p); /* one count, the caller's; NULL: no memory */
void zu_pool_give(struct zu_pool *p, struct zu_block *b); /* kept, if it may be; else dropped */
void zu_pool_fini(struct zu_pool *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slab: small bodies side by side in one counted block, so that there is one request for memory for
 * many messages, and none of them crosses threads alone. A message that is kept keeps its block,
 * ZU_SLAB_SIZE bytes, and no more.
 * Thread: the owner's; the counts that it hands out may be dropped by any. Owner: a loop, a socket,
 * a thread.
 */
#ifndef ZU_BASE_SLAB_H
#define ZU_BASE_SLAB_H

#include "engine/base/block.h"

#define ZU_SLAB_SIZE  (8 * 1024 - sizeof(struct zu_block))
#define ZU_SLAB_MAX   (2 * 1024) /* bodies larger than this are not for here */
#define ZU_SLAB_ALIGN 8

#define ZU_SLAB_AHEAD 256 /* bytes: of bodies side by side, what is asked for before its turn */

struct zu_slab {
    struct zu_block *block; /* or NULL: the next take makes one */
    uint32_t room;          /* bytes of it that are free */
    uint32_t spare;         /* counts on the block that nobody was given yet */
};

bool zu_slab_renew(struct zu_slab *s); /* the rare half of the next one */

/* Memory for `size` bytes, at most ZU_SLAB_MAX, 8-byte aligned, and one count on *owner for it.
 * NULL: no memory. */
static inline void *zu_slab_take(struct zu_slab *s, size_t size, struct zu_block **owner)
{
    uint32_t need = (uint32_t)(size + ZU_SLAB_ALIGN - 1) & ~(uint32_t)(ZU_SLAB_ALIGN - 1);

    if (zu_unlikely(s->room < need) && !zu_slab_renew(s))
        return NULL;
    uint8_t *at = s->block->data + (ZU_SLAB_SIZE - s->room);

    s->room -= need;
    s->spare--;
    *owner = s->block;
    return at;
}

/* Asks for the memory that the next takes will give. */
static inline void zu_slab_fetch(const struct zu_slab *s)
{
    if (zu_likely(s->room >= ZU_SLAB_AHEAD))
        __builtin_prefetch(s->block->data + ZU_SLAB_SIZE - s->room + ZU_SLAB_AHEAD / 2, 1);
}

/* Is it the block of a slab? */
static inline bool zu_slab_has(const struct zu_block *b)
{
    return b->size == ZU_SLAB_SIZE;
}

void zu_slab_fini(struct zu_slab *s); /* what was handed out lives on */

/* The calling thread's own, which ends with the thread. NULL: it cannot have one. */
struct zu_slab *zu_slab_of_thread(void);

#endif

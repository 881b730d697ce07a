/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block: a counted piece of memory that the wire is read into. Messages may be slices of it, so it
 * is owned by no ring and no context: it outlives both, and any thread may drop it.
 */
#ifndef ZU_BASE_BLOCK_H
#define ZU_BASE_BLOCK_H

#include "engine/base/base.h"

struct zu_block {
    _Atomic uint32_t refs;
    uint32_t size;   /* of data */
    size_t capacity; /* see kept.h; 0: it is not kept */
    uint8_t data[];
};

struct zu_block *zu_block_new(uint32_t size); /* one count, the caller's; NULL: no memory */
void zu_block_hold(struct zu_block *b);
void zu_block_drop(struct zu_block *b);
/* The same `count` times at once. */
void zu_block_hold_many(struct zu_block *b, uint32_t count);
void zu_block_drop_many(struct zu_block *b, uint32_t count);
/*
 * Counts on one block that are to be dropped together: messages in a row mostly lie in the same
 * block. Zeroed at first; settle it before it is forgotten.
 */
struct zu_tally {
    struct zu_block *block;
    uint32_t count;
};

static inline void zu_tally_settle(struct zu_tally *t)
{
    if (t->block)
        zu_block_drop_many(t->block, t->count);
    *t = (struct zu_tally){0};
}

static inline void zu_tally_drop(struct zu_tally *t, struct zu_block *b)
{
    if (t->block != b) {
        zu_tally_settle(t);
        t->block = b;
    }
    t->count++;
}

/* True when the caller's count is the only one: then it may be written to again. */
bool zu_block_sole(const struct zu_block *b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group: the blocks that a ring may receive into. The kernel takes one only when bytes have come,
 * so a few serve thousands of quiet connections. A block that was received into leaves the group
 * with its receiver, and another takes its place.
 * Thread: the ring's. Nobody outside engine/io/ includes this.
 */
#ifndef ZU_IO_GROUP_H
#define ZU_IO_GROUP_H

#include "engine/io/caps.h"
#include "engine/io/pool.h"

#define ZU_GROUP_MAX 64 /* 4 MB a ring */

struct zu_group {
    struct io_uring_buf_ring *br;
    struct zu_block *blocks[ZU_GROUP_MAX]; /* by buffer id; NULL: not in the group */
    uint64_t absent;                       /* a bit for each NULL */
    unsigned present, wanted;
    struct zu_pool pool;
};

int zu_group_init(struct zu_group *g, struct io_uring *u);
void zu_group_fini(struct zu_group *g, struct io_uring *u);

void zu_group_fill(struct zu_group *g); /* up to what is wanted, as far as memory goes */
void zu_group_grow(struct zu_group *g); /* wants twice as many, up to the maximum */

struct zu_block *zu_group_take(struct zu_group *g, unsigned id); /* received into; the caller's */
void zu_group_keep(struct zu_group *g, unsigned id);             /* used up, but nothing came */
void zu_group_give(struct zu_group *g, struct zu_block *b);      /* a receiver's count comes back */

#endif

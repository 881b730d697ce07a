/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group starts small and doubles when a receive found it empty: how many receives complete
 * between two looks at the completion queue is a matter of load, not of connections.
 */
#include "engine/io/group.h"
#include "engine/io/kernel.h"

#include <string.h>

#define WANTED_FIRST 4

static_assert(ZU_GROUP_MAX == 64, "`absent` has a bit for each block");

static void offer(struct zu_group *g, unsigned id)
{
    struct zu_block *b = g->blocks[id];

    io_uring_buf_ring_add(g->br, b->data, b->size, (unsigned short)id,
                          io_uring_buf_ring_mask(ZU_GROUP_MAX), 0);
    io_uring_buf_ring_advance(g->br, 1);
}

void zu_group_fill(struct zu_group *g)
{
    while (g->present < g->wanted) {
        struct zu_block *b = zu_pool_take(&g->pool);
        unsigned id = (unsigned)__builtin_ctzll(g->absent);

        if (!b)
            return;
        g->blocks[id] = b;
        g->absent &= ~(UINT64_C(1) << id);
        g->present++;
        offer(g, id);
    }
}

void zu_group_grow(struct zu_group *g)
{
    g->wanted = ZU_MIN(2 * g->wanted, (unsigned)ZU_GROUP_MAX);
    zu_group_fill(g);
}

int zu_group_init(struct zu_group *g, struct io_uring *u)
{
    int rc;

    memset(g, 0, sizeof(*g));
    g->absent = UINT64_MAX;
    g->wanted = WANTED_FIRST;
    if ((rc = zu_uring_buffers(u, &g->br, ZU_GROUP_MAX)) < 0)
        return rc;
    zu_group_fill(g);
    return 0;
}

void zu_group_fini(struct zu_group *g, struct io_uring *u)
{
    zu_uring_buffers_free(u, g->br, ZU_GROUP_MAX);
    for (unsigned id = 0; id < ZU_GROUP_MAX; id++)
        if (g->blocks[id])
            zu_block_drop(g->blocks[id]);
    zu_pool_fini(&g->pool);
}

struct zu_block *zu_group_take(struct zu_group *g, unsigned id)
{
    struct zu_block *b = g->blocks[id];

    g->blocks[id] = NULL;
    g->absent |= UINT64_C(1) << id;
    g->present--;
    zu_group_fill(g);
    return b;
}

void zu_group_keep(struct zu_group *g, unsigned id)
{
    offer(g, id);
}

void zu_group_give(struct zu_group *g, struct zu_block *b)
{
    zu_pool_give(&g->pool, b);
    zu_group_fill(g);
}

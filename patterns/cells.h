/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cells: memory for very many small things that are freed one by one: pieces of 16 to 1056 bytes,
 * without a header each, and named by 32 bits instead of a pointer. A cell does not move.
 *
 * An empty one owns no memory, one with a single cell a quarter of a KiB.
 *
 * Thread: the owner's. Owner: embedded.
 */
#ifndef ZU_PATTERNS_CELLS_H
#define ZU_PATTERNS_CELLS_H

#include "engine/base/base.h"

#define ZU_CELLS_CLASSES 24
#define ZU_CELLS_MAX     1056 /* bytes of the largest cell */
#define ZU_CELLS_SHIFT   11   /* bits of a name that say where in its page a cell is */

struct zu_cells_page;

struct zu_cells {
    struct zu_cells_page **pages; /* by number; NULL: free, number 0 always */
    uint32_t page_count, page_room;
    uint32_t live;                   /* pages there are */
    uint32_t units;                  /* in all pages */
    uint32_t lowest;                 /* no number below this one is free */
    uint32_t open[ZU_CELLS_CLASSES]; /* a page of each class that has room; 0: none */
};

void zu_cells_init(struct zu_cells *c);
void zu_cells_fini(struct zu_cells *c); /* the cells go, too */

/* The name of a cell of at least that many bytes, uninitialised. 0: no memory, or too large. */
uint32_t zu_cells_take(struct zu_cells *c, size_t size);
void zu_cells_give(struct zu_cells *c, uint32_t cell);
size_t zu_cells_size(const struct zu_cells *c, uint32_t cell); /* how many bytes it really has */

/* Where it is: aligned for 8 bytes. */
static inline void *zu_cells_at(const struct zu_cells *c, uint32_t cell)
{
    uint64_t *page = (uint64_t *)(void *)c->pages[cell >> ZU_CELLS_SHIFT];

    return page + (cell & ((1u << ZU_CELLS_SHIFT) - 1));
}

#endif

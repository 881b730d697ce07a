/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells of one size in chunks that are mapped for them, and never unmapped: as much as was ever in
 * use at a time. The free ones are a stack behind a lock that is held for a few instructions. It is
 * only tried, for a while: a child that was forked while some thread held it finds it taken for
 * ever, and then asks for ordinary memory, and leaves a cell where it is.
 */
#include "engine/base/secret.h"

#include "engine/base/alloc.h"
#include "engine/base/base.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>

enum { CELL = 512, CHUNK = 64 * 1024, TRIES = 1000 };

struct cell {
    size_t size;       /* of what the owner asked for; 0: it is free */
    struct cell *next; /* free: the next that is; else NULL, or itself: ordinary memory */
    alignas(16) unsigned char bytes[];
};

static_assert(sizeof(struct cell) + ZU_SECRET_MAX == CELL, "a cell is used to its end");

static atomic_flag taken = ATOMIC_FLAG_INIT;
static struct cell *free_cells;

static bool lock(void)
{
    for (int i = 0; i < TRIES; i++) {
        /* [SE1] acquire, pairs with [SE2]: who had the lock is done with the stack. */
        if (!atomic_flag_test_and_set_explicit(&taken, memory_order_acquire))
            return true;
        sched_yield();
    }
    return false;
}

static void unlock(void)
{
    /* [SE2] release, pairs with [SE1]. */
    atomic_flag_clear_explicit(&taken, memory_order_release);
}

/* The lock is held. */
static void add_chunk(void)
{
    unsigned char *chunk =
        mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (chunk == MAP_FAILED)
        return;
    madvise(chunk, CHUNK, MADV_DONTDUMP);
    madvise(chunk, CHUNK, MADV_WIPEONFORK);
    mlock(chunk, CHUNK); /* as far as the limit goes */
    for (size_t at = 0; at < CHUNK; at += CELL) {
        struct cell *c = (struct cell *)(void *)(chunk + at);

        c->next = free_cells;
        free_cells = c;
    }
}

static struct cell *take_cell(void)
{
    struct cell *c = NULL;

    if (!lock())
        return NULL;
    if (!free_cells)
        add_chunk();
    c = free_cells;
    if (c)
        free_cells = c->next;
    unlock();
    return c;
}

void *zu_secret_alloc(size_t size)
{
    struct cell *c = NULL;

    if (zu_alloc_refuse && zu_alloc_refuse(size)) /* a request for memory like any other */
        return NULL;
    if (size <= ZU_SECRET_MAX)
        c = take_cell();
    if (c) {
        c->next = NULL;
    } else {
        c = zu_alloc(sizeof *c + size);
        if (!c)
            return NULL;
        c->next = c;
    }
    c->size = size;
    memset(c->bytes, 0, size);
    return c->bytes;
}

void zu_secret_free(void *p)
{
    struct cell *c = p ? zu_container_of(p, struct cell, bytes) : NULL;

    if (!c || c->size == 0) /* zeros: it was the parent's, before a fork */
        return;
    explicit_bzero(c->bytes, c->size);
    c->size = 0;
    if (c->next == c) {
        zu_free(c);
    } else if (lock()) {
        c->next = free_cells;
        free_cells = c;
        unlock();
    }
}

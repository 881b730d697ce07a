/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer: deadlines of one loop, in milliseconds.
 * Thread: the loop's. Owner: whoever embeds the timer; it must be cleared before it goes.
 */
#ifndef ZU_IO_TIMER_H
#define ZU_IO_TIMER_H

#include "engine/base/heap.h"

struct zu_loop;

struct zu_timer {
    struct zu_heap_node node;
    void (*fire)(struct zu_timer *t); /* once for each zu_timer_set; the timer is clear by then */
};

/* Fires no earlier than `ms` from now, at the next round that is late enough. Set again: moves. */
void zu_timer_set(struct zu_loop *loop, struct zu_timer *t, uint64_t ms);
void zu_timer_clear(struct zu_loop *loop, struct zu_timer *t); /* harmless when not set */
static inline bool zu_timer_is_set(const struct zu_timer *t)
{
    return t->node.queued;
}

#endif

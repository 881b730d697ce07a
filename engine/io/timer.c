/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A heap of deadlines; the loop looks at its top before it sleeps. The clock is read to the
 * millisecond and rounds down, so a deadline is counted from the next full one: a timer may be
 * late, never early.
 */
#include "engine/io/timer.h"
#include "engine/io/loop.h"

void zu_timer_set(struct zu_loop *loop, struct zu_timer *t, uint64_t ms)
{
    uint64_t now = zu_loop_clock_ms(loop);
    uint64_t wait = ms ? ms + 1 : 0;

    zu_timer_clear(loop, t);
    if (wait < ms || now + wait < now)
        zu_heap_insert(&loop->timers, &t->node, UINT64_MAX);
    else
        zu_heap_insert(&loop->timers, &t->node, now + wait);
}

void zu_timer_clear(struct zu_loop *loop, struct zu_timer *t)
{
    zu_heap_remove(&loop->timers, &t->node);
}

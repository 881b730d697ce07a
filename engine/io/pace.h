/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace: how a loop shares the machine with the application that feeds it. It only decides; the loop
 * does. See docs/decisions/0014-pace.md.
 *
 * Yield. A loop that shares its core with the application is woken again and again, each time by
 * taking the core away from it, for next to nothing. While much comes by, such a loop lets the
 * application run on before it sleeps: what it then finds is worth a round. And one whose
 * application answers several requests at a time lets it go on when the first answer wakes it.
 *
 * Follow. When it is a stream of one or a few connections, which one core carries faster than two
 * that pass every message from cache to cache, the loop goes where the application is. So it does
 * where there are few cores and requests are answered, by any number of connections: loop and
 * application then wait for each other more than they work at once. It does not stay bound there:
 * the scheduler may move it as ever.
 *
 * Thread: the loop's, but where a function says any.
 */
#ifndef ZU_IO_PACE_H
#define ZU_IO_PACE_H

#include "engine/base/base.h"

#define ZU_PACE_STAY (-1) /* in the place of a CPU */

struct zu_pace {
    bool may_follow; /* nobody has said where the loop has to run */
    bool few_cpus;   /* not one for each thread of two processes */
    bool yielded;    /* and nothing came of it */
    uint32_t parts;  /* small ones that came by since window_ms; */
    uint32_t sent;   /* those of them that went out */
    uint64_t window_ms;
    uint64_t near_until_ms;    /* yield until then */
    uint64_t lets_on_until_ms; /* who wakes us goes on until then */
    uint64_t follow_next_ms;   /* not before */
    _Atomic int cpu;           /* where the loop went to sleep */
    _Atomic int waker;         /* where it was last woken from, when that was not the same */
    _Atomic uint32_t near;     /* how often from the same, */
    _Atomic uint32_t far;      /* and from another */
};

/* Any thread: how many CPUs it may run on; INT_MAX: not known. */
int zu_pace_cpus(void);

void zu_pace_init(struct zu_pace *p, bool may_follow, uint64_t now_ms);

/* Any thread: wakes the loop, and runs on this CPU; -1: it does not know. */
void zu_pace_woken(struct zu_pace *p, int cpu);
/* The loop is about to sleep on this CPU. */
void zu_pace_sleeps(struct zu_pace *p, int cpu);

static inline void zu_pace_count(struct zu_pace *p, size_t parts)
{
    p->parts += (uint32_t)parts;
}

/* Those that went out. */
static inline void zu_pace_count_sent(struct zu_pace *p, size_t parts)
{
    p->parts += (uint32_t)parts;
    p->sent += (uint32_t)parts;
}

/* Once a round. `busy`: the round had something to do; `load`: how many connections live here.
 * To which CPU the loop is to go, or ZU_PACE_STAY. */
int zu_pace_round(struct zu_pace *p, uint64_t now_ms, bool busy, uint32_t load);

/* The loop has slept, and something was posted. True: it is to yield before it looks at that. */
bool zu_pace_lets_on(const struct zu_pace *p, uint64_t now_ms);

/* The loop has nothing to do. True: it is to yield and look again, and not to sleep yet. */
bool zu_pace_yields(struct zu_pace *p);

#endif

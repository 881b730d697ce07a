/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/io/pace.h"

#include <limits.h>
#include <sched.h>

enum {
    /* In a millisecond: */
    YIELD_PARTS = 200,          /* much comes by */
    LETS_ON_PARTS = 100,        /* requests, some at a time, and their answers */
    FOLLOW_PARTS = 2000,        /* a stream of small messages */
    FOLLOW_ANSWERS_PARTS = 500, /* requests and their answers */
    WAKES = 5,                  /* so many say where the application is */

    YIELD_MS = 8,    /* a loop that yields is not woken, so it has to try again without */
    FOLLOW_MS = 10,  /* between two moves */
    FOLLOW_LOAD = 4, /* more connections are work for a core of its own, if there is one */
};

int zu_pace_cpus(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : INT_MAX;
}

void zu_pace_init(struct zu_pace *p, bool may_follow, uint64_t now_ms)
{
    *p = (struct zu_pace){.may_follow = may_follow, .window_ms = now_ms};
    atomic_init(&p->cpu, ZU_PACE_STAY);
    atomic_init(&p->waker, ZU_PACE_STAY);
}

/* Relaxed, all of them: numbers to go by, and nothing is read on the strength of them. */
void zu_pace_woken(struct zu_pace *p, int cpu)
{
    if (cpu < 0)
        return;
    if (cpu == atomic_load_explicit(&p->cpu, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&p->near, 1, memory_order_relaxed);
        return;
    }
    atomic_store_explicit(&p->waker, cpu, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->far, 1, memory_order_relaxed);
}

void zu_pace_sleeps(struct zu_pace *p, int cpu)
{
    if (cpu != atomic_load_explicit(&p->cpu, memory_order_relaxed))
        atomic_store_explicit(&p->cpu, cpu, memory_order_relaxed);
}

static uint32_t take(_Atomic uint32_t *count)
{
    return atomic_exchange_explicit(count, 0, memory_order_relaxed);
}

/* What came is answered, and what was answered brings the next: the application is half of it. */
static bool are_answers(uint64_t parts, uint64_t sent)
{
    return 4 * ZU_MIN(sent, parts - sent) > parts;
}

static bool is_to_follow(const struct zu_pace *p, uint64_t ms, uint64_t parts, uint64_t sent,
                         uint32_t load)
{
    if (!p->may_follow)
        return false;
    if (p->few_cpus && are_answers(parts, sent))
        return parts >= FOLLOW_ANSWERS_PARTS * ms;
    return parts >= FOLLOW_PARTS * ms && load <= FOLLOW_LOAD;
}

int zu_pace_round(struct zu_pace *p, uint64_t now_ms, bool busy, uint32_t load)
{
    uint64_t ms = now_ms - p->window_ms, parts = p->parts, sent = p->sent, near, far;

    if (busy)
        p->yielded = false;
    if (ms == 0)
        return ZU_PACE_STAY;
    near = take(&p->near);
    far = take(&p->far);
    p->window_ms = now_ms;
    p->parts = p->sent = 0;
    if (parts < YIELD_PARTS * ms)
        p->near_until_ms = 0;
    else if (near >= WAKES * ms)
        p->near_until_ms = now_ms + YIELD_MS;
    if (parts >= LETS_ON_PARTS * ms && near >= WAKES * ms && are_answers(parts, sent))
        p->lets_on_until_ms = now_ms + YIELD_MS;
    if (far < WAKES * ms || far <= near || now_ms < p->follow_next_ms ||
        !is_to_follow(p, ms, parts, sent, load))
        return ZU_PACE_STAY;
    p->follow_next_ms = now_ms + FOLLOW_MS;
    return atomic_load_explicit(&p->waker, memory_order_relaxed);
}

bool zu_pace_yields(struct zu_pace *p)
{
    if (p->window_ms >= p->near_until_ms || p->yielded)
        return p->yielded = false;
    return p->yielded = true;
}

bool zu_pace_lets_on(const struct zu_pace *p, uint64_t now_ms)
{
    return now_ms < p->lets_on_until_ms;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_timers: periodic timers that the program runs itself. A heap orders them by the moment they
 * are due, a map finds them by number.
 *
 * Handlers may do anything to the set they are called from, its own timer and the whole set
 * included. So a timer is put back for its next turn before its handler is called, nothing of it is
 * touched after, and a set destroyed from within is freed by the outermost zmq_timers_execute.
 */
#include "engine/base/alloc.h"
#include "engine/base/clock.h"
#include "engine/base/err.h"
#include "engine/base/heap.h"
#include "engine/base/map.h"

#include <limits.h>

#define TIMERS_TAG 0x7a752d74u /* "zu-t" */

struct timer {
    struct zu_heap_node due; /* key: ms */
    uint64_t interval_ms;
    uint64_t round; /* the last zmq_timers_execute that ran it */
    int id;
    zmq_timer_fn *handler;
    void *arg;
};

struct timers {
    uint32_t tag;
    int last_id;
    unsigned running; /* zmq_timers_execute calls that have not returned */
    bool destroyed;
    uint64_t round;
    struct zu_heap heap;
    struct zu_map by_id;
};

/* NULL when the handle is no set of timers. */
static struct timers *check(void *handle)
{
    struct timers *t = handle;

    return t && t->tag == TIMERS_TAG ? t : NULL;
}

static struct timer *find(const struct timers *t, int id)
{
    return zu_map_get(&t->by_id, &id, sizeof id);
}

static uint64_t later(uint64_t now_ms, uint64_t interval_ms)
{
    return interval_ms < UINT64_MAX - now_ms ? now_ms + interval_ms : UINT64_MAX;
}

/* ---- life ---- */

void *zmq_timers_new(void)
{
    struct timers *t = zu_alloc_zero(sizeof *t);

    if (!t) {
        errno = ENOMEM;
        return NULL;
    }
    t->tag = TIMERS_TAG;
    zu_map_init(&t->by_id);
    return t;
}

static void free_timers(struct timers *t)
{
    struct zu_heap_node *top;

    while ((top = t->heap.top)) {
        zu_heap_remove(&t->heap, top);
        zu_free(zu_container_of(top, struct timer, due));
    }
    zu_map_fini(&t->by_id);
    zu_free(t);
}

int zmq_timers_destroy(void **timers_p)
{
    struct timers *t = timers_p ? check(*timers_p) : NULL;

    if (!t)
        return zu_return(-EFAULT);
    *timers_p = NULL;
    t->tag = 0;
    if (t->running)
        t->destroyed = true;
    else
        free_timers(t);
    return 0;
}

/* ---- one timer ---- */

/* Numbers are not given twice while they are in use, also after two billion of them. */
static int next_id(struct timers *t)
{
    do {
        t->last_id = t->last_id < INT_MAX ? t->last_id + 1 : 1;
    } while (find(t, t->last_id));
    return t->last_id;
}

static int add_timer(struct timers *t, size_t interval_ms, zmq_timer_fn *handler, void *arg)
{
    struct timer *timer = zu_alloc_zero(sizeof *timer);
    int rc;

    if (!timer)
        return -ENOMEM;
    timer->id = next_id(t);
    timer->interval_ms = interval_ms;
    timer->handler = handler;
    timer->arg = arg;
    if ((rc = zu_map_put(&t->by_id, &timer->id, sizeof timer->id, timer)) < 0) {
        zu_free(timer);
        return rc;
    }
    zu_heap_insert(&t->heap, &timer->due, later(zu_now_ms(), interval_ms));
    return timer->id;
}

int zmq_timers_add(void *timers, size_t interval, zmq_timer_fn handler, void *arg)
{
    struct timers *t = check(timers);

    return zu_return(t && handler ? add_timer(t, interval, handler, arg) : -EFAULT);
}

int zmq_timers_cancel(void *timers, int timer_id)
{
    struct timers *t = check(timers);
    struct timer *timer;

    if (!t)
        return zu_return(-EFAULT);
    if (!(timer = zu_map_take(&t->by_id, &timer_id, sizeof timer_id)))
        return zu_return(-EINVAL);
    zu_heap_remove(&t->heap, &timer->due);
    zu_free(timer);
    return 0;
}

/* A whole interval from now on. */
static void restart(struct timers *t, struct timer *timer)
{
    zu_heap_insert(&t->heap, &timer->due, later(zu_now_ms(), timer->interval_ms));
}

int zmq_timers_set_interval(void *timers, int timer_id, size_t interval)
{
    struct timers *t = check(timers);
    struct timer *timer;

    if (!t)
        return zu_return(-EFAULT);
    if (!(timer = find(t, timer_id)))
        return zu_return(-EINVAL);
    timer->interval_ms = interval;
    restart(t, timer);
    return 0;
}

int zmq_timers_reset(void *timers, int timer_id)
{
    struct timers *t = check(timers);
    struct timer *timer;

    if (!t)
        return zu_return(-EFAULT);
    if (!(timer = find(t, timer_id)))
        return zu_return(-EINVAL);
    restart(t, timer);
    return 0;
}

/* ---- time passes ---- */

long zmq_timers_timeout(void *timers)
{
    struct timers *t = check(timers);
    uint64_t now_ms, due_ms;

    if (!t)
        return zu_return(-EFAULT);
    if (!t->heap.top)
        return zu_return(-EINVAL);
    now_ms = zu_now_ms();
    due_ms = t->heap.top->key;
    if (due_ms <= now_ms)
        return 0;
    return due_ms - now_ms < LONG_MAX ? (long)(due_ms - now_ms) : LONG_MAX;
}

/* The next one that is due at now_ms and was not run in this round; then it waits for its next. */
static struct timer *take_due(struct timers *t, uint64_t now_ms, uint64_t round)
{
    struct zu_heap_node *top = t->heap.top;
    struct timer *timer;

    if (!top || top->key > now_ms)
        return NULL;
    timer = zu_container_of(top, struct timer, due);
    /* An interval of 0 comes back at once, behind all others that are due: those had theirs. */
    if (timer->round == round)
        return NULL;
    timer->round = round;
    zu_heap_insert(&t->heap, top, later(now_ms, timer->interval_ms));
    return timer;
}

int zmq_timers_execute(void *timers)
{
    struct timers *t = check(timers);
    struct timer *timer;
    uint64_t now_ms, round;

    if (!t)
        return zu_return(-EFAULT);
    now_ms = zu_now_ms();
    round = ++t->round;
    t->running++;
    while (!t->destroyed && (timer = take_due(t, now_ms, round)))
        timer->handler(timer->id, timer->arg);
    if (--t->running == 0 && t->destroyed)
        free_timers(t);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer takes two steps, each one addition, so it never waits and never tries again: `used`
 * promises it a slot or tells that there is none, `tail` says which slot it is. It fills the slot
 * and then marks it with its place in the line; the reader takes slots in that order and stops at
 * one whose writer is still at it. (Whoever put that event looks for a reader afterwards, so the
 * ones behind it do not stay.)
 *
 * Why the slot that `tail` names is free. Let it be place n of the line, of C slots. Then n + 1
 * writers have been promised a slot, all of them before the addition that gave out n, whose chain
 * of additions carries what they had seen. The last promise in the order of `used` was number n + 1
 * or later and found less than C in it, so the reader had given back more than n - C slots by then:
 * place n - C, the one that lies in the same slot, among them. Promises that are taken back, when
 * the ring is full, only make `used` larger for a moment: an event more is refused, none is
 * overwritten. With one step, say a compare of `tail` with the reader's `head` and then an
 * addition, two writers could see the last free slot and both go in.
 */
#include "monitor/ring.h"

#include "engine/base/alloc.h"

#include <errno.h>
#include <string.h>

#define TEXT_ROOM 150 /* of both endpoints, with their NULs; longer ones are kept elsewhere */

struct zu_event_slot {
    _Atomic uint32_t place; /* 1 + the place in the line of the event that is in it; 0: none yet */
    uint32_t event;
    uint64_t value, value2, connection;
    char *elsewhere; /* the texts, when they have no room here */
    uint16_t remote_at;
    bool bound;
    char text[TEXT_ROOM];
};

int zu_event_ring_init(struct zu_event_ring *r, uint32_t count)
{
    memset(r, 0, sizeof *r);
    r->slots = zu_alloc_zero(count * sizeof *r->slots);
    r->count = count;
    return r->slots ? 0 : -ENOMEM;
}

void zu_event_ring_fini(struct zu_event_ring *r)
{
    struct zu_event e;

    while (zu_event_ring_peek(r, &e))
        zu_event_ring_drop(r);
    zu_free(r->slots);
}

static void lose(struct zu_event_ring *r)
{
    /* Relaxed: a number that is read now and then. */
    atomic_fetch_add_explicit(&r->lost, 1, memory_order_relaxed);
}

static void fill(struct zu_event_slot *s, const struct zu_event *e, char *elsewhere)
{
    size_t local = strlen(e->local) + 1;
    char *text = elsewhere ? elsewhere : s->text;

    s->event = e->event;
    s->value = e->value;
    s->value2 = e->value2;
    s->connection = e->connection;
    s->bound = e->bound;
    s->elsewhere = elsewhere;
    s->remote_at = (uint16_t)local;
    memcpy(text, e->local, local);
    memcpy(text + local, e->remote, strlen(e->remote) + 1);
}

bool zu_event_ring_put(struct zu_event_ring *r, const struct zu_event *e)
{
    size_t size = strlen(e->local) + strlen(e->remote) + 2;
    char *elsewhere = NULL;

    if (size > UINT16_MAX || (size > TEXT_ROOM && !(elsewhere = zu_alloc(size)))) {
        lose(r);
        return false;
    }
    /* [ER1] acquire, pairs with [ER2]: the reader is done with the slots it gave back. */
    if (atomic_fetch_add_explicit(&r->used, 1, memory_order_acquire) >= r->count) {
        /* Relaxed: what was promised is taken back, nothing was touched. */
        atomic_fetch_sub_explicit(&r->used, 1, memory_order_relaxed);
        zu_free(elsewhere);
        lose(r);
        return false;
    }
    /* [ER3] acq_rel, pairs with itself: see the head of this file. */
    uint32_t place = atomic_fetch_add_explicit(&r->tail, 1, memory_order_acq_rel);
    struct zu_event_slot *s = &r->slots[place % r->count];

    fill(s, e, elsewhere);
    /* [ER4] release, pairs with [ER5]: the slot is whole before it is seen. */
    atomic_store_explicit(&s->place, place + 1, memory_order_release);
    return true;
}

bool zu_event_ring_peek(struct zu_event_ring *r, struct zu_event *e)
{
    struct zu_event_slot *s = &r->slots[r->head % r->count];
    const char *text;

    /* [ER5] acquire, pairs with [ER4]. */
    if (atomic_load_explicit(&s->place, memory_order_acquire) != r->head + 1)
        return false;
    text = s->elsewhere ? s->elsewhere : s->text;
    *e = (struct zu_event){.event = s->event,
                           .value = s->value,
                           .value2 = s->value2,
                           .local = text,
                           .remote = text + s->remote_at,
                           .bound = s->bound,
                           .connection = s->connection};
    return true;
}

void zu_event_ring_drop(struct zu_event_ring *r)
{
    struct zu_event_slot *s = &r->slots[r->head % r->count];

    zu_free(s->elsewhere);
    s->elsewhere = NULL;
    r->head++;
    /* [ER2] release, pairs with [ER1]. */
    atomic_fetch_sub_explicit(&r->used, 1, memory_order_release);
}

uint64_t zu_event_ring_lost(const struct zu_event_ring *r)
{
    return atomic_load_explicit(&r->lost, memory_order_relaxed);
}

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
#include "engine/base/clock.h"

#include <errno.h>
#include <string.h>

/* All that an event points at; what is longer is kept elsewhere. For most it is three addresses. */
#define TEXT_ROOM 184

struct zu_event_slot {
    _Atomic uint32_t place; /* 1 + the place in the line of the event that is in it; 0: none yet */
    struct zu_event event;
    char *elsewhere; /* what it points at, when that has no room here */
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

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

/* What is told twice is kept once: see keep_all. */
static size_t size_of_all(const struct zu_event *e)
{
    return text_size(e->local) + text_size(e->remote) +
           (e->address == e->remote ? 0 : text_size(e->address)) +
           (e->endpoint == e->remote || e->endpoint == e->local ? 0 : text_size(e->endpoint)) +
           text_size(e->user_id) + text_size(e->place) + e->routing_id_size;
}

static const char *keep(char **at, const void *from, size_t size)
{
    char *to = *at;

    if (size == 0)
        return NULL;
    memcpy(to, from, size);
    *at += size;
    return to;
}

/* Copies what *e points at to `at`, and has it point there. */
static void keep_all(struct zu_event *e, char *at)
{
    const char *local = e->local, *remote = e->remote;

    e->local = keep(&at, local, text_size(local));
    e->remote = keep(&at, remote, text_size(remote));
    e->address = e->address == remote ? e->remote : keep(&at, e->address, text_size(e->address));
    if (e->endpoint == remote)
        e->endpoint = e->remote;
    else if (e->endpoint == local)
        e->endpoint = e->local;
    else
        e->endpoint = keep(&at, e->endpoint, text_size(e->endpoint));
    e->user_id = keep(&at, e->user_id, text_size(e->user_id));
    e->place = keep(&at, e->place, text_size(e->place));
    e->routing_id = keep(&at, e->routing_id, e->routing_id_size);
}

bool zu_event_ring_put(struct zu_event_ring *r, const struct zu_event *e)
{
    size_t size = size_of_all(e);
    char *elsewhere = NULL;

    if (size > TEXT_ROOM && !(elsewhere = zu_alloc(size))) {
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

    s->event = *e;
    s->elsewhere = elsewhere;
    keep_all(&s->event, elsewhere ? elsewhere : s->text);
    s->event.time_ns = zu_now_ns();
    s->event.lost = zu_event_ring_lost(r);
    /* [ER4] release, pairs with [ER5]: the slot is whole before it is seen. */
    atomic_store_explicit(&s->place, place + 1, memory_order_release);
    return true;
}

bool zu_event_ring_peek(struct zu_event_ring *r, struct zu_event *e)
{
    struct zu_event_slot *s = &r->slots[r->head % r->count];

    /* [ER5] acquire, pairs with [ER4]. */
    if (atomic_load_explicit(&s->place, memory_order_acquire) != r->head + 1)
        return false;
    *e = s->event;
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

uint32_t zu_event_ring_used(const struct zu_event_ring *r)
{
    /* Relaxed: a number. For a moment it has promises that are taken back. */
    uint32_t used = atomic_load_explicit(&r->used, memory_order_relaxed);

    return ZU_MIN(used, r->count);
}

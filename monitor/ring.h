/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring: the events of one socket on their way to its monitor: a bounded queue of fixed records with
 * many writers and one reader. A full ring refuses the newest event and counts it.
 * Thread: zu_event_ring_put from any, never waiting for another (but in the allocator, for texts
 * that are longer than usual); the rest one thread at a time.
 * Owner: the monitor it is in.
 */
#ifndef ZU_MONITOR_RING_H
#define ZU_MONITOR_RING_H

#include "engine/base/base.h"
#include "engine/core/observer.h"

struct zu_event_slot;

struct zu_event_ring {
    struct zu_event_slot *slots;
    uint32_t count;
    uint32_t head;         /* the reader's: events given back, modulo 2^32 */
    _Atomic uint32_t used; /* slots that are promised to a writer or filled */
    _Atomic uint32_t tail; /* slots that were ever given out, modulo 2^32 */
    _Atomic uint64_t lost; /* events that found no room */
};

/* `count`: a power of two. -ENOMEM. */
int zu_event_ring_init(struct zu_event_ring *r, uint32_t count);
void zu_event_ring_fini(struct zu_event_ring *r); /* no thread is in it any more */

/* The event and what it points at are copied; when, and how many were lost before, is added. False:
 * full, or no memory for texts that are longer than usual; then the event is counted. */
bool zu_event_ring_put(struct zu_event_ring *r, const struct zu_event *e);

/* The oldest event, what it points at borrowed until it is dropped. False: none. */
bool zu_event_ring_peek(struct zu_event_ring *r, struct zu_event *e);
void zu_event_ring_drop(struct zu_event_ring *r); /* what peek showed */

/* How many were refused so far; how many are in it. Any thread. */
uint64_t zu_event_ring_lost(const struct zu_event_ring *r);
uint32_t zu_event_ring_used(const struct zu_event_ring *r);

#endif

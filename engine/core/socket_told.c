/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a socket's observer is told: events, what was dropped, and that there will be no more.
 */
#include "engine/base/clock.h"
#include "engine/core/socket.h"

#include <stdio.h>

void zu_socket_observe(struct zu_socket *s, const struct zu_event *e)
{
    /* Acquire: the observer was made by another thread. */
    struct zu_observer *o = atomic_load_explicit(&s->observer, memory_order_acquire);

    if (o)
        o->event(o, e);
}

uint64_t zu_socket_events_lost(struct zu_socket *s)
{
    struct zu_observer *o = atomic_load_explicit(&s->observer, memory_order_acquire); /* as above */

    return o && o->lost ? o->lost(o) : 0;
}

void zu_socket_begin_source(struct zu_socket *s)
{
    atomic_fetch_add_explicit(&s->sources, 1, memory_order_relaxed); /* by one that counts */
}

void zu_socket_end_source(struct zu_socket *s)
{
    struct zu_observer *o;

    /* [K4] acq_rel, pairs with itself: who ends last has seen what all others raised. */
    if (atomic_fetch_sub_explicit(&s->sources, 1, memory_order_acq_rel) != 1)
        return;
    o = atomic_load_explicit(&s->observer, memory_order_acquire);
    if (o && o->ended)
        o->ended(o);
}

/* ---- of pipes ---- */

enum { DROPS_TOLD_MS = 1000 };

void zu_socket_observe_pipe(struct zu_socket *s, struct zu_pipe *p, struct zu_event *e)
{
    char local[ZU_ENDPOINT_MAX], peer[ZU_ENDPOINT_MAX], address[ZU_ENDPOINT_MAX];
    char bound[ZU_ENDPOINT_MAX];

    pthread_mutex_lock(&s->names);
    e->connection = p->last_connection; /* what is told at the end is of one that has ended */
    snprintf(local, sizeof local, "%s", p->local_name ? p->local_name : "");
    snprintf(peer, sizeof peer, "%s", p->peer_name ? p->peer_name : "");
    snprintf(address, sizeof address, "%s", p->peer_address ? p->peer_address : peer);
    snprintf(bound, sizeof bound, "%s", p->bound_name ? p->bound_name : local);
    pthread_mutex_unlock(&s->names);
    e->local = local;
    e->remote = peer;
    e->address = address;
    e->endpoint = p->dialed ? peer : bound;
    e->bound = !p->dialed;
    if (!e->routing_id && p->id) {
        e->routing_id = p->id;
        e->routing_id_size = p->id_size;
    }
    zu_socket_observe(s, e);
}

/* What was dropped at the pipe since it was last told; at most now and then, or at the end. */
static void tell_dropped(struct zu_socket *s, struct zu_pipe *p, bool at_the_end)
{
    uint64_t now = zu_now_ns() / 1000000, untold = p->meter.dropped - p->drops_told;
    struct zu_event e = {
        .event = ZURING_EVENT_DROPPED, .value = untold, .value2 = ZURING_DROP_WATER_MARK};

    if (untold == 0 || (!at_the_end && p->drops_told_ms && now - p->drops_told_ms < DROPS_TOLD_MS))
        return;
    p->drops_told += untold;
    p->drops_told_ms = now;
    zu_socket_observe_pipe(s, p, &e);
}

static void tell_unrouted(struct zu_socket *s, bool at_the_end)
{
    uint64_t now = zu_now_ns() / 1000000, untold = s->drops[ZURING_DROP_NO_ROUTE] - s->drops_told;
    struct zu_event e = {
        .event = ZURING_EVENT_DROPPED, .value = untold, .value2 = ZURING_DROP_NO_ROUTE};

    if (untold == 0 || (!at_the_end && s->drops_told_ms && now - s->drops_told_ms < DROPS_TOLD_MS))
        return;
    s->drops_told += untold;
    s->drops_told_ms = now;
    zu_socket_observe(s, &e);
}

zu_cold void zu_socket_dropped(struct zu_socket *s, struct zu_pipe *p, int why, uint64_t count)
{
    bool observed = zu_socket_is_observed(s);

    zu_count(&s->drops[why], count);
    if (p)
        zu_count(&p->meter.dropped, count);
    if (observed && p)
        tell_dropped(s, p, false);
    else if (observed)
        tell_unrouted(s, false);
}

void zu_socket_lost(struct zu_socket *s, uint64_t count)
{
    pthread_mutex_lock(&s->names);
    s->past.lost += count;
    pthread_mutex_unlock(&s->names);
}

void zu_socket_moved(struct zu_socket *s, uint64_t bytes_in, uint64_t bytes_out)
{
    pthread_mutex_lock(&s->names);
    s->past.bytes_in += bytes_in;
    s->past.bytes_out += bytes_out;
    pthread_mutex_unlock(&s->names);
}

void zu_socket_tell_drops(struct zu_socket *s, struct zu_pipe *p)
{
    if (!zu_socket_is_observed(s))
        return;
    if (p)
        tell_dropped(s, p, true);
    else
        tell_unrouted(s, true);
}

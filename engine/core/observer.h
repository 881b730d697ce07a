/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observer: CONTRACT with who is told what happens to a socket's connections. The engine calls one
 * hook with a record; monitor/ does the rest.
 */
#ifndef ZU_CORE_OBSERVER_H
#define ZU_CORE_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

struct zu_event {
    uint32_t event;             /* ZMQ_EVENT_* */
    uint64_t value, value2;     /* the second: of ZMQ_EVENT_PIPES_STATS alone */
    const char *local, *remote; /* endpoint texts, borrowed; "" when there is none */
    bool bound;                 /* of a listener, or of a connection it accepted */
    uint64_t connection;        /* never used twice in a process; 0: none */
};

/* Set once on a socket, by its thread, and kept until its end. */
struct zu_observer {
    /* From any thread, in order for each connection. Must neither block nor fail. */
    void (*event)(struct zu_observer *o, const struct zu_event *e);
    /* The socket was closed and all that could raise an event for it has ended. From any thread.
     * May be NULL. */
    void (*ended)(struct zu_observer *o);
    /* The socket's memory goes: it uses the observer no more. From any thread. May be NULL. */
    void (*released)(struct zu_observer *o);
};

#endif

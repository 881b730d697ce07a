/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observer: CONTRACT with who is told what happens to a socket's connections. The engine calls one
 * hook with a record; monitor/ does the rest.
 */
#ifndef ZU_CORE_OBSERVER_H
#define ZU_CORE_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

/* Texts are borrowed; NULL: none. */
struct zu_event {
    uint32_t event;         /* ZMQ_EVENT_*, ZURING_EVENT_* */
    int error;              /* an errno, or 0 */
    uint64_t value, value2; /* as struct zuring_event has them */
    uint64_t connection;    /* never used twice in a process; 0: none */
    const char *local;
    const char *remote;   /* the peer as libzmq names it: its address, or what was dialed */
    const char *address;  /* the peer's address */
    const char *endpoint; /* what zmq_bind or zmq_connect was given */
    const char *user_id;
    const char *place;      /* file:line */
    const char *reason;     /* why it came to that, in words; static */
    const void *routing_id; /* what the peer calls itself; */
    uint8_t routing_id_size;
    bool bound; /* of a listener, or of a connection it accepted */
    /* The monitor's. */
    uint64_t time_ns, lost;
};

/* Set once on a socket, by its thread, and kept until its end. */
struct zu_observer {
    /* From any thread, in order for each connection. Must neither block nor fail. */
    void (*event)(struct zu_observer *o, const struct zu_event *e);
    /* The socket was closed and all that could raise an event for it has ended. From any thread.
     * May be NULL. */
    void (*ended)(struct zu_observer *o);
    /* How many events it has lost. From any thread. May be NULL. */
    uint64_t (*lost)(struct zu_observer *o);
    /* The socket's memory goes: it uses the observer no more. From any thread. May be NULL. */
    void (*released)(struct zu_observer *o);
};

#endif

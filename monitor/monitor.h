/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor: a socket's events as messages of a socket inside, bound to an inproc name that the
 * application connects to.
 * Thread: start and stop by the thread that uses the watched socket. Owner: counted: the watched
 * socket, and each socket inside until its memory goes.
 */
#ifndef ZU_MONITOR_MONITOR_H
#define ZU_MONITOR_MONITOR_H

#include "engine/core/socket.h"

struct zu_monitor_terms {
    const char *endpoint; /* inproc://name */
    uint64_t events;      /* which ones */
    int version;          /* of the messages: 1 or 2; another one: none at all */
    int type;             /* of the socket inside: ZMQ_PAIR, ZMQ_PUB, ZMQ_PUSH */
};

/*
 * Has the socket watched from now on, in place of what watched it before, which ends as by
 * zu_monitor_stop, also when this then fails. -EINVAL, -EPROTONOSUPPORT: the endpoint or the type;
 * then nothing was touched. -EADDRINUSE, -EMFILE, -ENOMEM, -ETERM.
 */
int zu_monitor_start(struct zu_socket *s, const struct zu_monitor_terms *terms);
/* Sends what is left and MONITOR_STOPPED, and ends the socket inside, if there is one. */
void zu_monitor_stop(struct zu_socket *s);
/* Has the function called with each event from now on, inside calls on the socket; NULL: none any
 * more. -ENOMEM. */
int zu_monitor_call(struct zu_socket *s, zmq_monitor_fn *call);
/* Raises a ZMQ_EVENT_PIPES_STATS for each pipe. -EINVAL: nobody asked for that event; -EAGAIN:
 * there is no pipe. */
int zu_monitor_pipes_stats(struct zu_socket *s);

#endif

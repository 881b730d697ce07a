/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_socket_monitor and its kind, and zmq_setsockopt, as ZMQ_MONITOR is an option. They stand here
 * and not in engine/api/, whose floor is below.
 */
#define ZMQ_BUILD_DRAFT_API /* what libzmq still drafts is there for everyone */
#include "engine/base/err.h"
#include "engine/core/joint.h"
#include "monitor/monitor.h"

#include <errno.h>
#include <string.h>

/* As with libzmq the context's end counts when a call has met it, and a monitor can be ended until
 * then. A new one needs a socket, for which it is too late already. */
static int start_or_stop(struct zu_socket *s, const struct zu_monitor_terms *terms)
{
    if (zu_ctx_inherited(s->ctx) || s->stopped)
        return -ETERM;
    if (terms->version == 1 && terms->events & ~(uint64_t)ZMQ_EVENT_ALL_V1)
        return -EINVAL;
    if (terms->endpoint)
        return zu_monitor_start(s, terms);
    zu_monitor_stop(s);
    return 0;
}

static int watch(struct zu_socket *s, const struct zu_monitor_terms *terms)
{
    int rc = zu_socket_enter(s);

    if (rc < 0)
        return rc;
    rc = start_or_stop(s, terms);
    zu_socket_leave(s);
    return rc;
}

int zmq_socket_monitor(void *socket, const char *endpoint, int events)
{
    struct zu_monitor_terms terms = {.endpoint = endpoint,
                                     .events = (uint64_t)(int64_t)events,
                                     .version = ZMQ_CURRENT_EVENT_VERSION,
                                     .type = ZMQ_PAIR};

    return zu_return(watch(socket, &terms));
}

int zmq_socket_monitor_versioned(void *socket, const char *endpoint, uint64_t events, int version,
                                 int type)
{
    struct zu_monitor_terms terms = {
        .endpoint = endpoint, .events = events, .version = version, .type = type};

    return zu_return(watch(socket, &terms));
}

int zmq_socket_monitor_pipes_stats(void *socket)
{
    int rc = zu_socket_enter(socket);

    if (rc < 0)
        return zu_return(rc);
    rc = zu_socket_catch_up(socket);
    if (rc == 0)
        rc = zu_monitor_pipes_stats(socket);
    zu_socket_leave(socket);
    return zu_return(rc);
}

/* C has no way to hand a function over as an object but by its bits. */
static zmq_monitor_fn *function_of(const void *value)
{
    zmq_monitor_fn *call;

    static_assert(sizeof call == sizeof value, "a function fits where an object does");
    memcpy(&call, &value, sizeof call);
    return call;
}

static int call_back(struct zu_socket *s, const void *value, size_t size)
{
    int rc = zu_socket_catch_up(s);

    if (rc < 0)
        return rc;
    if (value && size != sizeof value)
        return -EINVAL;
    return zu_monitor_call(s, function_of(value));
}

int zmq_setsockopt(void *socket, int option, const void *value, size_t size)
{
    int rc = zu_socket_enter(socket);

    if (rc < 0)
        return zu_return(rc);
    rc = option == ZMQ_MONITOR ? call_back(socket, value, size)
                               : zu_socket_set(socket, option, value, size);
    zu_socket_leave(socket);
    return zu_return(rc);
}

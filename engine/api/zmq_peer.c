/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only some socket types know of: single peers, and groups.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/base/err.h"
#include "engine/core/joint.h"
#include "include/zuring.h"

#include <string.h>

/* The lock, if there is one, and what was posted; 0, or an error and no lock. */
static int begin(void *socket)
{
    int rc = zu_socket_enter(socket);

    if (rc == 0 && (rc = zu_socket_catch_up(socket)) < 0)
        zu_socket_leave(socket);
    return rc;
}

int zmq_socket_get_peer_state(void *socket, const void *routing_id, size_t size)
{
    struct zu_socket *s = socket;
    int rc = begin(socket);

    if (rc < 0)
        return zu_return(rc);
    rc = s->pattern->peer_state ? s->pattern->peer_state(s, routing_id, size) : -ENOTSUP;
    zu_socket_leave(s);
    return zu_return(rc);
}

uint32_t zmq_connect_peer(void *socket, const char *endpoint)
{
    struct zu_socket *s = socket;
    uint32_t id = 0;
    int rc = begin(socket);

    if (rc < 0) {
        errno = -rc;
        return 0;
    }
    if (!s->pattern->dialed_peer)
        rc = -ENOTSUP;
    else if (s->options->immediate)
        rc = -EFAULT; /* there would be no peer yet */
    else if ((rc = zu_socket_connect(s, endpoint)) == 0 && !(id = s->pattern->dialed_peer(s)))
        rc = -ENOMEM; /* the pipe was refused */
    zu_socket_leave(s);
    zu_return(rc);
    return id;
}

int zmq_disconnect_peer(void *socket, uint32_t routing_id)
{
    struct zu_socket *s = socket;
    int rc = begin(socket);

    if (rc < 0)
        return zu_return(rc);
    rc = s->pattern->end_peer ? s->pattern->end_peer(s, routing_id) : -ENOTSUP;
    zu_socket_leave(s);
    return zu_return(rc);
}

static int change_group(void *socket, const char *group, bool join)
{
    struct zu_socket *s = socket;
    int rc = begin(socket);

    if (rc < 0)
        return rc;
    size_t size = group ? strnlen(group, ZU_GROUP_MAX + 1) : ZU_GROUP_MAX + 1;

    if (!s->pattern->join)
        rc = -ENOTSUP;
    else if (size > ZU_GROUP_MAX)
        rc = -EINVAL;
    else
        rc = (join ? s->pattern->join : s->pattern->leave)(s, group, size);
    zu_socket_leave(s);
    return rc;
}

int zmq_join(void *socket, const char *group)
{
    return zu_return(change_group(socket, group, true));
}

int zmq_leave(void *socket, const char *group)
{
    return zu_return(change_group(socket, group, false));
}

int zuring_disconnect_peer(void *socket, const void *routing_id, size_t size)
{
    int rc = begin(socket);

    if (rc < 0)
        return zu_return(rc);
    rc = routing_id ? zu_socket_end_peer(socket, routing_id, size) : -EFAULT;
    zu_socket_leave(socket);
    return zu_return(rc);
}

int zuring_disconnect_connection(void *socket, uint64_t connection)
{
    int rc = begin(socket);

    if (rc < 0)
        return zu_return(rc);
    rc = zu_socket_end_connection(socket, connection);
    zu_socket_leave(socket);
    return zu_return(rc);
}

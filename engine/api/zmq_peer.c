/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only some socket types know of: single peers of theirs.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/base/err.h"
#include "engine/core/socket.h"

int zmq_socket_get_peer_state(void *socket, const void *routing_id, size_t size)
{
    struct zu_socket *s = socket;
    int rc = zu_socket_check(socket);

    if (rc == 0)
        rc = s->pattern->peer_state ? zu_socket_catch_up(s) : -ENOTSUP;
    return zu_return(rc < 0 ? rc : s->pattern->peer_state(s, routing_id, size));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/core/unconnected.h"

void zu_unconnected_name(struct zu_socket *s, struct zu_pipe *p, const char *endpoint,
                         const char *local, const char *remote)
{
    zu_socket_name_peer(s, p, zu_ctx_next_connection(), local, p->dialed ? endpoint : remote,
                        remote, p->dialed ? NULL : endpoint);
}

void zu_unconnected_came(struct zu_socket *s, struct zu_pipe *p, struct zu_loop *loop, size_t bytes)
{
    zu_kernel_received(loop->kernel, bytes);
    if (!p) {
        zu_socket_moved(s, bytes, 0);
        return;
    }
    zu_count_set(&p->meter.active_ms, loop->now_ms);
    zu_count(&p->meter.bytes_in, bytes);
}

void zu_unconnected_went(struct zu_socket *s, struct zu_pipe *p, struct zu_loop *loop, size_t bytes)
{
    zu_kernel_sent(loop->kernel, bytes);
    if (!p) {
        zu_socket_moved(s, 0, bytes);
        return;
    }
    zu_count_set(&p->meter.active_ms, loop->now_ms);
    zu_count(&p->meter.bytes_out, bytes);
}

void zu_unconnected_lose(struct zu_socket *s, struct zu_pipe *p, uint64_t messages)
{
    if (p)
        zu_count(&p->meter.lost, messages);
    else if (messages)
        zu_socket_lost(s, messages);
}

void zu_unconnected_refuse(struct zu_socket *s, struct zu_pipe *p, uint64_t messages)
{
    if (p)
        zu_count(&p->meter.oversized, messages);
    else
        zu_unconnected_lose(s, p, messages);
}

static void tell(struct zu_socket *s, struct zu_pipe *p, uint64_t messages, uint64_t why)
{
    struct zu_event e = {.event = ZURING_EVENT_DROPPED, .value = messages, .value2 = why};

    if (messages && zu_socket_is_observed(s))
        zu_socket_observe_pipe(s, p, &e); /* which reads no routing id: there is none */
}

void zu_unconnected_tell(struct zu_socket *s, struct zu_pipe *p)
{
    tell(s, p->peer, p->meter.oversized, ZURING_DROP_OVERSIZED);
    tell(s, p->peer, p->meter.lost, ZURING_DROP_LOST);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats: the numbers of a socket and of its connections, gathered from where they are counted.
 * Thread: any, while the socket is there. Owner: the caller.
 */
#ifndef ZU_CORE_STATS_H
#define ZU_CORE_STATS_H

#include "engine/core/socket.h"

/* Adds what the pipe has counted. The lock of the names is held. */
void zu_stats_add_pipe(struct zu_socket_past *sum, const struct zu_pipe *p);

void zu_stats_loop(const struct zu_loop *loop, struct zuring_loop_stats *out);
void zu_stats_socket(struct zu_socket *s, struct zuring_socket_stats *out);
/* Of all sockets that the context has or had. Takes its lock. */
void zu_stats_context(struct zu_ctx *ctx, struct zuring_context_stats *out);
/* Only of those that were closed; the lock is held, so that none is open and closed. */
void zu_stats_closed(struct zu_ctx *ctx, struct zuring_context_stats *out);
void zu_stats_add(struct zuring_context_stats *sum, const struct zuring_socket_stats *one);
/* The memory of a closed socket goes: its numbers stay the context's. */
void zu_stats_bury(struct zu_socket *s);
/* At most `room`; how many there are. */
size_t zu_stats_connections(struct zu_socket *s, struct zuring_connection_stats *out, size_t room);

#endif

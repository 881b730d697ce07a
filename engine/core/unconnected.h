/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unconnected: what datagrams and multicast count alike, where no connection does. The socket's end
 * of the pipe stands for one; it gets a number and names as a connection's does.
 * Thread: as each function says. Owner: none; `s` and `p` are the caller's.
 */
#ifndef ZU_CORE_UNCONNECTED_H
#define ZU_CORE_UNCONNECTED_H

#include "engine/core/socket.h"

/* Socket's thread, before it adopts its end `p`. `endpoint`: what it was given; local and remote:
 * addresses; "": none in particular. */
void zu_unconnected_name(struct zu_socket *s, struct zu_pipe *p, const char *endpoint,
                         const char *local, const char *remote);

/*
 * Loop thread. `p` is the loop's end, or NULL: it was closed, and the socket counts.
 * One call has brought, or taken, so many bytes.
 */
void zu_unconnected_came(struct zu_socket *s, struct zu_pipe *p, struct zu_loop *loop,
                         size_t bytes);
void zu_unconnected_went(struct zu_socket *s, struct zu_pipe *p, struct zu_loop *loop,
                         size_t bytes);
/* Messages that will not arrive; of these, those that are too large. */
void zu_unconnected_lose(struct zu_socket *s, struct zu_pipe *p, uint64_t messages);
void zu_unconnected_refuse(struct zu_socket *s, struct zu_pipe *p, uint64_t messages);
/* The end is about to be closed: tells the observer what was lost there. */
void zu_unconnected_tell(struct zu_socket *s, struct zu_pipe *p);

#endif

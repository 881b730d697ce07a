/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datagrams: what stands between a pipe and a descriptor that knows no connections. Each message is
 * one datagram, of at most ZU_DATAGRAM_MAX bytes. Nothing is told to anybody of what is lost.
 * Thread: the loop it was made for; zu_datagrams_new and zu_datagrams_close are the socket's
 * thread's. Owner: itself, from zu_datagrams_new until it has ended after zu_datagrams_close.
 */
#ifndef ZU_CORE_DATAGRAMS_H
#define ZU_CORE_DATAGRAMS_H

#include "engine/core/socket.h"

struct zu_datagrams;

/* Takes fd. `to`: where all goes; size 0: each message says it, or nothing goes. The socket's end
 * of the pipe is the caller's to adopt. On error nothing was touched. */
int zu_datagrams_new(struct zu_datagrams **out, struct zu_socket *s, const struct zu_transport *t,
                     int fd, const struct zu_target *to, uint64_t endpoint, struct zu_pipe **pipe);
/* What was written still goes out, unless ZMQ_LINGER is 0; what came stays to be read. */
void zu_datagrams_close(struct zu_datagrams *d);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multicast: what stands between a pipe and a carrier (transport.h): a publisher's messages to
 * whoever listens to a group, or everybody's to a subscriber. There are no connections, so nothing
 * is told to anybody, and no subscription goes out. By the carrier's framing frames are
 *   POINTED: those of ZMTP 1.0, one behind the other, in pieces; a piece begins with two bytes that
 *     say where in it the first message begins;
 *   MARKED: those of ZMTP 2.0, each in pieces of its own, behind a byte: 0 for a message's first
 *     part, 255 for the others.
 * Thread: the loop it was made for; zu_multicast_new and zu_multicast_close are the socket's
 * thread's. Owner: itself, from zu_multicast_new until it has ended after zu_multicast_close.
 */
#ifndef ZU_CORE_MULTICAST_H
#define ZU_CORE_MULTICAST_H

#include "engine/core/socket.h"

struct zu_multicast;

/* -ENOCOMPATPROTO: not for that type of socket. The socket's end of the pipe is the caller's to
 * adopt. */
int zu_multicast_new(struct zu_multicast **out, struct zu_socket *s, const struct zu_transport *t,
                     const char *text, uint64_t endpoint, struct zu_pipe **pipe);
/* What was written still goes out, for as long as the linger time allows. */
void zu_multicast_close(struct zu_multicast *c);

#endif

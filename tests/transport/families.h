/* SPDX-License-Identifier: Apache-2.0 */
/*
 * families: TIPC and AF_VSOCK where the kernel has none that reaches anybody: what the library asks
 * of it by socket, bind, listen, connect, accept4, getsockname and getpeername is then played, on
 * AF_UNIX. What goes through a ring passes this by.
 * Thread: any.
 */
#ifndef ZU_TESTS_TRANSPORT_FAMILIES_H
#define ZU_TESTS_TRANSPORT_FAMILIES_H

#include <stdbool.h>

/* Does the kernel have sockets of the family that reach each other on this machine? */
bool family_is_there(int family);
/* From now on it is played, if it is not there. */
void family_play(int family);

#endif

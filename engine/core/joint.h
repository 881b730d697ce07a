/* SPDX-License-Identifier: Apache-2.0 */
/*
 * joint: a socket that several threads may use at once. It is the same socket behind a lock, which
 * every call takes and a call that waits lets go of. Its handle begins with a tag of its own, so
 * the calls on other sockets, which compare theirs in any case, pay nothing for it.
 *
 * What a thread waits for is told to it as to a poller: it lays a tripwire (tripwire.h).
 *
 * Thread: any. Owner: as the socket.
 */
#ifndef ZU_CORE_JOINT_H
#define ZU_CORE_JOINT_H

#include "engine/core/socket.h"

/* Is the handle one? */
static inline bool zu_joint_is(const void *handle)
{
    const uint32_t *tag = handle;

    return tag && *tag == ZU_SOCKET_JOINT_TAG;
}

/* A handle of either kind, or -ENOTSOCK; -EFSM: see zu_socket_begin_busy. */
int zu_joint_check(const void *handle);
/* Is it a socket at all? Any thread, whoever uses it. */
bool zu_socket_is_one(const void *handle);
/* Takes the lock. -ENOTSOCK: it is none; -ETERM: it was inherited by a fork. */
int zu_joint_enter(void *handle);
/* The same for the rare calls, which any socket may be given to; one that is not joint has no lock.
 * What the call may have changed is told to those who wait. */
static inline int zu_socket_enter(void *handle)
{
    return zu_likely(zu_socket_check(handle) == 0) ? 0 : zu_joint_enter(handle);
}
void zu_socket_leave(struct zu_socket *s);
/* The same for what a function of the user's that the socket calls may ask it. */
int zu_joint_enter_to_ask(void *handle);
static inline int zu_socket_enter_to_ask(void *handle)
{
    return zu_likely(zu_socket_check(handle) == 0) ? 0 : zu_joint_enter_to_ask(handle);
}
/* A joint one's lock, which is held, is let go, after what is `due`. */
void zu_joint_leave(struct zu_socket *s);
/* With the lock: a function of the user's is being called, maybe by another thread. */
bool zu_joint_is_calling(const struct zu_socket *s);

/*
 * By the thread inside a call: a function of the user's begins, is over. Meanwhile that thread's
 * calls on the socket are refused with -EFSM. A joint socket's lock is held before and after, but
 * not meanwhile: its other threads go on. (In zmq_close it is: nobody else may be there.)
 */
void zu_socket_begin_busy(struct zu_socket *s);
void zu_socket_end_busy(struct zu_socket *s);

/* zu_socket_send and _recv, and what they need around: the handle may be anything. */
int zu_joint_send(void *handle, struct zu_msg *m, int flags);
int zu_joint_recv(void *handle, struct zu_msg *m, int flags);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tripwire: how a poller, or a thread that waits for a joint socket, hears that a socket may have
 * changed without looking at it. It lies at the socket while nobody is inside a call on it; a
 * command that is posted to the socket, and the next call on it, break it, and then the poller's
 * own mailbox gets `touched`. Of many sockets only those need a look whose tripwire was broken, and
 * those that had something at the last look.
 *
 * A socket's tripwires lie or are broken together: its mailbox sleeps, or it does not. Each at one
 * that does not is on its poller's mind already: `touched` was posted since it was laid.
 *
 * Thread: as the socket; `touched` comes from any. Owner: the poller, which outlives all its
 * tripwires, and runs its mailbox once more after zu_tripwire_end before it frees one.
 */
#ifndef ZU_CORE_TRIPWIRE_H
#define ZU_CORE_TRIPWIRE_H

#include "engine/base/list.h"
#include "engine/base/mailbox.h"

struct zu_socket;

struct zu_tripwire {
    struct zu_list link;      /* zu_socket.tripwires */
    struct zu_socket *socket; /* NULL: it was closed */
    struct zu_mailbox *box;   /* the poller's */
    struct zu_cmd touched;    /* zeroed but for `run` */
};

/* From now on the socket knows it; it is broken, and has to be looked at. */
void zu_tripwire_begin(struct zu_tripwire *t, struct zu_socket *s);
void zu_tripwire_end(struct zu_tripwire *t);

/*
 * Which of the wanted events the socket has, after running what was posted. 0: none, and the
 * tripwire lies. -EAGAIN: none, but something was posted meanwhile: look again. -ETERM,
 * -ENOTSOCK; -EFSM from within the socket's ZMQ_MONITOR function.
 */
int zu_tripwire_look(struct zu_tripwire *t, int wanted);

/* For a thread that has the lock of a joint socket: the same in parts. False: see -EAGAIN. */
void zu_tripwire_begin_held(struct zu_tripwire *t, struct zu_socket *s);
bool zu_tripwire_lay_held(struct zu_tripwire *t);
void zu_tripwire_end_held(struct zu_tripwire *t);

/* For the socket. Every poller is told; the socket is about to be no more. */
void zu_tripwires_touch(struct zu_socket *s);
void zu_tripwires_close(struct zu_socket *s);

#endif

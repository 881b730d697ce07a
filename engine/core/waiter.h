/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waiter: how an application thread sleeps until a socket has something for it. One waiter may
 * stand for several sockets and descriptors at once (zmq_poll).
 *
 * A wait without descriptors sleeps on a futex. A wait with descriptors, or with a signal mask,
 * sleeps in ppoll, and then the waiter has an eventfd of its own among them, made on first need.
 *
 * Thread: the sleeper's, but for zu_waiter_wake, which is any's. Owner: the sleeper, or the socket
 * when ZMQ_FD was asked for (then it is only ever woken: `fd` is what the user polls). It outlives
 * every wake: one may still be under way when the sleeper has long gone on.
 */
#ifndef ZU_CORE_WAITER_H
#define ZU_CORE_WAITER_H

#include "engine/base/base.h"

#include <poll.h>
#include <signal.h>

#define ZU_WAITER_WOKEN  1u /* a wake came since the last zu_waiter_reset */
#define ZU_WAITER_ASLEEP 2u /* none came, and the sleeper is on the futex */

struct zu_waiter {
    _Atomic uint32_t woken; /* 0, or one of the above */
    _Atomic int fd;         /* eventfd, or -1 */
};

void zu_waiter_init(struct zu_waiter *w);
void zu_waiter_fini(struct zu_waiter *w);

/* Makes sure there is an eventfd. -EMFILE, -ENFILE, -ENOMEM. */
int zu_waiter_make_fd(struct zu_waiter *w);

/* Any thread; async-signal-safe; never blocks. Many wakes before a reset are one. */
void zu_waiter_wake(struct zu_waiter *w);

/* Forgets wakes that came, and empties the eventfd. Before the sockets are looked at once more. */
void zu_waiter_reset(struct zu_waiter *w);

/*
 * Sleeps until woken, or one of `fds` is ready, or `deadline_ns` (zu_now_ns; UINT64_MAX: never) is
 * past. 0: look again, for no reason at times; `revents` say what is ready. -ETIMEDOUT. -EINTR when
 * a signal handler ran, whatever its SA_RESTART; a wake that came too is not forgotten. -EMFILE,
 * -ENFILE, -ENOMEM, -EINVAL: as ppoll. `fds` may be NULL when count is 0; `mask` may be NULL.
 */
int zu_waiter_wait(struct zu_waiter *w, struct pollfd *fds, size_t count, uint64_t deadline_ns,
                   const sigset_t *mask);

#endif

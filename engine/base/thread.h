/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread: how the library starts one. All signals are blocked in it, from its first moment on, so
 * that none of the application's handlers runs there.
 * Thread: any. Owner: the caller, who joins or detaches it.
 */
#ifndef ZU_BASE_THREAD_H
#define ZU_BASE_THREAD_H

#include <pthread.h>

/* -EAGAIN: there are too many. */
int zu_thread_start(pthread_t *out, void *(*run)(void *self), void *self);

#endif

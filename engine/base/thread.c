/* SPDX-License-Identifier: Apache-2.0 */
/* A thread inherits the mask: so there is no moment in which a signal could choose it. */
#include "engine/base/thread.h"

#include <signal.h>

int zu_thread_start(pthread_t *out, void *(*run)(void *self), void *self)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(out, NULL, run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel interrupts every processor that runs a thread of this process; the others have passed
 * a barrier when they were switched.
 */
#include "engine/base/barrier.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool ready;

static void ask(void)
{
    ready = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

bool zu_barrier_ready(void)
{
    pthread_once(&once, ask);
    return ready;
}

void zu_barrier_all(void)
{
    /* It was there, and a filter has taken it away since: no store takes so long to be seen. */
    struct timespec long_enough = {.tv_nsec = 1000 * 1000};

    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) < 0)
        nanosleep(&long_enough, NULL);
}

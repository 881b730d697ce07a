/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/latch.h"

#include <sched.h>
#include <time.h>

#define YIELDS 100u
#define NAP_NS 50000

void zu_give_way(unsigned tries)
{
    if (tries < YIELDS)
        sched_yield();
    else /* he may be on our core, and less urgent than we are */
        nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

bool zu_latch_try(struct zu_latch *l)
{
    /* [LA1] acquire, pairs with [LA2]: what the last one who had it did is seen. */
    return atomic_exchange_explicit(&l->taken, 1, memory_order_acquire) == 0;
}

void zu_latch_take(struct zu_latch *l)
{
    for (unsigned tries = 0; !zu_latch_try(l); tries++)
        zu_give_way(tries);
}

void zu_latch_give(struct zu_latch *l)
{
    /* [LA2] release, pairs with [LA1]. */
    atomic_store_explicit(&l->taken, 0, memory_order_release);
}

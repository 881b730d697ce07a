/* SPDX-License-Identifier: Apache-2.0 */
/*
 * latch: a lock for some microseconds, in which nobody sleeps: a word. Who must have it waits until
 * he has it; who has a choice does without.
 * Thread: any. Owner: whoever embeds it, zeroed.
 */
#ifndef ZU_BASE_LATCH_H
#define ZU_BASE_LATCH_H

#include "engine/base/base.h"

struct zu_latch {
    _Atomic uint32_t taken;
};

bool zu_latch_try(struct zu_latch *l); /* false: somebody has it */
void zu_latch_take(struct zu_latch *l);
void zu_latch_give(struct zu_latch *l);

/* To somebody who is at work for a few microseconds; after so many tries in vain. */
void zu_give_way(unsigned tries);

#endif

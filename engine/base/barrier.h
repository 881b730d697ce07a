/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barrier: one thread pays for the memory barriers of all: membarrier(2), Linux 4.14. For two
 * threads of which one must not be slowed down and the other is about to sleep anyway.
 *
 *     the fast one: stores a, zu_barrier_compiler (), loads b
 *     the slow one: stores b, zu_barrier_all (), loads a
 *
 * At least one of the two sees what the other stored. Thread: any.
 */
#ifndef ZU_BASE_BARRIER_H
#define ZU_BASE_BARRIER_H

#include "engine/base/base.h"

/* Asks the kernel, once a process. False: it has none, and neither function may be relied on. */
bool zu_barrier_ready(void);

/* About a microsecond. */
void zu_barrier_all(void);

static inline void zu_barrier_compiler(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

#endif

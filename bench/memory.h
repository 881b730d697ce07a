/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory: what this process holds.
 * Thread: any.
 */
#ifndef ZU_BENCH_MEMORY_H
#define ZU_BENCH_MEMORY_H

/* Pss of smaps_rollup once it has stopped moving: what is shared with other processes counts in
 * parts. Waits at least for a fifth of a second. */
double memory_settled_bytes(void);
double memory_bytes(void); /* now */

#endif

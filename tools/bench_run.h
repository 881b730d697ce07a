/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_run: starts the workers of one run, waits for what they tell, and sees to it that none of
 * them outlives the run, or us.
 * Thread: the main one.
 */
#ifndef ZU_TOOLS_BENCH_RUN_H
#define ZU_TOOLS_BENCH_RUN_H

#include "tools/bench_work.h"

enum bench_outcome {
    BENCH_GOOD,
    BENCH_LOST,    /* hung or crashed: may be tried again */
    BENCH_REFUSED, /* told why it cannot be done: trying again would not help */
};

/* `answer->why` tells unless it was good. `samples`: for latency, else NULL. */
enum bench_outcome bench_run(const struct bench_job *job, struct bench_answer *answer,
                             struct histogram *samples);

#endif

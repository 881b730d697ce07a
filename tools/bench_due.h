/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_due: when each request of a latency run is due, when there are no more, and what its
 * latency is. It has no clock: it is told the time, in ns.
 * Thread: the owner's.
 */
#ifndef ZU_TOOLS_BENCH_DUE_H
#define ZU_TOOLS_BENCH_DUE_H

#include "tools/bench.h"

struct bench_due {
    enum bench_load load;
    unsigned load_value;
    uint64_t start, end;  /* of the run */
    uint64_t least, most; /* requests, however short or long it takes */
    uint64_t asked;
};

/* The first request may be sent at `now`. */
void bench_due_begin(struct bench_due *d, const struct bench_case *c, double seconds, uint64_t now);

/*
 * `now`: when the last answer came, at first when the run began. `due` is never before the last
 * one; one that is not after `now` is to be sent at once. False: there are no more.
 */
bool bench_due_next(struct bench_due *d, uint64_t now, uint64_t *due);

/*
 * One way: half of the round trip. At a fixed rate also what the request was sent too late, since a
 * stall delays all that were due meanwhile (coordinated omission).
 */
uint64_t bench_due_latency(const struct bench_due *d, uint64_t due, uint64_t sent,
                           uint64_t answered);

/* How long a run takes at most, if each answer comes in no time. */
double bench_due_seconds(const struct bench_case *c, double seconds);

#endif

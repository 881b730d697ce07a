/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At a fixed rate there are as many requests as the time has room for, all due at times that are
 * fixed from the start, so nothing adds up; the other loads are asked for as long as was wished. A
 * rate that cannot be held would take for ever, and ends.
 */
#include "tools/bench_due.h"

#define SECOND_NS 1000000000ull

enum {
    FULL_REQUESTS = 100, /* at least, at full rate */
    OUTRUN = 3,          /* a rate that cannot be held ends after so many times its time */
};

void bench_due_begin(struct bench_due *d, const struct bench_case *c, double seconds, uint64_t now)
{
    double wanted = seconds * (double)SECOND_NS;

    *d = (struct bench_due){
        .load = c->load, .load_value = c->load_value, .start = now, .most = UINT64_MAX};
    d->least = c->load == BENCH_FULL ? FULL_REQUESTS : BENCH_GAP_REQUESTS;
    d->end = now + (uint64_t)wanted;
    if (c->load != BENCH_RATE)
        return;
    d->end = now + (uint64_t)(wanted * OUTRUN);
    d->most = (uint64_t)(seconds * c->load_value);
    d->most = d->most < d->least ? d->least : d->most;
}

bool bench_due_next(struct bench_due *d, uint64_t now, uint64_t *due)
{
    if (d->asked == d->most || (now >= d->end && d->asked >= d->least))
        return false;
    d->asked++;
    if (d->load == BENCH_RATE)
        *due = d->start + d->asked * SECOND_NS / d->load_value;
    else if (d->load == BENCH_GAP)
        *due = now + d->load_value * (SECOND_NS / 1000);
    else
        *due = now;
    return true;
}

uint64_t bench_due_latency(const struct bench_due *d, uint64_t due, uint64_t sent,
                           uint64_t answered)
{
    uint64_t late = d->load == BENCH_RATE && sent > due ? sent - due : 0;

    return late + (answered - sent) / 2;
}

double bench_due_seconds(const struct bench_case *c, double seconds)
{
    double gaps = c->load_value * BENCH_GAP_REQUESTS / 1000.0;
    double dues = c->load_value ? (double)BENCH_GAP_REQUESTS / c->load_value : 0;

    if (c->load == BENCH_GAP)
        return gaps > seconds ? gaps : seconds;
    if (c->load == BENCH_RATE)
        return dues > seconds * OUTRUN ? dues : seconds * OUTRUN;
    return seconds;
}

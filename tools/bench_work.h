/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_work: a worker, a fresh process that has one library and does one thing with it: tells what
 * it is, or is one end of a case. The near end binds and measures: it receives a stream, or sends
 * requests. The far end connects and sends the stream, or answers. Of an inproc case the near
 * worker is both, in two threads.
 *
 * A worker gets its job on descriptor BENCH_CONTROL and gives its answer there, followed by a
 * struct histogram when it has measured latency. The two ends talk on BENCH_PEER beside the
 * measured sockets. All three are structs of the same program, so they go as they are.
 * Thread: the main one, and a second one for the far end of an inproc case.
 */
#ifndef ZU_TOOLS_BENCH_WORK_H
#define ZU_TOOLS_BENCH_WORK_H

#include "tools/bench.h"

#define BENCH_WORKER "bench-worker" /* the hidden command */

enum { BENCH_CONTROL = 3, BENCH_PEER = 4 };

enum bench_part { BENCH_DESCRIBE, BENCH_NEAR, BENCH_FAR };

struct bench_job {
    enum bench_part part;
    struct bench_case what;
    double seconds;
    double patience;     /* seconds beyond what is expected, before it counts as hung */
    char file[PATH_MAX]; /* of the library */
    char endpoint[256];  /* what the near end binds to */
};

struct bench_answer {
    bool good;
    char why[512];                /* when not good */
    double figure;                /* messages a second, or requests a second */
    double cpu;                   /* latency: of the answering end, as a share of a core */
    struct bench_library library; /* of BENCH_DESCRIBE */
};

/* How long the measured part should take. */
double bench_expected_seconds(const struct bench_job *job);

/* All of `size`, by a socket; false when the other side has gone, or its patience (SO_RCVTIMEO). */
bool bench_say(int fd, const void *data, size_t size);
bool bench_hear(int fd, void *data, size_t size);

/* The hidden command; the status of the process. */
int bench_worker(void);

#endif

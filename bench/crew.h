/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crew: the processes of a program that measures pairs of ends: one that asks and one that answers
 * for each pair, and the leader, which the user started and which measures nothing but what the
 * others use of the processor. Over inproc the two ends are threads of one process.
 *
 * They share the pairs and nothing else, and meet where the leader can look at their clocks while
 * none of them runs ahead. Nobody hangs: a member's failure ends the leader, as does a deadline of
 * some two minutes, and the members die with it.
 * Thread: the main one of each process; of inproc also the answering one.
 */
#ifndef ZU_BENCH_CREW_H
#define ZU_BENCH_CREW_H

#include "bench/lane.h"

#include <pthread.h>
#include <sys/types.h>

struct crew_pair {
    const struct bench *b;
    struct crew_board *board;
    uint64_t *each; /* the asking end's samples, `b->count` of them */
    struct lane_place place;
};

struct crew {
    const struct bench *b;
    struct crew_board *board; /* what all processes see */
    pid_t *members;
    int count;
    pthread_t watcher; /* waits for the members' ends */
};

/* Before any context: a fork carries none over. `ctx`: for inproc, else NULL. */
void crew_start(struct crew *c, const struct bench *b,
                void (*ask)(struct crew_pair *pair, void *ctx),
                void (*answer)(struct crew_pair *pair, void *ctx));
/* All samples of all pairs, one pair's after another's. */
uint64_t *crew_samples(const struct crew *c);
/* Nanoseconds of the processor that the members have used so far, all their threads. */
uint64_t crew_cpu_ns(const struct crew *c);
/* Waits for the members' ends. */
void crew_end(struct crew *c);

/* Everybody meets: the answering ends are there, and the others may come. */
void crew_meet_all(struct crew_board *board);
/* The asking ends and the leader. */
void crew_meet(struct crew_board *board);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sides: the two processes of a program that starts its other side by itself. The one that was
 * started by the user measures and reports. They talk over a socket beside the measured ones.
 *
 * Neither hangs: who is not done after some two minutes says so and ends, a failure of the other
 * side ends the measuring one, and the other side dies with it.
 * Thread: the main one of each process.
 */
#ifndef ZU_BENCH_SIDES_H
#define ZU_BENCH_SIDES_H

#include "bench/common.h"

#include <pthread.h>
#include <sys/types.h>

struct sides {
    int fd; /* to the other side */
    pid_t child;
    pthread_t watcher; /* waits for the child's end */
};

/* Before any context: a fork carries none over. The child runs `other` and ends. */
void sides_start(struct sides *s, const struct bench *b,
                 void (*other)(const struct bench *b, int fd));
/* Waits for the other side's end, too. */
void sides_end(struct sides *s);

void sides_say(int fd, const void *data, size_t size);
void sides_hear(int fd, void *data, size_t size);

/* A word without a meaning but its time. */
void sides_signal(int fd);
void sides_await(int fd);

#endif

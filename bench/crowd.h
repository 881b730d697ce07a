/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd: many sockets of one type in one context, each with one connection to the same place, and
 * the one socket at that place, which is in the other process.
 * Thread: one, that uses all of them in turn.
 */
#ifndef ZU_BENCH_CROWD_H
#define ZU_BENCH_CROWD_H

#include "bench/common.h"

struct crowd {
    const struct bench *b;
    int type, count;
    void *ctx, **socket;
    char endpoint[256];
};

/* The context, but no socket yet: what these cost may be measured. Hears from `fd` where to go. */
void crowd_init(struct crowd *c, const struct bench *b, int type, int count, int fd);
/* Each socket connects and, if `word` is not NULL, says it. A SUB subscribes to everything. */
void crowd_connect(struct crowd *c, const char *word);
void crowd_close(struct crowd *c);

/* The socket they come to; says on `fd` where that is. */
void *crowd_bind(const struct bench *b, void *ctx, int type, int count, int fd);
/* Receives that many messages, of any number of parts. */
void crowd_gather(void *socket, int count);

#endif

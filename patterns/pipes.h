/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipes: an array of pipes in which every pipe knows its place, so that it is found, moved and
 * removed in constant time. What fq, lb and fan are made of.
 * Thread: the one inside the socket. Owner: embedded by its user.
 */
#ifndef ZU_PATTERNS_PIPES_H
#define ZU_PATTERNS_PIPES_H

#include "engine/core/pipe.h"

/* Which of pipe->at an array may use: a pipe is in one array of each kind at most. */
enum zu_pipes_kind { ZU_PIPES_IN, ZU_PIPES_OUT, ZU_PIPES_ASIDE };

struct zu_pipes {
    struct zu_pipe **item;
    uint32_t count, room;
    uint8_t kind;
};

static inline bool zu_pipes_has(const struct zu_pipes *a, const struct zu_pipe *p)
{
    return p->at[a->kind] < a->count && a->item[p->at[a->kind]] == p;
}

static inline void zu_pipes_swap(struct zu_pipes *a, uint32_t i, uint32_t j)
{
    struct zu_pipe *p = a->item[i], *q = a->item[j];

    a->item[i] = q;
    a->item[j] = p;
    q->at[a->kind] = i;
    p->at[a->kind] = j;
}

void zu_pipes_init(struct zu_pipes *a, enum zu_pipes_kind kind);
void zu_pipes_fini(struct zu_pipes *a);                  /* the pipes are somebody else's */
int zu_pipes_add(struct zu_pipes *a, struct zu_pipe *p); /* at the end; -ENOMEM */
/* The last one takes its place. The pipe is in the array. */
void zu_pipes_remove(struct zu_pipes *a, struct zu_pipe *p);

#endif

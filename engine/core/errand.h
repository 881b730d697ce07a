/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errand: work that may block, done for a loop on a thread of its own, so that no loop and no
 * termination ever waits for it. A context sends a few threads at a time; further errands wait
 * their turn, and a thread that finds none left ends.
 * Thread: the loop's, but for `run`. Owner: whoever embeds it, until it is given to zu_errand_end.
 */
#ifndef ZU_CORE_ERRAND_H
#define ZU_CORE_ERRAND_H

#include "engine/core/ctx.h"

#define ZU_ERRAND_THREADS 8 /* of a context */

enum zu_errand_state {
    ZU_ERRAND_AT_HOME, /* not begun, or `done` was called: whoever embeds it may look at it */
    ZU_ERRAND_WAITING, /* for a thread */
    ZU_ERRAND_AWAY,    /* a thread has it */
    ZU_ERRAND_BACK,    /* its command is in the loop's mailbox */
};

/* Embed one. Zeroed but for the first two. */
struct zu_errand {
    void (*run)(struct zu_errand *e);  /* on the thread; may block; knows nothing but what it has */
    void (*drop)(struct zu_errand *e); /* by whoever has it last, on any thread */
    /* errand.c's: */
    struct zu_errands *office;
    struct zu_loop *loop;
    void (*done)(void *self);
    void *self;
    struct zu_list waiting;
    struct zu_cmd cmd;
    enum zu_errand_state state;
    bool dropped; /* nobody is interested any more */
};

/* `done` is called on the loop when it was run, never from within this. -ENOMEM, -EAGAIN: there is
 * no thread to be had. */
int zu_errand_start(struct zu_errand *e, struct zu_ctx *ctx, struct zu_loop *loop,
                    void (*done)(void *self), void *self);
/* `done` will not be called (any more). Frees it, or leaves that to its thread. */
void zu_errand_end(struct zu_errand *e);

struct zu_errands; /* the threads of a context, and what waits for one */
void zu_errands_drop(struct zu_errands *office); /* or NULL; a thread that is away goes on alone */
void zu_errands_forget(void); /* in a forked child, which has none of the threads */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop: one thread, one kernel boundary, the timers and the mailbox of all that lives on it. A
 * round is: enter the kernel (start, wait, run completions), run the mailbox, fire timers, run what
 * was put off to the end of the round, or for a nap that is over.
 *
 * Thread: its own, but where a function says any. Owner: the context.
 */
#ifndef ZU_IO_LOOP_H
#define ZU_IO_LOOP_H

#include "engine/base/mailbox.h"
#include "engine/base/slab.h"
#include "engine/io/kernel.h"
#include "engine/io/pace.h"
#include "engine/io/timer.h"

#include <pthread.h>
#include <sched.h>

struct zu_loop_config {
    const struct zu_kernel_table *kernel;
    const char *name;   /* of the thread, at most 15 characters */
    int sched_policy;   /* SCHED_*, or -1 */
    int sched_priority; /* or -1 */
    const int *cpus;    /* the thread may run on these; */
    size_t cpu_count;   /* 0: on any */
    bool alone;         /* there is no other loop in the context */
    bool awake;         /* it never sleeps */
};

/* Memory that those who live on a loop keep for each other; see kept.h. It begins with this. */
struct zu_spare {
    struct zu_list link;
    size_t capacity;
};

struct zu_loop {
    struct zu_kernel *kernel;
    struct zu_mailbox box;
    struct zu_heap timers;
    uint64_t now_ms;       /* of this round */
    struct zu_list later;  /* struct zu_later */
    struct zu_list naps;   /* struct zu_later, all due */
    uint64_t nap_end_ns;   /* at this time */
    _Atomic uint32_t load; /* connections that live here; any thread reads it to choose a loop */
    uint64_t rounds;
    uint64_t wakes_owed;        /* sleeps that a post ended: each calls the wake-up exactly once */
    _Atomic uint64_t wakes_had; /* wake-ups that are over: the poster touches the loop no more */
    uint64_t (*clock)(void);    /* nanoseconds; zu_now_ns, or a test's own */
    struct zu_list spares;      /* struct zu_spare */
    uint32_t spare_count;
    size_t written;      /* bytes, by sessions, since the kernel was last asked */
    struct zu_slab slab; /* for small bodies that come in here */
    struct zu_pace pace;
    bool awake;  /* it never sleeps, */
    bool polls;  /* but waits while the kernel polls devices */
    bool marked; /* the mailbox says that we sleep */
    bool ran;    /* what was posted, in this round */
    bool stopping;
    pthread_t thread;
    pid_t pid; /* a forked child has no such thread */
    struct zu_cmd stop_cmd;
};

/* Embed one for work to be done once, at the end of the round. Zeroed but for run; list inited. */
struct zu_later {
    struct zu_list link;
    void (*run)(struct zu_later *l);
};

/* Opens the kernel boundary and starts the thread, with all signals blocked. */
int zu_loop_new(struct zu_loop **out, const struct zu_loop_config *config);
/*
 * Any thread but its own. Ends the thread; nothing lives on the loop any more. In a forked child,
 * which has no such thread, it touches nothing.
 */
void zu_loop_free(struct zu_loop *loop);

/*
 * A loop without a thread: whoever calls these three is its thread. `clock` may be NULL. A round
 * sleeps only when `may_sleep`; it answers what the kernel boundary answered.
 */
int zu_loop_init(struct zu_loop *loop, const struct zu_kernel_table *kernel,
                 uint64_t (*clock)(void));
int zu_loop_round(struct zu_loop *loop, bool may_sleep);
void zu_loop_fini(struct zu_loop *loop);

/* Loop thread. The connection lives here: a loop that never sleeps has its device polled, where the
 * kernel can. */
void zu_loop_meet(struct zu_loop *loop, int fd);

struct zu_loop_stats {
    uint64_t rounds;
    uint64_t load;
    struct zu_kernel_stats kernel;
};

/* Any thread, while the loop is there. */
void zu_loop_stats(const struct zu_loop *loop, struct zu_loop_stats *out);

/* Loop thread. Not of the round, but of now. */
static inline uint64_t zu_loop_clock_ms(const struct zu_loop *loop)
{
    return loop->clock() / 1000000;
}

/* Any thread. The command runs in the next round. Never closed while an object lives here. */
static inline void zu_loop_post(struct zu_loop *loop, struct zu_cmd *cmd)
{
    zu_mailbox_post(&loop->box, cmd);
}

/* Loop thread. At the end of this round; once, however often it was asked for. */
void zu_loop_later(struct zu_loop *loop, struct zu_later *l);
/* Loop thread. After ZU_LOOP_NAP_US at most: all naps of a loop end together. In a round that may
 * not sleep it is over at once. */
#define ZU_LOOP_NAP_US 30
void zu_loop_nap(struct zu_loop *loop, struct zu_later *l);

#endif

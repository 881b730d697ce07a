/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errands under the thread sanitizer: many that two loops start, of which some are ended at once,
 * some while they wait or are away, and some when they are back, and a context that ends while
 * threads are out. Each is freed exactly once, `done` is called for all that nobody ended, and
 * never are more threads out than there may be.
 */
#include "engine/base/alloc.h"
#include "engine/core/errand.h"
#include "engine/core/pattern.h"
#include "engine/core/transport.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ERRANDS = 400, LOOPS = 2, ROUNDS = 10 };

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static _Atomic int out, most_out, freed, ran, done;

struct job {
    struct zu_errand errand;
    struct zu_cmd start, end; /* on its loop */
    struct zu_ctx *ctx;
    struct zu_loop *loop;
    _Atomic bool ended;
    bool hasty; /* it is ended whether it is done or not */
    int written;
};

static struct job jobs[ERRANDS];

static void run(struct zu_errand *e)
{
    struct job *j = zu_container_of(e, struct job, errand);
    int now = atomic_fetch_add(&out, 1) + 1, most = atomic_load(&most_out);

    while (now > most && !atomic_compare_exchange_weak(&most_out, &most, now))
        ;
    for (int i = 0; i < j->written % 7; i++)
        sched_yield();
    j->written++;
    atomic_fetch_add(&ran, 1);
    atomic_fetch_sub(&out, 1);
}

static void set_free(struct zu_errand *e)
{
    struct job *j = zu_container_of(e, struct job, errand);

    j->written = -1; /* nobody else may look at it */
    atomic_fetch_add(&freed, 1);
}

static void came_back(void *self)
{
    struct job *j = self;

    CHECK(j->written > 0);
    atomic_fetch_add(&done, 1);
    j->ended = true;
    zu_errand_end(&j->errand);
}

static void start_one(struct zu_cmd *cmd)
{
    struct job *j = zu_container_of(cmd, struct job, start);

    CHECK(zu_errand_start(&j->errand, j->ctx, j->loop, came_back, j) == 0);
}

static void end_one(struct zu_cmd *cmd)
{
    struct job *j = zu_container_of(cmd, struct job, end);

    if (j->ended)
        return;
    j->ended = true;
    zu_errand_end(&j->errand);
}

static void one_round(unsigned seed)
{
    static const struct zu_transport *const transports[] = {NULL};
    static const struct zu_pattern *const patterns[] = {NULL};
    static const struct zu_tables tables = {.transports = transports, .patterns = patterns};
    struct zu_loop *loops[LOOPS];
    struct zu_ctx *ctx;
    int patient = 0;

    freed = ran = done = 0;
    CHECK(zu_ctx_new(&ctx, &tables) == 0);
    CHECK(zu_ctx_set(ctx, ZMQ_IO_THREADS, LOOPS) == 0);
    for (int i = 0; i < LOOPS; i++)
        CHECK(zu_ctx_pick_loop(ctx, 1u << i, &loops[i]) == 0);
    for (int i = 0; i < ERRANDS; i++) {
        struct job *j = &jobs[i];

        *j = (struct job){.errand = {.run = run, .drop = set_free},
                          .start.run = start_one,
                          .end.run = end_one,
                          .ctx = ctx,
                          .loop = loops[i % LOOPS],
                          .written = rand_r(&seed) % 100};
        j->hasty = rand_r(&seed) % 2;
        patient += !j->hasty;
        zu_loop_post(j->loop, &j->start);
        if (j->hasty && rand_r(&seed) % 4 == 0)
            zu_loop_post(j->loop, &j->end);
    }
    for (int i = 0; i < ERRANDS; i++) /* what is over by now is passed over */
        if (jobs[i].hasty)
            zu_loop_post(jobs[i].loop, &jobs[i].end);
    for (int i = 0; i < ERRANDS; i++)
        while (!atomic_load(&jobs[i].ended))
            sched_yield();
    for (int i = 0; i < LOOPS; i++)
        zu_ctx_unpick_loop(loops[i]);
    CHECK(zu_ctx_term(ctx) == 0);
    while (atomic_load(&freed) < ERRANDS) /* by threads that nobody waits for */
        sched_yield();
    CHECK(freed == ERRANDS && ran <= ERRANDS && done <= ran && done >= patient);
    CHECK(most_out <= ZU_ERRAND_THREADS);
}

int main(void)
{
    for (unsigned i = 1; i <= ROUNDS; i++)
        one_round(i);
    CHECK(most_out > 0);
    return 0;
}

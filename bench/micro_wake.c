/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro_wake: twin of the ways in which one thread wakes another: a loop by a post, over each
 * kernel boundary that this machine grants, and an application's thread by its waiter, on the futex
 * and on the eventfd. Each item is there and back: the woken thread wakes the one that began, which
 * sleeps on a waiter. `awake`: the post to a loop that does not sleep, for comparison.
 */
#include "bench/gbench.h"
#include "engine/base/mailbox.h"
#include "engine/core/waiter.h"
#include "engine/io/loop.h"

#include <pthread.h>

struct answer {
    struct zu_cmd cmd;
    struct zu_waiter *waiter;
    _Atomic uint64_t count;
};

/* On the loop. */
static void answer(struct zu_cmd *cmd)
{
    struct answer *a = zu_container_of(cmd, struct answer, cmd);

    /* Release: who sees the count sees what was done before. */
    atomic_fetch_add_explicit(&a->count, 1, memory_order_release);
    zu_waiter_wake(a->waiter);
}

static void wait_for(struct zu_waiter *w, _Atomic uint64_t *count, uint64_t wanted)
{
    while (atomic_load_explicit(count, memory_order_acquire) < wanted) {
        zu_waiter_wait(w, NULL, 0, UINT64_MAX, NULL);
        zu_waiter_reset(w);
    }
}

static void wake_loop(struct gbench *g, const struct zu_kernel_table *table)
{
    struct zu_loop_config config = {
        .kernel = table, .name = "bench", .sched_policy = -1, .sched_priority = -1, .alone = true};
    struct zu_waiter waiter;
    struct zu_loop *loop;
    struct answer a = {.cmd = {.run = answer}, .waiter = &waiter};
    uint64_t sent = 0;

    zu_waiter_init(&waiter);
    if (zu_loop_new(&loop, &config) < 0) {
        gbench_fail(g, "this machine does not grant it");
        return;
    }
    while (gbench_next(g, 1)) {
        zu_loop_post(loop, &a.cmd);
        wait_for(&waiter, &a.count, ++sent);
    }
    zu_loop_free(loop);
    zu_waiter_fini(&waiter);
}

static void loop_io_uring(struct gbench *g)
{
    wake_loop(g, &zu_kernel_ring);
}

static void loop_readiness(struct gbench *g)
{
    wake_loop(g, &zu_kernel_ready);
}

/* As many commands at once as the argument says; one wake-up for all of them. */
static void loop_posts(struct gbench *g)
{
    enum { MOST = 256 };
    static struct answer a[MOST];
    struct zu_loop_config config = {
        .name = "bench", .sched_policy = -1, .sched_priority = -1, .alone = true};
    int64_t batch = gbench_arg(g);
    struct zu_waiter waiter;
    struct zu_loop *loop;
    const char *reason;
    uint64_t sent = 0;

    config.kernel = zu_kernel_choose(NULL, &reason);
    zu_waiter_init(&waiter);
    for (int i = 0; i < MOST; i++)
        a[i] = (struct answer){.cmd = {.run = answer}, .waiter = &waiter};
    if (zu_loop_new(&loop, &config) < 0) {
        gbench_fail(g, "no loop");
        return;
    }
    while (gbench_next(g, batch)) {
        sent++;
        for (int64_t i = 0; i < batch; i++)
            zu_loop_post(loop, &a[i].cmd);
        for (int64_t i = 0; i < batch; i++)
            wait_for(&waiter, &a[i].count, sent);
    }
    zu_loop_free(loop);
    zu_waiter_fini(&waiter);
}

struct other {
    struct zu_waiter waiter[2]; /* the bench's and the other's */
    _Atomic uint64_t count[2];
    bool descriptors; /* both sleep in ppoll */
    _Atomic bool stop;
};

static void sleep_on(struct other *o, int i)
{
    struct pollfd none = {.fd = -1};

    zu_waiter_wait(&o->waiter[i], &none, o->descriptors, UINT64_MAX, NULL);
    zu_waiter_reset(&o->waiter[i]);
}

static void *echo(void *arg)
{
    struct other *o = arg;
    uint64_t seen = 0;

    for (;;) {
        while (atomic_load_explicit(&o->count[1], memory_order_acquire) == seen)
            sleep_on(o, 1);
        seen++;
        /* Relaxed: the count that was acquired came after it. */
        if (atomic_load_explicit(&o->stop, memory_order_relaxed))
            return NULL;
        atomic_store_explicit(&o->count[0], seen, memory_order_release);
        zu_waiter_wake(&o->waiter[0]);
    }
}

static void say(struct other *o, uint64_t count)
{
    atomic_store_explicit(&o->count[1], count, memory_order_release);
    zu_waiter_wake(&o->waiter[1]);
}

static void wake_waiter(struct gbench *g, bool descriptors)
{
    struct other o = {.descriptors = descriptors};
    uint64_t sent = 0;
    pthread_t thread;

    for (int i = 0; i < 2; i++)
        zu_waiter_init(&o.waiter[i]);
    if (pthread_create(&thread, NULL, echo, &o)) {
        gbench_fail(g, "no thread");
        return;
    }
    while (gbench_next(g, 1)) {
        say(&o, ++sent);
        while (atomic_load_explicit(&o.count[0], memory_order_acquire) < sent)
            sleep_on(&o, 0);
    }
    atomic_store(&o.stop, true);
    say(&o, sent + 1);
    pthread_join(thread, NULL);
    for (int i = 0; i < 2; i++)
        zu_waiter_fini(&o.waiter[i]);
}

static void waiter_futex(struct gbench *g)
{
    wake_waiter(g, false);
}

static void waiter_eventfd(struct gbench *g)
{
    wake_waiter(g, true);
}

/* A wake of who is woken already: what every post but the first pays. */
static void waiter_awake(struct gbench *g)
{
    struct zu_waiter w;

    zu_waiter_init(&w);
    while (gbench_next(g, 16))
        for (int i = 0; i < 16; i++)
            zu_waiter_wake(&w);
    zu_waiter_fini(&w);
}

int main(int argc, char **argv)
{
    static const int64_t batches[] = {1, 16, 256};

    gbench_add("wake_loop_io_uring", loop_io_uring);
    gbench_add("wake_loop_readiness", loop_readiness);
    gbench_add_args("wake_loop_posts", loop_posts, batches, 3);
    gbench_add("wake_waiter_futex", waiter_futex);
    gbench_add("wake_waiter_eventfd", waiter_eventfd);
    gbench_add("wake_waiter_awake", waiter_awake);
    return gbench_main(argc, argv);
}

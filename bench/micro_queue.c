/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro_queue: twin of engine/core/queue: messages from a writer to a reader, on one thread and
 * between two. The argument is how many are written for each flush.
 */
#include "bench/gbench.h"
#include "engine/core/queue.h"

#include <pthread.h>
#include <sched.h>

static int write_batch(struct zu_queue *q, int64_t batch)
{
    struct zu_msg m;
    int rc = 0;

    zu_msg_init(&m);
    m.small_size = 16;
    for (int64_t i = 0; i < batch && !rc; i++) {
        rc = zu_queue_write(q, &m, true);
        m.small_size = 16;
    }
    zu_queue_flush(q);
    return rc;
}

static void one_thread(struct gbench *g)
{
    int64_t batch = gbench_arg(g);
    struct zu_queue q;
    struct zu_msg m;

    zu_queue_init(&q, false);
    while (gbench_next(g, batch)) {
        if (write_batch(&q, batch)) {
            gbench_fail(g, "no memory");
            break;
        }
        while (zu_queue_read(&q, &m))
            zu_msg_close(&m);
    }
    zu_queue_fini(&q);
}

struct reader {
    struct zu_queue queue;
    _Atomic uint64_t read; /* how many; the writer keeps within a window of it */
    _Atomic bool stop;
};

static void *read_all(void *arg)
{
    struct reader *r = arg;
    struct zu_msg m;
    uint64_t count = 0;

    /* Relaxed: `stop` carries nothing but itself. */
    while (!atomic_load_explicit(&r->stop, memory_order_relaxed)) {
        while (zu_queue_read(&r->queue, &m)) {
            zu_msg_close(&m);
            count++;
        }
        /* Relaxed: a number for the writer's window, which orders nothing. */
        atomic_store_explicit(&r->read, count, memory_order_relaxed);
    }
    return NULL;
}

/* The reader polls, so that no wake-up is in the figure. */
static void two_threads(struct gbench *g)
{
    static struct reader r;
    int64_t batch = gbench_arg(g);
    uint64_t written = 0;
    pthread_t thread;

    zu_queue_init(&r.queue, false);
    atomic_store(&r.read, 0);
    atomic_store(&r.stop, false);
    if (pthread_create(&thread, NULL, read_all, &r)) {
        gbench_fail(g, "no thread");
        zu_queue_fini(&r.queue);
        return;
    }
    while (gbench_next(g, batch)) {
        if (write_batch(&r.queue, batch)) {
            gbench_fail(g, "no memory");
            break;
        }
        written += (uint64_t)batch;
        while (written - atomic_load_explicit(&r.read, memory_order_relaxed) > 4096)
            sched_yield();
    }
    atomic_store(&r.stop, true);
    pthread_join(thread, NULL);
    zu_queue_fini(&r.queue);
}

int main(int argc, char **argv)
{
    static const int64_t batches[] = {1, 16, 256};

    gbench_add_args("queue_one_thread", one_thread, batches, 3);
    gbench_add_args("queue_two_threads", two_threads, batches, 3);
    return gbench_main(argc, argv);
}

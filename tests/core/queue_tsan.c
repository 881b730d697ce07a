/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer and a reader pass numbers in batches of random size; the reader sleeps when there is
 * nothing. Some messages have many parts, and some are begun and taken back; at times the writer
 * lets the reader catch up, and chunks are used again. A number that is lost, doubled or out of
 * order fails; a wake-up that is lost keeps the program from ending.
 */
#include "engine/core/queue.h"
#include "engine/core/waiter.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

enum { ITEMS = 2000000, LATEST = 400000, STEPS = 100000 };

static struct zu_queue queue;
static struct zu_waiter waiter;
static int failures;
static _Atomic uint64_t steps_read;

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void write_number(uint64_t number, bool complete)
{
    struct zu_msg m;

    zu_msg_init_copy(&m, &number, sizeof number);
    while (zu_queue_write(&queue, &m, complete) < 0)
        continue;
}

static void flush(void)
{
    if (zu_queue_flush(&queue))
        zu_waiter_wake(&waiter);
}

static void begin_and_take_back(uint32_t parts)
{
    for (uint32_t i = 0; i < parts; i++)
        write_number(UINT64_MAX, false);
    zu_queue_unwrite(&queue);
}

static void *write_all(void *arg)
{
    uint32_t random = 11;
    uint64_t number = 0;

    while (number < ITEMS) {
        uint32_t dice = next_random(&random);
        uint32_t batch = dice % 64 == 0 ? dice / 64 % 1000 : dice / 64 % 12;

        for (; batch > 0 && number < ITEMS; batch--, number++)
            write_number(number, dice % 7 != 0 || batch == 1 || number + 1 == ITEMS);
        if (dice % 5 == 0)
            begin_and_take_back(dice / 5 % 40);
        flush();
    }
    return arg;
}

/* Waits for the reader by a relaxed number, so that nothing but the queue orders its items. */
static void *write_in_step(void *arg)
{
    uint32_t random = 13;
    uint64_t number = 0;

    while (number < STEPS) {
        uint32_t batch = next_random(&random) % 16 ? 1 : 11;

        for (; batch > 0 && number < STEPS; batch--)
            write_number(number++, true);
        flush();
        while (next_random(&random) % 8 &&
               atomic_load_explicit(&steps_read, memory_order_relaxed) < number)
            sched_yield();
    }
    return arg;
}

static void *write_all_latest(void *arg)
{
    uint32_t random = 12;

    for (uint64_t number = 1; number <= LATEST; number++) {
        write_number(number, true);
        if (next_random(&random) % 4 || number == LATEST)
            flush();
    }
    return arg;
}

/* The next number; sleeps while there is none. */
static uint64_t read_number(bool look_first, unsigned long *sleeps)
{
    uint64_t number;
    struct zu_msg m;

    if (look_first && zu_queue_ready(&queue))
        zu_queue_peek(&queue, &m);
    while (!zu_queue_read(&queue, &m)) {
        ++*sleeps;
        zu_waiter_wait(&waiter, NULL, 0, UINT64_MAX, NULL);
        zu_waiter_reset(&waiter);
    }
    memcpy(&number, zu_msg_data(&m), sizeof number);
    zu_msg_close(&m);
    return number;
}

static void passes_in_order(uint64_t count, void *(*writer_of)(void *), bool light)
{
    unsigned long sleeps = 0;
    pthread_t writer;

    zu_waiter_reset(&waiter);
    atomic_store(&steps_read, 0);
    zu_queue_init(&queue, false);
    if (light && zu_barrier_ready())
        zu_queue_make_light(&queue);
    pthread_create(&writer, NULL, writer_of, NULL);
    for (uint64_t n = 0; n < count; n++) {
        uint64_t got = read_number(n % 3 == 0, &sleeps);

        atomic_store_explicit(&steps_read, n + 1, memory_order_relaxed);
        if (got != n && failures++ < 10)
            fprintf(stderr, "%lu came instead of %lu\n", (unsigned long)got, (unsigned long)n);
    }
    pthread_join(writer, NULL);
    zu_queue_fini(&queue);
    printf("in order: %lu items, %lu sleeps\n", (unsigned long)count, sleeps);
}

static void passes_the_latest(void)
{
    unsigned long sleeps = 0, got = 0;
    uint64_t last = 0;
    pthread_t writer;

    zu_queue_init(&queue, true);
    pthread_create(&writer, NULL, write_all_latest, NULL);
    while (last < LATEST) {
        uint64_t number = read_number(got++ % 3 == 0, &sleeps);

        if (number <= last && failures++ < 10)
            fprintf(stderr, "%lu came after %lu\n", (unsigned long)number, (unsigned long)last);
        last = number;
    }
    pthread_join(writer, NULL);
    zu_queue_fini(&queue);
    printf("latest: %lu of %d seen, %lu sleeps\n", got, LATEST, sleeps);
}

int main(void)
{
    zu_waiter_init(&waiter);
    for (int light = 0; light <= 1; light++) {
        passes_in_order(ITEMS, write_all, light);
        passes_in_order(STEPS, write_in_step, light);
    }
    zu_waiter_reset(&waiter);
    passes_the_latest();
    zu_waiter_fini(&waiter);
    return failures != 0;
}

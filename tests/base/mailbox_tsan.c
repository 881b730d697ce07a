/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many posters and one owner who sleeps whenever he can. What is posted lies in plain memory, so
 * the thread sanitizer sees an ordering that is missing; were a post or a wake-up lost, the program
 * would not end.
 */
#include "engine/base/mailbox.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

enum { POSTERS = 4, ENVELOPES = 8, POSTS = 50000, ROUNDS = 20000 };

struct envelope {
    struct zu_cmd cmd;
    int poster;
    uint64_t number;
    _Atomic bool back; /* the owner has read it */
};

static struct zu_mailbox box;
static struct envelope envelopes[POSTERS][ENVELOPES];
static uint64_t next_number[POSTERS], bells_heard[POSTERS];
static _Atomic uint64_t bells_rung[POSTERS];
static struct zu_cmd bell; /* posted by all: some hear ZU_ALREADY */
static _Atomic int failures;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static int wakes, sleeps;

static void wake(struct zu_mailbox *b)
{
    (void)b;
    pthread_mutex_lock(&lock);
    wakes++;
    pthread_cond_signal(&woken);
    pthread_mutex_unlock(&lock);
}

static void sleep_until_woken(void)
{
    pthread_mutex_lock(&lock);
    sleeps++;
    while (wakes < sleeps)
        pthread_cond_wait(&woken, &lock);
    if (wakes != sleeps) {
        failures++;
        fprintf(stderr, "%d wakes for %d sleeps\n", wakes, sleeps);
    }
    pthread_mutex_unlock(&lock);
}

static void open_envelope(struct zu_cmd *cmd)
{
    struct envelope *e = zu_container_of(cmd, struct envelope, cmd);

    if (e->number != next_number[e->poster]++) {
        failures++;
        fprintf(stderr, "poster %d: %lu out of order\n", e->poster, (unsigned long)e->number);
    }
    atomic_store_explicit(&e->back, true, memory_order_release);
}

static void hear_bells(struct zu_cmd *cmd)
{
    (void)cmd;
    for (int i = 0; i < POSTERS; i++)
        bells_heard[i] = atomic_load_explicit(&bells_rung[i], memory_order_relaxed);
}

static void *post_many(void *arg)
{
    int self = (int)(intptr_t)arg;

    for (uint64_t n = 0; n < POSTS; n++) {
        struct envelope *e = &envelopes[self][n % ENVELOPES];

        while (!atomic_load_explicit(&e->back, memory_order_acquire))
            sched_yield();
        atomic_store_explicit(&e->back, false, memory_order_relaxed);
        e->number = n;
        failures += zu_mailbox_post(&box, &e->cmd) != ZU_POSTED;
        atomic_store_explicit(&bells_rung[self], n + 1, memory_order_relaxed);
        failures += zu_mailbox_post(&box, &bell) == ZU_CLOSED;
    }
    return NULL;
}

static bool all_arrived(void)
{
    for (int i = 0; i < POSTERS; i++) {
        if (next_number[i] < POSTS || bells_heard[i] < POSTS)
            return false;
    }
    return true;
}

static void nothing_is_lost_among_many_posters(void)
{
    pthread_t posters[POSTERS];

    zu_mailbox_init(&box, wake);
    bell.run = hear_bells;
    for (int i = 0; i < POSTERS; i++) {
        for (int k = 0; k < ENVELOPES; k++)
            envelopes[i][k] = (struct envelope){{.run = open_envelope}, i, 0, true};
        pthread_create(&posters[i], NULL, post_many, (void *)(intptr_t)i);
    }
    while (!all_arrived()) {
        if (!zu_mailbox_run(&box) && zu_mailbox_sleep(&box))
            sleep_until_woken();
    }
    for (int i = 0; i < POSTERS; i++)
        pthread_join(posters[i], NULL);
    zu_mailbox_close(&box);
    printf("many posters: %d sleeps\n", sleeps);
}

/*
 * Two posters of one command while the owner does not look: the second hears ZU_ALREADY, and what
 * it wrote must be seen none the less. The turns are relaxed atomics, which order nothing else.
 */
static struct zu_cmd shared;
static uint64_t written, read_back;
static _Atomic uint64_t first_posted, second_posted, owner_done;

static void read_written(struct zu_cmd *cmd)
{
    (void)cmd;
    read_back = written;
}

static void wait_for(_Atomic uint64_t *turn, uint64_t round, memory_order order)
{
    while (atomic_load_explicit(turn, order) != round)
        sched_yield();
}

static void *post_first(void *arg)
{
    for (uint64_t n = 1; n <= ROUNDS; n++) {
        wait_for(&owner_done, n - 1, memory_order_acquire);
        failures += zu_mailbox_post(&box, &shared) != ZU_POSTED;
        atomic_store_explicit(&first_posted, n, memory_order_relaxed);
    }
    return arg;
}

static void *post_second(void *arg)
{
    for (uint64_t n = 1; n <= ROUNDS; n++) {
        wait_for(&owner_done, n - 1, memory_order_acquire);
        wait_for(&first_posted, n, memory_order_relaxed);
        written = n;
        failures += zu_mailbox_post(&box, &shared) != ZU_ALREADY;
        atomic_store_explicit(&second_posted, n, memory_order_relaxed);
    }
    return arg;
}

static void what_the_second_poster_wrote_is_seen(void)
{
    pthread_t first, second;

    zu_mailbox_init(&box, wake);
    shared.run = read_written;
    pthread_create(&first, NULL, post_first, NULL);
    pthread_create(&second, NULL, post_second, NULL);
    for (uint64_t n = 1; n <= ROUNDS; n++) {
        wait_for(&second_posted, n, memory_order_relaxed);
        zu_mailbox_run(&box);
        failures += read_back != n;
        atomic_store_explicit(&owner_done, n, memory_order_release);
    }
    pthread_join(first, NULL);
    pthread_join(second, NULL);
}

int main(void)
{
    nothing_is_lost_among_many_posters();
    what_the_second_poster_wrote_is_seen();
    return failures != 0;
}

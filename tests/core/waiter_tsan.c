/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wakers leave word and wake; the sleeper resets, looks and sleeps: on the futex, in ppoll, by a
 * poll of the descriptor as a user with ZMQ_FD does, or by turns. A wake that is lost keeps the
 * program from ending. Each round has a new waiter, so that its eventfd is made while wakes come.
 */
#include "engine/core/waiter.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

enum { WAKERS = 3, GATED_ROUNDS = 20000 };

enum way { BY_FUTEX, BY_PPOLL, BY_ITS_FD, BY_TURNS, WAYS };

static struct zu_waiter waiter;
static _Atomic uint32_t sent[WAKERS], seen[WAKERS];
static uint32_t turns, patience; /* wakes a waker; how many without an answer */
static int failures;

static void *send_and_wake(void *arg)
{
    int self = (int)(intptr_t)arg;

    for (uint32_t n = 1; n <= turns; n++) {
        atomic_store_explicit(&sent[self], n, memory_order_relaxed);
        zu_waiter_wake(&waiter);
        while (n % patience == 0 && atomic_load_explicit(&seen[self], memory_order_relaxed) < n)
            sched_yield();
    }
    return NULL;
}

static bool look(void)
{
    bool all = true;

    for (int i = 0; i < WAKERS; i++) {
        uint32_t n = atomic_load_explicit(&sent[i], memory_order_relaxed);

        atomic_store_explicit(&seen[i], n, memory_order_relaxed);
        all = all && n == turns;
    }
    return all;
}

static void sleep_once(enum way way, uint32_t turn)
{
    struct pollfd fd = {.fd = -1, .events = POLLIN};

    switch (way == BY_TURNS ? (enum way)(turn % BY_TURNS) : way) {
    case BY_FUTEX: zu_waiter_wait(&waiter, NULL, 0, UINT64_MAX, NULL); break;
    case BY_PPOLL: zu_waiter_wait(&waiter, &fd, 1, UINT64_MAX, NULL); break;
    default:
        failures += zu_waiter_make_fd(&waiter) != 0;
        fd.fd = waiter.fd;
        poll(&fd, 1, -1);
    }
}

static void no_wake_is_lost(enum way way, int rounds)
{
    pthread_t wakers[WAKERS];
    unsigned long sleeps = 0;

    for (int round = 0; round < rounds; round++) {
        zu_waiter_init(&waiter);
        for (int i = 0; i < WAKERS; i++) {
            atomic_store(&sent[i], 0);
            atomic_store(&seen[i], 0);
            pthread_create(&wakers[i], NULL, send_and_wake, (void *)(intptr_t)i);
        }
        for (uint32_t turn = 0;; turn++) {
            zu_waiter_reset(&waiter);
            if (look())
                break;
            sleep_once(way, turn);
            sleeps++;
        }
        for (int i = 0; i < WAKERS; i++)
            pthread_join(wakers[i], NULL);
        zu_waiter_fini(&waiter);
    }
    printf("way %d: %lu sleeps\n", (int)way, sleeps);
}

/*
 * Two wakers one after the other, and then a reset: it must come after both, so that what they
 * wrote before is seen. The turns are relaxed atomics, which order nothing else.
 */
static uint64_t written[2];
static _Atomic uint64_t woke[2], reset_done;

static void wait_for(_Atomic uint64_t *turn, uint64_t round, memory_order order)
{
    while (atomic_load_explicit(turn, order) != round)
        sched_yield();
}

static void *write_and_wake(void *arg)
{
    int self = (int)(intptr_t)arg;

    for (uint64_t n = 1; n <= GATED_ROUNDS; n++) {
        wait_for(&reset_done, n - 1, memory_order_acquire);
        if (self == 1)
            wait_for(&woke[0], n, memory_order_relaxed);
        written[self] = n;
        zu_waiter_wake(&waiter);
        atomic_store_explicit(&woke[self], n, memory_order_relaxed);
    }
    return NULL;
}

static void a_reset_comes_after_all_the_wakes_it_forgets(void)
{
    pthread_t wakers[2];

    zu_waiter_init(&waiter);
    for (int i = 0; i < 2; i++)
        pthread_create(&wakers[i], NULL, write_and_wake, (void *)(intptr_t)i);
    for (uint64_t n = 1; n <= GATED_ROUNDS; n++) {
        wait_for(&woke[1], n, memory_order_relaxed);
        zu_waiter_reset(&waiter);
        failures += written[0] != n || written[1] != n;
        atomic_store_explicit(&reset_done, n, memory_order_release);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(wakers[i], NULL);
    zu_waiter_fini(&waiter);
}

int main(void)
{
    for (int way = 0; way < WAYS; way++) {
        turns = 40;
        patience = 4;
        no_wake_is_lost((enum way)way, 300);
        turns = 30000;
        patience = 1000;
        no_wake_is_lost((enum way)way, 2);
    }
    a_reset_comes_after_all_the_wakes_it_forgets();
    return failures != 0;
}

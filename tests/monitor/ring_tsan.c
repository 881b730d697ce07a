/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many writers and one reader of a small ring. What is put in lies in plain memory, so the thread
 * sanitizer sees an ordering that is missing. Each writer's events come in order, none twice, and
 * what does not come was counted as lost.
 */
#include "monitor/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum { WRITERS = 4, EVENTS = 60000, COUNT = 16 };

static struct zu_event_ring ring;
static _Atomic int writing = WRITERS;
static uint64_t refused[WRITERS];

static void *write_events(void *arg)
{
    uint64_t *mine = arg;
    uint32_t me = (uint32_t)(mine - refused);
    char text[300];

    memset(text, 'a' + (int)me, sizeof text);
    for (uint64_t i = 1; i <= EVENTS; i++) {
        size_t size = i % 100 == 0 ? sizeof text - 1 : i % 40;
        struct zu_event e = {.event = me, .value = i, .local = text, .remote = ""};

        text[size] = '\0';
        if (!zu_event_ring_put(&ring, &e)) {
            ++*mine;
            sched_yield();
        }
        text[size] = (char)('a' + (int)me);
    }
    writing--;
    return NULL;
}

static int check(const struct zu_event *e, uint64_t *last)
{
    size_t size = e->value % 100 == 0 ? 299 : e->value % 40;

    if (e->event >= WRITERS || e->value <= last[e->event] || strlen(e->local) != size ||
        (size && (e->local[0] != 'a' + (int)e->event || e->local[size - 1] != e->local[0])))
        return 1;
    last[e->event] = e->value;
    return 0;
}

int main(void)
{
    pthread_t threads[WRITERS];
    uint64_t last[WRITERS] = {0}, came = 0, lost = 0;
    struct zu_event e;
    int faults = 0;
    bool over;

    if (zu_event_ring_init(&ring, COUNT) < 0)
        return 1;
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&threads[i], NULL, write_events, &refused[i]);
    do {
        over = writing == 0; /* before the last look */
        while (zu_event_ring_peek(&ring, &e)) {
            faults += check(&e, last);
            zu_event_ring_drop(&ring);
            came++;
        }
        sched_yield();
    } while (!over);
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        lost += refused[i];
    }
    if (faults || came + lost != (uint64_t)WRITERS * EVENTS || zu_event_ring_lost(&ring) != lost) {
        fprintf(stderr, "%d faults, %llu came, %llu lost, %llu counted\n", faults,
                (unsigned long long)came, (unsigned long long)lost,
                (unsigned long long)zu_event_ring_lost(&ring));
        return 1;
    }
    zu_event_ring_fini(&ring);
    return 0;
}

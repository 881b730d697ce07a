/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule: every order in which a few threads can meet.
 *
 * The threads are contexts of one real thread, and exactly one runs at a time. At a point (an
 * atomic access, a system call: points.h) it is decided who goes on. A schedule is a row of such
 * decisions. The first lets everybody run for as long as he can; then, depth first, every decision
 * is made in every other way, each time in a new world, with one limit: a thread that could go on
 * is stopped in favour of another at most so many times. Few mistakes need more than two stops.
 *
 * To stop before an access to a word that no other thread changes, or, where it is changed, reads,
 * is the same as to stop at the next point. Which sites, for which thread, access others is learnt
 * from the schedules with no stop and one, where a stop may be anywhere; if a later one teaches
 * more, those with as many stops are all played again.
 *
 * Time is that of scripted.h. It passes where a test lets it, a little with each yield, and, when
 * nobody can go on, to the first deadline. If there is none somebody waits for ever: the test
 * fails. It fails as well when somebody goes on for ever, and when a schedule that was begun in the
 * same way does not go the same way. Then the schedule is printed, and how to play it again.
 *
 * All accesses take place in one order here, whatever order of memory they ask for: that is for the
 * thread sanitizer.
 */
#ifndef ZU_TESTS_INTERLEAVE_SCHEDULE_H
#define ZU_TESTS_INTERLEAVE_SCHEDULE_H

#include "tests/interleave/points.h"

struct play {
    const char *name;
    void (*begin)(void); /* makes a new world, and its threads */
    void (*end)(void);   /* looks at what has become of it */
};

/* Plays all schedules with at most so many stops, fewer first. How many that were. */
uint64_t schedule_all(const struct play *p, unsigned stops);
/* The one schedule that a failure has printed. */
void schedule_one(const struct play *p, unsigned stops, const char *decisions);
unsigned schedule_longest(void); /* points of the longest schedule of the last play */

/* In `begin`. A servant may go on for ever: he is asked to end when all the others have. */
void schedule_thread(const char *name, void (*run)(void *), void *arg);
void schedule_servant(const char *name, void (*run)(void *), void *arg);

/* In a thread; anywhere else there are no points. */
bool schedule_runs(void);
bool schedule_is_over(void); /* of a servant's: he is to end */
/* A system call, or what the world does: see points.h. */
#define POINT(what) ZU_POINT(what, true, NULL)
/* Others first: it has to wait for them. */
void point_yield(void);
/* Waits until `ready`, which is asked at points of others. False: the deadline came first. */
bool point_wait(bool (*ready)(void *), void *arg, uint64_t deadline_ns);
#define POINT_NEVER UINT64_MAX

_Noreturn void schedule_fail(const char *file, int line, const char *what);
#define SCHEDULE_CHECK(cond)                                                                       \
    do {                                                                                           \
        if (!(cond))                                                                               \
            schedule_fail(__FILE__, __LINE__, #cond);                                              \
    } while (0)

#endif

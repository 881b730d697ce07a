/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waits: to receive a message, waiting for it in one of all the ways that zmq.h has; and what the
 * soaks need besides.
 * Thread: any; a socket is one thread's at a time.
 */
#ifndef ZU_TESTS_SOAK_WAITS_H
#define ZU_TESTS_SOAK_WAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOOK_MS = 20 }; /* a wait in vain; ZMQ_RCVTIMEO should be the same */

/* Tells on stderr what went wrong, and ends the process. */
_Noreturn void fail(const char *form, ...) __attribute__((format(printf, 1, 2)));

/* A number below `below`; *random is not 0. */
uint64_t chance(uint64_t *random, uint64_t below);
uint64_t now_us(void);
/* Does nothing, without a system call that sleeps. */
void compute(uint64_t us);

void set(void *s, int option, int value);

/* Whether the last call was: then it is counted, too. */
bool was_interrupted(void);
uint64_t interruptions(void);

/* In a way that chance has. The size of what came; -1 when nothing has, for about LOOK_MS if it
 * sleeps, for busy_us if it asks again and again. */
int hear(void *s, void *buf, size_t size, uint64_t *random, uint64_t busy_us);

#endif

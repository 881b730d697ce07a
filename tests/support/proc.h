/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc: what the process holds, as the kernel sees it.
 * Thread: any.
 */
#ifndef ZU_TESTS_SUPPORT_PROC_H
#define ZU_TESTS_SUPPORT_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

int test_threads(void);       /* tasks of this process */
int test_descriptors(void);   /* open ones */
bool test_others_sleep(void); /* every other thread of the process */
/*
 * fork, of a child that is killed when its parent dies. Waits until every other thread of the
 * process sleeps: the child has none of them, and would wait for ever for what one had locked. (The
 * C library's allocator bears that; the sanitizers' does not.)
 */
pid_t test_fork(void);
size_t test_resident_kib(void);
/* Opens descriptors until `left` remain below the limit; test_give_descriptors closes them. A
 * thread that has not allocated yet makes it inexact: for its first memory the C library opens a
 * file for a moment. So the loops must have done something before. */
void test_take_descriptors(int left);
void test_give_descriptors(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc: what the process holds, as the kernel sees it.
 * Thread: any.
 */
#ifndef ZU_TESTS_SUPPORT_PROC_H
#define ZU_TESTS_SUPPORT_PROC_H

#include <stddef.h>

int test_threads(void);     /* tasks of this process */
int test_descriptors(void); /* open ones */
size_t test_resident_kib(void);
/* Opens descriptors until `left` remain below the limit; test_give_descriptors closes them. */
void test_take_descriptors(int left);
void test_give_descriptors(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait: waiting for a condition with a deadline, the only way in which tests let time pass.
 * Thread: any.
 */
#ifndef ZU_TESTS_SUPPORT_WAIT_H
#define ZU_TESTS_SUPPORT_WAIT_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>

/* Long: on a machine that others load, what is right takes long, too. */
enum { TEST_DEADLINE_MS = 60000 };

int64_t test_now_ms(void); /* monotonic */
void test_pause(void);     /* a millisecond: the step of WAIT, nothing to rely on */

/* Ends the test as failed when `cond` is still false at the deadline. Evaluates it repeatedly. */
#define WAIT(cond)                                                                                 \
    do {                                                                                           \
        int64_t until_ms_ = test_now_ms() + TEST_DEADLINE_MS;                                      \
        while (!(cond)) {                                                                          \
            cr_assert(test_now_ms() < until_ms_, "never came true: %s", #cond);                    \
            test_pause();                                                                          \
        }                                                                                          \
    } while (0)

#endif

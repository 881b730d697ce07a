/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait: polls a millisecond at a time. A condition that comes true at once costs no sleep.
 */
#include "tests/support/wait.h"

#include <time.h>

int64_t test_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

void test_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expect: for a program with several threads that is no Criterion test: what went wrong is told and
 * counted, and the rest goes on. The program answers whether there are faults.
 * Thread: any.
 */
#ifndef ZU_TESTS_SUPPORT_EXPECT_H
#define ZU_TESTS_SUPPORT_EXPECT_H

#include "include/zmq.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

static _Atomic int faults;

static inline void expect(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno()));
    faults++;
}

#endif

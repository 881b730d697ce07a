/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lone: lone messages between two sockets of the test's context that are connected.
 * Thread: the test's main thread, and one of its own.
 */
#ifndef ZU_TESTS_SUPPORT_LONE_H
#define ZU_TESTS_SUPPORT_LONE_H

/* They go to and fro until it has been seen that a row of them was sent and received by the threads
 * that call, with no I/O thread in between. */
void test_goes_by_hand(void *first, void *second);

/* While the second streams to the first, which so has its I/O thread receive, the first says
 * something now and then. All of it arrives, in its order. */
void test_speaks_amid_a_stream(void *first, void *second);

#endif

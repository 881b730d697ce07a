/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group plays: what holds of speakers and listeners of a group, whatever carries it. Each takes
 * speakers that are not connected yet, unless it says otherwise, and makes the listeners.
 * Thread: the test's main thread.
 */
#ifndef ZU_TESTS_SUPPORT_GROUP_PLAYS_H
#define ZU_TESTS_SUPPORT_GROUP_PLAYS_H

#include "tests/support/group.h"

/* Each message is `more` bytes longer than the last. */
void test_group_theirs_hear(const char *at, void *pub, int more);
/* `count` messages; `rate` is theirs to set, or 0. */
void test_group_ours_hear(const char *at, int count, int rate);

/* The two are connected and hear each other, and some of what is sent is lost. On a machine that is
 * too slow for all to come within the times of the protocol a message is given up, and said once
 * more. */
void test_group_sends_again(void *pub, void *sub, int size);

void test_group_fills(const char *at, void *pub);
void test_group_does_not_mix(const char *at, void *const pub[2]);
void test_group_lingers(const char *at, void *pub);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group: multicast groups on the loopback interface, and sockets that meet there. A listener hears
 * nothing of what was said before it came, so first is said again and again what is to be heard.
 * Thread: the test's main thread.
 */
#ifndef ZU_TESTS_SUPPORT_GROUP_H
#define ZU_TESTS_SUPPORT_GROUP_H

#include "tests/support/pair.h"

#include <netinet/in.h>

/* An endpoint that nobody else is at, valid until the next call; skips the test where what is sent
 * to a group does not come back. */
const char *test_group(const char *scheme);
struct sockaddr_in test_group_of(const char *endpoint);

void *test_fast(int type); /* a socket that sends a gigabit a second, and has no water marks */
bool test_has_something(void *socket, long ms);

/* Until our listener has heard `first` of our speaker; and nothing of it is left. */
void test_hears(void *pub, void *sub, const char *first);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain: ordinary sockets at an endpoint's address, for peers that speak no ZMTP.
 * Thread: the test's main thread.
 */
#ifndef ZU_TESTS_SUPPORT_PLAIN_H
#define ZU_TESTS_SUPPORT_PLAIN_H

#include <stdbool.h>

int test_plain_listen(const char *endpoint);
int test_plain_connect(const char *endpoint);
int test_plain_accept(int fd);                      /* waits until the deadline */
void test_plain_read(int fd, const char *expected); /* exactly that */
bool test_plain_has_ended(int fd);                  /* the peer has closed */

#endif

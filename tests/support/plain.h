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

/* The side of a STREAM or a raw ROUTER: an id of five octets that begins with 0, then `text`. */
void test_recv_from(void *socket, unsigned char id[5], const char *text);
void test_send_to(void *socket, const unsigned char id[5], const char *text);

#endif

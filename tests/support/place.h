/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place: endpoints nobody else uses: free ports, names, files in a folder of the test's own.
 * Thread: the test's main thread.
 */
#ifndef ZU_TESTS_SUPPORT_PLACE_H
#define ZU_TESTS_SUPPORT_PLACE_H

enum test_transport { TEST_INPROC, TEST_IPC, TEST_TCP, TEST_WS, TEST_TLS, TEST_TRANSPORTS };

/* A new endpoint, fit to be bound or connected to first. Valid until the process ends. */
const char *test_endpoint(enum test_transport transport);
int test_free_port(void);      /* on 127.0.0.1, below the range that connects take theirs from */
const char *test_tmpdir(void); /* made on the first call */
void test_tmpdir_remove(void); /* with the files in it */

#endif

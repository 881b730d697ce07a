/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pair: a test's context and sockets in one line each. Every socket gets time-outs, so that a
 * blocking call that should have ended fails the test instead of hanging it; test_end, the fini of
 * every suite, closes what is left and terminates the context, which every test so proves to work.
 * Thread: the test's main thread.
 */
#ifndef ZU_TESTS_SUPPORT_PAIR_H
#define ZU_TESTS_SUPPORT_PAIR_H

#include "tests/support/place.h"
#include "tests/support/talk.h"

#include <criterion/parameterized.h>

void *test_ctx(void); /* made on the first call */
void *test_socket(int type);
void *test_untimed(int type); /* without time-outs, as libraries make it */
void test_close(void *socket);
void test_end(void);

/* Sockets made from now on can be used over it: they have certificates where it needs them. */
void test_over(enum test_transport transport);
void test_fit_out(void *socket); /* the same for one that was made otherwise */

/* Endpoints: both fail the test on an error. */
void test_bind(void *socket, const char *endpoint);
void test_connect(void *socket, const char *endpoint);
/* A new socket that is bound or connected. */
void *test_bound(int type, const char *endpoint);
void *test_connected(int type, const char *endpoint);

/* Whether behaviour beyond 4.3.4's is to be expected. */
bool test_newer(void);

/*
 * Publishes until each subscriber, which must have subscribed to everything, has seen one message,
 * then reads what else was published meanwhile: after it all subscriptions are in place.
 */
void test_meet(void *pub, void *const *subs, int count);

/* For who says something again and again until it is heard: pauses, after many times for longer. On
 * a slow machine it so stays below the water marks. */
void test_pause_longer(int times);

#define TEST_SUITE(name) TestSuite(name, .fini = test_end, .timeout = 600)

/* A test for each transport, which it finds in `transport`. */
#define EACH_TRANSPORT(suite, name)                                                                \
    static void suite##_##name(enum test_transport transport);                                     \
    ParameterizedTestParameters(suite, name)                                                       \
    {                                                                                              \
        static int all[] = {TEST_INPROC, TEST_IPC, TEST_TCP, TEST_WS, TEST_TLS};                   \
        return cr_make_param_array(int, all, TEST_TRANSPORTS - !ZU_HAS_TLS);                       \
    }                                                                                              \
    ParameterizedTest(int *one, suite, name)                                                       \
    {                                                                                              \
        test_over((enum test_transport) * one);                                                    \
        suite##_##name((enum test_transport) * one);                                               \
    }                                                                                              \
    static void suite##_##name(enum test_transport transport)

/* The same where ZMTP is spoken on a stream of bytes. */
#define EACH_STREAM(suite, name)                                                                   \
    static void suite##_##name(enum test_transport transport);                                     \
    ParameterizedTestParameters(suite, name)                                                       \
    {                                                                                              \
        static int all[] = {TEST_IPC, TEST_TCP};                                                   \
        return cr_make_param_array(int, all, 2);                                                   \
    }                                                                                              \
    ParameterizedTest(int *one, suite, name)                                                       \
    {                                                                                              \
        suite##_##name((enum test_transport) * one);                                               \
    }                                                                                              \
    static void suite##_##name(enum test_transport transport)

#endif

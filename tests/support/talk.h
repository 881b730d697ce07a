/* SPDX-License-Identifier: Apache-2.0 */
/*
 * talk: what a test says to a socket and expects of it, a line each, failing in that line.
 * Thread: the thread that owns the socket.
 */
#ifndef ZU_TESTS_SUPPORT_TALK_H
#define ZU_TESTS_SUPPORT_TALK_H

#include "tests/support/text.h"
#include "tests/support/wait.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <zmq.h>

int test_fill(void *socket);  /* sends small messages until EAGAIN: how many went */
int test_drain(void *socket); /* receives until EAGAIN: how many messages came */

int test_events(void *socket);
/* Lets the socket take in what peers have told it, which it does inside calls only. */
void test_catch_up(void *socket);
int test_get(void *socket, int option); /* -1 and errno when it fails */
int test_set(void *socket, int option, int value);
int test_set_text(void *socket, int option, const char *value);

/* These fail in the caller's line. The blocking ones end by the sockets' time-outs. */
#define SEND(s, ...)                                                                               \
    do {                                                                                           \
        int error_ = test_send((s), 0, __VA_ARGS__);                                               \
        cr_assert_eq(error_, 0, "send(%s): %s", test_text(__VA_ARGS__), test_error(error_));       \
    } while (0)

#define SEND_GIVES(expected, s, ...)                                                               \
    do {                                                                                           \
        const char *seen_ = test_error(test_send((s), ZMQ_DONTWAIT, __VA_ARGS__));                 \
        cr_assert_str_eq(seen_, test_error(expected), "send(%s): %s instead of %s",                \
                         test_text(__VA_ARGS__), seen_, test_error(expected));                     \
    } while (0)

#define RECV(s, ...)                                                                               \
    do {                                                                                           \
        const char *expected_ = test_text(__VA_ARGS__), *seen_ = test_recv((s), 0);                \
        cr_assert_str_eq(seen_, expected_, "received \"%s\" instead of \"%s\"", seen_, expected_); \
    } while (0)

#define RECV_GIVES(expected, s)                                                                    \
    do {                                                                                           \
        const char *seen_ = test_recv((s), ZMQ_DONTWAIT);                                          \
        const char *expected_ = test_text("!%s", test_error(expected));                            \
        cr_assert_str_eq(seen_, expected_, "received \"%s\" instead of %s", seen_, expected_);     \
    } while (0)

#define FAILS(error, call)                                                                         \
    do {                                                                                           \
        int rc_ = (call), errno_ = errno;                                                          \
        cr_assert_eq(rc_, -1, "%s succeeded", #call);                                              \
        cr_assert_eq(errno_, (error), "%s: %s instead of %s", #call, test_error(errno_),           \
                     test_error(error));                                                           \
    } while (0)

#define OK(call)                                                                                   \
    do {                                                                                           \
        int rc_ = (call);                                                                          \
        cr_assert_neq(rc_, -1, "%s: %s", #call, test_error(errno));                                \
    } while (0)

#define SET(s, option, value)      OK(test_set((s), (option), (value)))
#define SET_TEXT(s, option, value) OK(test_set_text((s), (option), (value)))
#define SUBSCRIBE(s, topic)        SET_TEXT((s), ZMQ_SUBSCRIBE, (topic))
#define UNSUBSCRIBE(s, topic)      SET_TEXT((s), ZMQ_UNSUBSCRIBE, (topic))

#endif

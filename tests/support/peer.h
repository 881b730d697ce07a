/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: a program linked with the distribution's libzmq, driven line by line. Its commands are
 * listed in tests/interop/peer.c. Every answer has a deadline; peer_end, part of the fini of each
 * interop suite, leaves no process behind.
 * Thread: the test's main thread.
 */
#ifndef ZU_TESTS_SUPPORT_PEER_H
#define ZU_TESTS_SUPPORT_PEER_H

#include "tests/support/pair.h"

#include <sys/types.h>

struct test_peer {
    pid_t pid; /* 0: none */
    int to, from;
    char line[8192]; /* what came and was not handed out yet */
    size_t held;
};

void test_peer_start(struct test_peer *peer);
void test_peer_kill(struct test_peer *peer); /* at once, and reaped */
void test_peer_tell(struct test_peer *peer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The answer: "ok", "ok TEXT" or "err NAME". Valid for the next seven calls. */
const char *test_peer_answer(struct test_peer *peer);
bool test_peer_has_answered(struct test_peer *peer);
void test_peer_end(void); /* kills all and calls test_end */

/* A command that has to succeed. */
#define PEER(p, ...)                                                                               \
    do {                                                                                           \
        const char *answer_;                                                                       \
        test_peer_tell((p), __VA_ARGS__);                                                          \
        answer_ = test_peer_answer(p);                                                             \
        cr_assert_eq(strncmp(answer_, "ok", 2), 0, "peer: %s: %s", test_text(__VA_ARGS__),         \
                     answer_);                                                                     \
    } while (0)

/* A command whose answer is known. */
#define PEER_SAYS(p, expected, ...)                                                                \
    do {                                                                                           \
        const char *answer_;                                                                       \
        test_peer_tell((p), __VA_ARGS__);                                                          \
        answer_ = test_peer_answer(p);                                                             \
        cr_assert_str_eq(answer_, (expected), "peer: %s: \"%s\" instead of \"%s\"",                \
                         test_text(__VA_ARGS__), answer_, (expected));                             \
    } while (0)

#define PEER_RECV(p, ...) PEER_SAYS((p), test_text("ok %s", test_text(__VA_ARGS__)), "recv 0")

#define INTEROP_SUITE(name) TestSuite(name, .fini = test_peer_end, .timeout = 600)

#endif

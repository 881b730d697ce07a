/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS where the kernel seals what we send. All other tests of TLS run there, too; these need it,
 * or show what is different.
 */
#define ZMQ_BUILD_DRAFT_API /* zmq_socket_monitor_versioned */
#include "tests/monitor/watch.h"
#include "tests/security/tls_peer.h"
#include "tests/security/tls_sockets.h"
#include "tests/support/body.h"
#include "tests/support/pair.h"
#include "tests/support/talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zuring.h>

TEST_SUITE(ktls);

#define NEEDS_IT                                                                                   \
    do {                                                                                           \
        if (!tls_in_kernel())                                                                      \
            cr_skip_test("this kernel has no TLS at hand: %s", strerror(errno));                   \
    } while (0)

static void pass(void *from, void *to, size_t size)
{
    zmq_msg_t m;
    uint64_t hash;

    cr_assert_eq(zmq_msg_init_size(&m, size), 0);
    test_body_fill(zmq_msg_data(&m), size, size);
    hash = test_body_hash(zmq_msg_data(&m), size);
    OK(zmq_msg_send(&m, from, 0));
    cr_assert_eq(zmq_msg_init(&m), 0);
    OK(zmq_msg_recv(&m, to, 0));
    cr_assert_eq(zmq_msg_size(&m), size);
    cr_assert_eq(test_body_hash(zmq_msg_data(&m), size), hash);
    zmq_msg_close(&m);
}

Test(ktls, each_side_has_the_kernel_seal)
{
    static const size_t sizes[] = {1, 100, 5000, 16360, 16384, 100000, 3000000};
    const char *at = tls_place();
    void *b, *c;

    NEEDS_IT;
    b = tls_server(ZMQ_PAIR, TEST_SERVER, at);
    c = tls_client(ZMQ_PAIR);
    OK(zmq_connect(c, at));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        pass(b, c, sizes[i]);
        pass(c, b, sizes[i]);
    }
    cr_assert_eq(tls_count_sealed(), 2);
}

/* With what the kernel does not know, OpenSSL does it. */
Test(ktls, every_suite_is_spoken)
{
    static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                         "TLS_CHACHA20_POLY1305_SHA256"};
    bool in_kernel = tls_in_kernel();

    for (int i = 0; i < 3; i++) {
        const char *at = tls_place();
        void *b = tls_server(ZMQ_PAIR, TEST_SERVER, at);
        struct tls_peer p = tls_dial_by(at, suites[i]);

        tls_shake_zmtp(&p, "PAIR");
        tls_say_part(&p, "which");
        RECV(b, "which");
        SEND(b, "this");
        tls_hear_part(&p, "this");
        cr_assert_eq(tls_count_sealed(), in_kernel && i < 2, "%s", suites[i]);
        test_close(b);
        cr_assert(tls_hear_end(&p), "%s", suites[i]);
        tls_hang_up(&p);
    }
}

/* What the kernel has sealed waits in two places for a reader who is slow: all of it is sent. */
Test(ktls, what_was_said_before_a_close_arrives)
{
    enum { COUNT = 60, SIZE = 100001 };
    const char *at = tls_place();
    void *b = test_socket(ZMQ_PULL), *c = tls_client(ZMQ_PUSH);
    uint64_t hashes[COUNT];
    char *body = malloc(SIZE);

    NEEDS_IT;
    cr_assert_not_null(body);
    test_be(b, TEST_SERVER);
    SET(b, ZMQ_RCVHWM, 1);
    SET(b, ZMQ_RCVBUF, 4096);
    test_bind(b, at);
    SET(c, ZMQ_SNDBUF, 4096);
    SET(c, ZMQ_LINGER, -1);
    OK(zmq_connect(c, at));
    for (int i = 0; i < COUNT; i++) {
        test_body_fill(body, SIZE, (uint64_t)i);
        hashes[i] = test_body_hash(body, SIZE);
        OK(zmq_send(c, body, SIZE, 0));
    }
    test_close(c);
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(zmq_recv(b, body, SIZE, 0), SIZE, "%d: %s", i, test_error(errno));
        cr_assert_eq(test_body_hash(body, SIZE), hashes[i], "%d", i);
    }
    free(body);
}

Test(ktls, a_peer_that_asks_for_new_keys_is_left)
{
    const char *at = tls_place();
    void *b, *events;
    struct tls_peer p;
    struct zuring_event r;

    NEEDS_IT;
    b = tls_server(ZMQ_PAIR, TEST_SERVER, at);
    events = tls_records(b, ZMQ_EVENT_DISCONNECTED);
    p = tls_dial(at, TLS_NOBODY);
    tls_shake_zmtp(&p, "PAIR");
    tls_renew_keys(&p, true);
    tls_say_part(&p, "new");
    r = tls_next(events);
    cr_assert_eq(r.error, EPROTO);
    cr_assert_str_eq(r.reason, "the peer asks for new keys, and the kernel keeps its own");
    tls_hang_up(&p);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A build without TLS (-Dtls=false) says so, and everything else is there.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/support/pair.h"
#include "tests/support/talk.h"

#include <zuring.h>

TEST_SUITE(no_tls);

static const char *const endpoints[] = {"tls://127.0.0.1:*", "tls://127.0.0.1:5555",
                                        "wss://127.0.0.1:*", "wss://127.0.0.1:5555/path"};

Test(no_tls, it_is_not_there)
{
    cr_assert_eq(zmq_has("tls"), 0);
    cr_assert_eq(zmq_has("WSS"), 0);
    cr_assert_eq(zmq_has("WS"), 1);
}

Test(no_tls, its_endpoints_are_of_an_unknown_protocol)
{
    void *s = test_socket(ZMQ_PUSH);

    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        FAILS(EPROTONOSUPPORT, zmq_bind(s, endpoints[i]));
        FAILS(EPROTONOSUPPORT, zmq_connect(s, endpoints[i]));
        FAILS(EPROTONOSUPPORT, zmq_disconnect(s, endpoints[i]));
        FAILS(EPROTONOSUPPORT, zmq_unbind(s, endpoints[i]));
    }
}

Test(no_tls, nor_is_anything_known_of_certificates)
{
    void *s = test_socket(ZMQ_PUSH);

    FAILS(EINVAL, test_set_text(s, ZURING_TLS_CERT_PEM, "a certificate"));
    FAILS(EINVAL, test_set_text(s, ZURING_TLS_HOSTNAME, "localhost"));
}

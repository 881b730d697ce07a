/* SPDX-License-Identifier: Apache-2.0 */
#define ZMQ_BUILD_DRAFT_API /* zmq_socket_monitor_versioned */
#include "tests/security/tls_sockets.h"

#include "tests/monitor/watch.h"
#include "tests/support/pair.h"
#include "tests/support/talk.h"

const char *tls_place(void)
{
    return test_endpoint(TEST_TLS);
}

void *tls_server(int type, enum test_identity who, const char *at)
{
    void *s = test_socket(type);

    test_be(s, who);
    test_trust(s, TEST_CA);
    test_bind(s, at);
    return s;
}

void *tls_client(int type)
{
    void *s = test_socket(type);

    test_trust(s, TEST_CA);
    SET(s, ZMQ_LINGER, 0);
    SET(s, ZMQ_RECONNECT_STOP, ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED);
    return s;
}

void *tls_records(void *socket, uint64_t events)
{
    const char *name = watch_name();

    OK(zmq_socket_monitor_versioned(socket, name, events, ZURING_EVENT_VERSION, ZMQ_PAIR));
    return watch_reader(ZMQ_PAIR, name);
}

struct zuring_event tls_next(void *reader)
{
    struct zuring_event r;

    cr_assert_eq(zmq_recv(reader, &r, sizeof r, 0), sizeof r, "%s", test_error(errno));
    return r;
}

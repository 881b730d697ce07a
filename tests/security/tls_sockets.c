/* SPDX-License-Identifier: Apache-2.0 */
#define ZMQ_BUILD_DRAFT_API /* zmq_socket_monitor_versioned */
#include "tests/security/tls_sockets.h"

#include "tests/monitor/watch.h"
#include "tests/support/pair.h"
#include "tests/support/talk.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

bool tls_in_kernel(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), error;

    cr_assert_geq(fd, 0);
    cr_assert_eq(setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls"), -1);
    error = errno; /* such as: it would be, but there is no connection */
    close(fd);
    errno = error;
    return error == ENOTCONN;
}

int tls_count_sealed(void)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++) {
        char name[16] = "";
        socklen_t size = sizeof name;

        count += getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &size) == 0 && !strcmp(name, "tls");
    }
    return count;
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

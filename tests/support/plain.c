/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain: tcp://127.0.0.1:port and ipc:///path become addresses.
 */
#include "tests/support/plain.h"
#include "tests/support/pair.h"
#include "tests/support/wait.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_un un;
};

static int make_address(union address *at, socklen_t *size, const char *endpoint)
{
    memset(at, 0, sizeof *at);
    if (strncmp(endpoint, "ipc://", 6) == 0) {
        at->un.sun_family = AF_UNIX;
        snprintf(at->un.sun_path, sizeof at->un.sun_path, "%s", endpoint + 6);
        *size = sizeof at->un;
    } else {
        at->in.sin_family = AF_INET;
        at->in.sin_port = htons((uint16_t)atoi(strrchr(endpoint, ':') + 1));
        at->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *size = sizeof at->in;
    }
    return socket(at->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int test_plain_listen(const char *endpoint)
{
    union address at;
    socklen_t size;
    int fd = make_address(&at, &size, endpoint);

    if (at.any.sa_family == AF_UNIX)
        unlink(at.un.sun_path);
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), 0);
    WAIT(bind(fd, &at.any, size) == 0); /* another may be about to leave */
    cr_assert_eq(listen(fd, 5), 0);
    return fd;
}

int test_plain_connect(const char *endpoint)
{
    union address at;
    socklen_t size;
    int fd = make_address(&at, &size, endpoint);

    cr_assert_eq(connect(fd, &at.any, size), 0);
    return fd;
}

int test_plain_accept(int fd)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};

    cr_assert_eq(poll(&item, 1, TEST_DEADLINE_MS), 1, "nobody came");
    return accept4(fd, NULL, NULL, SOCK_CLOEXEC);
}

void test_plain_read(int fd, const char *expected)
{
    char seen[256] = "";
    size_t have = 0, want = strlen(expected);

    while (have < want) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        ssize_t n;

        cr_assert_eq(poll(&item, 1, TEST_DEADLINE_MS), 1, "only \"%s\"", seen);
        n = read(fd, seen + have, want - have);
        cr_assert_gt(n, 0, "only \"%s\"", seen);
        have += (size_t)n;
    }
    cr_assert_str_eq(seen, expected);
}

bool test_plain_has_ended(int fd)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    char octets[256];

    return poll(&item, 1, 0) == 1 && read(fd, octets, sizeof octets) <= 0;
}

void test_recv_from(void *socket, unsigned char id[5], const char *text)
{
    unsigned char part[16];

    cr_assert_eq(zmq_recv(socket, part, sizeof part, 0), 5, "%s", test_error(errno));
    cr_assert_eq(test_get(socket, ZMQ_RCVMORE), 1);
    cr_assert_eq(part[0], 0);
    memcpy(id, part, 5);
    RECV(socket, "%s", text);
}

void test_send_to(void *socket, const unsigned char id[5], const char *text)
{
    cr_assert_eq(zmq_send(socket, id, 5, ZMQ_SNDMORE), 5, "%s", test_error(errno));
    SEND(socket, "%s", text);
}

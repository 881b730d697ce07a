/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/group.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whether what one sends to the group on the loopback interface comes to another. */
static bool is_carried(struct sockaddr_in to)
{
    struct ip_mreq mreq = {.imr_multiaddr = to.sin_addr,
                           .imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
    int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
    struct pollfd heard = {in, POLLIN, 0};
    bool carried = bind(in, (struct sockaddr *)&to, sizeof to) == 0 &&
                   setsockopt(in, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof mreq) == 0 &&
                   setsockopt(out, IPPROTO_IP, IP_MULTICAST_IF, &mreq.imr_interface,
                              sizeof(struct in_addr)) == 0 &&
                   sendto(out, "", 1, 0, (struct sockaddr *)&to, sizeof to) == 1 &&
                   poll(&heard, 1, 10000) == 1;

    close(in);
    close(out);
    return carried;
}

const char *test_group(const char *scheme)
{
    static char at[64];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    unsigned id = (unsigned)getpid();

    cr_assert_eq(bind(fd, (struct sockaddr *)&a, size), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    close(fd);
    snprintf(at, sizeof at, "%s://127.0.0.1;239.192.%u.%u:%u", scheme, id >> 8 & 0xff, id & 0xff,
             ntohs(a.sin_port));
    a.sin_addr.s_addr = htonl(239u << 24 | 192u << 16 | (id & 0xffff));
    if (!is_carried(a))
        cr_skip_test("multicast does not come back over the loopback interface");
    return at;
}

struct sockaddr_in test_group_of(const char *endpoint)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    const char *colon = strrchr(endpoint, ':'), *group = strchr(endpoint, ';') + 1;

    a.sin_port = htons((uint16_t)atoi(colon + 1));
    cr_assert_eq(inet_pton(AF_INET, test_text("%.*s", (int)(colon - group), group), &a.sin_addr),
                 1);
    return a;
}

void *test_fast(int type)
{
    void *s = test_socket(type);

    SET(s, ZMQ_RATE, 1000000);
    if (type == ZMQ_SUB || type == ZMQ_XSUB)
        SET(s, ZMQ_RCVHWM, 0);
    else
        SET(s, ZMQ_SNDHWM, 0);
    return s;
}

bool test_has_something(void *socket, long ms)
{
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};

    return zmq_poll(&item, 1, ms) == 1;
}

void test_hears(void *pub, void *sub, const char *first)
{
    const char *seen = "";

    do
        SEND(pub, "%s", first);
    while (!test_has_something(sub, 50));
    SEND(pub, "%s end", first);
    while (strcmp(seen, test_text("%s end", first)) != 0)
        seen = test_recv(sub, 0);
}

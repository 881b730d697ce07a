/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/plain.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_tcp(const struct bench *b)
{
    return strcmp(b->endpoint, "tcp") == 0;
}

static int open_socket(const struct bench *b)
{
    int fd = socket(is_tcp(b) ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    bench_check(fd >= 0, "socket");
    return fd;
}

static void no_delay(const struct bench *b, int fd)
{
    int on = 1;

    if (is_tcp(b))
        bench_check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
}

int plain_listen(const struct bench *b, struct plain_address *a)
{
    int fd = open_socket(b);

    memset(a, 0, sizeof *a);
    a->size = sizeof(sa_family_t);
    a->at.ss_family = AF_UNIX;
    if (is_tcp(b)) {
        struct sockaddr_in *in = (struct sockaddr_in *)&a->at;

        a->size = sizeof *in;
        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    bench_check(bind(fd, (struct sockaddr *)&a->at, a->size) == 0, "bind");
    a->size = sizeof a->at;
    bench_check(getsockname(fd, (struct sockaddr *)&a->at, &a->size) == 0, "getsockname");
    bench_check(listen(fd, SOMAXCONN) == 0, "listen");
    return fd;
}

int plain_take(const struct bench *b, int listener)
{
    int fd = accept(listener, NULL, NULL);

    bench_check(fd >= 0, "accept");
    no_delay(b, fd);
    return fd;
}

int plain_accept(const struct bench *b, int listener)
{
    int fd = plain_take(b, listener);

    close(listener);
    return fd;
}

int plain_connect(const struct bench *b, const struct plain_address *a)
{
    int fd = open_socket(b);

    bench_check(connect(fd, (const struct sockaddr *)&a->at, a->size) == 0, "connect");
    no_delay(b, fd);
    return fd;
}

void plain_send(int fd, const char *data, size_t size, int flags)
{
    while (size) {
        ssize_t n = send(fd, data, size, flags | MSG_NOSIGNAL);

        bench_check(n >= 0 || errno == EAGAIN, "send");
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
}

size_t plain_receive_some(int fd, char *data, size_t size, int flags)
{
    ssize_t n;

    do
        n = recv(fd, data, size, flags);
    while (n < 0 && errno == EAGAIN);
    bench_check(n >= 0, "recv");
    return (size_t)n;
}

bool plain_receive(int fd, char *data, size_t size, int flags)
{
    for (size_t have = 0; have < size;) {
        size_t n = plain_receive_some(fd, data + have, size - have, flags);

        if (!n && !have)
            return false;
        if (!n) {
            fprintf(stderr, "the other side closed within a message\n");
            exit(1);
        }
        have += n;
    }
    return true;
}

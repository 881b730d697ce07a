/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain: plain sockets between two processes, over tcp or ipc, for what any library that uses such
 * sockets can be held against. Each call takes all bytes or ends the program.
 * Thread: any. Owner: whoever opened the descriptor.
 */
#ifndef ZU_BENCH_PLAIN_H
#define ZU_BENCH_PLAIN_H

#include "bench/common.h"

#include <sys/socket.h>

struct plain_address {
    struct sockaddr_storage at;
    socklen_t size;
};

/* A free port of this machine, or a name that the kernel makes up; `b->endpoint` says which. */
int plain_listen(const struct bench *b, struct plain_address *a);
/* The one connection; what listened is closed. */
int plain_accept(const struct bench *b, int listener);
int plain_take(const struct bench *b, int listener); /* one of several */
int plain_connect(const struct bench *b, const struct plain_address *a);

/* `flags`: MSG_DONTWAIT spins. */
void plain_send(int fd, const char *data, size_t size, int flags);
/* At least one byte; 0: the other side has closed. */
size_t plain_receive_some(int fd, char *data, size_t size, int flags);
/* False: the other side has closed before the first byte. */
bool plain_receive(int fd, char *data, size_t size, int flags);

#endif

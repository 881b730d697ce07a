/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream: the four loops that are measured, for two processes and for two threads alike: many
 * messages one way, and one message to and fro.
 * Thread: the one that uses the socket.
 */
#ifndef ZU_BENCH_STREAM_H
#define ZU_BENCH_STREAM_H

#include "bench/common.h"

/* Ends the program if the message is not of the right size. */
void bench_check_size(const struct bench *b, const zmq_msg_t *m);
/* One message, which has to be of the right size. False: there was none (`flags`: ZMQ_DONTWAIT). */
bool bench_recv_one(const struct bench *b, void *socket, zmq_msg_t *m, int flags);

void bench_send_all(const struct bench *b, void *socket);
/* Nanoseconds from the arrival of the first message to that of the last. */
uint64_t bench_recv_all(const struct bench *b, void *socket);

void bench_echo(const struct bench *b, void *socket);
/* Measures and reports. */
void bench_ping(const struct bench *b, void *socket);

#endif

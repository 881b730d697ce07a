/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_library: a libzmq that was loaded by its file's name, and its functions. The program itself
 * uses none of its own, so that both libraries are called in the same way.
 * Thread: any, once it is open. It is never closed: a process has one.
 */
#ifndef ZU_TOOLS_BENCH_LIBRARY_H
#define ZU_TOOLS_BENCH_LIBRARY_H

#include "tools/bench.h"

#include <zmq.h>

/* clang-format off */
#define BENCH_CALLS(X)                                                                             \
    X(zmq_ctx_new) X(zmq_ctx_term) X(zmq_socket) X(zmq_close) X(zmq_bind) X(zmq_connect)           \
    X(zmq_setsockopt) X(zmq_getsockopt) X(zmq_msg_init) X(zmq_msg_init_size) X(zmq_msg_data)       \
    X(zmq_msg_size) X(zmq_msg_send) X(zmq_msg_recv) X(zmq_msg_close) X(zmq_errno) X(zmq_strerror)  \
    X(zmq_version)
/* clang-format on */
/* NULL in old versions. */
#define BENCH_CALLS_OPTIONAL(X) X(zmq_has) X(zmq_curve_keypair)

struct bench_zmq {
#define BENCH_CALL_FIELD(name) __typeof__(name) *name;
    BENCH_CALLS(BENCH_CALL_FIELD)
    BENCH_CALLS_OPTIONAL(BENCH_CALL_FIELD)
#undef BENCH_CALL_FIELD
};

/* False: `why` has a sentence for the user. */
bool bench_zmq_open(struct bench_zmq *z, const char *file, char *why, size_t room);

/* Fills in what is known of an open library, `file` included. */
void bench_zmq_describe(const struct bench_zmq *z, struct bench_library *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zuring.h: what zuring offers beyond zmq.h. Errors are told as there: -1 or NULL, and errno.
 * Thread: any; contexts may be used by any number of threads at once.
 */
#ifndef ZURING_H
#define ZURING_H

#include "zmq.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ZURING_VERSION_MAJOR 0
#define ZURING_VERSION_MINOR 1
#define ZURING_VERSION_PATCH 0

/*
 * Option of a context, for zmq_ctx_set and zmq_ctx_get: how it talks to the kernel. Counts before
 * the context's first connection or bind over a network or ipc; later it is EINVAL. Without it the
 * environment variable ZURING_BACKEND ("io_uring" or "readiness") decides, and without that io_uring
 * is used wherever the running kernel grants it. The value read back is the wish, not what came of
 * it: that is zuring_backend.
 */
#define ZURING_BACKEND           0x5A01
#define ZURING_BACKEND_AUTO      0
#define ZURING_BACKEND_IO_URING  1
#define ZURING_BACKEND_READINESS 2 /* epoll and plain calls, where io_uring is forbidden */

/*
 * Option of a socket, int, for zmq_setsockopt and zmq_getsockopt, from the next bind or connect on:
 * message parts of at least so many bytes are sent to another machine without a copy, where the
 * kernel can (io_uring, tcp): what was sent must then stay as it is until the peer's machine has it,
 * and a free function given to zmq_msg_init_data is called that much later. 128 KiB by itself; 0 and
 * -1: never. What the library copies anyway, parts of up to 4 KiB, is not meant.
 */
#define ZURING_ZERO_COPY_MIN 0x5A02

/* This library's own version; zmq_version tells which libzmq it stands in for. Answers 0. */
ZMQ_EXPORT int zuring_version(int *major, int *minor, int *patch); /* EFAULT: a NULL pointer */

/*
 * What the context talks to the kernel by: "io_uring", "readiness", or "none" while it had no need
 * to. Static text. NULL, EFAULT: no context.
 */
ZMQ_EXPORT const char *zuring_backend(void *context);

/* A sentence that says why it is that one, there as long as the context. NULL, EFAULT: no context. */
ZMQ_EXPORT const char *zuring_backend_reason(void *context);

/* What one I/O thread did since it began. Later versions may add fields at the end. */
struct zuring_loop_stats {
    uint64_t rounds;      /* times it went through its work */
    uint64_t connections; /* live now */
    uint64_t enters;      /* system calls that handed over work or waited */
    uint64_t completions; /* requests that the kernel completed */
    uint64_t recvs;       /* receives that brought bytes, or the end of them */
    uint64_t recv_bytes;
    uint64_t sends; /* sends that took bytes */
    uint64_t send_bytes;
    uint64_t short_sends;      /* of these, those that took a part only */
    uint64_t block_shortages;  /* receives that found no free memory and were started again */
    uint64_t wakes;            /* times another thread woke it */
    uint64_t zero_copy_sends;  /* of the sends, those without a copy: ZURING_ZERO_COPY_MIN */
    uint64_t zero_copy_copied; /* of these, those that the kernel copied after all */
};

/*
 * Fills *stats, of which the caller's header knows `size` bytes (sizeof *stats); what this library
 * does not know becomes 0. Numbers of one moment may lag behind each other: the thread goes on
 * meanwhile. Answers 0. EFAULT: no context, or stats is NULL. EINVAL: no I/O thread `loop` (from 0),
 * or they have not started yet; size is not a multiple of 8.
 */
ZMQ_EXPORT int zuring_loop_stats(void *context, int loop, struct zuring_loop_stats *stats,
                                 size_t size);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll: what zmq_poll and zmq_poller have in common.
 * Thread: any.
 */
#ifndef ZU_API_POLL_H
#define ZU_API_POLL_H

#include "engine/base/clock.h"
#include "include/zmq.h"

#include <poll.h>

static inline short zu_poll_to_kernel(short events)
{
    return (short)((events & ZMQ_POLLIN ? POLLIN : 0) | (events & ZMQ_POLLOUT ? POLLOUT : 0) |
                   (events & ZMQ_POLLPRI ? POLLPRI : 0));
}

/* Errors and hang-ups are told whether asked for or not: a caller that waits must hear of them. */
static inline short zu_poll_from_kernel(short revents)
{
    return (short)((revents & POLLIN ? ZMQ_POLLIN : 0) | (revents & POLLOUT ? ZMQ_POLLOUT : 0) |
                   (revents & POLLPRI ? ZMQ_POLLPRI : 0) |
                   (revents & ~(POLLIN | POLLOUT | POLLPRI) ? ZMQ_POLLERR : 0));
}

/* Of zu_now_ns; UINT64_MAX: never. */
static inline uint64_t zu_poll_deadline(long timeout_ms)
{
    uint64_t now_ns = zu_now_ns();

    if (timeout_ms < 0 || (uint64_t)timeout_ms > (UINT64_MAX - now_ns) / 1000000)
        return UINT64_MAX;
    return now_ns + (uint64_t)timeout_ms * 1000000;
}

#endif

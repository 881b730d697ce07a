/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uring_compat: liburing, and those numbers of the kernel's interface that are newer than the
 * oldest liburing we build with (2.3). Whether the running kernel knows them is asked at run time.
 * Nobody outside engine/io/ includes this.
 */
#ifndef ZU_IO_URING_COMPAT_H
#define ZU_IO_URING_COMPAT_H

#include "engine/base/base.h"

#include <liburing.h>

/* Linux 6.15: a wait for the network is not to be accounted as a wait for a disk. */
#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1U << 17)
#endif
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1U << 7)
#endif

/* Linux 6.2: the notification of a zero-copy send tells whether it was one. */
#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE  (1U << 3)
#define IORING_NOTIF_USAGE_ZC_COPIED (1U << 31)
#endif

/* Linux 6.13: a message to a ring, from a thread that needs none of its own. */
#define ZU_REGISTER_SEND_MSG_RING 31u

/* Linux 6.13: waits poll the queues of devices that they were given. */
#define ZU_REGISTER_NAPI    27u
#define ZU_NAPI_BEGIN       0u
#define ZU_NAPI_ADD         1u
#define ZU_NAPI_THOSE_ADDED 1u /* and no others */
struct zu_uring_napi {
    uint32_t busy_poll_us;
    uint8_t prefer_busy_poll, what, pad[2];
    uint32_t which, reserved;
};

/* The fields that we fill by name have changed names around them, never place. */
static_assert(sizeof(struct io_uring_getevents_arg) == 24, "kernel interface");
static_assert(offsetof(struct io_uring_getevents_arg, ts) == 16, "kernel interface");
static_assert(sizeof(struct io_uring_buf_reg) == 40, "kernel interface");
static_assert(offsetof(struct io_uring_buf_reg, bgid) == 12, "kernel interface");
static_assert(sizeof(struct io_uring_buf) == 16, "kernel interface");
static_assert(sizeof(struct io_uring_sqe) == 64, "kernel interface");

#endif

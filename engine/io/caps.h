/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caps: how a ring is set up on the running kernel, and whether it can be.
 * Thread: any; a ring belongs to the thread that set it up. Nobody outside engine/io/ includes
 * this.
 */
#ifndef ZU_IO_CAPS_H
#define ZU_IO_CAPS_H

#include "engine/io/uring_compat.h"

/* As good a ring as the kernel gives; sizes are clamped. 0 or a negative errno. */
int zu_uring_open(struct io_uring *u, unsigned sq_entries, unsigned cq_entries);

/* An empty group of receive buffers. */
int zu_uring_buffers(struct io_uring *u, struct io_uring_buf_ring **out, unsigned entries);
void zu_uring_buffers_free(struct io_uring *u, struct io_uring_buf_ring *br, unsigned entries);

/* Whether it sends without a copy, and tells afterwards when it did copy. */
bool zu_uring_zero_copy(void);

#define ZU_URING_GROUP 0 /* the number of the one group a ring has */

#endif

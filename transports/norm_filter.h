/* SPDX-License-Identifier: Apache-2.0 */
/*
 * norm_filter: lets a descriptor hear packets of NORM that are well formed, and of the kinds that
 * we and libzmq send, and no others. For some that are not, libnorm writes beyond its memory.
 * Thread: any. Owner: the descriptor has a copy.
 */
#ifndef ZU_TRANSPORTS_NORM_FILTER_H
#define ZU_TRANSPORTS_NORM_FILTER_H

#include <stdint.h>

/* `buffer_max`: bytes that a speaker's stream may want to be kept. */
int zu_norm_filter_attach(int fd, uint32_t buffer_max);

#endif

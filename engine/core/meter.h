/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter: what one end of a pipe has counted, which nobody else writes.
 * Thread: written by the owner of the end; read by anyone, a little late. Owner: the pipe.
 */
#ifndef ZU_CORE_METER_H
#define ZU_CORE_METER_H

#include "engine/base/count.h"

struct zu_meter {
    uint64_t written;   /* whole messages that count for the water mark, */
    uint64_t read;      /* and those read */
    uint64_t oversized; /* those that a peer was cut off for */
    uint64_t dropped;   /* those that were not written for want of room */
};

#endif

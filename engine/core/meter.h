/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter: what one end of a pipe has counted, which nobody else writes. A socket's end and the
 * other one, of a session, datagrams or multicast, count different things.
 * Thread: written by the owner of the end; read by anyone, a little late. Owner: the pipe.
 */
#ifndef ZU_CORE_METER_H
#define ZU_CORE_METER_H

#include "engine/base/count.h"

struct zu_meter {
    uint64_t written; /* whole messages that count for the water mark, */
    uint64_t read;    /* and those read */
    union {
        struct {              /* a socket's end */
            uint64_t dropped; /* messages not written for want of room */
            uint64_t aside;   /* of `read`: subscriptions, which are no messages */
        };
        struct {                          /* the other end */
            uint64_t oversized;           /* messages that the peer was cut off for */
            uint64_t lost;                /* read, and not sent; or received, and not written */
            uint64_t bytes_in, bytes_out; /* on the wire */
            uint64_t active_ms;           /* when any last came or went; by zu_now_ns / 1000000 */
        };
    };
};

#endif

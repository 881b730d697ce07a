/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zap: the ZeroMQ Authentication Protocol (RFC 27) as bytes: what a handler's reply says. No I/O,
 * no allocation.
 */
#ifndef ZU_WIRE_ZAP_H
#define ZU_WIRE_ZAP_H

#include "engine/base/bytes.h"

#define ZU_ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZU_ZAP_VERSION  "1.0"
#define ZU_ZAP_REQUEST  "1" /* one request a pipe, so they need no telling apart */

#define ZU_ZAP_REPLY_PARTS 7

struct zu_zap_reply {
    int status; /* 200, 300, 400 or 500 */
    struct zu_reader user_id, metadata;
};

/*
 * Reads a reply of `count` parts, of which at least the first ZU_ZAP_REPLY_PARTS are in `parts`. 0:
 * *out is set, borrowed, and its metadata is well formed. Else ZMQ_PROTOCOL_ERROR_ZAP_*.
 */
uint32_t zu_zap_read(const struct zu_reader *parts, size_t count, struct zu_zap_reply *out);

#endif

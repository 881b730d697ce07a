/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws: the frames of a WebSocket (RFC 6455, 5): header and mask. No I/O, no allocation, no state.
 * ZWS 2.0 puts a ZMTP frame into each message of it: a byte of flags, then the body (wire spec,
 * 14).
 */
#ifndef ZU_WIRE_WS_H
#define ZU_WIRE_WS_H

#include "engine/base/bytes.h"

enum zu_ws_opcode {
    ZU_WS_MORE = 0, /* of a message that an earlier frame began */
    ZU_WS_BINARY = 2,
    ZU_WS_CLOSE = 8, /* from here on: control frames */
    ZU_WS_PING = 9,
    ZU_WS_PONG = 10,
};

enum {
    ZU_WS_HEADER_MAX = 14,
    ZU_WS_CONTROL_MAX = 125, /* bytes in a control frame */
    ZU_WS_MASK_SIZE = 4,
};

struct zu_ws_head {
    uint64_t size; /* of what follows */
    uint8_t opcode;
    bool last; /* of its message */
    bool masked;
    uint8_t mask[ZU_WS_MASK_SIZE];
};

static inline bool zu_ws_is_control(const struct zu_ws_head *h)
{
    return h->opcode >= ZU_WS_CLOSE;
}

/* 0: *h is set and *in has moved behind the header. -EAGAIN: need more bytes. -EPROTO: none that
 * may come, whoever sent it. As with -EAGAIN, *in and *h are then as they were. */
int zu_ws_read(struct zu_reader *in, struct zu_ws_head *h);

/* Writes a header, and returns its size. */
size_t zu_ws_write(uint8_t out[ZU_WS_HEADER_MAX], const struct zu_ws_head *h);

/* Masks or unmasks what stands `from` bytes behind the header. */
void zu_ws_mask(uint8_t *at, size_t size, const uint8_t mask[ZU_WS_MASK_SIZE], size_t from);

#endif

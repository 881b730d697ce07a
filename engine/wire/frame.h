/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: the header in front of every body, in both framings. No I/O, no allocation, no state.
 * Version 1 framing belongs to ZMTP 1.0, version 2 framing to 2.0 and later (wire spec, 3).
 */
#ifndef ZU_WIRE_FRAME_H
#define ZU_WIRE_FRAME_H

#include "engine/base/bytes.h"
#include "engine/wire/zmtp.h"

#include <endian.h>
#include <errno.h>

enum zu_frame_flag {
    ZU_FRAME_MORE = 1,
    ZU_FRAME_LONG = 2, /* on the wire only; zu_frame.flags never has it */
    ZU_FRAME_COMMAND = 4,
};

struct zu_frame {
    uint64_t size; /* of the body */
    uint8_t flags; /* ZU_FRAME_MORE, ZU_FRAME_COMMAND */
};

/* 0: *f is set and *in has moved to the body. -EAGAIN: need more bytes. -EPROTO: not ZMTP; then,
 * as with -EAGAIN, *f and *in are as they were. */
int zu_frame_read_v1(struct zu_reader *in, struct zu_frame *f);
int zu_frame_read_v2_rare(struct zu_reader *in, struct zu_frame *f); /* any header; see below */

/* In the header for speed: it runs once a message. The rare case is a header that may be cut. */
static inline int zu_frame_read_v2(struct zu_reader *in, struct zu_frame *f)
{
    uint64_t be, size;

    if (zu_unlikely(zu_left(in) < ZU_FRAME_HEADER_MAX))
        return zu_frame_read_v2_rare(in, f);
    if (!(in->at[0] & ZU_FRAME_LONG)) {
        f->flags = in->at[0] & (ZU_FRAME_MORE | ZU_FRAME_COMMAND);
        f->size = in->at[1];
        in->at += 2;
        return 0;
    }
    memcpy(&be, in->at + 1, sizeof be);
    size = be64toh(be);
    if (zu_unlikely(size >> 63))
        return -EPROTO;
    f->flags = in->at[0] & (ZU_FRAME_MORE | ZU_FRAME_COMMAND);
    f->size = size;
    in->at += 1 + sizeof be;
    return 0;
}

/* Writes a header of at most ZU_FRAME_HEADER_MAX bytes; returns its size. */
size_t zu_frame_write_v1(uint8_t out[ZU_FRAME_HEADER_MAX], uint64_t size, bool more);

/* In the header for speed: it runs once a message. */
static inline size_t zu_frame_write_v2(uint8_t *out, uint64_t size, uint8_t flags)
{
    if (zu_likely(size <= 255)) {
        out[0] = flags;
        out[1] = (uint8_t)size;
        return 2;
    }
    out[0] = flags | ZU_FRAME_LONG;
    uint64_t be = htobe64(size);
    memcpy(out + 1, &be, 8);
    return 9;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: what does not run once a message: version 1 framing, and the long header of version 2. A
 * header is read on a copy of the reader and committed by the last line, so a half of one costs
 * nothing and leaves nothing behind.
 */
#include "engine/wire/frame.h"

#include <errno.h>

enum {
    V1_LONG = 0xFF, /* in the place of the length: eight octets of length follow */
};

int zu_frame_read_v1(struct zu_reader *in, struct zu_frame *f)
{
    struct zu_reader at = *in;
    uint64_t length; /* of flags and body */
    uint8_t flags;

    if (!zu_read_be(&at, &length, 1))
        return -EAGAIN;
    if (length == V1_LONG && !zu_read_be(&at, &length, 8))
        return -EAGAIN;
    if (length == 0 || length - 1 > INT64_MAX)
        return -EPROTO; /* it has no room for the flags, or is longer than anything can be */
    if (!zu_read_u8(&at, &flags))
        return -EAGAIN;
    f->size = length - 1;
    f->flags = flags & ZU_FRAME_MORE;
    *in = at;
    return 0;
}

int zu_frame_read_v2_rare(struct zu_reader *in, struct zu_frame *f)
{
    struct zu_reader at = *in;
    uint64_t size;
    uint8_t flags;

    if (!zu_read_u8(&at, &flags) || !zu_read_be(&at, &size, flags & ZU_FRAME_LONG ? 8 : 1))
        return -EAGAIN;
    if (size > INT64_MAX)
        return -EPROTO;
    f->size = size;
    f->flags = flags & (ZU_FRAME_MORE | ZU_FRAME_COMMAND);
    *in = at;
    return 0;
}

size_t zu_frame_write_v1(uint8_t out[ZU_FRAME_HEADER_MAX], uint64_t size, bool more)
{
    struct zu_writer w = zu_writer_of(out, ZU_FRAME_HEADER_MAX);

    if (size + 1 < V1_LONG) {
        zu_write_u8(&w, (uint8_t)(size + 1));
    } else {
        zu_write_u8(&w, V1_LONG);
        zu_write_be(&w, size + 1, 8);
    }
    zu_write_u8(&w, more ? ZU_FRAME_MORE : 0);
    return (size_t)(w.at - out);
}

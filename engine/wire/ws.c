/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A header is read on a copy of the reader and committed by the last line. What RFC 6455 forbids
 * whoever sends it is refused here; who must mask, and what may follow what, the session knows.
 */
#include "engine/wire/ws.h"

#include <errno.h>

enum {
    LAST = 0x80,
    RESERVED = 0x70, /* for extensions; we agree to none */
    OPCODE = 0x0f,
    MASKED = 0x80,
    SIZE = 0x7f,
    SIZE_16 = 126, /* the size is in the next two bytes; */
    SIZE_64 = 127, /* in the next eight */
};

static bool is_known(uint8_t opcode)
{
    return opcode == ZU_WS_MORE || opcode == ZU_WS_BINARY ||
           (opcode >= ZU_WS_CLOSE && opcode <= ZU_WS_PONG);
}

/* The shortest form that holds the size, and no other. */
static bool is_shortest(uint8_t form, uint64_t size)
{
    if (form == SIZE_64)
        return size > UINT16_MAX && size <= INT64_MAX;
    return form != SIZE_16 || size >= SIZE_16;
}

int zu_ws_read(struct zu_reader *in, struct zu_ws_head *h)
{
    struct zu_reader at = *in;
    uint8_t first, second, form;
    const uint8_t *mask;
    struct zu_ws_head head = {.size = 0};

    if (!zu_read_u8(&at, &first))
        return -EAGAIN;
    head.opcode = first & OPCODE;
    head.last = first & LAST;
    if (first & RESERVED || !is_known(head.opcode) || (zu_ws_is_control(&head) && !head.last))
        return -EPROTO;
    if (!zu_read_u8(&at, &second))
        return -EAGAIN;
    form = second & SIZE;
    head.size = form;
    if (zu_ws_is_control(&head) && form > ZU_WS_CONTROL_MAX)
        return -EPROTO;
    if (form >= SIZE_16 && !zu_read_be(&at, &head.size, form == SIZE_16 ? 2 : 8))
        return -EAGAIN;
    if (!is_shortest(form, head.size))
        return -EPROTO;
    head.masked = second & MASKED;
    if (head.masked) {
        if (!zu_read_bytes(&at, &mask, ZU_WS_MASK_SIZE))
            return -EAGAIN;
        memcpy(head.mask, mask, ZU_WS_MASK_SIZE);
    }
    *h = head;
    *in = at;
    return 0;
}

size_t zu_ws_write(uint8_t out[ZU_WS_HEADER_MAX], const struct zu_ws_head *h)
{
    struct zu_writer w = zu_writer_of(out, ZU_WS_HEADER_MAX);
    uint8_t masked = h->masked ? MASKED : 0;

    zu_write_u8(&w, (uint8_t)(h->opcode | (h->last ? LAST : 0)));
    if (h->size < SIZE_16) {
        zu_write_u8(&w, (uint8_t)(masked | h->size));
    } else if (h->size <= UINT16_MAX) {
        zu_write_u8(&w, masked | SIZE_16);
        zu_write_be(&w, h->size, 2);
    } else {
        zu_write_u8(&w, masked | SIZE_64);
        zu_write_be(&w, h->size, 8);
    }
    if (h->masked)
        zu_write_bytes(&w, h->mask, ZU_WS_MASK_SIZE);
    return (size_t)(w.at - out);
}

void zu_ws_mask(uint8_t *at, size_t size, const uint8_t mask[ZU_WS_MASK_SIZE], size_t from)
{
    uint8_t turned[sizeof(uint64_t)];
    uint64_t wide, word;
    size_t i = 0;

    for (size_t j = 0; j < sizeof turned; j++)
        turned[j] = mask[(from + j) % ZU_WS_MASK_SIZE];
    memcpy(&wide, turned, sizeof wide);
    for (; size - i >= sizeof word; i += sizeof word) {
        memcpy(&word, at + i, sizeof word);
        word ^= wide;
        memcpy(at + i, &word, sizeof word);
    }
    for (size_t j = 0; i < size; i++, j++)
        at[i] ^= turned[j];
}

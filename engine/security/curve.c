/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message, behind 8 bytes of command name:  short nonce 8 | tag 16 | flags 1 | body
 * of which all from the flags on is sealed, on its way to where it is sent from. The nonces of a
 * side only grow, and gaps are in order: so what was heard once is not heard again, and nothing is
 * heard out of its order.
 */
#include "engine/security/curve.h"

#include "engine/security/mechanisms.h"
#include "engine/wire/command.h"
#include "include/zmq.h"

#include <errno.h>

#define MESSAGE "\7MESSAGE"

enum { NAME = 8, FLAGS_AT = NAME + ZU_CURVE_SHORT + ZU_BOX_TAG };

void zu_curve_nonce(uint8_t nonce[ZU_BOX_NONCE], const char *text, const void *rest)
{
    size_t size = strlen(text);

    memcpy(nonce, text, size);
    memcpy(nonce + size, rest, ZU_BOX_NONCE - size);
}

void zu_curve_next_short(struct zu_handshake *h, uint8_t bytes[ZU_CURVE_SHORT])
{
    struct zu_writer w = zu_writer_of(bytes, ZU_CURVE_SHORT);

    zu_write_be(&w, ++h->last_sealed, ZU_CURVE_SHORT);
}

uint64_t zu_curve_short(const uint8_t bytes[ZU_CURVE_SHORT])
{
    struct zu_reader r = zu_reader_of(bytes, ZU_CURVE_SHORT);
    uint64_t value = 0;

    zu_read_be(&r, &value, ZU_CURVE_SHORT);
    return value;
}

bool zu_curve_done(const struct zu_handshake *h)
{
    return h->state == ZU_CURVE_DONE;
}

void zu_curve_ready(struct zu_handshake *h, bool server)
{
    static const char client_says[] = "CurveZMQMESSAGEC", server_says[] = "CurveZMQMESSAGES";
    uint8_t key[ZU_BOX_KEY];

    memcpy(key, h->key, sizeof key);
    zu_box_narrow(h->narrow.ours, key, server ? server_says : client_says);
    zu_box_narrow(h->narrow.theirs, key, server ? client_says : server_says);
    zu_box_wipe(key, sizeof key);
    h->state = ZU_CURVE_DONE;
}

ssize_t zu_curve_seal(struct zu_handshake *h, uint8_t *at, const uint8_t *from, size_t size,
                      uint8_t flags)
{
    uint8_t number[ZU_CURVE_SHORT];

    static_assert((int)FLAGS_AT == (int)ZU_BOX_ROOM, "what is before the flags is the box's room");
    zu_curve_next_short(h, number);
    zu_box_seal_here(at, flags, from, size, number, h->narrow.ours);
    memcpy(at, MESSAGE, NAME);
    memcpy(at + NAME, number, sizeof number);
    return (ssize_t)(ZU_CURVE_MESSAGE + size);
}

static int refuse(uint32_t *why, uint32_t reason)
{
    *why = reason;
    return -EPROTO;
}

ssize_t zu_curve_open(struct zu_handshake *h, uint8_t *at, size_t size, uint8_t *flags,
                      uint32_t *why)
{
    uint8_t bytes[ZU_CURVE_SHORT];
    uint64_t number;

    if (size <= 1 || size <= at[0])
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED);
    if (size < NAME || memcmp(at, MESSAGE, NAME) != 0)
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
    if (size < ZU_CURVE_MESSAGE)
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE);
    memcpy(bytes, at + NAME, sizeof bytes);
    number = zu_curve_short(bytes);
    if (number <= h->last_heard)
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE);
    if (zu_box_open_here(at, size - FLAGS_AT, bytes, h->narrow.theirs) < 0)
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
    h->last_heard = number; /* not before: who cannot seal cannot move it */
    *flags = at[FLAGS_AT];
    return (ssize_t)(size - ZU_CURVE_MESSAGE);
}

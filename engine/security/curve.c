/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message, behind 8 bytes of command name:  short nonce 8 | tag 16 | flags 1 | body
 * of which all from the flags on is sealed, in place. The nonces of a side only grow, and gaps are
 * in order: so what was heard once is not heard again, and nothing is heard out of its order.
 */
#include "engine/security/curve.h"

#include "engine/security/mechanisms.h"
#include "engine/wire/command.h"
#include "include/zmq.h"

#include <errno.h>

#define MESSAGE "\7MESSAGE"

enum { NAME = 8, TAG_AT = NAME + ZU_CURVE_SHORT, FLAGS_AT = TAG_AT + ZU_BOX_TAG };

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

void zu_curve_fini(struct zu_handshake *h)
{
    zu_box_wipe(h, sizeof *h);
}

static void message_nonce(uint8_t nonce[ZU_BOX_NONCE], char from, const uint8_t *bytes)
{
    zu_curve_nonce(nonce, "CurveZMQMESSAGE", (uint8_t[ZU_CURVE_SHORT + 1]){(uint8_t)from});
    memcpy(nonce + ZU_BOX_NONCE - ZU_CURVE_SHORT, bytes, ZU_CURVE_SHORT);
}

void zu_curve_seal(struct zu_handshake *h, uint8_t *at, size_t size, uint8_t flags)
{
    uint8_t nonce[ZU_BOX_NONCE];

    memcpy(at, MESSAGE, NAME);
    zu_curve_next_short(h, at + NAME);
    message_nonce(nonce, h->seals, at + NAME);
    at[FLAGS_AT] = flags;
    zu_box_seal(at + TAG_AT, at + FLAGS_AT, 1 + size, nonce, h->key);
}

static int refuse(uint32_t *why, uint32_t reason)
{
    *why = reason;
    return -EPROTO;
}

int zu_curve_open(struct zu_handshake *h, uint8_t *at, size_t size, uint8_t *flags, uint32_t *why)
{
    uint8_t nonce[ZU_BOX_NONCE];
    uint64_t number;

    if (size <= 1 || size <= at[0])
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED);
    if (size < NAME || memcmp(at, MESSAGE, NAME) != 0)
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
    if (size < ZU_CURVE_MESSAGE)
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE);
    number = zu_curve_short(at + NAME);
    if (number <= h->last_heard)
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE);
    message_nonce(nonce, h->opens, at + NAME);
    if (zu_box_open(at + FLAGS_AT, at + TAG_AT, size - TAG_AT, nonce, h->key) < 0)
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
    h->last_heard = number; /* not before: who cannot seal cannot move it */
    *flags = at[FLAGS_AT];
    return 0;
}

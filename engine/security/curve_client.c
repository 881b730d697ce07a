/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of CURVE: HELLO shows that it knows S, WELCOME that the server knows s; INITIATE
 * brings the cookie back and vouches, by c, that C' is C's; READY ends it.
 */
#include "engine/security/curve.h"
#include "engine/security/handshake.h"
#include "engine/security/mechanisms.h"
#include "engine/wire/command.h"
#include "include/zmq.h"

#include <errno.h>

/* Room for a command of that size; it is zeroed but for the name. */
static uint8_t *begin(struct zu_writer *out, enum zu_command_name name, size_t size)
{
    uint8_t *at = out->at;

    if (zu_room(out) < size)
        return NULL;
    memset(at, 0, size);
    zu_command_begin(out, name);
    out->at = at + size;
    return at;
}

static int say_hello(struct zu_handshake *h, const struct zu_options *o, struct zu_writer *out)
{
    static const uint8_t zeros[64];
    uint8_t *at = begin(out, ZU_COMMAND_HELLO, ZU_CURVE_HELLO);
    uint8_t key[ZU_BOX_KEY], nonce[ZU_BOX_NONCE];
    int rc = at ? zu_box_ready() : -ENOBUFS;

    if (rc < 0)
        return rc;
    zu_box_keypair(h->client.own, h->client.secret);
    rc = zu_box_shared(key, zu_options_security(o)->curve_server_key, h->client.secret);
    if (rc < 0)
        return rc;
    at[6] = 1; /* version 1.0 */
    memcpy(at + 80, h->client.own, ZU_BOX_KEY);
    zu_curve_next_short(h, at + 112);
    zu_curve_nonce(nonce, "CurveZMQHELLO---", at + 112);
    zu_box_seal(at + 120, zeros, sizeof zeros, nonce, key);
    zu_box_wipe(key, sizeof key);
    h->state = ZU_CURVE_WANT_WELCOME;
    return 1;
}

/* Box[C', S](C to S'), behind its nonce. */
static int vouch(const struct zu_handshake *h, const struct zu_options *o, uint8_t *at)
{
    uint8_t key[ZU_BOX_KEY], nonce[ZU_BOX_NONCE], plain[2 * ZU_BOX_KEY];
    int rc = zu_box_shared(key, h->client.theirs, zu_options_keys(o)->curve_secret_key);

    if (rc < 0)
        return rc;
    zu_box_random(at, ZU_CURVE_LONG);
    zu_curve_nonce(nonce, "VOUCH---", at);
    memcpy(plain, h->client.own, ZU_BOX_KEY);
    memcpy(plain + ZU_BOX_KEY, zu_options_security(o)->curve_server_key, ZU_BOX_KEY);
    zu_box_seal(at + ZU_CURVE_LONG, plain, sizeof plain, nonce, key);
    zu_box_wipe(key, sizeof key);
    return 0;
}

static int say_initiate(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                        struct zu_writer *out)
{
    const struct zu_options *o = terms->options;
    uint8_t *at = begin(out, ZU_COMMAND_INITIATE, ZU_CURVE_INITIATE);
    uint8_t nonce[ZU_BOX_NONCE];
    int rc;

    if (!at || !zu_handshake_metadata(out, terms))
        return -ENOBUFS;
    memcpy(at + 9, h->client.cookie, ZU_CURVE_COOKIE);
    zu_curve_next_short(h, at + 105);
    memcpy(at + 129, zu_options_security(o)->curve_public_key, ZU_BOX_KEY);
    rc = vouch(h, o, at + 161);
    if (rc < 0)
        return rc;
    zu_curve_nonce(nonce, "CurveZMQINITIATE", at + 105);
    zu_box_seal(at + 113, at + 129, (size_t)(out->at - (at + 129)), nonce, h->key);
    zu_box_wipe(&h->client, sizeof h->client);
    h->state = ZU_CURVE_WANT_READY;
    return 1;
}

static int speak(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                 struct zu_writer *out)
{
    switch (h->state) {
    case ZU_CURVE_BEGIN: return say_hello(h, terms->options, out);
    case ZU_CURVE_SAY_INITIATE: return say_initiate(h, terms, out);
    default: return 0;
    }
}

static int hear_welcome(struct zu_handshake *h, const struct zu_options *o, const uint8_t *at,
                        size_t size, struct zu_heard *heard)
{
    uint8_t key[ZU_BOX_KEY], nonce[ZU_BOX_NONCE], plain[ZU_BOX_KEY + ZU_CURVE_COOKIE];
    int rc = size == ZU_CURVE_WELCOME ? 0 : -EPROTO;

    if (rc == 0)
        rc = zu_box_shared(key, zu_options_security(o)->curve_server_key, h->client.secret);
    if (rc == 0) {
        zu_curve_nonce(nonce, "WELCOME-", at + 8);
        rc = zu_box_open(plain, at + 24, size - 24, nonce, key);
        zu_box_wipe(key, sizeof key);
    }
    if (rc == 0) {
        memcpy(h->client.theirs, plain, ZU_BOX_KEY);
        memcpy(h->client.cookie, plain + ZU_BOX_KEY, ZU_CURVE_COOKIE);
        rc = zu_box_shared(h->key, h->client.theirs, h->client.secret);
    }
    if (rc < 0)
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
    h->state = ZU_CURVE_SAY_INITIATE;
    return 0;
}

static int hear_ready(struct zu_handshake *h, uint8_t *at, size_t size, struct zu_heard *heard)
{
    uint8_t nonce[ZU_BOX_NONCE];

    if (size < ZU_CURVE_READY)
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY);
    zu_curve_nonce(nonce, "CurveZMQREADY---", at + 6);
    if (zu_box_open(at + 30, at + 14, size - 14, nonce, h->key) < 0)
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
    h->last_heard = zu_curve_short(at + 6);
    zu_curve_ready(h, false);
    heard->metadata = zu_reader_of(at + 30, size - 30);
    heard->why = ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA;
    return 0;
}

/* Before WELCOME there is no key that could open it. It is told of as libzmq does, whose client
 * opens a READY at any time. */
static int refuse_early_ready(size_t size, struct zu_heard *heard)
{
    return zu_handshake_refuse(heard, size < ZU_CURVE_READY
                                          ? ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY
                                          : ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
}

static int hear(struct zu_handshake *h, const struct zu_handshake_terms *terms, uint8_t *command,
                size_t size, struct zu_heard *heard)
{
    enum zu_command_name name;
    struct zu_reader rest;

    if (zu_command_read(zu_reader_of(command, size), &name, &rest) < 0)
        name = ZU_COMMAND_UNKNOWN;
    if (name == ZU_COMMAND_WELCOME && h->state == ZU_CURVE_WANT_WELCOME)
        return hear_welcome(h, terms->options, command, size, heard);
    if (name == ZU_COMMAND_READY && h->state == ZU_CURVE_WANT_READY)
        return hear_ready(h, command, size, heard);
    if (name == ZU_COMMAND_READY && h->state == ZU_CURVE_WANT_WELCOME)
        return refuse_early_ready(size, heard);
    if (name == ZU_COMMAND_ERROR &&
        (h->state == ZU_CURVE_WANT_WELCOME || h->state == ZU_CURVE_WANT_READY))
        return zu_handshake_hear_error(rest, heard);
    return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
}

const struct zu_mechanism zu_mechanism_curve = {.name = "CURVE",
                                                .as_server = &zu_curve_server,
                                                .size = sizeof(struct zu_handshake),
                                                .secret = true,
                                                .speak = speak,
                                                .hear = hear,
                                                .done = zu_curve_done,
                                                .seal_head = ZU_CURVE_MESSAGE,
                                                .seal = zu_curve_seal,
                                                .open = zu_curve_open};

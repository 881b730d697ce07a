/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server of CURVE. Between WELCOME and INITIATE it remembers nothing of the client: C' and s'
 * are in the cookie, sealed under a key that belongs to this connection, and INITIATE brings them
 * back. A cookie of another connection does not open here, so an INITIATE that was recorded is of
 * no use to anybody. The vouch has to name this server: what a client has said to another one
 * cannot be passed on.
 */
#include "engine/security/curve.h"
#include "engine/security/handshake.h"
#include "engine/security/mechanisms.h"
#include "engine/wire/command.h"
#include "include/zmq.h"

#include <errno.h>

static int refuse_crypto(struct zu_heard *heard)
{
    return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
}

/* ---- HELLO and WELCOME ---- */

static int hear_hello(struct zu_handshake *h, const struct zu_options *o, uint8_t *at, size_t size,
                      struct zu_heard *heard)
{
    uint8_t nonce[ZU_BOX_NONCE], zeros[64];
    int rc;

    if (size != ZU_CURVE_HELLO || at[6] != 1 || at[7] != 0)
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO);
    if (zu_box_ready() < 0)
        return -EPROTO;
    rc = zu_box_shared(h->key, at + 80,
                       zu_options_keys(o)->curve_secret_key); /* C' and S: WELCOME's, too */
    if (rc == 0) {
        zu_curve_nonce(nonce, "CurveZMQHELLO---", at + 112);
        rc = zu_box_open(zeros, at + 120, size - 120, nonce, h->key);
    }
    if (rc < 0)
        return refuse_crypto(heard);
    memcpy(h->server.theirs, at + 80, ZU_BOX_KEY);
    h->state = ZU_CURVE_SAY_WELCOME;
    return 0;
}

/* 16 bytes of nonce, and Box[C', s'] under the key of this connection's cookie. */
static void bake_cookie(struct zu_handshake *h, uint8_t *at, const uint8_t *secret)
{
    uint8_t nonce[ZU_BOX_NONCE], plain[2 * ZU_BOX_KEY];

    zu_box_random(h->server.cookie_key, sizeof h->server.cookie_key);
    zu_box_random(at, ZU_CURVE_LONG);
    zu_curve_nonce(nonce, "COOKIE--", at);
    memcpy(plain, h->server.theirs, ZU_BOX_KEY);
    memcpy(plain + ZU_BOX_KEY, secret, ZU_BOX_KEY);
    zu_box_seal(at + ZU_CURVE_LONG, plain, sizeof plain, nonce, h->server.cookie_key);
    zu_box_wipe(plain, sizeof plain);
}

static int say_welcome(struct zu_handshake *h, struct zu_writer *out)
{
    uint8_t *at = out->at, *plain = at + 24 + ZU_BOX_TAG;
    uint8_t secret[ZU_BOX_KEY], nonce[ZU_BOX_NONCE];

    if (zu_room(out) < ZU_CURVE_WELCOME)
        return -ENOBUFS;
    zu_command_begin(out, ZU_COMMAND_WELCOME);
    zu_box_random(at + 8, ZU_CURVE_LONG);
    zu_curve_nonce(nonce, "WELCOME-", at + 8);
    zu_box_keypair(plain, secret);
    bake_cookie(h, plain + ZU_BOX_KEY, secret);
    zu_box_seal(at + 24, plain, ZU_BOX_KEY + ZU_CURVE_COOKIE, nonce, h->key);
    zu_box_wipe(secret, sizeof secret);
    zu_box_wipe(h->key, sizeof h->key);
    zu_box_wipe(h->server.theirs, sizeof h->server.theirs);
    out->at = at + ZU_CURVE_WELCOME;
    h->state = ZU_CURVE_WANT_INITIATE;
    return 1;
}

/* ---- INITIATE and READY ---- */

/* C' and s' from the cookie that came back. */
static int eat_cookie(struct zu_handshake *h, const uint8_t *at, uint8_t plain[2 * ZU_BOX_KEY])
{
    uint8_t nonce[ZU_BOX_NONCE];
    int rc;

    zu_curve_nonce(nonce, "COOKIE--", at);
    rc = zu_box_open(plain, at + ZU_CURVE_LONG, ZU_CURVE_COOKIE - ZU_CURVE_LONG, nonce,
                     h->server.cookie_key);
    zu_box_wipe(h->server.cookie_key, sizeof h->server.cookie_key);
    return rc;
}

/* Is C' vouched for, to us, by the owner of C? `at`: C, the vouch's nonce, the vouch. */
static int check_vouch(const struct zu_options *o, const uint8_t *at, const uint8_t *own,
                       const uint8_t *secret, struct zu_heard *heard)
{
    uint8_t key[ZU_BOX_KEY], nonce[ZU_BOX_NONCE], said[2 * ZU_BOX_KEY], due[2 * ZU_BOX_KEY];
    int rc = zu_box_shared(key, at, secret);

    if (rc == 0) {
        zu_curve_nonce(nonce, "VOUCH---", at + ZU_BOX_KEY);
        rc = zu_box_open(said, at + ZU_BOX_KEY + ZU_CURVE_LONG, ZU_CURVE_VOUCH, nonce, key);
        zu_box_wipe(key, sizeof key);
    }
    if (rc < 0)
        return refuse_crypto(heard);
    memcpy(due, own, ZU_BOX_KEY);
    zu_box_public(due + ZU_BOX_KEY, zu_options_keys(o)->curve_secret_key);
    if (!zu_box_equal(said, due, sizeof due))
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE);
    return 0;
}

static int hear_initiate(struct zu_handshake *h, const struct zu_options *o, uint8_t *at,
                         size_t size, struct zu_heard *heard)
{
    uint8_t both[2 * ZU_BOX_KEY], nonce[ZU_BOX_NONCE]; /* C' and s' */
    int rc;

    if (size < ZU_CURVE_INITIATE)
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE);
    rc = eat_cookie(h, at + 9, both);
    if (rc == 0)
        rc = zu_box_shared(h->key, both, both + ZU_BOX_KEY);
    if (rc == 0) {
        zu_curve_nonce(nonce, "CurveZMQINITIATE", at + 105);
        rc = zu_box_open(at + 129, at + 113, size - 113, nonce, h->key);
    }
    rc = rc < 0 ? refuse_crypto(heard) : check_vouch(o, at + 129, both, both + ZU_BOX_KEY, heard);
    zu_box_wipe(both, sizeof both);
    if (rc < 0)
        return rc;
    h->last_heard = zu_curve_short(at + 105);
    memcpy(h->server.theirs, at + 129, ZU_BOX_KEY);
    heard->metadata = zu_reader_of(at + ZU_CURVE_INITIATE, size - ZU_CURVE_INITIATE);
    h->state = ZU_CURVE_MUST_ASK;
    return 0;
}

static int say_ready(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                     struct zu_writer *out)
{
    uint8_t *at = out->at, nonce[ZU_BOX_NONCE];

    if (zu_room(out) < ZU_CURVE_READY)
        return -ENOBUFS;
    zu_command_begin(out, ZU_COMMAND_READY);
    zu_curve_next_short(h, at + 6);
    zu_curve_nonce(nonce, "CurveZMQREADY---", at + 6);
    out->at = at + ZU_CURVE_READY;
    if (!zu_handshake_metadata(out, terms))
        return -ENOBUFS;
    zu_box_seal(at + 14, at + 30, (size_t)(out->at - (at + 30)), nonce, h->key);
    zu_curve_ready(h, true);
    return 1;
}

/* ---- the table ---- */

static int speak(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                 struct zu_writer *out)
{
    switch (h->state) {
    case ZU_CURVE_SAY_WELCOME: return say_welcome(h, out);
    case ZU_CURVE_SAY_READY: return say_ready(h, terms, out);
    case ZU_CURVE_SAY_ERROR: h->state = ZU_CURVE_REFUSED; return zu_handshake_error(out, h->status);
    default: return 0;
    }
}

static int hear(struct zu_handshake *h, const struct zu_handshake_terms *terms, uint8_t *command,
                size_t size, struct zu_heard *heard)
{
    enum zu_command_name name;
    struct zu_reader rest;

    if (h->state != ZU_CURVE_BEGIN && h->state != ZU_CURVE_WANT_INITIATE)
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED);
    if (size <= 1 || zu_command_read(zu_reader_of(command, size), &name, &rest) < 0)
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED);
    if (name == ZU_COMMAND_HELLO && h->state == ZU_CURVE_BEGIN)
        return hear_hello(h, terms->options, command, size, heard);
    if (name == ZU_COMMAND_INITIATE && h->state == ZU_CURVE_WANT_INITIATE)
        return hear_initiate(h, terms->options, command, size, heard);
    return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
}

static bool ask(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                struct zu_question *q)
{
    const struct zu_options *o = terms->options;

    if (h->state != ZU_CURVE_MUST_ASK)
        return false;
    if (o->zap_enforce_domain &&
        zu_options_security(o)->zap_domain.size == 0) { /* as in libzmq: nobody is asked */
        h->state = ZU_CURVE_SAY_READY;
        return false;
    }
    h->state = ZU_CURVE_WANT_ANSWER;
    q->credentials[0] = zu_reader_of(h->server.theirs, ZU_BOX_KEY);
    q->count = 1;
    q->optional = !o->zap_enforce_domain;
    return true;
}

static void answer(struct zu_handshake *h, int status)
{
    h->status = status;
    h->state = status == 200 ? ZU_CURVE_SAY_READY : ZU_CURVE_SAY_ERROR;
}

const struct zu_mechanism zu_curve_server = {.name = "CURVE",
                                             .size = sizeof(struct zu_handshake),
                                             .secret = true,
                                             .speak = speak,
                                             .hear = hear,
                                             .ask = ask,
                                             .answer = answer,
                                             .done = zu_curve_done,
                                             .seal_head = ZU_CURVE_MESSAGE,
                                             .seal = zu_curve_seal,
                                             .open = zu_curve_open};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PLAIN: the client says a name and a password in HELLO, for all to read; the server asks the ZAP
 * handler, always, and says WELCOME; INITIATE and READY carry the properties.
 *
 * libzmq's PLAIN writes and expects ERROR with its first two bytes fused into one, '^'. A client
 * here takes either form. A server says libzmq's, for most of its clients are libzmq's: of the
 * correct form they would make a broken rule in place of a refusal.
 */
#include "engine/security/handshake.h"
#include "engine/security/mechanisms.h"
#include "engine/wire/command.h"
#include "include/zmq.h"

#include <errno.h>

#define FUSED_ERROR "^RROR"

enum state {
    BEGIN,         /* client: HELLO is to be said; server: to be heard */
    WANT_WELCOME,  /* client */
    SAY_INITIATE,  /* client */
    WANT_READY,    /* client */
    MUST_ASK,      /* server */
    WANT_ANSWER,   /* server: the ZAP handler's */
    SAY_WELCOME,   /* server */
    WANT_INITIATE, /* server */
    SAY_READY,     /* server */
    SAY_ERROR,     /* server */
    REFUSED,       /* server: ERROR was said */
    DONE,
};

struct zu_handshake {
    enum state state;
    int status;                       /* why it is refused */
    uint8_t name_size, password_size; /* server: what HELLO said, */
    uint8_t words[2 * UINT8_MAX];     /* the one behind the other, until the handler was asked */
};

static bool write_word(struct zu_writer *out, const struct zu_text *word)
{
    return zu_write_u8(out, word->size) && zu_write_bytes(out, word->bytes, word->size);
}

static bool done(const struct zu_handshake *h)
{
    return h->state == DONE;
}

/* ---- the client ---- */

static int speak_as_client(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                           struct zu_writer *out)
{
    const struct zu_options *o = terms->options;
    bool fits;

    switch (h->state) {
    case BEGIN:
        fits = zu_command_begin(out, ZU_COMMAND_HELLO) &&
               write_word(out, &zu_options_security(o)->plain_username) &&
               write_word(out, &zu_options_keys(o)->plain_password);
        h->state = WANT_WELCOME;
        return fits ? 1 : -ENOBUFS;
    case SAY_INITIATE:
        fits = zu_command_begin(out, ZU_COMMAND_INITIATE) && zu_handshake_metadata(out, terms);
        h->state = WANT_READY;
        return fits ? 1 : -ENOBUFS;
    default: return 0;
    }
}

static bool is_fused_error(struct zu_reader command, struct zu_reader *rest)
{
    size_t size = sizeof FUSED_ERROR - 1;

    if (zu_left(&command) < size || memcmp(command.at, FUSED_ERROR, size) != 0)
        return false;
    *rest = zu_reader_of(command.at + size, zu_left(&command) - size);
    return true;
}

static int hear_as_client(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                          uint8_t *body, size_t size, struct zu_heard *heard)
{
    struct zu_reader command = zu_reader_of(body, size);
    enum zu_command_name name;
    struct zu_reader rest;
    bool waits = h->state == WANT_WELCOME || h->state == WANT_READY;

    (void)terms;
    if (waits && is_fused_error(command, &rest))
        return zu_handshake_hear_error(rest, heard);
    if (zu_command_read(command, &name, &rest) < 0)
        name = ZU_COMMAND_UNKNOWN;
    if (name == ZU_COMMAND_WELCOME && h->state == WANT_WELCOME) {
        if (zu_left(&rest) > 0)
            return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME);
        h->state = SAY_INITIATE;
        return 0;
    }
    if (name == ZU_COMMAND_READY && h->state == WANT_READY) {
        h->state = DONE;
        heard->metadata = rest;
        heard->why = ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA;
        return 0;
    }
    if (name == ZU_COMMAND_ERROR && waits)
        return zu_handshake_hear_error(rest, heard);
    return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
}

/* ---- the server ---- */

static int speak_as_server(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                           struct zu_writer *out)
{
    struct zu_writer w;
    bool fits;

    switch (h->state) {
    case SAY_WELCOME:
        h->state = WANT_INITIATE;
        return zu_command_begin(out, ZU_COMMAND_WELCOME) ? 1 : -ENOBUFS;
    case SAY_READY:
        h->state = DONE;
        fits = zu_command_begin(out, ZU_COMMAND_READY) && zu_handshake_metadata(out, terms);
        return fits ? 1 : -ENOBUFS;
    case SAY_ERROR:
        h->state = REFUSED;
        w = *out;
        if (zu_handshake_error(&w, h->status) < 0)
            return -ENOBUFS;
        out->at[1] = '^';
        memmove(out->at, out->at + 1, (size_t)(w.at - out->at) - 1);
        out->at = w.at - 1;
        return 1;
    default: return 0;
    }
}

static int hear_hello(struct zu_handshake *h, struct zu_reader rest, struct zu_heard *heard)
{
    const uint8_t *name, *password;
    uint8_t name_size, password_size;

    if (!zu_read_u8(&rest, &name_size) || !zu_read_bytes(&rest, &name, name_size) ||
        !zu_read_u8(&rest, &password_size) || !zu_read_bytes(&rest, &password, password_size) ||
        zu_left(&rest) > 0)
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO);
    memcpy(h->words, name, name_size);
    memcpy(h->words + name_size, password, password_size);
    h->name_size = name_size;
    h->password_size = password_size;
    h->state = MUST_ASK;
    return 0;
}

static int hear_as_server(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                          uint8_t *body, size_t size, struct zu_heard *heard)
{
    struct zu_reader command = zu_reader_of(body, size);
    enum zu_command_name name;
    struct zu_reader rest;

    (void)terms;
    if (h->state != BEGIN && h->state != WANT_INITIATE)
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED);
    if (size <= 1 || zu_command_read(command, &name, &rest) < 0) {
        if (h->state == BEGIN) /* libzmq tells them apart here alone */
            return zu_handshake_refuse(heard,
                                       ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED);
        name = ZU_COMMAND_UNKNOWN;
    }
    if (name == ZU_COMMAND_HELLO && h->state == BEGIN)
        return hear_hello(h, rest, heard);
    if (name == ZU_COMMAND_INITIATE && h->state == WANT_INITIATE) {
        h->state = SAY_READY;
        heard->metadata = rest;
        return 0;
    }
    return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
}

static bool ask(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                struct zu_question *q)
{
    (void)terms;
    if (h->state != MUST_ASK)
        return false;
    h->state = WANT_ANSWER;
    q->credentials[0] = zu_reader_of(h->words, h->name_size);
    q->credentials[1] = zu_reader_of(h->words + h->name_size, h->password_size);
    q->count = 2;
    return true;
}

static void answer(struct zu_handshake *h, int status)
{
    explicit_bzero(h->words, sizeof h->words);
    h->status = status;
    h->state = status == 200 ? SAY_WELCOME : SAY_ERROR;
}

static const struct zu_mechanism server = {.name = "PLAIN",
                                           .size = sizeof(struct zu_handshake),
                                           .secret = true,
                                           .speak = speak_as_server,
                                           .hear = hear_as_server,
                                           .ask = ask,
                                           .answer = answer,
                                           .done = done};

const struct zu_mechanism zu_mechanism_plain = {.name = "PLAIN",
                                                .as_server = &server,
                                                .size = sizeof(struct zu_handshake),
                                                .speak = speak_as_client,
                                                .hear = hear_as_client,
                                                .done = done};

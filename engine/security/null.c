/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NULL: both sides say READY with their properties, and that is all. With a ZAP domain the handler
 * is asked about the peer's address first, by whichever side has one.
 */
#include "engine/security/handshake.h"
#include "engine/security/mechanisms.h"
#include "engine/wire/command.h"
#include "include/zmq.h"

#include <errno.h>

struct zu_handshake {
    bool said, heard, asked;
    int refused; /* the status to say in place of READY; 0: none */
};

static int speak(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                 struct zu_writer *out)
{
    if (h->said)
        return 0;
    h->said = true;
    if (h->refused)
        return zu_handshake_error(out, h->refused);
    if (!zu_command_begin(out, ZU_COMMAND_READY) || !zu_handshake_metadata(out, terms))
        return -ENOBUFS;
    return 1;
}

static int hear(struct zu_handshake *h, const struct zu_handshake_terms *terms, uint8_t *command,
                size_t size, struct zu_heard *heard)
{
    enum zu_command_name name;
    struct zu_reader rest;
    int rc = zu_command_read(zu_reader_of(command, size), &name, &rest);

    (void)terms;
    if (rc == 0 && name == ZU_COMMAND_READY && !h->heard) {
        h->heard = true;
        heard->metadata = rest;
        return 0;
    }
    if (rc == 0 && name == ZU_COMMAND_ERROR && !h->heard)
        return zu_handshake_hear_error(rest, heard);
    return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
}

static bool ask(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                struct zu_question *q)
{
    if (h->asked || zu_options_security(terms->options)->zap_domain.size == 0)
        return false;
    h->asked = true;
    q->optional = !terms->options->zap_enforce_domain;
    return true;
}

static void answer(struct zu_handshake *h, int status)
{
    h->refused = status == 200 ? 0 : status;
}

static bool done(const struct zu_handshake *h)
{
    return h->said && h->heard && !h->refused;
}

const struct zu_mechanism zu_mechanism_null = {.name = "NULL",
                                               .size = sizeof(struct zu_handshake),
                                               .speak = speak,
                                               .hear = hear,
                                               .ask = ask,
                                               .answer = answer,
                                               .done = done};

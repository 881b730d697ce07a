/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NULL: both sides say READY with their properties, and that is all.
 */
#include "engine/security/mechanisms.h"
#include "engine/wire/command.h"
#include "include/zmq.h"

#include <errno.h>

struct zu_handshake {
    bool said, heard;
};

static int speak(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                 struct zu_writer *out)
{
    const struct zu_options *o = terms->options;

    if (h->said)
        return 0;
    h->said = true;
    if (!zu_command_begin(out, ZU_COMMAND_READY) ||
        !zu_metadata_write(out, "Socket-Type", terms->socket_type, strlen(terms->socket_type)))
        return -ENOBUFS;
    if (terms->sends_id && !zu_metadata_write(out, "Identity", o->routing_id, o->routing_id_size))
        return -ENOBUFS;
    if (!zu_write_bytes(out, o->metadata.data, o->metadata.size))
        return -ENOBUFS;
    return 1;
}

/* The peer said why it will not have us: three digits. */
static int hear_error(struct zu_reader rest, uint32_t *why)
{
    const char *reason;
    size_t size;

    if (zu_error_read(rest, &reason, &size) < 0) {
        *why = ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR;
    } else if (size == 3 && reason[0] >= '3' && reason[0] <= '5' && reason[1] == '0' &&
               reason[2] == '0') {
        *why = (uint32_t)(reason[0] - '0') * 100;
    }
    return -EPROTO;
}

static int hear(struct zu_handshake *h, struct zu_reader command, struct zu_reader *metadata,
                uint32_t *why)
{
    enum zu_command_name name;
    struct zu_reader rest;
    int rc = zu_command_read(command, &name, &rest);

    if (rc == 0 && name == ZU_COMMAND_READY && !h->heard) {
        h->heard = true;
        *metadata = rest;
        return 0;
    }
    if (rc == 0 && name == ZU_COMMAND_ERROR && !h->heard)
        return hear_error(rest, why);
    *why = ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND;
    return -EPROTO;
}

static bool done(const struct zu_handshake *h)
{
    return h->said && h->heard;
}

static const struct zu_mechanism null = {.name = "NULL",
                                         .size = sizeof(struct zu_handshake),
                                         .speak = speak,
                                         .hear = hear,
                                         .done = done};

const struct zu_mechanism *const zu_mechanisms[] = {[ZMQ_NULL] = &null, NULL};

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/security/handshake.h"

#include "engine/wire/command.h"
#include "include/zmq.h"

#include <errno.h>

bool zu_handshake_metadata(struct zu_writer *out, const struct zu_handshake_terms *terms)
{
    const struct zu_options *o = terms->options;
    const struct zu_text *id = zu_options_routing_id(o);

    return zu_metadata_write(out, "Socket-Type", terms->socket_type, strlen(terms->socket_type)) &&
           (!terms->sends_id || zu_metadata_write(out, "Identity", id->bytes, id->size)) &&
           zu_write_bytes(out, o->metadata.data, o->metadata.size);
}

int zu_handshake_error(struct zu_writer *out, int status)
{
    char digits[4] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                      (char)('0' + status % 10), 0};

    return zu_error_write(out, digits) ? 1 : -ENOBUFS;
}

int zu_handshake_hear_error(struct zu_reader rest, struct zu_heard *heard)
{
    const char *reason;
    size_t size;

    if (zu_error_read(rest, &reason, &size) < 0)
        heard->why = ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR;
    else if (size == 3 && reason[0] >= '3' && reason[0] <= '5' && reason[1] == '0' &&
             reason[2] == '0')
        heard->why = (uint32_t)(reason[0] - '0') * 100;
    return -EPROTO;
}

int zu_handshake_refuse(struct zu_heard *heard, uint32_t why)
{
    heard->why = why;
    return -EPROTO;
}

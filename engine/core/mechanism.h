/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mechanism: CONTRACT: what a security mechanism must provide: the commands between the greeting
 * and the first message. Bytes in, bytes out; the session does the rest.
 * Thread: the connection's owner. Owner: the session, which keeps the state.
 */
#ifndef ZU_CORE_MECHANISM_H
#define ZU_CORE_MECHANISM_H

#include "engine/base/bytes.h"
#include "engine/core/options.h"

struct zu_handshake; /* a mechanism's own state */

/* What the session knows that a handshake needs. */
struct zu_handshake_terms {
    const struct zu_options *options;
    const char *socket_type; /* Socket-Type of this side */
    bool sends_id;           /* READY carries Identity */
};

struct zu_mechanism {
    const char *name; /* in the greeting */
    size_t size;      /* of the state, zeroed */
    /*
     * Appends the body of the next command that this side has to send. 1: there was one; 0: nothing
     * to say until the peer speaks. At least ZU_HANDSHAKE_ROOM bytes of room.
     */
    int (*speak)(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                 struct zu_writer *out);
    /*
     * Takes the body of a command of the peer. 0, or -EPROTO; *metadata is set to the peer's
     * properties (borrowed) when this command brought them. *why: the value of
     * ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, or 0 when that event is not due.
     */
    int (*hear)(struct zu_handshake *h, struct zu_reader command, struct zu_reader *metadata,
                uint32_t *why);
    bool (*done)(const struct zu_handshake *h);
};

#define ZU_HANDSHAKE_ROOM 4096

#endif

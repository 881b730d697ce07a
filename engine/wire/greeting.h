/* SPDX-License-Identifier: Apache-2.0 */
/*
 * greeting: what both sides say before the first frame, and which version that leads to. Pure: the
 * caller brings the bytes that came and carries away the bytes to send (wire spec, 1 and 2).
 *
 * 1. zu_greeting_start gives the signature, to be sent at once.
 * 2. zu_greeting_feed for everything received, until it answers 0; it may ask for bytes to be sent.
 * 3. `version` is set. For ZU_ZMTP_1_0_BARE the bytes in seen[0..seen_size) were no greeting but
 *    the peer's first frames, and the signature we sent is the header of our identity frame.
 * Thread: the connection's owner. Owner: the session, embedded.
 */
#ifndef ZU_WIRE_GREETING_H
#define ZU_WIRE_GREETING_H

#include "engine/base/bytes.h"
#include "engine/wire/zmtp.h"

struct zu_greeting {
    uint8_t seen[ZU_GREETING_V3_SIZE];
    uint8_t seen_size;
    uint8_t wanted;                         /* size of the peer's greeting, as far as is known */
    uint8_t sent;                           /* how far our own has gone */
    uint8_t socket_type;                    /* ours: the 12th byte to a 2.0 peer */
    char mechanism[ZU_MECHANISM_SIZE];      /* ours, zero-padded */
    enum zu_zmtp_version version;           /* valid once fed to the end */
    char peer_mechanism[ZU_MECHANISM_SIZE]; /* 3.x; zero-padded */
    uint8_t peer_socket_type;               /* 1.0 revision 0 and 2.0: as said, not checked */
};

/* Writes the signature to `out` (10 bytes of room). mechanism: "NULL", "PLAIN", ... */
void zu_greeting_start(struct zu_greeting *g, int socket_type, const char *mechanism,
                       size_t routing_id_size, struct zu_writer *out);

/*
 * Takes what belongs to the greeting from `in`, and nothing behind it; appends what is to be sent
 * now to `out` (at least 64 bytes of room). 0: the greeting is over. -EAGAIN: more bytes needed.
 */
int zu_greeting_feed(struct zu_greeting *g, struct zu_reader *in, struct zu_writer *out);

#endif

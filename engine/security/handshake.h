/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handshake: what mechanisms have in common: the properties that each side tells of itself, and the
 * last word to a peer that is not let in.
 * Thread: the connection's owner. Owner: nobody; nothing is kept.
 */
#ifndef ZU_SECURITY_HANDSHAKE_H
#define ZU_SECURITY_HANDSHAKE_H

#include "engine/core/mechanism.h"

/* Appends our properties. False: no room. */
bool zu_handshake_metadata(struct zu_writer *out, const struct zu_handshake_terms *terms);

/* Appends ERROR with the three digits of a ZAP status. 1, or -ENOBUFS. */
int zu_handshake_error(struct zu_writer *out, int status);

/* The peer's ERROR, behind its name: -EPROTO, and heard->why is the status where it is one. */
int zu_handshake_hear_error(struct zu_reader rest, struct zu_heard *heard);

/* The command is refused: -EPROTO. */
int zu_handshake_refuse(struct zu_heard *heard, uint32_t why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmtp: the numbers of ZMTP 1.0 to 3.1, and of ZWS 2.0, which carries it over WebSockets.
 */
#ifndef ZU_WIRE_ZMTP_H
#define ZU_WIRE_ZMTP_H

/* What a connection speaks, decided by the greeting; in order of age. But for ZWS, whose frames are
 * its own: it is the least, so that who asks for version 2 framing, once a message, is told no. */
enum zu_zmtp_version {
    ZU_ZWS_2_0,
    ZU_ZMTP_1_0_BARE, /* no greeting at all: version 1 frames from the first byte */
    ZU_ZMTP_1_0,      /* revision 0 */
    ZU_ZMTP_2_0,
    ZU_ZMTP_3_0,
    ZU_ZMTP_3_1,
};

enum zu_zmtp_limits {
    ZU_SIGNATURE_SIZE = 10,
    ZU_GREETING_V2_SIZE = 12,
    ZU_GREETING_V3_SIZE = 64,
    ZU_MECHANISM_SIZE = 20,
    ZU_FRAME_HEADER_MAX = 10, /* version 1: FF, 8 bytes of length, flags */
    ZU_ZWS_HEADER_MAX = 15,   /* a WebSocket's 14, and a byte of flags */
    ZU_PING_CONTEXT_MAX = 16,
};

#endif

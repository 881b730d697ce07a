/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socks: the client's side of SOCKS5 (RFC 1928, 1929): what is said to a proxy before its
 * connection becomes ours. Pure: the caller brings the bytes that came and carries away the bytes
 * to send.
 *
 * 1. zu_socks_start gives the first bytes to send.
 * 2. zu_socks_feed for everything received, until it answers 0; it may ask for bytes to be sent.
 * 3. What `in` still holds then are the first bytes of the peer behind the proxy.
 *
 * The destination is told as it was written: a name is the proxy's to look up.
 * Thread: the connection's owner. Owner: the dialer, for as long as the dialogue lasts.
 */
#ifndef ZU_TRANSPORTS_SOCKS_H
#define ZU_TRANSPORTS_SOCKS_H

#include "engine/base/bytes.h"

#define ZU_SOCKS_OUT_MAX 800 /* no dialogue sends more than this, all its steps together */

struct zu_socks {
    uint8_t state;
    uint8_t seen_size;   /* how much of the answer's head has come */
    uint8_t seen[5];     /* that head; five bytes tell how long the rest is */
    uint16_t skip;       /* bytes of the rest still to come; no one needs them */
    uint16_t login_size; /* what is to be said, made at the start */
    uint16_t request_size;
    uint8_t login[3 + 2 * 255];
    uint8_t request[4 + 1 + 255 + 2];
};

/*
 * host: without brackets. user NULL or "": none is offered; pass NULL is "". Writes the first bytes
 * to `out`. -EINVAL, nothing being written: no host, port 0, or a text of more than 255 bytes; feed
 * then fails, too.
 */
int zu_socks_start(struct zu_socks *s, const char *host, uint16_t port, const char *user,
                   const char *pass, struct zu_writer *out);

/*
 * Takes what belongs to the dialogue from `in`, and nothing behind it. 0: we are through. -EAGAIN:
 * more bytes are needed. -ECONNREFUSED: the proxy refuses us or the destination. -EPROTO: that is
 * no SOCKS5, or `out` had no room.
 */
int zu_socks_feed(struct zu_socks *s, struct zu_reader *in, struct zu_writer *out);

#endif

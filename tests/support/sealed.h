/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealed: what stands in OpenSSL's place where a test has to know each byte: it fills
 * transports/openssl.h, so the tunnel over it is the real one. There is no handshake. A record is
 * its kind, its number, its size in two bytes, and its bytes as they are.
 *
 * Nobody may call it for a connection while another one is inside: that stops the program.
 * Thread: any. Owner: the caller.
 */
#ifndef ZU_TESTS_SUPPORT_SEALED_H
#define ZU_TESTS_SUPPORT_SEALED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ASK is to be answered by an ANSWER, as a peer may want new keys; END is a goodbye. */
enum sealed_kind { SEALED_DATA, SEALED_ASK, SEALED_ANSWER, SEALED_END };

enum { SEALED_HEAD = 4, SEALED_MAX = 16 * 1024 };

/* The other side of a connection. Zeroed. */
struct sealed_peer {
    uint8_t said, heard; /* records */
    unsigned answers;
    bool ended;
};

/* A record is written: how large it is. */
size_t sealed_say(struct sealed_peer *p, uint8_t *to, enum sealed_kind kind, const void *bytes,
                  size_t size);
/* Takes whole records: how many bytes these were. What is in them is added at `to`. */
size_t sealed_hear(struct sealed_peer *p, const uint8_t *from, size_t size, uint8_t *to,
                   size_t *filled);

/* Called by who is inside; or NULL. */
extern void (*sealed_inside)(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upgrade: the words of HTTP that turn a connection into a WebSocket (RFC 6455, 4), and in which
 * both sides agree on what is spoken inside. Pure: text in, text out. No I/O, no allocation.
 *
 * The client asks (zu_upgrade_ask); the server hears it (zu_upgrade_hear_request) and answers
 * (zu_upgrade_answer, or zu_upgrade_refuse); the client hears that (zu_upgrade_hear_answer).
 */
#ifndef ZU_WIRE_UPGRADE_H
#define ZU_WIRE_UPGRADE_H

#include "engine/base/bytes.h"

enum {
    ZU_UPGRADE_MAX = 8192,       /* of a whole request or answer */
    ZU_UPGRADE_NONCE = 16,       /* random bytes of a key */
    ZU_UPGRADE_KEY_SIZE = 25,    /* of a key as text, with NUL */
    ZU_UPGRADE_ACCEPT_SIZE = 29, /* of what is made of one, with NUL */
    ZU_UPGRADE_OURS_MAX = 1024,  /* of what we say, but for host and path */
};

/* What is spoken inside is chosen from a list of names that ends with NULL. */
struct zu_upgrade {
    int chosen; /* which of them; -1: none */
    char key[ZU_UPGRADE_KEY_SIZE];
};

/* How long the text is that begins there and ends with an empty line; 0: it is not all there. The
 * first `seen` bytes had been looked at before. */
size_t zu_upgrade_end(const uint8_t *at, size_t size, size_t seen);

void zu_upgrade_make_key(char out[ZU_UPGRADE_KEY_SIZE], const uint8_t nonce[ZU_UPGRADE_NONCE]);
void zu_upgrade_accept(char out[ZU_UPGRADE_ACCEPT_SIZE], const char *key);

/* All three append to `out`; false: no room. `offered` is the list as one text. */
bool zu_upgrade_ask(struct zu_writer *out, const char *host, const char *path, const char *key,
                    const char *offered);
bool zu_upgrade_answer(struct zu_writer *out, const char *key, const char *chosen);
/* `error` is what zu_upgrade_hear_request answered. */
bool zu_upgrade_refuse(struct zu_writer *out, int error);

/*
 * A whole text as zu_upgrade_end found it. 0: *u is set. -EPROTO: it is not what it should be.
 * Of a request: -ENOPROTOOPT, another version of the protocol; -EPROTONOSUPPORT, none of the names
 * is asked for (the first that the client names is chosen). Of an answer: -ECONNREFUSED, not now,
 * as who stands between us and the server says.
 */
int zu_upgrade_hear_request(struct zu_reader text, const char *const *names, struct zu_upgrade *u);
int zu_upgrade_hear_answer(struct zu_reader text, const char *const *names, const char *key,
                           struct zu_upgrade *u);

#endif

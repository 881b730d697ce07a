/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curve: what both sides of CURVE (CurveZMQ, RFC 26) have in common: the state, the nonces, and
 * messages, which are sealed and opened where they lie. The handshakes are in curve_client.c and
 * curve_server.c. Sizes and offsets are those of the RFC.
 *
 * Keys by their names there: C, c the client's for long; S, s the server's; C', c' and S', s' those
 * of the connection.
 * Thread: the connection's owner. Owner: the session.
 */
#ifndef ZU_SECURITY_CURVE_H
#define ZU_SECURITY_CURVE_H

#include "engine/core/mechanism.h"
#include "engine/security/box.h"

enum {
    ZU_CURVE_HELLO = 200,
    ZU_CURVE_WELCOME = 168,
    ZU_CURVE_INITIATE = 257, /* and the properties */
    ZU_CURVE_READY = 30,     /* and the properties */
    ZU_CURVE_MESSAGE = 33,   /* and the body */
    ZU_CURVE_COOKIE = 96,
    ZU_CURVE_VOUCH = 80,
    ZU_CURVE_SHORT = 8, /* bytes of a short nonce, the last of its 24 */
    ZU_CURVE_LONG = 16, /* and of a long one */
};

enum zu_curve_state {
    ZU_CURVE_BEGIN,         /* client: HELLO is to be said; server: to be heard */
    ZU_CURVE_WANT_WELCOME,  /* client */
    ZU_CURVE_SAY_INITIATE,  /* client */
    ZU_CURVE_WANT_READY,    /* client */
    ZU_CURVE_SAY_WELCOME,   /* server */
    ZU_CURVE_WANT_INITIATE, /* server */
    ZU_CURVE_MUST_ASK,      /* server */
    ZU_CURVE_WANT_ANSWER,   /* server: the ZAP handler's */
    ZU_CURVE_SAY_READY,     /* server */
    ZU_CURVE_SAY_ERROR,     /* server */
    ZU_CURVE_REFUSED,       /* server: ERROR was said */
    ZU_CURVE_DONE,
};

struct zu_handshake {
    enum zu_curve_state state;
    int status;                       /* why the client is refused */
    uint64_t last_sealed, last_heard; /* short nonces */
    union {
        uint8_t key[ZU_BOX_KEY]; /* of the connection: C' and S' share it; until READY */
        struct {
            uint8_t ours[ZU_BOX_KEY], theirs[ZU_BOX_KEY];
        } narrow; /* of messages, after it: see zu_box_narrow */
    };
    union {
        struct {
            uint8_t own[ZU_BOX_KEY], secret[ZU_BOX_KEY]; /* C', c' */
            uint8_t theirs[ZU_BOX_KEY];                  /* S' */
            uint8_t cookie[ZU_CURVE_COOKIE];
        } client; /* until READY */
        struct {
            uint8_t theirs[ZU_BOX_KEY];     /* C', until WELCOME; then C, until the handler spoke */
            uint8_t cookie_key[ZU_BOX_KEY]; /* all that is left of the client after WELCOME */
        } server;                           /* until READY */
    };
};

/* A nonce of a text and what is behind it; `rest` is what completes the 24 bytes. */
void zu_curve_nonce(uint8_t nonce[ZU_BOX_NONCE], const char *text, const void *rest);
/* The next short nonce of this side, as bytes. */
void zu_curve_next_short(struct zu_handshake *h, uint8_t bytes[ZU_CURVE_SHORT]);
uint64_t zu_curve_short(const uint8_t bytes[ZU_CURVE_SHORT]);

/* READY was said, or heard: from here on messages go. */
void zu_curve_ready(struct zu_handshake *h, bool server);

/* For the tables of either side: see struct zu_mechanism. */
bool zu_curve_done(const struct zu_handshake *h);
ssize_t zu_curve_seal(struct zu_handshake *h, uint8_t *at, const uint8_t *from, size_t size,
                      uint8_t flags);
ssize_t zu_curve_open(struct zu_handshake *h, uint8_t *at, size_t size, uint8_t *flags,
                      uint32_t *why);

extern const struct zu_mechanism zu_curve_server;

#endif

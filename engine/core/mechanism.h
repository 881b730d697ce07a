/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mechanism: CONTRACT: what a security mechanism must provide: the commands between the greeting
 * and the first message. Bytes in, bytes out; the session does the rest, the question to the ZAP
 * handler (session_zap.c) included.
 * Thread: the connection's owner. Owner: the session, which keeps the state.
 */
#ifndef ZU_CORE_MECHANISM_H
#define ZU_CORE_MECHANISM_H

#include "engine/base/bytes.h"
#include "engine/core/options.h"

#include <sys/types.h>

struct zu_errand;
struct zu_handshake; /* a mechanism's own state */

/* What the session knows that a handshake needs. */
struct zu_handshake_terms {
    struct zu_options *options;
    const char *socket_type; /* Socket-Type of this side */
    bool sends_id;           /* READY carries Identity */
};

/* What a command of the peer has brought. Zeroed before. */
struct zu_heard {
    struct zu_reader metadata; /* the peer's properties, borrowed; `at` NULL: none */
    /* The value of ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, or of _AUTH (300 to 500), that is due when
     * the command, or its metadata, is refused; 0: none. */
    uint32_t why;
};

/* What the ZAP handler is to be asked, borrowed from the state. */
struct zu_question {
    struct zu_reader credentials[2];
    size_t count;
    bool optional; /* where nobody handles it the peer is let in all the same */
};

struct zu_mechanism {
    const char *name;                     /* in the greeting */
    const struct zu_mechanism *as_server; /* what a server has in its place; NULL: the same */
    size_t size;                          /* of the state, zeroed */
    bool secret;                          /* it is: then it lies in memory for secrets */
    /*
     * Before anything else: what has to be done first and may block, so that a thread of its own
     * does it (errand.h). 1: *out, which is this mechanism's; until it is back nothing is asked of
     * the state but `hear` and `end`. 0: nothing. -ENOMEM. NULL: there never is.
     */
    int (*errand)(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                  struct zu_errand **out);
    /*
     * Appends the body of the next command that this side has to send. 1: there was one; 0: nothing
     * to say until the peer, or the ZAP handler, speaks. At least ZU_HANDSHAKE_ROOM bytes of room.
     * -EPROTO: what this side was given, its keys or what the peer said, cannot work; -EACCES: nor
     * can it now, but perhaps later.
     */
    int (*speak)(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                 struct zu_writer *out);
    /* Takes the body of a command of the peer, which it may write over. 0, or -EPROTO. */
    int (*hear)(struct zu_handshake *h, const struct zu_handshake_terms *terms, uint8_t *command,
                size_t size, struct zu_heard *heard);
    /*
     * Before anything more is said: is the ZAP handler to be asked? True once at most; then
     * `answer` follows, with 200, also when nobody had to be asked, or with 400 or 500: then
     * `speak` has ERROR to say, and nothing after it. NULL, both: it never is.
     */
    bool (*ask)(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                struct zu_question *q);
    void (*answer)(struct zu_handshake *h, int status);
    bool (*done)(const struct zu_handshake *h);

    /* Gives back what the state holds, and ends an errand. NULL: nothing. */
    void (*end)(struct zu_handshake *h);

    /*
     * Once done: how messages and commands go, of which one thread may seal while another opens.
     * `seal` makes the body of a frame behind seal_head
     * bytes of room, of `size` bytes `from` elsewhere or at that place already, in front of
     * seal_tail: its size; -ENOMEM; -EPROTO: never again. `open` takes a frame's body of `size`
     * bytes: how many were sealed, which are then the last of them; -ENOMEM; -EPROTO, and *why as
     * above. Flags: ZU_MSG_MORE, ZU_MSG_COMMAND. NULL, both: they go as they are; so they do where
     * `seals` says no.
     */
    bool (*seals)(const struct zu_handshake *h); /* NULL: yes, if there is a `seal` */
    size_t seal_head, seal_tail;                 /* ZU_SEAL_ROOM at most, together */
    ssize_t (*seal)(struct zu_handshake *h, uint8_t *at, const uint8_t *from, size_t size,
                    uint8_t flags);
    ssize_t (*open)(struct zu_handshake *h, uint8_t *at, size_t size, uint8_t *flags,
                    uint32_t *why);
};

#define ZU_HANDSHAKE_ROOM (56 * 1024) /* a ticket of Kerberos may say a lot about its owner */
#define ZU_SEAL_ROOM      160

#endif

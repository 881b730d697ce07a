/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl: TLS 1.3 itself, which is OpenSSL's; openssl.c is the only file that knows so. Bytes in,
 * bytes out: the caller brings what came from the peer and carries away what is for him.
 *
 * Results of what concerns a connection: -EAGAIN: more bytes of the peer are needed. -EKEYREJECTED:
 * one side does not accept the other's certificate. -EPROTO: the peer broke the rules, or speaks no
 * TLS. -ENOMEM. After one of these but -EAGAIN there may be bytes that tell the peer why, and the
 * connection is of no more use.
 *
 * Thread: the connection's; of zu_openssl_prepare any. Owner: the caller.
 */
#ifndef ZU_TRANSPORTS_OPENSSL_H
#define ZU_TRANSPORTS_OPENSSL_H

#include "engine/base/bytes.h"
#include "engine/base/kept.h"
#include "engine/core/options.h"

#include <sys/types.h>

struct zu_openssl; /* a connection's state */

/* What of the options is the same for all connections made with them, in o->tls, unless it is there
 * already. -EINVAL: it cannot be used, or does not suffice. -ENOMEM. */
int zu_openssl_prepare(const struct zu_options *o, bool accepts);

/* What passes between a connection and its caller. */
struct zu_openssl_wire {
    struct zu_reader in;     /* the peer's bytes that were not taken yet */
    uint8_t *out;            /* bytes for him, in kept memory; or NULL */
    size_t filled, out_room; /* of it */
    bool lent;               /* the kernel has them: they stay where they are */
    bool hushed;             /* nothing goes out */
};

/* The memory of `out`. */
static inline void zu_openssl_release(struct zu_openssl_wire *w)
{
    if (w->out)
        zu_kept_free(w->out, w->out_room);
    w->out = NULL;
    w->filled = w->out_room = 0;
}

/* `host` is whom we dial, if the options do not say it. Prepared before. The wire stays where it is
 * until the end. -ENOMEM. */
int zu_openssl_new(struct zu_openssl **out, struct zu_openssl_wire *wire,
                   const struct zu_options *o, bool accepted, const char *host);
void zu_openssl_free(struct zu_openssl *s);

int zu_openssl_shake(struct zu_openssl *s); /* 0: the handshake is over */

/* What seals our records, from the first after the handshake on; of 16 or 32 bytes the key. */
struct zu_openssl_keys {
    uint16_t suite; /* TLS_AES_128_GCM_SHA256 and so on, as they are numbered */
    uint8_t key[32], iv[12];
};

/*
 * After the handshake, once: for somebody else to seal with. False: there are none to be had. With
 * zu_openssl_hush that is agreed on: what OpenSSL would say from then on comes to nothing, as it
 * would be sealed with what has been used already. What it gives as alerts is to be had by
 * zu_openssl_alert. A peer who asks for new keys is not read any more: the kernel keeps its own.
 */
bool zu_openssl_keys(struct zu_openssl *s, struct zu_openssl_keys *k);
void zu_openssl_hush(struct zu_openssl *s);
void zu_openssl_forget_keys(struct zu_openssl_keys *k); /* wipes them */
/* Bytes of the peer's, at most `size`: how many; 0: he has said that there are no more. */
ssize_t zu_openssl_read(struct zu_openssl *s, void *bytes, size_t size);
/* `size` bytes, at most ZU_OPENSSL_RECORD, for the peer. 0: all of them; -ENOMEM: none, and it may
 * be tried again; -EPROTO: none, nor ever again. */
int zu_openssl_write(struct zu_openssl *s, const void *bytes, size_t size);
void zu_openssl_finish(struct zu_openssl *s);                  /* there are no more from us */
bool zu_openssl_alert(struct zu_openssl *s, uint8_t alert[2]); /* one that it gave, and hushed */
const char *zu_openssl_reason(const struct zu_openssl *s);     /* why it failed, static; or NULL */

enum {
    ZU_OPENSSL_RECORD = 16 * 1024, /* bytes in a record, */
    ZU_OPENSSL_MARGIN = 512,       /* and what it, or a word between records, is longer at most */
};

#endif

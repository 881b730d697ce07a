/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A box between two key pairs is a secret box under the key that they share, which is worked out
 * once; so there is one way to seal, and the cookie goes the same way.
 *
 * A secret box is XSalsa20 and Poly1305: HSalsa20 makes a key of the key and the first 16 bytes of
 * the nonce; of the Salsa20 stream under it and the other 8, the first 32 bytes are Poly1305's key
 * and the rest is added to the message. Of messages these 16 bytes are always the same, so HSalsa20
 * runs once a connection; and as 32 bytes before the message are free for as many of the stream,
 * one run over all of it does the rest.
 */
#include "engine/security/box.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

_Static_assert((int)ZU_BOX_KEY == (int)crypto_box_PUBLICKEYBYTES &&
                   (int)ZU_BOX_KEY == (int)crypto_box_SECRETKEYBYTES &&
                   (int)ZU_BOX_KEY == (int)crypto_box_BEFORENMBYTES &&
                   (int)ZU_BOX_KEY == (int)crypto_secretbox_KEYBYTES,
               "all keys have one size");
_Static_assert((int)ZU_BOX_NONCE == (int)crypto_secretbox_NONCEBYTES &&
                   (int)ZU_BOX_TAG == (int)crypto_secretbox_MACBYTES,
               "the sizes are libsodium's");

int zu_box_ready(void)
{
    return sodium_init() < 0 ? -ENOTSUP : 0;
}

void zu_box_random(void *bytes, size_t size)
{
    randombytes_buf(bytes, size);
}

void zu_box_keypair(uint8_t public_key[ZU_BOX_KEY], uint8_t secret_key[ZU_BOX_KEY])
{
    crypto_box_keypair(public_key, secret_key);
}

void zu_box_public(uint8_t public_key[ZU_BOX_KEY], const uint8_t secret_key[ZU_BOX_KEY])
{
    crypto_scalarmult_base(public_key, secret_key);
}

int zu_box_shared(uint8_t key[ZU_BOX_KEY], const uint8_t public_key[ZU_BOX_KEY],
                  const uint8_t secret_key[ZU_BOX_KEY])
{
    return crypto_box_beforenm(key, public_key, secret_key) == 0 ? 0 : -EPROTO;
}

void zu_box_seal(uint8_t *box, const void *plain, size_t size, const uint8_t nonce[ZU_BOX_NONCE],
                 const uint8_t key[ZU_BOX_KEY])
{
    crypto_secretbox_easy(box, plain, size, nonce, key);
}

int zu_box_open(void *plain, const uint8_t *box, size_t size, const uint8_t nonce[ZU_BOX_NONCE],
                const uint8_t key[ZU_BOX_KEY])
{
    return crypto_secretbox_open_easy(plain, box, size, nonce, key) == 0 ? 0 : -EPROTO;
}

void zu_box_narrow(uint8_t narrow[ZU_BOX_KEY], const uint8_t key[ZU_BOX_KEY], const char *begin)
{
    crypto_core_hsalsa20(narrow, (const unsigned char *)begin, key, NULL);
}

void zu_box_seal_here(uint8_t *at, size_t size, const uint8_t rest[8],
                      const uint8_t narrow[ZU_BOX_KEY])
{
    uint8_t tag[ZU_BOX_TAG];

    memset(at, 0, ZU_BOX_ROOM);
    crypto_stream_salsa20_xor(at, at, ZU_BOX_ROOM + size, rest, narrow);
    crypto_onetimeauth(tag, at + ZU_BOX_ROOM, size, at);
    memset(at, 0, ZU_BOX_ROOM - ZU_BOX_TAG);                /* half of the tag's key */
    memcpy(at + ZU_BOX_ROOM - ZU_BOX_TAG, tag, ZU_BOX_TAG); /* over the other half */
}

/* Nothing of the body is changed before the tag is known to be right. The stream begins at `at`
 * again: in whole steps of the cipher it is faster than from the middle of its first block. */
int zu_box_open_here(uint8_t *at, size_t size, const uint8_t rest[8],
                     const uint8_t narrow[ZU_BOX_KEY])
{
    uint8_t key[ZU_BOX_KEY], *body = at + ZU_BOX_ROOM;
    int rc = -EPROTO;

    crypto_stream_salsa20(key, sizeof key, rest, narrow);
    if (crypto_onetimeauth_verify(body - ZU_BOX_TAG, body, size, key) == 0) {
        crypto_stream_salsa20_xor(at, at, ZU_BOX_ROOM + size, rest, narrow);
        rc = 0;
    }
    sodium_memzero(key, sizeof key);
    return rc;
}

bool zu_box_equal(const void *a, const void *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}

void zu_box_wipe(void *bytes, size_t size)
{
    sodium_memzero(bytes, size);
}

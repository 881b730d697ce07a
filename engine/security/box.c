/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A box between two key pairs is a secret box under the key that they share, which is worked out
 * once; so there is one way to seal, and the cookie goes the same way.
 */
#include "engine/security/box.h"

#include <errno.h>
#include <sodium.h>

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

bool zu_box_equal(const void *a, const void *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}

void zu_box_wipe(void *bytes, size_t size)
{
    sodium_memzero(bytes, size);
}

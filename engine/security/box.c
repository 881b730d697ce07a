/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A box between two key pairs is a secret box under the key that they share, which is worked out
 * once; so there is one way to seal, and the cookie goes the same way.
 *
 * A secret box is XSalsa20 and Poly1305: HSalsa20 makes a key of the key and the first 16 bytes of
 * the nonce; of the Salsa20 stream under it and the other 8, the first 32 bytes are Poly1305's key
 * and the rest is mixed with the message. Of messages these 16 bytes are always the same, so
 * HSalsa20 runs once a connection.
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

/* ---- the stream ---- */

/* libsodium works out so many blocks of it at once, in the processor's wide registers, in hardly
 * more time than two: so fewer are never asked for, but for one. */
enum { BLOCK = 64, STRIDE_MAX = 8 * BLOCK, TAG_KEY = 32 };

static size_t stride(void)
{
    return sodium_runtime_has_avx2() ? 8 * BLOCK : sodium_runtime_has_sse2() ? 4 * BLOCK : BLOCK;
}

/* `to` may be `from`. */
static void mix(uint8_t *to, const uint8_t *from, const uint8_t *stream, size_t size)
{
    uint64_t a[4], b[4];

    for (; size >= sizeof a; size -= sizeof a) {
        memcpy(a, from, sizeof a);
        memcpy(b, stream, sizeof b);
        for (int i = 0; i < 4; i++)
            a[i] ^= b[i];
        memcpy(to, a, sizeof a);
        to += sizeof a;
        from += sizeof a;
        stream += sizeof a;
    }
    for (size_t i = 0; i < size; i++)
        to[i] = from[i] ^ stream[i];
}

/* The first bytes of the stream, for a message that takes so many: how many they are. */
static size_t begin_stream(uint8_t first[STRIDE_MAX], size_t size, const uint8_t rest[8],
                           const uint8_t narrow[ZU_BOX_KEY])
{
    size_t done = size <= BLOCK ? (size_t)BLOCK : stride();

    crypto_stream_salsa20(first, done, rest, narrow);
    return done;
}

/* Mixes with the stream from a block of it on. */
static void mix_on(uint8_t *to, const uint8_t *from, size_t size, uint64_t block,
                   const uint8_t rest[8], const uint8_t narrow[ZU_BOX_KEY])
{
    size_t step = stride(), tail = size % step;
    uint8_t last[STRIDE_MAX];

    if (tail <= BLOCK)
        tail = 0; /* together with the others it costs no more */
    size -= tail;
    if (size)
        crypto_stream_salsa20_xor_ic(to, from, size, rest, block, narrow);
    if (tail) {
        memset(last, 0, step);
        crypto_stream_salsa20_xor_ic(last, last, step, rest, block + size / BLOCK, narrow);
        mix(to + size, from + size, last, tail);
        sodium_memzero(last, step);
    }
}

/* Mixes with the stream from its byte `at` on, of whose first `done` bytes that is one. */
static void mix_all(uint8_t *to, const uint8_t *from, size_t size, size_t at,
                    const uint8_t first[STRIDE_MAX], size_t done, const uint8_t rest[8],
                    const uint8_t narrow[ZU_BOX_KEY])
{
    size_t here = size < done - at ? size : done - at;

    mix(to, from, first + at, here);
    if (here < size)
        mix_on(to + here, from + here, size - here, done / BLOCK, rest, narrow);
}

void zu_box_seal_here(uint8_t *at, uint8_t lead, const uint8_t *from, size_t size,
                      const uint8_t rest[8], const uint8_t narrow[ZU_BOX_KEY])
{
    uint8_t first[STRIDE_MAX], *body = at + ZU_BOX_ROOM;
    size_t done = begin_stream(first, TAG_KEY + 1 + size, rest, narrow);

    body[0] = lead ^ first[TAG_KEY];
    mix_all(body + 1, from, size, TAG_KEY + 1, first, done, rest, narrow);
    crypto_onetimeauth(body - ZU_BOX_TAG, body, 1 + size, first);
    sodium_memzero(first, done);
}

/* Nothing of the body is changed before the tag is known to be right. */
int zu_box_open_here(uint8_t *at, size_t size, const uint8_t rest[8],
                     const uint8_t narrow[ZU_BOX_KEY])
{
    uint8_t first[STRIDE_MAX], *body = at + ZU_BOX_ROOM;
    size_t done = begin_stream(first, TAG_KEY + size, rest, narrow);
    int rc = -EPROTO;

    if (crypto_onetimeauth_verify(body - ZU_BOX_TAG, body, size, first) == 0) {
        mix_all(body, body, size, TAG_KEY, first, done, rest, narrow);
        rc = 0;
    }
    sodium_memzero(first, done);
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

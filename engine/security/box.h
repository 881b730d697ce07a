/* SPDX-License-Identifier: Apache-2.0 */
/*
 * box: the cryptography of CURVE, and the randomness of its keys and nonces: all of it is
 * libsodium's, and box.c is the only file that knows so. A box is a tag of ZU_BOX_TAG bytes and as
 * many bytes as were sealed.
 * Thread: any. Owner: nobody; nothing is kept here.
 */
#ifndef ZU_SECURITY_BOX_H
#define ZU_SECURITY_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ZU_BOX_KEY = 32, ZU_BOX_NONCE = 24, ZU_BOX_TAG = 16 };

int zu_box_ready(void); /* before anything else. -ENOTSUP: there is no randomness to be had */

void zu_box_random(void *bytes, size_t size);
void zu_box_keypair(uint8_t public_key[ZU_BOX_KEY], uint8_t secret_key[ZU_BOX_KEY]);
void zu_box_public(uint8_t public_key[ZU_BOX_KEY], const uint8_t secret_key[ZU_BOX_KEY]);

/* The key that the owner of the one secret key shares with the owner of the other. -EPROTO: the
 * public key is none that anybody could have made. */
int zu_box_shared(uint8_t key[ZU_BOX_KEY], const uint8_t public_key[ZU_BOX_KEY],
                  const uint8_t secret_key[ZU_BOX_KEY]);

/* `plain` may be box + ZU_BOX_TAG. A nonce is used once with a key, by either side. */
void zu_box_seal(uint8_t *box, const void *plain, size_t size, const uint8_t nonce[ZU_BOX_NONCE],
                 const uint8_t key[ZU_BOX_KEY]);
/* `size` is the box's; `plain` may be box + ZU_BOX_TAG. -EPROTO: it was not sealed so. */
int zu_box_open(void *plain, const uint8_t *box, size_t size, const uint8_t nonce[ZU_BOX_NONCE],
                const uint8_t key[ZU_BOX_KEY]);

/*
 * Many boxes under one key whose nonces begin with the same 16 bytes: what these two come to is
 * worked out once, and a box costs the less. Such a box lies behind ZU_BOX_ROOM bytes, of which the
 * tag is the last ZU_BOX_TAG; the others are free. It is opened where it lies, and made there of
 * one byte and of what is at `from`: elsewhere, or at its place already, behind the one byte's.
 * `rest` is the nonce's last 8 bytes, and not in the box.
 */
enum { ZU_BOX_ROOM = 32 };
void zu_box_narrow(uint8_t narrow[ZU_BOX_KEY], const uint8_t key[ZU_BOX_KEY], const char *begin);
void zu_box_seal_here(uint8_t *at, uint8_t lead, const uint8_t *from, size_t size,
                      const uint8_t rest[8], const uint8_t narrow[ZU_BOX_KEY]);
int zu_box_open_here(uint8_t *at, size_t size, const uint8_t rest[8],
                     const uint8_t narrow[ZU_BOX_KEY]); /* -EPROTO: it was not sealed so */

bool zu_box_equal(const void *a, const void *b, size_t size); /* takes the same time always */
void zu_box_wipe(void *bytes, size_t size);                   /* also where nobody reads it again */

#endif

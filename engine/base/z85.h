/* SPDX-License-Identifier: Apache-2.0 */
/*
 * z85: bytes as printable text, four bytes to five digits of base 85 (ZeroMQ RFC 32). No
 * allocation; on an error the output was not touched.
 */
#ifndef ZU_BASE_Z85_H
#define ZU_BASE_Z85_H

#include <stddef.h>
#include <stdint.h>

/* Writes n * 5 / 4 digits and a terminator. -EINVAL: n is no multiple of 4. */
int zu_z85_encode(char *dst, const uint8_t *src, size_t n);

/*
 * Writes strlen(src) * 4 / 5 bytes. -EINVAL: the length is 0 or no multiple of 5, a character is no
 * digit, or five digits are worth more than four bytes can hold.
 */
int zu_z85_decode(uint8_t *dst, const char *src);

#endif

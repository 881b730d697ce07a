/* SPDX-License-Identifier: Apache-2.0 */
/*
 * z85: a group of five digits is computed in 64 bits, where it cannot overflow, and compared then.
 * Decoding reads all groups before it writes the first.
 */
#include "engine/base/z85.h"

#include "engine/base/base.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

static_assert(sizeof digits == 85 + 1, "base 85 has 85 digits");

int zu_z85_encode(char *dst, const uint8_t *src, size_t n)
{
    if (n % 4 != 0)
        return -EINVAL;
    for (; n > 0; n -= 4, src += 4, dst += 5) {
        uint32_t x =
            (uint32_t)src[0] << 24 | (uint32_t)src[1] << 16 | (uint32_t)src[2] << 8 | src[3];

        for (int i = 4; i >= 0; i--, x /= 85)
            dst[i] = digits[x % 85];
    }
    *dst = '\0';
    return 0;
}

/* False: not five digits, or worth too much. */
static bool read_group(const char *src, uint32_t *value)
{
    uint64_t x = 0;

    for (int i = 0; i < 5; i++) {
        const char *d = memchr(digits, src[i], sizeof digits - 1);

        if (!d)
            return false;
        x = x * 85 + (uint64_t)(d - digits);
    }
    *value = (uint32_t)x;
    return x <= UINT32_MAX;
}

int zu_z85_decode(uint8_t *dst, const char *src)
{
    size_t size = strlen(src);
    uint32_t x;

    if (size == 0 || size % 5 != 0)
        return -EINVAL;
    for (size_t i = 0; i < size; i += 5)
        if (!read_group(src + i, &x))
            return -EINVAL;
    for (size_t i = 0; i < size; i += 5, dst += 4) {
        read_group(src + i, &x);
        dst[0] = (uint8_t)(x >> 24);
        dst[1] = (uint8_t)(x >> 16);
        dst[2] = (uint8_t)(x >> 8);
        dst[3] = (uint8_t)x;
    }
    return 0;
}

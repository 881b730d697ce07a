/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hex: bytes written the way the wire is drawn on paper.
 *   "04 19 05 'READY' 0b 'Socket-Type' 00*3 03 'REQ'"
 * Pairs of hexadecimal digits, text in quotes, and *n for n times the byte (or the text's last
 * byte) before it; blanks anywhere between.
 * Thread: any. Owner: nobody.
 */
#ifndef ZU_TESTS_SUPPORT_HEX_H
#define ZU_TESTS_SUPPORT_HEX_H

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Returns how many bytes the text stands for; a mistake in the text ends the test program. */
static inline size_t hex_read(uint8_t *out, size_t room, const char *text)
{
    size_t n = 0, more;

    for (const char *t = text; *t;) {
        char *end = (char *)t + 1;

        more = 1;
        if (*t == '*' && n > 0) {
            more = strtoul(t + 1, &end, 10);
            if (more == 0 || more - 1 > room - n)
                goto wrong;
            memset(out + n, out[n - 1], more - 1);
            n += more - 1;
        } else if (*t == '\'') {
            if (!(end = strchr(t + 1, '\'')) || (size_t)(end - t - 1) > room - n)
                goto wrong;
            memcpy(out + n, t + 1, (size_t)(end - t - 1));
            n += (size_t)(end++ - t - 1);
        } else if (!isspace((unsigned char)*t)) {
            if (hex_digit(t[0]) < 0 || hex_digit(t[1]) < 0 || n == room)
                goto wrong;
            out[n++] = (uint8_t)(hex_digit(t[0]) << 4 | hex_digit(t[1]));
            end = (char *)t + 2;
        }
        t = end;
    }
    return n;
wrong:
    fprintf(stderr, "not hexadecimal, or more than %zu bytes: %s\n", room, text);
    exit(2);
}

#endif

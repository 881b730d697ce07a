/* SPDX-License-Identifier: Apache-2.0 */
/*
 * greeting: the peer's octets are taken in steps, and a step ends wherever something is decided or
 * something falls due to be sent: after octet 0 and octet 9 (is it a greeting at all?), after octet
 * 10 (which size has it?), at its end. A step never asks for more than the shortest greeting that
 * is still possible, so nothing behind the greeting is taken, and how the octets were cut into
 * packets cannot matter.
 */
#include "engine/wire/greeting.h"

#include <errno.h>
#include <string.h>

enum {
    SIGNATURE_FIRST = 0xFF,
    SIGNATURE_LAST = 0x7F,
    OUR_MAJOR = 3,
    OUR_MINOR = 1,
    REPLY_MAX = 1 + 1 + ZU_MECHANISM_SIZE + 32, /* what one call may send: all but the signature */

    AT_MAJOR = 10,
    AT_MINOR = 11,
    AT_SOCKET_TYPE = 11,
    AT_MECHANISM = 12,
};

void zu_greeting_start(struct zu_greeting *g, int socket_type, const char *mechanism,
                       size_t routing_id_size, struct zu_writer *out)
{
    *g = (struct zu_greeting){.wanted = 1, .socket_type = (uint8_t)socket_type};
    memcpy(g->mechanism, mechanism, strnlen(mechanism, ZU_MECHANISM_SIZE));

    if (zu_bug(zu_room(out) < ZU_SIGNATURE_SIZE))
        return;
    zu_write_u8(out, SIGNATURE_FIRST);
    zu_write_be(out, routing_id_size + 1, 8); /* an old peer reads a frame: flags and identity */
    zu_write_u8(out, SIGNATURE_LAST);
    g->sent = ZU_SIGNATURE_SIZE;
}

/* Octet 10 is there: the rest of our own greeting, in the form that the peer expects. */
static void send_rest(struct zu_greeting *g, struct zu_writer *out)
{
    static const uint8_t zeros[ZU_GREETING_V3_SIZE];

    if (g->seen[AT_MAJOR] <= 1) {
        zu_write_u8(out, g->socket_type);
        g->sent = ZU_GREETING_V2_SIZE;
        return;
    }
    zu_write_u8(out, OUR_MINOR);
    zu_write_bytes(out, g->mechanism, ZU_MECHANISM_SIZE);
    zu_write_bytes(out, zeros, ZU_GREETING_V3_SIZE - AT_MECHANISM - ZU_MECHANISM_SIZE);
    g->sent = ZU_GREETING_V3_SIZE;
}

static enum zu_zmtp_version version_of(uint8_t major, uint8_t minor)
{
    if (major == 0)
        return ZU_ZMTP_1_0;
    if (major == 1)
        return ZU_ZMTP_2_0;
    return major == 3 && minor == 0 ? ZU_ZMTP_3_0 : ZU_ZMTP_3_1;
}

static void conclude(struct zu_greeting *g)
{
    g->version = version_of(g->seen[AT_MAJOR], g->seen[AT_MINOR]);
    if (g->version >= ZU_ZMTP_3_0)
        memcpy(g->peer_mechanism, g->seen + AT_MECHANISM, ZU_MECHANISM_SIZE);
    else
        g->peer_socket_type = g->seen[AT_SOCKET_TYPE];
}

/* As many octets as were wanted are there. True: the greeting is over. */
static bool step(struct zu_greeting *g, struct zu_writer *out)
{
    switch (g->seen_size) {
    case 1:
        g->version = ZU_ZMTP_1_0_BARE; /* until more is known */
        g->wanted = ZU_SIGNATURE_SIZE;
        return g->seen[0] != SIGNATURE_FIRST;
    case ZU_SIGNATURE_SIZE:
        if (!(g->seen[ZU_SIGNATURE_SIZE - 1] & 1))
            return true; /* the flags of a long identity frame */
        zu_write_u8(out, OUR_MAJOR);
        g->sent = ZU_SIGNATURE_SIZE + 1;
        g->wanted = AT_MAJOR + 1;
        return false;
    case AT_MAJOR + 1:
        send_rest(g, out);
        g->wanted = g->seen[AT_MAJOR] <= 1 ? ZU_GREETING_V2_SIZE : ZU_GREETING_V3_SIZE;
        return false;
    default: conclude(g); return true;
    }
}

int zu_greeting_feed(struct zu_greeting *g, struct zu_reader *in, struct zu_writer *out)
{
    if (zu_bug(zu_room(out) < REPLY_MAX || g->seen_size >= g->wanted))
        return -EFAULT;
    for (;;) {
        size_t n = ZU_MIN(zu_left(in), (size_t)(g->wanted - g->seen_size));
        const uint8_t *p = NULL;

        if (zu_read_bytes(in, &p, n) && n > 0)
            memcpy(g->seen + g->seen_size, p, n);
        g->seen_size += (uint8_t)n;
        if (g->seen_size < g->wanted)
            return -EAGAIN;
        if (step(g, out)) {
            g->wanted = g->seen_size;
            return 0;
        }
    }
}

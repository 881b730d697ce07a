/* SPDX-License-Identifier: Apache-2.0 */
/*
 * udp: udp://host:port and, of a multicast group, udp://interface;group:port. A RADIO connects to
 * where its datagrams go, a DISH or DGRAM binds where they arrive. No greeting, no handshake: a
 * datagram is the group's size in a byte, the group, and the body; of a DGRAM the body alone.
 */
#ifndef ZU_TRANSPORTS_UDP_H
#define ZU_TRANSPORTS_UDP_H

#include "engine/core/transport.h"

extern const struct zu_transport zu_udp;

#endif

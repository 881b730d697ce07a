/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgm: reliable multicast by OpenPGM: RFC 3208 in datagrams of IP (pgm), or of UDP (epgm). An
 * address is [interface;]group:port.
 */
#ifndef ZU_TRANSPORTS_PGM_H
#define ZU_TRANSPORTS_PGM_H

#include "engine/core/transport.h"

extern const struct zu_transport zu_pgm, zu_epgm;

#endif

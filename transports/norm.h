/* SPDX-License-Identifier: Apache-2.0 */
/*
 * norm: reliable multicast by libnorm: NORM, RFC 5740, in datagrams of UDP. An address is
 * [id,][interface;]group:port.
 */
#ifndef ZU_TRANSPORTS_NORM_H
#define ZU_TRANSPORTS_NORM_H

#include "engine/core/transport.h"

extern const struct zu_transport zu_norm;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp: tcp://host:port, the transport between machines.
 */
#ifndef ZU_TRANSPORTS_TCP_H
#define ZU_TRANSPORTS_TCP_H

#include "engine/core/transport.h"

extern const struct zu_transport zu_tcp;
extern const struct zu_proxy zu_tcp_proxy; /* SOCKS5, for whatever is dialed by tcp */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_tunnel: a connection's bytes in TLS, over any transport that has descriptors, with
 * what tls_options.h has made of the options.
 */
#ifndef ZU_TRANSPORTS_TLS_TUNNEL_H
#define ZU_TRANSPORTS_TLS_TUNNEL_H

#include "engine/core/tunnel.h"

extern const struct zu_tunnel_table zu_tls_tunnel;

#endif

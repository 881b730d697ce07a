/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_tunnel: a connection's bytes in TLS, over any transport that has descriptors. Whoever uses it
 * calls the one in its `check`, the other in its `listen`.
 */
#ifndef ZU_TRANSPORTS_TLS_TUNNEL_H
#define ZU_TRANSPORTS_TLS_TUNNEL_H

#include "engine/core/tunnel.h"

/*
 * What all connections with these options share is made, and lies in zu_options.tls. -EINVAL:
 * certificates that cannot be used, or do not suffice; nobody whom a server should be. -ENOMEM.
 * Thread: one that may use the options alone.
 */
int zu_tls_check(const char *text, const struct zu_options *o);
int zu_tls_prepare(const struct zu_options *o);

extern const struct zu_tunnel_table zu_tls_tunnel;

#endif

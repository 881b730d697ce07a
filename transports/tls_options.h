/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_options: what TLS makes of an endpoint's text and of the options, before there is a
 * connection. Whoever uses it calls zu_tls_check in its `check`, zu_tls_prepare in its `listen`.
 */
#ifndef ZU_TRANSPORTS_TLS_OPTIONS_H
#define ZU_TRANSPORTS_TLS_OPTIONS_H

#include "engine/core/options.h"

/*
 * What all connections with these options share is made, and lies in zu_options.tls. -EINVAL:
 * certificates that cannot be used, or do not suffice; nobody whom a server should be. -ENOMEM.
 * Thread: one that may use the options alone.
 */
int zu_tls_check(const char *text, const struct zu_options *o);
int zu_tls_prepare(const struct zu_options *o);

enum { ZU_TLS_HOST_SIZE = 256 };

/* The host of [scheme://][source;]host[%zone]:port[/path], without brackets; "": there is none. */
void zu_tls_host_of(char host[ZU_TLS_HOST_SIZE], const char *endpoint);

#endif

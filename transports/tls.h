/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls: tls://host:port, ZMTP over TLS 1.3.
 */
#ifndef ZU_TRANSPORTS_TLS_H
#define ZU_TRANSPORTS_TLS_H

#include "engine/core/transport.h"

extern const struct zu_transport zu_tls;

#endif

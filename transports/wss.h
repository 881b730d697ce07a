/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wss: wss://host:port/path, ws:// over TLS 1.3.
 */
#ifndef ZU_TRANSPORTS_WSS_H
#define ZU_TRANSPORTS_WSS_H

#include "engine/core/transport.h"

extern const struct zu_transport zu_wss;

#endif

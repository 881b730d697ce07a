/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws: ws://host:port/path, WebSockets over TCP, so that pages in a browser can be peers.
 */
#ifndef ZU_TRANSPORTS_WS_H
#define ZU_TRANSPORTS_WS_H

#include "engine/core/transport.h"

extern const struct zu_transport zu_ws;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock: between virtual machines and their host, without a network. An address is CID:port; to
 * connect the CID is a number (1: this machine itself) or @ (2: the host); to bind also *, and the
 * port may be *, too. -1 is another way to say *.
 */
#ifndef ZU_TRANSPORTS_VSOCK_H
#define ZU_TRANSPORTS_VSOCK_H

#include "engine/core/transport.h"

extern const struct zu_transport zu_vsock;

#endif

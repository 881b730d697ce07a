/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc: ipc:///path, ipc://@abstract and, to listen, a wildcard: the transport between the processes
 * of one machine.
 */
#ifndef ZU_TRANSPORTS_IPC_H
#define ZU_TRANSPORTS_IPC_H

#include "engine/core/transport.h"

extern const struct zu_transport zu_ipc;

#endif

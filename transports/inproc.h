/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inproc: inproc://name, between sockets of one context: a pipe and no bytes at all.
 */
#ifndef ZU_TRANSPORTS_INPROC_H
#define ZU_TRANSPORTS_INPROC_H

#include "engine/core/transport.h"

extern const struct zu_transport zu_inproc;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transports: the table of all schemes, handed down to each context.
 */
#ifndef ZU_TRANSPORTS_TRANSPORTS_H
#define ZU_TRANSPORTS_TRANSPORTS_H

#include "engine/core/transport.h"

extern const struct zu_transport *const zu_transports[]; /* ends with NULL */

#endif

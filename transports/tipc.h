/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tipc: services of a cluster, by number, where the kernel has TIPC.
 *
 *     bind      {type,lower,upper}   all instances of the service from lower to upper
 *               {type,instance}      one of them
 *               <*>                  no service: whoever knows the port's own name may connect
 *     connect   {type,instance}[@zone.cluster.node]
 *               <zone.cluster.node:port>
 */
#ifndef ZU_TRANSPORTS_TIPC_H
#define ZU_TRANSPORTS_TIPC_H

#include "engine/core/transport.h"

extern const struct zu_transport zu_tipc;

#endif

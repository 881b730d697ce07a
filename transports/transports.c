/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transports: one line a scheme.
 */
#include "transports/transports.h"

#include "transports/inproc.h"
#include "transports/ipc.h"
#if ZU_HAS_NORM
#include "transports/norm.h"
#endif
#if ZU_HAS_PGM
#include "transports/pgm.h"
#endif
#include "transports/tcp.h"
#include "transports/tipc.h"
#include "transports/tls.h"
#include "transports/udp.h"
#include "transports/vsock.h"
#include "transports/ws.h"
#include "transports/wss.h"

const struct zu_transport *const zu_transports[] = {
    &zu_tcp,  &zu_ipc,  &zu_inproc, &zu_udp, &zu_ws, &zu_tipc, &zu_vsock,
#if ZU_HAS_TLS
    &zu_tls,  &zu_wss,
#endif
#if ZU_HAS_PGM
    &zu_pgm,  &zu_epgm,
#endif
#if ZU_HAS_NORM
    &zu_norm,
#endif
    NULL,
};

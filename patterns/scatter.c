/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scatter: hands work out to GATHERs. A PUSH of single parts.
 */
#define ZMQ_BUILD_DRAFT_API
#include "patterns/patterns.h"
#include "patterns/push.h"

const struct zu_pattern zu_scatter = {
    .type = ZMQ_SCATTER,
    .name = "SCATTER",
    .peers = ZU_PEER(ZMQ_GATHER),
    .joint = true,
    .size = sizeof(struct zu_push),
    .init = zu_push_init,
    .fini = zu_push_fini,
    .attach = zu_push_attach,
    .readable = zu_push_readable,
    .writable = zu_push_writable,
    .detach = zu_push_detach,
    .send = zu_push_send,
    .recv = zu_push_recv,
    .has_in = zu_push_has_in,
    .has_out = zu_push_has_out,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gather: takes work from SCATTERs in turn. A PULL of single parts.
 */
#define ZMQ_BUILD_DRAFT_API
#include "patterns/patterns.h"
#include "patterns/pull.h"
#include "patterns/single.h"

static int gather_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_pull *self = zu_socket_state(s);
    struct zu_pipe *from;

    return zu_single_read(s, &self->fq, m, &from);
}

static bool gather_has_in(struct zu_socket *s)
{
    struct zu_pull *self = zu_socket_state(s);

    return zu_single_has_in(s, &self->fq);
}

const struct zu_pattern zu_gather = {
    .type = ZMQ_GATHER,
    .name = "GATHER",
    .peers = ZU_PEER(ZMQ_SCATTER),
    .joint = true,
    .size = sizeof(struct zu_pull),
    .init = zu_pull_init,
    .fini = zu_pull_fini,
    .attach = zu_pull_attach,
    .readable = zu_pull_readable,
    .writable = zu_pull_writable,
    .detach = zu_pull_detach,
    .send = zu_pull_send,
    .recv = gather_recv,
    .has_in = gather_has_in,
    .has_out = zu_pull_has_out,
};

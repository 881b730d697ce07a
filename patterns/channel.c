/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel: talks to one other CHANNEL. A PAIR of single parts.
 */
#define ZMQ_BUILD_DRAFT_API
#include "patterns/pair.h"
#include "patterns/patterns.h"
#include "patterns/single.h"

static int channel_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_pair *self = zu_socket_state(s);
    struct zu_pipe *from;

    return zu_single_read(s, &self->fq, m, &from);
}

static bool channel_has_in(struct zu_socket *s)
{
    struct zu_pair *self = zu_socket_state(s);

    return zu_single_has_in(s, &self->fq);
}

const struct zu_pattern zu_channel = {
    .type = ZMQ_CHANNEL,
    .name = "CHANNEL",
    .peers = ZU_PEER(ZMQ_CHANNEL),
    .joint = true,
    .size = sizeof(struct zu_pair),
    .init = zu_pair_init,
    .fini = zu_pair_fini,
    .attach = zu_pair_attach,
    .readable = zu_pair_readable,
    .writable = zu_pair_writable,
    .detach = zu_pair_detach,
    .send = zu_pair_send,
    .recv = channel_recv,
    .has_in = channel_has_in,
    .has_out = zu_pair_has_out,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: a SERVER that talks to its like, and knows the number of whom it dials at once.
 */
#define ZMQ_BUILD_DRAFT_API
#include "patterns/patterns.h"
#include "patterns/server.h"

static uint32_t peer_dialed_peer(struct zu_socket *s)
{
    struct zu_server *self = zu_socket_state(s);

    return self->dialed;
}

const struct zu_pattern zu_peer = {
    .type = ZMQ_PEER,
    .name = "PEER",
    .peers = ZU_PEER(ZMQ_PEER),
    .joint = true,
    .says_hello = true,
    .hears_loss = true,
    .hears_hiccup = true,
    .size = sizeof(struct zu_server),
    .init = zu_server_init,
    .fini = zu_server_fini,
    .attach = zu_server_attach,
    .readable = zu_server_readable,
    .writable = zu_server_writable,
    .detach = zu_server_detach,
    .send = zu_server_send,
    .recv = zu_server_recv,
    .has_in = zu_server_has_in,
    .has_out = zu_server_has_out,
    .dialed_peer = peer_dialed_peer,
    .end_peer = zu_server_end_peer,
};

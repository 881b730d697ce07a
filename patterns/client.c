/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: asks SERVERs in turn and hears their answers. A DEALER of single parts.
 */
#define ZMQ_BUILD_DRAFT_API
#include "patterns/dealer.h"
#include "patterns/patterns.h"
#include "patterns/single.h"

static int client_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_dealer *self = zu_socket_state(s);
    struct zu_pipe *from;

    return zu_single_read(s, &self->fq, m, &from);
}

static bool client_has_in(struct zu_socket *s)
{
    struct zu_dealer *self = zu_socket_state(s);

    return zu_single_has_in(s, &self->fq);
}

const struct zu_pattern zu_client = {
    .type = ZMQ_CLIENT,
    .name = "CLIENT",
    .peers = ZU_PEER(ZMQ_SERVER),
    .joint = true,
    .says_hello = true,
    .hears_hiccup = true,
    .size = sizeof(struct zu_dealer),
    .init = zu_dealer_init,
    .fini = zu_dealer_fini,
    .attach = zu_dealer_attach,
    .readable = zu_dealer_readable,
    .writable = zu_dealer_writable,
    .detach = zu_dealer_detach,
    .send = zu_dealer_send,
    .recv = client_recv,
    .has_in = client_has_in,
    .has_out = zu_dealer_has_out,
};

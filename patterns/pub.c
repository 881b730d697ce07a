/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pub: an XPUB that keeps its subscriptions to itself.
 */
#include "patterns/patterns.h"
#include "patterns/xpub.h"

#include <errno.h>

static int pub_recv(struct zu_socket *s, struct zu_msg *m)
{
    (void)s, (void)m;
    return -ENOTSUP;
}

static bool pub_has_in(struct zu_socket *s)
{
    (void)s;
    return false;
}

const struct zu_pattern zu_pub = {
    .type = ZMQ_PUB,
    .name = "PUB",
    .peers = ZU_PEER(ZMQ_SUB) | ZU_PEER(ZMQ_XSUB),
    .conflates_out = true,
    .once = true,
    .size = sizeof(struct zu_xpub),
    .init = zu_xpub_init,
    .fini = zu_xpub_fini,
    .attach = zu_xpub_attach,
    .readable = zu_xpub_readable,
    .writable = zu_xpub_writable,
    .detach = zu_xpub_detach,
    .send = zu_xpub_send,
    .recv = pub_recv,
    .has_in = pub_has_in,
    .has_out = zu_xpub_has_out,
    .set = zu_xpub_set,
    .get = zu_xpub_get,
};

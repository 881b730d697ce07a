/* SPDX-License-Identifier: Apache-2.0 */
/*
 * radio: sends each message to the DISHes that have joined its group. Joining is subscribing, so an
 * XPUB is inside; but a group is meant as a whole, not as a prefix, and it goes in a part of its
 * own before the body.
 */
#define ZMQ_BUILD_DRAFT_API
#include "patterns/patterns.h"
#include "patterns/xpub.h"

#include <errno.h>
#include <string.h>

static int radio_send(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_xpub *self = zu_socket_state(s);
    const char *name = zu_msg_group(m);
    size_t size = strlen(name);
    struct zu_msg group;
    int rc;

    zu_xpub_choose_group(self, name, size);
    if (self->nodrop && !zu_fan_has_room(&self->fan))
        return -EAGAIN;
    rc = zu_msg_init_copy(&group, name, size);
    if (rc < 0)
        return rc;
    group.flags = ZU_MSG_MORE;
    memset(m->group, 0, sizeof m->group);
    if (m->props)
        zu_msg_set_props(m, NULL);
    zu_fan_send(&self->fan, &group, true);
    zu_fan_send(&self->fan, m, true);
    return 0;
}

static int radio_recv(struct zu_socket *s, struct zu_msg *m)
{
    (void)s, (void)m;
    return -ENOTSUP;
}

static bool radio_has_in(struct zu_socket *s)
{
    (void)s;
    return false;
}

static int radio_set(struct zu_socket *s, int option, const void *value, size_t size)
{
    return option == ZMQ_XPUB_NODROP ? zu_xpub_set(s, option, value, size) : -EINVAL;
}

const struct zu_pattern zu_radio = {
    .type = ZMQ_RADIO,
    .name = "RADIO",
    .peers = ZU_PEER(ZMQ_DISH),
    .joint = true,
    .size = sizeof(struct zu_xpub),
    .init = zu_xpub_init,
    .fini = zu_xpub_fini,
    .attach = zu_xpub_attach,
    .readable = zu_xpub_readable,
    .writable = zu_xpub_writable,
    .detach = zu_xpub_detach,
    .send = radio_send,
    .recv = radio_recv,
    .has_in = radio_has_in,
    .has_out = zu_xpub_has_out,
    .set = radio_set,
};

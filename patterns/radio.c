/* SPDX-License-Identifier: Apache-2.0 */
/*
 * radio: sends each message to the DISHes that have joined its group. Joining is subscribing, so an
 * XPUB is inside; but a group is meant as a whole, not as a prefix, and it goes in a part of its
 * own before the body. Where a pipe leads to no connection nobody can join, and everything goes.
 */
#define ZMQ_BUILD_DRAFT_API
#include "patterns/patterns.h"
#include "patterns/xpub.h"

#include <errno.h>
#include <string.h>

struct radio {
    struct zu_xpub xpub;      /* first: its functions are used as they are */
    struct zu_pipes take_all; /* of its pipes, those for every group */
};

static int radio_init(struct zu_socket *s)
{
    struct radio *self = zu_socket_state(s);

    zu_pipes_init(&self->take_all, ZU_PIPES_ASIDE);
    return zu_xpub_init(s);
}

static void radio_fini(struct zu_socket *s)
{
    struct radio *self = zu_socket_state(s);

    zu_pipes_fini(&self->take_all);
    zu_xpub_fini(s);
}

static void radio_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct radio *self = zu_socket_state(s);

    if (p->takes_all && zu_pipes_add(&self->take_all, p) < 0)
        zu_socket_refuse_pipe(s, p);
    else
        zu_xpub_attach(s, p);
}

static void radio_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct radio *self = zu_socket_state(s);

    if (zu_pipes_has(&self->take_all, p))
        zu_pipes_remove(&self->take_all, p);
    zu_xpub_detach(s, p);
}

static int radio_send(struct zu_socket *s, struct zu_msg *m)
{
    struct radio *self = zu_socket_state(s);
    struct zu_fan *fan = &self->xpub.fan;
    const char *name = zu_msg_group(m);
    size_t size = strlen(name);
    struct zu_msg group;
    int rc;

    zu_xpub_choose_group(&self->xpub, name, size);
    for (uint32_t i = 0; i < self->take_all.count; i++)
        zu_fan_choose(fan, self->take_all.item[i]);
    if (self->xpub.nodrop && !zu_fan_has_room(fan))
        return -EAGAIN;
    rc = zu_msg_init_copy(&group, name, size);
    if (rc < 0)
        return rc;
    group.flags = ZU_MSG_MORE;
    memset(m->group, 0, sizeof m->group);
    if (m->props)
        zu_msg_set_props(m, NULL);
    zu_fan_send(fan, &group, true);
    zu_fan_send(fan, m, true);
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
    .size = sizeof(struct radio),
    .init = radio_init,
    .fini = radio_fini,
    .attach = radio_attach,
    .readable = zu_xpub_readable,
    .writable = zu_xpub_writable,
    .detach = radio_detach,
    .send = radio_send,
    .recv = radio_recv,
    .has_in = radio_has_in,
    .has_out = zu_xpub_has_out,
    .set = radio_set,
};

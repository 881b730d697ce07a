/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dish: hears the groups that it has joined. An XSUB is inside, whose topics are the groups. What
 * comes is looked at again, since a group may have been left while it was on its way. The group
 * comes as a part of its own before the body, and goes into the message.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/core/socket.h"
#include "patterns/patterns.h"
#include "patterns/subs.h"
#include "patterns/xsub.h"

#include <errno.h>
#include <string.h>

static bool has_joined(const struct zu_xsub *self, const void *group, size_t size)
{
    const struct zu_trie_node *n = zu_trie_find(&self->wanted, group, size);

    return n && n->count > 0;
}

/* What comes next is dropped until it is a message of a group that was joined. False: nothing. */
static bool find_wanted(struct zu_socket *s, struct zu_xsub *self)
{
    struct zu_pipe *from;
    struct zu_msg next;
    int why;

    while (zu_fq_peek(&self->fq, &next, &from)) {
        if (next.flags & ZU_MSG_MORE && has_joined(self, zu_msg_data(&next), zu_msg_size(&next)))
            return true;
        if (zu_fq_read(&self->fq, &next, &from) < 0)
            break;
        why = next.flags & ZU_MSG_MORE ? ZURING_DROP_FILTERED : ZURING_DROP_UNEXPECTED;
        zu_msg_close(&next);
        zu_fq_skip_rest(&self->fq);
        zu_count(&s->drops[why], 1);
    }
    return false;
}

/* The part behind the group into *m. -EAGAIN: the pipe ended before it came. */
static int read_body(struct zu_socket *s, struct zu_xsub *self, struct zu_msg *group,
                     struct zu_msg *m)
{
    struct zu_pipe *from;
    int rc = self->fq.more ? zu_fq_read(&self->fq, m, &from) : -EAGAIN;

    if (rc == 0 && m->flags & ZU_MSG_MORE) { /* by a peer that breaks the rules */
        zu_msg_close(m);
        zu_fq_skip_rest(&self->fq);
        zu_count(&s->drops[ZURING_DROP_UNEXPECTED], 1);
        return -EAGAIN;
    }
    if (rc == 0 && (rc = zu_msg_set_group(m, zu_msg_data(group), zu_msg_size(group))) < 0)
        zu_msg_close(m);
    return rc;
}

static int dish_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_xsub *self = zu_socket_state(s);
    struct zu_pipe *from;
    struct zu_msg group;
    int rc = -EAGAIN;

    while (rc == -EAGAIN && find_wanted(s, self)) {
        if ((rc = zu_fq_read(&self->fq, &group, &from)) < 0)
            continue;
        rc = read_body(s, self, &group, m);
        zu_msg_close(&group);
    }
    return rc;
}

static bool dish_has_in(struct zu_socket *s)
{
    return find_wanted(s, zu_socket_state(s));
}

static int dish_send(struct zu_socket *s, struct zu_msg *m)
{
    (void)s, (void)m;
    return -ENOTSUP;
}

static bool dish_has_out(struct zu_socket *s)
{
    (void)s;
    return true; /* as libzmq says, though it sends nothing */
}

static int dish_join(struct zu_socket *s, const char *group, size_t size)
{
    struct zu_xsub *self = zu_socket_state(s);
    int rc;

    if (has_joined(self, group, size))
        return -EINVAL;
    if ((rc = zu_wants_add(&self->wanted, group, size)) < 0)
        return rc;
    if ((rc = zu_xsub_tell_all(s, group, size, ZU_MSG_SUBSCRIBE)) < 0)
        zu_wants_cancel(&self->wanted, group, size);
    return ZU_MIN(rc, 0);
}

static int dish_leave(struct zu_socket *s, const char *group, size_t size)
{
    struct zu_xsub *self = zu_socket_state(s);
    int rc;

    if (!has_joined(self, group, size))
        return -EINVAL;
    if ((rc = zu_xsub_tell_all(s, group, size, ZU_MSG_CANCEL)) < 0)
        return rc;
    zu_wants_cancel(&self->wanted, group, size);
    return 0;
}

/* A group of at most ZU_GROUP_MAX bytes without a NUL, then a body. */
static int dish_screen(uint32_t *at, const struct zu_msg *m)
{
    size_t size = zu_msg_size(m);
    const void *data = m->kind == ZU_MSG_INLINE ? m->small : m->big.data;
    bool more = m->flags & ZU_MSG_MORE, is_group = *at == 0;

    if (is_group != more || (is_group && (size > ZU_GROUP_MAX || memchr(data, 0, size))))
        return -EPROTO;
    *at = is_group;
    return 0;
}

const struct zu_pattern zu_dish = {
    .type = ZMQ_DISH,
    .name = "DISH",
    .peers = ZU_PEER(ZMQ_RADIO),
    .joint = true,
    .subscribes = true,
    .no_linger = true,
    .size = sizeof(struct zu_xsub),
    .init = zu_xsub_init,
    .fini = zu_xsub_fini,
    .attach = zu_xsub_attach,
    .readable = zu_xsub_readable,
    .writable = zu_xsub_writable,
    .hiccuped = zu_xsub_hiccuped,
    .detach = zu_xsub_detach,
    .send = dish_send,
    .recv = dish_recv,
    .has_in = dish_has_in,
    .has_out = dish_has_out,
    .join = dish_join,
    .leave = dish_leave,
    .screen = dish_screen,
};

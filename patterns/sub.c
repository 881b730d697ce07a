/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sub: an XSUB that subscribes by option, sends nothing, and looks again at what comes: a publisher
 * may send more than was asked for, and what was cancelled may still be on its way.
 */
#include "engine/core/socket.h"
#include "patterns/patterns.h"
#include "patterns/subs.h"
#include "patterns/xsub.h"

#include <errno.h>

static int sub_send(struct zu_socket *s, struct zu_msg *m)
{
    (void)s, (void)m;
    return -ENOTSUP;
}

static bool sub_has_out(struct zu_socket *s)
{
    (void)s;
    return false;
}

/* Drops messages until the next part is wanted. False: nothing is there. */
static bool drop_unwanted(struct zu_socket *s, struct zu_xsub *self)
{
    struct zu_pipe *from;
    struct zu_msg next;

    while (zu_fq_peek(&self->fq, &next, &from)) {
        bool hit = zu_wants_match(&self->wanted, zu_msg_data(&next), zu_msg_size(&next));

        if (hit != s->options->invert_matching)
            return true;
        if (zu_fq_read(&self->fq, &next, &from) < 0)
            break;
        zu_msg_close(&next);
        zu_fq_skip_rest(&self->fq);
        zu_count(&s->drops[ZURING_DROP_FILTERED], 1);
    }
    return false;
}

static inline bool takes_all(const struct zu_socket *s, const struct zu_xsub *self)
{
    return zu_wants_all(&self->wanted) && !s->options->invert_matching;
}

/* True: the next part, should there be one, is wanted. */
static inline bool find_wanted(struct zu_socket *s, struct zu_xsub *self)
{
    return self->fq.more || takes_all(s, self) || drop_unwanted(s, self);
}

static int sub_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_xsub *self = zu_socket_state(s);
    struct zu_pipe *from;

    return find_wanted(s, self) ? zu_fq_read(&self->fq, m, &from) : -EAGAIN;
}

static int sub_recv_msg(struct zu_socket *s, struct zu_msg *m, int flags)
{
    struct zu_xsub *self = zu_socket_state(s);

    return takes_all(s, self) ? zu_fq_recv_msg(&self->fq, s, m, flags)
                              : zu_socket_recv_any(s, m, flags);
}

static bool sub_has_in(struct zu_socket *s)
{
    struct zu_xsub *self = zu_socket_state(s);

    return find_wanted(s, self) && zu_fq_has_in(&self->fq);
}

static int subscribe(struct zu_socket *s, const void *topic, size_t size)
{
    struct zu_xsub *self = zu_socket_state(s);
    int rc = zu_wants_add(&self->wanted, topic, size);

    if (rc < 0)
        return rc;
    if ((rc = zu_xsub_tell_all(s, topic, size, ZU_MSG_SUBSCRIBE)) < 0)
        zu_wants_cancel(&self->wanted, topic, size);
    return rc;
}

static int cancel(struct zu_socket *s, const void *topic, size_t size)
{
    struct zu_xsub *self = zu_socket_state(s);

    if (zu_wants_cancel(&self->wanted, topic, size) != ZU_SUBS_LAST)
        return 0;
    /* Untold, a publisher goes on sending, and what it sends is dropped here. */
    (void)zu_xsub_tell_all(s, topic, size, ZU_MSG_CANCEL);
    return 0;
}

static int sub_set(struct zu_socket *s, int option, const void *value, size_t size)
{
    if (option != ZMQ_SUBSCRIBE && option != ZMQ_UNSUBSCRIBE)
        return -EINVAL;
    if (!value && size > 0)
        return -EINVAL;
    if (!value)
        value = "";
    return option == ZMQ_SUBSCRIBE ? subscribe(s, value, size) : cancel(s, value, size);
}

const struct zu_pattern zu_sub = {
    .type = ZMQ_SUB,
    .name = "SUB",
    .peers = ZU_PEER(ZMQ_PUB) | ZU_PEER(ZMQ_XPUB),
    .subscribes = true,
    .conflates_in = true,
    .once = true,
    .no_linger = true,
    .size = sizeof(struct zu_xsub),
    .init = zu_xsub_init,
    .fini = zu_xsub_fini,
    .attach = zu_xsub_attach,
    .readable = zu_xsub_readable,
    .writable = zu_xsub_writable,
    .hiccuped = zu_xsub_hiccuped,
    .detach = zu_xsub_detach,
    .send = sub_send,
    .recv = sub_recv,
    .recv_msg = sub_recv_msg,
    .has_in = sub_has_in,
    .has_out = sub_has_out,
    .set = sub_set,
    .get = zu_xsub_get,
};

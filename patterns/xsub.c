/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xsub: subscriptions go to every publisher, whatever the water marks say: one that was lost would
 * be silence for ever. A publisher that cannot be told because memory ran out loses its pipe.
 *
 * An XSUB subscribes by sending: parts that begin with 1 or 0. A cancel that others still need is
 * not sent on; were it the last part of a message, the parts before it would wait for their end for
 * ever. So each part is held until it is known whether one follows.
 */
#define ZMQ_BUILD_DRAFT_API /* the numbers of a few newer options */
#include "patterns/xsub.h"

#include "patterns/patterns.h"
#include "patterns/subs.h"

#include <errno.h>

int zu_xsub_init(struct zu_socket *s)
{
    struct zu_xsub *self = zu_socket_state(s);

    zu_fq_init(&self->fq);
    zu_fan_init(&self->fan, s);
    zu_trie_init(&self->wanted);
    return 0;
}

void zu_xsub_fini(struct zu_socket *s)
{
    struct zu_xsub *self = zu_socket_state(s);

    if (zu_msg_valid(&self->held))
        zu_msg_close(&self->held);
    zu_fq_fini(&self->fq);
    zu_fan_fini(&self->fan);
    zu_trie_fini(&self->wanted);
}

/* ---- telling publishers ---- */

/* Takes *m. */
static void tell(struct zu_socket *s, struct zu_pipe *p, struct zu_msg *m)
{
    int rc = zu_pipe_write_uncounted(p, m);

    if (rc == 0)
        return;
    zu_msg_close(m);
    if (rc == -ENOMEM)
        zu_socket_refuse_pipe(s, p);
}

static int make_item(struct zu_msg *m, const void *topic, size_t size, uint8_t flag)
{
    int rc = zu_msg_init_copy(m, topic, size);

    if (rc == 0)
        m->flags = flag;
    return rc;
}

int zu_xsub_tell_all(struct zu_socket *s, const void *topic, size_t size, uint8_t flag)
{
    struct zu_xsub *self = zu_socket_state(s);
    struct zu_pipes *pipes = &self->fan.pipes;
    struct zu_msg m;
    int rc = make_item(&m, topic, size, flag);

    if (rc < 0)
        return rc;
    for (uint32_t i = pipes->count; i-- > 0;) { /* downwards: telling may remove the pipe */
        struct zu_pipe *p = pipes->item[i];
        struct zu_msg copy;

        zu_msg_share(&copy, &m);
        tell(s, p, &copy);
        if (i < pipes->count && pipes->item[i] == p)
            zu_pipe_flush(p);
    }
    zu_msg_close(&m);
    return 0;
}

/* All that is wanted, each topic once. False: memory ran out, and the pipe is closed. */
static bool tell_everything(struct zu_socket *s, struct zu_xsub *self, struct zu_pipe *p)
{
    for (struct zu_trie_node *n = &self->wanted.root; n; n = zu_trie_next(&self->wanted, n)) {
        size_t size = zu_trie_key_size(&self->wanted, n);
        struct zu_msg m;

        if (n->count == 0)
            continue;
        if (zu_msg_init_size(&m, size) < 0) {
            zu_socket_refuse_pipe(s, p);
            return false;
        }
        zu_trie_key(&self->wanted, n, zu_msg_data(&m), size);
        m.flags = ZU_MSG_SUBSCRIBE;
        int rc = zu_pipe_write_uncounted(p, &m);

        if (rc == 0)
            continue;
        zu_msg_close(&m);
        if (rc == -ENOMEM)
            zu_socket_refuse_pipe(s, p);
        return rc != -ENOMEM;
    }
    zu_pipe_flush(p);
    return true;
}

void zu_xsub_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_xsub *self = zu_socket_state(s);

    if (!tell_everything(s, self, p))
        return;
    if (zu_fan_add(&self->fan, p) < 0 || zu_fq_add(&self->fq, p) < 0)
        zu_socket_refuse_pipe(s, p);
}

void zu_xsub_readable(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_xsub *self = zu_socket_state(s);

    zu_fq_wake(&self->fq, p);
}

void zu_xsub_writable(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_xsub *self = zu_socket_state(s);

    zu_fan_wake(&self->fan, p);
}

void zu_xsub_hiccuped(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_xsub *self = zu_socket_state(s);

    zu_fan_leave_out(&self->fan, p); /* the new peer did not hear the beginning */
    tell_everything(s, self, p);
}

void zu_xsub_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_xsub *self = zu_socket_state(s);

    zu_fq_remove(&self->fq, p);
    zu_fan_remove(&self->fan, p);
}

int zu_xsub_get(struct zu_socket *s, int option, void *value, size_t *size)
{
    struct zu_xsub *self = zu_socket_state(s);

    if (option != ZMQ_TOPICS_COUNT)
        return -EINVAL;
    return zu_answer_int_wide((int)ZU_MIN(self->wanted.keys, (size_t)INT32_MAX), value, size);
}

/* ---- XSUB ---- */

static void put_out(struct zu_xsub *self, struct zu_msg *m, bool counts)
{
    if (!self->fan.more) {
        zu_fan_begin(&self->fan);
        if (counts)
            zu_fan_choose_all(&self->fan);
        else
            zu_fan_choose_every(&self->fan);
    }
    zu_fan_send(&self->fan, m, counts);
}

/* A part to be sent on. Takes *m. */
static void forward(struct zu_xsub *self, struct zu_msg *m, bool counts)
{
    bool more = m->flags & ZU_MSG_MORE;

    if (zu_msg_valid(&self->held)) {
        put_out(self, &self->held, self->held_counts);
        self->held.kind = ZU_MSG_CLOSED;
    }
    if (more) {
        zu_msg_take(&self->held, m);
        self->held_counts = counts;
    } else {
        put_out(self, m, counts);
    }
}

/* A part that is not. Takes *m. */
static void leave_out(struct zu_xsub *self, struct zu_msg *m)
{
    bool more = m->flags & ZU_MSG_MORE;

    zu_msg_reset(m);
    if (more || !zu_msg_valid(&self->held))
        return;
    self->held.flags &= (uint8_t)~ZU_MSG_MORE;
    put_out(self, &self->held, self->held_counts);
    self->held.kind = ZU_MSG_CLOSED;
}

static int xsub_send(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_xsub *self = zu_socket_state(s);
    bool more = m->flags & ZU_MSG_MORE, first = !self->sending;
    const uint8_t *data = zu_msg_data(m);
    size_t size = zu_msg_size(m);
    int rc = 0;

    if (size == 0 || data[0] > 1 || (self->only_first && !first)) {
        forward(self, m, true);
    } else if (data[0] == 1) {
        if ((rc = zu_wants_add(&self->wanted, data + 1, size - 1)) < 0)
            return rc;
        forward(self, m, false);
    } else if (zu_wants_cancel(&self->wanted, data + 1, size - 1) == ZU_SUBS_LAST ||
               self->verbose_cancel) {
        forward(self, m, false);
    } else {
        leave_out(self, m);
    }
    self->sending = more;
    return 0;
}

static int xsub_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_xsub *self = zu_socket_state(s);
    struct zu_pipe *from;

    return zu_fq_read(&self->fq, m, &from);
}

static bool xsub_has_in(struct zu_socket *s)
{
    struct zu_xsub *self = zu_socket_state(s);

    return zu_fq_has_in(&self->fq);
}

static bool xsub_has_out(struct zu_socket *s)
{
    (void)s;
    return true;
}

static int set_verbose_cancel(struct zu_xsub *self, const void *value, size_t size)
{
    int given, rc = zu_given_int(&given, value, size);

    if (rc == 0)
        self->verbose_cancel = given != 0; /* a negative one, too, as in libzmq */
    return rc;
}

static int xsub_set(struct zu_socket *s, int option, const void *value, size_t size)
{
    struct zu_xsub *self = zu_socket_state(s);

    switch (option) {
    case ZMQ_ONLY_FIRST_SUBSCRIBE: return zu_given_flag(&self->only_first, value, size);
    case ZMQ_XSUB_VERBOSE_UNSUBSCRIBE: return set_verbose_cancel(self, value, size);
    default: return -EINVAL;
    }
}

const struct zu_pattern zu_xsub = {
    .type = ZMQ_XSUB,
    .name = "XSUB",
    .peers = ZU_PEER(ZMQ_PUB) | ZU_PEER(ZMQ_XPUB),
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
    .send = xsub_send,
    .recv = xsub_recv,
    .has_in = xsub_has_in,
    .has_out = xsub_has_out,
    .set = xsub_set,
    .get = zu_xsub_get,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xpub: what subscribers send is read as soon as it is there, whatever the application does, since
 * subscriptions must take effect. What the application is to hear of it waits in a list of its own,
 * without a limit.
 *
 * A subscription comes as a flagged item or, from older peers and from XSUBs, as an ordinary part
 * that begins with 1 or 0. The parts of a message that are neither are the user's; they stay
 * together in that list, behind the notices of the same message, and the last of them ends it.
 *
 * Subscribing must not stand in the way of traffic: who subscribes to a million topics, takes them
 * back, or goes, would keep the application in one call for a second, and all other subscribers
 * wait. So there is an allowance: subscriptions may take as long as has passed without them, up to
 * SPARE_MAX_NS, and a few are heard of in any case; the rest waits for the next call, for which a
 * command of our own is posted. An application that does little else hears them all as fast as it
 * can; one that sends without a pause goes on at half its pace. Who is gone gets nothing at once.
 *
 * In manual mode nothing subscribes but the application, for the pipe whose notice it received
 * last. Notices hold that pipe's record, not the pipe, which may be gone by then.
 */
#define ZMQ_BUILD_DRAFT_API /* the numbers of a few newer options */
#include "patterns/xpub.h"

#include "engine/base/alloc.h"
#include "engine/base/clock.h"
#include "patterns/patterns.h"

#include <errno.h>

enum { TOPICS, ASKED }; /* the tables in a subscriber's record */
enum {
    SPARE_MAX_NS = 10 * 1000 * 1000,
    AT_ONCE = 16, /* subscriptions between two looks at the clock */
};

static void run_forget(struct zu_cmd *cmd);

int zu_xpub_init(struct zu_socket *s)
{
    struct zu_xpub *self = zu_socket_state(s);

    zu_fan_init(&self->fan, s);
    self->fan.may_share = true;
    zu_subs_init(&self->topics, TOPICS);
    zu_subs_init(&self->asked, ASKED);
    self->forget_cmd.run = run_forget;
    self->socket = s;
    return 0;
}

static void drop_leaving(struct zu_xpub *self)
{
    while (self->leaving) {
        struct zu_subscriber *gone = self->leaving;

        self->leaving = gone->next;
        zu_subscriber_drop(gone);
    }
}

void zu_xpub_fini(struct zu_socket *s)
{
    struct zu_xpub *self = zu_socket_state(s);

    zu_count(&s->drops[ZURING_DROP_UNEXPECTED], zu_notices_fini(&self->notices));
    zu_free(self->parts);
    zu_subscriber_drop(self->last);
    if (zu_msg_valid(&self->welcome))
        zu_msg_close(&self->welcome);
    drop_leaving(self);
    zu_subs_fini(&self->topics);
    zu_subs_fini(&self->asked);
    zu_fan_fini(&self->fan);
}

/* ---- notices ---- */

/* Takes *m. -ENOMEM: it is closed. `from` gets a count of its own; may be NULL. */
static int push_notice(struct zu_xpub *self, struct zu_msg *m, struct zu_subscriber *from)
{
    int rc = zu_notices_reserve(&self->notices, 1);

    if (rc < 0) {
        zu_msg_close(m);
        return rc;
    }
    if (from)
        from->refs++;
    zu_notices_put(&self->notices, &(struct zu_notice){*m, from, true});
    return 0;
}

/* 1 or 0, then the topic. */
static int make_notice(struct zu_msg *m, bool subscribe, size_t topic_size)
{
    int rc = zu_msg_init_size(m, topic_size + 1);

    if (rc == 0)
        *(uint8_t *)zu_msg_data(m) = subscribe;
    return rc;
}

static int tell(struct zu_xpub *self, bool subscribe, const void *topic, size_t size,
                struct zu_props *props, struct zu_subscriber *from)
{
    struct zu_msg m;
    int rc = make_notice(&m, subscribe, size);

    if (rc < 0)
        return rc;
    memcpy((uint8_t *)zu_msg_data(&m) + 1, topic, size);
    zu_msg_set_props(&m, props);
    return push_notice(self, &m, self->manual ? from : NULL);
}

/* ---- what subscribers send ---- */

/* Somebody subscribes. `props` are the connection's. */
static int hear_subscribe(struct zu_socket *s, struct zu_pipe *p, const void *topic, size_t size,
                          struct zu_props *props)
{
    struct zu_xpub *self = zu_socket_state(s);
    int rc = zu_subs_add(self->manual ? &self->asked : &self->topics, topic, size, p);

    if (rc < 0 || s->pattern->type != ZMQ_XPUB)
        return rc;
    if (rc == ZU_SUBS_FIRST || self->verbose || self->manual)
        return tell(self, true, topic, size, props, p->user);
    return 0;
}

static int hear_cancel(struct zu_socket *s, struct zu_pipe *p, const void *topic, size_t size,
                       struct zu_props *props)
{
    struct zu_xpub *self = zu_socket_state(s);
    enum zu_subs_change was =
        zu_subs_cancel(self->manual ? &self->asked : &self->topics, topic, size, p);

    if (s->pattern->type != ZMQ_XPUB)
        return 0;
    if (was != ZU_SUBS_LEFT || self->verboser || self->manual)
        return tell(self, false, topic, size, props, p->user);
    return 0;
}

enum word { USER, SUBSCRIBE, CANCEL, NOTHING };

/* What a part is, and, of a subscription, the topic. */
static enum word word_of(const struct zu_xpub *self, struct zu_msg *m, bool first,
                         const uint8_t **topic, size_t *size)
{
    *topic = zu_msg_data(m);
    *size = zu_msg_size(m);
    if (m->flags & (ZU_MSG_SUBSCRIBE | ZU_MSG_CANCEL))
        return m->flags & ZU_MSG_SUBSCRIBE ? SUBSCRIBE : CANCEL;
    if (m->flags & (ZU_MSG_ID | ZU_MSG_COMMAND))
        return NOTHING;
    if (*size == 0 || **topic > 1 || (self->only_first && !first) ||
        self->socket->pattern->type == ZMQ_RADIO)
        return USER;
    (*topic)++;
    (*size)--;
    return (*topic)[-1] ? SUBSCRIBE : CANCEL;
}

/* Takes *m, a part of the user's. -ENOMEM: it is closed. */
static int hear_user(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_xpub *self = zu_socket_state(s);

    if (s->pattern->type != ZMQ_XPUB) { /* who could receive it? */
        zu_msg_close(m);
        return 0;
    }
    if (self->part_count == self->part_room) {
        uint32_t room = self->part_room ? self->part_room * 2 : 4;
        struct zu_msg *parts = zu_realloc(self->parts, room * sizeof *parts);

        if (!parts) {
            zu_msg_close(m);
            return -ENOMEM;
        }
        self->parts = parts;
        self->part_room = room;
    }
    self->parts[self->part_count++] = *m;
    return 0;
}

/* The message is over: what it had for the user joins the notices, as one message. */
static int push_parts(struct zu_xpub *self, bool whole)
{
    uint32_t count = self->part_count;
    int rc = whole ? zu_notices_reserve(&self->notices, count) : -ENOMEM;

    self->part_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct zu_msg *m = &self->parts[i];

        m->flags &= ZU_MSG_SHARED;
        m->flags |= i + 1 < count ? ZU_MSG_MORE : 0;
        if (rc < 0)
            zu_msg_close(m);
        else
            zu_notices_put(&self->notices, &(struct zu_notice){*m, NULL, false});
    }
    return rc;
}

/* One whole message of p; *m is its first part. Takes all of it. -ENOMEM: something was lost; else
 * whether any part of it was the user's. */
static int hear_message(struct zu_socket *s, struct zu_pipe *p, struct zu_msg *m)
{
    struct zu_xpub *self = zu_socket_state(s);
    bool first = true, more, users = false;
    int failed = 0;

    do {
        const uint8_t *topic;
        size_t size;
        int rc = 0;

        more = m->flags & ZU_MSG_MORE;
        enum word word = word_of(self, m, first, &topic, &size);

        if (word == USER)
            rc = hear_user(s, m);
        else if (word == SUBSCRIBE)
            rc = hear_subscribe(s, p, topic, size, m->props);
        else if (word == CANCEL)
            rc = hear_cancel(s, p, topic, size, m->props);
        if (word != USER)
            zu_msg_close(m);
        users |= word == USER;
        failed = rc < 0 ? rc : failed;
        first = false;
    } while (more && zu_pipe_read(p, m) == 0);
    if (self->part_count > 0 && push_parts(self, failed == 0) < 0)
        failed = -ENOMEM;
    return failed < 0 ? failed : users;
}

/* ---- how long it may take ---- */

/*
 * Begins something that is for subscriptions; when that was. What they take is counted in processor
 * time: a thread that is interrupted for a while must not find that they have had their share.
 */
static uint64_t begin_share(struct zu_xpub *self)
{
    uint64_t earned = zu_now_ns() - self->spare_since_ns;

    self->spare_ns = ZU_MIN(self->spare_ns + earned, (uint64_t)SPARE_MAX_NS);
    return zu_thread_ns();
}

static bool has_share(const struct zu_xpub *self, uint64_t begun)
{
    return zu_thread_ns() - begun < self->spare_ns;
}

static void end_share(struct zu_xpub *self, uint64_t begun)
{
    self->spare_ns -= ZU_MIN(zu_thread_ns() - begun, self->spare_ns);
    self->spare_since_ns = zu_now_ns();
}

/* That many messages. False: there are no more; p may be gone: see fq.c. */
static bool hear_some(struct zu_socket *s, struct zu_pipe *p, uint64_t count)
{
    struct zu_msg m;

    for (; count > 0; count--) {
        uint64_t read = p->meter.read;
        int users;

        if (zu_pipe_read(p, &m) < 0)
            return false;
        if ((users = hear_message(s, p, &m)) < 0) {
            zu_socket_refuse_pipe(s, p); /* what we do not know it wants would never reach it */
            return false;
        }
        if (!users)
            zu_count(&p->meter.aside, p->meter.read - read);
        else if (s->pattern->type != ZMQ_XPUB)
            zu_count(&s->drops[ZURING_DROP_UNEXPECTED], 1);
    }
    return true;
}

void zu_xpub_readable(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_xpub *self = zu_socket_state(s);
    uint64_t begun = begin_share(self), left = zu_pipe_count(p), some;
    bool more;

    /* No more than is there now: a peer that never pauses must not keep us here. */
    do {
        some = ZU_MIN(left, (uint64_t)AT_ONCE);
        left -= some;
        more = hear_some(s, p, some);
    } while (more && left > 0 && has_share(self, begun));
    end_share(self, begun);
    if (more)
        zu_pipe_read_later(p);
}

/* ---- pipes ---- */

static void send_welcome(struct zu_xpub *self, struct zu_pipe *p)
{
    struct zu_msg m;

    if (!zu_msg_valid(&self->welcome))
        return;
    zu_msg_share(&m, &self->welcome);
    if (zu_pipe_write(p, &m) < 0)
        zu_msg_close(&m);
    zu_pipe_flush(p);
}

void zu_xpub_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_xpub *self = zu_socket_state(s);
    struct zu_subscriber *subscriber = zu_subscriber_new(p);

    p->user = subscriber;
    if (!subscriber || zu_fan_add(&self->fan, p) < 0) {
        zu_socket_refuse_pipe(s, p);
        return;
    }
    if (p->takes_all && zu_subs_add(&self->topics, "", 0, p) < 0) {
        zu_socket_refuse_pipe(s, p);
        return;
    }
    send_welcome(self, p);
    zu_xpub_readable(s, p);
}

void zu_xpub_writable(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_xpub *self = zu_socket_state(s);

    zu_fan_wake(&self->fan, p);
}

/* A topic of a pipe that goes. Where memory runs out the application is not told. */
static void tell_lost(struct zu_xpub *self, const struct zu_trie_node *topic)
{
    const struct zu_trie *t = self->manual ? &self->asked.trie : &self->topics.trie;
    size_t size = zu_trie_key_size(t, topic);
    struct zu_msg m;

    if (make_notice(&m, false, size) < 0)
        return;
    zu_trie_key(t, topic, (uint8_t *)zu_msg_data(&m) + 1, size);
    (void)push_notice(self, &m, NULL);
}

static void on_lost(void *arg, const struct zu_trie_node *topic, bool last)
{
    struct zu_xpub *self = arg;

    if (last || self->verboser || self->manual)
        tell_lost(self, topic);
}

/* False: it has no topic any more. */
static bool forget_some(struct zu_xpub *self, struct zu_subscriber *gone)
{
    bool heard = self->socket->pattern->type == ZMQ_XPUB;

    return zu_subs_forget(&self->topics, gone, AT_ONCE, heard && !self->manual ? on_lost : NULL,
                          self) ||
           zu_subs_forget(&self->asked, gone, AT_ONCE, heard && self->manual ? on_lost : NULL,
                          self);
}

/* Forgets topics of those that are gone. What is left then is for the next call. */
static void forget_leaving(struct zu_xpub *self)
{
    uint64_t begun = begin_share(self);

    while (self->leaving) {
        struct zu_subscriber *gone = self->leaving;

        if (!forget_some(self, gone)) {
            self->leaving = gone->next;
            zu_subscriber_drop(gone);
        } else if (!has_share(self, begun)) {
            break;
        }
    }
    end_share(self, begun);
    if (self->leaving)
        zu_mailbox_post(&self->socket->box, &self->forget_cmd);
}

static void run_forget(struct zu_cmd *cmd)
{
    forget_leaving(zu_container_of(cmd, struct zu_xpub, forget_cmd));
}

void zu_xpub_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_xpub *self = zu_socket_state(s);
    struct zu_subscriber *subscriber = p->user;

    zu_fan_remove(&self->fan, p);
    if (!subscriber)
        return;
    subscriber->pipe = NULL;
    p->user = NULL;
    subscriber->next = self->leaving;
    self->leaving = subscriber;
    if (!s->closing)
        forget_leaving(self);
}

/* ---- sending ---- */

/* A pipe has one link at a node: as many links as pipes are all of them. None of the links is of a
 * pipe that is gone, and none of the pipes was found full. */
static bool wants_all(const struct zu_xpub *self, const struct zu_trie_node *n)
{
    return n->count == self->fan.pipes.count && !self->leaving &&
           self->fan.ready == self->fan.pipes.count;
}

/* Who gets the message whose first part this is. `only`, when not NULL: nobody else. */
static void choose(struct zu_xpub *self, struct zu_msg *m, const struct zu_pipe *only)
{
    struct zu_trie_node *n = &self->topics.trie.root;
    const uint8_t *data = zu_msg_data(m);
    size_t size = zu_msg_size(m), at = 0;

    zu_fan_begin(&self->fan);
    for (; n; n = zu_trie_descend(&self->topics.trie, n, data, size, &at)) {
        const struct zu_trie_link *link = zu_trie_links(n);

        if (wants_all(self, n) && !only) {
            zu_fan_choose_all(&self->fan);
            return;
        }
        for (uint32_t i = 0; i < n->count; i++) {
            struct zu_pipe *p = ((const struct zu_subscriber *)link[i].who)->pipe;

            if (zu_likely(p != NULL) && (!only || p == only))
                zu_fan_choose(&self->fan, p);
        }
    }
}

void zu_xpub_choose_group(struct zu_xpub *self, const void *group, size_t size)
{
    struct zu_trie_node *n = zu_trie_find(&self->topics.trie, group, size);

    zu_fan_begin(&self->fan);
    for (uint32_t i = 0; n && i < n->count; i++) {
        struct zu_pipe *p = ((const struct zu_subscriber *)zu_trie_links(n)[i].who)->pipe;

        if (p)
            zu_fan_choose(&self->fan, p);
    }
}

int zu_xpub_send(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_xpub *self = zu_socket_state(s);

    if (!self->fan.more) {
        bool to_last = self->manual && self->last_value && self->last;

        choose(self, m, to_last ? self->last->pipe : NULL);
        if (s->options->invert_matching)
            zu_fan_invert(&self->fan);
        if (self->nodrop && !zu_fan_has_room(&self->fan))
            return -EAGAIN;
        if (to_last) {
            zu_subscriber_drop(self->last);
            self->last = NULL;
        }
    }
    zu_fan_send(&self->fan, m, true);
    return 0;
}

bool zu_xpub_has_out(struct zu_socket *s)
{
    (void)s;
    return true; /* even with ZMQ_XPUB_NODROP: it is known only once there is a message */
}

/* ---- receiving: XPUB ---- */

static int xpub_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_xpub *self = zu_socket_state(s);

    if (self->notices.count == 0)
        return -EAGAIN;
    struct zu_notice n = zu_notices_take(&self->notices);

    *m = n.m;
    if (n.is_notice) { /* its count goes over to `last` */
        zu_subscriber_drop(self->last);
        self->last = n.from;
    }
    return 0;
}

static bool xpub_has_in(struct zu_socket *s)
{
    struct zu_xpub *self = zu_socket_state(s);

    return self->notices.count > 0;
}

/* ---- options ---- */

static int set_welcome(struct zu_xpub *self, const void *value, size_t size)
{
    struct zu_msg m = {.kind = ZU_MSG_CLOSED};

    if (size > 0) {
        int rc = value ? zu_msg_init_copy(&m, value, size) : -EINVAL;

        if (rc < 0)
            return rc;
    }
    if (zu_msg_valid(&self->welcome))
        zu_msg_close(&self->welcome);
    self->welcome = m;
    return 0;
}

/* Manual mode: for the pipe whose notice was received last; a gone one wants nothing. */
static int set_topic(struct zu_xpub *self, bool subscribe, const void *topic, size_t size)
{
    int rc = 0;

    if (!self->manual || (!topic && size > 0))
        return -EINVAL;
    if (!self->last || !self->last->pipe)
        return 0;
    topic = topic ? topic : "";
    if (subscribe)
        rc = zu_subs_add(&self->topics, topic, size, self->last->pipe);
    else
        zu_subs_cancel(&self->topics, topic, size, self->last->pipe);
    return ZU_MIN(rc, 0);
}

/* One setting in two options: how much is told of what changes nothing. */
static int set_verbose(struct zu_xpub *self, bool cancels, const void *value, size_t size)
{
    int rc = zu_given_flag(&self->verbose, value, size);

    if (rc == 0)
        self->verboser = cancels && self->verbose;
    return rc;
}

static int set_last_value(struct zu_xpub *self, const void *value, size_t size)
{
    int rc = zu_given_flag(&self->last_value, value, size);

    if (rc == 0)
        self->manual = self->last_value;
    return rc;
}

int zu_xpub_set(struct zu_socket *s, int option, const void *value, size_t size)
{
    struct zu_xpub *self = zu_socket_state(s);

    switch (option) {
    case ZMQ_XPUB_VERBOSE: return set_verbose(self, false, value, size);
    case ZMQ_XPUB_VERBOSER: return set_verbose(self, true, value, size);
    case ZMQ_XPUB_NODROP: return zu_given_flag(&self->nodrop, value, size);
    case ZMQ_XPUB_MANUAL: return zu_given_flag(&self->manual, value, size);
    case ZMQ_XPUB_MANUAL_LAST_VALUE: return set_last_value(self, value, size);
    case ZMQ_XPUB_WELCOME_MSG: return set_welcome(self, value, size);
    case ZMQ_ONLY_FIRST_SUBSCRIBE: return zu_given_flag(&self->only_first, value, size);
    case ZMQ_SUBSCRIBE: return set_topic(self, true, value, size);
    case ZMQ_UNSUBSCRIBE: return set_topic(self, false, value, size);
    default: return -EINVAL;
    }
}

int zu_xpub_get(struct zu_socket *s, int option, void *value, size_t *size)
{
    struct zu_xpub *self = zu_socket_state(s);

    if (option != ZMQ_TOPICS_COUNT)
        return -EINVAL;
    return zu_answer_int_wide((int)ZU_MIN(self->topics.trie.keys, (size_t)INT32_MAX), value, size);
}

const struct zu_pattern zu_xpub = {
    .type = ZMQ_XPUB,
    .name = "XPUB",
    .peers = ZU_PEER(ZMQ_SUB) | ZU_PEER(ZMQ_XSUB),
    .size = sizeof(struct zu_xpub),
    .init = zu_xpub_init,
    .fini = zu_xpub_fini,
    .attach = zu_xpub_attach,
    .readable = zu_xpub_readable,
    .writable = zu_xpub_writable,
    .detach = zu_xpub_detach,
    .send = zu_xpub_send,
    .recv = xpub_recv,
    .has_in = xpub_has_in,
    .has_out = zu_xpub_has_out,
    .set = zu_xpub_set,
    .get = zu_xpub_get,
};

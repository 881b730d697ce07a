/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words before the traffic: greeting, then the mechanism's commands (ZMTP 3), or an identity
 * frame (older peers), and what follows from them: the peer's properties, its routing id, and, for
 * an accepted connection, the pipe to the socket.
 */
#include "engine/base/alloc.h"
#include "engine/base/secret.h"
#include "engine/core/errand.h"
#include "engine/core/props.h"
#include "engine/core/web.h"
#include "engine/wire/command.h"
#include "engine/wire/frame.h"

#include <errno.h>

/* Of one peer. Each is looked for among those before it: a stranger must not keep us busy. */
enum { PROPERTIES_MAX = 256 };

int zu_session_greet(struct zu_session *s)
{
    uint8_t bytes[ZU_GREETING_V3_SIZE];
    struct zu_writer out = zu_writer_of(bytes, sizeof bytes);

    if (s->raw)
        return zu_session_begin_traffic(s);
    if (s->transport->web)
        return zu_session_web_greet(s);
    s->greeting = zu_alloc_zero(sizeof *s->greeting);
    if (!s->greeting)
        return -ENOMEM;
    zu_greeting_start(s->greeting, s->options->type, s->mechanism->name,
                      zu_options_routing_id(s->options)->size, &out);
    return zu_session_say_first(s, bytes, (size_t)(out.at - bytes));
}

static struct zu_handshake_terms terms_of(const struct zu_session *s)
{
    const struct zu_pattern *pattern = s->socket->pattern;

    return (struct zu_handshake_terms){s->options, pattern->name, pattern->sends_id};
}

/* Says whatever the mechanism has to say now. */
static int speak(struct zu_session *s)
{
    struct zu_handshake_terms terms = terms_of(s);
    uint8_t body[ZU_HANDSHAKE_ROOM];
    int rc;

    for (;;) {
        struct zu_writer out = zu_writer_of(body, sizeof body);

        rc = s->mechanism->speak(s->handshake, &terms, &out);
        if (rc <= 0)
            return rc;
        rc = zu_session_say_command(s, body, (size_t)(out.at - body));
        if (rc < 0)
            return rc;
    }
}

/* An old peer gets our routing id as its first frame. */
static int say_identity(struct zu_session *s)
{
    uint8_t frame[ZU_ZWS_HEADER_MAX + 255];
    const struct zu_text *id = zu_options_routing_id(s->options);
    size_t size = id->size, head = 0;

    /* Without any greeting the signature that went out stands for the header of this frame. */
    if (s->version != ZU_ZMTP_1_0_BARE)
        head = zu_session_write_head(s, frame, size, 0);
    memcpy(frame + head, id->bytes, size);
    if (s->web)
        zu_session_web_mask(s, frame + head, size);
    return head + size ? zu_session_say(s, frame, head + size) : 0;
}

void zu_session_turn_away(struct zu_session *s, enum zu_loss why, uint32_t event, uint64_t value)
{
    zu_session_event(s, event, value);
    s->turned_away = (uint8_t)why;
    zu_session_pump_soon(s); /* not now: bytes of the peer may be in the middle of being parsed */
}

static void tell_refused(struct zu_session *s, uint32_t why)
{
    bool is_status = why >= 300 && why <= 500;

    if (why)
        zu_session_event(
            s, is_status ? ZMQ_EVENT_HANDSHAKE_FAILED_AUTH : ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL,
            why);
}

/* Has the ZAP handler asked, where that is due. 1: nothing is to be said now. */
static int ask(struct zu_session *s)
{
    struct zu_handshake_terms terms = terms_of(s);
    struct zu_question q = {.count = 0};
    int rc;

    if (!s->mechanism->ask || !s->mechanism->ask(s->handshake, &terms, &q))
        return 0;
    rc = zu_session_ask(s, &q);
    if (rc == 0) {
        zu_session_enter(s, ZU_SESSION_ASKING);
        return 1;
    }
    if (rc != -ECONNREFUSED && rc != -EBUSY)
        return rc;
    if (rc == -ECONNREFUSED && q.optional) {
        s->mechanism->answer(s->handshake, 200);
        return 0;
    }
    zu_session_turn_away(s, ZU_LOSS_CONNECTION, ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL,
                         rc == -EBUSY ? EBUSY : EFAULT);
    return 1;
}

static void errand_done(void *self);

/* What may block is done elsewhere first. 1: nothing is to be said now. */
static int send_on_errand(struct zu_session *s)
{
    struct zu_handshake_terms terms = terms_of(s);
    struct zu_errand *e;
    int rc = s->mechanism->errand ? s->mechanism->errand(s->handshake, &terms, &e) : 0;

    if (rc <= 0)
        return rc;
    rc = zu_errand_start(e, s->socket->ctx, s->loop, errand_done, s);
    if (rc < 0)
        return rc;
    zu_session_enter(s, ZU_SESSION_ASKING);
    return 1;
}

static int open_for_traffic(struct zu_session *s, const void *id, size_t size);

void zu_session_forget_handshake(struct zu_session *s)
{
    if (s->handshake && s->mechanism->end)
        s->mechanism->end(s->handshake);
    if (s->mechanism->secret)
        zu_secret_free(s->handshake);
    else
        zu_free(s->handshake);
    s->handshake = NULL;
}

/* Asks, says and begins what is due now. */
static int go_on(struct zu_session *s)
{
    const char *id = NULL;
    size_t size = 0;
    int rc = send_on_errand(s);

    if (rc == 0)
        rc = ask(s);
    if (rc == 0)
        rc = speak(s);
    if (rc == -EPROTO)
        tell_refused(s, ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
    if (rc != 0 || !s->mechanism->done(s->handshake))
        return ZU_MIN(rc, 0);
    s->handshook = true;
    s->sealed = s->mechanism->seal && (!s->mechanism->seals || s->mechanism->seals(s->handshake));
    s->wrapped = s->sealed || s->web;
    if (!s->sealed)
        zu_session_forget_handshake(s);
    zu_session_event(s, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, 0);
    if (s->props)
        id = zu_props_get_sized(s->props, "Identity", &size);
    return open_for_traffic(s, id, ZU_MIN(size, (size_t)255));
}

static void errand_done(void *self)
{
    struct zu_session *s = self;
    int rc;

    if (s->state != ZU_SESSION_ASKING) /* the connection ends */
        return;
    zu_session_enter(s, ZU_SESSION_HANDSHAKE);
    rc = go_on(s);
    if (rc < 0)
        zu_session_fail(s, zu_session_loss_of(rc), -rc);
}

int zu_session_answered(struct zu_session *s, int status)
{
    s->mechanism->answer(s->handshake, status);
    zu_session_enter(s, ZU_SESSION_HANDSHAKE);
    if (status == 200) {
        int rc = go_on(s);

        /* What began before the traffic is sealed was said by nobody who knows the keys. */
        return rc == 0 && s->sealed && s->in_msg.kind != ZU_MSG_CLOSED ? -EPROTO : rc;
    }
    zu_session_turn_away(s, ZU_LOSS_PROTOCOL, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, (uint64_t)status);
    return speak(s);
}

static int compare_mechanism(struct zu_session *s)
{
    char ours[ZU_MECHANISM_SIZE] = "";

    strncpy(ours, s->mechanism->name, sizeof ours - 1);
    if (memcmp(ours, s->greeting->peer_mechanism, sizeof ours) == 0)
        return 0;
    zu_session_event(s, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL,
                     ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH);
    return -EPROTO;
}

/* Does the peer have a mechanism, or an identity at most? */
static bool has_mechanism(const struct zu_session *s)
{
    return s->web ? !s->web->bare : s->version >= ZU_ZMTP_3_0;
}

static int begin_mechanism(struct zu_session *s)
{
    s->handshake = s->mechanism->secret ? zu_secret_alloc(s->mechanism->size)
                                        : zu_alloc_zero(s->mechanism->size);
    return s->handshake ? 0 : -ENOMEM;
}

/* A peer that has no mechanism would come in unasked. */
static bool may_be_old(const struct zu_session *s)
{
    return s->options->mechanism == ZMQ_NULL &&
           zu_options_security(s->options)->zap_domain.size == 0;
}

/* Bytes that were taken for a greeting are a frame's: they are parsed again, before the rest. */
static int unread_greeting(struct zu_session *s)
{
    size_t seen = s->greeting->seen_size, left = (size_t)(s->in_end - s->in_at);
    struct zu_block *b = zu_block_new(ZU_RECV_BLOCK_SIZE + ZU_GREETING_V3_SIZE);

    if (!b)
        return -ENOMEM;
    memcpy(b->data, s->greeting->seen, seen);
    memcpy(b->data + seen, s->in_at, left);
    zu_kernel_give_block(s->kernel, s->in_block);
    s->in_block = b;
    s->in_at = b->data;
    s->in_end = b->data + seen + left;
    return 0;
}

int zu_session_begin_handshake(struct zu_session *s)
{
    bool modern = has_mechanism(s);
    int rc = modern ? begin_mechanism(s) : say_identity(s);

    if (rc < 0)
        return rc;
    zu_free(s->greeting);
    s->greeting = NULL;
    zu_session_enter(s, ZU_SESSION_HANDSHAKE);
    return modern ? go_on(s) : 0;
}

static int hear_greeting(struct zu_session *s)
{
    uint8_t bytes[ZU_GREETING_V3_SIZE];
    struct zu_writer out = zu_writer_of(bytes, sizeof bytes);
    struct zu_reader in = zu_reader_of(s->in_at, (size_t)(s->in_end - s->in_at));
    int heard = zu_greeting_feed(s->greeting, &in, &out), rc = 0;

    s->in_at += (size_t)(in.at - s->in_at);
    if (out.at != bytes)
        rc = zu_session_say(s, bytes, (size_t)(out.at - bytes));
    if (rc < 0 || heard < 0)
        return rc < 0 ? rc : heard;

    s->version = (uint8_t)s->greeting->version;
    if (s->version < ZU_ZMTP_3_0 && !may_be_old(s))
        return -EPROTO;
    if (s->version == ZU_ZMTP_1_0_BARE && (rc = unread_greeting(s)) < 0)
        return rc;
    if (s->version < ZU_ZMTP_3_0) /* such a peer has no handshake that could last too long */
        zu_timer_clear(s->loop, &s->timer);
    else if ((rc = compare_mechanism(s)) < 0)
        return rc;
    return zu_session_begin_handshake(s);
}

int zu_session_hear_greeting(struct zu_session *s)
{
    return s->web ? zu_session_web_hear_greeting(s) : hear_greeting(s);
}

static bool text_is(const char *text, const void *bytes, size_t size)
{
    return strlen(text) == size && memcmp(text, bytes, size) == 0;
}

/* May a peer of the type that calls itself so be at the other end? */
static bool type_fits(const struct zu_session *s, const uint8_t *name, size_t size)
{
    const struct zu_pattern *const *p = s->socket->ctx->tables->patterns;

    for (; *p; p++)
        if (text_is((*p)->name, name, size))
            return s->socket->pattern->peers >> (*p)->type & 1;
    return false;
}

/* Who a peer is, is the ZAP handler's to say; where he is, the kernel's. */
static bool is_ours_to_say(const struct zu_property *p)
{
    return text_is("User-Id", p->name, p->name_size) ||
           text_is("Peer-Address", p->name, p->name_size);
}

static int take_metadata(struct zu_session *s, struct zu_reader block)
{
    struct zu_property p;
    int rc, count = 0;

    while ((rc = zu_metadata_next(&block, &p)) == 1) {
        if (++count > PROPERTIES_MAX)
            return -EPROTO;
        if (text_is("Socket-Type", p.name, p.name_size) && !type_fits(s, p.value, p.value_size))
            return -EINVAL;
        if (is_ours_to_say(&p))
            continue;
        rc = zu_props_add(s->props, p.name, p.name_size, p.value, p.value_size);
        if (rc < 0)
            return rc;
    }
    return rc;
}

int zu_session_make_props(struct zu_session *s, struct zu_props **out)
{
    char address[ZU_ENDPOINT_MAX] = "";
    struct zu_props *p = zu_props_new();

    *out = p;
    if (!p)
        return -ENOMEM;
    zu_props_set_fd(p, s->fd);
    s->transport->peer_address(s->fd, address);
    return address[0] ? zu_props_add(p, "Peer-Address", 12, address, strlen(address)) : 0;
}

/* Puts the peer's routing id in front of everything else that the socket will read. */
static int write_id(struct zu_session *s, const void *id, size_t size)
{
    struct zu_msg m;
    int rc;

    if (!s->socket->pattern->wants_id || s->raw)
        return 0;
    rc = zu_msg_init_copy(&m, id, size);
    if (rc < 0)
        return rc;
    m.flags |= ZU_MSG_ID;
    m.props = zu_session_lend_props(s);
    rc = zu_pipe_write_uncounted(s->pipe, &m);
    zu_msg_close(&m);
    return rc == -EPIPE ? 0 : rc;
}

void zu_session_notify(struct zu_session *s)
{
    struct zu_msg m;

    if (!s->pipe)
        return;
    zu_msg_init(&m);
    m.props = zu_session_lend_props(s);
    zu_pipe_write_uncounted(s->pipe, &m); /* a notice that finds no memory is not given */
    zu_msg_close(&m);
}

/* The pipe exists; the peer's id, and what else comes first, goes in. */
static int prime_pipe(struct zu_session *s, const void *id, size_t size)
{
    int rc = write_id(s, id, size);

    if (rc < 0)
        return rc;
    if (s->raw)
        zu_session_notify(s);
    else
        zu_session_tell_met(s);
    if (s->version == ZU_ZMTP_1_0_BARE && s->socket->pattern->peers >> ZMQ_SUB & 1) {
        struct zu_msg all; /* such a subscriber cannot say what it wants: it gets everything */

        zu_msg_init(&all);
        all.flags = ZU_MSG_SUBSCRIBE;
        rc = zu_pipe_write_uncounted(s->pipe, &all);
        zu_msg_close(&all);
    }
    return rc == -EPIPE ? 0 : rc;
}

static int open_for_traffic(struct zu_session *s, const void *id, size_t size)
{
    struct zu_pipe *theirs = NULL;
    int rc = 0;

    if (!s->pipe && !s->lingering)
        rc = zu_session_make_pipe(s, &theirs);
    if (rc == 0 && s->pipe)
        rc = prime_pipe(s, id, size);
    if (theirs)
        theirs->may_tap = !s->dialed && s->version >= ZU_ZMTP_2_0 && !s->raw && !s->wrapped &&
                          !s->options->conflate;
    if (theirs && zu_pipe_hand_over(theirs) < 0 && rc == 0)
        rc = -ECANCELED; /* the socket closes: its end is closed already */
    if (rc < 0)
        return rc;
    if (s->pipe)
        zu_pipe_flush(s->pipe);
    zu_session_tell_hello(s);
    s->handy = s->kernel->by_hand;
    zu_session_enter(s, ZU_SESSION_ACTIVE);
    return (s->web || s->version >= ZU_ZMTP_3_0) && !s->raw ? zu_session_beat_start(s) : 0;
}

int zu_session_begin_traffic(struct zu_session *s)
{
    int rc = zu_session_make_props(s, &s->props);

    return rc < 0 ? rc : open_for_traffic(s, NULL, 0);
}

static int hear_identity(struct zu_session *s, struct zu_msg *m)
{
    return open_for_traffic(s, zu_msg_data(m), ZU_MIN(zu_msg_size(m), (size_t)255));
}

static int hear_metadata(struct zu_session *s, struct zu_reader metadata)
{
    int rc = s->props ? 0 : zu_session_make_props(s, &s->props);

    return rc < 0 ? rc : take_metadata(s, metadata);
}

ssize_t zu_session_open(struct zu_session *s, uint8_t *at, size_t size, uint8_t *flags)
{
    uint32_t why = 0;
    ssize_t rc = s->mechanism->open(s->handshake, at, size, flags, &why);

    if (rc < 0)
        tell_refused(s, why);
    return rc;
}

int zu_session_hear_handshake(struct zu_session *s, struct zu_msg *m)
{
    struct zu_handshake_terms terms = terms_of(s);
    struct zu_heard heard = {.why = 0};
    int rc;

    if (s->turned_away)
        return 0;
    if (!has_mechanism(s))
        return hear_identity(s, m);
    rc = s->mechanism->hear(s->handshake, &terms, zu_msg_data(m), zu_msg_size(m), &heard);
    if (rc == 0 && heard.metadata.at)
        rc = hear_metadata(s, heard.metadata);
    if (rc < 0 && rc != -ENOMEM)
        tell_refused(s, heard.why);
    if (rc < 0)
        return rc;
    return s->state == ZU_SESSION_ASKING ? 0 : go_on(s);
}
